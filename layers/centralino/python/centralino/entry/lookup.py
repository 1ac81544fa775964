"""The lookup's HTTP side: the call in a request's fields, and the answer in four formats."""

from __future__ import annotations

import base64
import json

from centralino.application.decode_caller import Call, Decoded, decode_caller, outcome_of
from centralino.domain.errors import (
    CredentialsError,
    ForbiddenError,
    NotFoundError,
    PayloadError,
    UnavailableError,
)
from centralino.domain.label import clean_name, encode_label
from centralino.domain.record import TYPE_CHECKING
from centralino.domain.settings import LabelStyle
from centralino.entry.http import allow_origin, answer, problem_answer
from centralino.entry.observability import decode_line, describe, emit, loggable_id
from centralino.entry.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.entry.access import Door, Visit
    from centralino.ports.live_search import LiveSearch

ROLES = ("pbx", "admin")
# Every spelling that a PBX's own field gives the caller's number, the first one present counts.
NUMBER_FIELDS = ("number", "cli", "caller", "callerid", "phone", "telephone", "thenumber")
FORMATS = ("text", "json", "form", "xml")


def lookup(
    event: Mapping[str, Any],
    door: Door,
    live_search: Callable[[], LiveSearch | None] = lambda: None,
) -> dict[str, Any]:
    """Answer one request to `/v1/lookup`.

    The answer's header `x-centralino-outcome` says what became of it. Text is the label alone:
    PBXs show the body as it is, so whatever goes wrong there gives status 200 and the carrier's
    name, or nothing; only a bad key is refused (401, 403; no body).

    Args:
        event: API Gateway's, payload format 2.0.
        door: lets keys in.
        live_search: builds what asks the tenant's CRMs; asked only when it comes to that.
    """
    started_at = door.now()
    request = Request(event)
    bad_request: PayloadError | None = None
    try:  # first of all, so that the carrier's name is at hand whatever fails later
        fields = request.fields()
    except PayloadError as error:
        fields, bad_request = {}, error
    visit: Visit | None = None
    decoded: Decoded | None = None
    # A PBX that is set up wrongly must not ring the alarm that a mistake of ours rings.
    counted = ""
    try:
        visit = door.open(request, ROLES)
        form = _checked(request, fields, bad_request)
        decoded = _decode(_call(fields), visit, live_search)
        style = visit.settings.label
        if form == "text":
            given = _text(decoded.label, style.repertoire)
        else:
            given = _structured(form, _content(decoded))
        outcome, reason = decoded.outcome, decoded.reason
    except (CredentialsError, ForbiddenError) as error:
        outcome, reason = "refused", str(error)
        status = 401 if isinstance(error, CredentialsError) else 403
        given = answer(status, "", "text/plain; charset=utf-8")
    except NotFoundError as error:
        outcome, reason, counted = "error", str(error), "invalid"
        given = problem_answer(error)
    except PayloadError as error:
        outcome, reason, counted = "error", str(error), "invalid"
        given = _without_label(fields, outcome, visit, error)
    except UnavailableError as error:
        outcome, reason = outcome_of(error), error.reason
        given = _without_label(fields, outcome, visit)
    except Exception as error:  # noqa: BLE001 - whatever broke, a phone is waiting for an answer
        outcome, reason = "error", describe(error)
        given = _without_label(fields, outcome, visit)
    given["headers"]["x-centralino-outcome"] = outcome
    if visit and "origin" in request.headers:
        allow_origin(given, request)
    now = door.now()
    emit(
        decode_line(
            now,
            counted or outcome,
            (
                1000.0 * (visit.deadline.elapsed_s(now) if visit else now - started_at),
                1000.0 * (now - started_at),
                1000.0 * visit.read_s if visit else 0.0,
            ),
            {
                "tenant": visit.tenant if visit else "",
                "key": visit.key.id if visit else "",
                "call_id": loggable_id(fields["call_id"]) if "call_id" in fields else "",
                "trunk": _loggable_trunk(fields["trunk"], visit) if "trunk" in fields else "",
                "shape": decoded.reading.shape if decoded else "",
                "reason": reason,
            },
        )
    )
    return given


def _decode(call: Call, visit: Visit, live_search: Callable[[], LiveSearch | None]) -> Decoded:
    while True:
        settings = visit.settings
        line = settings.line
        if settings.trunks or settings.dids:
            line = settings.line_for(call.trunk, call.did)
        visit.line = line
        live = None
        if settings.crms and settings.live_search_s > 0:
            from centralino.entry.live import Live  # noqa: PLC0415 - many have no CRM to ask

            live = Live(call, visit, line, live_search)
        decoded = decode_caller(call, settings, line, visit.read, live)
        if not (visit.settled or decoded.reason):
            # With no card read there was nothing for old settings to ride along with.
            visit.settle()
        if not visit.renewed:
            return decoded
        # The settings were edited since this container read them: once more, with the new ones.
        visit.renewed = False


def _loggable_trunk(trunk: str, visit: Visit | None) -> str:
    """Return a trunk as the log may hold it: many are named by a number."""
    return trunk if visit and trunk in visit.settings.trunks else loggable_id(trunk)


def _call(fields: Mapping[str, str]) -> Call:
    given = fields.get
    for name in NUMBER_FIELDS:
        if name in fields:
            did, trunk = given("did", ""), given("trunk", "")
            return Call(fields[name], did, trunk, given("name", ""), given("call_id", ""))
    raise PayloadError("number", "the caller's number, or an empty field if it is withheld")


def _checked(request: Request, fields: Mapping[str, str], bad_request: PayloadError | None) -> str:
    """Return the format of the answer, if the request is one for us and well-formed."""
    if request.segments != ["v1", "lookup"] or request.method not in {"GET", "POST"}:
        raise NotFoundError("there is nothing at this path; the lookup is at /v1/lookup")
    if bad_request:
        raise bad_request
    form = fields.get("format", "").lower() or "text"
    if form not in FORMATS:
        raise PayloadError("format", "text, json, form or xml")
    return form


def _content(decoded: Decoded) -> dict[str, str]:
    holder = decoded.holder
    content = {
        "outcome": decoded.outcome,
        "label": decoded.label,
        "contact_id": holder.id if holder else "",
        "customer_code": holder.customer_code if holder else "",
        "url": holder.url if holder else "",
        "company": holder.company if holder else "",
    }
    if decoded.outcome == "ambiguous":
        # Which of the two it is nobody knows, so a screen may not open either one's page.
        content.update(contact_id="", customer_code="", url="", company="")
    return content


def _structured(form: str, content: Mapping[str, str]) -> dict[str, Any]:
    if form == "json":
        return answer(200, json.dumps(content, ensure_ascii=False), "application/json")
    if form == "form":
        from urllib.parse import quote  # noqa: PLC0415 - slow to import, and few ask for a form

        # Asterisk's HASH() decodes percent-escapes; it does not know `+` for a space.
        body = "&".join(f"{name}={quote(value, safe='')}" for name, value in content.items())
        return answer(200, body, "application/x-www-form-urlencoded")
    body = "".join(f"<{name}>{_xml(value)}</{name}>" for name, value in content.items())
    return answer(
        200,
        f'<?xml version="1.0" encoding="UTF-8"?><response>{body}</response>',
        "application/xml; charset=utf-8",
    )


def _text(label: str, repertoire: str) -> dict[str, Any]:
    if repertoire == "utf-8":
        return answer(200, label, "text/plain; charset=utf-8")
    body, charset = encode_label(label, repertoire)
    given = answer(200, label, f"text/plain; charset={charset}")
    if charset != "utf-8":
        given["body"] = base64.b64encode(body).decode()
        given["isBase64Encoded"] = True
    return given


def _without_label(
    fields: Mapping[str, str],
    outcome: str,
    visit: Visit | None,
    error: PayloadError | None = None,
) -> dict[str, Any]:
    """Answer without a label of ours: the carrier's name, or nothing.

    A program that asked for a structured answer with a bad request gets to know what is wrong.
    """
    style = visit.settings.label if visit else LabelStyle()
    label = clean_name(fields.get("name", ""), style)
    form = fields.get("format", "").lower() or "text"
    if form not in FORMATS or form == "text":
        return _text(label, style.repertoire)
    if error:
        return problem_answer(error)
    content = dict.fromkeys(("contact_id", "customer_code", "url", "company"), "")
    return _structured(form, {"outcome": outcome, "label": label, **content})


# What XML 1.0 can't hold at all is dropped; the rest of the markup is escaped.
_XML = {code: None for code in range(32) if chr(code) not in "\t\n\r"} | {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    0xFFFE: None,
    0xFFFF: None,
}


def _xml(value: str) -> str:
    return value.translate(_XML)
