"""How a number is dialled on one line of a PBX: prefix, carrier, spelling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.domain.dial_guard import dear_kind, is_emergency, rings_emergency
from centralino.domain.dial_options import DialRule
from centralino.domain.originate import RefusedCallError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIALLED = re.compile(r"\+?[0-9]{1,40}", re.ASCII)
_DEFAULT_PREFIX = "00"
_HINT = "See what the line dials, and change its rule, with `centralino dialling show` and `set`."


def rule_for(exten: str, rules: Sequence[DialRule]) -> DialRule:
    """Return the rule of the line that an exten dials through.

    The first that names the exten, else the first that names none, else the defaults.

    Args:
        exten: whose phone dials.
        rules: the tenant's.
    """
    for rule in rules:
        if any(_covers(name, exten) for name in rule.extens):
            return rule
    return next((rule for rule in rules if not rule.extens), DialRule())


def dial(number: str, rule: DialRule, home: str) -> str:
    """Return what the PBX has to dial to reach a number: digits, and maybe one leading `+`.

    What is returned was read back as an exchange of the line's country reads it: it is the number,
    and nothing in it begins an emergency call.

    Args:
        number: E.164, one that exists.
        rule: of the line.
        home: the tenant's country, ISO 3166 alpha-2.

    Raises:
        RefusedCallError: `changed` if the line's exchange would understand another number,
            `emergency` if it would call for help.
    """
    country = rule.country or home
    lead = rule.outside_prefix + rule.carrier_code
    outside = rule.carrier_code + spell(number, rule, country)
    dialled = rule.outside_prefix + outside
    if not _DIALLED.fullmatch(dialled) or heard(outside, rule, country) != number:
        raise RefusedCallError("changed", _HINT)
    if rule.carrier_code and _is_another(outside, number, country):
        raise RefusedCallError("changed", _HINT)
    # The PBX takes the prefix off, so only what is behind it may not begin like a call for help:
    # with a 0 before them Madrid's numbers begin like Spain's 091.
    for seen in (outside, dialled[len(lead) :], rule.outside_prefix, lead):
        if is_emergency(dialled) or rings_emergency(seen, country):
            hint = "With the spelling plus or international it would not begin like one."
            raise RefusedCallError("emergency", hint if rule.spelling == "digits" else _HINT)
    return dialled


def dial_short(short: str, rule: DialRule) -> str:
    """Return what the PBX has to dial to reach a short number: only the outside prefix is added.

    Raises:
        RefusedCallError: `emergency` if the two together call for help.
    """
    dialled = rule.outside_prefix + short
    if is_emergency(dialled):
        raise RefusedCallError("emergency", _HINT)
    return dialled


def spell(number: str, rule: DialRule, country: str) -> str:
    """Return a number in a line's spelling, without the prefix for outside and the carrier.

    Args:
        number: E.164.
        rule: of the line.
        country: the line's country, ISO 3166 alpha-2.
    """
    import phonenumbers  # noqa: PLC0415 - a tenth of a second

    if rule.spelling == "plus":
        return number
    if rule.spelling == "digits":
        return number[1:]
    parsed = phonenumbers.parse(number)
    same = parsed.country_code == phonenumbers.country_code_for_region(country)
    if rule.spelling == "national" and same:
        national = phonenumbers.PhoneNumberFormat.NATIONAL
        return phonenumbers.normalize_digits_only(phonenumbers.format_number(parsed, national))
    return (rule.international_prefix or usual_international_prefix(country)) + number[1:]


def heard(outside: str, rule: DialRule, country: str) -> str:
    """Return the number that a line's exchange understands; empty if it understands none.

    Args:
        outside: what is dialled behind the outside prefix.
        rule: of the line.
        country: the line's country, ISO 3166 alpha-2.
    """
    import phonenumbers  # noqa: PLC0415 - a tenth of a second

    rest = outside.removeprefix(rule.carrier_code)
    if rule.spelling == "digits":
        rest = f"+{rest}"
    try:
        parsed = phonenumbers.parse(rest, country)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _is_another(outside: str, number: str, country: str) -> bool:
    """Tell whether an exchange that knows nothing of the carrier's code understands a number."""
    import phonenumbers  # noqa: PLC0415 - a tenth of a second

    try:
        parsed = phonenumbers.parse(outside, country)
    except phonenumbers.NumberParseException:
        return False
    understood = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    # Satellites count even if the number is one digit too long: exchanges don't wait for it.
    return understood != number and (
        phonenumbers.is_valid_number(parsed) or dear_kind(understood) not in {"", "invalid"}
    )


def usual_international_prefix(country: str) -> str:
    """Return what a country's lines dial before a country code: `00`, `011`, `810`.

    Where callers choose a carrier with it, as in Brazil, there is no usual one: then it is `00`,
    and a rule has to say what it really is.
    """
    from phonenumbers import PhoneMetadata  # noqa: PLC0415 - a tenth of a second

    metadata = PhoneMetadata.metadata_for_region(country, None)
    if metadata is None:
        return _DEFAULT_PREFIX
    for prefix in (metadata.preferred_international_prefix, metadata.international_prefix):
        digits = (prefix or "").replace("~", "")
        if digits.isdecimal():
            return str(digits)
    return _DEFAULT_PREFIX


def _covers(name: str, exten: str) -> bool:
    return exten.startswith(name[:-1]) if name.endswith("*") else exten == name
