"""The generated numbering plans against the phonenumbers package, the judge."""

from __future__ import annotations

import random
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phonenumbers
import pytest

import centralino.domain
from centralino.domain.assigned import ASSIGNED
from centralino.domain.dialling import CODES
from centralino.domain.number import index_number, is_valid
from centralino.domain.plans import PLANS
from dialling_table.__main__ import render
from dialling_table.build import build_tables, expand, first_digits

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 20
SAMPLES = 120


@pytest.fixture(autouse=True)
def _patterns_of_every_country_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(re, "_MAXCACHE", 20_000)


def test_the_tables_are_those_of_the_locked_phonenumbers() -> None:
    folder = Path(next(iter(centralino.domain.__path__)))
    for name, text in render(build_tables()).items():
        stored = (folder / name).read_text(encoding="utf-8")
        assert stored == text, f"{name} is stale: run python -m dialling_table"


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_number_is_what_libphonenumber_makes_of_it(code: str) -> None:
    for digits in _numbers(code):
        expected = _settle(digits)
        if _has_two_numbers(digits) or _has_two_numbers(expected):
            continue
        key, problem = index_number(f"+{digits}", "")
        if expected and not _has_possible_length(expected):
            assert (key, bool(problem)) == ("", True)
            continue
        assert key.removeprefix("+") == expected
        assert bool(problem) != bool(expected)
        if expected:
            valid = phonenumbers.is_valid_number(phonenumbers.parse(f"+{expected}"))
            assert is_valid(key) == valid


def test_every_example_number_is_its_own_key() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS - {"SM"}:
        for kind in phonenumbers.PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                assert index_number(e164, "") == (e164, "")


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_a_national_number_is_what_libphonenumber_makes_of_it(region: str) -> None:
    """Where the spelling leaves no doubt; what is read otherwise is in `test_recall`."""
    for kind in phonenumbers.PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None or region == "SM":
            continue
        national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
        expected = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        assert index_number(national, region) == (expected, "")


def test_no_calling_code_begins_another() -> None:
    assert not [(a, b) for a in CODES for b in CODES if a != b and b.startswith(a)]


def test_every_code_has_a_plan_and_a_pattern() -> None:
    assert CODES.keys() == ASSIGNED.keys() == {str(plan[0]) for plan in PLANS.values()}
    assert set(CODES.values()) <= PLANS.keys()


def test_the_first_digits_of_a_pattern_are_those_that_it_takes() -> None:
    assert first_digits("0|180020") == {"0", "1"}
    assert first_digits(r"0?(?:(11|2\d)15)?") == {"0", "1", "2"}
    assert first_digits(r"([89]\d{5})$") == {"8", "9"}
    assert first_digits(None) == set()


def test_a_dialling_prefix_is_expanded_to_what_is_dialled() -> None:
    assert expand("8~10") == ["810"]
    assert expand("00[5-7]|1(?:2)?3{2}") == ["005", "006", "007", "133", "1233"]


def _numbers(code: str) -> Iterator[str]:
    """Yield digits after a code: valid ones, one digit off, with a prefix too many, and any."""
    chance = random.Random(f"numbers of +{code}")
    tree = import_module("re._parser").parse(ASSIGNED[code])
    prefix = import_module("re._parser").parse(str(PLANS[CODES[code]][3]) or "0")
    for _ in range(SAMPLES):
        valid = _text(tree, chance)
        place = chance.randrange(len(valid))
        yield code + valid
        yield f"{code}{valid[:place]}{chance.randrange(10)}{valid[place + 1 :]}"
        yield code + _text(prefix, chance) + valid
        yield code + "".join(chance.choices("0123456789", k=chance.randint(1, 16)))


def _text(tree: Any, chance: random.Random) -> str:  # noqa: ANN401 - the parser's own tree
    """Make a text that a parsed pattern of the metadata matches."""
    out = ""
    for name, argument in tree:
        match str(name):
            case "LITERAL":
                out += chr(argument)
            case "IN":
                out += chance.choice(_members(argument))
            case "SUBPATTERN":
                out += _text(argument[3], chance)
            case "BRANCH":
                out += _text(chance.choice(argument[1]), chance)
            case "MAX_REPEAT":
                times = chance.randint(argument[0], argument[1])
                out += "".join(_text(argument[2], chance) for _ in range(times))
    return out


def _members(items: Any) -> str:  # noqa: ANN401 - as above
    members = ""
    for name, argument in items:
        match str(name):
            case "LITERAL":
                members += chr(argument)
            case "RANGE":
                members += "".join(map(chr, range(argument[0], argument[1] + 1)))
            case _:
                members += "0123456789"
    return members


def _settle(digits: str) -> str:
    """Parse until nothing changes: `+49 00 30…` loses one 0 at a time."""
    for _ in range(ROUNDS):
        try:
            parsed = phonenumbers.parse(f"+{digits}")
        except phonenumbers.NumberParseException:
            return ""
        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)[1:]
        if e164 == digits:
            return digits
        digits = e164
    return ""


def _has_possible_length(digits: str) -> bool:
    """Whether E.164 and some region of the calling code have numbers of this length."""
    code = next(code for code in CODES if digits.startswith(code))
    lengths = {n for plan in PLANS.values() if plan[0] == code for n in plan[6]}  # type: ignore[attr-defined]
    return len(digits) <= 15 and len(digits) - len(code) in lengths


def _has_two_numbers(digits: str) -> bool:
    """Whether the number is one of those that number.py has on its own account.

    San Marino through Italy, Mexico's old 1, Northern Ireland from Ireland, and France's overseas
    departments.
    """
    patterns = (
        r"390549\d*",
        r"33(?=\d{9}$)(?:26[2389]|59(?:[046]|8[789])|639|69[0-4679]|709[0-3])\d*",
        r"35348\d{8}",
        r"521\d{10}",
    )
    return any(re.fullmatch(pattern, digits) for pattern in patterns)
