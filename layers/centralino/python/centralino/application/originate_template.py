"""A tenant's own request that places a call: read it, fill it, and judge what is answered.

What the settings are is in `adapters/pbx/generic.py`. Values are escaped for where they stand; the
address has none, so that no value ever decides where a request goes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.application.ask_pbx import basic, check_settings, judge_status, words
from centralino.application.check_template import check_template
from centralino.domain.errors import PayloadError, UnavailableError
from centralino.domain.originate import FAILURES, FailedCallError, Placed
from centralino.domain.pbx_values import PLACE, fill, fill_json, percent, plain, xml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.domain.originate import Order
    from centralino.ports.originate import PbxLink
    from centralino.ports.web import Answer

PLACES = (
    *("number", "international", "exten", "call_id", "caller_id", "name", "timeout_s"),
    *("auto_answer", "user", "password", "token"),
)
VOICE_AT_WORK = '{"number":"{number}","exten":"{exten}"}'
METHODS = ("POST", "GET", "PUT")
_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "text/xml; charset=utf-8",
    "none": "",
}
_PATH = re.compile(r"[/?][!-~]{0,2000}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}", re.ASCII)
_VALUE = re.compile(r"[ -~]{0,1000}", re.ASCII)
_STATUSES = re.compile(
    r"[1-5][0-9]{2}(-[1-5][0-9]{2})?(,[1-5][0-9]{2}(-[1-5][0-9]{2})?)*", re.ASCII
)
_POINTER = re.compile(r"(/[!-.0-}]{0,100}){1,10}", re.ASCII)
_SAID = re.compile(r"((?:/[!-.0-<>-}]{0,100}){1,10})=(.{0,200})", re.ASCII)
# What a header may not be, as we or the connection say it.
_OURS = {"host", "content-length", "connection", "transfer-encoding", "te", "upgrade", "expect"}
_MAX_NAME, _MAX_SEARCHED, _MAX_ID = 100, 20_000, 100
_OK, _BAD = 200, 400
_MISSING = object()


class Template(NamedTuple):
    """A tenant's own request.

    Attributes:
        base_url: where it goes, without a slash at its end if there is a path.
        method: upper case.
        path: what is behind the address.
        headers: names and templates.
        form: what the body is: one of `json`, `form`, `xml`, `none`.
        content_type: of the body; empty where there is none.
        body: a JSON value, or text.
        statuses: ranges of the statuses of a placed call.
        said: a JSON pointer and the value that it leads to; two empty texts for nothing.
        match: what is found in the body; None for nothing.
        failures: the PBX's words, in lower case, or a status -> ours.
        id_json: where the call's id is; empty for nowhere.
    """

    base_url: str
    method: str
    path: str
    headers: Mapping[str, str]
    form: str
    content_type: str
    body: object
    statuses: tuple[tuple[int, int], ...]
    said: tuple[str, str]
    match: re.Pattern[str] | None
    failures: Mapping[str, str]
    id_json: str


class Request(NamedTuple):
    """One request.

    Attributes:
        method: upper case.
        path: what is behind the address.
        headers: names and values.
        body: the bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def read_template(link: PbxLink, needs: Mapping[str, str]) -> Template:
    """Read a tenant's template.

    Args:
        link: its settings and secrets.
        needs: the provider's, which say what a setting is to be.

    Raises:
        PayloadError: a setting is not what it has to be; it names `account.…` or `secrets.…`.
    """
    check_settings(link, needs, {"user": "[!-9;-~]{1,200}", "token": "[!-~]{1,4000}"})
    method = link.setting("method", "POST")
    if method not in METHODS:
        raise PayloadError("account.method", ", ".join(METHODS))
    form = link.setting("format", "none" if method == "GET" else "json")
    if form not in _TYPES:
        raise PayloadError("account.format", ", ".join(_TYPES))
    path = _read_path(link, "path")
    _read_path(link, "check_path", places=())
    content_type = link.setting("content_type", _TYPES[form])
    if not _VALUE.fullmatch(content_type):
        raise PayloadError("account.content_type", "a media type, as application/json")
    base = link.setting("base_url")
    template = Template(
        base.rstrip("/") if path else base,
        method,
        path,
        _read_headers(link),
        form,
        content_type,
        _read_body(link, form),
        _read_statuses(link),
        _read_said(link),
        _read_match(link),
        _read_failures(link),
        _read_pointer(link),
    )
    # Without them it would be the same request whoever is called by whom, and a success.
    if not (_has(template, "number") or _has(template, "international")):
        raise PayloadError("account.body", "a place for {number}, or one in path or headers")
    if not _has(template, "exten"):
        raise PayloadError("account.body", "a place for {exten}, or one in path or headers")
    return template


def request_of(template: Template, order: Order, link: PbxLink) -> Request:
    """Fill a template for a call."""
    values = {
        "number": order.dial,
        "international": order.number,
        "exten": order.exten,
        "call_id": order.call_id,
        "caller_id": order.caller_id,
        "name": plain(order.name, _MAX_NAME),
        "timeout_s": str(order.timeout_s),
        "auto_answer": "true" if order.auto_answer else "false",
        **_ours(link),
    }
    headers = dict(shown_to(template, link))
    for name, text in template.headers.items():
        headers[name] = fill(text, values, _in_header)
    if template.content_type:
        headers["content-type"] = template.content_type
    return Request(
        template.method,
        fill(template.path, values, _in_path),
        headers,
        _body(template, values, order),
    )


def shown_to(template: Template, link: PbxLink) -> Mapping[str, str]:
    """Return the headers that say who we are, if the template has no place of its own for it."""
    values = _ours(link)
    headers = {}
    for name, text in template.headers.items():
        places = {place[1] for place in PLACE.finditer(text)}
        if places and places <= set(values):
            headers[name] = fill(text, values, _in_header)
    if link.setting("user") and not _has(template, "password"):
        headers["authorization"] = basic(values["user"], values["password"])
    elif values["token"] and not _has(template, "token"):
        headers["authorization"] = f"Bearer {values['token']}"
    return headers


def judge_template(template: Template, answer: Answer, link: PbxLink, *, name: str = "") -> Placed:
    """Say what a PBX's answer means, as its template has it.

    Args:
        template: the tenant's.
        answer: to a request that may have made a phone ring.
        link: has the secrets that no log may have.
        name: whom the call is to; the same.

    Raises:
        FailedCallError: the call is not placed. `unknown` is what has a good status and otherwise
            is not what a placed call is, if no word in it is known.
    """
    text = answer.body[:_MAX_SEARCHED].decode("utf-8", "replace")
    try:
        content = answer.json()
    except UnavailableError:
        content = None
    good = any(low <= answer.status <= high for low, high in template.statuses)
    pointer, value = template.said
    said = _written(_at(content, pointer)) if pointer else value
    good = good and said == value and (template.match is None or bool(template.match.search(text)))
    reason = template.failures.get(str(answer.status)) or _named(template.failures, text.lower())
    # What a success says is surer than a word that may stand in it; a status alone is not.
    if good and (not reason or pointer or template.match):
        found = _written(_at(content, template.id_json)) if template.id_json else ""
        return Placed(plain(found, _MAX_ID).strip())
    told = words(link, answer.status, text[:1000], name=name)
    if not reason:
        judge_status(answer, told)
    raise FailedCallError(reason or "unknown", told)


def _named(failures: Mapping[str, str], text: str) -> str:
    """Return our word for the first of a PBX's words that is in a text; empty if none is."""
    for word, ours in failures.items():
        if word in text and not _STATUSES.fullmatch(word):
            return ours
    return ""


def _has(template: Template, name: str) -> bool:
    """Tell whether a template has a place for a value."""
    text = f"{template.path} {' '.join(template.headers.values())} {json.dumps(template.body)}"
    return any(place[1] == name for place in PLACE.finditer(text))


def _ours(link: PbxLink) -> dict[str, str]:
    return {
        "user": link.setting("user"),
        "password": link.secret("password"),
        "token": link.secret("token"),
    }


def _body(template: Template, values: Mapping[str, str], order: Order) -> bytes:
    if template.form == "json":
        whole = {"{timeout_s}": order.timeout_s, "{auto_answer}": order.auto_answer}
        filled = fill_json(template.body, values, whole)
        text = json.dumps(filled, ensure_ascii=False, separators=(",", ":"))
    else:
        escape = {"form": percent, "xml": xml, "none": plain}[template.form]
        text = fill(str(template.body), values, escape)
    return text.encode("utf-8", "ignore")


def _in_path(value: object) -> str:
    # A part of nothing but dots would lead to another path.
    text = percent(value)
    return text if text.strip(".") else ""


def _in_header(value: object) -> str:
    return "".join(letter for letter in plain(value) if " " <= letter <= "~")


def _read_path(link: PbxLink, name: str, places: tuple[str, ...] = PLACES) -> str:
    path = link.setting(name)
    if path and not (_PATH.fullmatch(path) and "#" not in path):
        raise PayloadError(f"account.{name}", "a path and a query, /call?to={number}")
    check_template(f"account.{name}", "text", path, places)
    return path


def _read_headers(link: PbxLink) -> dict[str, str]:
    field = "account.headers"
    expected = "a JSON object of names and texts"
    headers = {}
    for name, text in _read_table(link, "headers", expected).items():
        if not (_HEADER.fullmatch(name) and name.lower() not in _OURS and _VALUE.fullmatch(text)):
            raise PayloadError(field, f"{expected}, none of them the connection's own")
        check_template(field, "text", text, PLACES)
        headers[name.lower()] = text
    return headers


def _read_body(link: PbxLink, form: str) -> object:
    field = "account.body"
    text = link.setting("body", VOICE_AT_WORK if form == "json" else "")
    if form == "none" and text:
        raise PayloadError(field, "no body, as its format is none")
    body: object = text
    if form == "json":
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise PayloadError(field, "JSON, whose strings have the placeholders") from None
    check_template(field, "text" if form == "none" else form, body, PLACES)
    return body


def _read_statuses(link: PbxLink) -> tuple[tuple[int, int], ...]:
    text = link.setting("success_status", "200-299").replace(" ", "")
    if not _STATUSES.fullmatch(text):
        raise PayloadError("account.success_status", "statuses and ranges of them, 200-299,302")
    ranges = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        ranges.append((int(low), int(high or low)))
    if not all(_OK <= low <= high < _BAD for low, high in ranges):
        raise PayloadError("account.success_status", "statuses from 200 to 399, 200-299,302")
    return tuple(ranges)


def _read_said(link: PbxLink) -> tuple[str, str]:
    text = link.setting("success_json")
    said = _SAID.fullmatch(text)
    if text and not said:
        raise PayloadError("account.success_json", "a JSON pointer, = and a value: /status=OK")
    return (said[1], said[2]) if said else ("", "")


def _read_match(link: PbxLink) -> re.Pattern[str] | None:
    text = link.setting("success_match")
    if not text:
        return None
    from centralino.domain.rules import check_pattern  # noqa: PLC0415 - few templates have one

    return check_pattern(text, "account.success_match")


def _read_failures(link: PbxLink) -> dict[str, str]:
    expected = f"a JSON object of its words and ours: {', '.join(FAILURES)}"
    table = _read_table(link, "failures", expected)
    if not all(word.strip() and ours in FAILURES for word, ours in table.items()):
        raise PayloadError("account.failures", expected)
    words_alone = not (link.setting("success_json") or link.setting("success_match"))
    if words_alone and not all(_STATUSES.fullmatch(word) for word in table):
        # A word may stand in a success as well: `"error": null`.
        raise PayloadError("account.failures", "success_json or success_match beside its words")
    return {word.lower(): ours for word, ours in table.items()}


def _read_pointer(link: PbxLink) -> str:
    text = link.setting("id_json")
    if text and not _POINTER.fullmatch(text):
        raise PayloadError("account.id_json", "a JSON pointer, /call/id")
    return text


def _read_table(link: PbxLink, name: str, expected: str) -> dict[str, str]:
    try:
        table = json.loads(link.setting(name, "{}"))
    except (ValueError, RecursionError):
        table = None
    if not (isinstance(table, dict) and all(isinstance(text, str) for text in table.values())):
        raise PayloadError(f"account.{name}", expected)
    return table


def _at(content: Any, pointer: str) -> object:  # noqa: ANN401 - JSON is anything
    """Return what a JSON pointer (RFC 6901) leads to."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict):
            content = content.get(name, _MISSING)
        elif isinstance(content, list) and name.isdecimal() and int(name[:9]) < len(content):
            content = content[int(name[:9])]
        else:
            return _MISSING
    return content


def _written(value: object) -> str:
    """Return a value as JSON writes it, a text without its quotes; a NUL for what isn't there."""
    if value is _MISSING or isinstance(value, (dict, list)):
        return "\0"
    return value if isinstance(value, str) else json.dumps(value)
