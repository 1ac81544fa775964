"""`import s3://…` and `import FILE --via-s3`: a file becomes pieces, which the worker imports.

The file is never in memory as a whole, neither here nor in the worker. What is done is known by the
results in the bucket, so the same import again sends only what is missing.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from centralino.adapters.queue import SqsQueue
from centralino.application.csv_rows import MAX_CELL
from centralino.application.import_chunk import (
    NUMBERS_HEADER,
    REJECTED_HEADER,
    Chunk,
    Manifest,
    chunk_message,
    place_of,
    write_manifest,
)
from centralino.domain.errors import PayloadError
from centralino_cli.desk import USAGE, CommandError, on_terminal, say
from centralino_cli.export_file import find_encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from centralino.application.map_row import RowMap
    from centralino.ports.objects import Objects
    from centralino.ports.queue import Queue
    from centralino_cli.desk import Desk
    from centralino_cli.export_file import ExportFile

# Some hundred rows: the worker takes ten pieces at a time, and each contact is a request or two.
CHUNK_BYTES = 32 * 1024
# Pieces that the worker has not done yet: enough that it is never idle, and few enough that the
# webhooks behind them in its queue don't wait for a million rows.
UNDER_WAY = 100
POLL_S = 2.0
# Without any news from the worker for so long there is no point in watching.
PATIENCE_S = 900.0
_BLOCK = 1 << 20
_S3 = re.compile(r"s3://[a-z0-9.-]{3,63}/.+")


class Place(NamedTuple):
    """Where an import goes.

    Attributes:
        objects: the bucket.
        bucket: its name.
        queue: the worker's.
    """

    objects: Objects
    bucket: str
    queue: Queue


def find_place(desk: Desk, bucket: str, queue_url: str) -> Place:
    """Find bucket and queue: the options, else the environment's.

    Raises:
        CommandError: nothing says which.
    """
    bucket = bucket or desk.env.get("CENTRALINO_BUCKET", "")
    queue_url = queue_url or desk.env.get("CENTRALINO_QUEUE_URL", "")
    if not bucket:
        raise CommandError("--bucket or CENTRALINO_BUCKET: expected the stack's bucket", USAGE)
    if not queue_url:
        raise CommandError("--queue or CENTRALINO_QUEUE_URL: expected the worker's queue", USAGE)
    return Place(desk.objects(bucket), bucket, SqsQueue(desk.aws("sqs"), queue_url))


@contextmanager
def local_copy(place: Place, file: str, encoding: str) -> Iterator[Path]:
    """Bring a file to the desk's disk, in UTF-8.

    Args:
        place: the bucket.
        file: a path, or `s3://bucket/key`.
        encoding: the file's, if it is not to be found out.

    Raises:
        CommandError: there is no such file.
        PayloadError: it is not in that encoding.
    """
    with tempfile.TemporaryDirectory(prefix="centralino-") as folder:
        path = Path(file)
        if file.startswith("s3://"):
            if not _S3.fullmatch(file):
                raise CommandError("FILE: expected s3://BUCKET/KEY", USAGE)
            path = Path(folder) / "download"
            place.objects.download(file, path)
        if not path.is_file():
            raise CommandError(f"FILE: No such file or directory: {file}", USAGE)
        found = encoding or find_encoding(path)
        copy = Path(folder) / "source.csv"
        try:
            with (
                path.open(encoding=found, newline="") as source,
                copy.open("w", encoding="utf-8", newline="") as target,
            ):
                shutil.copyfileobj(source, target, _BLOCK)
        except LookupError as error:
            raise PayloadError("--encoding", "an encoding, as utf-8 or cp1252") from error
        except UnicodeError as error:
            expected = f"text in {found}; say --encoding if it is in another"
            raise PayloadError(file, expected) from error
        yield copy


def cut(path: Path, opened: ExportFile, size: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Cut a CSV file in UTF-8 between rows, by the parser that reads the rows later.

    So a line's end inside of quotes is none of a row's.

    Args:
        path: the file.
        opened: what is known of it.
        size: bytes after which a piece ends with the row that it is at.

    Raises:
        PayloadError: it is no CSV.
    """
    csv.field_size_limit(MAX_CELL)
    with path.open("rb") as file:
        lines = _Lines(file)
        row = 1
        start = -1
        if lines.peek().lower().startswith("sep="):
            next(lines)
            row = 2
        try:
            reader = csv.reader(lines, delimiter=opened.delimiter)
            first = row
            for cells in reader:
                row += 1
                if start < 0:
                    # The header is the first row with anything in it.
                    if any(map(str.strip, cells)):
                        start, first = lines.end, row
                elif lines.end - start >= size:
                    yield Chunk(start, lines.end, first)
                    start, first = lines.end, row
        except csv.Error as error:
            raise PayloadError(path.name, f"CSV: {error}; is a quote never closed?") from error
        if 0 <= start < lines.end:
            yield Chunk(start, lines.end, first)


class _Lines:
    """The lines of a file in UTF-8, and how many bytes of it they were."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.end = 0

    def peek(self) -> str:
        """Return how the first line begins."""
        start = self._file.read(8).decode(errors="replace").lstrip("\ufeff")
        self._file.seek(0)
        return start

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline()
        if not line:
            raise StopIteration
        self.end += len(line)
        return line.decode()


def import_via_s3(  # noqa: PLR0913, PLR0917 - what an import depends on
    desk: Desk,
    place: Place,
    tenant: str,
    path: Path,
    opened: ExportFile,
    manifest: Manifest,
    *,
    wait: bool,
) -> Mapping[str, Any]:
    """Send a file's pieces to the worker, and wait for what they come to.

    Args:
        desk: what is around.
        place: where it goes.
        tenant: the tenant's id.
        path: the file, in UTF-8.
        opened: what is known of it.
        manifest: how it is read.
        wait: whether to wait for the worker.

    Returns:
        Outcome -> rows, and where the files with rejected rows and numbers are.

    Raises:
        CommandError: it is no CSV, or the worker does nothing.
    """
    if not opened.delimiter:
        raise CommandError("FILE: expected CSV; JSON goes in without --via-s3", USAGE)
    import_id = _import_id(tenant, path, manifest)
    base = place_of(tenant, import_id)
    done = _done(place, tenant, import_id)
    chunks = list(cut(path, opened))
    missing = [chunk for chunk in chunks if chunk.start not in done]
    if missing:
        place.objects.upload(f"{base}/source.csv", path)
        place.objects.write(f"{base}/manifest.json", write_manifest(manifest))
    say(f"{len(chunks)} pieces, {len(missing)} of them to do; import {import_id}")

    def send(some: Sequence[Chunk]) -> None:
        for chunk in some:
            place.queue.send(chunk_message(tenant, import_id, chunk), timeout_s=10.0)

    if wait:
        _watch(desk, lambda: _done(place, tenant, import_id), chunks, missing, send)
        # It is full of people, and nobody needs it any more.
        place.objects.remove(f"{base}/source.csv")
        return _gathered(place, tenant, import_id, manifest)
    send(missing)
    return {"import": import_id, "pieces": len(chunks), "sent": len(missing)}


def manifest_of(  # noqa: PLR0913 - options
    opened: ExportFile,
    export: str,
    columns: RowMap,
    *,
    zone: str,
    day_first: bool | None,
    now_s: float,
) -> Manifest:
    """Return how a file is read."""
    return Manifest(
        opened.header,
        opened.columns,
        opened.delimiter,
        export,
        columns,
        zone,
        day_first,
        int(now_s),
    )


def _import_id(tenant: str, path: Path, manifest: Manifest) -> str:
    """Return what stands for this content, read in this way, for this tenant."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(tenant.encode() + b"\n" + write_manifest(manifest._replace(now_s=0)))
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _done(place: Place, tenant: str, import_id: str) -> set[int]:
    """Return where the pieces begin that are done."""
    prefix = place_of(tenant, import_id, "results", "")
    keys = place.objects.keys(prefix)
    return {int(key.removeprefix(prefix).partition(".")[0]) for key in keys}


def _watch(
    desk: Desk,
    look: Callable[[], set[int]],
    chunks: Sequence[Chunk],
    missing: Sequence[Chunk],
    send: Callable[[Sequence[Chunk]], None],
) -> None:
    """Send what is missing, not all at once, until all is done."""
    progress = Progress(
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} pieces"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not on_terminal(),
        transient=True,
    )
    pieces = {chunk.start for chunk in chunks}
    before = len(chunks) - len(missing)
    sent = 0
    with progress:
        task = progress.add_task("", total=len(chunks))
        news_at, known = desk.now(), before
        while (done := len(pieces & look())) < len(chunks):
            if done > known:
                news_at, known = desk.now(), done
            if desk.now() - news_at > PATIENCE_S:
                raise CommandError(
                    f"the worker is done with {known} of {len(chunks)} pieces and does no more: "
                    "look into its log and the dead-letter queue; the same command goes on"
                )
            room = UNDER_WAY - (sent - (done - before))
            send(missing[sent : sent + room])
            sent += min(room, len(missing) - sent)
            progress.update(task, completed=done)
            desk.sleep(POLL_S)


def _gathered(place: Place, tenant: str, import_id: str, manifest: Manifest) -> Mapping[str, Any]:
    """Add up what all pieces came to, and put their rejected rows into one file."""
    counts: Counter[str] = Counter()
    for key in place.objects.keys(place_of(tenant, import_id, "results", "")):
        counts.update(json.loads(place.objects.read(key)))
    result: dict[str, Any] = {"import": import_id, **counts}
    headers = {"rejected": (*manifest.header, *REJECTED_HEADER), "numbers": NUMBERS_HEADER}
    for kind, header in headers.items():
        result[f"{kind}_file"] = _joined(place, tenant, import_id, kind, header, manifest.delimiter)
    return result


def _joined(  # noqa: PLR0913, PLR0917 - what a file is made of
    place: Place,
    tenant: str,
    import_id: str,
    kind: str,
    header: Sequence[str],
    delimiter: str,
) -> str:
    """Join the files of all pieces; return where the whole is, empty if there is nothing."""
    keys = list(place.objects.keys(place_of(tenant, import_id, kind, "")))
    if not keys:
        return ""
    with tempfile.TemporaryDirectory(prefix="centralino-") as folder:
        path = Path(folder) / f"{kind}.csv"
        # With a mark, so that Excel takes it for the UTF-8 that it is.
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerow(header)
            for key in keys:
                file.write(place.objects.read(key).decode())
        whole = place_of(tenant, import_id, f"{kind}.csv")
        place.objects.upload(whole, path)
    return f"s3://{place.bucket}/{whole}"
