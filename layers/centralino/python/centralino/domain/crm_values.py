"""Read values that a CRM sent: anything may be in the place of anything, and nothing is an error.

What is refused is refused by a PayloadError that says nothing of what was there.
"""

from __future__ import annotations

import json
import re

from centralino.domain.errors import PayloadError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from centralino.domain.contact import Contact

MAX_TEXT = 500
# What JavaScript can count, less what the store keeps for itself.
MAX_WHOLE = 2**53 - 2
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_DIGITS = re.compile(r"[0-9]{1,16}")


def read_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """Return a body's JSON.

    Raises:
        PayloadError: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # Without its cause, which holds the whole body.
        raise PayloadError("body", "JSON") from None


def as_dict(value: object) -> dict[str, Any]:
    """Return an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return a list; an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def as_text(value: object, limit: int = MAX_TEXT) -> str:
    """Return a text, or a whole number as text, without control characters and cut to a length.

    Anything else is empty text: null, `false` (Odoo's null), a list.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        # A number of more digits is nobody's id, and Python refuses to write it.
        value = str(value) if abs(value) <= MAX_WHOLE else ""
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair can't be stored.
    whole = value.encode("utf-8", "ignore").decode()
    return _CONTROL.sub(" ", whole).strip()[:limit].rstrip()


def as_whole(value: object) -> int:
    """Return a number from 0 to `MAX_WHOLE`, also one that is written as text; 0 for the rest."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_WHOLE:
        return value
    return 0


def as_milliseconds(value: object) -> int:
    """Return a time as milliseconds since 1970, 0 if it is none.

    Args:
        value: ISO 8601 or `YYYY-MM-DD HH:MM:SS`; without an offset it is UTC, as all CRMs that
            leave it out have it. A number is milliseconds already.
    """
    if not isinstance(value, str) or _DIGITS.fullmatch(value):
        return as_whole(value)
    from datetime import UTC, datetime  # noqa: PLC0415 - the receiver reads no times

    from centralino.domain.moments import to_milliseconds  # noqa: PLC0415

    try:
        at = datetime.fromisoformat(value.strip())
        return as_whole(to_milliseconds(at if at.tzinfo else at.replace(tzinfo=UTC)))
    except (ValueError, OverflowError):
        return 0


def is_among(number: str, contacts: Iterable[Contact], country: str) -> bool:
    """Tell whether one of some contacts really has a number; a CRM's search may find too much.

    Args:
        number: E.164.
        contacts: as they were found.
        country: where numbers without a country code are from, ISO 3166 alpha-2.
    """
    from centralino.domain.number import index_number  # noqa: PLC0415 - not for the receiver

    return any(
        index_number(entry.number, country)[0] == number
        for contact in contacts
        for entry in contact.numbers
    )
