"""What follows the country code of a number."""

from __future__ import annotations

import pytest

from centralino.domain.national import national_number


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+390244556677", "0244556677"),  # Italy keeps its 0
        ("+393471234567", "3471234567"),
        ("+493012345678", "3012345678"),
        ("+442079460018", "2079460018"),
        ("+3780549123456", "0549123456"),
    ],
)
def test_a_number_is_searched_without_its_country_code(number: str, expected: str) -> None:
    assert national_number(number) == expected


@pytest.mark.parametrize("text", ["", "+", "anonymous", "0244556677", "+" + "9" * 300])
def test_what_is_no_number_has_no_national_part(text: str) -> None:
    assert national_number(text) == ""
