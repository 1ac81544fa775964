"""Check a tenant's dialling options before they are saved, so that a call can trust them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from centralino.domain.dial_guard import (
    COMMON_PREFIXES,
    NO_COUNTRY,
    begins_emergency,
    dear_kind,
    is_emergency,
    rings_emergency,
)
from centralino.domain.dial_options import SPELLINGS, Budget, DialOptions, DialRule
from centralino.domain.dial_plan import dial
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.domain.number import index_number, is_valid
from centralino.domain.originate import REFUSALS, RefusedCallError
from centralino.domain.plans import PLANS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from centralino.domain.settings import Settings
    from centralino.ports.originate import Originator

# Every call that is placed reads them.
MAX_BYTES = 100_000
MAX_COUNTRIES = 250
MAX_SHORT = 100
MAX_CALLER_IDS = 1_000
MAX_RULES = 20
MAX_EXTENS = 200
MAX_PRICES = 1_000
MAX_COUNT = 1_000_000
MAX_AMOUNT = 1_000_000_000
MAX_MINUTES = 600
COUNTRY_PATTERN = "[A-Z]{2}|001"
SHORT_PATTERN = "[0-9]{2,6}"
RULE_EXTEN_PATTERN = "[0-9]{1,20}|[0-9]{1,19}[*]"
OUTSIDE_PREFIX_PATTERN = "[0-9]{0,4}"
CARRIER_CODE_PATTERN = "[0-9]{0,8}"
INTERNATIONAL_PREFIX_PATTERN = "[0-9]{0,6}"
PRICE_PREFIX_PATTERN = "[+][1-9][0-9]{0,13}"
_COUNTRY_EXPECTED = "a country, ISO 3166 alpha-2, as CH"
# With fewer digits a prefix is the beginning of too much to say what it leads to.
_MIN_LEAD = 3
# What may be dialled behind a prefix; each is cut to every length that numbers have.
_TAILS = ("1234567890123", "0123456789012", "5555555555555")
# Numbers in two countries: the foreign one of them is what shows a line's international prefix.
_ABROAD = ("+390244556677", "+442079460958")


def check_dial_options(
    options: DialOptions, settings: Settings, find: Callable[[str], type[Originator]]
) -> DialOptions:
    """Refuse options that a call could stumble over, or that open a hole in the phone bill.

    Args:
        options: as they were written.
        settings: the tenant's.
        find: the class of a PBX that places calls; NotFoundError if there is none.

    Returns:
        The options, caller ids in E.164.

    Raises:
        PayloadError: naming the field, as `rules[0].carrier_code`.
    """
    if options.pbx:
        try:
            find(options.pbx)
        except NotFoundError:
            raise PayloadError("pbx", "a PBX that places calls, as asterisk") from None
    home = settings.line.country
    _check_size(options.countries, MAX_COUNTRIES, "countries")
    for place, country in enumerate(options.countries):
        _check_country(country, f"countries[{place}]", extra=(NO_COUNTRY,))
    _check_size(options.rules, MAX_RULES, "rules")
    for place, rule in enumerate(options.rules):
        _check_rule(rule, home, f"rules[{place}]")
    _check_size(options.short_numbers, MAX_SHORT, "short_numbers")
    for place, short in enumerate(options.short_numbers):
        _check_short(short, settings, options.rules, f"short_numbers[{place}]")
    _check_budget(options.budget)
    _check_size(options.caller_ids, MAX_CALLER_IDS, "caller_ids")
    checked = options._replace(
        countries=tuple(dict.fromkeys(options.countries)),
        caller_ids=tuple(_caller_ids(options.caller_ids, settings)),
    )
    if len(json.dumps(checked, ensure_ascii=False).encode()) > MAX_BYTES:
        raise PayloadError("options", f"at most {MAX_BYTES} bytes of JSON")
    return checked


def _check_size(values: Sequence[object], most: int, field: str) -> None:
    if len(values) > most:
        raise PayloadError(field, f"at most {most}")


def _check_country(country: str, field: str, *, extra: tuple[str, ...] = ()) -> None:
    if country not in extra and not (country.isalpha() and country in PLANS):
        raise PayloadError(field, _COUNTRY_EXPECTED)


def _check_short(short: str, settings: Settings, rules: Sequence[DialRule], field: str) -> None:
    if not re.fullmatch(SHORT_PATTERN, short):
        raise PayloadError(field, "a short number, 2 to 6 digits")
    countries = {settings.line.country, *(rule.country for rule in rules)} - {""}
    prefixes = {*COMMON_PREFIXES, *(rule.outside_prefix for rule in rules)}
    dialled = {short, *(rule.outside_prefix + short for rule in rules)}
    if any(is_emergency(seen) or begins_emergency(seen, countries, prefixes) for seen in dialled):
        raise PayloadError(field, "no emergency number, neither with a line's outside prefix")


def _caller_ids(written: Sequence[str], settings: Settings) -> Iterator[str]:
    line = settings.line
    for place, text in enumerate(dict.fromkeys(written)):
        number = index_number(text, line.country, line.area_code)[0]
        if not is_valid(number) or dear_kind(number):
            raise PayloadError(f"caller_ids[{place}]", "a number of yours, as +390244556600")
        yield number


# --- rules ----------------------------------------------------------------------------------------


def _check_rule(rule: DialRule, home: str, field: str) -> None:
    _check_size(rule.extens, MAX_EXTENS, f"{field}.extens")
    for place, exten in enumerate(rule.extens):
        if not re.fullmatch(RULE_EXTEN_PATTERN, exten):
            expected = "an extension, or what some begin with and a *, as 3*"
            raise PayloadError(f"{field}.extens[{place}]", expected)
    if rule.country:
        _check_country(rule.country, f"{field}.country")
    if rule.spelling not in SPELLINGS:
        raise PayloadError(f"{field}.spelling", f"one of {', '.join(SPELLINGS)}")
    for name, pattern in (
        ("outside_prefix", OUTSIDE_PREFIX_PATTERN),
        ("carrier_code", CARRIER_CODE_PATTERN),
        ("international_prefix", INTERNATIONAL_PREFIX_PATTERN),
    ):
        if not re.fullmatch(pattern, getattr(rule, name), re.ASCII):
            most = pattern.rpartition(",")[2].rstrip("}")
            raise PayloadError(f"{field}.{name}", f"at most {most} digits")
    for name in ("outside_prefix", "carrier_code"):
        if rule.spelling == "plus" and getattr(rule, name):
            raise PayloadError(f"{field}.{name}", "nothing, where numbers begin with +")
    country = rule.country or home
    _check_leads(rule, country, field)
    _try(rule, country, home, field)


def _check_leads(rule: DialRule, country: str, field: str) -> None:
    for name in ("outside_prefix", "carrier_code"):
        lead = getattr(rule, name)
        if lead and re.match(str(PLANS[country][1]) or "(?!)", lead):
            expected = "digits that begin no call abroad: the spelling is for that"
            raise PayloadError(f"{field}.{name}", expected)
        _check_lead(lead, country, f"{field}.{name}")
    if rule.carrier_code:
        _check_lead(rule.outside_prefix + rule.carrier_code, country, f"{field}.carrier_code")


def _check_lead(lead: str, country: str, field: str) -> None:
    """Refuse what is dialled before every number, if it is the beginning of something else."""
    if is_emergency(lead) or rings_emergency(lead, country):
        raise PayloadError(field, "digits that don't begin an emergency call")
    if len(lead) < _MIN_LEAD:
        return
    kinds = {kind for kind in _kinds_behind(lead, country) if kind not in {"", "invalid"}}
    if kinds:
        raise PayloadError(field, f"digits that lead to no number that is {REFUSALS[min(kinds)]}")


def _kinds_behind(lead: str, country: str) -> Iterator[str]:
    """Yield the kinds of the numbers that begin with some digits, `invalid` among them."""
    import phonenumbers  # noqa: PLC0415 - a tenth of a second

    for tail in _TAILS:
        for size in range(1, len(tail)):
            try:
                parsed = phonenumbers.parse(lead + tail[:size], country)
            except phonenumbers.NumberParseException:
                continue
            yield dear_kind(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _try(rule: DialRule, country: str, home: str, field: str) -> None:
    """Refuse a rule that can't dial an ordinary number, at home and abroad."""
    import phonenumbers  # noqa: PLC0415 - a tenth of a second

    example = phonenumbers.example_number(country)
    abroad = _ABROAD[country == "IT"]
    domestic = (
        phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        if example
        else abroad
    )
    for number, name in ((domestic, "spelling"), (abroad, "international_prefix")):
        try:
            dial(number, rule, home)
        except RefusedCallError as refused:
            expected = f"something that can dial {number} from {country}: {refused}"
            raise PayloadError(f"{field}.{name}", expected) from refused


# --- budget ---------------------------------------------------------------------------------------


def _check_budget(budget: Budget) -> None:
    for name in ("agent_minute", "agent_hour", "agent_day", "tenant_minute", "tenant_day"):
        _check_whole(getattr(budget, name), 0, MAX_COUNT, f"budget.{name}")
    _check_whole(budget.cost_day, 0, MAX_AMOUNT, "budget.cost_day")
    _check_whole(budget.minutes, 1, MAX_MINUTES, "budget.minutes")
    _check_size(tuple(budget.country_day), MAX_COUNTRIES, "budget.country_day")
    for country, most in budget.country_day.items():
        _check_country(country, f"budget.country_day.{country}", extra=(NO_COUNTRY, "*"))
        _check_whole(most, 0, MAX_COUNT, f"budget.country_day.{country}")
    _check_size(tuple(budget.prices), MAX_PRICES, "budget.prices")
    for prefix, price in budget.prices.items():
        if not re.fullmatch(PRICE_PREFIX_PATTERN, prefix, re.ASCII):
            raise PayloadError("budget.prices", f"beginnings of numbers, as +39; {prefix} is none")
        _check_whole(price, 0, MAX_AMOUNT, f"budget.prices.{prefix}")
    if budget.cost_day and not budget.prices:
        raise PayloadError("budget.prices", "prices, to work out what a day costs")


def _check_whole(value: object, least: int, most: int, field: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise PayloadError(field, f"a whole number of {least} to {most}")
