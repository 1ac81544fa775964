"""What a store of PBXs' connections promises, in memory and on DynamoDB Local."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.sockets import (
    ANSWER_S,
    EVENT_S,
    SOCKET_S,
    DynamoSocketList,
    DynamoSocketStore,
)
from centralino.domain.ari import AriAnswer
from centralino.domain.errors import PayloadError
from centralino.ports.sockets import Socket
from tests.support.customer_model import items_of
from tests.support.memory_store import NOW_S, MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dynamodb_local import DynamoDBLocal

NOW_MS = int(NOW_S) * 1000
SOCKET = Socket("acme", "L0SM9cOFvHcCIhw=", "milan", NOW_MS, "192.0.2.7", "Asterisk 22", "abc")
CALL = "0123456789abcdefABCDEF"
NUMBER = "+390244556677"


class Bench:
    """A store under test, and a look behind it."""

    def __init__(self, stores: Stores, server: DynamoDBLocal | None = None) -> None:
        self.stores = stores
        self.store = self.of("acme")
        self.list = DynamoSocketList(
            stores.client, stores.table, now=lambda: stores.now_s, pause=stores.pauses.append
        )
        self._server = server

    def of(self, tenant: str) -> DynamoSocketStore:
        stores = self.stores
        return DynamoSocketStore(stores.client, stores.table, tenant, now=lambda: stores.now_s)

    def text(self) -> str:
        return str(items_of(self.stores, self._server))


@pytest.fixture(params=["memory", "dynamodb"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield Bench(MemoryStores())
        return
    server: DynamoDBLocal = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    yield Bench(Stores(client, request.getfixturevalue("table")), server)
    client.close()


def said(caller: str, exten: str = "21") -> str:
    channel = {"id": "1795000000.17", "caller": {"name": "Mario", "number": caller}}
    return json.dumps({"type": "StasisStart", "channel": channel, "exten": exten})


def test_a_connection_comes_back_as_it_was_kept(bench: Bench) -> None:
    kept = SOCKET._replace(filtered=True, alive_ms=NOW_MS + 5, unanswered=2)
    bench.store.save(kept)

    assert bench.store.get(SOCKET.id) == kept
    assert bench.store.all() == (kept,)
    assert bench.list.find(SOCKET.id) == kept
    assert list(bench.list.all()) == [kept]


def test_connections_are_listed_the_newest_first_and_nobody_elses(bench: Bench) -> None:
    for count in (1, 3, 2):
        bench.store.save(SOCKET._replace(id=f"L{count}=", at_ms=NOW_MS + count))
    bench.of("globex").save(SOCKET._replace(tenant="globex", id="L9="))

    assert [socket.id for socket in bench.store.all()] == ["L3=", "L2=", "L1="]
    assert {(socket.tenant, socket.id) for socket in bench.list.all()} == {
        ("acme", "L1="),
        ("acme", "L2="),
        ("acme", "L3="),
        ("globex", "L9="),
    }


def test_a_connection_is_found_by_all_of_its_id(bench: Bench) -> None:
    bench.store.save(SOCKET._replace(id="L12="))

    assert bench.list.find("L12") is None
    assert bench.list.find("L12=")


def test_what_is_noted_of_a_connection_stays_apart(bench: Bench) -> None:
    bench.store.save(SOCKET)
    bench.store.note_ping(SOCKET.id, at_ms=NOW_MS + 3)
    bench.store.note_ping(SOCKET.id, at_ms=NOW_MS + 5)
    bench.store.note_filtered(SOCKET.id)
    pinged = SOCKET._replace(filtered=True, pinged_ms=NOW_MS + 5)
    assert bench.store.get(SOCKET.id) == pinged._replace(unanswered=2)

    bench.store.note_pong(SOCKET.id, at_ms=NOW_MS + 7)
    assert bench.store.get(SOCKET.id) == pinged._replace(alive_ms=NOW_MS + 7)


def test_nothing_is_noted_of_a_connection_that_is_gone(bench: Bench) -> None:
    bench.store.save(SOCKET)
    bench.store.remove(SOCKET.id)
    bench.store.remove(SOCKET.id)
    bench.store.note_ping(SOCKET.id, at_ms=NOW_MS)
    bench.store.note_pong(SOCKET.id, at_ms=NOW_MS)
    bench.store.note_filtered(SOCKET.id)

    assert bench.store.get(SOCKET.id) is None
    assert bench.text() == "[]"


def test_a_connection_ends_by_itself(bench: Bench) -> None:
    bench.store.save(SOCKET)
    bench.stores.now_s += SOCKET_S

    assert bench.store.get(SOCKET.id) is None
    assert bench.store.all() == ()
    assert list(bench.list.all()) == []
    assert bench.list.find(SOCKET.id) is None


def test_an_answer_is_found_by_its_request_and_ends(bench: Bench) -> None:
    answer = AriAnswer(200, '{"id": "è"}')
    assert bench.store.answer("ab12") is None

    bench.store.keep_answer("ab12", AriAnswer(503))
    bench.store.keep_answer("ab12", answer)

    assert bench.store.answer("ab12") == answer
    assert bench.of("globex").answer("ab12") is None
    assert f"'N': '{int(NOW_S) + ANSWER_S}'" in bench.text()


def test_events_come_back_in_order_and_once(bench: Bench) -> None:
    later, sooner = said("+391", "1"), said("+391", "2")
    for _ in range(2):
        bench.store.keep_event(CALL, NOW_MS + 20, later)
        bench.store.keep_event(CALL, NOW_MS + 3, sooner)
    bench.store.keep_event("1795000000.17", NOW_MS, said("+391"))

    assert bench.store.events(CALL) == (sooner, later)
    bench.stores.now_s += EVENT_S + 1
    assert bench.store.events(CALL) == ()


@pytest.mark.parametrize("text", ["", "a#b", "a b", "x" * 200, "è"])
def test_what_cannot_stand_in_a_key_is_refused(bench: Bench, text: str) -> None:
    for refused in (
        lambda: bench.store.get(text),
        lambda: bench.store.answer(text),
        lambda: bench.store.events(text),
        lambda: bench.store.keep_event(text, NOW_MS, "{}"),
        lambda: bench.store.save(SOCKET._replace(id=text)),
    ):
        with pytest.raises(PayloadError):
            refused()
    assert bench.text() == "[]"


@pytest.mark.parametrize(
    "spelled", ["+390244556677", "00390244556677", "0244556677", "PJSIP/0244556677@trunk"]
)
def test_a_person_who_is_erased_takes_all_events_of_its_calls_along(
    bench: Bench, spelled: str
) -> None:
    traces = bench.stores.traces("acme")
    bench.store.keep_event(CALL, NOW_MS, said(spelled))
    bench.store.keep_event(CALL, NOW_MS + 1, said("anonymous"))
    bench.store.keep_event("1795000000.17", NOW_MS, said("+390299999999"))
    bench.of("globex").keep_event(CALL, NOW_MS, said(spelled))

    assert sorted(traces.of([NUMBER]).events) == sorted([said(spelled), said("anonymous")])
    assert traces.erase([NUMBER]) == 2

    assert bench.store.events(CALL) == ()
    assert len(bench.store.events("1795000000.17")) == 1
    assert len(bench.of("globex").events(CALL)) == 1


def test_ids_of_channels_are_nobodys_number(bench: Bench) -> None:
    bench.store.keep_event("1795000000.17", NOW_MS, said("", "21"))

    assert bench.stores.traces("acme").of(["+39795000000"]).events == ()


def test_all_events_of_a_tenant_are_listed_once_and_go_with_it(bench: Bench) -> None:
    texts = [said(f"+3902445566{count:02}") for count in range(40)]
    for count, text in enumerate(texts):
        bench.store.keep_event(f"1795000000.{count % 5}", NOW_MS + count, text)
    traces = bench.stores.traces("acme")

    listed: list[str] = []
    cursor = ""
    while True:
        page = traces.page(cursor=cursor, limit=3)
        assert len(page.traces.events) <= 3
        listed += page.traces.events
        cursor = page.cursor
        if not cursor:
            break
    assert sorted(listed) == sorted(texts)

    removed = 0
    while part := traces.purge(limit=9):
        removed += part
    assert (removed, bench.text()) == (40, "[]")


def test_a_cursor_that_is_none_is_refused(bench: Bench) -> None:
    for cursor in ("event.16", "event.1.x", "event.1./w", "event"):
        with pytest.raises(PayloadError):
            bench.stores.traces("acme").page(cursor=cursor)
