"""Dialling options that can't open a hole in the phone bill are saved; others are refused."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers
import pytest

from centralino import bootstrap
from centralino.application.check_dial_options import MAX_PRICES, check_dial_options
from centralino.domain.dial_options import Budget, DialOptions, DialRule
from centralino.domain.errors import PayloadError
from centralino.domain.settings import Line, Settings


def check(options: DialOptions, country: str = "IT") -> DialOptions:
    settings = Settings("acme", line=Line(country=country))
    return check_dial_options(options, settings, bootstrap.originator_class)


def problem(options: DialOptions, country: str = "IT") -> str:
    with pytest.raises(PayloadError) as caught:
        check(options, country)
    return caught.value.field


@pytest.mark.parametrize(
    "options",
    [
        DialOptions(),
        DialOptions(countries=("CH", "DE", "001")),
        DialOptions(short_numbers=("1240", "4141")),
        DialOptions(pbx="asterisk", internal=True),
        DialOptions(rules=(DialRule(),)),
        DialOptions(rules=(DialRule(outside_prefix="0"), DialRule(("3*", "41"), "DE", "9"))),
        DialOptions(rules=(DialRule(carrier_code="1055"),)),
        DialOptions(rules=(DialRule((), "DE", "0", "01033"),)),
        DialOptions(rules=(DialRule((), "US", "9", spelling="international"),)),
        DialOptions(rules=(DialRule((), "BR", "0", "015", international_prefix="0015"),)),
        DialOptions(rules=(DialRule(spelling="plus"), DialRule(spelling="digits"))),
        DialOptions(budget=Budget(0, 0, 0, 5, 50, {"*": 0, "CH": 5, "001": 1}, 900, {"+39": 10})),
    ],
)
def test_options_that_make_sense_are_saved_as_they_are(options: DialOptions) -> None:
    assert check(options) == options


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_country_can_dial_with_a_plus(country: str) -> None:
    options = DialOptions(rules=(DialRule(spelling="plus"),))

    assert check(options, country) == options


def test_caller_ids_and_countries_are_kept_once_and_in_one_spelling() -> None:
    written = DialOptions(countries=("CH", "CH"), caller_ids=("02 44556600", "+390244556601"))

    checked = check(written)

    assert checked.countries == ("CH",)
    assert checked.caller_ids == ("+390244556600", "+390244556601")


def rule(**fields: Any) -> DialOptions:  # noqa: ANN401 - a field of any type
    return DialOptions(rules=(DialRule(**fields),))


def budget(**fields: Any) -> DialOptions:  # noqa: ANN401 - a field of any type
    return DialOptions(budget=Budget(**fields))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (DialOptions(pbx="nobody"), "pbx"),
        (DialOptions(pbx="../asterisk"), "pbx"),
        (DialOptions(countries=("CH", "XX")), "countries[1]"),
        (DialOptions(countries=("ch",)), "countries[0]"),
        (DialOptions(countries=("881",)), "countries[0]"),
        (DialOptions(countries=("CH",) * 251), "countries"),
        (DialOptions(short_numbers=("1240", "112")), "short_numbers[1]"),
        (DialOptions(short_numbers=("911",)), "short_numbers[0]"),
        (DialOptions(short_numbers=("1121",)), "short_numbers[0]"),
        (DialOptions(short_numbers=("9112",)), "short_numbers[0]"),
        (DialOptions(short_numbers=("1101",), rules=(DialRule((), "DE"),)), "short_numbers[0]"),
        (DialOptions(short_numbers=("1",)), "short_numbers[0]"),
        (DialOptions(short_numbers=("*100#",)), "short_numbers[0]"),
        (DialOptions(short_numbers=("1240",) * 101), "short_numbers"),
        (
            DialOptions(short_numbers=("12",), rules=(DialRule(outside_prefix="1"),)),
            "short_numbers[0]",
        ),
        (DialOptions(caller_ids=("+390244556600", "nonsense")), "caller_ids[1]"),
        (DialOptions(caller_ids=("899123456",)), "caller_ids[0]"),
        (DialOptions(caller_ids=("+393",)), "caller_ids[0]"),
        (rule(extens=("2a",)), "rules[0].extens[0]"),
        (rule(extens=("21", "*")), "rules[0].extens[1]"),
        (rule(extens=("21",) * 201), "rules[0].extens"),
        (rule(country="XX"), "rules[0].country"),
        (rule(spelling="e164"), "rules[0].spelling"),
        (rule(outside_prefix="0,"), "rules[0].outside_prefix"),
        (rule(outside_prefix="*31#"), "rules[0].outside_prefix"),
        (rule(outside_prefix="00000"), "rules[0].outside_prefix"),
        (rule(outside_prefix="0", spelling="plus"), "rules[0].outside_prefix"),
        (rule(carrier_code="1055", spelling="plus"), "rules[0].carrier_code"),
        (rule(international_prefix="+"), "rules[0].international_prefix"),
        # What begins an emergency call.
        (rule(outside_prefix="112"), "rules[0].outside_prefix"),
        (rule(outside_prefix="1120"), "rules[0].outside_prefix"),
        (rule(outside_prefix="999"), "rules[0].outside_prefix"),
        (rule(carrier_code="118"), "rules[0].carrier_code"),
        (rule(outside_prefix="11", carrier_code="255"), "rules[0].carrier_code"),
        # What begins a call abroad, or to somebody dear.
        (rule(outside_prefix="00"), "rules[0].outside_prefix"),
        (rule(carrier_code="00881"), "rules[0].carrier_code"),
        (rule(outside_prefix="0", carrier_code="0881"), "rules[0].carrier_code"),
        (rule(carrier_code="899"), "rules[0].carrier_code"),
        (rule(outside_prefix="89", carrier_code="9"), "rules[0].carrier_code"),
        (rule(carrier_code="144"), "rules[0].carrier_code"),
        (rule(carrier_code="0900", country="DE"), "rules[0].carrier_code"),
        (rule(carrier_code="1900", country="US"), "rules[0].carrier_code"),
        (rule(carrier_code="178"), "rules[0].carrier_code"),
        # What is understood as another number.
        (
            rule(spelling="international", international_prefix="00881"),
            "rules[0].spelling",
        ),
        (rule(international_prefix="0039"), "rules[0].international_prefix"),
        (rule(country="BR"), "rules[0].international_prefix"),
        (budget(agent_minute=-1), "budget.agent_minute"),
        (budget(tenant_day=1_000_001), "budget.tenant_day"),
        (budget(minutes=0), "budget.minutes"),
        (budget(agent_hour=True), "budget.agent_hour"),
        (budget(country_day={"XX": 1}), "budget.country_day.XX"),
        (budget(country_day={"CH": -1}), "budget.country_day.CH"),
        (budget(prices={"39": 1}), "budget.prices"),
        (budget(prices={"+39": -1}), "budget.prices.+39"),
        (budget(prices={f"+{n}": 1 for n in range(1, MAX_PRICES + 2)}), "budget.prices"),
        (budget(cost_day=100), "budget.prices"),
        (DialOptions(rules=(DialRule(),) * 21), "rules"),
        (
            DialOptions(
                rules=tuple(DialRule(tuple(["1" * 20] * 200)) for _ in range(20)),
                caller_ids=tuple(f"+3902445{n:05}" for n in range(1_000)),
            ),
            "options",
        ),
    ],
    ids=lambda value: re.sub(r"\W+", "-", str(value))[:60] if isinstance(value, str) else None,
)
def test_options_that_a_call_could_stumble_over_are_refused_with_the_field(
    options: DialOptions, field: str
) -> None:
    assert problem(options) == field


def test_a_rule_of_another_country_is_checked_by_that_countrys_numbers() -> None:
    assert problem(rule(carrier_code="0900"), "DE") == "rules[0].carrier_code"
    assert problem(rule(), "BR") == "rules[0].international_prefix"
