"""What PBXs ask beyond the lookup, for the OpenAPI document: routes, nodes, their own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.entry.route import ROLES
from centralino.ports.pbx import ASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FIELDS = {
    "number": "The caller's number (CLI), exactly as the carrier delivered it; empty if withheld",
    "did": "The number that was called",
    "trunk": "The line it came in on",
    "name": "What the carrier sent as the caller's name",
    "call_id": "The PBX's own id of the call: one decision is kept for each",
    "language": "The caller's language, ISO 639-1, if the PBX knows",
    "attestation": "What STIR/SHAKEN says of the number: `A`, `B` or `C`, `F` if its check failed",
    "format": "What the answer looks like: `json` (default), `form`, `text` or `xml`",
}
_PARTS = {
    "node": "The identify node's name",
    "id": "The code that was typed",
    "provider": "The PBX product, as `asterisk` or `generic`; docs/pbx.md has them all",
    "ask": f"What is asked: {', '.join(ASKS)}",
}
_OUTCOMES = (
    "decided", "asked", "identified", "unidentified", "noted", "ignored", "fallback", "timeout",
    "degraded", "error", "refused", "hit", "miss", "withheld", "internal", "ambiguous",
)  # fmt: skip
_ANSWER = {
    "type": "object",
    "properties": {
        "action": {"type": "string", "enum": ["go", "ask", "continue", "ok"]},
        "destination": {"type": "string", "examples": ["queue:600", "agent:21", "hangup"]},
        "agents": {"type": "array", "items": {"type": "string"}},
        "rule": {"type": "string"},
        "fallback": {"type": "string", "description": "Why it is the fallback; empty if it isn't"},
        "label": {"type": "string"},
        "customer_code": {"type": "string"},
        "customer_status": {"type": "string"},
    },
}
_VERDICT = {
    "type": "object",
    "required": ["status", "destination"],
    "properties": {
        "status": {"type": "string", "enum": ["ok", "fail"]},
        "destination": {"type": "string", "examples": ["true", "false", "1,3"]},
    },
}
_TEXT = {"schema": {"type": "string"}}


def route_paths(
    security: Sequence[dict[str, list[str]]], ref: Callable[[int], dict[str, str]]
) -> dict[str, Any]:
    """Return the paths of the function that routes calls.

    Args:
        security: how a key comes.
        ref: returns the reference to an error's response.
    """
    paths = {
        "/v1/route": (
            ("get", "post"),
            "Say where a call goes",
            (
                "The first of the tenant's rules that holds decides. Whatever goes wrong is "
                "answered with 200 and the tenant's fallback; `fallback` says why."
            ),
            _ANSWER,
        ),
        "/v1/identify/{node}": (
            ("get", "post"),
            "Say whether a code that was typed is good",
            (
                "For OMniLeads, which posts `idContact` and nothing else. Type 1 reads `true` or "
                "`false`, type 2 a destination as `X,Y`; always text."
            ),
            _VERDICT,
        ),
        "/v1/identify/{node}/{id}": (
            ("get",),
            "Say whether a code in the path is good",
            "For OMniLeads' newer helper, which reads `response` and `data` as well.",
            _VERDICT,
        ),
        "/v1/pbx/{provider}/{ask}": (
            ("get", "post"),
            "Ask in a PBX's own words",
            (
                "Lookup, route, identify and events, in the spelling and with the signature of "
                "that PBX."
            ),
            None,
        ),
        "/v1/pbx/{provider}/identify/{node}": (
            ("get", "post"),
            "Take a turn of a conversation at an identify node",
            "Without digits: the question. With them: the next one, or where the call goes.",
            None,
        ),
    }
    return {
        path: {
            method: _operation(path, method, summary, about, answer, security, ref)
            for method in methods
        }
        for path, (methods, summary, about, answer) in paths.items()
    }


def _operation(  # noqa: PLR0913, PLR0917 - what an operation is made of
    path: str,
    method: str,
    summary: str,
    about: str,
    answer: dict[str, Any] | None,
    security: Sequence[dict[str, list[str]]],
    ref: Callable[[int], dict[str, str]],
) -> dict[str, Any]:
    words = [word.strip("{}") for word in path.split("/")[2:]]
    parameters: list[dict[str, Any]] = [
        {
            "name": word,
            "in": "path",
            "required": True,
            "description": _PARTS[word],
            "schema": {"type": "string", **({"enum": list(ASKS)} if word == "ask" else {})},
        }
        for word in words
        if f"{{{word}}}" in path
    ]
    operation: dict[str, Any] = {
        "summary": summary,
        "description": about,
        "operationId": "_".join((*words, method)),
        "tags": ["calls"],
        "security": list(security),
        "x-roles": list(ROLES),
    }
    fields = {"idContact": "The code that was typed"} if words[0] == "identify" else dict(_FIELDS)
    if "identify" in words[1:]:
        fields["digits"] = "What was typed; empty if nothing was in time, absent in the first turn"
        fields["question"] = "Which question the digits answer"
    if method == "get":
        if "id" not in words:
            parameters += [
                {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
                for name, text in fields.items()
            ]
    else:
        schema = {
            "type": "object",
            "properties": {
                name: {"type": "string", "description": text} for name, text in fields.items()
            },
        }
        operation["requestBody"] = {
            "content": {
                "application/x-www-form-urlencoded": {"schema": schema},
                "application/json": {"schema": schema},
            }
        }
    if parameters:
        operation["parameters"] = parameters
    content: dict[str, Any] = {"application/json": {"schema": answer} if answer else {"schema": {}}}
    if answer is not _VERDICT:
        forms = ("application/x-www-form-urlencoded", "application/xml", "text/plain", "text/xml")
        content |= dict.fromkeys(forms, _TEXT)
    operation["responses"] = {
        "200": {
            "description": "Where the call goes, the next question, or what else was asked for",
            "headers": {
                "x-centralino-outcome": {"schema": {"type": "string", "enum": list(_OUTCOMES)}}
            },
            "content": content,
        },
        "401": {"description": "No good key, or no good signature; the body is empty"},
        "403": {"description": "The key may not ask this; the body is empty"},
        **{str(code): ref(code) for code in (400, 404, 413, 503)},
    }
    operation["responses"] = dict(sorted(operation["responses"].items()))
    return operation
