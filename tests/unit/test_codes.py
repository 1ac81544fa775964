"""What a caller may have meant by what was typed.

The VAT numbers are published ones: examples in the documentation of python-stdnum 2.2
(https://arthurdejong.org/python-stdnum/doc/2.2/), right and wrong, one page a country.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.application.compile_codes import compile_codes
from centralino.domain.codes import COUNTRIES, meant, spellings
from centralino.domain.customer import code_digits, normal_code
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
# Country -> numbers as a letterhead has them.
VALID = {
    "AT": ["ATU13585627"],
    "BE": ["BE 0428.759.497", "BE 1000.000.021"],
    "BG": ["BG175074752"],
    "CY": ["CY-10259033P"],
    "CZ": ["CZ25123891", "CZ7103192745", "CZ640903926"],
    "DE": ["DE136695976"],
    "DK": ["DK 13585628"],
    "EE": ["EE100594102"],
    "ES": ["ESB64717838", "ES54362315K", "ESX-5253868-R", "ESM-1234567-L"],
    "FI": ["FI 20774740"],
    "FR": ["FR 23 334 175 221", "FRK7399859412", "FR4Z123456782"],
    "GR": ["EL 094259216"],
    "HR": ["HR 33392005961"],
    "HU": ["HU-12892312"],
    "IE": ["IE 6433435F", "IE 6433435OA", "IE8D79739I"],
    "IT": ["IT 00743110157"],
    "LT": ["LT119511515", "LT 100001919017", "LT100004801610"],
    "LU": ["LU 150 274 42"],
    "LV": ["LV 4000 3521 600", "LV16117519997", "LV32867300679"],
    "MT": ["MT 1167-9112"],
    "NL": ["NL004495445B01", "NL002455799B11"],
    "PL": ["PL 856-734-62-15"],
    "PT": ["PT 501 964 843"],
    "RO": ["RO 185 472 90", "RO1630615123457"],
    "SE": ["SE 123456789701"],
    "SI": ["SI 5022 3054"],
    "SK": ["SK 202 274 96 19"],
    "XI": ["XI 980 7806 84"],
    "GB": ["GB 980 7806 84"],
    "CH": ["CHE-100.155.212 MWST", "CHE-100.155.212"],
    "NO": ["NO 988 077 917 MVA"],
}
# Country -> what a keypad sends that can't be one: a wrong check digit where the check is a digit,
# else a number that is too short, or reserved (Cyprus' 12).
INVALID = {
    "AT": ["13585626", "1358562"],
    "BE": ["0431150351", "428759498"],
    "BG": ["175074751"],
    "CY": ["12259033", "1025903"],
    "CZ": ["25123890", "640903927"],
    "DE": ["136695978"],
    "DK": ["13585627"],
    "EE": ["100594103"],
    "ES": ["647178", "123456789"],
    "FI": ["20774741"],
    "FR": ["84323140391", "334175222"],
    "GR": ["123456781"],
    "HR": ["33392005962"],
    "HU": ["12892313"],
    "IE": ["64334", "64334351"],
    "IT": ["00743110158", "00743110"],
    "LT": ["119511516", "100001919018"],
    "LU": ["15027443"],
    "LV": ["40003521601", "16137519997", "32867300677"],
    "MT": ["11679113"],
    "NL": ["12345678990", "00449544500"],
    "PL": ["8567346216"],
    "PT": ["501964842"],
    "RO": ["18547291"],
    "SE": ["123456789101"],
    "SI": ["50223055"],
    "SK": ["2022749618"],
    "XI": ["802311781"],
    "GB": ["802311781"],
    "CH": ["100155213"],
    "NO": ["988077918"],
}
VALID_ROWS = [(country, number) for country, numbers in VALID.items() for number in numbers]
INVALID_ROWS = [(country, digits) for country, numbers in INVALID.items() for digits in numbers]
# The keys that the country's letters are on.
KEYS = {"IT": "48", "DE": "33", "FR": "37", "ES": "37", "AT": "28", "SE": "73"}


def found(customers: Sequence[str], typed: str, kinds: Sequence[str]) -> tuple[str, ...]:
    """Look among some customers as the store does: by code, and by the digits of the code."""
    spelled = spellings(typed, kinds)
    sought = set(spelled.sought)
    return meant(spelled, kinds, [code for code in customers if {code, code_digits(code)} & sought])


def test_every_country_of_the_union_and_its_neighbours_is_in_the_table() -> None:
    assert set(EU) | {"XI", "GB", "CH", "NO"} == set(COUNTRIES) == set(VALID) == set(INVALID)
    assert len(EU) == 27


@pytest.mark.parametrize(("country", "number"), VALID_ROWS)
def test_a_vat_number_typed_as_digits_finds_its_customer(country: str, number: str) -> None:
    code = normal_code(number)
    digits = code_digits(code)
    for kinds in ([f"vat:{country}"], ["vat"]):
        assert found([code, "IT99999999999"], digits, kinds) == (code,)
        # Entered without the country's letters, the customer is found all the same.
        assert found([digits], digits, kinds) == (digits,)


@pytest.mark.parametrize(("country", "number"), VALID_ROWS)
def test_a_vat_number_finds_its_customer_however_it_is_spelled(country: str, number: str) -> None:
    kinds = [f"vat:{country}"]
    code = normal_code(number)
    for typed in (number, number.lower(), code, f" {number} #", f"{code[:2]}{code}"):
        assert found([code], typed, kinds) == (code,), typed
    digits = code_digits(code)
    for typed in (f"{digits}#", f"*{digits}", f"*{digits}*#", f"{digits[:3]}*{digits[3:]}"):
        assert found([code], typed, kinds) == (code,), typed


@pytest.mark.parametrize(("country", "digits"), INVALID_ROWS)
def test_a_mistyped_vat_number_is_none(country: str, digits: str) -> None:
    assert spellings(digits, [f"vat:{country}"]) == spellings("", ["any"])


@pytest.mark.parametrize(
    ("country", "number"),
    [("CY", "CY10259033Z"), ("ES", "ES54362315L"), ("IE", "IE6433435E"), ("AT", "ATU13585626")],
)
def test_a_letter_that_was_spoken_is_checked(country: str, number: str) -> None:
    assert not spellings(number, [f"vat:{country}"]).valid


@pytest.mark.parametrize("country", sorted(KEYS))
def test_a_country_typed_by_the_keys_that_its_letters_are_on_is_understood(country: str) -> None:
    code = normal_code(VALID[country][0])
    digits = code_digits(code)
    for typed in (KEYS[country] + digits, KEYS[country] * 2 + digits):
        assert found([code], typed, [f"vat:{country}"]) == (code,), typed


def test_a_country_typed_letter_by_letter_is_understood() -> None:
    assert found(["IT00743110157"], "444800743110157", ["vat:IT"]) == ("IT00743110157",)


@pytest.mark.parametrize("typed", ["00743110157", "0743110157", "743110157"])
@pytest.mark.parametrize("code", ["IT00743110157", "00743110157", "743110157"])
def test_zeros_that_a_spreadsheet_lost_do_not_matter(typed: str, code: str) -> None:
    assert found([code], typed, ["vat:IT"]) == (code,)


def test_two_countries_with_the_same_digits_are_two_matches() -> None:
    both = ["IT00743110157", "HR00743110157"]
    assert found(both, "00743110157", ["any"]) == tuple(both)


def test_letters_that_were_spoken_decide_between_two_countries() -> None:
    both = ["IT00743110157", "HR00743110157"]
    assert found(both, "IT 00743110157", ["any"]) == ("IT00743110157",)
    assert found(both[1:], "IT 00743110157", ["any"]) == ()


def test_a_code_that_the_node_does_not_ask_for_is_not_meant() -> None:
    both = ["IT00743110157", "K00743110157"]
    assert found(both, "00743110157", ["vat:IT"]) == ("IT00743110157",)
    assert found(both, "00743110157", ["vat:IT", "any"]) == tuple(both)


@pytest.mark.parametrize(
    ("code", "typed"),
    [
        ("RSSMRA85T10A562S", "RSSMRA85T10A562S"),
        ("RSSMRA85T10A562S", "rss mra 85t10 a562s"),
        ("RSSMRA85T10A562S", "8510562"),
        ("00743110157", "IT00743110157"),
    ],
)
def test_an_italian_tax_code_is_found_by_its_letters_and_by_its_digits(
    code: str, typed: str
) -> None:
    assert found([code], typed, ["tax:IT"]) == (code,)


@pytest.mark.parametrize("typed", ["RSSMRA85T10A562X", "8599562", "851056", "00743110158"])
def test_a_mistyped_tax_code_is_none(typed: str) -> None:
    assert not spellings(typed, ["tax:IT"]).valid


@pytest.mark.parametrize(
    ("pattern", "code", "typed"),
    [
        (r"C-\d{6}", "C123456", "123456"),
        (r"C-\d{6}", "C123456", "*123456#"),
        (r"c\d{6}", "C123456", "C 123456"),
        (r"\d{4}/\d{2}", "123456", "1234*56"),
        (r"[A-Z]{2}\d{3,5}", "AB1234", "1234"),
        (r"^(K|L)?\d+$", "K77", "77"),
    ],
)
def test_a_contract_number_is_found_by_its_pattern(pattern: str, code: str, typed: str) -> None:
    kinds = compile_codes([f"pattern:{pattern}"], "codes")
    assert found([code], typed, kinds) == (code,)


@pytest.mark.parametrize("typed", ["12345", "1234567", "D123456", ""])
def test_what_the_pattern_does_not_match_is_no_contract_number(typed: str) -> None:
    assert not spellings(typed, compile_codes([r"pattern:C-\d{6}"], "codes")).valid


PATTERNS = [
    r"C-\d{6}",
    r"[A-Z]{2}\d{4}[-/ ]?\d{2}",
    r"(?:A|B1|)\d{1,3}",
    r"\w{2,4}",
    r"[^0-9]?\d{2}.",
    r"(?:[A-C]\d){1,3}",
]


@given(
    st.sampled_from(PATTERNS).flatmap(
        lambda p: st.tuples(
            st.just(p),
            st.from_regex(re.compile(p, re.ASCII), fullmatch=True, alphabet="ABCDEZ0189 ./-"),
        )
    )
)
def test_whatever_a_pattern_matches_is_valid_whole_and_by_its_digits(
    case: tuple[str, str],
) -> None:
    pattern, text = case
    kinds = compile_codes([f"pattern:{pattern}"], "codes")
    code = normal_code(text)
    if code:
        assert spellings(text, kinds).valid
        assert spellings(code, kinds).valid
        digits = code_digits(code)
        assert not digits or spellings(digits, kinds).valid


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("pattern:(a+)+b", "quick"),
        ("pattern:" + r"\d*" * 9, "quick"),
        ("pattern:(", "valid regular expression"),
        ("pattern:", "1 to 200"),
        ("pattern:(?=1)1", "characters, classes"),
        ("pattern:(1)\\1", "characters, classes"),
        ("pattern:---", "letters or digits"),
        ("vat:US", "AT, BE"),
        ("tax:DE", "tax:IT"),
        ("digits:1", "tax:IT"),
        ("iban", "tax:IT"),
    ],
)
def test_a_kind_of_code_that_a_call_would_stumble_over_is_refused(kind: str, expected: str) -> None:
    with pytest.raises(PayloadError, match=expected) as refused:
        compile_codes(["any", kind], "nodes.vat.codes")
    assert refused.value.field == "nodes.vat.codes[1]"


def test_patterns_that_are_slow_only_together_are_refused() -> None:
    slow = [rf"pattern:{n}\d*\d*\d*\d" for n in range(3)]
    assert compile_codes(slow[:1], "codes")
    with pytest.raises(PayloadError, match="quick together"):
        compile_codes(slow, "codes")


@given(st.text(max_size=100), st.sampled_from(["any", "vat", "tax:IT", "vat:ES", "pattern:.*"]))
def test_whatever_is_typed_never_fails_and_asks_for_codes_alone(typed: str, kind: str) -> None:
    spelled = spellings(typed, [kind])
    assert all(normal_code(code) == code for code in spelled.sought)
    assert spelled.valid == bool(spelled.codes)


@given(st.sampled_from(VALID_ROWS), st.data())
def test_the_digits_of_a_code_are_sought_whatever_is_typed_around_them(
    row: tuple[str, str], data: st.DataObject
) -> None:
    country, number = row
    digits = code_digits(normal_code(number))
    noise = data.draw(
        st.lists(st.text("*# .-/", max_size=2), min_size=len(digits) + 1, max_size=len(digits) + 1)
    )
    typed = "".join(a + b for a, b in zip(noise, [*digits, ""], strict=True))
    assert digits in spellings(typed, [f"vat:{country}"]).sought


def test_digits_of_other_scripts_and_widths_are_digits() -> None:
    assert spellings("٠٠٧٤٣١١٠١٥٧", ["vat:IT"]).digits == "00743110157"
    wide = "".join(chr(ord(c) + 0xFEE0) for c in "IT00743110157")
    assert spellings(wide, ["vat:IT"]).codes[0] == "IT00743110157"


def test_the_library_is_imported_for_the_country_that_is_tried_and_no_other() -> None:
    script = """
import sys
from centralino.domain.codes import spellings
spellings("1234", ["any", "pattern:[0-9]{4}"])
assert not [name for name in sys.modules if name.startswith("stdnum")]
spellings("00743110157", ["vat:IT"])
print(*sorted(name for name in sys.modules if name.startswith("stdnum.")))
"""
    imported = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    countries = {name.split(".")[1] for name in imported if name.count(".") > 1}
    assert countries == {"it"}
