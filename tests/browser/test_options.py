"""The extension's options page, in a real Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browser import ADMIN_KEY, KEY, leave_time

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.browser import Desk


@pytest.fixture
def options(desk: Desk) -> Page:
    desk.leave()
    return desk.open(f"{desk.extension}/options.html")


def fill(page: Page, *, url: str, key: str = KEY, exten: str = "21", sites: str = "") -> None:
    page.get_by_label("Address of the service").fill(url)
    page.get_by_label("Your key").fill(key)
    page.get_by_label("Your extension").fill(exten)
    page.get_by_label("Sites where a click calls").fill(sites)
    page.get_by_role("button", name="Save").click()


def test_what_is_saved_was_tried_first(desk: Desk, options: Page) -> None:
    fill(options, url=f"{desk.service.origin}/", sites="https://crm.example/contacts\n")

    expect(options.get_by_role("status")).to_have_text("Saved: acme, IT. Load open pages anew.")
    assert desk.kept() == {
        "url": desk.service.origin,
        "key": KEY,
        "exten": "21",
        "country": "IT",
        "sites": ["https://crm.example"],
        "quiet": [],
    }
    # The key is not shown again, and an empty field keeps it.
    expect(options.get_by_label("Your key")).to_have_value("")
    fill(options, url=desk.service.origin, key="", exten="")
    expect(options.get_by_role("status")).to_contain_text("Saved")
    assert (desk.kept()["key"], desk.kept()["exten"]) == (KEY, "")


def test_a_key_that_is_not_an_agent_s_is_not_kept(desk: Desk, options: Page) -> None:
    for key, said in (
        (ADMIN_KEY, "That key is of role admin; use an agent's."),
        ("acme.WrongWrongWrongWrong00", "The service doesn't know that key."),
        ("", "The key is missing."),
    ):
        fill(options, url=desk.service.origin, key=key)

        expect(options.get_by_role("status")).to_have_text(said)
        assert desk.kept() == {}


def test_a_key_goes_nowhere_without_tls(desk: Desk, options: Page) -> None:
    for url, said in (
        ("http://centralino.example", "The address has to begin with https://."),
        ("http://127.0.0.1:9", "Nobody answers at that address."),
    ):
        fill(options, url=url)

        expect(options.get_by_role("status")).to_have_text(said)
        assert desk.kept() == {}


def test_a_kept_key_does_not_follow_to_another_address(desk: Desk, options: Page) -> None:
    fill(options, url=desk.service.origin)
    expect(options.get_by_role("status")).to_contain_text("Saved")
    asked = len(desk.service.asked)

    fill(options, url=f"{desk.service.origin}/elsewhere", key="")

    expect(options.get_by_role("status")).to_have_text("With another address, give the key again.")
    assert len(desk.service.asked) == asked


def test_everything_can_be_forgotten(desk: Desk, options: Page) -> None:
    fill(options, url=desk.service.origin)
    expect(options.get_by_role("status")).to_contain_text("Saved")

    options.get_by_role("button", name="Forget").click()

    expect(options.get_by_role("status")).to_have_text("Forgotten.")
    assert desk.kept() == {}


def test_a_browser_that_is_not_set_up_leaves_pages_alone(desk: Desk) -> None:
    desk.leave()

    page = desk.show('<p>02 44556677</p><a href="tel:+390244556677">call</a>')
    leave_time(page)

    expect(page.locator("centralino-call")).to_have_count(0)
