"""What must never ring: numbers that cost extra, satellites, emergency services.

The kinds of numbers are libphonenumber's, which has a blind spot: it calls the phones of several
satellite networks mobile, and those of a few even by an ordinary mobile number of a country. They
are listed here. All of it works without a tenant's settings; who may call which country is decided
in `application/check_call.py`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from centralino.domain.dialling import CODES
from centralino.domain.emergency import EMERGENCY
from centralino.domain.premium import PREMIUM

if TYPE_CHECKING:
    from collections.abc import Iterable

# The country of +800 and the other codes that belong to none, as libphonenumber calls it.
NO_COUNTRY = "001"
# What the ITU gave to no country (ITU-T E.164, list of assigned country codes), and why a call
# there is refused whatever libphonenumber calls the number. +800 is free to call.
CODES_OF_NO_COUNTRY = {
    "808": "shared_cost",
    "870": "satellite",  # Inmarsat
    "878": "personal",  # universal personal telecommunications
    "881": "satellite",  # ICO, Ellipso, Iridium, Globalstar
    "882": "satellite",  # networks of no country, Thuraya and Maritime Communications among them
    "883": "satellite",  # more networks of no country
    "888": "satellite",  # relief operations: nobody has one
    "979": "premium",
}
# Satellite phones with a number of a country, E.164 prefixes, each with where that is from.
SATELLITES = (
    # libphonenumber's carrier data (resources/carrier/en), where the carrier is a satellite's.
    "+26779120",  # GC Sat
    *("+3363800", "+3364000", "+3364001", "+3364002", "+3364003", "+3364004"),  # Globalstar
    *("+3375076", "+3375077"),  # Globalstar Europe
    *("+614201", "+614800", "+614808", "+614858", "+614899"),  # Pivotel Satellite
    # Australia's numbering plan: 014 is for satellite phones.
    "+6114",
    # China's: 1349 (China Satcom), 1740 (Tiantong), 1749 (Inmarsat).
    *("+861349", "+861740", "+861749"),
    # Indonesia's: 0868 (PSN, formerly ACeS).
    "+62868",
    # Russia's: 954 (GlobalTel, which is Globalstar).
    "+7954",
    # North America's non-geographic code of Canada, where the mobile satellite MSAT is.
    "+1600",
)
# Codes whose numbers are dialled and billed as those of the country that they go with.
_TOGETHER = {"VA": "IT", "SJ": "NO", "AX": "FI"}
# These reach an emergency service from mobile phones of any country, and through many PBXs.
EVERYWHERE = ("112", "911", "999")
# Where numbers may begin with the digits of an emergency number, as libphonenumber knows.
_EXACT = ("BR", "CL", "NI")
_STARTS = (3, 4, 5)
# What people dial for an outside line where nobody wrote it down.
COMMON_PREFIXES = ("0", "9", "8", "00", "011")
_DIGITS = re.compile(r"[0-9]{2,}", re.ASCII)


# Emergency services that libphonenumber doesn't count as such, by country.
_MORE_EMERGENCIES = {
    "ES": "06[12]|08[05]|09[12]",  # ambulances, fire, police
    "FR": "11[459]|19[167]",  # by text, shelter, children; rescue at sea and in the air, attacks
    "IT": "11[47]|15(?:15|30)",  # children, finance police; forests, rescue at sea
}
# Local exchanges of North America whose numbers are premium rate in every area.
_PREMIUM_EXCHANGE = re.compile(r"\+1[2-9][0-9]{2}976[0-9]{4}", re.ASCII)


def country_of(number: str) -> str:
    """Return the country of a number, ISO 3166 alpha-2.

    Args:
        number: E.164.

    Returns:
        `001` for a number of no country (`+800…`); empty for one that nobody can have.
    """
    import phonenumbers  # noqa: PLC0415 - modules that route calls import this one

    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""
    return _TOGETHER.get(region, region)


def is_in(number: str, country: str) -> bool:
    """Tell whether a number is one of a country's.

    Some belong to several: North America's freephone numbers are those of each country there.

    Args:
        number: E.164.
        country: ISO 3166 alpha-2, or `001`.
    """
    import phonenumbers  # noqa: PLC0415 - modules that route calls import this one

    if country_of(number) == country:
        return True
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number_for_region(parsed, country))


def dear_kind(number: str) -> str:
    """Say what makes a number one that nobody should be sent to.

    Args:
        number: E.164.

    Returns:
        `premium`, `shared_cost`, `personal`, `pager`, `satellite` or `invalid`, as in
        `domain/originate.REFUSALS`; empty for an ordinary number.
    """
    import phonenumbers  # noqa: PLC0415 - modules that route calls import this one

    code = next((number[1:size] for size in (3, 4, 2) if number[1:size] in CODES), "")
    if code in CODES_OF_NO_COUNTRY:
        return CODES_OF_NO_COUNTRY[code]
    if number.startswith(SATELLITES):
        return "satellite"
    if _PREMIUM_EXCHANGE.fullmatch(number):
        return "premium"
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "invalid"
    kinds = phonenumbers.PhoneNumberType
    kind = phonenumbers.number_type(parsed)
    refused = {
        kinds.PREMIUM_RATE: "premium",
        kinds.SHARED_COST: "shared_cost",
        kinds.PERSONAL_NUMBER: "personal",
        kinds.PAGER: "pager",
        kinds.UNKNOWN: "invalid",
    }.get(kind, "")
    # Countries that share a code have the patterns of all of them looked at.
    if not refused and re.fullmatch(PREMIUM.get(code, "(?!)"), number[1 + len(code) :]):
        refused = "premium"
    return refused


def is_emergency(digits: str) -> bool:
    """Tell whether digits are an emergency number of any country, exactly."""
    return bool(_DIGITS.fullmatch(digits)) and bool(_emergencies().fullmatch(digits))


def rings_emergency(digits: str, country: str) -> bool:
    """Tell whether an exchange of a country would connect digits to an emergency service.

    Most exchanges connect as soon as the first three digits or more are an emergency number,
    whatever follows. With shorter ones (Lithuania's 03) they wait, or nobody could call Kaunas.

    Args:
        digits: as the exchange gets them.
        country: ISO 3166 alpha-2.
    """
    pattern = _pattern(country)
    if digits in EVERYWHERE or not pattern:
        return digits in EVERYWHERE
    starts = () if country in _EXACT else (digits[:size] for size in _STARTS)
    return any(re.fullmatch(pattern, seen) for seen in (digits, *starts))


def begins_emergency(digits: str, countries: Iterable[str], prefixes: Iterable[str] = ()) -> bool:
    """Tell whether what is dialled as it is, like an exten or a short number, may call for help.

    Stricter than for a number of the public network, of which it is known how it goes on.

    Args:
        digits: as they are dialled.
        countries: whose exchanges may get them, ISO 3166 alpha-2.
        prefixes: what may be an outside line's, so that the exchange gets what is behind it.
    """
    places = set(countries)
    behind = {digits[len(prefix) :] for prefix in prefixes if digits.startswith(prefix)}
    return any(
        seen.startswith(EVERYWHERE) or any(rings_emergency(seen, place) for place in places)
        for seen in {digits, *behind}
    )


def _pattern(country: str) -> str:
    patterns = (EMERGENCY.get(country, ""), _MORE_EMERGENCIES.get(country, ""))
    return "|".join(filter(None, patterns))


@cache
def _emergencies() -> re.Pattern[str]:
    patterns = sorted({*EMERGENCY.values(), *_MORE_EMERGENCIES.values(), *EVERYWHERE})
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
