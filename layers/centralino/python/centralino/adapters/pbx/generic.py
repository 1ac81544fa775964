"""Any PBX that asks by HTTP, or is asked: the tenant says how it spells calls and answers.

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
from centralino.domain.pbx_values import PLACE, fill, fill_json, percent, plain, xml
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator
from centralino.ports.pbx import ASKS, EVENTS, NAMES, Option, Pbx, Reply, flat, read_call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from centralino.application.originate_template import Request, Template
    from centralino.domain.originate import Order, Placed
    from centralino.ports.pbx import Asked, PbxCall, Told
    from centralino.ports.web import Answer

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
_NAME = re.compile(r"[^\x00-\x1f]{1,60}")
# Tabs and ends of lines are in no value anyhow.
_SEPARATOR = re.compile(r"[\t\n !#$%&*/;=@^_|~]")
_EMPTY = {"text": "", "json": {}, "xml": "<response/>", "form": ""}


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
        # Only where options are saved, never on a call's path.
        from centralino.application.check_template import check_template  # noqa: PLC0415

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
            check_template(f"replies.{name}", form, template, WORDS)
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
            body = json.dumps(fill_json(template, words, {"{agents}": agents}), ensure_ascii=False)
        else:
            escape = {"text": self._apart, "xml": xml, "form": percent}[form]
            body = fill(template if isinstance(template, str) else "", words, escape)
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


class Originate(Originator):
    """Calls through any PBX that takes them by HTTP, one request each: the tenant has a template.

    Without any, it is Voice@work's: `POST {base_url}` with `{"number":"0244556677","exten":"21"}`.

    Account: `base_url`; `method` (POST), `path` (what is behind the address, with the query),
    `headers` (a JSON object), `format` (`json`, `form`, `xml` or `none`), `content_type`, `body`.
    In path, headers and body `{number}` stands for the number as the PBX dials it,
    `{international}` for it in E.164, and so on: `{exten}`, `{call_id}`, `{caller_id}`, `{name}`,
    `{timeout_s}`, `{auto_answer}`, and `{user}`, `{password}`, `{token}` of what we show. Each is
    escaped for where it stands. In JSON a string that is just `{timeout_s}` or `{auto_answer}` is a
    number, or true or false; one with a `?`, as `{caller_id?}`, is null where there is none.
    Without a place for it `token` is sent as a bearer token, and `user` with `password` as Basic
    authentication.

    What a placed call is: `success_status` (`200-299`), and if set `success_json`
    (`/status=OK`, a JSON pointer and its value) and `success_match` (a regular expression that is
    found in the body). `failures` (a JSON object) has words of the PBX's own, or a status, for
    ours: `{"BUSY": "busy", "404": "unknown_exten"}`. Words need `success_json` or `success_match`
    beside them, as a word may stand in a success, too. `id_json` is where the call's id is.

    `check_path`, if set, is asked by GET when the PBX is connected. Without it only that somebody
    listens is known, and that the credentials are not refused to a request of nothing (OPTIONS).

    Voice@work publishes neither method nor authentication:
    https://www.rfc-editor.org/rfc/rfc6901 is what JSON pointers are.
    """

    slug = "generic"
    needs = {  # noqa: RUF012 - the port's own kind of table
        "account.base_url": "the address that calls are placed at, https://pbx.example.com/call",
        "account.method?": "GET, POST or PUT; POST",
        "account.path?": "what is behind it, ?to={number}&ext={exten}",
        "account.headers?": 'more headers, {"x-api-key": "{token}"}',
        "account.format?": "json, form, xml or none; json",
        "account.content_type?": "where it isn't the format's own",
        "account.body?": 'the body, {"number":"{number}","exten":"{exten}"}',
        "account.success_status?": "statuses of a placed call, 200-299",
        "account.success_json?": "what its JSON says, /status=OK",
        "account.success_match?": "a regular expression that is found in its body",
        "account.failures?": 'its words for ours, {"BUSY": "busy", "404": "unknown_exten"}',
        "account.id_json?": "where the call's id is in its JSON, /call/id",
        "account.check_path?": "a path that tells by GET whether we are let in",
        "account.user?": "the user of Basic authentication",
        "secrets.password?": "that user's password",
        "secrets.token?": "a token or API key",
    }
    setup = (
        "find the request that places a call in your PBX's manual, and say it in the settings",
        "if it has users for its API, make one that may place calls and nothing else",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        from time import monotonic  # noqa: PLC0415 - the inbound half needs none of these

        from centralino.application.originate_template import (  # noqa: PLC0415
            judge_template,
            read_template,
            request_of,
        )
        from centralino.domain.originate import FailedCallError, check_order  # noqa: PLC0415

        check_order(order)
        ends = monotonic() + timeout_s
        try:
            template = read_template(self.link, self.needs)
        except PayloadError as error:
            raise FailedCallError("refused", str(error)) from None
        answer = self._ask(template, request_of(template, order, self.link), ends, rings=True)
        return judge_template(template, answer, self.link, name=order.name)

    def check(self, *, timeout_s: float) -> str:
        """Read the template, and ask `check_path` if there is one; see the port."""
        from time import monotonic  # noqa: PLC0415

        from centralino.application.ask_pbx import judge_login  # noqa: PLC0415
        from centralino.application.originate_template import (  # noqa: PLC0415
            Request,
            read_template,
            shown_to,
        )

        template = read_template(self.link, self.needs)
        path = self.link.setting("check_path")
        nothing = Request("GET" if path else "OPTIONS", path, shown_to(template, self.link), b"")
        answer = self._ask(template, nothing, monotonic() + timeout_s, rings=False)
        if path:
            judge_login(answer)
            return "the template can be used, and we are let in"
        if answer.status in {401, 403}:
            judge_login(answer)
        return "the template can be used, and somebody listens"

    def _ask(self, template: Template, request: Request, ends: float, *, rings: bool) -> Answer:
        from centralino.application.ask_pbx import ask_pbx  # noqa: PLC0415

        return ask_pbx(
            self.means.web,
            request.method,
            f"{template.base_url}{request.path}",
            headers=request.headers,
            body=request.body,
            ends=ends,
            rings=rings,
        )


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


def _check_separator(separator: object, form: str) -> None:
    if form != "text":
        raise PayloadError("separator", "none, as only text needs one")
    if not (isinstance(separator, str) and _SEPARATOR.fullmatch(separator)):
        raise PayloadError("separator", "one character that no number, word or placeholder needs")


def _check_text(field: str, template: str, separator: str | None) -> None:
    """See to it that no value can be taken for the next one: nothing is escaped in text."""
    _, *between = PLACE.sub("\0", template).split("\0")
    if any(not separator or separator not in part for part in between[:-1]):
        raise PayloadError(field, "the option `separator`, and that between any two placeholders")
