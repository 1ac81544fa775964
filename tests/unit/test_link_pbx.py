"""The connections of PBXs: who may open one, what comes through it, and what becomes of it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from centralino.domain.ari_events import WANTED
from centralino.domain.dial_options import Budget
from centralino.domain.errors import ThrottledError, UnavailableError
from centralino.domain.keys import ApiKey, hash_key, new_key
from centralino.entry.authorize_pbx import authorize_pbx
from centralino.entry.link_pbx import link_pbx
from centralino.ports.dialling import PlacedCall
from tests.support.fake_sockets import ARN, FakeAsterisk, FakeGateway, FakeTime

CALL = "0123456789abcdefABCDEF"
AT = "2026-11-18T11:06:40.123+0000"


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def gateway(fake_time: FakeTime) -> FakeGateway:
    return FakeGateway(fake_time)


@pytest.fixture
def key(gateway: FakeGateway) -> str:
    return gateway.stores.create_tenant("acme")["link"]


def lines(capsys: pytest.CaptureFixture[str], what: str = "") -> list[dict[str, Any]]:
    """Return what was logged since it was asked last."""
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in logged if not what or line.get("what") == what]


def handshake(
    gateway: FakeGateway, user: str, password: str, **headers: str
) -> tuple[str, dict[str, str]]:
    """Ask the authorizer as the gateway does; return the effect and the context."""
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    event = {
        "type": "REQUEST",
        "methodArn": ARN,
        "headers": {"Authorization": f"Basic {basic}", **headers},
        "requestContext": {
            "connectionId": "L1=",
            "requestTimeEpoch": int(gateway.now() * 1000),
            "identity": {"sourceIp": "192.0.2.7"},
        },
    }
    policy = authorize_pbx(event, gateway.door)
    [statement] = policy["policyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", ARN)
    return statement["Effect"], policy["context"]


def event(kind: str, **parts: object) -> str:
    said = {"type": kind, "application": "centralino", "timestamp": AT, "asterisk_id": "00:11"}
    return json.dumps({**said, **parts})


def channel(channel_id: str, state: str = "Up", call: str = "") -> dict[str, Any]:
    known = {"channelvars": {"CENTRALINO_CALL": call}} if call else {}
    return {"id": channel_id, "name": "PJSIP/21-00000001", "state": state, **known}


def begun(gateway: FakeGateway, call_id: str = CALL) -> None:
    """Have a call placed."""
    call = PlacedCall(call_id, "0244556677", "21", asked_ms=int(gateway.now() * 1000))
    assert gateway.calls("acme").begin(call, Budget(), home="IT").fresh


def state_of(gateway: FakeGateway, call_id: str = CALL) -> tuple[str, str]:
    call = gateway.calls("acme").get(call_id)
    assert call
    return call.state, call.reason


def crowd(gateway: FakeGateway, pbx: FakeAsterisk, count: int) -> set[str]:
    """Open connections, of as many tenants as it takes; return their ids."""
    opened: set[str] = set()
    while len(opened) < count:
        if len(opened) % 10 == 0:
            link = gateway.stores.create_tenant(f"crowd-{len(opened)}")["link"]
        opened.add(gateway.connect(pbx, link, f"site-{len(opened)}"))
    return opened


# --- who may connect -----------------------------------------------------------------------------


def test_a_pbx_with_a_good_key_connects(gateway: FakeGateway, key: str) -> None:
    effect, known = handshake(gateway, "milan", key)

    assert effect == "Allow"
    assert known == {"tenant": "acme", "site": "milan", "key": hash_key(key)[:12]}


@pytest.mark.parametrize("role", ["admin", "supervisor", "agent", "crm", "pbx"])
def test_keys_of_other_roles_do_not_connect_pbxs(gateway: FakeGateway, role: str) -> None:
    keys = gateway.stores.create_tenant("acme")

    assert handshake(gateway, "milan", keys[role]) == ("Deny", {})


@pytest.mark.parametrize(
    "site", ["", "Milan", "mi lan", "-milan", "milan#1", "m" * 33, "mïlan", "../x"]
)
def test_a_user_name_that_is_no_site_does_not_connect(
    gateway: FakeGateway, key: str, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handshake(gateway, site, key)[0] == "Deny"
    assert "the user name is no site's" in lines(capsys)[0]["reason"]


@pytest.mark.parametrize("password", ["", "acme.aaaaaaaaaaaaaaaaaaaaaa", "hunter2", "x" * 5000])
def test_a_password_that_is_no_key_does_not_connect(
    gateway: FakeGateway, key: str, password: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert key
    assert handshake(gateway, "milan", password)[0] == "Deny"
    logged = capsys.readouterr().out
    assert not password or password not in logged


def test_a_key_that_has_expired_or_comes_from_elsewhere_does_not_connect(
    gateway: FakeGateway, key: str
) -> None:
    tenants = gateway.stores.tenants("acme")
    old, bound = new_key("acme"), new_key("acme")
    tenants.add_key(ApiKey(hash_key(old), "link", expires_at=int(gateway.now()) - 1))
    tenants.add_key(ApiKey(hash_key(bound), "link", networks=("198.51.100.0/24",)))

    assert [handshake(gateway, "milan", one)[0] for one in (key, old, bound)] == [
        "Allow",
        "Deny",
        "Deny",
    ]


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer x"}, {"Authorization": "Basic !!!"}, {"Authorization": "Basic "}],
)
def test_a_handshake_without_basic_authentication_does_not_connect(
    gateway: FakeGateway, key: str, headers: dict[str, str]
) -> None:
    assert handshake(gateway, "milan", key, **headers)[0] == "Deny"


def test_a_key_beside_the_password_counts_for_nothing(gateway: FakeGateway, key: str) -> None:
    assert handshake(gateway, "milan", "wrong", **{"x-api-key": key})[0] == "Deny"


def test_a_web_page_does_not_connect(gateway: FakeGateway, key: str) -> None:
    assert handshake(gateway, "milan", key, Origin="https://evil.example")[0] == "Deny"


def test_while_the_store_is_down_the_handshake_fails_and_is_no_refusal(
    gateway: FakeGateway, key: str
) -> None:
    gateway.memory.down = {"BatchGetItem"}
    with pytest.raises(UnavailableError):
        handshake(gateway, "milan", key)


def test_a_revoked_key_does_not_connect_once_what_is_remembered_is_old(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    assert handshake(gateway, "milan", key)[0] == "Allow"
    gateway.stores.tenants("acme").remove_key(hash_key(key))
    fake_time.pause(31)

    assert handshake(gateway, "milan", key)[0] == "Deny"


# --- connections ---------------------------------------------------------------------------------


def test_a_connection_is_kept_with_what_is_known_of_it(gateway: FakeGateway, key: str) -> None:
    at_ms = int(gateway.now() * 1000)
    socket_id = gateway.connect(FakeAsterisk(), key)

    [socket] = gateway.sockets("acme").all()
    assert (socket.id, socket.tenant, socket.site) == (socket_id, "acme", "milan")
    assert (socket.source_ip, socket.agent) == ("192.0.2.7", "Asterisk 22.10.1")
    assert (socket.at_ms, socket.key_id) == (at_ms, hash_key(key)[:12])


def test_the_protocol_is_echoed_only_to_who_offered_it(gateway: FakeGateway) -> None:
    context = {
        "connectionId": "L1=",
        "eventType": "CONNECT",
        "authorizer": {"tenant": "acme", "site": "milan", "key": "k"},
    }
    answers = [
        link_pbx({"requestContext": context, "headers": headers}, gateway.desk)
        for headers in (
            {},
            {"sec-websocket-protocol": "chat, ari"},
            {"Sec-WebSocket-Protocol": "x"},
        )
    ]

    echoed = {"Sec-WebSocket-Protocol": "ari"}
    assert [answer.get("headers") for answer in answers] == [None, echoed, None]
    assert {answer["statusCode"] for answer in answers} == {200}


def test_a_connection_that_cannot_be_kept_is_refused_so_that_the_pbx_tries_again(
    gateway: FakeGateway, key: str
) -> None:
    gateway.memory.down = {"PutItem"}

    assert gateway.connect(FakeAsterisk(), key) == "503"


def test_a_tenant_has_twenty_connections_and_one_more_is_refused_and_logged(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = [gateway.connect(FakeAsterisk(), key, f"site-{number}") for number in range(20)]
    lines(capsys)

    assert gateway.connect(FakeAsterisk(), key, "one-more") == "429"
    [line] = lines(capsys, "connect")
    assert (line["outcome"], line["tenant"], line["site"]) == ("too_many", "acme", "one-more")
    assert {socket.id for socket in gateway.sockets("acme").all()} == set(opened)
    other = gateway.stores.create_tenant("globex")["link"]
    assert gateway.connect(FakeAsterisk(), other, "one-more") in gateway.open
    gateway.drop(opened[0])
    assert gateway.connect(FakeAsterisk(), key, "one-more") in gateway.open


def test_connections_that_leave_a_ping_unanswered_keep_nobody_out(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    dead = {gateway.connect(FakeAsterisk(), key) for _ in range(20)}
    gateway.on_deliver = lambda socket_id, _text: socket_id not in dead
    fake_time.pause(300)
    gateway.ping()

    assert gateway.connect(FakeAsterisk(), key) in gateway.open


def test_a_connection_that_nobody_vouches_for_is_refused(gateway: FakeGateway) -> None:
    context = {"connectionId": "L1=", "eventType": "CONNECT"}

    assert link_pbx({"requestContext": context}, gateway.desk) == {"statusCode": 403}


def test_a_closed_connection_is_forgotten(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    lines(capsys)

    assert gateway.drop(socket_id, 1001) == {"statusCode": 200}

    assert gateway.sockets("acme").all() == ()
    [line] = lines(capsys, "disconnect")
    assert (line["outcome"], line["code"], line["SocketsClosed"]) == ("closed", 1001, 1)
    assert "SocketFramesTooLarge" not in line


def test_a_frame_that_is_too_large_closes_the_connection_and_is_named(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    gateway.say(socket_id, event("BridgeCreated", pad="x" * 33_000))

    [line] = lines(capsys, "disconnect")
    assert (line["outcome"], line["code"], line["SocketFramesTooLarge"]) == ("too_large", 1009, 1)
    assert "32 KB" in line["reason"]


def test_a_connection_that_cannot_be_forgotten_now_ends_by_itself(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    gateway.memory.down = {"DeleteItem"}

    assert gateway.drop(socket_id) == {"statusCode": 200}
    gateway.memory.down.clear()
    assert len(gateway.sockets("acme").all()) == 1

    fake_time.pause(3 * 3600)
    assert gateway.sockets("acme").all() == ()
    assert gateway.sockets("acme").get(socket_id) is None


def test_messages_without_what_the_authorizer_said_are_known_by_the_connection(
    gateway: FakeGateway, key: str
) -> None:
    pbx = FakeAsterisk()
    socket_id = gateway.connect(pbx, key)
    gateway.keeps_context = False

    gateway.say(socket_id, event("StasisStart", channel=channel("1700000000.1")))
    assert len(gateway.sockets("acme").events("1700000000.1")) == 1

    gateway.drop(socket_id)
    assert gateway.sockets("acme").all() == ()


def test_a_message_of_a_stranger_is_dropped(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert key
    gateway.say("L999=", event("StasisStart", channel=channel("1.1")))

    assert lines(capsys, "message")[0]["outcome"] == "stranger"


def test_a_message_that_comes_before_its_connection_is_kept_restores_it(
    gateway: FakeGateway, key: str
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    gateway.sockets("acme").remove(socket_id)

    gateway.say(socket_id, event("StasisStart", channel=channel("1.1")))

    assert [socket.id for socket in gateway.sockets("acme").all()] == [socket_id]


def test_a_message_that_comes_after_its_connection_was_closed_does_no_harm(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk()
    closed = gateway.connect(pbx, key)
    gateway.drop(closed)
    fake_time.pause(1)
    living = gateway.connect(pbx, key)

    gateway.say(closed, event("StasisStart", channel=channel("1.1")))
    assert len(gateway.sockets("acme").events("1.1")) == 1

    fake_time.pause(300)
    gateway.ping()
    assert [socket.id for socket in gateway.sockets("acme").all()] == [living]


# --- the filter ----------------------------------------------------------------------------------


def test_the_first_request_of_a_connection_says_which_events_we_want(
    gateway: FakeGateway, key: str
) -> None:
    pbx = FakeAsterisk()
    socket_id = gateway.connect(pbx, key)

    assert pbx.asked[0] == "PUT applications/centralino/eventFilter"
    assert pbx.filters == {"centralino": list(WANTED)}
    assert "RESTResponse" in WANTED
    socket = gateway.sockets("acme").get(socket_id)
    assert socket
    assert socket.filtered


def test_the_filter_is_set_while_the_connection_is_not_open_yet_and_asterisk_is_starting(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk()
    pbx.booted = False
    socket_id = gateway.connect(pbx, key, tasks=False)
    del gateway.open[socket_id]
    fake_time.plan(0.5, lambda: gateway.open.update({socket_id: pbx}))
    fake_time.plan(6, lambda: setattr(pbx, "booted", True))

    gateway.run_tasks()

    assert pbx.filters == {"centralino": list(WANTED)}
    assert gateway.sockets("acme").get(socket_id)


def test_a_filter_that_could_not_be_set_is_set_by_the_next_event(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk()
    socket_id = gateway.connect(pbx, key, tasks=False)
    gateway.tasks.clear()  # the invocation was lost
    fake_time.pause(60)

    gateway.say(socket_id, event("StasisStart", channel=channel("1.1")))
    gateway.run_tasks()

    assert pbx.filters == {"centralino": list(WANTED)}


def test_a_filter_that_could_not_be_set_is_set_by_the_next_ping(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    pbx = FakeAsterisk()
    gateway.connect(pbx, key, tasks=False)
    gateway.tasks.clear()
    fake_time.pause(60)

    gateway.ping()
    gateway.run_tasks()

    assert pbx.filters == {"centralino": list(WANTED)}


def test_another_name_after_apps_is_told_by_the_log(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pbx = FakeAsterisk()
    pbx.apps = ["crm"]
    gateway.connect(pbx, key, tasks=False)
    gateway.run_tasks()

    assert lines(capsys, "filter")[0]["outcome"] == "no_app"
    assert pbx.filters == {}


def test_the_tenants_own_name_after_apps_is_filtered(gateway: FakeGateway, key: str) -> None:
    pbx = FakeAsterisk()
    pbx.apps = ["crm", "more"]
    gateway.desk = gateway.desk._replace(account=lambda _: {"apps": "crm, more"})
    gateway.connect(pbx, key, tasks=False)
    gateway.run_tasks()

    assert set(pbx.filters) == {"crm", "more"}


# --- messages ------------------------------------------------------------------------------------

LEG = channel("17.2", "Up", CALL)  # the one to the number
STORY = [
    (event("ChannelStateChange", channel=channel(CALL, "Ringing")), "ringing", ""),
    (event("ChannelStateChange", channel=channel(CALL, "Up")), "ringing", ""),
    (event("Dial", caller=channel(CALL), peer=LEG, dialstatus=""), "ringing", ""),
    (event("Dial", caller=channel(CALL), peer=LEG, dialstatus="RINGING"), "ringing", ""),
    (event("Dial", caller=channel(CALL), peer=LEG, dialstatus="ANSWER"), "answered", ""),
    (event("ChannelDestroyed", channel=LEG, cause=16), "answered", ""),
    (event("ChannelDestroyed", channel=channel(CALL), cause=16), "ended", ""),
]


def test_events_say_what_became_of_a_call(gateway: FakeGateway, key: str) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    begun(gateway)

    for text, state, reason in STORY:
        gateway.say(socket_id, text)
        assert state_of(gateway) == (state, reason)

    assert len(gateway.sockets("acme").events(CALL)) == len(STORY)


def test_events_twice_and_out_of_order_end_in_the_same_state(
    gateway: FakeGateway, key: str
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    begun(gateway)

    for text, _, _ in [*reversed(STORY), *STORY]:
        gateway.say(socket_id, text)

    assert state_of(gateway)[0] == "ended"
    kept = gateway.sockets("acme").events(CALL)
    assert sorted(kept) == sorted(text for text, _, _ in STORY)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [(16, ""), (0, ""), (17, "busy"), (19, "no_answer"), (21, "rejected"), (38, "cause_38")],
)
def test_why_a_call_ended_is_told(gateway: FakeGateway, key: str, cause: int, reason: str) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    begun(gateway)

    gateway.say(socket_id, event("ChannelDestroyed", channel=channel(CALL), cause=cause))

    assert state_of(gateway) == ("ended", reason)


def test_a_local_channel_that_dials_the_agent_is_not_the_number_answering(
    gateway: FakeGateway, key: str
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    begun(gateway)
    second_half = channel("17.1", "Up", CALL)

    for status in ("RINGING", "ANSWER"):
        gateway.say(
            socket_id,
            event("Dial", caller=second_half, peer=channel("17.2", call=CALL), dialstatus=status),
        )

    assert state_of(gateway)[0] == "ringing"


def test_events_of_other_calls_are_kept_by_their_channel(gateway: FakeGateway, key: str) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)

    gateway.say(socket_id, event("StasisStart", channel=channel("1700000000.17"), args=["è"]))

    [kept] = gateway.sockets("acme").events("1700000000.17")
    assert json.loads(kept)["args"] == ["è"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "17",
        '{"message": "Internal server error", "connectionId": "L1=", "requestId": "r"}',
        '{"type": 5}',
        '{"type": "a b"}',
        "[" * 30_000,
        '{"type": "Dial", "caller": 5, "peer": [], "dialstatus": {}}',
        '{"type": "ChannelDestroyed", "channel": {"id": "a#b"}, "cause": "x"}',
        '{"type": "Dial", "timestamp": "2026-99-99T99:99:99.1+0000", "caller": {"id": "1.1"}}',
        '{"type": "RESTResponse", "request_id": 5, "status_code": "x", "message_body": {}}',
        '{"type": "RESTResponse", "request_id": "a#b", "status_code": 200}',
        '{"type": "RESTResponse", "request_id": "", "status_code": 400}',
    ],
)
def test_whatever_comes_is_answered_with_200_and_nothing_goes_back(
    gateway: FakeGateway, key: str, text: str
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    sent = len(gateway.posts)

    assert gateway.say(socket_id, text) == {"statusCode": 200}
    assert len(gateway.posts) == sent
    assert gateway.tasks == []


def test_a_binary_frame_is_garbage(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    said = {"tenant": "acme", "site": "milan", "key": "k"}
    context = {"connectionId": socket_id, "eventType": "MESSAGE", "authorizer": said}
    lines(capsys)

    link_pbx({"body": "eyJ9", "isBase64Encoded": True, "requestContext": context}, gateway.desk)

    assert lines(capsys, "message")[0]["outcome"] == "garbage"


def test_a_message_that_cannot_be_kept_is_lost_and_counted_and_answered_with_200(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    gateway.memory.down = {"PutItem", "UpdateItem", "TransactWriteItems"}
    lines(capsys)

    said = gateway.say(socket_id, event("StasisStart", channel=channel("1.1")))

    assert said == {"statusCode": 200}
    [line] = lines(capsys, "message")
    assert (line["outcome"], line["SocketFramesLost"]) == ("lost", 1)


def test_a_pbx_can_not_write_into_another_tenants_calls(gateway: FakeGateway, key: str) -> None:
    other = gateway.stores.create_tenant("globex")["link"]
    begun(gateway)
    assert key
    socket_id = gateway.connect(FakeAsterisk(), other)

    gateway.say(socket_id, event("ChannelDestroyed", channel=channel(CALL), cause=16))
    answer = {"type": "RESTResponse", "request_id": "ab" * 9, "status_code": 200}
    gateway.say(socket_id, json.dumps(answer))

    assert state_of(gateway)[0] == "requested"
    assert gateway.sockets("acme").answer("ab" * 9) is None
    assert gateway.sockets("globex").answer("ab" * 9) is not None


def test_a_log_has_no_number_of_a_caller(
    gateway: FakeGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    caller = {"number": "+393331234567", "name": "Mario Rossi"}
    for channel_id in ("1.1", "393331234567", CALL):
        text = event("StasisStart", channel={**channel(channel_id), "caller": caller})
        gateway.say(socket_id, text)

    logged = capsys.readouterr().out
    assert logged
    assert "3331234567" not in logged
    assert "Mario" not in logged


# --- the ping ------------------------------------------------------------------------------------


def test_a_ping_that_is_answered_keeps_the_connection(
    gateway: FakeGateway, fake_time: FakeTime, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    for _ in range(5):
        fake_time.pause(300)
        lines(capsys)
        assert gateway.ping() == {"alive": 1, "removed": 0, "failed": 0}
        assert lines(capsys, "ping")[0]["SocketsAlive"] == 1

    socket = gateway.sockets("acme").get(socket_id)
    assert socket
    assert (socket.unanswered, socket.alive_ms) == (0, int(fake_time.now_s * 1000))


def test_a_connection_that_answers_no_pings_is_closed_and_forgotten(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    gateway.on_deliver = lambda _socket, _text: False
    rounds = []
    for _ in range(3):
        fake_time.pause(300)
        rounds.append(gateway.ping())

    assert [one["removed"] for one in rounds] == [0, 0, 1]
    assert gateway.closed == [socket_id]
    assert gateway.sockets("acme").all() == ()


def test_a_connection_that_is_gone_is_forgotten_by_the_ping(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    gateway.drop(gateway.connect(FakeAsterisk(), key), told=False)
    fake_time.pause(300)

    assert gateway.ping() == {"alive": 0, "removed": 1, "failed": 0}
    assert gateway.sockets("acme").all() == ()


def test_one_tenants_failure_does_not_keep_the_others_from_being_pinged(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    first = gateway.connect(FakeAsterisk(), key)
    other = FakeAsterisk()
    gateway.connect(other, gateway.stores.create_tenant("globex")["link"])
    fake_time.pause(300)

    def fail(socket_id: str, _frame: str) -> None:
        if socket_id == first:
            raise UnavailableError("server")

    gateway.on_post = fail
    assert gateway.ping() == {"alive": 1, "removed": 0, "failed": 1}
    assert other.asked[-1] == "GET asterisk/ping"


def test_hundreds_of_connections_are_all_pinged(gateway: FakeGateway, fake_time: FakeTime) -> None:
    pbx = FakeAsterisk()
    crowd(gateway, pbx, 230)
    fake_time.pause(300)

    assert gateway.ping() == {"alive": 230, "removed": 0, "failed": 0}
    assert pbx.asked.count("GET asterisk/ping") == 230


def test_two_pbxs_of_one_user_name_are_named_in_the_log_and_a_reconnect_is_not(
    gateway: FakeGateway, fake_time: FakeTime, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pbx = FakeAsterisk()
    first = gateway.connect(pbx, key)
    fake_time.pause(300)
    gateway.ping()
    gateway.drop(first, told=False)
    fake_time.pause(20)
    second = gateway.connect(pbx, key)
    for _ in range(2):
        fake_time.pause(300)
        gateway.ping()
    assert [line for line in lines(capsys, "ping") if "outcome" in line] == []

    third = gateway.connect(FakeAsterisk(), key)
    for _ in range(2):
        fake_time.pause(300)
        gateway.ping()
    [line] = [line for line in lines(capsys, "ping") if "outcome" in line]
    assert (line["outcome"], line["tenant"], line["site"]) == ("clash", "acme", "milan")
    assert line["socket"] == third
    assert {second, third} == set(gateway.open)


def test_a_revoked_key_ends_the_connections_that_it_opened(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    other = new_key("acme")
    gateway.stores.tenants("acme").add_key(ApiKey(hash_key(other), "link"))
    revoked = gateway.connect(FakeAsterisk(), key)
    kept = gateway.connect(FakeAsterisk(), other, "rome")
    gateway.stores.tenants("acme").remove_key(hash_key(key))
    fake_time.pause(300)

    assert gateway.ping() == {"alive": 1, "removed": 1, "failed": 0}
    assert gateway.closed == [revoked]
    assert [socket.id for socket in gateway.sockets("acme").all()] == [kept]


@pytest.mark.parametrize("why", ["the key was revoked", "it answers no pings"])
def test_a_connection_that_could_not_be_closed_is_closed_by_the_next_ping(
    gateway: FakeGateway, fake_time: FakeTime, key: str, why: str
) -> None:
    socket_id = gateway.connect(FakeAsterisk(), key)
    if why == "the key was revoked":
        gateway.stores.tenants("acme").remove_key(hash_key(key))
    else:
        gateway.on_deliver = lambda _socket, _text: False
        for _ in range(2):
            fake_time.pause(300)
            gateway.ping()
    failing = [ThrottledError("throttled"), UnavailableError("server")]

    def fail(_socket_id: str) -> None:
        if failing:
            raise failing.pop()

    gateway.on_disconnect = fail
    rounds = []
    for _ in range(3):
        fake_time.pause(300)
        rounds.append((gateway.ping()["failed"], socket_id in gateway.open))

    assert rounds == [(1, True), (1, True), (0, False)]
    assert gateway.sockets("acme").all() == ()


def test_connections_that_take_their_time_cost_nobody_a_turn_twice(
    gateway: FakeGateway, fake_time: FakeTime, key: str
) -> None:
    dead = crowd(gateway, FakeAsterisk(), 40)
    there = {gateway.connect(FakeAsterisk(), key, f"site-{number}") for number in range(15)}

    def wait(socket_id: str, _frame: str) -> None:
        if socket_id in dead:
            fake_time.pause(2)
            raise UnavailableError("timeout")

    gateway.on_post = wait
    gateway.posts.clear()
    for _ in range(2):
        fake_time.pause(300)
        gateway.ping()

    assert {socket_id for socket_id, _ in gateway.posts} == there


def test_without_a_websocket_api_there_is_nothing_to_ping(gateway: FakeGateway) -> None:
    desk = gateway.desk._replace(gateway=lambda: None)

    assert link_pbx({"source": "aws.events"}, desk) == {"alive": 0}
