"""FreeSWITCH and FusionPBX: mod_xml_curl's dialplan, mod_httapi, and a name for mod_cidlookup.

Calls are placed by FreeSWITCH's mod_xml_rpc; FusionPBX's own way is in `fusionpbx.py`.

A request with `section` is mod_xml_curl's: it gets an extension, or `not found`, and FreeSWITCH
goes on with the dialplan that it has. Any other is mod_httapi's, which comes again after each turn;
so only httapi can ask for a code, and xml_curl's answer starts it. FreeSWITCH expands `${...}` in
what it reads, so no value has `$`, braces, quotes or backslashes.

https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_xml_curl_1049001
https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_httapi_3966423 and
mod_httapi.c
"""

from __future__ import annotations

import re

from centralino.domain.errors import PayloadError
from centralino.domain.pbx_values import is_audio, is_url, is_word, percent, plain, xml
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator
from centralino.ports.pbx import (
    IDS,
    NAMES,
    Option,
    Pbx,
    Reply,
    answer_url,
    node_url,
    prompt,
    read_call,
)

if TYPE_CHECKING:
    from centralino.domain.decision import Decision
    from centralino.domain.originate import Order, Placed
    from centralino.ports.pbx import Ask, Asked, PbxCall, Told
    from centralino.ports.web import Answer

_DIGITS = "centralino_digits"
_NAMES = {
    **NAMES,
    "number": ("caller-caller-id-number", *NAMES["number"]),
    "did": ("caller-destination-number", "did"),
    "trunk": ("trunk", "variable_sip_gateway_name"),
    "name": ("caller-caller-id-name", "name"),
    "call_id": ("unique-id", "session_id", "call_id"),
    "attestation": ("variable_sip_verstat_detailed", "attestation"),
    "digits": (_DIGITS,),
}
_HARMFUL = re.compile(r"[$\\{}'\"`,;^<>\[\]]")
_WORD = r"[A-Za-z0-9_.-]{1,64}"
_NOT_FOUND = '<section name="result"><result status="not found"/></section>'
# Queues, menus and phones are all extens of a context; what has no exten there has none here.
_EXTENS = (
    *("queue", "schedule", "ivr", "extension", "survey", "custom", "agent", "closing"),
    *("external", "whatsapp"),
)

# Of a number that an agent's phone shows.
_MAX_NAME = 60
# What is waited for a call to fail before it rings; a phone that is off, or busy, says so at once.
_FAILS_S = 4.0
# FreeSWITCH's hangup causes -> why a call is not placed; any other is `refused`.
_CAUSES = {
    "USER_BUSY": "busy",
    "CALL_REJECTED": "busy",
    "NO_ANSWER": "busy",
    "NO_USER_RESPONSE": "busy",
    "ORIGINATOR_CANCEL": "busy",
    "PROGRESS_TIMEOUT": "busy",
    "ALLOTTED_TIMEOUT": "busy",
    # The user is in the directory, and no phone of it is registered: it is off.
    "USER_NOT_REGISTERED": "busy",
    # The directory has no such user (mod_dptools' user channel says so).
    "SUBSCRIBER_ABSENT": "unknown_exten",
    "UNALLOCATED_NUMBER": "unknown_exten",
    "NO_ROUTE_DESTINATION": "unknown_exten",
    "INVALID_NUMBER_FORMAT": "unknown_exten",
}


class Adapter(Pbx):
    """FreeSWITCH; it signs nothing, the key lets it in."""

    slug = "freeswitch"
    asks = ("lookup", "route", "identify")
    converses = True
    options = {  # noqa: RUF012 - the port's own kind of table
        "context": Option("the context with the extens; `default`", _WORD, "a context's name"),
        "continue_context": Option(
            "the context that goes on if nothing is decided, with the label set; without it "
            "FreeSWITCH takes its own dialplan, and the name stays",
            _WORD,
            "a context's name",
        ),
        "domain": Option(
            "where elected agents are registered, to be rung one after the other; without it only "
            "the best one's exten is dialled",
            r"[A-Za-z0-9.-]{1,200}",
            "a host name",
        ),
        "ring_s": Option("how long an agent's phone rings, seconds; 20", "[1-9][0-9]{0,2}"),
        "httapi_profile": Option("mod_httapi's profile; `default`", _WORD, "a profile's name"),
        "tts_engine": Option("what speaks prompts that are no file; `flite`", _WORD),
        "tts_voice": Option("with which voice; `slt`", _WORD),
        "ids": IDS,
    }

    def read(self, asked: Asked) -> PbxCall:
        """See the port; a number that is to be hidden is withheld, whatever else is sent."""
        fields = asked.fields
        call = read_call(fields, _NAMES)
        if fields.get("caller-privacy-hide-number", "").lower() == "true":
            call = call._replace(number="anonymous", name="")
        return call._replace(
            digits="" if call.digits == "invalid" else call.digits,  # what no binding took
            node=asked.node or call.node,
            ended=fields.get("exiting", "").lower() == "true",
        )

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:
        """See the port."""
        if asked.ask == "lookup":
            return Reply(200, _safe(told.label), "text/plain; charset=utf-8")
        section = asked.fields.get("section")
        if section is not None:
            known = section == "dialplan" and (told.ask or told.decision)
            found = self._extension(asked, call, told) if known else ""
            return _document("freeswitch/xml", found or _NOT_FOUND)
        work = "<break/>" if call.ended else self._work(asked, told)
        return _document("xml/freeswitch-httapi", work)

    # --- mod_xml_curl -----------------------------------------------------------------------------

    def _extension(self, asked: Asked, call: PbxCall, told: Told) -> str:
        actions = self._actions(asked, call, told)
        if not actions:
            return ""
        if label := _safe(told.label):
            actions = [("set", f"effective_caller_id_name={label}"), *actions]
        lines = "".join(
            f'<action application="{name}" data="{xml(data)}"/>' for name, data in actions
        )
        context = xml(_safe(asked.fields.get("caller-context", "")) or "public")
        return (
            f'<section name="dialplan"><context name="{context}"><extension name="centralino">'
            f"<condition>{lines}</condition></extension></context></section>"
        )

    def _actions(  # noqa: PLR0911 - a case each
        self, asked: Asked, call: PbxCall, told: Told
    ) -> list[tuple[str, str]]:
        decision = told.decision
        if told.ask:
            return self._start(answer_url(told.ask).partition("?")[0], asked)
        if not decision:
            return []
        to, exten = decision.destination, self._exten(decision)
        if to.type == "hangup":
            return [("hangup", "CALL_REJECTED")]
        if to.type == "identify" and is_word(to.id):
            return self._start(node_url(asked, self.slug, to.id).partition("?")[0], asked)
        if decision.agents and (domain := self.text("domain")):
            phones = "|".join(
                f"user/{agent}@{_safe(domain)}" for agent in decision.agents if is_word(agent)
            )
            if phones:
                ring = _safe(self.text("ring_s", "20"))
                wait = [("set", f"call_timeout={ring}"), ("set", "hangup_after_bridge=true")]
                return [*wait, ("bridge", phones)]
        if to.type == "voicemail" and is_word(to.id) and (domain := self.text("domain")):
            return [("answer", ""), ("voicemail", f"default {_safe(domain)} {to.id}")]
        if exten:
            return [("transfer", f"{exten} XML {self._context()}")]
        on, did = self.text("continue_context"), call.did
        return [("transfer", f"{did} XML {_safe(on)}")] if on and is_word(did) else []

    def _start(self, url: str, asked: Asked) -> list[tuple[str, str]]:
        """Return what starts httapi at a node; the key in a query goes along."""
        if key := asked.query.get("key", ""):
            url = f"{url}?key={key}"
        if not is_url(url):
            return []
        profile = _safe(self.text("httapi_profile", "default"))
        data = f"{{httapi_profile={profile},method=POST,url={url}}}"
        return [("answer", ""), ("httapi", data)]

    # --- mod_httapi -------------------------------------------------------------------------------

    def _work(self, asked: Asked, told: Told) -> str:
        if told.ask:
            return self._playback(told.ask)
        if not told.decision:
            return "<break/>"
        to = told.decision.destination
        if to.type == "hangup":
            return '<hangup cause="CALL_REJECTED"/>'
        if to.type == "identify" and is_word(to.id):
            return f'<continue action="{xml(node_url(asked, self.slug, to.id))}"/>'
        exten = self._exten(told.decision)
        if not exten:
            return "<break/>"
        label = _safe(told.label)
        shown = f' caller-id-name="{xml(label)}"' if label else ""
        context = xml(self._context())
        return f'<dial context="{context}" dialplan="XML"{shown}>{xml(exten)}</dial>'

    def _playback(self, ask: Ask) -> str:
        node, text, to = ask.node, plain(prompt(ask)), xml(answer_url(ask))
        wait_ms = max(1, round(1000 * node.timeout_s))
        common = f'name="{_DIGITS}" digit-timeout="{wait_ms}" input-timeout="{wait_ms}"'
        # A `#` ends the code; as many digits as it has end it as well.
        bindings = r'<bind strip="#">~\d*#</bind>'
        if node.length > 0:
            bindings += rf"<bind>~\d{{{node.length}}}</bind>"
        if is_audio(text):
            verb, how = "playback", f'file="{xml(_safe(text))}"'
        elif _safe(text):
            engine, voice = self.text("tts_engine", "flite"), self.text("tts_voice", "slt")
            how = f'engine="{xml(engine)}" voice="{xml(voice)}" text="{xml(_safe(text))}"'
            verb = "speak"
        else:
            verb, how = "pause", f'milliseconds="{wait_ms}"'
        asks = f'<{verb} {how} {common} action="{to}">{bindings}</{verb}>'
        # Where nothing was typed the address is not changed by the binding, but by this.
        return f'{asks}<continue action="{to}"/>'

    def _exten(self, decision: Decision) -> str:
        to = decision.destination
        name = decision.agents[0] if decision.agents else self.id_of(to)
        mapped = self.id_of(to) != to.id
        return name if is_word(name) and (to.type in _EXTENS or mapped) else ""

    def _context(self) -> str:
        return _safe(self.text("context", "default")) or "default"


class Originate(Originator):
    """Calls through mod_xml_rpc: `originate`, by `/txtapi/`.

    Account: `base_url`, the address before `/txtapi`; `user`; `domain`, where the agents' phones
    are registered; `context` (`default`), which dials the number.
    Secrets: `password`.

    The agent's phones ring and show whom the call is to; the context then dials the number, with
    the DID that was asked for as caller id (`effective_caller_id_number`, and
    `outbound_caller_id_number` for FusionPBX's dialplan) if it lets that be.

    HTTP says 200 whatever happens; the answer is `+OK <uuid>` or `-ERR <cause>`, and comes once the
    agent has answered. A call that fails before it rings fails at once. So after some seconds
    FreeSWITCH is asked whether the call is there (`show channels like`, by its `presence_data`,
    which is our `call_id`), and the call is `ringing`. No uuid of ours is given to it: an agent
    with two phones has two channels, and of one uuid there can only be one (`Duplicate UUID!`).

    Not seen on a real FreeSWITCH; read from mod_xml_rpc.c, mod_commands.c and mod_dptools.c
    (signalwire/freeswitch, cc93a68).

    https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_xml_rpc_1049001/
    """

    slug = "freeswitch"
    needs = {  # noqa: RUF012 - the port's own kind of table
        "account.base_url": "the address before /txtapi, https://pbx.example.com:8080",
        "account.user": "the user of mod_xml_rpc",
        "account.domain": "where the agents' phones are registered, pbx.example.com",
        "account.context?": "the context that dials numbers, default",
        "secrets.password": "that user's password",
    }
    setup = (
        "load mod_xml_rpc; in xml_rpc.conf.xml set http-port, auth-realm, auth-user and auth-pass",
        "it speaks no TLS: put a proxy with a certificate of a public authority before it",
        "let nothing but /txtapi/originate, /txtapi/show and /txtapi/status through the proxy",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        from time import monotonic  # noqa: PLC0415 - the inbound half needs none of these

        from centralino.domain.originate import (  # noqa: PLC0415
            FailedCallError,
            Placed,
            check_order,
        )

        check_order(order)
        ends = monotonic() + timeout_s
        try:
            self._check_settings()
        except PayloadError as error:
            raise FailedCallError("refused", str(error)) from None
        # What is left is for the question.
        fails = min(monotonic() + _FAILS_S, ends - timeout_s / 3)
        try:
            answer = self._ask("originate", self._dial_string(order), fails, rings=True)
            return self._placed(answer, order)
        except FailedCallError as error:
            if error.reason == "unknown" and self._exists(order.call_id, ends):
                return Placed(order.call_id, "ringing")
            raise

    def check(self, *, timeout_s: float) -> str:
        """Ask for the status; see the port."""
        from time import monotonic  # noqa: PLC0415

        from centralino.application.ask_pbx import judge_login  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        self._check_settings()
        answer = judge_login(self._ask("status", "", monotonic() + timeout_s, rings=False))
        found = re.search(rb"FreeSWITCH \(Version ([0-9A-Za-z.+~_-]{1,40})", answer.body)
        if not found:
            raise FailedCallError("refused", "there is no FreeSWITCH at this address")
        return f"FreeSWITCH {found[1].decode()}"

    def _dial_string(self, order: Order) -> str:
        """Return what `originate` is given; nothing in it can be taken for anything else."""
        variables = {
            "presence_data": order.call_id,
            "originate_timeout": str(order.timeout_s),
            "origination_caller_id_number": order.dial,
        }
        if name := _safe(plain(order.name, _MAX_NAME)).replace("|", "").replace("&", ""):
            variables["origination_caller_id_name"] = f"'{name}'"
        if order.caller_id:
            variables["effective_caller_id_number"] = order.caller_id
            variables["outbound_caller_id_number"] = order.caller_id
        if order.auto_answer:
            variables["sip_auto_answer"] = "true"
            variables["sip_h_Call-Info"] = "<sip:centralino>;answer-after=0"
        told = ",".join(f"{variable}={value}" for variable, value in variables.items())
        phone = f"user/{order.exten}@{self.link.setting('domain')}"
        context = self.link.setting("context", "default")
        return f"{{{told}}}{phone} &transfer('{order.dial} XML {context}')"

    def _placed(self, answer: Answer, order: Order) -> Placed:
        from centralino.application.ask_pbx import judge_status, words  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError, Placed  # noqa: PLC0415

        said = judge_status(answer).body[:1000].decode("utf-8", "replace").strip()
        if found := re.fullmatch(r"\+OK ([0-9a-f-]{36})", said):
            return Placed(found[1])
        told = words(self.link, said, name=order.name)
        if cause := re.match(r"-ERR ([A-Z_]{1,60})\b", said):
            raise FailedCallError(_CAUSES.get(cause[1], "refused"), told)
        # `-ERR` with words, `-USAGE`: it understood, and did nothing.
        raise FailedCallError("refused" if said.startswith("-") else "unknown", told)

    def _exists(self, call_id: str, ends: float) -> bool:
        from centralino.application.ask_pbx import read_object  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        try:
            answer = self._ask("show", f"channels like {call_id} as json", ends, rings=False)
        except FailedCallError:
            return False
        rows = read_object(answer).get("rows")
        return isinstance(rows, list) and call_id in str(rows)

    def _ask(self, command: str, argument: str, ends: float, *, rings: bool) -> Answer:
        from centralino.application.ask_pbx import ask_pbx, basic  # noqa: PLC0415

        base = self.link.setting("base_url").rstrip("/")
        query = f"?{percent(argument)}" if argument else ""
        login = basic(self.link.setting("user"), self.link.secret("password"))
        return ask_pbx(
            self.means.web,
            "GET",
            f"{base}/txtapi/{command}{query}",
            headers={"authorization": login},
            ends=ends,
            rings=rings,
        )

    def _check_settings(self) -> None:
        from centralino.application.ask_pbx import check_settings  # noqa: PLC0415

        forms = {"user": "[A-Za-z0-9_.@-]{1,100}", "domain": "[A-Za-z0-9.-]{1,200}"}
        check_settings(self.link, self.needs, {**forms, "context": _WORD})


def _safe(text: str) -> str:
    """Return a text that FreeSWITCH neither expands nor splits."""
    return _HARMFUL.sub("", plain(text, 200)).strip()


def _document(kind: str, content: str) -> Reply:
    work = content if content.startswith("<section") else f"<work>{content}</work>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return Reply(200, f'{head}<document type="{kind}">{work}</document>', "text/xml; charset=utf-8")
