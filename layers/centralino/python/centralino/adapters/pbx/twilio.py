"""Twilio: signed TwiML; and what speaks it: SignalWire's cXML, Telnyx' TeXML.

`X-Twilio-Signature` is the base64 of an HMAC-SHA1 over the URL as Twilio called it, with every
field of a form behind it; over the URL alone where the body is JSON, whose SHA-256 is then in the
query. Whether the URL has a port in it is not the same everywhere, so it is tried with and without.
The signature has no time in it, so whoever saw a request can send it again; the key in the URL and
TLS stand before that.

https://www.twilio.com/docs/usage/security#validating-requests
https://www.twilio.com/docs/voice/twiml
https://www.twilio.com/docs/voice/api/call-resource
https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from hashlib import sha256

from centralino.domain.errors import CredentialsError
from centralino.domain.pbx_values import (
    is_among,
    is_number,
    is_url,
    is_word,
    percent,
    read_form,
    xml,
)
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator
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
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar

    from centralino.domain.decision import Decision
    from centralino.domain.originate import FailedCallError, Order, Placed
    from centralino.ports.pbx import Ask, Asked, PbxCall, Told
    from centralino.ports.web import Answer

_NAMES = {
    "number": ("from", "caller"),
    "did": ("to", "called"),
    "trunk": ("trunk",),
    "name": ("callername",),
    "call_id": ("callsid",),
    "language": ("language",),
    "attestation": ("stirverstat",),
    "digits": ("digits",),
    "question": ("question",),
}
# A withheld number is a word on a keypad: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE.
_WITHHELD = ("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253")
_ENDED = ("completed", "busy", "failed", "no-answer", "canceled")
_DIALECTS = ("twilio", "signalwire", "telnyx")
_SIGNATURES = ("x-twilio-signature", "x-signalwire-signature")
_PORTS = {"https": ":443", "http": ":80"}
_MAX_PHONES = 10  # nouns in one <Dial>
_API = "https://api.twilio.com"
_CREATED, _BAD_REQUEST, _NOT_FOUND, _SERVER_ERROR = 201, 400, 404, 500
_LONGEST_RING_S = 600
_RING_S = 60  # how long the number's phone rings
_ADDRESS = (
    r"\+[0-9]{5,15}|client:[A-Za-z0-9_.-]{1,200}|"
    r"sips?:[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(;[a-z]{1,20}=[a-z]{1,20})?"
)
_FORMS = {
    "account_sid": "AC[0-9a-f]{32}",
    "api_key": "SK[0-9a-f]{32}",
    "caller_id": r"\+[0-9]{5,15}",
}
# Codes of errors -> why a call is not placed; any other is `refused`. What is wrong with `To` is
# wrong with the agent's address: the customer's number is in the TwiML, and looked at later.
_FAILURES = {
    10001: "credentials",  # Account is not active
    10002: "credentials",  # Trial account does not support this feature
    10005: "credentials",  # Voice calling has been disabled for this account
    20003: "credentials",  # Authenticate
    20404: "credentials",  # Not found: the account
    21211: "unknown_exten",  # Invalid 'To' Phone Number
    21214: "unknown_exten",  # 'To' phone number cannot be reached
    21217: "unknown_exten",  # Phone number does not appear to be valid
    21226: "credentials",  # SIP calling not enabled for this account
}


class Adapter(Pbx):
    """Twilio and its compatibles."""

    slug = "twilio"
    asks = ("route", "identify", "events")
    converses = True
    secrets = {  # noqa: RUF012 - the port's own kind of table
        "auth_token": "the account's auth token; at SignalWire the signing key"
    }
    options = {  # noqa: RUF012 - the same
        "dialect": Option(
            "who speaks TwiML: `twilio` (the default), `signalwire`, or `telnyx`, which is let in "
            "by the key alone",
            "|".join(_DIALECTS),
            f"one of {', '.join(_DIALECTS)}",
        ),
        "public_url": Option(
            "what stands before the path where Twilio calls, if a proxy makes that another address",
            r"https://[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?(/[A-Za-z0-9._/-]{0,100})?",
            AN_URL,
        ),
        "sip_domain": Option(
            "agents and extensions are `sip:EXTEN@` this domain",
            r"[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?",
            "a host name",
        ),
        "clients": Option(
            "true: agents and extensions are registered clients, named by their exten",
            "true|false",
            "true or false",
        ),
        "caller_id": Option(
            "the number shown where a call goes on to an external number",
            r"\+[0-9]{5,15}",
            "a number in E.164",
        ),
        "ring_s": Option("how long a phone rings, seconds; 20", "[1-9][0-9]{0,2}", "1 to 999"),
        "say": Option("the language of spoken prompts, `it-IT`", "[A-Za-z-]{2,20}", "as `it-IT`"),
        "voice": Option("whose voice, `alice`", "[A-Za-z0-9._-]{1,50}", "a voice's name"),
        "urls": Option(
            "destination (`ivr:main`, `voicemail:21`) -> where its TwiML is",
            URL,
            AN_URL,
            table=True,
        ),
        "continue": Option("where the TwiML is if nothing is decided", URL, AN_URL),
        "ids": IDS,
    }

    def verify(self, asked: Asked, *, now_s: float) -> None:  # noqa: ARG002 - it has no time in it
        """See the port."""
        if self.text("dialect") == "telnyx":
            # Ed25519, which needs more than the call path has; the key in the URL let it in.
            return
        keys = self.keys("auth_token")
        fields: list[tuple[str, str]] = []
        hashed = asked.query.get("bodySHA256")
        if asked.method == "POST" and _is_form(asked):
            fields = sorted(set(read_form(asked.body)))
        elif hashed is not None:
            # The body is not signed itself, so its digest has to be right.
            digest = sha256(asked.body).hexdigest().encode()
            if not is_among(hashed.lower(), (digest,)):
                raise CredentialsError("bodySHA256 is not that of the body")
        elif asked.body:
            raise CredentialsError("a body that is no form needs its bodySHA256 in the URL")
        behind = "".join(name + value for name, value in fields)
        good = [
            b64encode(hmac.digest(key, (url + behind).encode("utf-8", "surrogatepass"), "sha1"))
            for key in keys
            for url in _spellings(self._public(asked.url))
        ]
        given = next((asked.headers[name] for name in _SIGNATURES if name in asked.headers), "")
        if not is_among(given, good):
            raise CredentialsError("X-Twilio-Signature is missing or wrong")

    def read(self, asked: Asked) -> PbxCall:
        """See the port."""
        fields = asked.fields
        call = read_call(fields, _NAMES)
        status = fields.get("callstatus", "")
        if call.number in _WITHHELD:
            call = call._replace(number="anonymous")
        call = call._replace(node=asked.node, ended=status in _ENDED)
        if asked.ask != "events":
            return call
        # It is about the leg to the agent, the call is the one before it.
        return call._replace(
            call_id=fields.get("parentcallsid") or call.call_id,
            exten=call.did.partition(":")[2].partition("@")[0],
            event="ended" if call.ended else "answered" if status == "in-progress" else "",
        )

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:
        """See the port; what can't be said in TwiML is `continue`.

        Nothing decided, and no option `continue`, is status 404: Twilio then takes the fallback
        address of the number.
        """
        if told.event or call.ended:
            return _twiml("")
        if told.ask:
            return _twiml(self._gather(told.ask))
        if told.decision and (verb := self._verb(asked, told.decision, told.label)):
            return _twiml(verb)
        on = self.text("continue")
        return _twiml(_redirect(on)) if is_url(on) else Reply(404, "", "text/plain; charset=utf-8")

    def _public(self, url: str) -> str:
        base = self.text("public_url").rstrip("/")
        if not base:
            return url
        scheme, _, rest = url.partition("://")
        return base + rest[len(rest.partition("/")[0]) :] if scheme and rest else url

    def _verb(  # noqa: PLR0911 - a case each
        self, asked: Asked, decision: Decision, label: str
    ) -> str:
        to = decision.destination
        url = self.id_of(to, "urls")
        if is_url(url):
            return _redirect(url)
        if to.type == "hangup":
            ringing = asked.fields.get("callstatus") == "ringing"
            return "<Reject/>" if ringing else "<Hangup/>"
        if decision.agents or to.type in {"agent", "extension"}:
            return self._phones(decision.agents or (self.id_of(to),), label)
        name = self.id_of(to)
        if to.type == "external" and is_number(name):
            caller = self.text("caller_id")
            shown = f' callerId="{xml(caller)}"' if caller else ""
            return f"<Dial{shown} {self._rings()}><Number>{xml(name)}</Number></Dial>"
        if to.type == "queue" and is_word(name):
            return f"<Enqueue>{xml(name)}</Enqueue>"
        if to.type == "identify" and is_word(to.id):
            return _redirect(node_url(asked, self.slug, to.id))
        return ""

    def _phones(self, extens: tuple[str, ...], label: str) -> str:
        phones = "".join(self._phone(exten, label) for exten in extens[:_MAX_PHONES])
        # One after the other, as they were elected.
        return f'<Dial {self._rings()} sequential="true">{phones}</Dial>' if phones else ""

    def _phone(self, exten: str, label: str) -> str:
        if not is_word(exten):
            return ""
        if domain := self.text("sip_domain"):
            # A header is all that a label can travel in.
            shown = f"?X-Centralino-Label={percent(label)}" if label else ""
            return f"<Sip>{xml(f'sip:{percent(exten)}@{domain}{shown}')}</Sip>"
        if self.text("clients") == "true":
            shown = f'<Parameter name="label" value="{xml(label)}"/>' if label else ""
            return f"<Client><Identity>{xml(exten)}</Identity>{shown}</Client>"
        return ""

    def _rings(self) -> str:
        return f'answerOnBridge="true" timeout="{xml(self.text("ring_s", "20"))}"'

    def _gather(self, ask: Ask) -> str:
        node, to = ask.node, xml(answer_url(ask))
        digits = f' numDigits="{node.length}"' if node.length > 0 else ""
        gather = (
            f'<Gather input="dtmf" method="POST" action="{to}" actionOnEmptyResult="true" '
            f'finishOnKey="#" timeout="{max(1, round(node.timeout_s))}"{digits}>'
        )
        # Compatibles go on behind <Gather> if nothing was typed.
        return f"{gather}{self._prompt(prompt(ask))}</Gather>{_redirect(answer_url(ask))}"

    def _prompt(self, text: str) -> str:
        if not text:
            return ""
        if is_url(text):
            return f"<Play>{xml(text)}</Play>"
        return f"<Say{''.join(self._spoken())}>{xml(text)}</Say>"

    def _spoken(self) -> Iterator[str]:
        for attribute, option in (("language", "say"), ("voice", "voice")):
            if value := self.text(option):
                yield f' {attribute}="{xml(value)}"'


class Originate(Originator):
    """Calls through one Twilio account: the agent is called, and then the number by TwiML.

    Account: `account_sid`; `agent_uri`, where agents are, with `{exten}` in it (`client:{exten}`,
    `sip:{exten}@example.sip.twilio.com`); `agents`, a JSON object of those who are elsewhere
    (`{"21": "+390244556677"}`), or of all without `agent_uri`; `caller_id`, the number to show
    where the call has none, in E.164; `api_key`, the SID of an API key; `base_url`, of the
    API in another region.
    Secrets: `auth_token`, the account's, or with `api_key` that key's secret.

    Twilio dials E.164 only, so the number is dialled as `+39…` whatever the dial rules say. It
    calls one number a second and lets the others wait. The agent sees the caller id, too: the name
    can't be told, and no phone answers by itself. Both legs are paid for, and a number in `agents`
    is called as it is there: only administrators write it.

    There is no id of ours that Twilio would know again, so a request without an answer is
    `unknown`. That the agent is busy, or that the number can't be called (13224 to 13227), is known
    only once the call is under way, and not here: such calls are `placed`.

    Not seen on a real account: which of the codes comes for a client or a SIP address that is not
    there; most likely none, and the call ends as `failed`.
    """

    slug: ClassVar[str] = "twilio"
    needs: ClassVar[Mapping[str, str]] = {
        "account.account_sid": "the account's SID, AC and 32 digits",
        "account.agent_uri?": "where agents are, as client:{exten}",
        "account.agents?": "agents who are elsewhere, a JSON object: exten -> number or address",
        "account.caller_id": "the number to show where a call names none, in E.164",
        "account.api_key?": "the SID of an API key, SK and 32 digits",
        "account.base_url?": "the API, https://api.twilio.com unless told",
        "secrets.auth_token": "the account's auth token, or the API key's secret",
    }
    setup: ClassVar[tuple[str, ...]] = (
        "in the Console make an API key, standard",
        "buy or verify the number that is shown: caller_id",
        "in Voice > Settings > Geo permissions allow the countries that are called",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        from time import monotonic  # noqa: PLC0415 - the file is on a call's way as well

        from centralino.application.ask_pbx import read_object, refuse_settings  # noqa: PLC0415
        from centralino.domain.crm_values import as_text  # noqa: PLC0415
        from centralino.domain.originate import (  # noqa: PLC0415
            FailedCallError,
            Placed,
            check_order,
        )

        check_order(order)
        refuse_settings(self._check_settings)
        agent = self._address(order.exten)
        if not agent:
            raise FailedCallError("unknown_exten", "neither in agents nor by agent_uri")
        shown = order.caller_id or self.link.setting("caller_id")
        fields = {
            "To": agent,
            "From": shown,
            "Twiml": self._dial(order, shown),
            "Timeout": str(min(max(1, order.timeout_s), _LONGEST_RING_S)),
        }
        answer = self._ask("POST", "Calls.json", fields, monotonic() + timeout_s)
        said = read_object(answer)
        if answer.status != _CREATED:
            raise self._failure(answer, said)
        sid = as_text(said.get("sid"), 64)
        if not sid:
            raise FailedCallError("unknown", "the answer has no sid")
        return Placed(sid, "ringing" if said.get("status") == "ringing" else "placed")

    def check(self, *, timeout_s: float) -> str:
        """Read the latest call, which says whether the account lets us; see the port."""
        from time import monotonic  # noqa: PLC0415

        from centralino.application.ask_pbx import judge_login, read_object  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        self._check_settings()
        answer = self._ask("GET", "Calls.json?PageSize=1", None, monotonic() + timeout_s)
        if answer.status == _NOT_FOUND:
            raise FailedCallError("credentials", "there is no such account")
        if "calls" not in read_object(judge_login(answer)):
            raise FailedCallError("unreachable", "the answer is none of its API")
        return f"account {self.link.setting('account_sid')}"

    def _check_settings(self) -> None:
        from centralino.application.ask_pbx import check_settings  # noqa: PLC0415
        from centralino.domain.errors import PayloadError  # noqa: PLC0415

        check_settings(self.link, self.needs, _FORMS)
        agents = self._agents()
        if agents is None or not all(
            exten.isdecimal() and _is_address(address) for exten, address in agents.items()
        ):
            raise PayloadError("account.agents", "a JSON object: exten -> number or address")
        sample = self.link.setting("agent_uri").replace("{exten}", "21")
        if sample and (sample == self.link.setting("agent_uri") or not _is_address(sample)):
            raise PayloadError("account.agent_uri", "an address with {exten}, as client:{exten}")
        if not agents and not sample:
            raise PayloadError("account.agent_uri", "an address with {exten}, or account.agents")

    def _agents(self) -> dict[str, str] | None:
        """Return who is where; None if what is set is no such table."""
        from json import loads  # noqa: PLC0415

        try:
            table = loads(self.link.setting("agents", "{}"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(table, dict):
            return None
        return {exten: where if isinstance(where, str) else "" for exten, where in table.items()}

    def _address(self, exten: str) -> str:
        """Return where an extension is; empty if nobody knows."""
        where = (self._agents() or {}).get(exten)
        if where is None:
            where = self.link.setting("agent_uri").replace("{exten}", exten)
        return where if _is_address(where) else ""

    def _dial(self, order: Order, shown: str) -> str:
        """Return the TwiML that calls the number once the agent has answered."""
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        # A number has one spelling here; what has another is an extension.
        to = order.number if is_number(order.number) else self._address(order.number)
        if not to:
            raise FailedCallError("unknown_exten", "the number is neither E.164 nor an extension")
        noun = {"client": "Client", "sip": "Sip"}.get(to.partition(":")[0], "Number")
        who = to.removeprefix("client:")
        return (
            f'<Response><Dial callerId="{xml(shown)}" timeout="{_RING_S}" answerOnBridge="true">'
            f"<{noun}>{xml(who)}</{noun}></Dial></Response>"
        )

    def _failure(self, answer: Answer, said: Mapping[str, Any]) -> FailedCallError:
        """Return why a call is not placed."""
        from centralino.application.ask_pbx import judge_status, words  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        text = words(self.link, said.get("code"), said.get("message"))
        code = said.get("code")
        if isinstance(code, int) and _BAD_REQUEST <= answer.status < _SERVER_ERROR:
            return FailedCallError(_FAILURES.get(code, "refused"), text)
        judge_status(answer, text)
        return FailedCallError("unknown", f"HTTP status {answer.status}, which creates nothing")

    def _ask(self, method: str, path: str, fields: Mapping[str, str] | None, ends: float) -> Answer:
        """Ask the API; only what has `fields` makes a phone ring."""
        from urllib.parse import quote, urlencode  # noqa: PLC0415

        from centralino.application.ask_pbx import ask_pbx, basic  # noqa: PLC0415

        account = self.link.setting("account_sid")
        user = self.link.setting("api_key", account)
        base = self.link.setting("base_url", _API).rstrip("/")
        return ask_pbx(
            self.means.web,
            method,
            f"{base}/2010-04-01/Accounts/{quote(account, safe='')}/{path}",
            headers={
                "accept": "application/json",
                "authorization": basic(user, self.link.secret("auth_token")),
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode(fields).encode() if fields else b"",
            ends=ends,
            rings=bool(fields),
        )


def _is_address(where: str) -> bool:
    return re.fullmatch(_ADDRESS, where) is not None


def _twiml(verbs: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'
    return Reply(200, body, "text/xml; charset=utf-8")


def _redirect(url: str) -> str:
    return f'<Redirect method="POST">{xml(url)}</Redirect>'


def _is_form(asked: Asked) -> bool:
    kind = asked.headers.get("content-type", "").lower()
    return kind.startswith("application/x-www-form-urlencoded")


def _spellings(url: str) -> list[str]:
    """Return a URL as it is, without its port, and with the usual one."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, _, port = host.rpartition(":")
    bare = name if name and port.isdigit() else host
    hosts = dict.fromkeys((host, bare, bare + _PORTS.get(scheme, "")))
    return [f"{scheme}://{one}{slash}{path}" for one in hosts]
