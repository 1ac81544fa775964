"""Check an exten that calls are sent to: a PBX may dial outside whatever it has no phone for."""

from __future__ import annotations

from centralino.domain.dial_guard import CODES_OF_NO_COUNTRY, COMMON_PREFIXES, begins_emergency
from centralino.domain.errors import PayloadError
from centralino.domain.number import index_number, is_valid

# As many digits an exten may have without being looked at as a number of the public network.
_MOST_DIGITS = 6
# What may stand before such a number, and is dialled away.
_STARTS = ("", "0", "9", "00", "000", "900", "011", "9011")
_ABROAD = ("00", "011")


def check_exten(exten: str, country: str, field: str) -> None:
    """Refuse an exten that is rather an emergency number, or one of the public network.

    Args:
        exten: digits, `*` and `#`.
        country: the tenant's, ISO 3166 alpha-2.
        field: how the caller spells its place, for the error.

    Raises:
        PayloadError: it is none.
    """
    for digits in filter(None, exten.replace("#", "*").split("*")):
        if begins_emergency(digits, [country], COMMON_PREFIXES):
            raise PayloadError(field, f"an extension: {exten} may call for help")
        if len(digits) > _MOST_DIGITS and _leads_outside(digits, country):
            raise PayloadError(field, f"an extension: {exten} is a number of the public network")


def _leads_outside(digits: str, country: str) -> bool:
    for start in _STARTS:
        behind = digits.removeprefix(start)
        if digits.startswith(start) and (
            is_valid(index_number(behind, country)[0])
            or is_valid(index_number(f"+{behind}", country)[0])
            # An exchange doesn't wait for all digits of a satellite's number.
            or (start.endswith(_ABROAD) and behind.startswith(tuple(CODES_OF_NO_COUNTRY)))
        ):
            return True
    return False
