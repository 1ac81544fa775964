"""How a line dials a number, and that its exchange understands the same one."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from centralino.domain.dial_options import SPELLINGS, DialRule
from centralino.domain.dial_plan import dial, dial_short, rule_for, usual_international_prefix
from centralino.domain.originate import RefusedCallError

HOMES = sorted(phonenumbers.SUPPORTED_REGIONS)
EXAMPLES = [
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for region in HOMES
    for kind in PhoneNumberType.values()
    if (number := phonenumbers.example_number_for_type(region, kind))
]
DIGITS = st.text("0123456789", max_size=5)
RULES = st.builds(
    DialRule,
    country=st.sampled_from(["", *HOMES]),
    outside_prefix=DIGITS,
    carrier_code=DIGITS,
    spelling=st.sampled_from(SPELLINGS),
    international_prefix=st.sampled_from(["", "00", "011", "001", "00881", "0900", "9"]) | DIGITS,
)
MILAN, BERLIN, NEW_YORK = "+390244556677", "+493012345678", "+12125552368"


@given(number=st.sampled_from(EXAMPLES), rule=RULES, home=st.sampled_from(HOMES))
@example("+390244556677", DialRule(international_prefix="00881", spelling="international"), "IT")
@example("+390244556677", DialRule(carrier_code="00", spelling="digits"), "IT")
def test_what_is_dialled_means_the_number_that_was_asked_for_or_is_not_dialled(
    number: str, rule: DialRule, home: str
) -> None:
    try:
        dialled = dial(number, rule, home)
    except RefusedCallError:
        return
    assert re.fullmatch(r"\+?[0-9]+", dialled)
    lead = rule.outside_prefix + rule.carrier_code
    assert dialled.startswith(lead)
    rest = dialled[len(lead) :]
    if rule.spelling == "digits":
        rest = f"+{rest}"
    understood = phonenumbers.parse(rest, rule.country or home)
    assert phonenumbers.format_number(understood, phonenumbers.PhoneNumberFormat.E164) == number


@pytest.mark.parametrize(
    ("number", "rule", "dialled"),
    [
        (MILAN, DialRule(), "0244556677"),
        (BERLIN, DialRule(), "00493012345678"),
        (MILAN, DialRule(spelling="international"), "00390244556677"),
        (MILAN, DialRule(spelling="plus"), "+390244556677"),
        (MILAN, DialRule(spelling="digits"), "390244556677"),
        (MILAN, DialRule(outside_prefix="0"), "00244556677"),
        (BERLIN, DialRule(outside_prefix="0"), "000493012345678"),
        (MILAN, DialRule(outside_prefix="9", carrier_code="1055"), "910550244556677"),
        (BERLIN, DialRule(country="DE"), "03012345678"),
        (MILAN, DialRule(country="DE"), "00390244556677"),
        (MILAN, DialRule(country="US"), "011390244556677"),
        (NEW_YORK, DialRule(country="US"), "2125552368"),
        (NEW_YORK, DialRule(country="US", spelling="digits"), "12125552368"),
        (MILAN, DialRule(country="BR", international_prefix="0015"), "0015390244556677"),
        ("+80012345678", DialRule(), "0080012345678"),
        ("+3780549886377", DialRule(), "003780549886377"),
        # Behind a 0 they begin like Spain's 091 and 061, of which the exchange sees nothing.
        ("+34912345678", DialRule(country="ES", outside_prefix="0"), "0912345678"),
        ("+34612345678", DialRule(country="ES", outside_prefix="0"), "0612345678"),
    ],
)
def test_a_number_is_dialled_as_the_line_wants_it(
    number: str, rule: DialRule, dialled: str
) -> None:
    assert dial(number, rule, "IT") == dialled


@pytest.mark.parametrize(
    ("number", "rule", "reason"),
    [
        # It would be +881 3902…, a satellite.
        (MILAN, DialRule(spelling="international", international_prefix="00881"), "changed"),
        (MILAN, DialRule(spelling="international", international_prefix="0039"), "changed"),
        # Nothing but a leading + reaches a dial string.
        (MILAN, DialRule(spelling="plus", outside_prefix="0"), "changed"),
        (MILAN, DialRule(spelling="plus", carrier_code="1055"), "changed"),
        # Brazil's lines choose a carrier with the prefix.
        (MILAN, DialRule(country="BR"), "changed"),
        (MILAN, DialRule(outside_prefix="112"), "emergency"),
        (MILAN, DialRule(carrier_code="118"), "emergency"),
        (MILAN, DialRule(outside_prefix="9", carrier_code="112"), "emergency"),
        ("+911123456789", DialRule(country="US", spelling="digits"), "emergency"),
        (
            "+911123456789",
            DialRule(country="US", outside_prefix="9", spelling="digits"),
            "emergency",
        ),
    ],
)
def test_what_the_exchange_would_take_for_something_else_is_not_dialled(
    number: str, rule: DialRule, reason: str
) -> None:
    with pytest.raises(RefusedCallError) as caught:
        dial(number, rule, "IT")

    assert caught.value.reason == reason
    assert caught.value.hint


def test_delhi_is_dialled_from_america_with_a_spelling_that_does_not_begin_with_911() -> None:
    delhi = "+911123456789"

    assert dial(delhi, DialRule(spelling="plus"), "US") == delhi
    assert dial(delhi, DialRule(spelling="international"), "US") == "011911123456789"


@pytest.mark.parametrize("home", HOMES)
def test_an_outside_prefix_makes_no_ordinary_number_of_the_country_undiallable(home: str) -> None:
    for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE):
        example = phonenumbers.example_number_for_type(home, kind)
        if example is None:
            continue
        number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        plain = dial(number, DialRule(), home)
        for prefix in ("0", "9"):
            assert dial(number, DialRule(outside_prefix=prefix), home) == prefix + plain


def test_a_line_is_found_by_its_extensions_exactly_or_by_their_beginning() -> None:
    milan, berlin = DialRule(("21", "3*")), DialRule(("31", "4*"), country="DE")
    others = DialRule(outside_prefix="0")
    rules = (milan, others, berlin, DialRule(outside_prefix="9"))

    assert rule_for("21", rules) == milan
    assert rule_for("31", rules) == milan
    assert rule_for("40", rules) == berlin
    assert rule_for("210", rules) == others
    assert rule_for("21", ()) == DialRule()
    assert rule_for("21", (berlin,)) == DialRule()


def test_a_short_number_gets_the_outside_prefix_alone() -> None:
    assert dial_short("1240", DialRule(outside_prefix="0", carrier_code="1055")) == "01240"


def test_each_country_has_the_international_prefix_that_its_lines_dial() -> None:
    countries = ("IT", "US", "AU", "JP", "RU", "XX", "BR")

    prefixes = [usual_international_prefix(country) for country in countries]

    assert prefixes == ["00", "011", "0011", "010", "810", "00", "00"]
