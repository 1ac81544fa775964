"""Importing: which row is written, told apart or refused, and what happens when it can't go on."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.store.bulk import BATCH, ReadOnly, StoreWriter
from centralino.application.import_contacts import Fate, Row, import_contacts
from centralino.application.map_row import Calendar, NumberColumn, RowMap, TimeColumn
from centralino.domain.errors import NotFoundError, RejectedError, ThrottledError
from centralino.domain.settings import Line
from centralino.ports.bulk import Written
from tests.support.memory_store import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from centralino.domain.contact import Contact

LINE = Line("IT", "02")
CALENDAR = Calendar(datetime(2026, 11, 21, tzinfo=UTC))
COLUMNS = RowMap(
    source="erp",
    record_id=("id",),
    last_name=("name",),
    numbers=(NumberColumn("phone"),),
    modified=(TimeColumn("modified"),),
)


def row(number: int, **cells: str) -> Row:
    return Row(number, {"name": "Rossi", **cells})


class Notebook:
    """Notes down what it is given to write.

    Attributes:
        written: the contacts, in order.
        faults: exceptions to raise, one a batch.
    """

    def __init__(self, batch_size: int = 2) -> None:
        self.batch_size = batch_size
        self.written: list[Contact] = []
        self.faults: list[BaseException] = []

    def write(self, contacts: Sequence[Contact]) -> Sequence[Written]:
        if self.faults:
            raise self.faults.pop(0)
        self.written += contacts
        return [Written("created") for _ in contacts]


def run(rows: Iterator[Row] | list[Row], *writers: Notebook | StoreWriter) -> list[Fate]:
    fates: list[Fate] = []
    import_contacts(rows, COLUMNS, CALENDAR, writers, fates.extend)
    return sorted(fates, key=lambda fate: fate.row.number)


def told(fates: list[Fate]) -> list[tuple[int, str, str]]:
    return [(fate.row.number, fate.outcome, fate.contact_id) for fate in fates]


def test_every_row_is_written_once_by_whichever_thread_is_free() -> None:
    writers = [Notebook(), Notebook(), Notebook()]
    fates = run([row(number, id=str(number)) for number in range(2, 103)], *writers)
    written = [contact.id for writer in writers for contact in writer.written]
    assert sorted(written) == sorted(f"erp:{number}" for number in range(2, 103))
    assert {fate.outcome for fate in fates} == {"created"}
    assert len(fates) == 101


def test_nothing_to_import_is_no_failure() -> None:
    assert run([], Notebook()) == []


def test_a_row_that_is_no_contact_or_could_not_be_read_is_rejected_and_the_others_are_not() -> None:
    fates = run(
        [row(2, id="1"), row(3, id="2", name=""), Row(4, {}, (), "row: expected 2 cells")],
        Notebook(),
    )
    assert [fate.outcome for fate in fates] == ["created", "rejected", "rejected"]
    assert fates[1].problem == "row: expected a name or a company"
    assert fates[2].problem == "row: expected 2 cells"


def test_of_two_rows_with_one_record_id_the_first_is_written_and_the_other_refused() -> None:
    notebook = Notebook()
    fates = run([row(2, id="7"), row(3, id="8"), row(4, id="7", name="Verdi")], notebook)
    assert told(fates)[2] == (4, "rejected", "erp:7")
    assert fates[2].problem == "record id: expected another than row 2's"
    assert [contact.last_name for contact in notebook.written] == ["Rossi", "Rossi"]


def test_a_row_that_only_repeats_an_earlier_one_is_counted_and_not_refused() -> None:
    fates = run([row(2, id="7"), row(3, id="7"), row(4, phone="1"), row(5, phone="1")], Notebook())
    assert [fate.outcome for fate in fates] == ["created", "repeated", "created", "repeated"]


def test_namesakes_without_record_ids_are_told_apart_in_their_order() -> None:
    rows = [row(2, phone="1"), row(3, phone="2"), row(4, phone="3"), row(5, phone="2")]
    fates = run(rows, Notebook())
    first = fates[0].contact_id
    assert told(fates) == [
        (2, "created", first),
        (3, "created", f"{first}-2"),
        (4, "created", f"{first}-3"),
        (5, "repeated", f"{first}-2"),
    ]


def test_a_writer_that_gives_up_stops_the_import_with_its_error() -> None:
    writer = Notebook()
    writer.faults.append(RejectedError("access denied"))
    endless = (row(number, id=str(number)) for number in range(2, 10**9))
    with pytest.raises(RejectedError):
        run(endless, writer, Notebook())


def test_ctrl_c_leaves_whole_batches_and_the_next_run_writes_what_is_missing() -> None:
    stores = MemoryStores()
    stores.create_tenant("acme")
    rows = [row(number, id=str(number), phone=f"02 {number:07d}") for number in range(300)]
    read = threading.Event()

    def interrupted() -> Iterator[Row]:
        yield from rows[:250]
        read.set()
        raise KeyboardInterrupt

    def writer() -> StoreWriter:
        return StoreWriter(stores.contacts("acme"), LINE, stores.pauses.append)

    with pytest.raises(KeyboardInterrupt):
        run(interrupted(), writer())
    assert read.is_set()
    before = stores.contacts("acme").count()
    assert before in (0, BATCH, 2 * BATCH)
    stores.dynamo.requests.clear()
    fates = run(rows, writer())
    assert sum(fate.outcome == "created" for fate in fates) == 300 - before
    assert stores.dynamo.requests.count("TransactWriteItems") == 300 - before
    assert stores.contacts("acme").count() == 300


@pytest.fixture
def stores() -> MemoryStores:
    stores = MemoryStores()
    stores.create_tenant("acme")
    return stores


@pytest.fixture
def writer(stores: MemoryStores) -> StoreWriter:
    return StoreWriter(stores.contacts("acme"), LINE, stores.pauses.append)


def people(count: int, version: str = "2026-11-01", **cells: str) -> list[Row]:
    return [
        row(n, id=str(n), phone=f"02 {n:07d}", modified=version, **cells)
        for n in range(2, 2 + count)
    ]


def test_a_new_contact_costs_one_request_and_its_batch_one_more(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    stores.dynamo.requests.clear()
    run(people(100), writer)
    assert sorted(stores.dynamo.requests) == ["BatchGetItem"] * 2 + ["TransactWriteItems"] * 100


def test_a_second_run_reads_and_writes_nothing(stores: MemoryStores, writer: StoreWriter) -> None:
    run(people(100), writer)
    stores.dynamo.requests.clear()
    fates = run(people(100), writer)
    assert {fate.outcome for fate in fates} == {"unchanged"}
    assert stores.dynamo.requests == ["BatchGetItem"] * 2


def test_a_changed_row_is_one_write(stores: MemoryStores, writer: StoreWriter) -> None:
    run(people(50), writer)
    stores.dynamo.requests.clear()
    rows = people(49) + people(50, "2026-11-02", name="Verdi")[49:]
    fates = run(rows, writer)
    assert [fate.outcome for fate in fates] == ["unchanged"] * 49 + ["changed"]
    assert stores.dynamo.requests.count("TransactWriteItems") <= 2
    saved = stores.contacts("acme").get("erp:51")
    assert saved
    assert saved.last_name == "Verdi"


def test_an_older_file_does_not_overwrite_a_newer_one(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    run(people(3, "2026-11-02", name="Verdi"), writer)
    stores.dynamo.requests.clear()
    fates = run(people(3, "2026-11-01")[::-1], writer)
    assert {fate.outcome for fate in fates} == {"stale"}
    assert stores.dynamo.requests == ["BatchGetItem"]


def test_a_row_without_a_time_is_written_when_it_differs_and_never_over_one_with_a_time(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    assert [fate.outcome for fate in run(people(1, ""), writer)] == ["created"]
    assert [fate.outcome for fate in run(people(1, "", name="Verdi"), writer)] == ["changed"]
    assert [fate.outcome for fate in run(people(1, "", name="Verdi"), writer)] == ["unchanged"]
    assert [fate.outcome for fate in run(people(1, "2026-11-01"), writer)] == ["changed"]
    assert [fate.outcome for fate in run(people(1, ""), writer)] == ["stale"]
    assert stores.contacts("acme").count() == 1


def test_a_contact_that_was_deleted_here_does_not_come_back_from_an_old_file(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    run(people(1), writer)
    stores.contacts("acme").erase("erp:2")
    assert [fate.outcome for fate in run(people(1), writer)] == ["stale"]


def test_numbers_that_can_not_be_indexed_are_told_and_stay_on_the_contact(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    rows = [row(2, id="1", phone="interno 12")]
    for outcome in ("created", "unchanged"):
        [fate] = run(rows, writer)
        assert fate.outcome == outcome
        [(number, problem)] = fate.unindexed
        assert number == "interno 12"
        assert problem
    saved = stores.contacts("acme").get("erp:1")
    assert saved
    assert [number.number for number in saved.numbers] == ["interno 12"]


def test_a_contact_that_the_store_refuses_is_rejected_and_its_batch_is_not(
    writer: StoreWriter,
) -> None:
    rows = [row(2, id="a#b"), row(3, id="2", name="R" * 501), row(4, id="3")]
    fates = run(rows, writer)
    assert [fate.outcome for fate in fates] == ["rejected", "rejected", "created"]
    assert fates[0].problem.startswith("id: expected source:id")
    assert fates[1].problem == "last_name: expected at most 500 characters"


def test_a_batch_of_ids_that_can_not_be_asked_for_asks_nothing(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    stores.dynamo.requests.clear()
    assert [fate.outcome for fate in run([row(2, id="a#b")], writer)] == ["rejected"]
    assert stores.dynamo.requests == []


def test_a_store_that_asks_to_slow_down_is_waited_for_longer_each_time(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    stores.dynamo.faults += [ThrottledError("throttled") for _ in range(4)]
    assert {fate.outcome for fate in run(people(3), writer)} == {"created"}
    assert len(stores.pauses) == 4
    assert stores.pauses[3] > stores.pauses[0]


def test_a_store_that_never_answers_stops_the_import(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    stores.dynamo.faults += [ThrottledError("throttled") for _ in range(8)]
    with pytest.raises(ThrottledError):
        run(people(3), writer)


def test_credentials_that_are_refused_stop_the_import_at_once(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    stores.dynamo.faults.append(RejectedError("credentials"))
    with pytest.raises(RejectedError):
        run(people(3), writer)
    assert stores.pauses == []


def test_a_tenant_that_was_erased_meanwhile_stops_the_import(stores: MemoryStores) -> None:
    writer = StoreWriter(stores.contacts("gone"), LINE, stores.pauses.append)
    with pytest.raises(NotFoundError):
        run(people(3), writer)


def test_a_trial_reads_what_is_stored_and_writes_nothing(
    stores: MemoryStores, writer: StoreWriter
) -> None:
    run(people(2), writer)
    before = stores.dynamo.all_items()
    store = type(stores.contacts("acme"))(ReadOnly(stores.dynamo), stores.table, "acme")
    trial = StoreWriter(store, LINE, stores.pauses.append)
    rows = [*people(1), *people(2, "2026-11-02")[1:], row(9, id="9", phone="+39024455*")]
    assert [fate.outcome for fate in run(rows, trial)] == ["unchanged", "changed", "created"]
    assert stores.dynamo.all_items() == before
