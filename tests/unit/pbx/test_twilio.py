"""Twilio and its compatibles: signatures by the vendor's own vectors, and TwiML."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import pytest

from centralino.adapters.pbx.twilio import Adapter
from centralino.domain.destination import CONTINUE, Destination
from centralino.domain.errors import CredentialsError, PayloadError
from centralino.ports.pbx import Ask, Asked, Told
from tests.support.crm.contract import NOW_S
from tests.support.pbx import FORM, ask_url, form_body, read_strictly, received
from tests.support.pbx.contract import (
    CALL_ID,
    DID,
    NEXT,
    NODE,
    NUMBER,
    PbxContract,
    decided,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# The vectors of twilio-python, tests/unit/test_request_validator.py (30368b0).
TOKEN = "12345"
URI = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def signature(token: str, url: str, body: bytes = b"") -> str:
    """Sign as Twilio does, by its page on security."""
    fields = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    text = url + "".join(name + value for name, value in fields)
    return b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


class TestTwilio(PbxContract):
    adapter = Adapter
    options: ClassVar[Mapping[str, Any]] = {
        "sip_domain": "pbx.example.com",
        "caller_id": "+390299887766",
        "say": "en-GB",
        "voice": "alice",
        "urls": {"ivr:21": "https://example.com/menu.xml?a=1&b=2"},
        "ids": {"queue:21": "support"},
    }
    secrets: ClassVar[Mapping[str, str]] = {"auth_token": "d41d8cd98f00b204e9800998ecf8427e"}
    # ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE on a keypad.
    withheld = (
        *("", "anonymous", "+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"),
        "sip:anonymous@anonymous.invalid",
    )
    spells = frozenset({"queue", "extension", "agent", "hangup", "identify", "external", "ivr"})
    signature_header = "x-twilio-signature"

    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        fields = {"CallSid": CALL_ID, "From": number, "To": DID, "CallStatus": "ringing"}
        if digits:
            fields["Digits"] = digits
        query = f"question={question}" if question else ""
        url = ask_url("twilio", ask, "vat" if ask == "identify" else "", query=query)
        node = "vat" if ask == "identify" else ""
        return received(url, ask, "POST", {"content-type": FORM}, form_body(fields), node)

    def sign(self, asked: Asked, secret: str, *, at_s: float = NOW_S) -> Asked:  # noqa: ARG002
        given = signature(secret, asked.url, asked.body)
        return asked._replace(headers={**asked.headers, self.signature_header: given})

    def events(self) -> tuple[Asked, Asked]:
        legs = []
        for status in ("in-progress", "completed"):
            fields = {"CallSid": "CA2", "ParentCallSid": CALL_ID, "CallStatus": status}
            fields["To"] = "sip:21@pbx.example.com"
            url = ask_url("twilio", "events")
            legs.append(received(url, "events", "POST", {"content-type": FORM}, form_body(fields)))
        return legs[0], legs[1]


class TestSignalWire(TestTwilio):
    options: ClassVar[Mapping[str, Any]] = {**TestTwilio.options, "dialect": "signalwire"}
    signature_header = "x-signalwire-signature"


def twilio(**options: object) -> Adapter:
    Adapter.check_options(options)
    return Adapter(options, {"auth_token": TOKEN})


def verify(url: str, given: str, body: bytes, kind: str = FORM, **options: object) -> None:
    headers = {"content-type": kind, "x-twilio-signature": given}
    asked = received(url, "route", "POST", headers, body)
    twilio(**options).verify(asked._replace(query=dict(parse_qsl(url.partition("?")[2]))), now_s=0)


@pytest.mark.parametrize(
    ("url", "given", "body"),
    [
        (URI, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", form_body(FIELDS)),
        # The signature is that of the URL without its port ...
        (URI.replace(".com", ".com:1234"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=", form_body(FIELDS)),
        # ... and of the one with it, be it the usual one that nobody writes.
        (
            URI.replace(".com", ".com:1234").replace("https", "http"),
            "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
            form_body(FIELDS),
        ),
        (URI, "kvajT1Ptam85bY51eRf/AJRuM3w=", form_body(FIELDS)),
        (URI.replace("https", "http"), "0ZXoZLH/DfblKGATFgpif+LLRf4=", form_body(FIELDS)),
        # A field that comes twice.
        (
            URI,
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
            b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234",
        ),
    ],
)
def test_the_signatures_that_twilio_publishes_are_good(url: str, given: str, body: bytes) -> None:
    verify(url, given, body)
    with pytest.raises(CredentialsError):
        verify(url, given, body + b"&x=1")
    with pytest.raises(CredentialsError):
        verify(url.replace("foo=1", "foo=2"), given, body)


def test_a_json_body_is_good_by_its_digest_in_the_url() -> None:
    url = f"{URI}&bodySHA256={JSON_HASH}"
    assert sha256(JSON_BODY).hexdigest() == JSON_HASH
    verify(url, "a9nBmqA0ju/hNViExpshrM61xv4=", JSON_BODY, "application/json")
    with pytest.raises(CredentialsError, match="bodySHA256"):
        verify(url, "a9nBmqA0ju/hNViExpshrM61xv4=", b"{}", "application/json")


def test_a_form_is_not_let_in_by_a_digest_alone() -> None:
    url = f"{URI}&bodySHA256={sha256(form_body(FIELDS)).hexdigest()}"
    with pytest.raises(CredentialsError):
        verify(url, signature(TOKEN, url), form_body(FIELDS))


@pytest.mark.parametrize(
    ("method", "kind"),
    [("POST", "text/plain"), ("POST", "application/json"), ("POST", ""), ("GET", FORM)],
)
@pytest.mark.parametrize("body", [b"Digits=12345670017", b'{"Digits":"12345670017"}'])
def test_a_body_that_no_signature_covers_is_refused(method: str, kind: str, body: bytes) -> None:
    url = ask_url("twilio", "identify", "vat", query="From=%2B390244556677&CallSid=CA1")
    headers = {"content-type": kind, "x-twilio-signature": signature(TOKEN, url)}
    twilio().verify(received(url, "identify", method, headers, node="vat"), now_s=0)
    with pytest.raises(CredentialsError, match="body"):
        twilio().verify(received(url, "identify", method, headers, body, "vat"), now_s=0)


def test_a_request_by_get_is_signed_by_its_url() -> None:
    url = ask_url("twilio", "route", query="From=%2B390244556677&CallSid=CA1")
    headers = {"x-twilio-signature": signature(TOKEN, url)}
    twilio().verify(received(url, "route", "GET", headers), now_s=0)
    with pytest.raises(CredentialsError):
        twilio().verify(received(url + "1", "route", "GET", headers), now_s=0)


@pytest.mark.parametrize("name", ["Renée", "+", "a b", "%", "", "名前", "a\r\nb"])
def test_fields_of_any_text_are_signed_as_they_are_decoded(name: str) -> None:
    body = urlencode({"CallerName": name, "From": NUMBER}).encode()
    verify(URI, signature(TOKEN, URI, body), body)


def test_behind_a_proxy_the_url_is_the_one_that_twilio_calls() -> None:
    inside = ask_url("twilio", "route", query="a=1")
    public = inside.replace("https://api.example.com", "https://phone.example.org/cti")
    verify(
        inside,
        signature(TOKEN, public, form_body(FIELDS)),
        form_body(FIELDS),
        public_url="https://phone.example.org/cti",
    )


def test_telnyx_is_let_in_by_the_key_alone_only_where_that_is_said() -> None:
    asked = received(ask_url("twilio", "route"), "route", "POST")
    twilio(dialect="telnyx").verify(asked, now_s=0)
    with pytest.raises(CredentialsError):
        twilio(dialect="signalwire").verify(asked, now_s=0)
    with pytest.raises(PayloadError, match="dialect"):
        twilio(dialect="plivo")


def answer(told: Told, status: str = "ringing", **options: object) -> str:
    body = form_body({"From": NUMBER, "CallStatus": status})
    url = ask_url("twilio", "route", query="trunk=milan")
    asked = received(url, "route", "POST", {"content-type": FORM}, body)
    pbx = twilio(**options)
    reply = pbx.reply(asked, pbx.read(asked), told)
    read_strictly(reply)
    assert (reply.status, reply.content_type) == (200, "text/xml; charset=utf-8")
    return reply.body.removeprefix('<?xml version="1.0" encoding="UTF-8"?>')


def test_elected_agents_ring_one_after_the_other_and_see_the_label_in_a_header() -> None:
    told = Told("Rossi & Co", decided(Destination("agent", "21"), agents=("21", "22")))
    assert answer(told, sip_domain="pbx.example.com") == (
        '<Response><Dial answerOnBridge="true" timeout="20" sequential="true">'
        "<Sip>sip:21@pbx.example.com?X-Centralino-Label=Rossi%20%26%20Co</Sip>"
        "<Sip>sip:22@pbx.example.com?X-Centralino-Label=Rossi%20%26%20Co</Sip>"
        "</Dial></Response>"
    )


def test_a_registered_client_gets_the_label_as_a_parameter() -> None:
    told = Told("<Rossi>", decided(Destination("extension", "21")))
    assert answer(told, clients=True, ring_s=9) == (
        '<Response><Dial answerOnBridge="true" timeout="9" sequential="true"><Client>'
        '<Identity>21</Identity><Parameter name="label" value="&lt;Rossi&gt;"/></Client></Dial>'
        "</Response>"
    )


def test_calls_go_to_queues_numbers_menus_and_nodes() -> None:
    options: dict[str, Any] = {
        "caller_id": "+390299887766",
        "urls": {"ivr:main": "https://example.com/a?b&c"},
    }
    expected = {
        Destination("queue", "support"): "<Enqueue>support</Enqueue>",
        Destination("external", "+390233445566"): (
            '<Dial callerId="+390299887766" answerOnBridge="true" timeout="20">'
            "<Number>+390233445566</Number></Dial>"
        ),
        Destination("ivr", "main"): (
            '<Redirect method="POST">https://example.com/a?b&amp;c</Redirect>'
        ),
        Destination("identify", "vat"): (
            '<Redirect method="POST">https://api.example.com/v1/k/demo.aaaaaaaaaaaaaaaaaaaaaa'
            "/pbx/twilio/identify/vat?trunk=milan</Redirect>"
        ),
    }
    for to, verbs in expected.items():
        assert answer(Told(decision=decided(to)), **options) == f"<Response>{verbs}</Response>"


def test_a_call_that_nobody_answered_is_rejected_and_another_one_hung_up() -> None:
    told = Told(decision=decided(Destination("hangup")))
    assert answer(told) == "<Response><Reject/></Response>"
    assert answer(told, "in-progress") == "<Response><Hangup/></Response>"


def test_nothing_decided_goes_on_where_the_tenant_says_or_at_the_numbers_fallback() -> None:
    told = Told(decision=decided(CONTINUE))
    assert answer(told, **{"continue": "https://example.com/on"}) == (
        '<Response><Redirect method="POST">https://example.com/on</Redirect></Response>'
    )
    asked = received(ask_url("twilio", "route"), "route", "POST")
    pbx = twilio()
    reply = pbx.reply(asked, pbx.read(asked), told)
    assert (reply.status, reply.body) == (404, "")


def test_a_question_is_gathered_and_silence_is_an_answer_as_well() -> None:
    ask = Ask(NODE._replace(prompt="Die USt-IdNr., bitte"), again=False, next_url=NEXT, question=1)
    assert answer(Told(ask=ask), say="de-DE") == (
        f'<Response><Gather input="dtmf" method="POST" action="{NEXT}?question=1" '
        'actionOnEmptyResult="true" finishOnKey="#" timeout="5" numDigits="11">'
        '<Say language="de-DE">Die USt-IdNr., bitte</Say></Gather>'
        f'<Redirect method="POST">{NEXT}?question=1</Redirect></Response>'
    )


def test_a_prompt_that_is_an_address_is_played() -> None:
    node = NODE._replace(prompt="https://example.com/vat.mp3", length=0, timeout_s=0.2)
    told = Told(ask=Ask(node, again=False, next_url=NEXT))
    assert "<Play>https://example.com/vat.mp3</Play>" in answer(told)
    assert 'timeout="1"><' in answer(told)


def test_a_caller_who_hung_up_is_told_nothing_more() -> None:
    told = Told(decision=decided(Destination("queue", "support")))
    assert answer(told, "completed") == "<Response></Response>"
