"""Import a piece of a file that lies in the bucket: what the worker does with one message.

`imports/<tenant>/<import>/` holds `source.csv` (UTF-8), `manifest.json` (which column is what) and,
piece by piece, `results/<start>.json`, `rejected/<start>.csv` and `numbers/<start>.csv`. The id of
an import stands for the file's content and how it is read, so the same import again finds what is
done.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from centralino.application.apply_hints import OUT_OF_TIME
from centralino.application.csv_rows import piece_rows
from centralino.application.import_contacts import import_contacts
from centralino.application.map_row import Calendar, NumberColumn, RowMap, TimeColumn
from centralino.domain.errors import NotFoundError, PayloadError, RejectedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from centralino.application.import_contacts import Fate
    from centralino.domain.contact import Contact
    from centralino.ports.bulk import BulkWriter, Written
    from centralino.ports.objects import Objects

    Prepare = Callable[[Mapping[str, str]], Mapping[str, str]]

VERSION = 1
# What a batch of contacts may take, and the files about the piece behind it.
BATCH_S = 15.0
REJECTED_HEADER = ("rejected row", "rejected because")
NUMBERS_HEADER = ("row", "contact", "number", "problem")


class Chunk(NamedTuple):
    """A piece of a file, cut between rows.

    Attributes:
        start: its first byte.
        end: the byte behind its last.
        row: the place of its first row in the file.
    """

    start: int
    end: int
    row: int


class Manifest(NamedTuple):
    """How a file is read.

    Attributes:
        header: its columns as they are spelled.
        names: its columns in lower case.
        delimiter: between cells.
        export: which product's export it is, as `adapters/exports` names it; empty for none.
        columns: which column is what, without `prepare`, which is the export's.
        zone: of times that name none, as Europe/Rome.
        day_first: what 03/04/2026 means; None for what is usual in the header's language.
        now_s: when the import began, seconds since 1970.
    """

    header: Sequence[str]
    names: Sequence[str]
    delimiter: str
    export: str
    columns: RowMap
    zone: str
    day_first: bool | None
    now_s: int


def place_of(tenant: str, import_id: str, *rest: str) -> str:
    """Return the key of a file of an import, or what the keys of all of them begin with."""
    return "/".join(("imports", tenant, import_id, *rest))


def result_key(tenant: str, import_id: str, kind: str, start: int) -> str:
    """Return the key of what a piece came to: `results`, `rejected` or `numbers`."""
    suffix = "json" if kind == "results" else "csv"
    return place_of(tenant, import_id, kind, f"{start:014d}.{suffix}")


def chunk_message(tenant: str, import_id: str, chunk: Chunk) -> Mapping[str, object]:
    """Return the worker's message to import a piece."""
    return {
        "v": VERSION,
        "kind": "chunk",
        "tenant": tenant,
        "import": import_id,
        **chunk._asdict(),
    }


def write_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as JSON."""
    columns = manifest.columns._asdict()
    del columns["prepare"]
    return json.dumps({**manifest._asdict(), "columns": columns}, ensure_ascii=False).encode()


def read_manifest(body: bytes, prepare: Callable[[str], Prepare | None]) -> Manifest:
    """Build a manifest from what `write_manifest` made.

    Args:
        body: the JSON.
        prepare: returns what an export does with its rows before they are mapped.
    """
    fields: dict[str, Any] = json.loads(body)
    columns: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields["columns"].items()
    }
    columns["numbers"] = tuple(NumberColumn(*column) for column in columns["numbers"])
    columns["modified"] = tuple(TimeColumn(*column) for column in columns["modified"])
    columns["prepare"] = prepare(fields["export"]) if fields["export"] else None
    row_map = RowMap(**columns)
    return Manifest(**{**fields, "columns": row_map})


def is_done(objects: Objects, tenant: str, import_id: str, chunk: Chunk) -> bool:
    """Tell whether a piece was imported; its message may come again when the file is long gone."""
    try:
        objects.read(result_key(tenant, import_id, "results", chunk.start))
    except (NotFoundError, RejectedError):
        # S3 answers who may not list a bucket that a file which isn't there is forbidden.
        return False
    return True


def import_chunk(  # noqa: PLR0913, PLR0917 - what an import depends on
    objects: Objects,
    manifest: Manifest,
    writer: BulkWriter,
    tenant: str,
    import_id: str,
    chunk: Chunk,
    has_time: Callable[[float], bool] = lambda _: True,
) -> Mapping[str, int]:
    """Import a piece; return how many rows had which outcome.

    Doing it again writes nothing that is unchanged, and the first one's counts stay.

    Args:
        objects: the bucket.
        manifest: how the file is read.
        writer: takes contacts.
        tenant: the tenant's id.
        import_id: the import's.
        chunk: the piece.
        has_time: whether this process has so many seconds left.

    Raises:
        NotFoundError: the file is gone.
        PayloadError: the piece is none of a CSV file.
        UnavailableError: the bucket or the store doesn't answer, or the time is over; what was
            written until then stays.
    """
    body = objects.read(place_of(tenant, import_id, "source.csv"), chunk.start, chunk.end)
    report = _Report(manifest)
    calendar = Calendar(
        datetime.fromtimestamp(manifest.now_s, UTC), ZoneInfo(manifest.zone), manifest.day_first
    )
    try:
        import_contacts(
            piece_rows(body.decode(), manifest.delimiter, chunk.row, manifest.names),
            manifest.columns,
            calendar,
            [_InTime(writer, has_time)],
            report,
            piece=True,
        )
    except (csv.Error, UnicodeDecodeError) as error:
        raise PayloadError("start, end", "a piece of CSV in UTF-8, cut between rows") from error
    for kind, text in (("rejected", report.rejected), ("numbers", report.numbers)):
        if content := text.getvalue():
            objects.write(result_key(tenant, import_id, kind, chunk.start), content.encode())
    # Last of all, for it says that the piece is done.
    result = json.dumps(report.counts).encode()
    objects.write(result_key(tenant, import_id, "results", chunk.start), result, new=True)
    return report.counts


class _InTime:
    """Writes for as long as there is time; a BulkWriter."""

    def __init__(self, writer: BulkWriter, has_time: Callable[[float], bool]) -> None:
        self.batch_size = writer.batch_size
        self._writer = writer
        self._has_time = has_time

    def write(self, contacts: Sequence[Contact]) -> Sequence[Written]:
        if not self._has_time(BATCH_S):
            raise UnavailableError(OUT_OF_TIME, retry_after_s=0.0)
        return self._writer.write(contacts)


class _Report:
    """Counts rows, and keeps those that somebody has to look at as lines of CSV."""

    def __init__(self, manifest: Manifest) -> None:
        self.counts: Counter[str] = Counter()
        self.rejected = StringIO()
        self.numbers = StringIO()
        self._width = len(manifest.header)
        self._dialect: dict[str, Any] = {"delimiter": manifest.delimiter}

    def __call__(self, fates: Sequence[Fate]) -> None:
        for fate in fates:
            self.counts[fate.outcome] += 1
            if fate.outcome == "rejected":
                padding = [""] * (self._width - len(fate.row.original))
                cells = (*fate.row.original, *padding, str(fate.row.number), fate.problem)
                csv.writer(self.rejected, **self._dialect).writerow(cells)
            for number, problem in fate.unindexed:
                self.counts["unindexed_numbers"] += 1
                cells = (str(fate.row.number), fate.contact_id, number, problem)
                csv.writer(self.numbers, **self._dialect).writerow(cells)
