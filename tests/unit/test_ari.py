"""What an Asterisk's answers and events mean."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.domain.ari import (
    AriAnswer,
    channel_request,
    endpoint_request,
    judge,
    judge_conflict,
    judge_endpoint,
    version_of,
)
from centralino.domain.ari_events import (
    WANTED,
    answer_of,
    call_of,
    happened_ms,
    read_frame,
    step_of,
)
from centralino.domain.originate import FAILURES, STATES, FailedCallError, Order, Placed

ROOT = Path(__file__).parents[2]
CALL = "0123456789abcdefABCDEF"
ORDER = Order(CALL, "21", "+390244556677", "0244556677")
NOW_MS = 1_795_000_000_000  # 2026-11-18T11:06:40Z
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def setting(_name: str, default: str) -> str:
    return default


@pytest.mark.parametrize(
    ("status", "body", "placed"),
    [
        (200, '{"id": "1795000000.17"}', Placed("1795000000.17")),
        (200, '{"id": 5}', Placed(CALL)),
        (200, json.dumps({"id": "x" * 500}), Placed(CALL)),
        (200, "", Placed(CALL)),
        (201, "no JSON", Placed(CALL)),
    ],
)
def test_a_call_that_was_taken_has_an_id(status: int, body: str, placed: Placed) -> None:
    assert judge(AriAnswer(status, body), CALL) == placed


@pytest.mark.parametrize(
    ("status", "body", "reason", "detail"),
    [
        (400, '{"message": "Endpoint\\n not  found"}', "refused", "400 Endpoint not found"),
        (
            401,
            '{"message": "Authentication required"}',
            "credentials",
            "401 Authentication required",
        ),
        (403, "", "credentials", "403"),
        (404, '{"message": {"x": 1}}', "refused", "404"),
        (409, '{"message": "exists"}', "unknown", "409 exists"),
        (500, '{"error": "Allocation failed"}', "refused", "500 Allocation failed"),
        (502, "<html>", "unknown", "502"),
        (503, '{"message": "Asterisk not booted"}', "unreachable", "503 Asterisk not booted"),
        (504, "", "unknown", "504"),
        (302, "", "refused", "302"),
        (0, "", "unknown", "0"),
    ],
)
def test_a_refusal_has_a_word_of_ours_and_asterisks_own(
    status: int, body: str, reason: str, detail: str
) -> None:
    with pytest.raises(FailedCallError) as caught:
        judge(AriAnswer(status, body), CALL)
    assert (caught.value.reason, caught.value.detail) == (reason, detail)
    assert reason in FAILURES


@pytest.mark.parametrize(
    ("status", "sent_before", "reason"),
    [
        (404, False, "refused"),
        (404, True, "unknown"),
        (0, False, "unknown"),
        (503, True, "unknown"),
    ],
)
def test_a_409_without_a_channel_is_no_call(status: int, *, sent_before: bool, reason: str) -> None:
    with pytest.raises(FailedCallError) as caught:
        judge_conflict(AriAnswer(status), CALL, sent_before=sent_before)
    assert caught.value.reason == reason


@pytest.mark.parametrize("sent_before", [True, False])
def test_a_409_with_its_channel_is_the_call(*, sent_before: bool) -> None:
    assert judge_conflict(AriAnswer(200, "{}"), CALL, sent_before=sent_before) == Placed(CALL)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, "{}", "unknown_exten"),
        (200, '{"state": "offline"}', "busy"),
        (200, '{"state": "online"}', "refused"),
        (200, "[]", "refused"),
        (0, "", "refused"),
    ],
)
def test_why_a_phone_could_not_be_rung_is_asked(status: int, body: str, reason: str) -> None:
    known = FailedCallError("refused", "500 Allocation failed")

    assert judge_endpoint(AriAnswer(status, body), known).reason == reason


@pytest.mark.parametrize(
    ("endpoint", "uri"),
    [
        ("PJSIP/{exten}", "endpoints/PJSIP/21"),
        ("SIP/{exten}", "endpoints/SIP/21"),
        ("Local/{exten}@phones/n", None),
        ("PJSIP/trunk/{exten}", None),
    ],
)
def test_only_a_phone_that_asterisk_knows_can_be_asked_for(endpoint: str, uri: str | None) -> None:
    request = endpoint_request("21", lambda _name, _default: endpoint)

    assert (request.uri if request else None) == uri


@given(name=st.text(max_size=60))
def test_a_name_never_ends_the_caller_id_that_it_is_in(name: str) -> None:
    request = channel_request(ORDER._replace(name=name), setting)
    shown = dict(request.query)["callerId"]

    assert shown.endswith(("<+390244556677>", "+390244556677"))
    assert shown.count('"') in {0, 2}
    assert shown.count("<") <= 1


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ('{"system": {"version": "22.10.1"}}', "22.10.1"),
        ('{"system": {"version": 22}}', "?"),
        ('{"system": []}', "?"),
        ("", "?"),
    ],
)
def test_the_version_is_read_with_care(body: str, version: str) -> None:
    assert version_of(AriAnswer(200, body)) == version


@pytest.mark.parametrize(
    ("timestamp", "at_ms"),
    [
        ("2026-11-18T11:06:40.123+0000", NOW_MS + 123),
        ("2026-11-18T12:06:40.123+0100", NOW_MS + 123),
        ("2026-11-18T06:36:40.5-04:30", NOW_MS + 500),
        ("2026-11-18T11:06:41Z", NOW_MS + 1000),
        ("2026-11-18T11:06:40.123456789Z", NOW_MS + 123),
        ("2020-01-01T00:00:00.000+0000", NOW_MS + 7),
        ("2099-99-99T99:99:99.000+0000", NOW_MS + 7),
        ("today", NOW_MS + 7),
        (5, NOW_MS + 7),
        (None, NOW_MS + 7),
    ],
)
def test_the_time_of_an_event_is_its_own_unless_it_cant_be(timestamp: object, at_ms: int) -> None:
    frame = read_frame(json.dumps({"type": "Dial", "timestamp": timestamp}))
    assert frame

    assert happened_ms(frame, NOW_MS + 7) == at_ms


@given(
    content=st.dictionaries(st.text(), JSON, max_size=6), kind=st.sampled_from(WANTED), part=JSON
)
def test_no_event_is_too_strange_to_be_read(
    content: dict[str, object], kind: str, part: object
) -> None:
    parts = dict.fromkeys(("channel", "caller", "peer", "timestamp", "cause", "dialstatus"), part)
    frame = read_frame(json.dumps({**parts, **content, "type": kind}))
    assert frame

    answer_of(frame)
    assert isinstance(call_of(frame), str)
    assert happened_ms(frame, NOW_MS) >= 0
    step = step_of(frame)
    assert step is None or step.state in STATES


# --- the page ------------------------------------------------------------------------------------

PAGE = (ROOT / "docs/asterisk-websocket.md").read_text()


def options(name: str) -> list[str]:
    """Return the options in an example of ours."""
    text = (ROOT / "integrations/asterisk" / name).read_text()
    return re.findall(r"^([a-z_]+) =", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["ari.conf", "websocket_client.conf"])
def test_every_line_of_the_examples_is_explained(name: str) -> None:
    _, _, page = PAGE.partition(f"## {name}\n")
    page = page.partition("\n## ")[0]
    assert options(name)
    for option in options(name):
        assert re.search(rf"`{option}\b", page), option


@pytest.mark.parametrize("kind", [*WANTED])
def test_every_event_that_we_ask_for_is_named(kind: str) -> None:
    named = kind.replace("BridgeBlindTransfer", "transfers")
    assert named.replace("BridgeAttendedTransfer", "transfers") in PAGE
