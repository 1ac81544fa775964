"""Asking a tenant's CRMs for a caller: who counts, when it ends, what is kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.store.callers import DynamoCallerStore
from centralino.application.save_contact import save_contact
from centralino.application.search_crms import (
    FRESH_S,
    REJECTED_S,
    RETRY_S,
    SEARCH_S,
    TOTAL_S,
    UNKNOWN_S,
    Circuits,
    Desk,
    Found,
    Query,
    problems_of,
    search_crms,
)
from centralino.domain.circuit import FAILURES, LONGEST_OPEN_S, OPEN_S, Circuit
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.settings import Line, Settings
from tests.support.memory_store import MemoryStores
from tests.support.scripted_crm import ScriptedCrm, ScriptedProviders, record, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from centralino.domain.contact import Contact
    from centralino.ports.callers import AtHand

MILAN = "+390244556677"
OTHER = "+390244550000"


class Office:
    """A tenant whose CRMs are asked, with a clock that is turned by hand."""

    def __init__(self, *crms: ScriptedCrm, priority: tuple[str, ...] = ()) -> None:
        self.stores = MemoryStores()
        self.crms = crms
        self.providers = ScriptedProviders(*crms)
        self.settings = Settings(
            "acme",
            line=Line(country="IT", area_code="02"),
            crms=tuple(crm.connection.provider for crm in crms),
            source_priority=priority,
        )
        self.contacts = self.stores.contacts("acme")
        self.callers = DynamoCallerStore(
            self.stores.client, self.stores.table, "acme", now=lambda: self.now
        )
        self.circuits = Circuits()
        self.pauses = 0
        self.meanwhile: Callable[[int], None] = void

    def pause(self, seconds: float) -> None:
        """Turn the clock on; what goes on meanwhile is the test's."""
        self.pauses += 1
        self.stores.now_s += seconds
        self.meanwhile(self.pauses)

    @property
    def now(self) -> float:
        return self.stores.now_s

    def search(
        self, number: str = MILAN, *, left_s: float = 1.0, refresh: bool = False, trunk: str = ""
    ) -> Found:
        query = Query(number, trunk=trunk, answer_by=self.now + left_s, refresh=refresh)
        desk = Desk(
            self.contacts,
            self.callers,
            self.providers,
            self.circuits,
            lambda: self.now,
            self.pause,
        )
        return search_crms(query, self.settings, desk)

    def save(self, *contacts: Contact) -> None:
        """Save contacts as another's search does."""
        for contact in contacts:
            save_contact(self.contacts, contact, self.settings.line, now_ms=1)

    def is_claimed(self, caller: str = MILAN) -> bool:
        return self.callers.read([], caller).searching_until > 0

    def shown(self, number: str = MILAN) -> list[str]:
        """Return whom a call from a number would find in the index."""
        cards = self.stores.calls.read("acme", [number], timeout_s=1).cards
        return [holder.id for card in cards.values() for holder in card.holders]

    def noted(self, caller: str = MILAN) -> bool:
        return self.callers.read([], caller).noted


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def void(_: object) -> None:
    """Drop a value that nobody wants."""


# --- whom it finds -----------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [MILAN, "0244556677", "44556677", "00390244556677"])
def test_a_caller_whom_a_crm_knows_is_answered_and_indexed(spelling: str) -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", "02 4455.6677"))
    office = Office(crm)
    found = office.search(spelling)
    assert found.outcome == "found"
    assert [(card.number, card.holders[0].id) for card in found.cards] == [(MILAN, "odoo:7")]
    assert office.shown() == ["odoo:7"]
    [(variants, number)] = crm.asked
    assert number == MILAN
    assert {MILAN, "0244556677"} <= set(variants)


def test_a_crm_s_fuzzy_answer_is_no_match() -> None:
    crm = ScriptedCrm("odoo", record("odoo:1", "44556677", OTHER), record("odoo:2", "4455667"))
    office = Office(crm)
    # 44556677 is this number only where the area code is Milan's.
    office.settings = office.settings._replace(line=Line(country="IT", area_code="06"))
    assert office.search().outcome == "unknown"
    assert office.shown() == []
    assert office.shown(OTHER) == []


def test_a_contact_is_found_under_all_of_its_numbers_once_one_of_them_called() -> None:
    office = Office(ScriptedCrm("odoo", record("odoo:7", MILAN, OTHER)))
    office.search()
    assert office.shown(OTHER) == ["odoo:7"]


def test_all_crms_are_asked_at_once() -> None:
    meeting = threading.Barrier(3)
    crms = [ScriptedCrm(name) for name in ("a", "b", "c")]
    for crm in crms:
        crm.before = lambda: void(meeting.wait(8))
    found = Office(*crms).search()
    assert problems_of(found.replies) == {}
    assert found.outcome == "unknown"


def test_a_crm_of_lower_priority_is_not_waited_for() -> None:
    enough = threading.Event()
    good, bad = ScriptedCrm("good", record("good:1", MILAN)), ScriptedCrm("bad")
    bad.before = lambda: wait_for(enough)
    office = Office(bad, good, priority=("good", "bad"))
    found = office.search()
    enough.set()
    assert found.outcome == "found"
    assert [reply.provider for reply in found.replies] == ["good"]


def test_a_crm_of_higher_priority_is_waited_for_though_another_was_faster() -> None:
    fast, best = (ScriptedCrm(name, record(f"{name}:1", MILAN)) for name in ("fast", "best"))
    best.before = lambda: wait_for(fast.left)
    office = Office(fast, best, priority=("best", "fast"))
    found = office.search()
    assert {holder.id for card in found.cards for holder in card.holders} == {"best:1", "fast:1"}
    assert [reply.provider for reply in found.replies] == ["best", "fast"]


def test_a_better_crm_that_fails_leaves_the_word_to_the_next() -> None:
    best, next_best = ScriptedCrm("best"), ScriptedCrm("next", record("next:1", MILAN))
    best.before = failing(UnavailableError("server"))
    office = Office(best, next_best, priority=("best", "next"))
    found = office.search()
    assert found.outcome == "found"
    assert office.shown() == ["next:1"]
    # What the other knows is asked for behind the next call's answer.
    assert found.cards[0].refresh_at <= office.now


def test_whoever_waits_gets_the_name_that_is_there_before_the_time_is_over() -> None:
    enough = threading.Event()
    fast, silent = ScriptedCrm("fast", record("fast:1", MILAN)), ScriptedCrm("silent")
    silent.before = lambda: wait_for(enough)
    office = Office(fast, silent, priority=("silent", "fast"))
    found = office.search(left_s=0.2)
    enough.set()
    assert [holder.id for card in found.cards for holder in card.holders] == ["fast:1"]
    assert found.cards[0].refresh_at <= office.now


def test_an_answer_that_comes_too_late_is_for_the_next_call() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    late = threading.Event()
    crm.before = lambda: void(late.wait(0.3))
    office = Office(crm)
    assert office.search(left_s=-5).outcome == "found"
    assert office.shown() == ["odoo:7"]


@pytest.mark.parametrize("number", ["", "anonymous", "21", "no number"])
def test_nobody_is_asked_for_a_caller_without_a_number(number: str) -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.settings = office.settings._replace(extens={"21": "Chiara"})
    assert office.search(number).outcome == "unknown"
    assert not crm.asked


def test_several_phones_that_ring_for_one_call_ask_once() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    first, second = office.search(), office.search()
    assert first.cards == second.cards
    assert len(crm.asked) == 1


def test_a_contact_that_cannot_be_stored_is_left_out() -> None:
    unfit = record("odoo:1", MILAN)._replace(company="x" * 501)
    office = Office(ScriptedCrm("odoo", unfit, record("odoo:2", MILAN)))
    found = office.search()
    assert (found.unfit, office.shown()) == (1, ["odoo:2"])


# --- several phones ask at once -----------------------------------------------------------------


def test_a_phone_waits_for_the_search_of_another_and_shows_the_same_name() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    claim = office.callers.claim(MILAN, until=office.now + SEARCH_S)

    def other(pauses: int) -> None:
        if pauses == 3:
            office.save(record("odoo:7", MILAN))
            office.callers.release(MILAN, claim)

    office.meanwhile = other
    found = office.search()
    assert (found.outcome, found.cards[0].holders[0].id) == ("found", "odoo:7")
    assert (office.pauses, crm.asked) == (3, [])


def test_a_phone_waits_for_the_search_of_another_that_finds_nobody() -> None:
    crm = ScriptedCrm("odoo")
    office = Office(crm)
    office.callers.claim(MILAN, until=office.now + SEARCH_S)
    office.meanwhile = lambda _: office.callers.note_unknown(MILAN, until=office.now + UNKNOWN_S)
    found = office.search()
    assert (found.outcome, found.problem, crm.asked) == ("unknown", "", [])


def test_a_phone_waits_for_another_s_search_no_longer_than_its_own_pbx_does() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.callers.claim(MILAN, until=office.now + SEARCH_S)
    until = office.now + 1.0
    found = office.search(left_s=1.0)
    assert (found.outcome, found.problem, crm.asked) == ("degraded", "other_late", [])
    assert until <= office.now < until + 0.2


def test_who_searched_and_never_came_back_keeps_nobody_from_it_for_longer() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    began_at = office.now
    office.callers.claim(MILAN, until=office.now + SEARCH_S)
    assert office.search(left_s=SEARCH_S + 5).outcome == "found"
    assert len(crm.asked) == 1
    assert SEARCH_S <= office.now - began_at < SEARCH_S + 1
    assert not office.is_claimed()


def test_waiting_and_then_searching_ends_before_lambda_does() -> None:
    crm = ScriptedCrm("odoo")
    office = Office(crm)
    began_at = office.now
    office.callers.claim(MILAN, until=began_at + SEARCH_S)
    enough = threading.Event()
    crm.before = lambda: wait_for(enough)
    claims = []

    def turn_the_clock() -> None:
        claims.append(office.callers.read([], MILAN).searching_until)
        office.stores.now_s = began_at + TOTAL_S

    office.providers.on_open = turn_the_clock
    found = office.search(left_s=SEARCH_S + 5)
    enough.set()
    assert problems_of(found.replies) == {"odoo": "timeout"}
    assert claims == [began_at + TOTAL_S]


def test_a_search_that_failed_is_not_repeated_by_every_phone_that_waited_for_it() -> None:
    crm = ScriptedCrm("odoo")
    office = Office(crm)
    claim = office.callers.claim(MILAN, until=office.now + SEARCH_S)
    office.meanwhile = lambda _: office.callers.release(MILAN, claim)
    found = office.search()
    assert (found.outcome, found.problem, crm.asked) == ("degraded", "other_failed", [])
    office.search()
    assert len(crm.asked) == 1


def test_a_name_that_was_saved_while_card_and_claim_were_read_is_not_lost() -> None:
    office = Office(ScriptedCrm("odoo"))
    claim = office.callers.claim(MILAN, until=office.now + SEARCH_S)
    read = office.callers.read

    class Torn(DynamoCallerStore):
        """Reads the cards first, and the claim when the other search has ended."""

        def read(self, numbers: Sequence[str], caller: str) -> AtHand:
            at_hand = read(numbers, caller)
            if office.pauses and claim in claims:
                claims.remove(claim)
                office.save(record("odoo:7", MILAN))
                office.callers.release(MILAN, claim)
                return at_hand._replace(searching_until=0.0)
            return at_hand

    claims = [claim]
    office.callers = Torn(office.stores.client, office.stores.table, "acme", now=lambda: office.now)
    assert office.search().outcome == "found"


def test_what_was_saved_just_before_the_claim_is_not_searched_for_again() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)

    class Slow(DynamoCallerStore):
        """Claims after another has begun and ended its search."""

        def claim(self, caller: str, *, until: float) -> int:
            office.save(record("odoo:7", MILAN))
            return super().claim(caller, until=until)

    office.callers = Slow(office.stores.client, office.stores.table, "acme", now=lambda: office.now)
    assert office.search().outcome == "found"
    assert crm.asked == []
    assert not office.is_claimed()


def test_a_refresh_that_another_is_at_is_left_to_it() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.search()
    office.stores.now_s += FRESH_S
    office.callers.claim(MILAN, until=office.now + SEARCH_S)
    assert office.search(refresh=True).outcome == "found"
    assert (len(crm.asked), office.pauses) == (1, 0)
    office.stores.now_s += SEARCH_S + 1
    office.search(refresh=True)
    assert len(crm.asked) == 2
    assert not office.is_claimed()


@pytest.mark.parametrize(
    ("found", "error", "outcome"),
    [
        (record("odoo:7", MILAN), None, "found"),
        (None, None, "unknown"),
        (record("odoo:7", MILAN)._replace(company="x" * 501), None, "unknown"),
        (None, UnavailableError("server"), "degraded"),
    ],
)
def test_a_search_leaves_no_claim_however_it_ends(
    found: Contact | None, error: Exception | None, outcome: str
) -> None:
    crm = ScriptedCrm("odoo", *((found,) if found else ()))
    office = Office(crm)
    claimed = []

    def look() -> None:
        claimed.append(office.is_claimed())
        if error:
            raise error

    crm.before = look
    assert office.search().outcome == outcome
    assert claimed == [True]
    assert not office.is_claimed()
    noted = outcome == "unknown" and not found
    assert office.noted() == noted
    assert [
        item["pk"]["S"] for item in office.stores.dynamo.all_items() if "X" in item["sk"]["S"]
    ] == ([f"T#acme#X#{MILAN}"] if noted else [])


def test_a_search_that_the_store_breaks_off_leaves_no_claim() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    crm.before = lambda: office.stores.dynamo.faults.append(UnavailableError("timeout"))
    with pytest.raises(UnavailableError):
        office.search()
    assert not office.is_claimed()


# --- who is unknown ----------------------------------------------------------------------------


def test_a_caller_whom_no_crm_knows_is_not_searched_for_again_for_a_while() -> None:
    crm = ScriptedCrm("odoo")
    office = Office(crm)
    outcomes = [office.search().outcome for _ in range(3)]
    assert outcomes == ["unknown"] * 3
    assert len(crm.asked) == 1
    in_a_call = office.stores.calls.read("acme", [MILAN], caller=MILAN, timeout_s=1)
    assert in_a_call.unknown_until == office.now + UNKNOWN_S
    office.stores.now_s += UNKNOWN_S
    office.search()
    assert len(crm.asked) == 2


def test_a_contact_that_turns_up_ends_the_note() -> None:
    crm = ScriptedCrm("odoo")
    office = Office(crm)
    office.search()
    crm.contacts["7"] = record("odoo:7", MILAN)
    office.stores.now_s += UNKNOWN_S
    assert office.search().outcome == "found"
    assert not office.noted()


def test_a_note_holds_only_for_all_that_the_cli_may_mean() -> None:
    office = Office(ScriptedCrm("odoo"))
    office.search("3902445566")  # a mobile number, or Milan's
    assert office.noted("+393902445566/+3902445566/+39023902445566")
    assert not office.noted("+3902445566")


@pytest.mark.parametrize(
    "error", [UnavailableError("server"), ThrottledError("throttled"), KeyError("phone")]
)
def test_that_not_all_could_be_asked_is_no_miss(error: Exception) -> None:
    down, up = ScriptedCrm("down"), ScriptedCrm("up")
    down.before = failing(error)
    office = Office(down, up)
    found = office.search()
    assert found.outcome == "degraded"
    assert list(problems_of(found.replies)) == ["down"]
    assert not office.noted()


def test_a_connection_that_is_gone_is_no_miss() -> None:
    office = Office(ScriptedCrm("odoo"))
    office.providers.crms.clear()
    found = office.search()
    assert (found.outcome, problems_of(found.replies)) == ("degraded", {"odoo": "not_connected"})


def test_a_provider_that_breaks_says_where() -> None:
    crm = ScriptedCrm("odoo")
    crm.before = failing(KeyError("phone"))
    [reply] = Office(crm).search().replies
    assert (reply.problem, type(reply.error)) == ("error", KeyError)


def test_a_crm_that_never_answers_is_left_when_the_search_s_time_is_over() -> None:
    crm = ScriptedCrm("odoo")
    enough = threading.Event()
    crm.before = lambda: wait_for(enough)
    office = Office(crm)

    def turn_the_clock() -> None:
        office.stores.now_s += SEARCH_S

    office.providers.on_open = turn_the_clock
    found = office.search()
    enough.set()
    assert (found.outcome, problems_of(found.replies)) == ("degraded", {"odoo": "timeout"})


def test_a_store_that_does_not_answer_is_the_store_s_failure() -> None:
    office = Office(ScriptedCrm("odoo"))
    office.stores.dynamo.unprocessed = 1
    with pytest.raises(UnavailableError):
        office.search()


def test_an_erased_person_is_neither_shown_nor_brought_back_nor_noted() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.search()
    office.contacts.erase("odoo:7")
    assert office.search().outcome == "unknown"
    assert office.shown() == []
    assert not office.noted()


# --- the circuit breaker -----------------------------------------------------------------------


def test_a_crm_that_fails_again_and_again_is_left_alone_and_tried_once_later() -> None:
    crm = ScriptedCrm("odoo")
    crm.before = failing(UnavailableError("timeout"))
    office = Office(crm)
    for _ in range(FAILURES + 2):
        office.search()
    assert len(crm.asked) == FAILURES
    assert problems_of(office.search().replies) == {"odoo": "circuit_open"}
    office.stores.now_s += OPEN_S
    office.search()
    office.search()
    assert len(crm.asked) == FAILURES + 1
    office.stores.now_s += OPEN_S
    crm.before = lambda: None
    assert office.search().outcome == "unknown"
    assert office.search(OTHER).outcome == "unknown"
    assert len(crm.asked) == FAILURES + 3


def test_one_crm_s_circuit_is_not_another_s_nor_another_tenant_s() -> None:
    down, up = ScriptedCrm("down"), ScriptedCrm("up")
    down.before = failing(UnavailableError("timeout"))
    office = Office(down, up)
    for _ in range(FAILURES + 1):
        office.search()
    assert len(up.asked) == FAILURES + 1
    office.settings = office.settings._replace(tenant="bell")
    office.search()
    assert len(down.asked) == FAILURES + 1


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (ThrottledError("throttled", retry_after_s=90), 90),
        (ThrottledError("throttled", retry_after_s=1e9), LONGEST_OPEN_S),
        (RejectedError("permissions"), REJECTED_S),
    ],
)
def test_a_crm_that_asks_to_be_left_alone_is_left_alone_at_once(
    error: UnavailableError, pause_s: float
) -> None:
    crm = ScriptedCrm("odoo")
    crm.before = failing(error)
    office = Office(crm)
    office.search()
    office.stores.now_s += pause_s - 1
    office.search()
    assert len(crm.asked) == 1
    office.stores.now_s += 1
    office.search()
    assert len(crm.asked) == 2


def test_a_clock_that_is_set_back_opens_no_circuit_for_good() -> None:
    circuit = Circuit()
    circuit.failed(1_000_000.0, pause_s=60)
    assert not circuit.allows(1_000_000.0)
    assert circuit.allows(1_000_000.0 - LONGEST_OPEN_S)


# --- secrets -----------------------------------------------------------------------------------


def test_secrets_that_are_refused_are_read_again_and_the_crm_is_asked_once_more() -> None:
    old, new = ScriptedCrm("odoo"), ScriptedCrm("odoo", record("odoo:7", MILAN))
    old.before = failing(RejectedError("credentials"))
    office = Office(old)
    office.providers.renewed["odoo"] = new
    assert office.search().outcome == "found"


def test_secrets_that_are_refused_twice_are_an_operator_s_business() -> None:
    old, new = ScriptedCrm("odoo"), ScriptedCrm("odoo")
    old.before = new.before = failing(RejectedError("credentials"))
    office = Office(old)
    office.providers.renewed["odoo"] = new
    assert problems_of(office.search().replies) == {"odoo": "credentials"}
    office.search()
    assert (len(old.asked), len(new.asked), office.providers.reopened) == (1, 1, ["odoo"])


# --- refreshing --------------------------------------------------------------------------------


def refreshed(office: Office) -> Found:
    office.stores.now_s += FRESH_S
    return office.search(refresh=True)


def test_a_known_caller_is_asked_for_again_only_when_it_is_time() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.search()
    office.search(refresh=True)
    assert len(crm.asked) == 1
    crm.contacts["7"] = record("odoo:7", MILAN, last_name="Bianchi", version=1_800_000_000_000)
    found = refreshed(office)
    assert found.cards[0].holders[0].name == "Mario Bianchi"
    assert found.cards[0].refresh_at == office.now + FRESH_S
    office.search(refresh=True)
    assert len(crm.asked) == 2


def test_a_contact_that_is_gone_from_its_crm_leaves_the_index() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.search()
    crm.contacts.clear()
    assert refreshed(office).outcome == "unknown"
    assert office.shown() == []
    assert crm.fetched == ["7"]


def test_a_contact_that_has_another_number_now_is_found_under_that_one() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.search()
    crm.contacts["7"] = record("odoo:7", OTHER, version=1_800_000_000_000)
    refreshed(office)
    assert (office.shown(), office.shown(OTHER)) == ([], ["odoo:7"])


def test_a_crm_that_is_down_takes_nobody_from_the_index_and_is_asked_later() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.search()
    crm.before = failing(UnavailableError("server"))
    found = refreshed(office)
    assert office.shown() == ["odoo:7"]
    assert found.cards[0].refresh_at == office.now + RETRY_S
    assert not crm.fetched


def test_what_an_import_brought_is_nobody_s_to_take_away() -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", MILAN))
    office = Office(crm)
    office.search()
    save_contact(office.contacts, record("csv:1", MILAN), office.settings.line, now_ms=1)
    refreshed(office)
    assert sorted(office.shown()) == ["csv:1", "odoo:7"]
    assert not crm.fetched
