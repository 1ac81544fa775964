"""What a store of dialling promises, in memory and on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import AwsError, Client
from centralino.adapters.store.dial_items import CALL_S
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.domain.agent import Agent
from centralino.domain.dial_options import Budget, DialOptions, DialRule
from centralino.domain.errors import (
    NotFoundError,
    PayloadError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.settings import Settings
from centralino.ports.dialling import Outcome, PlacedCall
from centralino.ports.once import KEPT_S
from tests.support.customer_model import items_of
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.memory_store import NOW_S, MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.dynamodb_local import DynamoDBLocal

NUMBER = "+390244556677"
OTHER = "+390244556688"
NOW_MS = int(NOW_S) * 1000
FREE = Budget(agent_minute=0, agent_hour=0, agent_day=0)
OPTIONS = DialOptions(
    pbx="generic",
    countries=("CH", "SM"),
    short_numbers=("4040",),
    internal=True,
    caller_ids=("+390244550000",),
    rules=(DialRule(("2*",), "IT", "0", "1088", "international", "00"), DialRule()),
    budget=Budget(cost_day=5_000, prices={"+39": 20}, country_day={"*": 5}),
)


class Bench:
    """A store under test, and a look behind it."""

    def __init__(self, stores: Stores, server: DynamoDBLocal | None = None) -> None:
        self.stores = stores
        self.store = self.of("acme")
        self._server = server
        stores.create_tenant("acme", Settings("acme"))

    def of(self, tenant: str) -> DynamoDialStore:
        return DynamoDialStore(
            self.stores.client,
            self.stores.table,
            tenant,
            now=lambda: self.stores.now_s,
            pause=self.stores.pauses.append,
        )

    def items(self, kind: str) -> list[dict[str, Any]]:
        return [
            item
            for item in items_of(self.stores, self._server)
            if item.get("type", {}).get("S") == kind
        ]

    def counts(self) -> dict[str, int]:
        """What is counted: limit and whose -> how much."""
        return {
            item["pk"]["S"].split("#")[3].rpartition(".")[0]: int(item["n"]["N"])
            for item in self.items("DialCounter")
        }

    def fail(self, call_id: str, reason: str = "busy") -> None:
        self.store.settle(call_id, Outcome("failed", reason, "486"), now_ms=NOW_MS + 9)


@pytest.fixture(params=["memory", "dynamodb"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield Bench(MemoryStores())
        return
    server: DynamoDBLocal = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    yield Bench(Stores(client, request.getfixturevalue("table")), server)
    client.close()


def id_of(count: int) -> str:
    return f"{count:022}"


def call_of(count: int = 1, number: str = NUMBER, at_ms: int = NOW_MS, **more: Any) -> PlacedCall:  # noqa: ANN401
    fields: dict[str, Any] = {
        "asked": "02 44556677",
        "exten": "21",
        "number": number,
        "dial": "00244556677",
        "provider": "generic",
        "key_id": "0123456789ab",
        "role": "agent",
        "country": "IT",
        "asked_ms": at_ms,
        "changed_ms": at_ms,
    }
    return PlacedCall(call_id=id_of(count), **fields | more)


# --- options --------------------------------------------------------------------------------------


def test_options_are_the_defaults_until_some_are_saved_and_then_as_they_were_saved(
    bench: Bench,
) -> None:
    assert bench.store.options() == DialOptions()
    saved = bench.store.save_options(OPTIONS)
    assert saved == OPTIONS._replace(version=1)
    assert bench.store.options() == saved
    assert bench.store.desk("21").options == saved


def test_options_are_saved_over_the_version_that_was_read_and_no_other(bench: Bench) -> None:
    first = bench.store.save_options(OPTIONS)
    assert first
    second = bench.store.save_options(first._replace(pbx="asterisk"))
    assert second
    for stale in (OPTIONS, first, second._replace(version=3)):
        assert bench.store.save_options(stale) is None
    assert bench.store.options() == second


def test_options_of_newer_code_are_read_as_far_as_they_are_known(bench: Bench) -> None:
    bench.store.save_options(OPTIONS)
    doc = (
        '{"pbx": "generic", "later": 1, "rules": [{"extens": ["2*"], "later": 1}], '
        '"budget": {"agent_day": 5, "later": 1}}'
    )
    bench.stores.client.call(
        "UpdateItem",
        {
            "TableName": bench.stores.table,
            "Key": {"pk": {"S": "T#acme"}, "sk": {"S": "DIALLING"}},
            "UpdateExpression": "SET doc = :doc",
            "ExpressionAttributeValues": {":doc": {"S": doc}},
        },
        timeout_s=5,
    )
    read = bench.store.options()
    assert read.rules == (DialRule(("2*",)),)
    assert read.budget == Budget(agent_day=5)


def test_a_tenant_that_there_is_not_has_no_options_and_no_list(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        bench.of("other").save_options(OPTIONS)
    with pytest.raises(NotFoundError):
        bench.of("other").block(NUMBER, "", now_ms=NOW_MS)
    assert bench.of("other").options() == DialOptions()


# --- whom not to call -----------------------------------------------------------------------------


def test_a_number_on_the_do_not_call_list_is_found_by_the_next_desk_until_it_is_off(
    bench: Bench,
) -> None:
    bench.store.block(NUMBER, "asked by letter", now_ms=NOW_MS)
    bench.store.block("+3902445566*", "a competitor", now_ms=NOW_MS)
    keys = (NUMBER, "+39024455667*", "+3902445566*")
    assert bench.store.desk("21", keys).blocked == ("+3902445566*", NUMBER)
    assert bench.store.unblock(NUMBER)
    assert not bench.store.unblock(NUMBER)
    assert bench.store.desk("21", keys).blocked == ("+3902445566*",)


def test_the_do_not_call_list_is_read_page_by_page_each_number_once(bench: Bench) -> None:
    wanted = {f"+3902445566{n:02}": f"reason {n}" for n in range(23)}
    for key, reason in wanted.items():
        bench.store.block(key, reason, now_ms=NOW_MS)
    found: list[tuple[str, str]] = []
    cursor = ""
    while True:
        page, cursor = bench.store.blocked(cursor, limit=5)
        found += page
        if not cursor:
            break
    assert sorted(found) == sorted(wanted.items())


@pytest.mark.parametrize("key", ["", "tel", "+39#1", "*", "+39*1", "+", "+390244556677\n"])
def test_what_is_no_number_is_on_no_list(bench: Bench, key: str) -> None:
    with pytest.raises(PayloadError):
        bench.store.block(key, "", now_ms=NOW_MS)


@pytest.mark.parametrize("cursor", ["x", "!", "OTk", "OTkueA", "MC4jIw"])
def test_a_cursor_that_is_none_of_ours_is_refused(bench: Bench, cursor: str) -> None:
    with pytest.raises(PayloadError):
        bench.store.blocked(cursor)
    with pytest.raises(PayloadError):
        bench.store.calls(cursor)


# --- the desk -------------------------------------------------------------------------------------


def test_the_desk_knows_the_agent_and_the_call_of_that_id_in_one_read(bench: Bench) -> None:
    bench.stores.agents("acme").save(Agent("21", "Anna"))
    call = call_of()
    bench.store.begin(call, FREE, home="IT")
    if isinstance(bench.stores.client, MemoryDynamo):
        bench.stores.client.requests.clear()
    desk = bench.store.desk("21", (NUMBER,), call.call_id)
    assert desk.agent
    assert (desk.agent.exten, desk.agent.name) == ("21", "Anna")
    assert desk.call == call
    assert desk.blocked == ()
    if isinstance(bench.stores.client, MemoryDynamo):
        assert bench.stores.client.requests == ["BatchGetItem"]
    assert bench.store.desk("22").agent is None
    assert bench.store.desk("22").call is None


# --- a call begins --------------------------------------------------------------------------------


def test_a_call_that_begins_is_written_down_as_it_was_asked_for(bench: Bench) -> None:
    call = call_of(caller_id="+390244550000", contact_id="hubspot:17", cost=60)
    begun = bench.store.begin(call, Budget(), home="IT")
    assert (begun.fresh, begun.call) == (True, call)
    assert bench.store.get(call.call_id) == call
    [item] = bench.items("PlacedCall")
    assert int(item["expires_at"]["N"]) == int(NOW_S) + CALL_S
    assert bench.counts() == {"agent_minute.21": 1, "agent_hour.21": 1, "agent_day.21": 1}


def test_a_second_click_within_5_seconds_is_the_first_call_and_counts_no_more(
    bench: Bench,
) -> None:
    first = bench.store.begin(call_of(1), Budget(), home="IT").call
    second = bench.store.begin(call_of(2, at_ms=NOW_MS + 4_999), Budget(), home="IT")
    assert (second.call, second.fresh) == (first, False)
    assert bench.store.get(id_of(2)) is None
    assert bench.counts()["agent_minute.21"] == 1
    for count, (number, exten) in enumerate(((OTHER, "21"), (NUMBER, "22")), 3):
        assert bench.store.begin(call_of(count, number, exten=exten), FREE, home="IT").fresh
    bench.store.settle(id_of(1), Outcome("placed"), now_ms=NOW_MS + 4_999)
    assert not bench.store.begin(call_of(8, at_ms=NOW_MS + 4_999), FREE, home="IT").fresh
    assert bench.store.begin(call_of(9, at_ms=NOW_MS + 5_000), FREE, home="IT").fresh


@pytest.mark.parametrize("state", ["requested", "unknown"])
def test_while_nobody_knows_whether_it_rings_a_click_is_the_first_call_for_30_seconds(
    bench: Bench, state: str
) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    if state == "unknown":
        bench.store.settle(id_of(1), Outcome("unknown", "unknown"), now_ms=NOW_MS + 8_000)
    again = bench.store.begin(call_of(2, at_ms=NOW_MS + 29_999), Budget(), home="IT")
    assert again.call
    assert (again.fresh, again.call.call_id) == (False, id_of(1))
    assert bench.store.begin(call_of(3, at_ms=NOW_MS + 30_000), Budget(), home="IT").fresh


def test_an_answer_that_is_later_than_events_ends_the_wait_for_it(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.note(id_of(1), "ringing", at_ms=NOW_MS + 10)
    bench.store.settle(id_of(1), Outcome("placed"), now_ms=NOW_MS + 50)
    assert bench.store.begin(call_of(2, at_ms=NOW_MS + 5_000), Budget(), home="IT").fresh


def test_a_second_click_is_the_first_call_even_where_nothing_may_be_dialled_any_more(
    bench: Bench,
) -> None:
    budget = Budget(agent_minute=1)
    assert bench.store.begin(call_of(1), budget, home="IT").fresh
    again = bench.store.begin(call_of(2), budget, home="IT")
    assert again.call
    assert (again.call.call_id, again.spent) == (id_of(1), "")


@pytest.mark.parametrize("reason", ["busy", "unreachable", "refused"])
def test_after_a_failure_the_next_click_is_a_call_of_its_own_at_once(
    bench: Bench, reason: str
) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.fail(id_of(1), reason)
    assert bench.store.begin(call_of(2), Budget(), home="IT").fresh
    # It was counted: a storm of attempts has an end, too.
    assert bench.counts()["agent_minute.21"] == 2


def test_a_failed_call_does_not_take_the_claim_of_a_later_one_away(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    later = call_of(2, at_ms=NOW_MS + 30_000)
    bench.store.begin(later, Budget(), home="IT")
    bench.fail(id_of(1))
    third = bench.store.begin(call_of(3, at_ms=NOW_MS + 30_500), Budget(), home="IT")
    assert third.call
    assert third.call.call_id == later.call_id


def test_who_was_busy_may_be_called_again_as_soon_as_the_call_has_ended(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.settle(id_of(1), Outcome("placed", provider_id="a.1"), now_ms=NOW_MS + 50)
    assert not bench.store.begin(call_of(2, at_ms=NOW_MS + 900), Budget(), home="IT").fresh
    bench.store.note(id_of(1), "ended", at_ms=NOW_MS + 1_000, reason="17")
    assert bench.store.begin(call_of(3, at_ms=NOW_MS + 1_100), Budget(), home="IT").fresh


def test_the_same_id_is_the_same_call_for_good_unless_it_failed(bench: Bench) -> None:
    for state in ("requested", "placed", "ended"):
        if state == "placed":
            bench.store.settle(id_of(1), Outcome("placed"), now_ms=NOW_MS + 1)
        elif state == "ended":
            bench.store.note(id_of(1), "ended", at_ms=NOW_MS + 2)
        begun = bench.store.begin(call_of(1, at_ms=NOW_MS + 3_600_000), Budget(), home="IT")
        assert begun.call
        if state != "requested":
            assert (begun.fresh, begun.call.state) == (False, state)
    assert bench.counts()["agent_hour.21"] == 1


def test_a_call_of_the_same_id_begins_once_more_when_it_is_a_day_old(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.settle(id_of(1), Outcome("placed"), now_ms=NOW_MS + 1)
    later = NOW_MS + KEPT_S * 1000
    assert not bench.store.begin(call_of(1, at_ms=later - 1), Budget(), home="IT").fresh
    assert bench.store.begin(call_of(1, at_ms=later), Budget(), home="IT").fresh
    calls, _ = bench.store.calls()
    assert [call.state for call in calls] == ["requested", "placed"]


def test_an_unknown_call_of_the_same_id_never_begins_again(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.settle(id_of(1), Outcome("unknown", "unknown"), now_ms=NOW_MS + 1)
    begun = bench.store.begin(call_of(1, at_ms=NOW_MS + 60_000), Budget(), home="IT")
    assert begun.call
    assert (begun.fresh, begun.call.state) == (False, "unknown")


def test_a_failed_call_of_the_same_id_begins_once_more_and_the_trail_has_both(
    bench: Bench,
) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.fail(id_of(1))
    again = call_of(1, at_ms=NOW_MS + 100)
    assert bench.store.begin(again, Budget(), home="IT").fresh
    assert bench.store.get(id_of(1)) == again
    calls, _ = bench.store.calls()
    assert [(call.call_id, call.state) for call in calls] == [
        (id_of(1), "requested"),
        (id_of(1), "failed"),
    ]
    assert bench.counts()["agent_minute.21"] == 2


# --- limits ---------------------------------------------------------------------------------------

LIMITS: Mapping[str, tuple[Budget, int]] = {
    "agent_minute": (FREE._replace(agent_minute=3), 60),
    "agent_hour": (FREE._replace(agent_hour=3), 3_600),
    "agent_day": (FREE._replace(agent_day=3), 86_400),
    "tenant_minute": (FREE._replace(tenant_minute=3), 60),
    "tenant_day": (FREE._replace(tenant_day=3), 86_400),
    "country_day": (FREE._replace(country_day={"IT": 3}), 86_400),
    "cost_day": (FREE._replace(cost_day=300), 86_400),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_call_over_a_limit_does_not_begin_before_its_window_is_over(
    bench: Bench, name: str
) -> None:
    budget, window_s = LIMITS[name]
    start_ms = int(NOW_S) // window_s * window_s * 1000
    for count in range(3):
        at_ms = start_ms + count * window_s * 250
        call = call_of(count, f"+39024455{count:04}", at_ms, cost=100)
        assert bench.store.begin(call, budget, home="IT").fresh
    last_ms = start_ms + window_s * 1000 - 1
    over = bench.store.begin(call_of(4, OTHER, last_ms, cost=100), budget, home="IT")
    assert (over.call, over.fresh, over.spent) == (None, False, name)
    assert 1 <= over.retry_after_s <= window_s
    assert bench.store.get(id_of(4)) is None
    [counted] = bench.counts().values()
    assert counted == (300 if name == "cost_day" else 3)
    next_ms = start_ms + window_s * 1000
    assert bench.store.begin(call_of(5, OTHER, next_ms, cost=100), budget, home="IT").fresh


def test_a_limit_of_one_agent_is_not_that_of_another(bench: Bench) -> None:
    budget = FREE._replace(agent_minute=1)
    assert bench.store.begin(call_of(1), budget, home="IT").fresh
    assert bench.store.begin(call_of(2, OTHER), budget, home="IT").spent == "agent_minute"
    assert bench.store.begin(call_of(3, OTHER, exten="22"), budget, home="IT").fresh


def test_other_countries_have_the_limit_of_the_rest_and_the_own_has_none(bench: Bench) -> None:
    budget = FREE._replace(country_day={"*": 1, "CH": 0})
    swiss = call_of(1, "+41442681111", country="CH")
    assert bench.store.begin(swiss, budget, home="IT").spent == "country_day"
    for count, country in enumerate(("FR", "DE", "IT", "IT", ""), 2):
        number = f"+3902445500{count:02}"
        begun = bench.store.begin(call_of(count, number, country=country), budget, home="IT")
        assert begun.fresh
    french = call_of(9, "+33144556677", country="FR")
    assert bench.store.begin(french, budget, home="IT").spent == "country_day"


def test_a_single_call_that_is_dearer_than_a_day_may_be_is_not_counted(bench: Bench) -> None:
    budget = FREE._replace(cost_day=50)
    assert bench.store.begin(call_of(1, cost=51), budget, home="IT").spent == "cost_day"
    assert bench.counts() == {}
    assert bench.store.begin(call_of(2, cost=50), budget, home="IT").fresh


def test_what_a_pbx_did_not_take_costs_nothing(bench: Bench) -> None:
    budget = Budget(cost_day=100)
    bench.store.begin(call_of(1, cost=100), budget, home="IT")
    assert bench.store.begin(call_of(2, OTHER, cost=1), budget, home="IT").spent == "cost_day"
    bench.fail(id_of(1))
    assert bench.counts()["cost_day."] == 0
    bench.fail(id_of(1))
    assert bench.counts()["cost_day."] == 0
    assert bench.store.begin(call_of(3, OTHER, cost=100), budget, home="IT").fresh


def test_what_may_ring_costs_what_it_was_estimated_at(bench: Bench) -> None:
    budget = Budget(cost_day=100)
    bench.store.begin(call_of(1, cost=100), budget, home="IT")
    bench.store.settle(id_of(1), Outcome("unknown", "unknown"), now_ms=NOW_MS)
    assert bench.counts()["cost_day."] == 100


# --- what becomes of a call -----------------------------------------------------------------------


def test_what_the_pbx_made_of_a_call_is_written_down(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.settle(id_of(1), Outcome("placed", provider_id="a.1"), now_ms=NOW_MS + 50)
    call = bench.store.get(id_of(1))
    assert call == call_of(1, state="placed", provider_id="a.1", changed_ms=NOW_MS + 50)
    bench.store.begin(call_of(2, OTHER), Budget(), home="IT")
    bench.fail(id_of(2))
    assert bench.store.get(id_of(2)) == call_of(
        2, OTHER, state="failed", reason="busy", detail="486", changed_ms=NOW_MS + 9
    )


def test_an_answer_that_is_later_than_events_names_the_call_and_takes_nothing_back(
    bench: Bench,
) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.note(id_of(1), "ringing", at_ms=NOW_MS + 10)
    bench.store.settle(id_of(1), Outcome("placed", provider_id="a.1"), now_ms=NOW_MS + 50)
    call = bench.store.get(id_of(1))
    assert call
    assert (call.state, call.provider_id, call.changed_ms) == ("ringing", "a.1", NOW_MS + 10)
    bench.fail(id_of(1))
    assert bench.store.get(id_of(1)) == call


def test_states_go_forward_only_in_whatever_order_and_number_events_come(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    seen = []
    events = ("ringing", "placed", "ringing", "answered", "ringing", "ended", "answered", "ended")
    for at, state in enumerate(events):
        bench.store.note(id_of(1), state, at_ms=NOW_MS + at, reason=f"{at}")
        call = bench.store.get(id_of(1))
        assert call
        seen.append((call.state, call.reason))
    assert seen == [
        ("ringing", "0"),
        ("ringing", "0"),
        ("ringing", "0"),
        ("answered", "3"),
        ("answered", "3"),
        ("ended", "5"),
        ("ended", "5"),
        ("ended", "5"),
    ]


def test_an_event_says_what_became_of_an_unknown_call_and_nothing_of_a_failed_one(
    bench: Bench,
) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.settle(id_of(1), Outcome("unknown", "unknown"), now_ms=NOW_MS)
    bench.store.note(id_of(1), "ringing", at_ms=NOW_MS + 1)
    call = bench.store.get(id_of(1))
    assert call
    assert (call.state, call.reason) == ("ringing", "")
    bench.store.begin(call_of(2, OTHER), Budget(), home="IT")
    bench.fail(id_of(2))
    bench.store.note(id_of(2), "ringing", at_ms=NOW_MS + 1)
    failed = bench.store.get(id_of(2))
    assert failed
    assert failed.state == "failed"


def test_events_of_calls_that_are_not_ours_are_nothing(bench: Bench) -> None:
    bench.store.note(id_of(7), "ended", at_ms=NOW_MS)
    bench.store.settle(id_of(7), Outcome("placed", provider_id="x"), now_ms=NOW_MS)
    bench.fail(id_of(7))
    assert bench.items("PlacedCall") == []


@pytest.mark.parametrize("call_id", ["", "1", "#" * 22, "0" * 23, "0" * 21 + "-"])
def test_what_is_no_calls_id_is_refused(bench: Bench, call_id: str) -> None:
    for act in (
        lambda: bench.store.get(call_id),
        lambda: bench.store.note(call_id, "ended", at_ms=NOW_MS),
        lambda: bench.store.begin(call_of()._replace(call_id=call_id), FREE, home="IT"),
    ):
        with pytest.raises(PayloadError):
            act()


# --- the audit trail ------------------------------------------------------------------------------


def test_a_refused_call_is_in_the_trail_and_counts_nothing(bench: Bench) -> None:
    call = call_of(1, state="refused", reason="premium", number="+39899123456")
    bench.store.refuse(call)
    assert bench.store.get(id_of(1)) == call
    assert bench.counts() == {}
    assert bench.items("Click") == []


def test_a_refused_attempt_never_takes_the_place_of_a_call_that_lives(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(), home="IT")
    bench.store.refuse(call_of(1, state="refused", reason="budget", at_ms=NOW_MS + 1))
    live = bench.store.get(id_of(1))
    assert live
    assert live.state == "requested"
    calls, _ = bench.store.calls()
    assert [call.state for call in calls] == ["refused", "requested"]


def test_the_trail_is_read_newest_first_page_by_page_each_attempt_once(bench: Bench) -> None:
    for count in range(23):
        bench.store.refuse(call_of(count, at_ms=NOW_MS + count, state="refused", reason="short"))
    found: list[str] = []
    cursor = ""
    while True:
        page, cursor = bench.store.calls(cursor, limit=5)
        assert len(page) <= 5
        found += [call.call_id for call in page]
        if not cursor:
            break
    assert found == [id_of(count) for count in reversed(range(23))]


def test_the_trail_is_kept_for_two_years(bench: Bench) -> None:
    bench.store.refuse(call_of(1, state="refused", reason="short"))
    bench.stores.now_s += CALL_S - 1
    assert bench.store.calls()[0]
    bench.stores.now_s += 2
    assert bench.store.calls()[0] == ()


def test_a_tenants_calls_are_its_own(bench: Bench) -> None:
    bench.store.begin(call_of(1), Budget(agent_minute=1), home="IT")
    bench.store.block(NUMBER, "", now_ms=NOW_MS)
    other = bench.of("other")
    assert other.get(id_of(1)) is None
    assert other.calls() == ((), "")
    assert other.blocked() == ((), "")
    assert other.desk("21", (NUMBER,), id_of(1)).blocked == ()
    other.note(id_of(1), "ended", at_ms=NOW_MS)
    call = bench.store.get(id_of(1))
    assert call
    assert call.state == "requested"
    assert other.begin(call_of(1), Budget(agent_minute=1), home="IT").fresh


# --- others at the same items ---------------------------------------------------------------------


def test_who_is_in_anothers_way_waits_a_little_and_counts_once() -> None:
    bench = Bench(MemoryStores())
    assert isinstance(bench.stores.client, MemoryDynamo)
    conflict = {"CancellationReasons": [{"Code": "TransactionConflict"}] * 5}
    bench.stores.client.faults += [
        AwsError("TransactionCanceledException", "", conflict),
        AwsError("TransactionConflictException", "", {}),
    ]
    assert bench.store.begin(call_of(1), Budget(), home="IT").fresh
    assert len(bench.stores.pauses) == 2
    assert set(bench.counts().values()) == {1}


def test_a_claim_that_somebody_is_just_making_is_looked_at_before_a_limit() -> None:
    bench = Bench(MemoryStores())
    assert isinstance(bench.stores.client, MemoryDynamo)
    budget = FREE._replace(agent_minute=1)
    bench.store.begin(call_of(1), budget, home="IT")
    both = [{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}]
    bench.stores.client.faults.append(
        AwsError("TransactionCanceledException", "", {"CancellationReasons": both})
    )
    begun = bench.store.begin(call_of(2), budget, home="IT")
    assert begun.call
    assert begun.call.call_id == id_of(1)


@pytest.mark.parametrize(
    "told",
    [
        AwsError("TransactionInProgressException", "", {}),
        UnavailableError("timeout"),
        ThrottledError("throttled"),
    ],
)
def test_what_was_begun_and_not_answered_is_not_taken_for_somebody_elses(told: Exception) -> None:
    bench = Bench(MemoryStores())
    dynamo = bench.stores.client
    assert isinstance(dynamo, MemoryDynamo)
    write = dynamo._TransactWriteItems
    tokens = []

    def done_but_not_told(payload: dict[str, Any]) -> dict[str, Any]:
        tokens.append(payload["ClientRequestToken"])
        write(payload)
        if len(tokens) == 1:
            raise told
        return {}

    dynamo.__dict__["_TransactWriteItems"] = done_but_not_told
    assert bench.store.begin(call_of(1), Budget(), home="IT").fresh
    assert len(set(tokens)) == 1
    assert set(bench.counts().values()) == {1}


def test_who_never_gets_through_is_told_that_the_store_is_busy() -> None:
    bench = Bench(MemoryStores())
    assert isinstance(bench.stores.client, MemoryDynamo)
    bench.stores.client.faults += [AwsError("TransactionConflictException", "", {})] * 40
    with pytest.raises(ThrottledError):
        bench.store.begin(call_of(1), Budget(), home="IT")
