"""The OpenAPI document: what the resolver knows, and what isn't on it: lookup, webhooks, calls.

`tools/openapi` writes it to `docs/openapi.json`; no function imports this module.
"""

from __future__ import annotations

import copy
import inspect
import json
from typing import Any

from centralino import VERSION
from centralino.entry.admin.api import OPEN, WHO
from centralino.entry.admin.models import Problem
from centralino.entry.admin.originate_document import originate_paths
from centralino.entry.admin.problems import PROBLEM_JSON
from centralino.entry.admin.resolver import resolver
from centralino.entry.admin.route_document import route_paths
from centralino.entry.admin.session import ALSO
from centralino.entry.lookup import FORMATS, NUMBER_FIELDS
from centralino.entry.receive import MAX_BODY
from centralino.entry.receive import ROLES as RECEIVE_ROLES

_DESCRIPTION = """\
Who is calling? `/v1/lookup` tells a PBX; `/v1/originate` places a call; `/v1/crm` hears from \
CRMs; all else is for whoever keeps the contacts, settings and keys of a tenant.

A key names its tenant and its role. It comes as `x-api-key`, as the password of Basic \
authentication (the user name doesn't matter) or as a Bearer token; a key of role pbx or crm also \
as `?key=` or, for lookups and webhooks, in the path: `/v1/k/{key}/…`. What belongs to another \
tenant is answered exactly as what doesn't exist. Errors are problem documents (RFC 9457) that \
name the field."""

_SECURITY_SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key is the password"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "url": {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "For keys of role pbx and crm only: URLs end up in logs",
    },
}
_IN_HEADERS: list[dict[str, list[str]]] = [{"key": []}, {"basic": []}, {"bearer": []}]

_ERRORS = {
    400: ("BadRequest", "A field is not what it has to be"),
    401: ("NotAuthenticated", "No key, or one that is unknown, revoked, expired or from elsewhere"),
    403: ("NotAllowed", "The key's role, or the web page it came from, may not do this"),
    404: ("NotFound", "There is no such thing in this tenant"),
    405: ("NoSuchMethod", "There is something at this path, but not for this method"),
    409: ("Conflict", "Somebody else changed it first, or it is already there"),
    413: ("TooLarge", "The request is over a limit as a whole"),
    429: ("TooMany", "Too many requests of this kind in a short time"),
    500: ("Broken", "Something broke here; it is logged"),
    503: ("Unavailable", "The store does not answer, or asks to slow down; try again"),
}
_READ_ERRORS: tuple[int, ...] = (400, 401, 403, 404, 405, 413, 500, 503)
_WRITE_ERRORS: tuple[int, ...] = (400, 401, 403, 404, 405, 409, 413, 500, 503)
# What is counted, and refused when there is too much of it in a minute.
LIMITED = ("registrations",)
# Health needs no key and answers its own 503.
_OPEN_ERRORS: tuple[int, ...] = (400, 404, 405, 413, 500)


def build_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the whole HTTP interface, as plain JSON."""
    text = resolver.get_openapi_json_schema(
        title="Centralino", version=VERSION, description=_DESCRIPTION
    )
    document: dict[str, Any] = json.loads(text)
    told = _docstrings()
    for path, item in document["paths"].items():
        resource = path.split("/")[2]
        for method, operation in item.items():
            operation["description"] = told[path, method]
            _complete(operation, resource, method)
    document["paths"]["/v1/lookup"] = {"get": _lookup("get"), "post": _lookup("post")}
    document["paths"] |= route_paths([*_IN_HEADERS, {"url": []}], _ref)
    document["paths"] |= originate_paths(_IN_HEADERS, _ref)
    document["paths"]["/v1/crm/{provider}"] = {"post": _webhook()}
    document["paths"]["/v1/crm/{provider}/{event}"] = {"post": _webhook("event")}
    document["paths"] = dict(sorted(document["paths"].items()))
    schemas = document["components"]["schemas"]
    # What Powertools would answer to bad input; we answer 400 with a problem.
    for name in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    document["components"] = {
        "schemas": dict(sorted(schemas.items())),
        "responses": {name: _error(status, about) for status, (name, about) in _ERRORS.items()},
        "securitySchemes": _SECURITY_SCHEMES,
    }
    return document


def _docstrings() -> dict[tuple[str, str], str]:
    """Return what each route's function says of itself, by path and method."""
    routes = (*resolver._static_routes, *resolver._dynamic_routes)  # noqa: SLF001 - no other way
    return {
        (route.openapi_path, route.method.lower()): inspect.getdoc(route.func) or ""
        for route in routes
    }


def _complete(operation: dict[str, Any], resource: str, method: str) -> None:
    """Add what holds for every route: who may, and the errors."""
    if resource == OPEN:
        codes = _OPEN_ERRORS
        operation["security"] = []
    else:
        codes = _READ_ERRORS if method == "get" else _WRITE_ERRORS
        if resource in LIMITED:
            codes = (*codes, 429)
        operation["security"] = _IN_HEADERS
        roles = WHO[resource]
        if set(roles) >= {"pbx", "crm"}:
            operation["security"] = [*_IN_HEADERS, {"url": []}]
        operation.setdefault("x-roles", list(roles))
    # Powertools makes one of function and path; the function says it all.
    operation["operationId"] = operation["operationId"].partition("_v1_")[0]
    answers = {code: given for code, given in operation["responses"].items() if code != "422"}
    [success] = (code for code in answers if code.startswith("2"))
    if success == "204":
        answers[success] = {"description": "Done"}
    for code, about in operation.pop(ALSO, {}).items():
        answers[code] = {**copy.deepcopy(answers[success]), "description": about}
    errors = {str(code): _ref(code) for code in codes}
    operation["responses"] = dict(sorted({**errors, **answers}.items()))


def _ref(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{_ERRORS[status][0]}"}


def _error(status: int, about: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": about,
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    header = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}.get(
        status
    )
    if header:
        response["headers"] = {header: {"schema": {"type": "string"}}}
    return response


_LOOKUP_FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "number": (
        "The caller's number (CLI), exactly as the carrier delivered it. Also spelled "
        + ", ".join(f"`{name}`" for name in NUMBER_FIELDS[1:]),
        {"type": "string", "examples": ["+390244556677", "02 4455667", "anonymous"]},
    ),
    "did": ("The number that was called", {"type": "string"}),
    "trunk": ("The line it came in on", {"type": "string"}),
    "name": ("What the carrier sent as the caller's name", {"type": "string"}),
    "call_id": ("The PBX's own id of the call, for the log", {"type": "string"}),
    "format": ("What the answer looks like", {"type": "string", "enum": list(FORMATS)}),
}
_LOOKUP_ANSWER = {
    "type": "object",
    "properties": {
        name: {"type": "string"}
        for name in ("outcome", "label", "contact_id", "customer_code", "url", "company")
    },
}
_OUTCOMES = (
    "hit", "miss", "withheld", "internal", "ambiguous", "timeout", "degraded", "error", "refused",
)  # fmt: skip


def _lookup(method: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": "Say who is calling",
        "description": (
            "The label for the phone's display. As text, whatever goes wrong is answered with 200 "
            "and the carrier's name, or nothing: PBXs show the body as it is. "
            "`x-centralino-outcome` says what became of it."
        ),
        "operationId": f"lookup_{method}",
        "tags": ["calls"],
        "security": [*_IN_HEADERS, {"url": []}],
        "x-roles": ["pbx", "admin"],
    }
    if method == "get":
        operation["parameters"] = [
            {
                "name": name,
                "in": "query",
                "required": name == "number",
                "description": about,
                "schema": copy.deepcopy(schema),
            }
            for name, (about, schema) in _LOOKUP_FIELDS.items()
        ]
    else:
        schema = {
            "type": "object",
            "required": ["number"],
            "properties": {
                name: {**copy.deepcopy(field), "description": about}
                for name, (about, field) in _LOOKUP_FIELDS.items()
            },
        }
        operation["requestBody"] = {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {"schema": schema},
                "application/json": {"schema": schema},
            },
        }
    text = {"schema": {"type": "string"}, "examples": {"label": {"value": "Off Mecc Rossi"}}}
    structured = {"schema": _LOOKUP_ANSWER}
    outcome = {"schema": {"type": "string", "enum": list(_OUTCOMES)}}
    operation["responses"] = {
        "200": {
            "description": "The label, or what the carrier sent",
            "headers": {"x-centralino-outcome": outcome},
            "content": {
                "text/plain": text,
                "application/json": structured,
                "application/x-www-form-urlencoded": {"schema": {"type": "string"}},
                "application/xml": {"schema": {"type": "string"}},
            },
        },
        "400": _ref(400),
        "401": {"description": "No good key; the body is empty"},
        "403": {"description": "The key may not look up; the body is empty"},
        "404": _ref(404),
        "413": _ref(413),
    }
    return operation


_WEBHOOK_PARTS = {
    "provider": "The CRM product, as `hubspot` or `generic`; docs/crm.md has them all",
    "event": "What happened, for a CRM that says so only by the URL that it calls",
}


def _webhook(*parts: str) -> dict[str, Any]:
    return {
        "summary": "Hear from a CRM",
        "description": (
            "An outbound webhook of a CRM, in its own format and with its own signature. 2xx means "
            "that it is kept; it is applied a moment later. What is answered with 503 wasn't kept "
            "and should be sent again."
        ),
        "operationId": "_".join(("receive", *parts)),
        "tags": ["crm"],
        "security": [*_IN_HEADERS, {"url": []}],
        "x-roles": list(RECEIVE_ROLES),
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": _WEBHOOK_PARTS[name],
                "schema": {"type": "string"},
            }
            for name in ("provider", *parts)
        ],
        "requestBody": {
            "required": True,
            "description": f"At most {MAX_BODY} bytes",
            "content": {
                "application/json": {"schema": {}},
                "application/xml": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            "200": {"description": "Kept; the body is what the CRM wants to read"},
            **{str(code): _ref(code) for code in (401, 403, 404, 413, 503)},
        },
    }
