"""Placing calls, for the OpenAPI document: what is asked for, what came of it, the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.domain.originate import FAILURES, REFUSALS, STATES
from centralino.entry.admin.problems import PROBLEM_JSON
from centralino.entry.originate import AUDITORS, FAILED, MAX_KEY, MAX_PAGE, REFUSED, ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TEXT = {"type": "string"}
_FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "number": (
        "Whom to call, in any spelling; or `contact_id`",
        {"type": "string", "maxLength": 256, "examples": ["0244556677", "+39 02 4455 6677"]},
    ),
    "contact_id": (
        "Whose primary number to call; or `number`",
        {"type": "string", "maxLength": 256, "examples": ["hubspot:17"]},
    ),
    "exten": (
        "The agent's extension, whose phone rings first; an agent's key has its own",
        {"type": "string", "pattern": "^[0-9]{1,20}$", "examples": ["21"]},
    ),
    "caller_id": ("What the called party sees: one of the tenant's DIDs", _TEXT),
    "auto_answer": (
        "Let the agent's phone answer by itself; only for the key's own extension",
        {"type": "boolean"},
    ),
    "timeout_s": ("How long the agent's phone rings", {"type": "integer", "minimum": 1}),
}
_CALL = {
    "call_id": {"type": "string", "pattern": "^[0-9A-Za-z]{22}$"},
    "status": {"type": "string", "enum": list(STATES)},
    "number": {"type": "string", "description": "As it was dialled"},
    "provider_id": {"type": "string", "description": "The PBX's own id of the call"},
}
_STATE = {
    **_CALL,
    "reason": {"type": "string", "enum": ["", *REFUSALS, *FAILURES]},
    "exten": _TEXT,
    "contact_id": _TEXT,
    "caller_id": _TEXT,
    "provider": _TEXT,
    "asked_at": {"type": "string", "format": "date-time"},
    "changed_at": {"type": "string", "format": "date-time"},
}
_ENTRY = {
    **_STATE,
    "asked": {"type": "string", "description": "The number or contact as it was asked for"},
    "e164": _TEXT,
    "country": _TEXT,
    "cost": {"type": "integer", "description": "By estimate, thousandths"},
    "role": _TEXT,
    "key": {"type": "string", "description": "The key's id"},
    "detail": {"type": "string", "description": "The PBX's own words"},
}
_ABOUT = {
    403: "It may not be called, or the key's role or the web page may not ask",
    409: "The agent's phone is busy, no PBX is connected, or the same request is still under way",
    422: "It makes no call as it is asked for",
    429: "Too many calls, or too dear; `retry-after` says when there is room again",
    502: "The PBX refuses us, or the call",
    503: "Nobody answers at the PBX, or our store does not; nothing rings",
}


def originate_paths(
    security: Sequence[dict[str, list[str]]], ref: Callable[[int], dict[str, str]]
) -> dict[str, Any]:
    """Return the paths of the function that places calls.

    Args:
        security: how a key comes.
        ref: returns the reference to an error's response.
    """
    common = {"tags": ["calls"], "security": list(security)}
    return {
        "/v1/originate": {
            "post": common | _place(ref),
            "get": common | _trail(ref),
        },
        "/v1/originate/{call_id}": {"get": common | _state(ref)},
    }


def _place(ref: Callable[[int], dict[str, str]]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {**field, "description": about} for name, (about, field) in _FIELDS.items()
        },
    }
    # What the guard refuses is 403 where nothing else is said.
    judged = {403, *REFUSED.values(), *FAILED.values()}
    return {
        "summary": "Place a call",
        "description": (
            "The agent's phone rings, then the number's. 202 says that the PBX took it; with "
            "status `unknown` it may or may not have, so do not ask again. The same "
            "idempotency key with the same body is one call."
        ),
        "operationId": "originate",
        "x-roles": list(ROLES),
        "parameters": [
            {
                "name": "idempotency-key",
                "in": "header",
                "description": "Makes a repetition of this request harmless, for a day",
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema},
                "application/x-www-form-urlencoded": {"schema": schema},
            },
        },
        "responses": {
            "202": {
                "description": "The PBX has it, or nobody knows",
                "headers": {"location": {"schema": _TEXT}},
                "content": _json(_CALL),
            },
            **{str(code): ref(code) for code in (400, 401, 413)},
            **{str(code): _problem(code) for code in sorted(judged)},
        },
    }


def _state(ref: Callable[[int], dict[str, str]]) -> dict[str, Any]:
    return {
        "summary": "Say what became of a call",
        "description": "An agent's key sees that agent's calls. States only go forward.",
        "operationId": "originate_state",
        "x-roles": list(ROLES),
        "parameters": [
            {"name": "call_id", "in": "path", "required": True, "schema": _CALL["call_id"]}
        ],
        "responses": {
            "200": {"description": "The call", "content": _json(_STATE)},
            **{str(code): ref(code) for code in (401, 403, 404, 503)},
        },
    }


def _trail(ref: Callable[[int], dict[str, str]]) -> dict[str, Any]:
    return {
        "summary": "Show which calls were asked for",
        "description": (
            "The audit trail, the newest first: every attempt of two years, also refused ones, and "
            "the key that asked."
        ),
        "operationId": "list_originates",
        "x-roles": list(AUDITORS),
        "parameters": [
            {"name": "cursor", "in": "query", "schema": _TEXT},
            {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
            },
        ],
        "responses": {
            "200": {
                "description": "A page; `cursor` is empty at the end",
                "content": _json(
                    {
                        "calls": {
                            "type": "array",
                            "items": {"type": "object", "properties": _ENTRY},
                        },
                        "cursor": _TEXT,
                    }
                ),
            },
            **{str(code): ref(code) for code in (400, 401, 403, 503)},
        },
    }


def _json(properties: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": {"type": "object", "properties": properties}}}


def _problem(status: int) -> dict[str, Any]:
    reasons = [word for word in REFUSALS if REFUSED.get(word, 403) == status]
    reasons += [word for word, code in FAILED.items() if code == status]
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {
                "type": "object",
                "properties": {
                    "reason": {"type": "string", "enum": reasons},
                    "hint": {"type": "string", "description": "What would allow it"},
                    "call_id": _CALL["call_id"],
                },
            },
        ]
    }
    response: dict[str, Any] = {
        "description": _ABOUT[status],
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
    if status in {409, 429, 503}:
        response["headers"] = {"retry-after": {"schema": _TEXT}}
    return response
