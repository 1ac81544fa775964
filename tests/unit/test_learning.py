"""Which customer a caller is taken for, and which numbers teach nothing."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.domain.codes import PREFIXES
from centralino.domain.customer import (
    VAT_PREFIXES,
    Learned,
    code_digits,
    is_same_code,
    normal_code,
)
from centralino.domain.learning import (
    DAY_S,
    LearningOptions,
    as_stored,
    choose_customer,
    expired_before,
    is_live,
    is_premium,
    is_to_be_noted,
    learning_options,
    may_learn,
)
from centralino.domain.number import is_valid
from centralino.domain.settings import Line, Settings

NOW = 1_795_000_000
NUMBER = "+390244556677"
MOBILE = "+393331234567"
OPTIONS = LearningOptions()
SETTINGS = Settings(
    "acme",
    line=Line(country="IT", area_code="02"),
    extens={"21": "Chiara", "390299": "Long"},
    exten_pattern="3[0-9]{2}",
    dids={"0299887766": {}, "+390299887755": {}},
)


def learned(code: str, used_days_ago: float = 1.0, number: str = NUMBER) -> Learned:
    used_at = int(NOW - used_days_ago * DAY_S)
    return Learned(number, code, learned_at=used_at - 10 * DAY_S, used_at=used_at)


# --- codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("it 0123 4567.890", "IT01234567890"),
        ("C-2024/17", "C202417"),
        ("cust_7", "CUST_7"),
        ("", ""),
        ("no#hash", ""),
        ("_x", ""),
        ("straße", ""),
        ("9" * 41, ""),
    ],
)
def test_a_code_has_one_spelling(text: str, code: str) -> None:
    assert normal_code(text) == code
    assert normal_code(code) == code


def test_a_keypad_has_only_a_codes_digits() -> None:
    assert code_digits("IT01234567890") == "01234567890"
    assert not code_digits("ACME")


def test_a_country_in_front_of_a_vat_number_makes_no_other_customer() -> None:
    assert is_same_code("IT01234567890", "01234567890")
    assert is_same_code("01234567890", "IT01234567890")
    assert not is_same_code("DE01234567890", "IT01234567890")
    assert is_same_code("CHE123456788", "123456788")
    assert not is_same_code("AB12", "12")
    # Only a country's letters: a contract AB12345678 is not the contract 12345678.
    assert not is_same_code("AB12345678", "12345678")
    assert not is_same_code("IT12", "12")


def test_the_countries_before_a_vat_number_are_those_of_the_nodes() -> None:
    assert set(PREFIXES) == VAT_PREFIXES


# --- who is calling -----------------------------------------------------------------------------


def test_a_typed_code_beats_all() -> None:
    who = choose_customer(["B2"], [learned("C3")], "a-1", "C", OPTIONS, NOW)
    assert (who.code, who.source, who.ask) == ("A1", "typed", False)


def test_a_code_that_the_crm_declares_is_believed() -> None:
    who = choose_customer(["", "b 2", "B2"], [], "", "", OPTIONS, NOW)
    assert (who.code, who.source, who.ask) == ("B2", "crm", False)


def test_two_customers_declared_for_a_number_are_asked_about() -> None:
    who = choose_customer(["B2", "B3"], [], "", "", OPTIONS, NOW)
    assert (who.code, who.source, who.ask) == ("", "", True)


def test_a_learned_number_needs_no_question() -> None:
    who = choose_customer([], [learned("C3")], "", "", OPTIONS, NOW)
    assert (who.code, who.source, who.ask) == ("C3", "learned", False)
    assert who.learned == learned("C3")


def test_the_crm_and_a_learned_number_that_differ_are_asked_about() -> None:
    who = choose_customer(["B2"], [learned("C3")], "", "", OPTIONS, NOW)
    assert (who.code, who.ask) == ("", True)


def test_the_crm_and_a_learned_number_may_agree_and_the_stored_spelling_counts() -> None:
    who = choose_customer(["IT01234567890"], [learned("01234567890")], "", "", OPTIONS, NOW)
    assert (who.source, who.ask) == ("crm", False)
    assert as_stored(who, {"01234567890"}).code == "01234567890"


@pytest.mark.parametrize(
    "stored", [(), ("IT01234567890",), ("IT01234567890", "01234567890")], ids=len
)
def test_the_crms_spelling_counts_unless_only_the_learned_one_is_a_customer(
    stored: tuple[str, ...],
) -> None:
    who = choose_customer(["IT01234567890"], [learned("01234567890")], "", "", OPTIONS, NOW)
    assert who.codes == ("IT01234567890", "01234567890")
    assert as_stored(who, stored).code == "IT01234567890"


def test_a_learned_code_that_only_looks_like_the_crms_is_asked_about() -> None:
    who = choose_customer(["12345678"], [learned("AB12345678")], "", "", OPTIONS, NOW)
    assert (who.code, who.ask) == ("", True)


def test_a_number_that_taught_two_customers_is_asked_about() -> None:
    who = choose_customer([], [learned("C3"), learned("C4")], "", "", OPTIONS, NOW)
    assert (who.code, who.ask) == ("", True)


def test_a_number_unused_for_180_days_is_unknown_and_no_conflict() -> None:
    old = learned("C3", used_days_ago=180)
    who = choose_customer([], [old], "", "", OPTIONS, NOW)
    assert (who.code, who.ask) == ("", False)
    assert "180 days" in who.why
    assert choose_customer(["B2"], [old], "", "", OPTIONS, NOW).code == "B2"
    assert choose_customer([], [old, learned("C4")], "", "", OPTIONS, NOW).code == "C4"
    assert choose_customer([], [learned("C3", 179.9)], "", "", OPTIONS, NOW).code == "C3"


@pytest.mark.parametrize(
    ("least", "attestation", "code"),
    [
        ("", "", "C3"),
        ("", "A", "C3"),
        ("", "C", ""),
        ("", "F", ""),
        ("B", "F", ""),
        ("B", "A", "C3"),
        ("B", "B", "C3"),
        ("B", "C", ""),
        ("B", "", ""),
        ("A", "B", ""),
    ],
)
def test_a_learned_number_is_believed_as_far_as_its_attestation_goes(
    least: str, attestation: str, code: str
) -> None:
    options = OPTIONS._replace(min_attestation=least)
    who = choose_customer([], [learned("C3")], "", attestation, options, NOW)
    assert who.code == code
    # A CRM's word is about the contact, not about who spoofs the number.
    assert choose_customer(["B2"], [], "", attestation, options, NOW).code == "B2"


def test_nobody_is_known_by_nothing() -> None:
    who = choose_customer([], [], "", "", OPTIONS, NOW)
    assert (who.code, who.source, who.ask) == ("", "", False)
    assert who.why


codes = st.sampled_from(["C1", "C2", "C3"])
entries = st.lists(st.builds(learned, codes, st.floats(0, 400)), max_size=4)


@given(st.lists(codes, max_size=3), entries, st.sampled_from(["", "A", "C"]))
def test_whoever_is_chosen_is_the_only_one_meant(
    declared: list[str], taught: list[Learned], attestation: str
) -> None:
    who = choose_customer(declared, taught, "", attestation, OPTIONS, NOW)
    live = {one.code for one in taught if is_live(one, OPTIONS, NOW) and attestation != "C"}
    meant = set(declared) | live
    if len(meant) == 1:
        assert {who.code} == meant
    else:
        assert who.code == ""
    assert who.ask == (len(meant) > 1)


@given(st.integers(0, NOW), st.integers(1, 365), st.floats(NOW, NOW + 2 * DAY_S))
def test_the_store_and_the_reader_agree_on_what_ran_out(used: int, days: int, now: float) -> None:
    options = OPTIONS._replace(days=days)
    one = Learned(NUMBER, "C1", learned_at=0, used_at=used)
    assert is_live(one, options, now) == (used >= expired_before(options, now))


def test_a_use_is_noted_once_a_day() -> None:
    assert not is_to_be_noted(learned("C1", 0.99), NOW)
    assert is_to_be_noted(learned("C1", 1.0), NOW)


# --- what a number may teach --------------------------------------------------------------------


def reason(number: str, kind: str = "number", attestation: str = "", did: str = "") -> str:
    return may_learn(
        number, kind, attestation, OPTIONS, settings=SETTINGS, did=did, mobiles=[MOBILE]
    )


def test_a_visible_number_may_be_learned() -> None:
    assert not reason(NUMBER)
    assert not reason(NUMBER, attestation="A")
    assert not reason(NUMBER, attestation="B")


@pytest.mark.parametrize(
    ("number", "kind", "why"),
    [
        ("", "withheld", "withheld"),
        (NUMBER, "withheld", "withheld"),
        ("", "unreadable", "invalid"),
        ("+3999", "number", "short"),
        ("112", "number", "short"),
        ("+391234567890123", "number", "invalid"),
        ("0244556677", "number", "invalid"),
        ("+39899123456", "number", "premium"),
        ("21", "internal", "exten"),
        ("+21", "number", "exten"),
        ("+390299", "number", "exten"),
        ("+333", "number", "exten"),
        ("+390299887766", "number", "did"),
        ("+390299887755", "number", "did"),
        (MOBILE, "number", "agent"),
    ],
)
def test_a_number_that_is_nobodys_own_teaches_nothing(number: str, kind: str, why: str) -> None:
    assert reason(number, kind) == why


def test_a_number_that_is_but_a_guess_teaches_nothing() -> None:
    assert (
        may_learn(NUMBER, "number", "", OPTIONS, settings=SETTINGS, ambiguous=True) == "ambiguous"
    )


def test_a_transfer_that_shows_the_called_number_teaches_nothing() -> None:
    assert reason("+390277665544", did="0277665544") == "did"


@pytest.mark.parametrize("did", ["030901820", "+4930901820", "004930901820", "030/90-1820"])
def test_a_line_abroad_has_its_own_numbers(did: str) -> None:
    abroad = SETTINGS._replace(dids={did: {"country": "DE", "area_code": "30"}, "99": {}})
    assert may_learn("+4930901820", "number", "", OPTIONS, settings=abroad) == "did"
    assert not may_learn("+4930901821", "number", "", OPTIONS, settings=abroad)
    # Who calls in by a trunk abroad is told the number as that line has it.
    berlin = Line("DE", "30")
    called = may_learn(
        "+4930901820", "number", "", OPTIONS, settings=SETTINGS, did="901820", line=berlin
    )
    assert called == "did"


def test_a_number_that_nobody_stands_for_teaches_nothing() -> None:
    assert reason(NUMBER, attestation="C") == "attestation"
    assert reason(NUMBER, attestation="F") == "attestation"
    strict = OPTIONS._replace(min_attestation="A")
    assert may_learn(NUMBER, "number", "B", strict, settings=SETTINGS) == "attestation"
    assert may_learn(NUMBER, "number", "", strict, settings=SETTINGS) == "attestation"
    assert may_learn(NUMBER, "number", "A", strict, settings=SETTINGS) == ""


def test_every_premium_number_that_libphonenumber_knows_is_one() -> None:
    dear = (phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST)
    seen = 0
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in dear:
            example = phonenumbers.example_number_for_type(region, kind)
            if example:
                number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                assert is_premium(number), number
                seen += 1
    assert seen > 100


def test_no_example_of_an_ordinary_number_is_premium() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example:
                number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                assert is_valid(number)
                dear = phonenumbers.number_type(phonenumbers.parse(number))
                if dear == kind:
                    assert not is_premium(number), number


# --- options ------------------------------------------------------------------------------------


def test_options_that_are_none_have_their_defaults() -> None:
    assert learning_options({}) == OPTIONS
    odd = {"max_per_customer": True, "days": "9", "trust": "all", "min_attestation": "Z"}
    assert learning_options(odd) == OPTIONS
    assert learning_options({"max_per_customer": 21, "days": 0}) == OPTIONS
    set_ = {"max_per_customer": 2, "days": 30, "trust": "card", "min_attestation": "B"}
    assert learning_options(set_) == LearningOptions(2, 30, "card", "B")
