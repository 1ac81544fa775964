"""Errors of the admin API: every one is a problem document that names the field (RFC 9457)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from centralino.domain.errors import CentralinoError, PayloadError, UnavailableError
from centralino.entry.admin.models import DATE_TIME
from centralino.entry.http import answer, problem_of
from centralino.entry.observability import describe, emit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROBLEM_JSON = "application/problem+json"
# A list of a hundred wrong fields helps nobody more than twenty.
MAX_ERRORS = 20

# pydantic's word for what is wrong -> what we expected; braces are filled from its context.
# https://docs.pydantic.dev/latest/errors/validation_errors/
_EXPECTED = {
    "missing": "a value",
    "extra_forbidden": "no such field",
    "expected": "{expected}",
    "string_type": "text",
    "string_unicode": "text that is valid Unicode",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "string_pattern_mismatch": "text of the form {pattern}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "too_long": "at most {max_length} entries",
    "too_short": "at least {min_length} entries",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "datetime_type": DATE_TIME,
    "datetime_parsing": DATE_TIME,
    "datetime_from_date_parsing": DATE_TIME,
    "datetime_object_invalid": DATE_TIME,
    "timezone_aware": DATE_TIME,
}


class InvalidError(PayloadError):
    """Several fields are not what they have to be.

    Args:
        errors: all of them, `(field, expected)`; at least one.
    """

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__(*errors[0])
        self.errors = tuple(errors[:MAX_ERRORS])


def invalid(errors: Sequence[Mapping[str, Any]]) -> InvalidError:
    """Turn what pydantic found into an error of ours; the values themselves are left out."""
    return InvalidError([(_field(error["loc"]), _expected(error)) for error in errors])


def problem_document(error: CentralinoError) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Map an error to a status, a problem document and headers; see `entry/http.py`."""
    status, problem, headers = problem_of(error)
    if isinstance(error, InvalidError) and len(error.errors) > 1:
        problem["errors"] = [
            {"field": field, "expected": expected} for field, expected in error.errors
        ]
    return status, problem, headers


def failure(error: Exception) -> dict[str, Any]:
    """Answer with an error, ours or not, and log what an operator has to know of it.

    An error that is not ours shows nothing to the caller, and its text is not logged either: it
    may hold a number or a name.
    """
    if isinstance(error, CentralinoError):
        status, problem, headers = problem_document(error)
        reason = error.reason if isinstance(error, UnavailableError) else ""
    else:
        status, headers, reason = 500, {}, describe(error)
        problem = problem_of_status(500, "Internal error", "something broke here; it is logged")
    if reason:
        emit(json.dumps({"message": "failure", "level": "ERROR", "reason": reason}))
    return answer(status, json.dumps(problem), PROBLEM_JSON, headers)


def problem_of_status(status: int, title: str, detail: str) -> dict[str, Any]:
    """Build a problem document for what is no error of ours."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def parse_json(text: str) -> Any:  # noqa: ANN401 - JSON is anything
    """Parse a request's body.

    Raises:
        PayloadError: it is no JSON, or holds what JSON can't (`NaN`, the same field twice).
    """
    try:
        content = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise PayloadError("body", "JSON") from None
    if "\\ud" in text.lower():
        # Half of a surrogate pair is JSON, but no text: neither the store nor an answer takes it.
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeError:
            raise PayloadError("body", "JSON whose text is valid Unicode") from None
    return content


def _refuse_constant(name: str) -> None:
    raise PayloadError("body", f"JSON, which has no {name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise PayloadError("body", "JSON in which no object has the same field twice")
    return content


def _expected(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind in ("too_long", "too_short") and isinstance(error["input"], str):
        kind = f"string_{kind}"
    template = _EXPECTED.get(kind)
    if template is None:
        return "something else"
    return template.format_map(error.get("ctx") or {})


def _field(location: Sequence[str | int]) -> str:
    """Spell a field as the caller knows it: `numbers[2].kind`, `limit`."""
    parts = location[1:] if location and location[0] in ("body", "query", "path") else location
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part}" if path else part
    return path or "body"
