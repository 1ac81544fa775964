"""The page /dial and the bookmarklet that opens it, in a real Chromium."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browser import KEY, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.browser import Desk

README = ROOT / "integrations/click-to-call/README.md"


@pytest.fixture
def dial(desk: Desk) -> Page:
    return desk.dial("02%2044556677")


def call(page: Page, key: str = KEY, exten: str = "21") -> None:
    page.get_by_label("Your key").fill(key)
    page.get_by_label("Your extension").fill(exten)
    page.get_by_role("button", name="Call").click()


def test_the_page_asks_and_then_calls(desk: Desk, dial: Page) -> None:
    expect(dial.get_by_label("Number")).to_have_value("02 44556677")
    assert desk.service.posted == []

    call(dial)

    expect(dial.get_by_role("status")).to_have_text("Ended")
    (asked,) = desk.service.posted
    assert json.loads(asked.body) == {"number": "02 44556677", "exten": "21"}
    assert asked.headers["x-api-key"] == KEY
    assert asked.headers["origin"] == desk.service.origin
    assert len(asked.headers["idempotency-key"]) == 36


def test_the_number_is_in_no_address_that_a_server_or_the_history_sees(
    desk: Desk, dial: Page
) -> None:
    call(dial)
    expect(dial.get_by_role("status")).to_have_text("Ended")

    # All of it: a part may stand in the random key that makes the click one.
    seen = [f"{asked.path} {asked.headers}" for asked in desk.service.asked]
    assert [text for text in seen if "44556677" in re.sub(r"%20|[ +()-]", "", text)] == []
    assert dial.url == f"{desk.service.origin}/dial"


FRAGMENTS = (
    ("0244556677", "0244556677"),
    ("number=%2B39%2002%2044556677", "+39 02 44556677"),
    ("+390244556677", "+390244556677"),
    ("%D9%A0%D9%A2", ""),  # digits of another script are no number here: the user types it
    ("02%E2%80%AE44556677", "0244556677"),  # a mark that turns the reading direction
    ("%3Cimg src=x onerror=alert(1)%3E02", "(1)02"),
    ("%", ""),
)


def test_only_what_is_shown_is_sent(desk: Desk) -> None:
    page = desk.context.new_page()

    for fragment, shown in FRAGMENTS:
        page.goto(f"{desk.service.origin}/dial#{fragment}")

        expect(page.get_by_label("Number")).to_have_value(shown)
        page.get_by_label("Number").fill("none of them")


def test_a_refusal_is_shown_with_its_reason(desk: Desk, dial: Page) -> None:
    desk.service.problem = (403, {"detail": "premium rate.", "reason": "premium"})

    call(dial)

    expect(dial.get_by_role("status")).to_have_text("Refused: premium rate.")


def test_an_unknown_key_is_not_kept(desk: Desk, dial: Page) -> None:
    dial.get_by_label("Keep both").check()
    call(dial, key="acme.WrongWrongWrongWrong00")

    expect(dial.get_by_role("status")).to_have_text("Refused: that key is not known")
    assert dial.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert len(desk.service.posted) == 1


def test_a_lost_answer_is_asked_for_with_the_same_idempotency_key(desk: Desk, dial: Page) -> None:
    desk.service.drops = 1

    call(dial)

    expect(dial.get_by_role("status")).to_have_text("Ended")
    assert len(desk.service.calls) == 1


def test_a_call_that_is_being_placed_still_is_asked_for_until_it_is(desk: Desk, dial: Page) -> None:
    desk.service.busy = 2

    call(dial)

    expect(dial.get_by_role("status")).to_have_text("Ended")
    assert (len(desk.service.posted), len(desk.service.calls)) == (3, 1)


def test_who_is_answered_by_a_gateway_that_gave_up_is_told_to_look_at_the_phone(
    desk: Desk, dial: Page
) -> None:
    desk.service.problem = (503, {"message": "Service Unavailable"})

    call(dial)

    expect(dial.get_by_role("status")).to_have_text(
        "Not sure: look at your phone before you try again"
    )
    assert len(desk.service.posted) == 1


def test_the_key_stays_in_the_window_unless_it_is_to_be_kept(desk: Desk, dial: Page) -> None:
    call(dial)
    expect(dial.get_by_role("status")).to_have_text("Ended")
    assert dial.evaluate("[localStorage.length, sessionStorage.length]") == [0, 1]

    dial.get_by_label("Keep both").check()
    desk.service.states = ["ringing"]
    dial.get_by_role("button", name="Call").click()
    expect(dial.get_by_role("status")).to_have_text("Ringing")
    assert dial.evaluate("[localStorage.length, sessionStorage.length]") == [1, 0]

    other = desk.open(f"{desk.service.origin}/dial#0612345678")
    expect(other.get_by_label("Your key")).to_have_value(KEY)
    other.get_by_role("button", name="Forget").click()
    assert other.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_a_click_that_comes_with_the_page_calls_nobody(desk: Desk) -> None:
    page = desk.open(f"{desk.service.origin}/dial#0244556677")
    page.evaluate(
        "key => { document.querySelector('#key').value = key;"
        " window.dispatchEvent(new HashChangeEvent('hashchange'));"
        " location.hash = '0244556677'; }",
        KEY,
    )
    page.evaluate(
        "() => new Promise((done) => addEventListener('hashchange', () => {"
        " document.querySelector('#call').click(); done(); }) || (location.hash = '06'))"
    )

    expect(page.get_by_label("Number")).to_have_value("06")
    assert desk.service.posted == []


def test_no_other_page_can_frame_it(desk: Desk) -> None:
    page = desk.show(f'<iframe name="dial" src="{desk.service.origin}/dial#02"></iframe>')

    # `goto` waits for the frame's load, too: of the browser's own page for what it did not show.
    frame = page.frame("dial")
    assert frame is None or frame.locator("#number").count() == 0
    assert "/dial" in {asked.path for asked in desk.service.asked}


def test_the_page_loads_nothing_and_breaks_none_of_its_own_rules(desk: Desk) -> None:
    said: list[str] = []
    desk.context.on("console", lambda message: said.append(message.text))
    page = desk.dial("0244556677")
    call(page)
    expect(page.get_by_role("status")).to_have_text("Ended")

    assert said == []
    paths = {asked.path for asked in desk.service.asked}
    assert paths <= {"/dial", "/favicon.ico", "/v1/originate", f"/v1/originate/{'0' * 22}"}


def bookmarklet(desk: Desk) -> str:
    (code,) = re.findall(r"^javascript:(.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    return str(code).replace("https://centralino.example", desk.service.origin)


def test_the_bookmarklet_opens_the_page_with_the_number_that_is_selected(desk: Desk) -> None:
    page = desk.show("<p>Rossi, tel. <b>02 44556677</b></p>")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('b'))")

    with desk.context.expect_page() as opened:
        page.evaluate(bookmarklet(desk))

    expect(opened.value.get_by_label("Number")).to_have_value("02 44556677")
    assert not any("4455" in asked.path for asked in desk.service.asked)


def test_the_bookmarklet_asks_where_nothing_is_selected(desk: Desk) -> None:
    page = desk.show("<p>Rossi</p>")
    page.on("dialog", lambda dialog: dialog.accept("06 12345678"))

    with desk.context.expect_page() as opened:
        page.evaluate(bookmarklet(desk))

    expect(opened.value.get_by_label("Number")).to_have_value("06 12345678")
