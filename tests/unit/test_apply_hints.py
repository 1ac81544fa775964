"""What a CRM tells is in the index afterwards, whatever comes twice, late or out of order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.store.change import ERASED, read_stored
from centralino.application.apply_hints import PATIENCE, apply_hints
from centralino.application.apply_record import SKEW_MS, apply_record
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.settings import Line
from tests.support.memory_store import MemoryStores
from tests.support.paper_crm import Event, Office, OfficeWeb, hints_of, paper
from tests.support.store_model import assert_cards_follow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from centralino.application.apply_hints import Applied
    from centralino.ports.crm import Crm

LINE = Line(country="IT", area_code="02")
ROSSI = "+390244556677"
VERDI = "+390244556688"


class Desk:
    """A CRM, the index that it feeds, and who brings the one to the other."""

    def __init__(self, *, inline: bool = False) -> None:
        self.office = Office(inline=inline)
        self.stores = MemoryStores()
        self.contacts = self.stores.contacts("acme")
        self.before: Callable[[str], None] = lambda _: None
        self.renewed: list[Crm] = []
        self.clock_ms = 0

    @property
    def now_ms(self) -> int:
        return self.office.now_ms + self.clock_ms

    def deliver(self, *events: Event, has_time: Callable[[], bool] = lambda: True) -> Applied:
        return apply_hints(
            self.contacts,
            paper(self.office, OfficeWeb(self.office, self.before)),
            hints_of(events),
            LINE,
            received_at_ms=self.now_ms,
            now_ms=lambda: self.now_ms,
            renew=self._renew,
            has_time=has_time,
        )

    def _renew(self) -> Crm:
        self.renewed.append(paper(self.office))
        return self.renewed[-1]

    def name_of(self, number: str) -> str:
        """Return what a caller's card says; empty if nobody is found."""
        cards = self.stores.calls.read("acme", [number], timeout_s=5).cards
        return ", ".join(sorted(h.name for h in cards[number].holders)) if cards else ""

    def stored(self, record: str) -> Contact | None:
        return self.contacts.get(f"paper:{record}")

    def version(self, record: str) -> int:
        item = self.stores.dynamo.items[f"T#acme#C#paper:{record}"]["C"]
        return read_stored(item).version

    def assert_equals_the_crm(self) -> None:
        page = self.contacts.page(limit=100).contacts
        assert {c.id: c.last_name for c in page} == {
            f"paper:{record}": fields["last_name"] for record, fields in self.office.there.items()
        }
        assert_cards_follow("acme", self.stores.dynamo.all_items())


@pytest.fixture(params=[False, True], ids=["read again", "inline"])
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(inline=request.param)


@pytest.fixture
def reading() -> Desk:
    return Desk()


# --- what happens to a record ------------------------------------------------------------------


def test_a_contact_that_is_saved_in_the_crm_is_the_caller_from_then_on(desk: Desk) -> None:
    applied = desk.deliver(desk.office.save("1", "Rossi", [ROSSI]))
    assert applied == ({"applied": 1}, (), None)
    assert desk.name_of(ROSSI) == "Rossi"


def test_a_number_that_disappears_from_a_contact_leaves_the_index(desk: Desk) -> None:
    desk.deliver(desk.office.save("1", "Rossi", [ROSSI, VERDI]))
    desk.deliver(desk.office.save("1", "Rossi", [VERDI]))
    assert desk.name_of(ROSSI) == ""
    assert desk.name_of(VERDI) == "Rossi"


def test_a_deleted_contact_is_nobody_and_its_late_events_do_not_bring_it_back(desk: Desk) -> None:
    created = desk.office.save("1", "Rossi", [ROSSI])
    deleted = desk.office.delete("1")
    assert desk.deliver(deleted).counts == {"deleted": 1}
    late = desk.deliver(created)
    assert desk.name_of(ROSSI) == ""
    assert late.counts == ({"stale": 1} if desk.office.inline else {"unchanged": 1})


def test_a_merged_contact_is_gone_and_its_numbers_are_the_winners(desk: Desk) -> None:
    desk.deliver(desk.office.save("1", "Rossi", [ROSSI]), desk.office.save("2", "Verdi", [VERDI]))
    applied = desk.deliver(*desk.office.merge("1", "2"))
    assert applied.counts == {"deleted": 1, "applied": 1}
    assert desk.name_of(ROSSI) == "Verdi"
    desk.assert_equals_the_crm()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_contact_that_is_restored_is_found_again_though_it_was_not_modified(
    desk: Desk, order: Sequence[int]
) -> None:
    desk.deliver(desk.office.save("1", "Rossi", [ROSSI]))
    events = [desk.office.delete("1"), desk.office.restore("1")]
    for place in order:
        desk.deliver(events[place])
    assert desk.name_of(ROSSI) == "Rossi"
    desk.deliver(desk.office.save("1", "Bianchi", [ROSSI]))
    assert desk.name_of(ROSSI) == "Bianchi"


def test_a_contact_that_is_erased_stays_away_whatever_comes_late(desk: Desk) -> None:
    created = desk.office.save("1", "Rossi", [ROSSI])
    desk.deliver(created)
    erased = desk.office.delete("1", erased=True)
    assert desk.deliver(erased).counts == {"deleted": 1}
    assert desk.version("1") == ERASED
    assert desk.deliver(erased).counts == {"unchanged": 1}
    later = created._replace(word="another", at_ms=created.at_ms + 9_999_999)
    desk.deliver(later)
    assert desk.name_of(ROSSI) == ""


def test_an_erasure_that_overtakes_the_contact_it_is_about_keeps_it_away(desk: Desk) -> None:
    created = desk.office.save("1", "Rossi", [ROSSI])
    erased = desk.office.delete("1", erased=True)
    assert desk.deliver(erased).counts == {"deleted": 1}
    desk.deliver(created)
    assert desk.name_of(ROSSI) == ""
    assert desk.stored("1") is None


@pytest.mark.parametrize("times", [2, 100])
def test_the_same_delivery_again_changes_nothing_and_asks_nobody(desk: Desk, times: int) -> None:
    event = desk.office.save("1", "Rossi", [ROSSI])
    desk.deliver(event)
    before = desk.stores.dynamo.all_items()
    desk.office.asked.clear()
    for _ in range(times - 1):
        assert desk.deliver(event).counts == {"duplicate": 1}
    assert desk.stores.dynamo.all_items() == before
    assert desk.office.asked == []


def test_an_event_without_a_word_of_its_own_may_come_again_as_well(desk: Desk) -> None:
    event = desk.office.save("1", "Rossi", [ROSSI])._replace(word="")
    assert desk.deliver(event).counts == {"applied": 1}
    assert desk.deliver(event).counts == {"unchanged": 1}
    assert not [item for item in desk.stores.dynamo.all_items() if item["sk"]["S"] == "E"]


def test_a_name_that_is_changed_and_changed_back_is_what_it_was_in_the_end(desk: Desk) -> None:
    for name in ("Rossi", "Rosso", "Rossi"):
        desk.deliver(desk.office.save("1", name, [ROSSI]))
    assert desk.name_of(ROSSI) == "Rossi"


def test_two_events_of_one_record_under_the_deliverys_word_both_count() -> None:
    desk = Desk(inline=True)
    first = desk.office.save("1", "Rossi", [ROSSI])
    second = desk.office.save("1", "Verdi", [VERDI])._replace(word=first.word)
    assert desk.deliver(first, second).counts == {"applied": 2}
    assert desk.name_of(VERDI) == "Verdi"
    assert desk.deliver(first, second).counts == {"duplicate": 2}


# --- reading again -----------------------------------------------------------------------------


def test_a_record_is_read_once_for_all_that_a_delivery_says_of_it(reading: Desk) -> None:
    events = [reading.office.save("1", name, [ROSSI]) for name in ("Ro", "Ros", "Rossi")]
    applied = reading.deliver(*events, reading.office.save("2", "Verdi", [VERDI]))
    assert reading.office.asked == ["1", "2"]
    assert applied.counts == {"applied": 2, "unchanged": 2}


def test_a_change_of_a_record_that_is_gone_by_now_is_a_deletion(reading: Desk) -> None:
    reading.deliver(reading.office.save("1", "Rossi", [ROSSI]))
    changed = reading.office.save("1", "Rosso", [ROSSI])
    reading.office.delete("1")
    assert reading.deliver(changed).counts == {"deleted": 1}
    assert reading.name_of(ROSSI) == ""


def test_a_deletion_without_a_time_counts_if_the_record_is_gone_and_not_if_it_is_back(
    reading: Desk,
) -> None:
    reading.deliver(reading.office.save("1", "Rossi", [ROSSI]))
    deleted = reading.office.delete("1", timed=False)
    assert reading.deliver(deleted).counts == {"deleted": 1}
    restored = reading.office.restore("1")
    assert reading.deliver(restored).counts == {"applied": 1}
    assert reading.deliver(deleted._replace(word="once more")).counts == {"stale": 1}
    assert reading.name_of(ROSSI) == "Rossi"


def test_a_deletion_without_a_time_counts_though_the_crms_clock_is_ahead_of_ours(
    reading: Desk,
) -> None:
    reading.clock_ms = -60_000
    reading.deliver(reading.office.save("1", "Rossi", [ROSSI]))
    assert reading.deliver(reading.office.delete("1", timed=False)).counts == {"deleted": 1}
    assert reading.name_of(ROSSI) == ""


def test_a_deletion_of_a_contact_with_an_edit_of_ours_counts_all_the_same(reading: Desk) -> None:
    reading.deliver(reading.office.save("1", "Rossi", [ROSSI]))
    by_hand = Contact("paper:1", reading.office.now_ms + 60_000, last_name="Rosso")
    reading.contacts.save(by_hand, {})
    assert reading.deliver(reading.office.delete("1")).counts == {"deleted": 1}
    assert reading.stored("1") is None


def test_a_crm_that_gives_the_winner_for_the_loser_of_a_merge_loses_neither(
    reading: Desk,
) -> None:
    reading.deliver(
        reading.office.save("1", "Rossi", [ROSSI]), reading.office.save("2", "Verdi", [VERDI])
    )
    changed = reading.office.save("1", "Rosso", [ROSSI])
    reading.office.merge("1", "2")
    crm = paper(reading.office)
    crm.fetch = lambda record: reading.office.contact("2")  # type: ignore[method-assign] # noqa: ARG005
    apply_hints(
        reading.contacts,
        crm,
        hints_of([changed]),
        LINE,
        received_at_ms=reading.now_ms,
        now_ms=lambda: reading.now_ms,
        renew=reading._renew,
    )
    assert reading.name_of(ROSSI) == "Verdi"
    reading.assert_equals_the_crm()


def test_what_was_edited_by_hand_gives_way_to_the_crm_two_minutes_later(reading: Desk) -> None:
    event = reading.office.save("1", "Rossi", [ROSSI])
    reading.deliver(event)
    edited = Contact("paper:1", reading.office.now_ms + 5, last_name="Rosso")
    reading.contacts.save(edited, {})
    assert reading.deliver(event._replace(word="b")).counts == {"stale": 1}
    reading.clock_ms = SKEW_MS + 10
    assert reading.deliver(event._replace(word="c")).counts == {"applied": 1}
    assert reading.name_of(ROSSI) == "Rossi"
    # And once it is so, there is nothing to write any more.
    reading.clock_ms = 10 * SKEW_MS
    assert reading.deliver(event._replace(word="d")).counts == {"unchanged": 1}


def test_of_two_readings_under_an_edit_of_ours_the_later_one_wins() -> None:
    stores = MemoryStores()
    store = stores.contacts("acme")
    store.save(Contact("crm:1", 1_000_000, last_name="By hand"), {})
    old = Contact("crm:1", 10, last_name="Old", numbers=(ContactNumber(ROSSI),))
    new = Contact("crm:1", 20, last_name="New", numbers=(ContactNumber(ROSSI),))
    assert apply_record(store, new, LINE, read_at_ms=2_000_000) == "changed"
    assert apply_record(store, old, LINE, read_at_ms=1_900_000) == "stale"
    found = store.get("crm:1")
    assert found is not None
    assert found.last_name == "New"


def test_a_record_that_is_there_again_long_after_its_deletion_comes_back() -> None:
    store = MemoryStores().contacts("acme")
    store.delete("crm:1", 1_000_000)
    there = Contact("crm:1", 10, last_name="Rossi", numbers=(ContactNumber(ROSSI),))
    assert apply_record(store, there, LINE, read_at_ms=1_000_000 + SKEW_MS) == "stale"
    assert apply_record(store, there, LINE, read_at_ms=1_000_001 + SKEW_MS) == "created"


def test_nothing_comes_back_over_an_erasure_however_late_it_is_read() -> None:
    store = MemoryStores().contacts("acme")
    there = Contact("crm:1", 10, last_name="Rossi", numbers=(ContactNumber(ROSSI),))
    apply_record(store, there, LINE, read_at_ms=20)
    store.erase("crm:1")
    assert apply_record(store, there, LINE, read_at_ms=2**50) == "stale"


# --- what goes wrong ---------------------------------------------------------------------------


def test_one_contact_that_can_not_be_stored_leaves_the_others_of_its_delivery_alone(
    desk: Desk,
) -> None:
    bad = desk.office.save("1", "x" * 501, [ROSSI])
    good = desk.office.save("2", "Verdi", [VERDI])
    applied = desk.deliver(bad, good)
    assert applied.counts == {"failed": 1, "applied": 1}
    assert applied.problems == ("last_name: expected at most 500 characters",)
    assert applied.error is None


def test_a_crm_that_asks_to_slow_down_is_asked_nothing_more(reading: Desk) -> None:
    events = [reading.office.save(str(number), "Rossi", [ROSSI]) for number in range(5)]

    def throttle(url: str) -> None:
        if url.endswith("/2"):
            raise ThrottledError("throttled", 17.0)

    reading.before = throttle
    applied = reading.deliver(*events)
    assert applied.counts == {"applied": 2, "failed": 3}
    assert isinstance(applied.error, ThrottledError)
    assert applied.error.retry_after_s == 17.0
    assert reading.office.asked == ["0", "1"]
    reading.before = lambda _: None
    assert reading.deliver(*events).counts == {"duplicate": 2, "applied": 3}
    reading.assert_equals_the_crm()


def test_a_record_that_the_crm_can_not_give_does_not_hold_up_those_behind_it(
    reading: Desk,
) -> None:
    events = [reading.office.save(str(number), "Rossi", [ROSSI]) for number in range(4)]

    def fail(url: str) -> None:
        if url.endswith("/1"):
            raise UnavailableError("server")

    reading.before = fail
    applied = reading.deliver(*events)
    assert applied.counts == {"applied": 3, "failed": 1}
    assert applied.error is not None


def test_a_crm_that_is_down_is_not_asked_for_every_record_of_a_delivery(reading: Desk) -> None:
    events = [reading.office.save(str(number), "Rossi", [ROSSI]) for number in range(50)]
    asked: list[str] = []

    def fail(url: str) -> None:
        asked.append(url)
        raise UnavailableError("timeout")

    reading.before = fail
    applied = reading.deliver(*events)
    assert applied.counts == {"failed": 50}
    assert len(asked) == PATIENCE


def test_records_that_the_crm_refuses_one_by_one_leave_the_others_alone(reading: Desk) -> None:
    events = [reading.office.save(str(number), "Rossi", [ROSSI]) for number in range(9)]

    def refuse(url: str) -> None:
        if not url.endswith("/8"):
            raise RejectedError("request")

    reading.before = refuse
    applied = reading.deliver(*events)
    assert applied.counts == {"failed": 8, "applied": 1}
    assert isinstance(applied.error, RejectedError)


def test_secrets_that_are_refused_are_read_again_once(reading: Desk) -> None:
    event = reading.office.save("1", "Rossi", [ROSSI])

    def refuse(_: str) -> None:
        raise RejectedError("credentials")

    reading.before = refuse
    assert reading.deliver(event).counts == {"applied": 1}
    assert len(reading.renewed) == 1


def test_secrets_that_stay_refused_fail_the_delivery_after_one_more_try(reading: Desk) -> None:
    events = [reading.office.save(str(number), "Rossi", [ROSSI]) for number in range(3)]

    def refuse(_: str) -> None:
        raise RejectedError("credentials")

    reading.before = refuse
    renewed: list[int] = []

    def renew() -> Crm:
        renewed.append(1)
        return paper(reading.office, OfficeWeb(reading.office, refuse))

    reading._renew = renew  # type: ignore[method-assign]
    applied = reading.deliver(*events)
    assert applied.counts == {"failed": 3}
    assert applied.error is not None
    assert applied.error.reason == "credentials"
    assert len(renewed) == 1


def test_a_delivery_that_runs_out_of_time_goes_on_where_it_stopped(reading: Desk) -> None:
    events = [reading.office.save(str(number), "Rossi", [ROSSI]) for number in range(5)]
    left = [True, True, True]
    applied = reading.deliver(*events, has_time=lambda: bool(left and left.pop()))
    assert applied.counts == {"applied": 3, "failed": 2}
    assert applied.error is not None
    assert reading.deliver(*events).counts == {"duplicate": 3, "applied": 2}


def test_a_store_that_does_not_answer_fails_the_delivery_and_nothing_is_lost(desk: Desk) -> None:
    event = desk.office.save("1", "Rossi", [ROSSI])
    desk.stores.dynamo.faults = [UnavailableError("timeout")]
    applied = desk.deliver(event)
    assert applied.counts == {"failed": 1}
    assert applied.error is not None
    assert desk.deliver(event).counts == {"applied": 1}


def test_an_event_without_its_record_is_a_problem_where_nothing_can_be_read() -> None:
    desk = Desk(inline=True)
    event = desk.office.save("1", "Rossi", [ROSSI])._replace(fields=None)
    applied = desk.deliver(event)
    assert applied.counts == {"failed": 1}
    assert applied.problems == (
        "contact: expected the record itself, since it can't be read again",
    )


def test_the_problems_of_a_delivery_name_no_person(desk: Desk) -> None:
    marker: dict[str, Any] = {"name": "Gaetanino" + "x" * 501, "numbers": [ROSSI]}
    applied = desk.deliver(desk.office.save("1", **marker))
    assert applied.problems
    assert "Gaetanino" not in str(applied)
    assert ROSSI not in str(applied)
