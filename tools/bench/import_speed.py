"""How fast `centralino import` is, against the same TransactWriteItems prebuilt and just sent.

Both write the same contacts to DynamoDB Local by the same number of threads, each with a signed
client of its own, in turns: a round of one, a round of the other. The import reads its rows from a
file, maps them, works out numbers and names, asks what is stored and builds its requests; the
other side only sends requests that were built before the clock started.

    .venv/bin/python -m bench.import_speed --contacts 100000
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import Client
from centralino.adapters.exports import recognise
from centralino.adapters.store.bulk import StoreWriter
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.create_tenant import create_tenant
from centralino.application.import_contacts import import_contacts
from centralino.application.index_contact import index_contact
from centralino.application.map_row import Calendar, map_row
from centralino.domain.settings import Line, Settings
from centralino_cli.export_file import open_export
from tests.support import dynamodb_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from centralino.application.import_contacts import Fate
    from tests.support.dynamodb_local import DynamoDBLocal

ROUNDS = 11
LINE = Line(country="IT", area_code="02")
CALENDAR = Calendar(datetime(2026, 11, 21, tzinfo=UTC))
TIMEOUT_S = 30.0
HEADER = (
    "Record ID",
    "First Name",
    "Last Name",
    "Phone Number",
    "Mobile Phone Number",
    "Company Name",
    "Last Modified Date",
)
_FIRST = (
    "Mario",
    "Giulia",
    "Niccolò",
    "Francesca",
    "Luca",
    "Chiara",
    "Paolo",
    "Sara",
    "Massimiliano",
    "Anna",
)
_LAST = (
    "Rossi",
    "Bianchi",
    "Però",
    "Esposito",
    "Greco",
    "Villa",
    "Ferrari",
    "Colombo",
    "De Luca",
    "Conti",
)
_TRADES = (
    "Officine",
    "Trasporti",
    "Edilizia",
    "Studio",
    "Trattoria",
    "Impianti",
    "Carpenteria",
    "Vivai",
)
_FORMS = ("S.r.l.", "S.p.A.", "S.n.c.", "& C. S.a.s.", "")


def run(contacts: int, threads: int) -> dict[str, float]:
    """Measure both sides.

    Args:
        contacts: how many each side writes, in `ROUNDS` rounds.
        threads: how many requests are under way at a time.

    Returns:
        `contacts`, `threads`, `rounds`; `import_s` and `prebuilt_s`, the medians of a round's
        seconds; `ratio`, the median of the rounds' ratios: 1 if importing takes as long as sending,
        0.5 if it takes twice as long.

    Raises:
        RuntimeError: a contact was not written.
    """
    size = -(-contacts // ROUNDS)
    taken: dict[str, list[float]] = {"import": [], "prebuilt": []}
    with tempfile.TemporaryDirectory() as folder, dynamodb_local.start() as server:
        table = server.create_table()
        # One of each to warm up, then both in turns; which one comes first changes.
        for place in range(-1, ROUNDS):
            file = Path(folder) / f"{place}.csv"
            count = size if place >= 0 else min(size, 500)
            write_export(file, first=(place + 1) * size, count=count)
            requests = _prebuilt(file, table, f"raw{place % 100}")
            _create_tenant(server, table, f"imp{place % 100}")
            sides: dict[str, Callable[[], float]] = {
                "import": lambda file=file, place=place: _time_import(  # type: ignore[misc]
                    server, table, f"imp{place % 100}", file, threads
                ),
                "prebuilt": lambda requests=requests: _time_requests(  # type: ignore[misc]
                    server, requests, threads
                ),
            }
            for side in sorted(sides, reverse=bool(place % 2)):
                seconds = sides[side]()
                if place >= 0:
                    taken[side].append(seconds)
    ratios = [raw / ours for ours, raw in zip(taken["import"], taken["prebuilt"], strict=True)]
    return {
        "contacts": size * ROUNDS,
        "threads": threads,
        "rounds": ROUNDS,
        "import_s": statistics.median(taken["import"]),
        "prebuilt_s": statistics.median(taken["prebuilt"]),
        "ratio": statistics.median(ratios),
    }


def write_export(file: Path, first: int, count: int) -> None:
    """Write an export as HubSpot makes it: two numbers each, one in ten a switchboard's."""
    with file.open("w", encoding="utf-8", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(HEADER)
        for number in range(first, first + count):
            form = _FORMS[number % 5]
            company = f"{_TRADES[number // 7 % 8]} {_LAST[number // 3 % 10]} {number // 10} {form}"
            work = number - number % 10 if number % 10 < 2 else number  # noqa: PLR2004 - every tenth pair
            rows.writerow(
                (
                    number,
                    _FIRST[number % 10],
                    _LAST[number // 10 % 10],
                    f"02 {10_000_000 + work:08d}",
                    f"+39 347 {number % 10_000_000:07d}",
                    company.strip(),
                    f"2026-{1 + number % 10:02d}-{1 + number % 28:02d} 10:{number % 60:02d}",
                )
            )


def _prebuilt(file: Path, table: str, tenant: str) -> list[Mapping[str, Any]]:
    """Build the requests that the import of a file makes, of another tenant."""
    requests: list[Mapping[str, Any]] = []
    store = DynamoContactStore(_Unused(), table, tenant)
    with open_export(file) as opened:
        columns = _columns(opened.columns)
        for row in opened.rows:
            contact = map_row(row.cells, columns, CALENDAR).contact
            contact, holders = index_contact(contact, LINE)
            requests.append(next(store.save_steps(contact, holders)).payload)
    return requests


class _Unused:
    """Stands where a client stands when only requests are built."""

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        raise RuntimeError(f"{operation} was sent: {len(payload)} fields, {timeout_s} s")


def _columns(header: Sequence[str]) -> Any:  # noqa: ANN401 - a RowMap
    export = recognise(header)
    if export is None:
        raise RuntimeError("the generated export is not recognised")
    return export.columns


def _create_tenant(server: DynamoDBLocal, table: str, tenant: str) -> None:
    with closing(Client("dynamodb", env=server.env)) as client:
        store = DynamoTenantStore(client, table, tenant)
        create_tenant(store, Settings(tenant, line=LINE), now_s=time.time())


def _time_import(server: DynamoDBLocal, table: str, tenant: str, file: Path, threads: int) -> float:
    clients = [Client("dynamodb", env=server.env) for _ in range(threads)]
    outcomes: Counter[str] = Counter()

    def report(fates: Sequence[Fate]) -> None:
        outcomes.update(fate.outcome for fate in fates)

    started = time.perf_counter()
    writers = [
        StoreWriter(DynamoContactStore(client, table, tenant), LINE, time.sleep)
        for client in clients
    ]
    with open_export(file) as opened:
        import_contacts(opened.rows, _columns(opened.columns), CALENDAR, writers, report)
    seconds = time.perf_counter() - started
    for client in clients:
        client.close()
    if set(outcomes) != {"created"}:
        raise RuntimeError(f"every contact should have been created, but: {dict(outcomes)}")
    return seconds


def _time_requests(
    server: DynamoDBLocal, requests: Sequence[Mapping[str, Any]], threads: int
) -> float:
    left: Iterator[Mapping[str, Any]] = iter(requests)
    lock = threading.Lock()
    failures: list[Exception] = []

    def send() -> None:
        try:
            with closing(Client("dynamodb", env=server.env)) as client:
                while True:
                    with lock:
                        some = list(itertools.islice(left, 50))
                    if not some:
                        return
                    for request in some:
                        client.call("TransactWriteItems", request, timeout_s=TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that waits
            failures.append(error)

    started = time.perf_counter()
    workers = [threading.Thread(target=send) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - started
    if failures:
        raise RuntimeError(f"a request failed: {failures[0]}")
    return seconds


def main() -> int:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser("bench.import_speed", description=run.__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.contacts, arguments.threads), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
