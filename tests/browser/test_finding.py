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
from playwright.sync_api import expect

from tests.support.browser import settle

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


def test_a_listing_is_left_alone_and_what_is_around_it_is_not(desk: Desk) -> None:
    line = "2026-11-22 10:30 Rossi +39 02 44556677\n"
    page = desk.show(f"<pre>{line * (100_000 // len(line) + 1)}</pre><p>Tel. 02 44556677</p>")

    settle(page)

    expect(page.locator("pre centralino-call")).to_have_count(0)
    expect(page.locator("p centralino-call")).to_have_count(1)


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
