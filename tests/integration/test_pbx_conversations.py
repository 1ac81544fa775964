"""Whole conversations of PBXs that the service drives: each answer is obeyed as the PBX would.

A stranger calls, is asked, types nothing, is asked again, types a VAT number and reaches support;
the next call is not asked any more. Over the real function's code and DynamoDB Local.
"""

from __future__ import annotations

import hmac
import json
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from defusedxml.ElementTree import fromstring

from tests.support.routes import Switchboard, now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from tests.support.dynamodb_local import DynamoDBLocal

TOKEN = "the-secret-of-this-account"
HOST = "https://cti.example"
STRANGER, DID = "+390255667788", "+390299887766"
DIGITS = "12345670017"  # IT12345670017 on a keypad
OPTIONS: dict[str, dict[str, Any]] = {
    "twilio": {"sip_domain": "pbx.example.com"},
    "jambonz": {"sip_domain": "pbx.example.com"},
    "kalliope": {"ask_value": "9"},
    "generic": {
        "replies": {
            "route": {"to": "{destination}", "type": "{type}", "node": "{id}"},
            "identify": {"to": "{destination}"},
            "ask": {"say": "{prompt}", "next": "{next}", "question": "{question}"},
        }
    },
}


class Secrets:
    """What the tenant's PBXs sign with."""

    def read(self, tenant: str, provider: str, timeout_s: float = 1.0) -> dict[str, object]:
        del timeout_s
        known = {"pbx-twilio": {"auth_token": TOKEN}, "pbx-jambonz": {"webhook_secret": TOKEN}}
        return dict(known[provider]) if tenant == "acme" else {}

    refresh = read


class Step(NamedTuple):
    """What a PBX makes of an answer.

    Attributes:
        url: where it asks next; empty if it has got a destination.
        prompt: what it plays before that, and waits for digits.
        queue: the queue that it sends the call to.
    """

    url: str = ""
    prompt: str = ""
    queue: str = ""


class Phone(ABC):
    """A PBX of one product with one call."""

    provider: str
    method = "POST"
    content_type = "application/x-www-form-urlencoded"

    def __init__(self, switchboard: Switchboard, call_id: str, secret: str = TOKEN) -> None:
        self.switchboard = switchboard
        self.call_id = call_id
        self.secret = secret
        self.key = switchboard.tenant.keys["pbx"]

    def start(self) -> str:
        return f"{HOST}/v1/k/{self.key}/pbx/{self.provider}/route"

    def ask(self, url: str, digits: str | None = None) -> dict[str, Any]:
        """Send one request and return the gateway's answer."""
        body = self.body(self.fields(digits))
        headers = {"host": "cti.example", "content-type": self.content_type}
        headers.update(self.signature(url, body))
        path = urlsplit(url)
        return self.switchboard.send(
            {
                "rawPath": path.path,
                "rawQueryString": path.query,
                "headers": headers,
                "requestContext": {
                    "http": {"method": self.method, "sourceIp": "127.0.0.1"},
                    "timeEpoch": now_ms(),
                },
                "body": b64encode(body).decode(),
                "isBase64Encoded": True,
            }
        )

    def follow(self, url: str, digits: str | None = None) -> Step:
        """Ask, and go on until the caller hears something or the call leaves."""
        for _ in range(4):
            given = self.ask(url, digits)
            assert given["statusCode"] == 200, given
            step = self.understand(given["body"])
            if step.queue or step.prompt:
                return step
            assert step.url, given
            url, digits = step.url, None
        raise AssertionError("it was sent from one address to another")

    def body(self, fields: dict[str, str]) -> bytes:
        return urlencode(fields).encode()

    def signature(self, url: str, body: bytes) -> dict[str, str]:
        del url, body
        return {}

    @abstractmethod
    def fields(self, digits: str | None) -> dict[str, str]:
        """Return what the product says of the call."""

    @abstractmethod
    def understand(self, body: str) -> Step:
        """Read an answer as the product does."""


class Twilio(Phone):
    provider = "twilio"

    def fields(self, digits: str | None) -> dict[str, str]:
        fields = {"CallSid": self.call_id, "From": STRANGER, "To": DID, "CallStatus": "in-progress"}
        return fields if digits is None else {**fields, "Digits": digits, "msg": "Gather End"}

    def signature(self, url: str, body: bytes) -> dict[str, str]:
        text = url + "".join(n + v for n, v in sorted(parse_qsl(body.decode(), True)))  # noqa: FBT003
        mac = hmac.digest(self.secret.encode(), text.encode(), "sha1")
        return {"x-twilio-signature": b64encode(mac).decode()}

    def understand(self, body: str) -> Step:
        verb: Element = fromstring(body)[0]
        if verb.tag == "Gather":
            return Step(verb.attrib["action"], verb.findtext("Say") or "")
        if verb.tag == "Redirect":
            return Step(verb.text or "")
        assert verb.tag == "Enqueue"
        return Step(queue=verb.text or "")


class Jambonz(Phone):
    provider = "jambonz"
    content_type = "application/json"

    def fields(self, digits: str | None) -> dict[str, str]:
        fields = {"call_sid": self.call_id, "from": STRANGER, "to": DID, "call_status": "trying"}
        if digits is None:
            return fields
        typed = {"reason": "dtmfDetected", "digits": digits} if digits else {"reason": "timeout"}
        return {**fields, "call_status": "in-progress", **typed}

    def body(self, fields: dict[str, str]) -> bytes:
        return json.dumps(fields).encode()

    def signature(self, url: str, body: bytes) -> dict[str, str]:
        del url
        at = str(int(time.time()))
        mac = hmac.digest(self.secret.encode(), f"{at}.".encode() + body, "sha256").hex()
        return {"jambonz-signature": f"t={at},v1={mac}"}

    def understand(self, body: str) -> Step:
        (verb,) = json.loads(body)
        if verb["verb"] == "gather":
            return Step(verb["actionHook"], verb["say"]["text"])
        if verb["verb"] == "redirect":
            return Step(verb["actionHook"])
        assert verb["verb"] == "enqueue"
        return Step(queue=verb["name"])


class Httapi(Phone):
    provider = "freeswitch"

    def fields(self, digits: str | None) -> dict[str, str]:
        fields = {
            "session_id": self.call_id,
            "Caller-Caller-ID-Number": STRANGER,
            "Caller-Destination-Number": DID,
        }
        # With nothing typed the module sends no such field at all.
        return {**fields, "centralino_digits": digits} if digits else fields

    def understand(self, body: str) -> Step:
        work = fromstring(body)[0]
        verb: Element = work[0]
        if verb.tag == "speak":
            return Step(verb.attrib["action"], verb.attrib["text"])
        if verb.tag == "continue":
            return Step(verb.attrib["action"])
        assert verb.tag == "dial"
        return Step(queue=verb.text or "")


class Generic(Phone):
    provider = "generic"

    def fields(self, digits: str | None) -> dict[str, str]:
        fields = {"call_id": self.call_id, "number": STRANGER, "did": DID}
        return fields if digits is None else {**fields, "digits": digits}

    def understand(self, body: str) -> Step:
        told = json.loads(body)
        if "next" in told:
            return Step(told["next"], told["say"])
        if told.get("type") == "identify":
            return Step(self.start().replace("/route", f"/identify/{told['node']}"))
        kind, _, name = told["to"].partition(":")
        assert kind == "queue"
        return Step(queue=name)


class Kalliope(Phone):
    provider = "kalliope"

    def fields(self, digits: str | None) -> dict[str, str]:
        fields = {"num": STRANGER, "did": DID, "id": self.call_id}
        return fields if digits is None else {**fields, "code": digits}

    def understand(self, body: str) -> Step:
        value = fromstring(body).findtext("value") or ""
        if value == OPTIONS["kalliope"]["ask_value"]:
            # Its own action plays its own prompt and knows the node's address.
            return Step(self.start().replace("/route", "/identify/vat"), "The number")
        return Step(queue=value)


PHONES = (Twilio, Jambonz, Httapi, Generic, Kalliope)


@pytest.fixture
def switchboard(dynamodb: DynamoDBLocal, table: str) -> Iterator[Switchboard]:
    with Switchboard(dynamodb.env, dynamodb.env, table) as switchboard:
        switchboard.desk = switchboard.desk._replace(secrets=Secrets)
        nodes = {
            "vat": {"mode": "check", "codes": ["vat:IT"], "attempts": 3, "prompt": "The number"}
        }
        switchboard.publish(nodes=nodes, pbx=OPTIONS)
        switchboard.customer()
        yield switchboard


@pytest.mark.parametrize("kind", PHONES, ids=lambda kind: kind.provider)
def test_a_stranger_is_asked_until_a_code_is_typed_and_never_again(
    switchboard: Switchboard, kind: type[Phone]
) -> None:
    phone = kind(switchboard, "call-1")

    asked = phone.follow(phone.start())
    assert (asked.prompt, asked.queue) == ("The number", "")
    again = phone.follow(asked.url, "")
    assert (again.prompt, again.queue) == ("The number", "")
    # All but Kalliope are told which question the digits answer.
    assert (again.url != asked.url) is (kind is not Kalliope)
    assert phone.follow(again.url, DIGITS) == Step(queue="600")

    later = kind(switchboard, "call-2")
    assert later.follow(later.start()) == Step(queue="600")


@pytest.mark.parametrize("kind", PHONES, ids=lambda kind: kind.provider)
def test_who_never_types_anything_reaches_the_rest_after_the_attempts(
    switchboard: Switchboard, kind: type[Phone]
) -> None:
    phone = kind(switchboard, "call-3")
    step = phone.follow(phone.start())
    for _ in range(3):
        assert step.prompt
        step = phone.follow(step.url, "")
    assert step == Step(queue="700")


@pytest.mark.parametrize("kind", [Twilio, Jambonz], ids=lambda kind: kind.provider)
def test_a_forged_request_is_refused_with_an_empty_body(
    switchboard: Switchboard, kind: type[Phone]
) -> None:
    phone = kind(switchboard, "call-4", secret="somebody else's")
    given = phone.ask(phone.start())
    assert (given["statusCode"], given["body"]) == (401, "")
