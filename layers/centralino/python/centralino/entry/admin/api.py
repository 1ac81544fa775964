"""One request to the admin API: who may, what, and what the log keeps of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from centralino.application.list_keys import listed_key
from centralino.domain.errors import PayloadError
from centralino.domain.keys import ROLES
from centralino.entry.admin.problems import failure
from centralino.entry.admin.registrations import verify_registration
from centralino.entry.admin.resolver import resolver
from centralino.entry.admin.session import Session
from centralino.entry.http import allow_origin
from centralino.entry.observability import emit
from centralino.entry.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.entry.access import Door, Visit
    from centralino.entry.admin.session import Stores
    from centralino.ports.store import CallStore

# A batch of a hundred contacts with all their numbers fits; the gateway's own limit is 10 MB.
MAX_BODY = 1024 * 1024

ADMIN = ("admin",)
MANAGERS = ("admin", "supervisor")
# Who may use a resource, by the first word after `/v1/`. The method doesn't matter, except that
# keys.py lets a supervisor make and revoke none but agents' keys, agents.py an agent set the state
# of the own extension alone, and dialling.py a supervisor only read the options.
WHO: Mapping[str, tuple[str, ...]] = {
    "agents": ("admin", "supervisor", "agent"),
    "associations": MANAGERS,
    "contacts": ADMIN,
    "customers": MANAGERS,
    "decisions": MANAGERS,
    "dialling": MANAGERS,
    "do-not-call": MANAGERS,
    "erase": ADMIN,
    "explain": ADMIN,
    "export": ADMIN,
    "keys": MANAGERS,
    "nodes": MANAGERS,
    "registrations": ("crm",),
    "reports": ADMIN,
    "route": MANAGERS,
    "routing": MANAGERS,
    "rules": MANAGERS,
    "schedules": MANAGERS,
    "settings": MANAGERS,
    "whoami": ROLES,
}
# Whose body has to be signed, and what checks that.
SIGNED = {"registrations": verify_registration}
OPEN = "health"
# What may follow a contact's id in a path; all before it is the id, slashes included.
_AFTER_ID = ("erase", "export")


class AdminApi:
    """Answers requests; one for each container.

    Args:
        door: lets keys in.
        call_store: the call path's store, whose health is shown.
        stores: builds a tenant's stores.
    """

    def __init__(self, door: Door, call_store: CallStore, stores: Stores) -> None:
        self._door = door
        self._call_store = call_store
        self._stores = stores

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request; whatever happens, errors are problem documents.

        Args:
            event: API Gateway's, payload format 2.0.
        """
        started_at = self._door.now()
        request = Request(event)
        resource = _resource(request)
        visit: Visit | None = None
        try:
            if resource == OPEN:
                request.path_key()
            else:
                visit = self._door.open(request, WHO.get(resource, ROLES))
                visit.settle()
            given = self._resolved(request, visit)
        except Exception as error:  # noqa: BLE001 - a program waits for an answer it understands
            given = failure(error)
        if visit is not None:
            allow_origin(given, request)
        line = {
            "message": "admin",
            "method": request.method,
            "resource": resource if resource in WHO or resource == OPEN else "",
            "status": given["statusCode"],
            "tenant": visit.tenant if visit else "",
            "role": visit.key.role if visit else "",
            "key": listed_key(visit.key).id if visit else "",
            "ms": round(1000 * (self._door.now() - started_at), 1),
        }
        emit(json.dumps({name: value for name, value in line.items() if value != ""}))
        return given

    def _resolved(self, request: Request, visit: Visit | None) -> dict[str, Any]:
        event = _clean_event(request)
        resolver.context["call_store"] = self._call_store
        if visit is not None:
            stores = {name: build(visit.tenant) for name, build in self._stores._asdict().items()}
            session = Session(visit, now=self._door.now, **stores)
            resolver.context["session"] = session
            verify = SIGNED.get(_resource(request))
            if verify and request.method == "POST":
                verify(session, event["headers"], event["body"].encode())
        given = resolver.resolve(event, None)  # type: ignore[arg-type] # no route asks for it
        headers = {name.lower(): value for name, value in given["headers"].items()}
        given["headers"] = {"cache-control": "no-store", **headers}
        # The resolver leaves it None for a 204; the local gateway only sends text.
        given["body"] = given["body"] or ""
        return given


def _resource(request: Request) -> str:
    """Return the first word after `/v1/`, and after the key if the path holds one."""
    version, *rest = request.segments or [""]
    if rest[:1] == ["k"]:
        rest = rest[2:]
    return rest[0] if version == "v1" and rest else ""


def _clean_event(request: Request) -> dict[str, Any]:
    """Build the event that the resolver gets: one spelling of everything.

    The path's parts are percent-encoded each, whatever the gateway did to them; query and headers
    have lower-case names; the body is text, and JSON whatever its content type says (curl's
    default says that it is a form).
    """
    path = "/" + "/".join(quote(part, safe="") for part in _parts(request.segments))
    query = request.query()
    try:
        body = request.body(MAX_BODY).decode("utf-8-sig")
    except UnicodeError:
        raise PayloadError("body", "JSON in UTF-8") from None
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": urlencode(query),
        "queryStringParameters": query,
        "headers": {**request.headers, "content-type": "application/json"},
        "requestContext": {
            "stage": "$default",
            "http": {"method": request.method, "path": path, "sourceIp": request.source_ip},
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _parts(segments: list[str]) -> list[str]:
    if segments[:2] != ["v1", "contacts"] or len(segments) <= 3:  # noqa: PLR2004
        return segments
    after = segments[-1:] if segments[-1] in _AFTER_ID else []
    contact_id = "/".join(segments[2 : len(segments) - len(after)])
    return ["v1", "contacts", contact_id, *after]
