"""Two tables for figure 6: the tenant of the events with a thousand numbers, and with a million.

DynamoDB Local writes two thousand items a second and waits for the disk at each if it keeps them,
so only the first card is written through it. The others are copies of that row in the emulator's
file, which is kept in `.cache/bench`. That each is found and gives its label shows when the figure
is measured; what could not be trusted are listings, which a decode doesn't do.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench.sandbox import CACHE
from centralino.adapters.aws import Client
from centralino.adapters.store import table
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.application.save_contact import save_contact
from centralino.domain.contact import Contact, ContactNumber
from local_stack.toolchain import exclusive
from tests.support import dynamodb_local, events_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = 1_000
CHUNK = 16 * 1024 * 1024
# Of one length, so that the requests are.
SMALL, LARGE = "bench-few", "bench-all"
FIRST = 20_000_000
TENANT = events_tenant.SETTINGS.tenant


def national(place: int) -> str:
    """Return a number of the tables as it is dialled in Italy, counted from 0."""
    return f"02{FIRST + place}"


def e164(place: int) -> str:
    """Return the same number in E.164."""
    return f"+39{national(place)}"


def directory(count: int) -> Path:
    """Return the folder of an emulator that holds `SMALL` and `LARGE`, filling it the first time.

    Args:
        count: how many numbers `LARGE` has.
    """
    parts = [Path(source) for source in (__file__, events_tenant.__file__, table.__file__)]
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]
    home = CACHE / f"numbers-{count}-{digest}"
    with exclusive(CACHE / "numbers.lock"):
        if not home.exists():
            for old in CACHE.glob(f"numbers-{count}-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                scratch = Path(folder) / "db"
                scratch.mkdir()
                _write_first(scratch)
                _copy(scratch, {SMALL: FEW, LARGE: count})
                scratch.rename(home)
    return home


def read_through(folder: Path) -> None:
    """Read the emulator's file once, so that no decode waits for this machine's disk."""
    for file in folder.iterdir():
        with file.open("rb") as content:
            while content.read(CHUNK):
                pass


def _write_first(folder: Path) -> None:
    """Make both tables with the tenant and the first number."""
    rossi = Contact(
        id="bench:mario-rossi",
        version=1,
        first_name="Mario",
        last_name="Rossi",
        company=events_tenant.OFFICINE,
        numbers=(ContactNumber(national(0), "work", primary=True),),
    )
    with (
        dynamodb_local.start(folder) as dynamodb,
        closing(Client("dynamodb", env=dynamodb.env)) as client,
    ):
        for name in (SMALL, LARGE):
            dynamodb.create_table(name)
            events_tenant.load(client, name)
            store = DynamoContactStore(client, name, TENANT)
            save_contact(store, rossi, events_tenant.SETTINGS.line, now_ms=0)


def _copy(folder: Path, counts: dict[str, int]) -> None:
    """Copy the first card for every other number."""
    (file,) = folder.glob("*.db")
    with closing(sqlite3.connect(file)) as database:
        for name, count in counts.items():
            _, *columns = _columns(database, name)
            first = table.card_key(TENANT, e164(0))["pk"]["S"].encode()
            # Every name in these two is ours or the emulator's.
            (row,) = database.execute(
                f'SELECT {", ".join(columns)} FROM "{name}" WHERE hashKey = ?',  # noqa: S608
                (first,),
            ).fetchall()
            marks = ", ".join("?" * (len(columns) + 1))
            database.executemany(
                f'INSERT INTO "{name}" (hashKey, {", ".join(columns)}) VALUES ({marks})',  # noqa: S608
                _rows(columns, row, count),
            )
        database.commit()


def _columns(database: sqlite3.Connection, name: str) -> list[str]:
    return [column[1] for column in database.execute(f'PRAGMA table_info("{name}")')]


def _rows(columns: list[str], row: tuple[object, ...], count: int) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the second number and on: key and item name another number."""
    body = columns.index("ObjectJSON")
    item = row[body]
    if not isinstance(item, bytes):
        raise TypeError("the emulator keeps its items in another way than it did")
    first = e164(0).encode()
    for place in range(1, count):
        number = e164(place).encode()
        values = (*row[:body], item.replace(first, number), *row[body + 1 :])
        yield table.card_key(TENANT, number.decode())["pk"]["S"].encode(), *values
