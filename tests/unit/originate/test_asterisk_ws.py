"""Calls through the WebSocket that an Asterisk opened to us."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.pbx.asterisk_ws import Originate
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.originate import FailedCallError, Order
from centralino.ports.originate import Means, PbxLink
from tests.support.fake_sockets import FakeAsterisk, FakeGateway, FakeTime, throttled
from tests.support.originate.contract import HOSTILE_DIALS, HOSTILE_EXTENS, HOSTILE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

CALL = "0123456789abcdefABCDEF"
ORDER = Order(CALL, "21", "+390244556677", "00390244556677", caller_id="+390299", name="Rossi")


class NoWeb:
    """Nothing is asked over HTTPS."""

    def send(self, *_: object, **__: object) -> None:
        raise AssertionError("a request over HTTPS")


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def gateway(fake_time: FakeTime) -> FakeGateway:
    return FakeGateway(fake_time)


@pytest.fixture
def key(gateway: FakeGateway) -> str:
    return gateway.stores.create_tenant("acme")["link"]


def provider(gateway: FakeGateway, **account: str) -> Originate:
    link = PbxLink("acme", "asterisk_ws", account, {})
    adapter = Originate(link, Means(NoWeb(), sockets=gateway.means("acme")))  # type: ignore[arg-type]
    if gateway.time:
        adapter.clock = gateway.time.clock
    return adapter


def failure(gateway: FakeGateway, order: Order = ORDER, **account: str) -> tuple[str, str]:
    with pytest.raises(FailedCallError) as caught:
        provider(gateway, **account).originate(order, timeout_s=8)
    return caught.value.reason, caught.value.detail


def test_a_call_is_placed_through_the_connection(gateway: FakeGateway, key: str) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    placed = provider(gateway).originate(ORDER, timeout_s=8)

    assert placed == (CALL, "placed")
    assert pbx.rung == [CALL]
    [request] = [body for body in pbx.bodies if body["uri"] == "channels"]
    query = {pair["name"]: pair["value"] for pair in request["query_strings"]}
    assert query == {
        "endpoint": "PJSIP/21",
        "extension": "00390244556677",
        "context": "from-internal",
        "priority": "1",
        "callerId": '"Rossi" <+390244556677>',
        "timeout": "30",
        "channelId": CALL,
    }
    assert request["content_type"] == "application/json"
    assert json.loads(request["message_body"])["variables"] == {
        "__CENTRALINO_CALL": CALL,
        "CALLERID(num)": "+390299",
        "CALLERID(name)": "",
        "__CENTRALINO_CALLER_ID": "+390299",
    }


def test_a_phone_that_answers_by_itself_is_told_so(gateway: FakeGateway, key: str) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    provider(gateway).originate(ORDER._replace(auto_answer=True), timeout_s=8)

    variables = json.loads(pbx.bodies[-1]["message_body"])["variables"]
    assert variables["PJSIP_HEADER(add,Call-Info)"] == "<sip:centralino>;answer-after=0"


def test_the_settings_say_what_rings_and_what_dials(gateway: FakeGateway, key: str) -> None:
    pbx = FakeAsterisk(**{"21@phones/n": "online"})
    gateway.connect(pbx, key)
    account = {"endpoint": "Local/{exten}@phones/n", "context": "outbound"}

    provider(gateway, **account).originate(ORDER, timeout_s=8)

    query = {pair["name"]: pair["value"] for pair in pbx.bodies[-1]["query_strings"]}
    assert (query["endpoint"], query["context"]) == ("Local/21@phones/n", "outbound")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("endpoint", "PJSIP/{exten}&PJSIP/99"),
        ("endpoint", "21"),
        ("endpoint", "PJSIP/{exten}\n"),
        ("context", "from-internal,1"),
        ("context", "${x}"),
    ],
)
def test_a_setting_that_could_dial_something_else_is_refused(
    gateway: FakeGateway, key: str, setting: str, value: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    with pytest.raises(FailedCallError) as caught:
        provider(gateway, **{setting: value}).originate(ORDER, timeout_s=8)

    assert (caught.value.reason, pbx.rung) == ("refused", [])
    assert caught.value.detail.startswith(f"account.{setting}: expected")


@pytest.mark.parametrize(
    ("phone", "reason"),
    [("offline", "busy"), (None, "unknown_exten")],
    ids=["a phone that is not registered", "a phone that nobody knows"],
)
def test_a_phone_that_cannot_ring_is_told_from_one_that_is_not_there(
    gateway: FakeGateway, key: str, phone: str | None, reason: str
) -> None:
    pbx = FakeAsterisk(**({"x21": phone} if phone else {}))
    gateway.connect(pbx, key)

    assert failure(gateway)[0] == reason
    assert pbx.rung == []


def test_a_409_that_another_failure_left_behind_is_not_taken_for_a_call(
    gateway: FakeGateway, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)
    adapter = provider(gateway)
    adapter.originate(ORDER, timeout_s=8)
    assert adapter.originate(ORDER, timeout_s=8) == (CALL, "placed")  # a true one

    other = ORDER._replace(call_id="z" * 22, exten="99")
    assert failure(gateway, other)[0] == "unknown_exten"
    assert pbx.rung == [CALL]


@pytest.mark.parametrize(("status", "reason"), [(403, "credentials"), (400, "refused")])
def test_what_asterisk_refuses_is_told(
    gateway: FakeGateway, key: str, status: int, reason: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)
    pbx.says = (status, {"message": "Write access denied"})

    assert failure(gateway) == (reason, f"{status} Write access denied")


def test_a_pbx_that_is_still_starting_is_asked_again(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    pbx.booted = False
    gateway.connect(pbx, key, tasks=False)
    fake_time.plan(1.7, lambda: setattr(pbx, "booted", True))

    provider(gateway).originate(ORDER, timeout_s=8)

    assert pbx.rung == [CALL]


def test_a_pbx_that_never_starts_is_unreachable_and_nothing_rings(
    gateway: FakeGateway, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    pbx.booted = False
    gateway.connect(pbx, key, tasks=False)

    assert failure(gateway)[0] == "unreachable"


def test_without_a_connection_the_call_is_not_placed_and_soon_told(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    assert key
    start = fake_time.now_s

    assert failure(gateway) == ("unreachable", "no PBX is connected")
    assert 2 < fake_time.now_s - start < 3


def test_a_pbx_that_comes_back_in_time_gets_the_call(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    fake_time.plan(1.5, lambda: gateway.connect(pbx, key))

    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")


def test_a_dead_connection_that_nobody_told_us_of_is_found_out_and_forgotten(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    living = gateway.connect(pbx, key)
    fake_time.pause(1)
    dead = gateway.connect(pbx, key)
    gateway.drop(dead, told=False)
    fake_time.pause(60)

    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert [socket.id for socket in gateway.sockets("acme").all()] == [living]
    assert pbx.rung == [CALL]


def test_a_connection_that_is_not_open_yet_is_not_forgotten(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    socket_id = gateway.connect(pbx, key)
    del gateway.open[socket_id]  # accepted, and the PBX hasn't heard of it
    fake_time.plan(0.7, lambda: gateway.open.update({socket_id: pbx}))

    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert gateway.sockets("acme").get(socket_id)


def test_a_gateway_that_is_too_busy_is_asked_again(gateway: FakeGateway, key: str) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)
    gateway.on_post = throttled(5)

    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert pbx.rung == [CALL]


def test_a_gateway_that_does_not_let_us_send_leaves_the_pbx_unreachable(
    gateway: FakeGateway, key: str
) -> None:
    gateway.connect(FakeAsterisk(x21="online"), key)

    def refuse(*_: object) -> None:
        raise RejectedError("permissions")

    gateway.on_post = refuse
    assert failure(gateway) == ("unreachable", "milan: permissions")


# --- an answer that does not come ----------------------------------------------------------------


def lose_first(gateway: FakeGateway, matching: str, then: Callable[[str], object]) -> None:
    """Lose the first message of a PBX that has a word in it, and do something then."""
    lost: list[str] = []

    def deliver(socket_id: str, text: str) -> bool:
        if lost or matching not in text:
            return True
        lost.append(text)
        then(socket_id)
        return False

    gateway.on_deliver = deliver


def test_a_lost_answer_is_asked_for_again_and_the_phone_rings_once(
    gateway: FakeGateway, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)
    lose_first(gateway, '"channels"', lambda _: None)

    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert pbx.rung == [CALL]
    assert pbx.statuses.count(409) == 1


def test_a_connection_cut_behind_the_request_costs_no_call_and_rings_no_phone_twice(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    def cut(socket_id: str) -> None:
        gateway.drop(socket_id)
        fake_time.plan(0.9, lambda: gateway.connect(pbx, key))

    lose_first(gateway, '"channels"', cut)

    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert pbx.rung == [CALL]


def test_a_request_that_never_arrived_is_sent_again(gateway: FakeGateway, key: str) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)
    swallowed: list[str] = []

    def swallow(_socket: str, frame: str) -> None:
        if not swallowed:
            swallowed.append(frame)
            raise UnavailableError("timeout")

    gateway.on_post = swallow
    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert pbx.rung == [CALL]


def test_a_request_is_not_sent_again_when_the_call_may_be_over_already(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    def refuse_the_call(socket_id: str) -> None:
        gateway.drop(socket_id)
        fake_time.plan(2.9, pbx.channels.clear)  # the agent rejects it
        fake_time.plan(3.5, lambda: gateway.connect(pbx, key))

    lose_first(gateway, '"channels"', refuse_the_call)

    assert failure(gateway)[0] == "unknown"
    assert pbx.rung == [CALL]


@pytest.mark.parametrize("when", ["before", "after"])
def test_another_pbx_of_the_same_name_never_gets_what_the_first_one_may_have_done(
    gateway: FakeGateway, fake_time: FakeTime, key: str, when: str
) -> None:
    pbx, copied = FakeAsterisk(x21="online"), FakeAsterisk(x21="online")
    if when == "before":
        gateway.connect(copied, key, source_ip="198.51.100.9")
        fake_time.pause(60)
    gateway.connect(pbx, key)

    def cut(socket_id: str) -> None:
        gateway.drop(socket_id)
        if when == "after":
            fake_time.plan(0.2, lambda: gateway.connect(copied, key, source_ip="198.51.100.9"))

    lose_first(gateway, '"channels"', cut)

    assert failure(gateway)[0] == "unknown"
    assert (pbx.rung, copied.rung) == ([CALL], [])


def test_what_was_sent_before_the_pbx_restarted_is_unknown_and_no_other_pbx_rings(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx, other = FakeAsterisk(x21="online"), FakeAsterisk(x21="online")
    gateway.connect(other, key, "rome")
    fake_time.pause(60)
    gateway.connect(pbx, key, "milan")

    def restart(_socket_id: str) -> None:
        pbx.booted = False
        pbx.channels.clear()

    lose_first(gateway, '"channels"', restart)

    assert failure(gateway)[0] == "unknown"
    assert (pbx.rung, other.rung) == ([CALL], [])


def test_an_answer_without_a_status_leaves_it_unknown_and_no_other_pbx_rings(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx, other = FakeAsterisk(x21="online"), FakeAsterisk(x21="online")
    gateway.connect(other, key, "rome")
    fake_time.pause(60)
    gateway.connect(pbx, key, "milan")
    pbx.spell_status = str

    assert failure(gateway)[0] == "unknown"
    assert (pbx.rung, other.rung) == ([CALL], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("exten", value) for value in HOSTILE_EXTENS),
        *(("dial", value) for value in HOSTILE_DIALS),
        ("call_id", "../channels"),
    ],
)
def test_what_is_more_than_digits_never_leaves(
    gateway: FakeGateway, key: str, field: str, value: str
) -> None:
    gateway.connect(FakeAsterisk(x21="online"), key)
    before = list(gateway.posts)

    assert failure(gateway, ORDER._replace(**{field: value}))[0] == "refused"  # type: ignore[arg-type]
    assert gateway.posts == before


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_is_text_and_nothing_else(gateway: FakeGateway, key: str, name: str) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    assert provider(gateway).originate(ORDER._replace(name=name), timeout_s=8).state == "placed"
    [frame] = [json.loads(post) for _, post in gateway.posts if '"channels"' in post]
    shown = next(it["value"] for it in frame["query_strings"] if it["name"] == "callerId")
    assert shown.isprintable()
    assert len(shown) <= len(name) + len(' "" <>') + len(ORDER.number)
    assert shown.count('"') == 2
    assert shown.endswith(f'" <{ORDER.number}>')


@pytest.mark.parametrize(
    ("back_s", "timeout_s"), [(3.5, 8), (3.5, 3.2), (20, 8)], ids=["in time", "too late", "never"]
)
def test_a_call_whose_answer_was_lost_for_long_is_found_by_its_channel_or_unknown(
    gateway: FakeGateway, fake_time: FakeTime, key: str, back_s: float, timeout_s: float
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    def away(socket_id: str) -> None:
        gateway.drop(socket_id)
        fake_time.plan(back_s, lambda: gateway.connect(pbx, key))

    lose_first(gateway, '"channels"', away)

    if back_s < timeout_s:
        assert provider(gateway).originate(ORDER, timeout_s=timeout_s) == (CALL, "placed")
    else:
        with pytest.raises(FailedCallError) as caught:
            provider(gateway).originate(ORDER, timeout_s=timeout_s)
        assert caught.value.reason == "unknown"
    assert pbx.rung == [CALL]


def test_an_unanswered_call_is_not_tried_at_another_pbx(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    other = FakeAsterisk(x21="online")
    gateway.connect(other, key, "rome")
    fake_time.pause(1)
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key, "milan")
    gateway.on_deliver = lambda _socket, text: '"channels' not in text

    assert failure(gateway)[0] == "unknown"
    assert (pbx.rung, other.rung) == ([CALL], [])


def test_the_store_being_down_while_the_answer_is_awaited_does_no_harm(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)

    def down(_socket: str, _frame: str) -> None:
        gateway.on_post = lambda _socket, _frame: None
        gateway.memory.down = {"GetItem"}
        fake_time.plan(0.6, gateway.memory.down.clear)

    gateway.on_post = down
    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert pbx.rung == [CALL]


def test_the_store_being_down_from_the_beginning_leaves_the_phone_silent(
    gateway: FakeGateway, key: str
) -> None:
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, key)
    gateway.memory.down = {"Query"}

    assert failure(gateway) == ("unreachable", "connection")
    assert pbx.rung == []


# --- several PBXs of one tenant ------------------------------------------------------------------


def test_of_two_pbxs_the_one_that_has_the_phone_rings_it(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    milan = FakeAsterisk(x21="online")
    gateway.connect(milan, key, "milan")
    fake_time.pause(1)
    rome = FakeAsterisk(x31="online")
    gateway.connect(rome, key, "rome")

    assert provider(gateway).originate(ORDER, timeout_s=8) == (CALL, "placed")
    assert (milan.rung, rome.rung) == ([CALL], [])


def test_the_account_chooses_the_pbx(gateway: FakeGateway, fake_time: FakeTime, key: str) -> None:
    milan, rome = FakeAsterisk(x21="online"), FakeAsterisk(x21="online")
    gateway.connect(milan, key, "milan")
    fake_time.pause(1)
    gateway.connect(rome, key, "rome")

    provider(gateway, site="milan").originate(ORDER, timeout_s=8)
    assert (milan.rung, rome.rung) == ([CALL], [])

    assert failure(gateway, site="turin") == ("unreachable", "no PBX is connected")


def test_of_what_two_pbxs_say_the_more_telling_is_told(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    gateway.connect(FakeAsterisk(x21="offline"), key, "milan")
    fake_time.pause(1)
    gateway.connect(FakeAsterisk(), key, "rome")

    assert failure(gateway)[0] == "busy"


def test_nobody_is_asked_through_another_tenants_connection(gateway: FakeGateway, key: str) -> None:
    assert key
    other = gateway.stores.create_tenant("globex")["link"]
    pbx = FakeAsterisk(x21="online")
    gateway.connect(pbx, other)

    assert failure(gateway)[0] == "unreachable"
    assert pbx.rung == []


# --- the line itself -----------------------------------------------------------------------------


def test_a_check_says_who_is_connected(gateway: FakeGateway, fake_time: FakeTime, key: str) -> None:
    gateway.connect(FakeAsterisk(), key, "milan")
    fake_time.pause(1)
    gateway.connect(FakeAsterisk(), key, "rome")

    said = provider(gateway).check(timeout_s=8)

    assert said == "Asterisk 22.10.1 at rome, Asterisk 22.10.1 at milan"


def test_a_check_without_a_connection_says_so(gateway: FakeGateway, key: str) -> None:
    assert key
    with pytest.raises(FailedCallError) as caught:
        provider(gateway).check(timeout_s=8)
    assert caught.value.reason == "unreachable"


def test_without_a_websocket_api_nothing_can_be_asked() -> None:
    adapter = Originate(PbxLink("acme", "asterisk_ws", {}, {}), Means(NoWeb()))  # type: ignore[arg-type]
    with pytest.raises(FailedCallError) as caught:
        adapter.originate(ORDER, timeout_s=8)
    assert caught.value.reason == "unreachable"


def test_a_hundred_calls_at_once_are_a_hundred_calls() -> None:
    gateway = FakeGateway()
    key = gateway.stores.create_tenant("acme")["link"]
    pbx = FakeAsterisk(**{f"x{exten}": "online" for exten in range(100, 200)})
    gateway.connect(pbx, key)
    orders = [
        ORDER._replace(call_id=f"{exten:022d}", exten=str(exten)) for exten in range(100, 200)
    ]
    placed: list[str] = []

    def place(order: Order) -> None:
        placed.append(provider(gateway).originate(order, timeout_s=30).provider_id)

    threads = [threading.Thread(target=place, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(placed) == sorted(pbx.rung) == [order.call_id for order in orders]
