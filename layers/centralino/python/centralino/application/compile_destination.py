"""Compile a destination of the rules: from how it is written to where a call goes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from centralino.application.resolve_destination import resolve_destination
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from centralino.domain.destination import Destination

_OMNILEADS = re.compile(r"\d{1,2},\d{1,9}", re.ASCII)
_FIELDS = ("to", "omnileads")


def compile_destination(value: Any, field: str) -> Destination:  # noqa: ANN401 - JSON
    """Compile a destination.

    Args:
        value: `queue:600`, `hangup`, or an object with `to` and what OMniLeads calls it.
        field: how the caller spells its place, for errors.

    Raises:
        PayloadError: it is none, or an external number that nobody should be sent to.
    """
    if isinstance(value, dict):
        unknown = [name for name in value if name not in _FIELDS]
        if unknown:
            raise PayloadError(f"{field}.{unknown[0]}", f"one of {', '.join(_FIELDS)}")
        omnileads = value.get("omnileads", "")
        if not isinstance(omnileads, str) or (omnileads and not _OMNILEADS.fullmatch(omnileads)):
            raise PayloadError(f"{field}.omnileads", "OMniLeads' own type and number, as 1,3")
        plain = compile_destination(value.get("to") or "", f"{field}.to")
        return plain._replace(omnileads=plain.omnileads or omnileads)
    if not isinstance(value, str):
        raise PayloadError(field, "type:id, hangup or continue")
    return resolve_destination(value, {}, field)
