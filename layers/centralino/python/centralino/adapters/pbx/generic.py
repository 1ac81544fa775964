"""Any PBX that asks by HTTP: the tenant says how it spells a call and how it wants to be answered.

`names` maps our fields to its parameters, `replies` holds a template for each thing that is
answered; `docs/pbx.md` has ready ones for TVox, while1 Voice and Zammad's generic CTI.

In a template `{label}` stands for a value, escaped for the format. A JSON template is a JSON value
whose strings hold the placeholders; a string that is just `{agents}` becomes a list, and one with a
`?` in it, as `{label?}`, is null where that value is empty. In text nothing can be escaped: several
values need a `separator` between them, which is taken out of the values.
"""

from __future__ import annotations

import json
import re

from centralino.domain.errors import PayloadError
from centralino.domain.pbx_values import percent, plain, xml
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.pbx import ASKS, EVENTS, NAMES, Option, Pbx, Reply, flat, read_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.ports.pbx import Asked, PbxCall, Told

KINDS = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "xml": "text/xml; charset=utf-8",
    "form": "application/x-www-form-urlencoded",
}
# What a template may say of an answer, beside what `flat` gives; what it doesn't give is empty.
_ECHOED = ("number", "did", "trunk", "call_id", "name")
WORDS = (
    *("action", "type", "id", "destination", "destination_name", "agents", "agent", "rule"),
    *("priority", "language", "version", "fallback", "node", "prompt", "length", "timeout"),
    *(
        "again",
        "question",
        "next",
        "identified",
        "code",
        "label",
        "value",
        "outcome",
        "customer_code",
    ),
    *("customer_status", "contact_id", "url", "company", *_ECHOED),
)
# `route:hangup` goes before `route`, and `reply` is for all that has no template.
_TEMPLATE = re.compile(rf"reply|ask|({'|'.join(ASKS)})(:[a-z-]{{1,20}})?")
_PLACE = re.compile(r"\{([a-z_]+)(\??)\}")
_NAME = re.compile(r"[^\x00-\x1f]{1,60}")
# Tabs and ends of lines are in no value anyhow.
_SEPARATOR = re.compile(r"[\t\n !#$%&*/;=@^_|~]")
_MAX_TEMPLATE = 10_000
_EMPTY = {"text": "", "json": {}, "xml": "<response/>", "form": ""}
# What a value may not turn a template into.
_HOSTILE = "]]>--><&\"'?>%{label}=\u00e8"
_SECTIONS = ("<!--", "<![CDATA[", "<!DOCTYPE", "<!ENTITY")


class Adapter(Pbx):
    """A PBX with names and templates of the tenant's own; the key lets it in."""

    slug = "generic"
    asks = ASKS
    options = {  # noqa: RUF012 - the port's own kind of table
        "names": Option("field of a call -> its parameter's name, or several names", table=True),
        "withheld": Option("its words for a withheld number, a list"),
        "events": Option("its words for what happened -> `answered` or `ended`", table=True),
        "event_name": Option("the parameter with that word; `event`"),
        "format": Option("`text`, `json`, `xml` or `form`"),
        "separator": Option(
            "the one character that parts the values of a `text`; values have a blank in its place"
        ),
        "replies": Option("what is answered -> its template", table=True),
        "values": Option(
            "destination (`queue:support`) -> what `{value}` is; without one the id", table=True
        ),
    }

    def __init__(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(options, secrets)
        self.converses = "ask" in self.table("replies")

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """See the port; each template is filled with hostile values and read again."""
        for name in options:
            if name not in cls.options:
                raise PayloadError(name, f"one of {', '.join(cls.options)}")
            if cls.options[name].table and not isinstance(options[name], dict):
                raise PayloadError(name, "an object")
        form = options.get("format", "json")
        if not isinstance(form, str) or form not in KINDS:
            raise PayloadError("format", ", ".join(KINDS))
        separator = options.get("separator")
        if "separator" in options:
            _check_separator(separator, form)
        _check_names(options)
        _check_words(options)
        for name, template in options.get("replies", {}).items():
            if not _TEMPLATE.fullmatch(name):
                raise PayloadError(
                    f"replies.{name}", f"reply, ask, {', '.join(ASKS)}, or one of these and `:type`"
                )
            _check_template(f"replies.{name}", form, template)
            if form == "text":
                _check_text(f"replies.{name}", template, separator)

    def read(self, asked: Asked) -> PbxCall:
        """See the port."""
        fields = asked.fields
        names = dict(NAMES)
        for field, given in self.table("names").items():
            listed = given if isinstance(given, list) else [given]
            names[field] = [name.lower() for name in listed if isinstance(name, str)]
        call = read_call(fields, names)
        words = self.given.get("withheld")
        if isinstance(words, list) and call.number in words:
            call = call._replace(number="anonymous")
        event = self.table("events").get(fields.get(self.text("event_name", "event").lower(), ""))
        if event in EVENTS:
            call = call._replace(event=event, ended=event == "ended")
        return call._replace(node=asked.node or call.node)

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:
        """See the port."""
        form = self.text("format", "json")
        form = form if form in KINDS else "json"
        words = flat(told)
        decision = told.decision
        agents = [plain(exten) for exten in decision.agents] if decision else []
        if decision and words["action"] == "go":
            words["agents"] = ",".join(agents)
            words["agent"] = agents[0] if agents else ""
            words["value"] = self.id_of(decision.destination, "values")
        words.update((name, getattr(call, name)) for name in _ECHOED)
        template = self._template(asked, words, form)
        if form == "json":
            body = json.dumps(_json(template, words, agents), ensure_ascii=False)
        else:
            escape = {"text": self._apart, "xml": xml, "form": percent}[form]
            body = _fill(template if isinstance(template, str) else "", words, escape)
        return Reply(200, body, KINDS[form])

    def _apart(self, value: object) -> str:
        """Return a value as it stands in text."""
        text, separator = plain(value), self.text("separator")
        if not separator:
            return text
        return text.replace(separator, "" if separator.isspace() else " ")

    def _template(self, asked: Asked, words: Mapping[str, str], form: str) -> object:
        replies = self.table("replies")
        kind = words.get("type") or words.get("identified") or words["action"]
        names = (f"{asked.ask}:{kind}", asked.ask, "reply")
        if words["action"] == "ask":
            names = ("ask", *names[1:])
        return next((replies[name] for name in names if name in replies), _EMPTY[form])


def _fill(template: str, words: Mapping[str, str], escape: Callable[[object], str]) -> str:
    return _PLACE.sub(lambda place: escape(words.get(place[1], "")), template)


def _json(template: object, words: Mapping[str, str], agents: list[str]) -> object:
    if isinstance(template, dict):
        return {name: _json(value, words, agents) for name, value in template.items()}
    if isinstance(template, list):
        return [_json(value, words, agents) for value in template]
    if not isinstance(template, str):
        return template
    if template == "{agents}":
        return agents
    for place in _PLACE.finditer(template):
        if place[2] and not words.get(place[1]):
            return None
    return _fill(template, words, plain)


def _check_names(options: Mapping[str, Any]) -> None:
    for field, given in options.get("names", {}).items():
        if field not in NAMES:
            raise PayloadError(f"names.{field}", f"one of {', '.join(NAMES)} as its field")
        for name in given if isinstance(given, list) else [given]:
            if not (isinstance(name, str) and _NAME.fullmatch(name)):
                raise PayloadError(f"names.{field}", "a parameter's name, or a list of them")
    words = options.get("withheld", [])
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise PayloadError("withheld", "a list of texts")
    event_name = options.get("event_name", "event")
    if not (isinstance(event_name, str) and _NAME.fullmatch(event_name)):
        raise PayloadError("event_name", "a parameter's name")


def _check_words(options: Mapping[str, Any]) -> None:
    for word, event in options.get("events", {}).items():
        if event not in EVENTS:
            raise PayloadError(f"events.{word}", " or ".join(EVENTS))
    for to, value in options.get("values", {}).items():
        if not isinstance(value, str):
            raise PayloadError(f"values.{to}", "text")


def _check_template(field: str, form: str, template: object) -> None:
    text = template if isinstance(template, str) else json.dumps(template)
    if len(text) > _MAX_TEMPLATE:
        raise PayloadError(field, f"at most {_MAX_TEMPLATE} characters")
    if form != "json" and not isinstance(template, str):
        raise PayloadError(field, "text")
    for place in _PLACE.finditer(text):
        if place[1] not in WORDS:
            raise PayloadError(field, f"placeholders out of {', '.join(WORDS)}")
    hostile = dict.fromkeys(WORDS, _HOSTILE)
    if form == "xml":
        _check_xml(field, _fill(text, hostile, xml), text)
    if form == "form" and text:
        _check_form(field, _fill(text, hostile, percent), text)


def _check_separator(separator: object, form: str) -> None:
    if form != "text":
        raise PayloadError("separator", "none, as only text needs one")
    if not (isinstance(separator, str) and _SEPARATOR.fullmatch(separator)):
        raise PayloadError("separator", "one character that no number, word or placeholder needs")


def _check_text(field: str, template: str, separator: str | None) -> None:
    """See to it that no value can be taken for the next one: nothing is escaped in text."""
    _, *between = _PLACE.sub("\0", template).split("\0")
    if any(not separator or separator not in part for part in between[:-1]):
        raise PayloadError(field, "the option `separator`, and that between any two placeholders")


def _check_xml(field: str, filled: str, template: str) -> None:
    # Only where options are saved, never on a call's path.
    from defusedxml import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import ParseError, fromstring  # noqa: PLC0415

    if any(section in template for section in _SECTIONS):
        # A value in one of these would not be escaped by what escapes text.
        raise PayloadError(field, "XML without comments, CDATA and a DOCTYPE")
    try:
        fromstring(filled)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise PayloadError(field, "well-formed XML, whatever the values are") from error


def _check_form(field: str, filled: str, template: str) -> None:
    for pair in filled.split("&"):
        if not re.fullmatch(r"[A-Za-z0-9._~%\[\]-]+=[A-Za-z0-9._~%,:+/-]*", pair):
            raise PayloadError(field, "name=value pairs with & between them")
    if len(template.split("&")) != len(filled.split("&")):
        raise PayloadError(field, "name=value pairs with & between them")
