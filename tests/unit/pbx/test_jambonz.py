"""jambonz: its signature, and arrays of verbs."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from centralino.adapters.pbx.jambonz import Adapter
from centralino.domain.destination import CONTINUE, Destination
from centralino.domain.errors import CredentialsError
from centralino.ports.pbx import Ask, Asked, PbxCall, Told
from tests.support.crm.contract import NOW_S
from tests.support.pbx import ask_url, read_strictly, received
from tests.support.pbx.contract import CALL_ID, DID, NEXT, NODE, NUMBER, PbxContract, decided

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET = "test-webhook-secret"  # of jambonz/node-sdk, typescript/test/webhook.test.ts
JSON = {"content-type": "application/json"}


class TestJambonz(PbxContract):
    adapter = Adapter
    options: ClassVar[Mapping[str, Any]] = {
        "sip_domain": "office.example.com",
        "urls": {"voicemail:21": "https://example.com/voicemail"},
        "trunk": "carrier",
    }
    secrets: ClassVar[Mapping[str, str]] = {"webhook_secret": SECRET}
    withheld = ("", "anonymous", "Anonymous", "+266696687", "restricted", "unknown")
    spells = frozenset({"queue", "extension", "agent", "hangup", "identify", "external"}) | {
        "voicemail"
    }
    signature_header = "jambonz-signature"

    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        content = {"call_sid": CALL_ID, "from": number, "to": DID, "call_status": "trying"}
        if digits is not None:
            content["reason"] = "dtmfDetected" if digits else "timeout"
        if digits:
            content["digits"] = digits
        node = "vat" if ask == "identify" else ""
        query = f"question={question}" if question else ""
        url = ask_url("jambonz", ask, node, query=query)
        return received(url, ask, "POST", JSON, json.dumps(content).encode(), node)

    def sign(self, asked: Asked, secret: str, *, at_s: float = NOW_S) -> Asked:
        return signed(asked, secret, at_s)

    def forgeries(self, asked: Asked) -> Iterator[tuple[str, Asked]]:
        for word, forged in super().forgeries(asked):
            # It covers the body alone.
            if word != "another URL":
                yield word, forged

    def events(self) -> tuple[Asked, Asked]:
        legs = []
        for status in ("in-progress", "completed"):
            content = {"call_sid": "leg", "parent_call_sid": CALL_ID, "call_status": status}
            content["to"] = "21@office.example.com"
            body = json.dumps(content).encode()
            legs.append(received(ask_url("jambonz", "events"), "events", "POST", JSON, body))
        return legs[0], legs[1]


def signed(asked: Asked, secret: str, at_s: float = NOW_S, *more: str) -> Asked:
    """Sign as jambonz/node-sdk's own test does (makeSignature); its vectors are made anew there."""
    text = f"{int(at_s)}.".encode() + asked.body
    mac = hmac.digest(secret.encode(), text, "sha256").hex()
    header = ",".join((f"t={int(at_s)}", *more, f"v1={mac}"))
    return asked._replace(headers={**asked.headers, "jambonz-signature": header})


def jambonz(**options: object) -> Adapter:
    Adapter.check_options(options)
    return Adapter(options, {"webhook_secret": SECRET})


def request(body: bytes = b'{"call_sid":"abc","call_status":"completed"}') -> Asked:
    return received(ask_url("jambonz", "route"), "route", "POST", JSON, body)


def test_a_signature_worked_out_by_hand_is_good() -> None:
    # printf '1795255200.{"call_sid":"abc","call_status":"completed"}' |
    #   openssl dgst -sha256 -hmac test-webhook-secret
    header = "t=1795255200,v1=9396050ef3ef0ff215efebd8808da9060bf54750fe70c6699ff1db3d84711fb4"
    asked = request()._replace(headers={"jambonz-signature": header})
    jambonz().verify(asked, now_s=NOW_S)


@pytest.mark.parametrize("off_s", [-300, -299, 0, 299, 300])
def test_a_signature_within_five_minutes_is_good(off_s: int) -> None:
    jambonz().verify(signed(request(), SECRET, NOW_S + off_s), now_s=NOW_S)


@pytest.mark.parametrize("off_s", [-600, -301, 301, 600, 10**9])
def test_a_stale_signature_is_refused_though_it_is_right(off_s: int) -> None:
    with pytest.raises(CredentialsError, match="too far"):
        jambonz().verify(signed(request(), SECRET, NOW_S + off_s), now_s=NOW_S)


def test_one_good_signature_of_several_is_enough() -> None:
    jambonz().verify(signed(request(), SECRET, NOW_S, "v1=00", "v0=00"), now_s=NOW_S)


@pytest.mark.parametrize(
    "header",
    [
        "t=1795255200",
        "v1=00",
        "t=,v1=",
        "t=1795255200,v1=",
        "t=1e9,v1=00",
        "t=\u0661,v1=00",
        "t=" + "9" * 5000 + ",v1=00",
        "t=1795255200," + "v1=00," * 1000,
    ],
)
def test_half_a_signature_is_none(header: str) -> None:
    with pytest.raises(CredentialsError):
        jambonz().verify(request()._replace(headers={"jambonz-signature": header}), now_s=NOW_S)


def test_what_is_not_signed_says_nothing_of_the_caller() -> None:
    body = {"call_sid": CALL_ID, "from": NUMBER, "to": DID, "call_status": "trying"}
    claims = "from=%2B393339999999&to=0&call_sid=x&digits=1&reason=timeout&caller_name=Boss"
    url = ask_url(
        "jambonz", "identify", "vat", query=f"{claims}&call_status=completed&parent_call_sid=x"
    )
    asked = received(url, "identify", "POST", JSON, json.dumps(body).encode(), "vat")
    call = jambonz().read(signed(asked, SECRET))
    assert call == PbxCall(NUMBER, DID, call_id=CALL_ID, node="vat")
    # No body is signed just as well.
    assert jambonz().read(asked._replace(body=b"")) == PbxCall(node="vat")
    on = jambonz().reply(asked, call, Told())
    assert json.loads(on.body)[0]["verb"] == "sip:decline"


def test_the_address_says_which_question_was_asked_on_which_trunk_in_which_language() -> None:
    url = ask_url("jambonz", "identify", "vat", query="question=2&trunk=milan&language=it")
    body = b'{"from":"+390244556677","digits":12,"question":"2"}'
    call = jambonz().read(received(url, "identify", "POST", JSON, body, "vat"))
    assert (call.question, call.trunk, call.language, call.digits) == (2, "milan", "it", "12")


def answer(told: Told, status: str = "trying", **options: object) -> Any:  # noqa: ANN401
    body = json.dumps({"from": NUMBER, "to": DID, "call_status": status}).encode()
    pbx = jambonz(**options)
    asked = request(body)
    reply = pbx.reply(asked, pbx.read(asked), told)
    assert reply.status == 200
    return read_strictly(reply)


def test_elected_agents_ring_at_once_and_see_the_label() -> None:
    told = Told('Rossi "M"', decided(Destination("agent", "21"), agents=("21", "22")))
    assert answer(told, sip_domain="office.example.com", ring_s=25) == [
        {
            "verb": "dial",
            "answerOnBridge": True,
            "timeout": 25,
            "target": [
                {"type": "user", "name": "21@office.example.com"},
                {"type": "user", "name": "22@office.example.com"},
            ],
            "callerName": 'Rossi "M"',
        }
    ]


def test_an_external_number_is_dialled_over_the_tenants_trunk() -> None:
    told = Told("Rossi", decided(Destination("external", "+390233445566")))
    (dial,) = answer(told, trunk="carrier", caller_id="+390299887766")
    assert dial["target"] == [{"type": "phone", "number": "+390233445566", "trunk": "carrier"}]
    assert (dial["callerId"], dial.get("callerName")) == ("+390299887766", None)


def test_a_call_is_declined_before_it_is_answered_and_hung_up_after() -> None:
    told = Told(decision=decided(Destination("hangup")))
    assert answer(told) == [{"verb": "sip:decline", "status": 603, "reason": "Decline"}]
    assert answer(told, "in-progress") == [{"verb": "hangup"}]


def test_nothing_decided_goes_on_where_the_tenant_says_or_is_the_carriers_again() -> None:
    told = Told(decision=decided(CONTINUE))
    on = "https://example.com/on"
    assert answer(told, **{"continue": on}) == [{"verb": "redirect", "actionHook": on}]
    assert answer(told) == [
        {"verb": "sip:decline", "status": 480, "reason": "Temporarily Unavailable"}
    ]


def test_an_agent_is_not_guessed_where_no_realm_is_set() -> None:
    told = Told("Rossi", decided(Destination("agent", "21")))
    assert answer(told) == answer(Told(decision=decided(CONTINUE)))


def test_a_question_is_gathered() -> None:
    ask = Ask(NODE, again=False, next_url=NEXT, question=1)
    assert answer(Told(ask=ask)) == [
        {
            "verb": "gather",
            "input": ["digits"],
            "actionHook": f"{NEXT}?question=1",
            "finishOnKey": "#",
            "dtmfBargein": True,
            "timeout": 5.0,
            "interDigitTimeout": 5.0,
            "maxDigits": 11,
            "say": {"text": NODE.prompt},
        }
    ]
    played = NODE._replace(prompt="https://example.com/vat.mp3")
    (gather,) = answer(Told(ask=ask._replace(node=played)))
    assert gather["play"] == {"url": "https://example.com/vat.mp3"}
