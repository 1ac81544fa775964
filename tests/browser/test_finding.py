"""Which numbers of a page are marked, in a real Chromium.

`forty_ways.html` was worked with; the pages held out were written before the finder was. What they
said when they were first shown to it is in integrations/click-to-call/README.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import phonenumbers
import pytest

from tests.support.browser import ROOT

if TYPE_CHECKING:
    from tests.support.browser import Desk

PAGES = Path(__file__).parent / "pages"
COUNTRIES = {
    "forty_ways.html": "IT",
    "held_out.html": "IT",
    "held_out_de.html": "DE",
    "held_out_us.html": "US",
}


@pytest.mark.parametrize(("name", "country"), COUNTRIES.items())
def test_every_number_of_a_page_is_marked_and_nothing_else(
    desk: Desk, name: str, country: str
) -> None:
    desk.set_up(country=country)

    marked = desk.marks(desk.open(f"{desk.site.origin}/{name}"))

    assert (marked.missed, marked.wrong) == ([], [])
    assert (marked.precision, marked.recall) == (1.0, 1.0)


def test_the_pages_hold_numbers_that_can_be_dialled_in_forty_ways() -> None:
    for name in COUNTRIES:
        for line in re.findall(r'data-calls="(.*?)"', (PAGES / name).read_text(encoding="utf-8")):
            for number in line.split():
                assert phonenumbers.is_valid_number(phonenumbers.parse(number)), (name, number)
    page = (PAGES / "forty_ways.html").read_text(encoding="utf-8")
    ways = set(re.findall(r'<li data-calls="[+0-9]+">(.*)', page))
    others = re.findall(r"<li>(.*)", page)
    assert len(ways) >= 40
    assert len(others) >= 40


def _as_written() -> list[tuple[str, str, str]]:
    """Return (country, a number as libphonenumber writes it there, its E.164 form)."""
    found = []
    styles = phonenumbers.PhoneNumberFormat
    # Of Kiribati's numbers the table doesn't say which are dialled without the 0.
    for region in sorted(phonenumbers.SUPPORTED_REGIONS - {"KI"}):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            e164 = phonenumbers.format_number(number, styles.E164)
            found += [
                (region, phonenumbers.format_number(number, style), e164)
                for style in (styles.NATIONAL, styles.INTERNATIONAL, styles.E164)
            ]
    return found


def test_a_number_is_read_as_libphonenumber_reads_it_in_every_country(desk: Desk) -> None:
    page = desk.context.new_page()
    page.goto(desk.site.write("empty", ""))
    for name in ("dialling.js", "numbers.js"):
        page.add_script_tag(path=ROOT / "integrations/click-to-call/extension" / name)
    written = _as_written()

    read = page.evaluate(
        "all => all.map(([country, text]) => globalThis.CentralinoNumbers.read(text, country))",
        [list(one) for one in written],
    )

    wrong = [(one, it) for one, it in zip(written, read, strict=True) if one[2] != it]
    assert wrong == []
    assert len(written) > 1200
