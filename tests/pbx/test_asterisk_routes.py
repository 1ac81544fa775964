"""A real Asterisk sends calls where a service of ours says, and asks callers for their code."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import pytest

from tests.support.faulty_http import answering, hung, response, stopped
from tests.support.http_gateway import HttpGateway
from tests.support.office import ROUTED
from tests.support.sip import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.office import Office

pytestmark = pytest.mark.asterisk

CLI = "+390244556677"
CARRIERS_NAME = "ROSSI MARIO"
EVALUATED = "/tmp/evaluated"  # noqa: S108 - inside Asterisk's own tree
FORM = "application/x-www-form-urlencoded"


class Script:
    """A service that answers what it is told to, one answer after the other."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: list[dict[str, str]] = []

    def __call__(self, event: dict[str, Any], _context: object) -> dict[str, Any]:
        fields = dict(parse_qsl(event["rawQueryString"], keep_blank_values=True))
        self.asked.append((event["rawPath"], fields))
        given = self.answers.pop(0) if self.answers else {"action": "ok"}
        body = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
        return {"statusCode": 200, "headers": {"content-type": FORM}, "body": body}


@pytest.fixture
def script(office: Office) -> Iterator[Script]:
    script = Script()
    with closing(HttpGateway(script)) as gateway:
        office.ask_at(gateway.url)
        yield script


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def go(to: str = "queue:support", **more: str) -> dict[str, str]:
    kind, _, which = to.partition(":")
    return {"action": "go", "type": kind, "id": which, "destination": to, **more}


def test_a_call_goes_to_the_queue_that_the_service_names_with_the_label(
    office: Office, script: Script
) -> None:
    script.answers = [go(label="*Mario Rossi (Milano")]
    shown = office.call(CLI, CARRIERS_NAME, ROUTED)
    assert (shown.called, shown.name, shown.number) == ("support", "*Mario Rossi (Milano", CLI)
    path, fields = script.asked[0]
    assert path == "/v1/pbx/asterisk/route"
    assert fields["number"] == CLI
    assert (fields["name"], fields["did"], fields["trunk"]) == (CARRIERS_NAME, ROUTED, "milan")
    assert fields["call_id"]


def test_a_caller_is_asked_types_the_code_and_goes_on(office: Office, script: Script) -> None:
    script.answers = [
        go("identify:vat"),
        {"action": "ask", "question": "1", "prompt": "", "length": "11", "timeout": "4"},
        go(label="Rossi"),
    ]
    shown = office.call_and_type(CLI, "www01234567890")
    assert (shown.called, shown.name) == ("support", "Rossi")
    assert [path.rpartition("/")[2] for path, _ in script.asked[:3]] == [
        "route",
        "identify",
        "identify",
    ]
    assert script.asked[1][1]["node"] == "vat"
    assert "digits" not in script.asked[1][1]
    assert script.asked[2][1]["digits"] == "01234567890"
    assert script.asked[2][1]["question"] == "1"
    assert len({fields["call_id"] for _, fields in script.asked[:3]}) == 1


def test_who_types_nothing_is_asked_again_and_then_goes_where_the_service_says(
    office: Office, script: Script
) -> None:
    ask = {"action": "ask", "node": "vat", "prompt": "", "length": "11", "timeout": "1"}
    script.answers = [go("identify:vat"), ask, ask, go("queue:sales")]
    shown = office.call_and_type(CLI, "")
    assert shown.called == "sales"
    assert [fields.get("digits") for _, fields in script.asked[:4]] == [None, None, "", ""]


def test_the_elected_agents_ring_one_after_the_other_and_then_the_fallback(
    office: Office, script: Script
) -> None:
    script.answers = [go("agent:21", agents="21-22")]
    assert office.call(CLI, CARRIERS_NAME, ROUTED).called == "21"
    assert office.phone.ring().called == "22"
    assert office.phone.ring().called == "sales"


def test_the_service_is_told_who_spoke_to_the_caller(office: Office, script: Script) -> None:
    script.answers = [go("agent:21", agents="21-22")]
    office.phone.answers = {"22"}
    try:
        assert office.call(CLI, CARRIERS_NAME, ROUTED).called == "21"
        assert office.phone.ring().called == "22"
    finally:
        office.phone.answers = set()
    wait_for(lambda: len(script.asked) > 1)
    path, fields = script.asked[1]
    assert path == "/v1/pbx/asterisk/events"
    assert (fields["event"], fields["exten"], fields["number"]) == ("answered", "22", CLI)
    assert fields["call_id"] == script.asked[0][1]["call_id"]


def test_a_call_that_nobody_answered_is_told_to_nobody(office: Office, script: Script) -> None:
    script.answers = [go("queue:support")]
    before = len(office.asterisk.log())
    office.call(CLI, CARRIERS_NAME, ROUTED)
    ended = "Internal Gosub(centralino-ended,s,1) complete"
    wait_for(lambda: ended in office.asterisk.log()[before:])
    assert [path for path, _ in script.asked] == ["/v1/pbx/asterisk/route"]


@pytest.mark.parametrize("to", ["continue", "whatsapp:1", "closing:3"])
def test_what_this_pbx_has_no_place_for_goes_to_the_fallback(
    to: str, office: Office, script: Script
) -> None:
    script.answers = [go(to)]
    assert office.call(CLI, CARRIERS_NAME, ROUTED).called == "sales"


def test_an_outside_number_is_dialled_as_it_is(office: Office, script: Script) -> None:
    script.answers = [go("external:+390612345678")]
    assert office.call(CLI, CARRIERS_NAME, ROUTED).called == "+390612345678"


@pytest.mark.parametrize(
    "hostile",
    [
        "${SHELL(touch /tmp/evaluated)}",
        "a,b,c)&type=hangup",
        '"',
        "Rossi (Milano",
        "))))((((",
        "x" * 500,
    ],
)
def test_no_field_that_the_service_sends_is_evaluated_or_moves_another_one(
    hostile: str, office: Office, script: Script
) -> None:
    script.answers = [{"action": "go", "type": "queue", "id": "support", "label": hostile}]
    shown = office.call(CLI, CARRIERS_NAME, ROUTED)
    assert shown.called == "support"
    assert not office.asterisk.inside(EVALUATED).exists()
    script.answers = [{"action": "go", "type": hostile, "id": hostile, "agents": hostile}]
    assert office.call(CLI, CARRIERS_NAME, ROUTED).called
    assert not office.asterisk.inside(EVALUATED).exists()


FAULTS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "stopped": stopped,
    "hung": hung,
    "500 with JSON": lambda: answering(
        response("500 Internal Server Error", "application/json", '{"message":"Internal"}')
    ),
    "429 with a form": lambda: answering(
        response("429 Too Many Requests", FORM, "action=go&type=queue&id=support")
    ),
    "key refused": lambda: answering(response("401 Unauthorized", "text/plain", "")),
    "200 with a page": lambda: answering(
        response("200 OK", "text/html", "<html>action=go&type=queue&id=support</html>")
    ),
    "half an answer": lambda: answering(
        f"HTTP/1.1 200 OK\r\ncontent-type: {FORM}\r\ncontent-length: 99\r\n\r\n".encode()
        + b"action=go&type=queue&id=sup",
        b"port",
        pause_s=5,
    ),
    "nothing": lambda: answering(response("200 OK", FORM, "")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_goes_to_the_fallback_in_time_when_the_service_is(
    fault: str, office: Office
) -> None:
    with FAULTS[fault]() as url:
        office.ask_at(url)
        office.asterisk.set_globals(CENTRALINO_TIMEOUT="1.2")
        shown = office.call(CLI, CARRIERS_NAME, ROUTED)
    assert (shown.called, shown.name) == ("sales", CARRIERS_NAME)
