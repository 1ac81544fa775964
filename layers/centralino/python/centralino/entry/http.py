"""Answers over HTTP, and the one table that maps errors to them (RFC 9457)."""

from __future__ import annotations

import json

from centralino.domain import errors
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from centralino.entry.request import Request

STATUS: dict[type[errors.CentralinoError], tuple[int, str]] = {
    errors.PayloadError: (400, "Bad request"),
    errors.TooLargeError: (413, "Too large"),
    errors.ReusedKeyError: (422, "Another request"),
    errors.CredentialsError: (401, "Not authenticated"),
    errors.ForbiddenError: (403, "Not allowed"),
    errors.NotFoundError: (404, "Not found"),
    errors.ConflictError: (409, "Conflict"),
    errors.InProgressError: (409, "In progress"),
    errors.TooManyError: (429, "Too many requests"),
    errors.UnavailableError: (503, "Unavailable"),
    errors.ThrottledError: (503, "Unavailable"),
    errors.RejectedError: (503, "Unavailable"),
}


def answer(
    status: int, body: str, content_type: str, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Build an answer for the gateway (payload format 2.0).

    Args:
        status: the HTTP status.
        body: text.
        content_type: with its charset.
        headers: further headers, names in lower case.
    """
    sent = {"content-type": content_type, "cache-control": "no-store"}
    if headers:
        sent.update(headers)
    return {"statusCode": status, "headers": sent, "body": body, "isBase64Encoded": False}


def problem_of(error: errors.CentralinoError) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Map an error to a status, a problem document and headers.

    Returns:
        status, `{"type", "title", "status", "detail", "field"?, "expected"?}`, headers.
    """
    status, title = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": str(error),
    }
    headers: dict[str, str] = {}
    if isinstance(error, errors.PayloadError):
        problem["field"] = error.field
        problem["expected"] = error.expected
    elif isinstance(error, (errors.UnavailableError, errors.TooManyError, errors.InProgressError)):
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    elif isinstance(error, errors.CredentialsError):
        headers["www-authenticate"] = 'Bearer realm="centralino"'
    return status, problem, headers


def problem_answer(error: errors.CentralinoError) -> dict[str, Any]:
    """Answer with an error as `application/problem+json`."""
    status, problem, headers = problem_of(error)
    return answer(status, json.dumps(problem), "application/problem+json", headers)


def allow_origin(given: dict[str, Any], request: Request) -> None:
    """Let the page that asked read the answer; its origin was checked against the tenant's."""
    origin = request.headers.get("origin", "")
    if origin:
        given["headers"]["access-control-allow-origin"] = origin
        given["headers"]["vary"] = "origin"
