"""What calls leave behind is found and removed by number, in memory and on DynamoDB Local."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.route_items import decision_key, history_key, list_key, write_kept
from centralino.domain.decision import Decision, Kept
from centralino.domain.dial_options import Budget
from centralino.domain.errors import PayloadError
from centralino.ports.dialling import Outcome, PlacedCall
from centralino.ports.traces import Traces
from tests.support.customer_model import items_of
from tests.support.memory_store import NOW_S, MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.adapters.store.table import Item
    from tests.support.dynamodb_local import DynamoDBLocal

NUMBER = "+390244556677"
OTHER = "+390244556688"
AT = int(NOW_S)


class Place:
    """Stores, and a look behind them."""

    def __init__(self, stores: Stores, server: DynamoDBLocal | None = None) -> None:
        self.stores = stores
        self._server = server

    def text(self) -> str:
        return str(items_of(self.stores, self._server))

    def leave(self, number: str, call_id: str, tenant: str = "acme", lives_s: int = 900) -> None:
        """Let a call be decided and counted, as the journal does it."""
        kept = Kept(call_id, AT, {"caller": {"number": number}}, Decision(rule="r"))
        self._put(history_key(tenant, number), tenant, "history", number, number, lives_s)
        key = {**decision_key(tenant, call_id), "doc": {"S": write_kept(kept)}}
        self._put(key, tenant, "decision", call_id, f"{AT:010}#{call_id:0>12}", lives_s)

    def dialling(self, tenant: str) -> DynamoDialStore:
        stores = self.stores
        return DynamoDialStore(
            stores.client,
            stores.table,
            tenant,
            now=lambda: stores.now_s,
            pause=stores.pauses.append,
        )

    def dial(self, number: str, call_id: str, tenant: str = "acme", at_ms: int = AT * 1000) -> None:
        """Let a call be placed, as the function does it."""
        call = PlacedCall(call_id.zfill(22), number, call_id[-2:], number, asked_ms=at_ms)
        assert self.dialling(tenant).begin(call, Budget(), home="IT").fresh

    def _put(  # noqa: PLR0917 - what an item is made of
        self, item: Item, tenant: str, kind: str, name: str, lsk: str, lives_s: int
    ) -> None:
        more = {
            "lpk": {"S": list_key(tenant, kind, name)},
            "lsk": {"S": lsk},
            "expires_at": {"N": str(AT + lives_s)},
            "last_at": {"N": str(AT)},
        }
        put = {"Put": {"TableName": self.stores.table, "Item": {**item, **more}}}
        payload = {"TransactItems": [put], "ClientRequestToken": uuid.uuid4().hex}
        self.stores.client.call("TransactWriteItems", payload, timeout_s=5)


@pytest.fixture(params=["memory", "dynamodb"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "memory":
        yield Place(MemoryStores())
        return
    server: DynamoDBLocal = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    yield Place(Stores(client, request.getfixturevalue("table")), server)
    client.close()


def test_what_a_number_left_behind_is_found_and_nobody_elses(place: Place) -> None:
    place.leave(NUMBER, "1")
    place.leave(NUMBER, "2")
    place.leave(OTHER, "3")
    place.leave(NUMBER, "4", tenant="other")
    traces = place.stores.traces("acme").of([NUMBER])
    assert traces.histories.keys() == {NUMBER}
    assert {kept.call_id for kept in traces.decisions} == {"1", "2"}
    assert place.stores.traces("acme").of(["+391"]).decisions == ()


def test_what_has_expired_is_not_shown_and_can_be_erased(place: Place) -> None:
    place.leave(NUMBER, "1", lives_s=0)
    store = place.stores.traces("acme")
    assert store.of([NUMBER]) == Traces({}, ())
    assert store.erase([NUMBER]) == 2
    assert NUMBER not in place.text()


def test_a_number_that_is_erased_leaves_nothing(place: Place) -> None:
    for call_id in "12":
        place.leave(NUMBER, call_id)
    place.leave(OTHER, "3")
    store = place.stores.traces("acme")
    assert store.erase([NUMBER]) == 3
    assert NUMBER not in place.text()
    assert OTHER in place.text()
    assert store.erase([NUMBER]) == 0


def test_calls_that_were_placed_to_a_number_are_found_and_removed_and_nobody_elses(
    place: Place,
) -> None:
    for tenant in ("acme", "other"):
        place.dial(NUMBER, "1", tenant)
    place.dial(NUMBER, "2")
    place.dial(OTHER, "3")
    store = place.stores.traces("acme")
    assert {call.call_id[-1] for call in store.of([NUMBER]).calls} == {"1", "2"}
    assert store.erase([NUMBER]) == 2
    assert store.of([NUMBER]) == Traces({}, ())
    assert len(store.of([OTHER]).calls) == 1
    assert len(place.stores.traces("other").of([NUMBER]).calls) == 1


def test_every_attempt_to_call_a_number_is_found_and_removed(place: Place) -> None:
    place.dial(NUMBER, "1")
    dialling = place.dialling("acme")
    dialling.settle("1".zfill(22), Outcome("failed", "busy"), now_ms=AT * 1000 + 1)
    place.dial(NUMBER, "1", at_ms=AT * 1000 + 5)
    refused = PlacedCall("4".zfill(22), "?", "21", NUMBER, state="refused", asked_ms=AT * 1000)
    dialling.refuse(refused)
    store = place.stores.traces("acme")
    assert len(store.of([NUMBER]).calls) == 3
    assert store.erase([NUMBER]) == 3
    assert dialling.calls() == ((), "")


def test_calls_that_were_asked_for_by_a_contacts_id_or_could_not_be_read_go_with_the_person(
    place: Place,
) -> None:
    dialling = place.dialling("acme")
    at = AT * 1000
    mine = PlacedCall("1".zfill(22), "api:1", "21", OTHER, contact_id="api:1", asked_ms=at)
    unread = PlacedCall("2".zfill(22), "ring 02/4455.6677 or", "21", state="refused", asked_ms=at)
    others = PlacedCall("3".zfill(22), "api:2", "21", OTHER, contact_id="api:2", asked_ms=at)
    empty = PlacedCall("4".zfill(22), "?", "21", state="refused", asked_ms=at)
    for call in (mine, unread, others, empty):
        dialling.refuse(call)
    store = place.stores.traces("acme")
    assert len(store.of([NUMBER], "api:1").calls) == 2
    assert store.erase([NUMBER], "api:1") == 2
    assert {call.call_id[-1] for call in dialling.calls()[0]} == {"3", "4"}
    assert store.erase([]) == 0


def test_who_is_forgotten_stays_on_the_do_not_call_list(place: Place) -> None:
    place.stores.create_tenant("acme")
    place.dialling("acme").block(NUMBER, "asked by letter", now_ms=AT)
    place.dialling("acme").block("+3902*", "", now_ms=AT)
    store = place.stores.traces("acme")
    assert store.of([NUMBER]).blocked == {NUMBER: "asked by letter"}
    assert store.erase([NUMBER]) == 0
    assert place.dialling("acme").desk("21", (NUMBER,)).blocked == (NUMBER,)


def test_placed_calls_and_the_do_not_call_list_are_listed_once_each_and_go_with_the_tenant(
    place: Place,
) -> None:
    place.stores.create_tenant("acme")
    wanted = {str(count).zfill(22) for count in range(19)}
    for call_id in wanted:
        place.dial(NUMBER, call_id)
        place.dialling("acme").block(f"+3902445566{call_id[-2:]}", "", now_ms=AT)
    place.dial(NUMBER, "1", "other")
    store = place.stores.traces("acme")
    calls: list[str] = []
    blocked: list[str] = []
    cursor = ""
    while True:
        page = store.page(cursor=cursor)
        calls += (call.call_id for call in page.traces.calls)
        blocked += page.traces.blocked
        cursor = page.cursor
        if not cursor:
            break
    assert sorted(calls) == sorted(wanted)
    assert sorted(blocked) == sorted(f"+3902445566{call_id[-2:]}" for call_id in wanted)
    removed = 0
    while part := store.purge(limit=7):
        removed += part
    assert removed == 38
    assert place.dialling("acme").calls() == ((), "")
    assert place.dialling("acme").blocked() == ((), "")
    assert place.dialling("other").calls()[0]


def test_all_of_a_tenants_traces_are_listed_once_each(place: Place) -> None:
    numbers = {f"+3902445566{n:02}" for n in range(30)}
    for n, number in enumerate(sorted(numbers)):
        place.leave(number, str(n))
    place.leave(NUMBER, "4", tenant="other")
    histories: list[str] = []
    decisions: list[str] = []
    cursor = ""
    while True:
        page = place.stores.traces("acme").page(cursor=cursor)
        histories += page.traces.histories
        decisions += (kept.call_id for kept in page.traces.decisions)
        cursor = page.cursor
        if not cursor:
            break
    assert sorted(histories) == sorted(numbers)
    assert sorted(decisions) == sorted(str(n) for n in range(30))


@pytest.mark.parametrize("cursor", ["x", "history.16", "talk.0", "history.-1"])
def test_a_cursor_that_is_none_of_ours_is_refused(place: Place, cursor: str) -> None:
    with pytest.raises(PayloadError):
        place.stores.traces("acme").page(cursor=cursor)


def test_an_erased_tenant_leaves_no_trace_and_others_do(place: Place) -> None:
    for n in range(12):
        place.leave(f"+3902445566{n:02}", str(n))
    place.leave(NUMBER, "4", tenant="other")
    store = place.stores.traces("acme")
    removed = []
    while part := store.purge(limit=5):
        removed.append(part)
    assert sum(removed) == 24
    assert max(removed) <= 5
    assert "T#acme" not in place.text()
    assert place.stores.traces("other").of([NUMBER]).decisions
