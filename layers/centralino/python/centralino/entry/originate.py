"""`/v1/originate`: a call is asked for, and what became of it; and the page that asks for one.

| request | who | answer |
|---|---|---|
| POST `/v1/originate` | crm, agent, supervisor, admin | 202 `{"call_id", "status", "number"}`, with `provider_id` where the PBX gives one |
| GET `/v1/originate/{call_id}` | the same; an agent their own calls | what became of it |
| GET `/v1/originate` | supervisor, admin | the audit trail, newest first: `cursor`, `limit` |
| GET `/dial` | anybody | a page that asks whether to call a number; the key is typed there |

A call that is refused, or that the PBX did not place, is a problem document with `reason`, `hint`
where something would help, and `call_id`: it is in the audit trail as well. `REFUSED` and `FAILED`
are the one place that gives them a status.
"""  # noqa: E501 - the table is Markdown, one row a line

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.application.originate_call import Ways, Wish, originate_call, status_of
from centralino.domain.errors import (
    CentralinoError,
    CredentialsError,
    ForbiddenError,
    NotFoundError,
    PayloadError,
    ReusedKeyError,
    UnavailableError,
)
from centralino.domain.keys import ROLES as EVERYBODY
from centralino.domain.moments import from_milliseconds
from centralino.domain.number import mask
from centralino.domain.originate import FailedCallError, RefusedCallError
from centralino.entry.http import allow_origin, answer, problem_answer
from centralino.entry.observability import describe, emit
from centralino.entry.originate_line import originate_line
from centralino.entry.request import Request, read_pairs
from centralino.ports.dialling import PlacedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.entry.access import Door, Visit
    from centralino.ports.dialling import DialStore
    from centralino.ports.once import Once, RunTime
    from centralino.ports.originate import Originator
    from centralino.ports.store import ContactStore

ROLES = ("crm", "agent", "supervisor", "admin")
# Whose attempts are in the audit trail: a good key that may not is one, too.
KEY_ROLES = (*ROLES, "pbx", "link")
AUDITORS = ("supervisor", "admin")
# A click waits no longer than this for its answer; the gateway itself gives up after 29 s.
ANSWER_S = 10.0
# How long reading the key may take.
KEY_S = 1.5
# What isn't here is 403: it may not be called.
REFUSED = {
    "auto_answer": 422,
    "budget": 429,
    "caller_id": 422,
    "changed": 422,
    "exten": 422,
    "invalid": 422,
    "pbx": 409,
    "self": 422,
    "short": 422,
}
FAILED = {
    "busy": 409,
    "credentials": 502,
    "refused": 502,
    "unknown_exten": 422,
    "unreachable": 503,
}
# When a PBX that nobody answers at may be asked again, seconds.
RETRY_AFTER_S = 5
MAX_KEY = 255
MAX_NUMBER = 256
MAX_PAGE = 100
FIELDS = Wish._fields
_ID_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CALL_ID = re.compile(r"[0-9A-Za-z]{22}", re.ASCII)
_PRINTABLE = re.compile(rf"[ -~]{{1,{MAX_KEY}}}", re.ASCII)
_JSON = "application/json"
_NOWHERE = "there is nothing at this path; calls are asked for at /v1/originate"


class Exchange(NamedTuple):
    """What calls are placed with; one for each container.

    Attributes:
        door: lets keys in; one that believes nothing from memory.
        store: returns a tenant's dialling.
        contacts: returns a tenant's contacts; not asked for a number.
        originator: builds a tenant's PBX by its slug.
        once: returns what does a tenant's requests once; not asked without an idempotency key.
        random: returns as many random bytes.
        page: returns the headers and the HTML of the page that asks for a call.
    """

    door: Door
    store: Callable[[str], DialStore]
    contacts: Callable[[str], ContactStore]
    originator: Callable[[str, str], Originator]
    once: Callable[[str], Once]
    random: Callable[[int], bytes]
    page: Callable[[], tuple[dict[str, str], str]]


def originate(event: Mapping[str, Any], run_time: RunTime, exchange: Exchange) -> dict[str, Any]:
    """Answer one request; whatever happens, errors are problem documents.

    Args:
        event: API Gateway's, payload format 2.0.
        run_time: Lambda's context: when this run ends at the latest.
        exchange: what it is done with.
    """
    request = Request(event)
    if request.segments == ["dial"] and request.method == "GET":
        headers, page = exchange.page()
        return answer(200, page, headers.pop("content-type"), headers)
    return _Click(request, run_time, exchange).answer()


class _Click:
    """One request.

    Attributes:
        told: what the log is told.
    """

    def __init__(self, request: Request, run_time: RunTime, exchange: Exchange) -> None:
        self.told: dict[str, object] = {}
        self._request = request
        self._run_time = run_time
        self._exchange = exchange
        self._now = exchange.door.now
        self._began_at = self._now()
        self._visit: Visit | None = None
        self._call_id = ""

    def answer(self) -> dict[str, Any]:
        """Answer it."""
        try:
            self._visit = self._enter()
            given, outcome = self._answered(self._visit)
        except RefusedCallError as error:
            given, outcome = self._problem(error, REFUSED.get(error.reason, 403)), "refused"
            self.told["reason"] = error.reason
        except FailedCallError as error:
            given, outcome = self._problem(error, FAILED[error.reason]), "failed"
            self.told["reason"] = error.reason
        except CentralinoError as error:
            given, outcome = problem_answer(error), _outcome(error)
            self.told["reason"] = getattr(error, "reason", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - somebody waits for an answer they understand
            given, outcome = problem_answer(UnavailableError("error")), "error"
            self.told["reason"] = describe(error)
        if self._visit is not None:
            allow_origin(given, self._request)
        given["headers"]["x-centralino-outcome"] = outcome
        now = self._now()
        total_ms = 1000 * (now - self._began_at)
        if self._request.method == "POST":
            emit(originate_line(now, outcome, total_ms, **self.told))
        else:
            line = {"message": "originates", "outcome": outcome, "ms": round(total_ms, 1)}
            emit(json.dumps(line | self.told))
        return given

    def _enter(self) -> Visit:
        # All roles: that of a good key that may not is an attempt for the audit trail, too.
        visit = self._exchange.door.open(self._request, EVERYBODY)
        # The door believes nothing from memory: a key that was revoked a moment ago places no call.
        visit.settle()
        self.told.update(tenant=visit.tenant, key=visit.key.id, role=visit.key.role)
        return visit

    def _answered(self, visit: Visit) -> tuple[dict[str, Any], str]:
        method, segments = self._request.method, self._request.segments
        store = self._exchange.store(visit.tenant)
        if visit.key.role not in ROLES:
            if method == "POST":
                self._note_attempt(self._fields_at_all(), visit, store, "key")
            raise ForbiddenError(f"a key of role {visit.key.role} may not do this")
        if segments == ["v1", "originate"] and method == "POST":
            return self._originated(visit, store)
        if segments == ["v1", "originate"] and method == "GET":
            return self._trail(visit, store), "read"
        if segments[:2] == ["v1", "originate"] and len(segments) == 3 and method == "GET":  # noqa: PLR2004
            return self._state(visit, store, segments[2]), "read"
        raise NotFoundError(_NOWHERE)

    # --- a call is asked for ---------------------------------------------------------------------

    def _originated(self, visit: Visit, store: DialStore) -> tuple[dict[str, Any], str]:
        fields: dict[str, object] = {}
        try:
            fields.update(_fields(self._request))
            wish = _wish(fields, visit.key.exten)
            idempotency_key = self._idempotency_key()
        except PayloadError:
            self._note_attempt(fields, visit, store, "invalid")
            raise
        # An agent's word for a click is that agent's own.
        scope = f"agent {visit.key.exten}" if visit.key.role == "agent" else ""
        self._call_id = (
            _derived_id(visit.tenant, scope, idempotency_key) if idempotency_key else self._new_id()
        )
        self.told["call_id"] = self._call_id

        def place() -> dict[str, object]:
            return self._place(wish, visit, store)

        if idempotency_key:
            once = self._exchange.once(visit.tenant)
            name = f"{scope}/{idempotency_key}"
            try:
                said, again = once.run(name, wish._asdict(), place, self._run_time)
            except ReusedKeyError:
                self._note_attempt(fields, visit, store, "invalid")
                raise
        else:
            said, again = place(), False
        body = {"call_id": said["call_id"], "status": said["status"], "number": said["number"]}
        if said["provider_id"]:
            body["provider_id"] = said["provider_id"]
        outcome = "repeated" if again or said["repeated"] else str(said["status"])
        if outcome not in {"repeated", "unknown"}:
            outcome = "placed"
        location = {"location": f"/v1/originate/{said['call_id']}"}
        return answer(202, json.dumps(body), _JSON, location), outcome

    def _place(self, wish: Wish, visit: Visit, store: DialStore) -> dict[str, object]:
        tenant, exchange = visit.tenant, self._exchange
        ways = Ways(
            store,
            lambda contact_id: exchange.contacts(tenant).get(contact_id),
            lambda slug: exchange.originator(tenant, slug),
            self._now,
            self._began_at + ANSWER_S,
            self.told,
        )
        done = originate_call(wish, visit.settings, visit.key, self._call_id, ways)
        call = done.call
        self.told.update(
            call_id=call.call_id,
            exten=call.exten,
            number=mask(call.number),
            provider=call.provider,
            trouble=done.trouble,
        )
        return {
            "call_id": call.call_id,
            "status": status_of(call, self._now()),
            "number": call.dial,
            "provider_id": call.provider_id,
            "repeated": not done.fresh,
        }

    def _idempotency_key(self) -> str:
        key = self._request.headers.get("idempotency-key", "").strip()
        if key and not _PRINTABLE.fullmatch(key):
            raise PayloadError("idempotency-key", f"1 to {MAX_KEY} printable ASCII characters")
        return key

    def _new_id(self) -> str:
        return _id_of(self._exchange.random(16))

    def _fields_at_all(self) -> Mapping[str, object]:
        try:
            return _fields(self._request)
        except PayloadError:
            return {}

    def _note_attempt(
        self, fields: Mapping[str, object], visit: Visit, store: DialStore, reason: str
    ) -> None:
        """Keep an attempt that got no further, if it says whom or whose phone it is about."""
        asked = str(fields.get("number") or fields.get("contact_id") or "")[:MAX_NUMBER]
        exten = str(fields.get("exten") or "")[:20]
        if not (asked or exten):
            return
        self._call_id = self._new_id()
        self.told["call_id"] = self._call_id
        now_ms = int(self._now() * 1000)
        store.refuse(
            PlacedCall(
                self._call_id,
                asked,
                exten,
                state="refused",
                reason=reason,
                key_id=visit.key.id,
                role=visit.key.role,
                asked_ms=now_ms,
                changed_ms=now_ms,
            )
        )

    # --- what became of calls --------------------------------------------------------------------

    def _state(self, visit: Visit, store: DialStore, call_id: str) -> dict[str, Any]:
        call = store.get(call_id) if _CALL_ID.fullmatch(call_id) else None
        # Another agent's call is as absent as another tenant's.
        if call is None or (visit.key.role == "agent" and call.exten != visit.key.exten):
            raise NotFoundError("there is no such call")
        self.told["call_id"] = call_id
        return answer(200, json.dumps(self._said(call)), _JSON)

    def _trail(self, visit: Visit, store: DialStore) -> dict[str, Any]:
        if visit.key.role not in AUDITORS:
            raise ForbiddenError(f"a key of role {visit.key.role} may not do this")
        query = self._request.query()
        limit = query.get("limit", "50")
        if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:4]) <= MAX_PAGE):
            raise PayloadError("limit", f"a number from 1 to {MAX_PAGE}")
        calls, cursor = store.calls(query.get("cursor", ""), int(limit))
        body = {
            "calls": [
                self._said(call)
                | {
                    "asked": call.asked,
                    "e164": call.number if call.number.startswith("+") else "",
                    "country": call.country,
                    "cost": call.cost,
                    "role": call.role,
                    "key": call.key_id,
                    "detail": call.detail,
                }
                for call in calls
            ],
            "cursor": cursor,
        }
        return answer(200, json.dumps(body), _JSON)

    def _said(self, call: PlacedCall) -> dict[str, object]:
        return {
            "call_id": call.call_id,
            "status": status_of(call, self._now()),
            "reason": call.reason,
            "exten": call.exten,
            "number": call.dial,
            "contact_id": call.contact_id,
            "caller_id": call.caller_id,
            "provider": call.provider,
            "provider_id": call.provider_id,
            "asked_at": from_milliseconds(call.asked_ms).isoformat(timespec="milliseconds"),
            "changed_at": from_milliseconds(call.changed_ms).isoformat(timespec="milliseconds"),
        }

    def _problem(self, error: RefusedCallError | FailedCallError, status: int) -> dict[str, Any]:
        refused = isinstance(error, RefusedCallError)
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": "Call refused" if refused else "Call not placed",
            "status": status,
            "detail": str(error),
            "reason": error.reason,
            "call_id": self._call_id,
        }
        headers = {}
        if isinstance(error, RefusedCallError):
            if error.hint:
                problem["hint"] = error.hint
            if error.retry_after_s:
                headers["retry-after"] = str(error.retry_after_s)
        elif error.reason == "unreachable":
            headers["retry-after"] = str(RETRY_AFTER_S)
        return answer(status, json.dumps(problem), "application/problem+json", headers)


def _fields(request: Request) -> dict[str, object]:
    """Return the body's fields: a JSON object, or a form."""
    body = request.body()
    if not body.lstrip().startswith((b"{", b"[", b'"')):
        return dict(read_pairs(body.decode("latin-1").strip()))
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise PayloadError("body", "a JSON object, or a form")
    return content


def _wish(fields: Mapping[str, object], own_exten: str) -> Wish:
    """Read what is asked for.

    Args:
        fields: the body's.
        own_exten: the key's own, which is meant if none is named.
    """
    for name in fields:
        if name not in FIELDS:
            raise PayloadError(_cut(name), f"one of {', '.join(FIELDS)}")
    number, contact_id = _text(fields, "number"), _text(fields, "contact_id")
    if bool(number) is bool(contact_id):
        raise PayloadError("number" if not number else "contact_id", "one of number, contact_id")
    # As elsewhere, a bare id is one of those that came by the API.
    if contact_id and ":" not in contact_id:
        contact_id = f"api:{contact_id}"
    exten = fields.get("exten")
    exten = str(exten) if type(exten) is int else _text(fields, "exten")
    exten = exten or own_exten
    if not exten:
        raise PayloadError("exten", "the extension whose phone is to ring first")
    return Wish(
        number,
        contact_id,
        exten,
        _text(fields, "caller_id"),
        _truth(fields.get("auto_answer")),
        _seconds(fields.get("timeout_s")),
    )


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    # A number would have lost its zeros in front.
    if not isinstance(value, str) or len(value) > MAX_NUMBER:
        raise PayloadError(name, f"text of at most {MAX_NUMBER} characters")
    return value.strip()


def _truth(value: object) -> bool:
    known = {None: False, "": False, "false": False, "true": True, False: False, True: True}
    if isinstance(value, (str, bool)) or value is None:
        said = value.lower() if isinstance(value, str) else value
        if said in known:
            return known[said]
    raise PayloadError("auto_answer", "true or false")


def _seconds(value: object) -> int:
    if value is None or value == "":
        return Wish._field_defaults["timeout_s"]  # type: ignore[no-any-return]
    if type(value) is int and 0 <= value < 10_000:  # noqa: PLR2004 - the guard knows the limits
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value, re.ASCII):
        return int(value)
    raise PayloadError("timeout_s", "whole seconds")


def _cut(name: str) -> str:
    """Return a field's name as an error may show it."""
    return "".join(c for c in name[:40] if c.isprintable())


def _derived_id(tenant: str, scope: str, key: str) -> str:
    """Return the id of the call of an idempotency key: a run that was killed is found by it."""
    return _id_of(hashlib.sha256(f"{tenant}\n{scope}\n{key}".encode()).digest()[:16])


def _id_of(octets: bytes) -> str:
    """Return 16 bytes as 22 letters and digits."""
    left = int.from_bytes(octets)
    letters = []
    for _ in range(22):
        left, place = divmod(left, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[place])
    return "".join(letters)


def _outcome(error: CentralinoError) -> str:
    if isinstance(error, (CredentialsError, ForbiddenError)):
        return "denied"
    return "error" if isinstance(error, UnavailableError) else "invalid"
