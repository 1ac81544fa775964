"""FreeSWITCH and FusionPBX: mod_xml_curl's dialplan, mod_httapi, and a name for mod_cidlookup.

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

from centralino.domain.pbx_values import is_audio, is_url, is_word, plain, xml
from centralino.domain.record import TYPE_CHECKING
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
    from centralino.ports.pbx import Ask, Asked, PbxCall, Told

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


def _safe(text: str) -> str:
    """Return a text that FreeSWITCH neither expands nor splits."""
    return _HARMFUL.sub("", plain(text, 200)).strip()


def _document(kind: str, content: str) -> Reply:
    work = content if content.startswith("<section") else f"<work>{content}</work>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return Reply(200, f'{head}<document type="{kind}">{work}</document>', "text/xml; charset=utf-8")
