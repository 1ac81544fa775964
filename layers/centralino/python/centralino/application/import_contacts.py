"""Import contacts: rows of a file in, on several threads at once, and what became of each row."""

from __future__ import annotations

import queue
import threading
from itertools import count
from typing import TYPE_CHECKING, Literal, NamedTuple

from centralino.application.map_row import map_row
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from centralino.application.map_row import Calendar, RowMap
    from centralino.domain.contact import Contact
    from centralino.ports.bulk import BulkWriter
    from centralino.ports.store import Outcome

# Batches that wait for each writer: enough that none is idle, few enough to stop at once.
WAITING = 2
_POLL_S = 0.2


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        number: its place, as a spreadsheet counts: the header is row 1, or 2 below a `sep=` line.
        cells: column -> text, the columns in lower case.
        original: as it was read, for the file of rejected rows.
        problem: why it could not be read; empty if it could.
    """

    number: int
    cells: Mapping[str, str]
    original: Sequence[str] = ()
    problem: str = ""


class Fate(NamedTuple):
    """What became of one row.

    Attributes:
        row: the row.
        outcome: see `ports/store.py`; `repeated` for a row that says what an earlier one said,
            `rejected` for one that is no contact, `checked` for one that would be.
        contact_id: empty if it has none.
        problem: why it was rejected.
        unindexed: its numbers that can't be looked up, each with the reason.
    """

    row: Row
    outcome: Outcome | Literal["repeated", "rejected", "checked"]
    contact_id: str = ""
    problem: str = ""
    unindexed: tuple[tuple[str, str], ...] = ()


class _Batch(NamedTuple):
    rows: list[Row]
    contacts: list[Contact]


class _Line:
    """Takes batches to the writers, and what became of them to whoever reports."""

    def __init__(
        self, writers: Sequence[BulkWriter], report: Callable[[Sequence[Fate]], None]
    ) -> None:
        self._report = report
        self._batches: queue.Queue[_Batch | None] = queue.Queue(WAITING * len(writers))
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(writer,), daemon=True) for writer in writers
        ]
        for thread in self._threads:
            thread.start()

    def put(self, batch: _Batch | None) -> None:
        """Hand over a batch as soon as somebody can take it; None ends one thread."""
        while not self._stopped.is_set():
            try:
                self._batches.put(batch, timeout=_POLL_S)
            except queue.Full:
                continue
            return
        self._raise()

    def report(self, fates: Sequence[Fate]) -> None:
        """Report, one thread at a time."""
        with self._lock:
            self._report(fates)

    def finish(self) -> None:
        """Wait until everything that was put is written."""
        for _ in self._threads:
            self.put(None)
        for thread in self._threads:
            # In short steps, so that Ctrl-C is heard.
            while thread.is_alive():
                thread.join(_POLL_S)
        self._raise()

    def stop(self) -> None:
        """Let every writer finish the batch that it is at, and no other."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _work(self, writer: BulkWriter) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    batch = self._batches.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
                if batch is None:
                    return
                written = writer.write(batch.contacts)
                self.report(
                    [
                        Fate(row, became.outcome, contact.id, became.problem, became.unindexed)
                        for row, contact, became in zip(
                            batch.rows, batch.contacts, written, strict=True
                        )
                    ]
                )
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
            self._failure = self._failure or error
            self._stopped.set()


def import_contacts(  # noqa: PLR0913 - what an import depends on
    rows: Iterable[Row],
    columns: RowMap,
    calendar: Calendar,
    writers: Sequence[BulkWriter],
    report: Callable[[Sequence[Fate]], None],
    *,
    piece: bool = False,
) -> None:
    """Import contacts, each under its source's record id and version.

    The rows are read as they are needed, so a file may be larger than the memory. Doing it again
    writes nothing that is unchanged; an import that was interrupted is taken up by doing it again.

    Args:
        rows: of the file.
        columns: which column is what.
        calendar: how times in the rows are read.
        writers: at least one; each works in a thread of its own.
        report: told what became of the rows, some at a time, in any order, by one thread at a time.
        piece: these are not all rows of the file. A row without a record id is rejected then: its
            made-up id could be that of a namesake in another piece.

    Raises:
        CentralinoError: a writer sees no point in going on.
        KeyboardInterrupt: after the batches that were under way are written.
    """
    line = _Line(writers, report)
    try:
        size = min(writer.batch_size for writer in writers)
        batch = _Batch([], [])
        for mapped in _mapped(rows, columns, calendar, piece=piece):
            if isinstance(mapped, Fate):
                line.report([mapped])
                continue
            row, contact = mapped
            batch.rows.append(row)
            batch.contacts.append(contact)
            if len(batch.rows) == size:
                line.put(batch)
                batch = _Batch([], [])
        if batch.rows:
            line.put(batch)
        line.finish()
    finally:
        line.stop()


def _mapped(
    rows: Iterable[Row], columns: RowMap, calendar: Calendar, *, piece: bool
) -> Iterator[Fate | tuple[Row, Contact]]:
    """Map rows to contacts, and see to it that no two of them have the same id.

    Two writers may be at it at once, so which of two contacts of one id is stored would be chance.
    """
    # id -> where it was first, and a word for what it said; some 200 bytes a row.
    seen: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.problem:
            yield Fate(row, "rejected", problem=row.problem)
            continue
        try:
            contact, made_up_id = map_row(row.cells, columns, calendar)
        except PayloadError as error:
            yield Fate(row, "rejected", problem=str(error))
            continue
        if piece and made_up_id:
            yield Fate(
                row, "rejected", problem="record id: expected one in a file that is cut to pieces"
            )
            continue
        content = hash(contact)
        for contact_id in _ids(contact.id):
            first, said = seen.setdefault(contact_id, (row.number, content))
            if first == row.number or said == content or not made_up_id:
                break
        if first == row.number:
            yield row, contact._replace(id=contact_id)
        elif said == content:
            yield Fate(row, "repeated", contact_id)
        else:
            yield Fate(
                row, "rejected", contact_id, f"record id: expected another than row {first}'s"
            )


def _ids(contact_id: str) -> Iterator[str]:
    """Return ids for namesakes without record ids: the second is `-2`, the third `-3`."""
    yield contact_id
    for place in count(2):
        yield f"{contact_id}-{place}"
