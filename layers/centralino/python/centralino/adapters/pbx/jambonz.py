"""jambonz: JSON arrays of verbs, signed with `Jambonz-Signature: t=<seconds>,v1=<hex>`.

The signature is an HMAC-SHA256 over the time, a dot and the body, with the account's webhook
secret; five minutes to both sides are what its own SDK allows. While the secret is replaced, a
header has several `v1`. The query is not signed: who is calling, and what was typed, is read from
the body alone.

https://docs.jambonz.org/verbs/overview and its SDK (jambonz/node-sdk, schema/verbs and
typescript/src/webhook/response.ts of May 2026)
"""

from __future__ import annotations

import hmac
import json
import re

from centralino.domain.errors import CredentialsError
from centralino.domain.pbx_values import attestation, is_among, is_number, is_url, is_word, plain
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.pbx import (
    AN_URL,
    IDS,
    URL,
    Option,
    Pbx,
    Reply,
    answer_url,
    node_url,
    prompt,
    read_call,
)

if TYPE_CHECKING:
    from typing import Any

    from centralino.domain.decision import Decision
    from centralino.ports.pbx import Ask, Asked, PbxCall, Told

WINDOW_S = 300
_DIGITS = 12
_MAX_SIGNATURES = 10
_MAX_BODY = 64 * 1024
_NAMES = {
    "number": ("from",),
    "did": ("to",),
    "trunk": ("trunk", "originating_sip_trunk_name"),
    "name": ("caller_name",),
    "call_id": ("call_sid",),
    "language": ("language",),
    "digits": ("digits",),
    "question": ("question",),
}
_UNSIGNED = ("question", "trunk", "language")
_ENDED = ("completed", "failed", "busy", "no-answer")
# Why a gather ended with nothing typed.
_NOTHING = ("timeout", "error", "stt-low-confidence")
_NAME = re.compile(r'\s*"((?:[^"\\]|\\.){1,200})"\s*<')
_VERSTAT = re.compile(r"verstat=([A-Za-z-]{1,40})")


class Adapter(Pbx):
    """jambonz."""

    slug = "jambonz"
    asks = ("route", "identify", "events")
    converses = True
    secrets = {"webhook_secret": "the account's webhook secret"}  # noqa: RUF012 - the port's kind
    options = {  # noqa: RUF012 - the same
        "sip_domain": Option(
            "agents and extensions are users at this SIP realm",
            r"[A-Za-z0-9.-]{1,200}",
            "a host name",
        ),
        "trunk": Option("the carrier for external numbers", "[^\x00-\x1f]{1,100}", "its name"),
        "caller_id": Option(
            "the number shown where a call goes on to an external number",
            r"\+?[0-9]{3,15}",
            "a number",
        ),
        "ring_s": Option("how long a phone rings, seconds; 20", "[1-9][0-9]{0,2}", "1 to 999"),
        "urls": Option(
            "destination (`ivr:main`, `voicemail:21`) -> the application that takes it over",
            URL,
            AN_URL,
            table=True,
        ),
        "continue": Option("the application that goes on if nothing is decided", URL, AN_URL),
        "ids": IDS,
    }

    def verify(self, asked: Asked, *, now_s: float) -> None:
        """See the port."""
        keys = self.keys("webhook_secret")
        header = asked.headers.get("jambonz-signature", "")
        parts = [part.strip().partition("=") for part in header.split(",", _MAX_SIGNATURES)]
        at = next((value for name, _, value in parts if name == "t"), "")
        if not (at.isascii() and at.isdigit() and len(at) <= _DIGITS):
            raise CredentialsError("expected Jambonz-Signature: t=<seconds since 1970>,v1=<hex>")
        if abs(now_s - int(at)) > WINDOW_S:
            raise CredentialsError("Jambonz-Signature is too far from our own time")
        signed = f"{at}.".encode() + asked.body
        good = [hmac.digest(key, signed, "sha256").hex().encode() for key in keys]
        if not sum(is_among(value, good) for name, _, value in parts if name == "v1"):
            raise CredentialsError("Jambonz-Signature is missing or wrong")

    def read(self, asked: Asked) -> PbxCall:
        """See the port; display name, attestation and privacy are in the INVITE's headers."""
        content = _content(asked.body)
        fields = _signed(content)
        # Nothing signs the query: it says no more of a call than what our own URLs have in them.
        said = {name: asked.fields[name] for name in _UNSIGNED if name in asked.fields}
        call = read_call({**said, **fields}, _NAMES)
        headers = _sip_headers(content)
        sender = f"{headers.get('from', '')} {headers.get('p-asserted-identity', '')}"
        status = fields.get("call_status", "")
        if not call.name and (name := _NAME.match(headers.get("from", ""))):
            call = call._replace(name=name[1])
        if verstat := _VERSTAT.search(sender):
            call = call._replace(attestation=attestation(verstat[1]))
        if "id" in headers.get("privacy", "").lower().split(";"):
            call = call._replace(number="anonymous", name="")
        if call.digits is None and fields.get("reason", "") in _NOTHING:
            call = call._replace(digits="")
        call = call._replace(node=asked.node, ended=status in _ENDED)
        if asked.ask != "events":
            return call
        event = "ended" if call.ended else "answered" if status == "in-progress" else ""
        return call._replace(
            call_id=fields.get("parent_call_sid") or call.call_id,
            exten=call.did.partition("@")[0].removeprefix("sip:"),
            event=event,
        )

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:
        """See the port; nothing decided, and no option `continue`, declines the call (480)."""
        if told.event or call.ended:
            return _verbs([])
        if told.ask:
            return _verbs([_gather(told.ask)])
        if told.decision and (verb := self._verb(asked, told.decision, told.label)):
            return _verbs([verb])
        on = self.text("continue")
        if is_url(on):
            return _verbs([_redirect(on)])
        # The carrier then takes its own next way.
        return _verbs([_end(asked, 480, "Temporarily Unavailable")])

    def _verb(  # noqa: PLR0911 - a case each
        self, asked: Asked, decision: Decision, label: str
    ) -> dict[str, Any]:
        to = decision.destination
        url = self.id_of(to, "urls")
        if is_url(url):
            return _redirect(url)
        if to.type == "hangup":
            return _end(asked, 603, "Decline")
        name = self.id_of(to)
        if decision.agents or to.type in {"agent", "extension"}:
            return self._dial(
                [self._user(exten) for exten in decision.agents or (name,) if is_word(exten)], label
            )
        if to.type == "external" and is_number(name):
            target = {"type": "phone", "number": name}
            if trunk := self.text("trunk"):
                target["trunk"] = plain(trunk)
            dial = self._dial([target], "")
            if caller := self.text("caller_id"):
                dial["callerId"] = plain(caller)
            return dial
        if to.type == "queue" and is_word(name):
            return {"verb": "enqueue", "name": name}
        if to.type == "identify" and is_word(to.id):
            return _redirect(node_url(asked, self.slug, to.id))
        return {}

    def _user(self, exten: str) -> dict[str, str]:
        domain = self.text("sip_domain")
        return {"type": "user", "name": f"{exten}@{domain}"} if domain else {}

    def _dial(self, targets: list[dict[str, str]], label: str) -> dict[str, Any]:
        targets = [target for target in targets if target]
        if not targets:
            return {}
        ring = self.text("ring_s", "20")
        dial: dict[str, Any] = {
            "verb": "dial",
            "answerOnBridge": True,
            "timeout": int(ring) if ring.isdecimal() else 20,
            "target": targets,
        }
        if label:
            dial["callerName"] = plain(label, 80)
        return dial


def _verbs(verbs: list[dict[str, Any]]) -> Reply:
    return Reply(200, json.dumps(verbs, ensure_ascii=False), "application/json")


def _redirect(url: str) -> dict[str, Any]:
    return {"verb": "redirect", "actionHook": plain(url)}


def _end(asked: Asked, status: int, reason: str) -> dict[str, Any]:
    """Return what ends a call: a SIP answer as long as there was none."""
    if _signed(_content(asked.body)).get("call_status") == "trying":
        return {"verb": "sip:decline", "status": status, "reason": reason}
    return {"verb": "hangup"}


def _gather(ask: Ask) -> dict[str, Any]:
    node, text = ask.node, plain(prompt(ask))
    gather: dict[str, Any] = {
        "verb": "gather",
        "input": ["digits"],
        "actionHook": plain(answer_url(ask)),
        "finishOnKey": "#",
        "dtmfBargein": True,
        "timeout": node.timeout_s,
        "interDigitTimeout": node.timeout_s,
    }
    if node.length > 0:
        gather["maxDigits"] = node.length
    if is_url(text):
        gather["play"] = {"url": text}
    elif text:
        gather["say"] = {"text": text}
    return gather


def _content(body: bytes) -> dict[str, Any]:
    """Return the body's JSON object; an empty one if it holds none."""
    if len(body) > _MAX_BODY:
        return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _signed(content: dict[str, Any]) -> dict[str, str]:
    """Return the texts and numbers of a body, names in lower case."""
    return {
        name.lower(): str(value)
        for name, value in content.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }


def _sip_headers(content: dict[str, Any]) -> dict[str, str]:
    """Return the INVITE's headers, names in lower case; none of a body that holds none."""
    sip = content.get("sip")
    headers = sip.get("headers") if isinstance(sip, dict) else None
    if not isinstance(headers, dict):
        return {}
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
