"""Find the destination that a tenant wrote down: its name, or `type:id`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.domain.destination import ALONE, TYPES, Destination
from centralino.domain.dial_guard import dear_kind
from centralino.domain.errors import PayloadError
from centralino.domain.number import index_number, is_valid
from centralino.domain.originate import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPECTED = (
    f"a destination's name, {', '.join(ALONE)}, or type:id with one of the types "
    + ", ".join(kind for kind in TYPES if kind not in ALONE)
)
# What a dialplan takes for the name of a queue, an exten or a number.
_ID = re.compile(r"[0-9A-Za-z+_.-]{1,64}", re.ASCII)
_OUTSIDE = re.compile(r"\+[1-9]\d{4,14}", re.ASCII)
_EXTEN = re.compile(r"[\d*#]{1,20}", re.ASCII)


def resolve_destination(text: str, names: Mapping[str, Destination], field: str) -> Destination:
    """Return the destination that a text names.

    Args:
        text: a name of the tenant's, `queue:600`, or `hangup`.
        names: the tenant's destinations.
        field: how the caller spells its place, for the error.

    Raises:
        PayloadError: there is none of this name or type, or the id is none.
    """
    if text in names:
        return names[text]
    kind, colon, place = text.partition(":")
    if kind not in TYPES or (kind in ALONE) == bool(colon):
        raise PayloadError(field, EXPECTED)
    if kind == "external":
        return Destination(kind, _outside(place, field))
    if kind in {"agent", "extension"}:
        if not _EXTEN.fullmatch(place):
            raise PayloadError(field, f"{kind}:21, at most 20 digits, * and #")
    elif colon and not _ID.fullmatch(place):
        raise PayloadError(field, f"{kind}: and an id of letters, digits and + _ . -, at most 64")
    return Destination(kind, place)


def _outside(number: str, field: str) -> str:
    """Return an external number, unless nobody has it or a call to it could cost a fortune."""
    key = index_number(number, "")[0] if _OUTSIDE.fullmatch(number) else ""
    if not key or not is_valid(key):
        raise PayloadError(field, "external: and a number that exists, as external:+390244556677")
    kind = dear_kind(key)
    if kind:
        expected = f"a number that costs no extra: this one is {REFUSALS[kind]}"
        raise PayloadError(field, expected)
    return key
