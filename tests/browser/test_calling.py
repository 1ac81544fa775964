"""From a click on a page to a call, in a real Chromium."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error, expect

from tests.support.browser import KEY, leave_time, settle

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.support.browser import Desk

MILAN = "+390244556677"
CARD = '<p id="card">Rossi, tel. 02 44556677</p>'


def button(page: Page, number: str = MILAN) -> Locator:
    return page.locator(f'button[data-number="{number}"]')


def state(page: Page) -> Locator:
    return page.locator("centralino-call [role=status]").first


def bodies(desk: Desk) -> list[dict[str, str]]:
    return [json.loads(asked.body) for asked in desk.service.posted]


def test_one_click_on_a_page_of_the_crm_starts_the_call(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    page = desk.show(CARD)

    button(page).click()

    expect(state(page)).to_have_text("ringing")
    (asked,) = desk.service.posted
    assert (asked.path, json.loads(asked.body)) == (
        "/v1/originate",
        {"number": MILAN, "exten": "21"},
    )
    assert asked.headers["x-api-key"] == KEY
    assert len(asked.headers["idempotency-key"]) == 36


def test_the_number_shows_what_becomes_of_its_call(desk: Desk) -> None:
    page = desk.show(CARD)
    page.locator("centralino-call").wait_for(state="attached")
    page.evaluate(
        """() => {
          const status = document.querySelector("centralino-call").shadowRoot;
          window.shown = [];
          new MutationObserver(() => {
            const text = status.querySelector("[role=status]").textContent;
            if (window.shown.at(-1) !== text) window.shown.push(text);
          }).observe(status, { childList: true, characterData: true, subtree: true });
        }"""
    )

    button(page).click()

    expect(state(page)).to_have_text("ended")
    dialling = "dialling: your phone rings first"
    assert page.evaluate("window.shown") == [dialling, "ringing", "answered", "ended"]


def test_a_refused_call_says_why_and_what_would_help(desk: Desk) -> None:
    hint = "centralino dialling allow FR would allow it."
    desk.service.problem = (
        403,
        {"title": "Call refused", "detail": "not on the list.", "reason": "country", "hint": hint},
    )
    page = desk.show(CARD)

    button(page).click()

    expect(state(page)).to_have_text(f"refused: not on the list. {hint}")
    expect(button(page)).to_have_attribute("aria-disabled", "false")


FAILED = (
    (409, "busy", "failed: your phone is busy"),
    (503, "unreachable", "failed: the PBX can't be reached; nothing rang"),
    (422, "unknown_exten", "failed: the PBX has no such extension"),
)


def test_a_call_that_failed_can_be_tried_again_at_once(desk: Desk) -> None:
    page = desk.show(CARD)

    for status, reason, shown in FAILED:
        desk.service.problem = (status, {"title": "Call not placed", "reason": reason})
        button(page).click()
        expect(state(page)).to_have_text(shown)
    desk.service.problem = None
    desk.service.states = ["ringing"]
    button(page).click()

    expect(state(page)).to_have_text("ringing")
    assert len(desk.service.calls) == 1 + len(FAILED)


def test_a_call_that_is_being_placed_still_is_asked_for_until_it_is(desk: Desk) -> None:
    desk.service.busy = 2
    desk.service.states = ["ringing"]
    page = desk.show(CARD)

    button(page).click()

    expect(state(page)).to_have_text("ringing")
    assert (len(desk.service.posted), len(desk.service.calls)) == (3, 1)


def test_who_is_answered_by_a_gateway_that_gave_up_is_told_to_look_at_the_phone(
    desk: Desk,
) -> None:
    page = desk.show(CARD)

    for status in (500, 503, 504):
        desk.service.problem = (status, {"message": "Service Unavailable"})
        button(page).click()
        expect(state(page)).to_have_text("not sure: look at your phone before you try again")
        button(page).wait_for()
        assert len(desk.service.posted) == 1
        desk.service.asked.clear()


def test_a_second_click_while_the_phone_rings_asks_for_nothing(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    page = desk.show(CARD)

    button(page).dblclick()
    expect(state(page)).to_have_text("ringing")
    button(page).click(force=True)

    assert len(desk.service.posted) == 1


def test_an_answer_that_got_lost_is_asked_for_with_the_same_idempotency_key(desk: Desk) -> None:
    desk.service.drops = 1
    desk.service.states = ["ringing"]
    page = desk.show(CARD)

    button(page).click()

    expect(state(page)).to_have_text("ringing")
    assert len(desk.service.posted) >= 2
    assert len(desk.service.calls) == 1


def test_who_gets_no_answer_at_all_is_told_to_look_at_the_phone(desk: Desk) -> None:
    desk.service.drops = 10
    page = desk.show(CARD)

    button(page).click()

    expect(state(page)).to_have_text("not sure: look at your phone before you try again")
    assert len(desk.service.calls) == 1


def test_a_key_that_was_revoked_is_named(desk: Desk) -> None:
    desk.set_up(key="acme.RevokedRevokedRevoke00")
    page = desk.show(CARD)

    button(page).click()

    expect(state(page)).to_contain_text("doesn't know your key")


# --- who may make it call -------------------------------------------------------------------------


def test_a_page_of_another_site_is_asked_about_in_a_window_of_ours(desk: Desk) -> None:
    desk.set_up(sites=[])
    desk.service.states = ["ringing"]
    page = desk.show(CARD)

    with desk.context.expect_page() as opened:
        button(page).click()
    asking = opened.value
    expect(asking.get_by_role("heading")).to_have_text(f"Call {MILAN}?")
    expect(asking.locator("#site")).to_have_text(desk.site.origin)
    expect(state(page)).to_have_text("confirm it in the other window")
    assert desk.service.posted == []
    # Clicks that come with the window itself don't count.
    asking.wait_for_function("() => performance.now() - opened > SETTLE_MS")
    asking.get_by_label("Call at once").check()
    asking.get_by_role("button", name="Call").click()

    expect(state(page)).to_have_text("ringing")
    assert bodies(desk) == [{"number": MILAN, "exten": "21"}]
    assert desk.kept()["sites"] == [desk.site.origin]


def test_who_says_no_calls_nobody(desk: Desk) -> None:
    desk.set_up(sites=[])
    page = desk.show(CARD)
    for how in ("cancel", "escape", "close"):
        with desk.context.expect_page() as opened:
            button(page).click()
        asking = opened.value
        expect(asking.get_by_role("heading")).to_have_text(f"Call {MILAN}?")

        match how:
            case "cancel":
                asking.get_by_role("button", name="Cancel").click()
            case "escape":
                with suppress(Error):  # the window is gone before the key comes up again
                    asking.keyboard.press("Escape")
            case _:
                asking.close()

        expect(button(page)).to_have_attribute("aria-disabled", "false")
        expect(state(page)).to_have_text("")
    assert desk.service.posted == []
    assert desk.kept()["sites"] == []


def test_a_click_that_a_page_makes_up_calls_nobody(desk: Desk) -> None:
    page = desk.show(f'{CARD}<a id="link" href="tel:{MILAN}">call</a>')
    settle(page)

    page.evaluate(
        """() => {
          for (const host of document.querySelectorAll("centralino-call")) {
            const icon = host.shadowRoot.querySelector(".icon");
            icon.click();
            for (const type of ["pointerdown", "mousedown", "mouseup", "click"]) {
              icon.dispatchEvent(new MouseEvent(type, { bubbles: true, composed: true }));
            }
            icon.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
          }
          const link = document.querySelector("#link");
          link.addEventListener("click", (event) => event.preventDefault());
          link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
        }"""
    )
    settle(page)

    assert desk.service.asked == []


def test_no_page_and_no_content_script_gets_to_the_key(desk: Desk) -> None:
    desk.service.states = ["ended"]
    page = desk.show(CARD)
    frames = page.context.new_cdp_session(page)
    contexts: list[dict[str, object]] = []
    frames.on("Runtime.executionContextCreated", lambda event: contexts.append(event["context"]))
    frames.send("Runtime.enable")
    button(page).click()
    expect(state(page)).to_have_text("ended")

    def said(context: object, script: str) -> str:
        answer = frames.send(
            "Runtime.evaluate",
            {
                "contextId": context,
                "expression": f"(async () => JSON.stringify(await {script}))().catch(String)",
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        return str(answer["result"].get("value"))

    (ours,) = [one["id"] for one in contexts if one["origin"] == desk.extension]
    for area in ("local", "session"):
        refused = said(ours, f"chrome.storage.{area}.get()")
        assert "Access to storage is not allowed" in refused
    for type_ in ("settings", "options", "state", "asked", "save"):
        told = said(ours, f"chrome.runtime.sendMessage({{type: '{type_}'}})")
        assert KEY not in told
        assert desk.service.origin not in told
    # What the page's own scripts can see: its text, its storage, what it loaded, what is global.
    seen = page.evaluate(
        """() => JSON.stringify([
          document.documentElement.getHTML({ serializableShadowRoots: true }),
          [...document.querySelectorAll("centralino-call")].map((h) => h.shadowRoot.innerHTML),
          { ...localStorage }, { ...sessionStorage }, document.cookie,
          performance.getEntries().map((entry) => entry.name),
          typeof chrome?.storage, Object.keys(window),
        ])"""
    )
    assert "02 44556677" in seen
    assert KEY not in seen
    assert desk.service.origin not in seen
    assert not any(KEY in str(asked) for asked in desk.site.asked)


def test_a_site_that_is_to_be_left_alone_is(desk: Desk) -> None:
    desk.set_up(quiet=[desk.site.origin])

    page = desk.show(CARD)
    leave_time(page)

    expect(page.locator("centralino-call")).to_have_count(0)


# --- keyboard, links, frames ----------------------------------------------------------------------


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_reaches_the_number_and_calls_it(desk: Desk, key: str) -> None:
    desk.service.states = ["ringing"]
    page = desk.show(f'<input autofocus aria-label="Search">{CARD}<a href="#x">next</a>')
    settle(page)

    page.get_by_label("Search").focus()
    page.keyboard.press("Tab")
    expect(button(page)).to_be_focused()
    page.keyboard.press(key)

    expect(state(page)).to_have_text("ringing")
    expect(button(page)).to_be_focused()
    expect(page.get_by_role("button", name="Call 02 44556677")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_text("next")).to_be_focused()


def test_a_telephone_link_calls_through_the_pbx(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    links = ("tel:+390244556677", "tel:02-44556678", "callto:+390244556679")
    page = desk.show("".join(f'<p><a href="{href}">Call <b>us</b></a></p>' for href in links))
    settle(page)

    for paragraph in page.locator("p").all():
        paragraph.get_by_text("us").click()
        expect(paragraph.locator("[role=status]")).to_have_text("ringing")

    assert bodies(desk) == [{"number": f"+39024455667{last}", "exten": "21"} for last in (7, 8, 9)]


def test_a_telephone_link_works_by_the_keyboard(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    page = desk.show(f'<a href="tel:{MILAN}">Call us</a>')
    settle(page)

    page.get_by_role("link").focus()
    page.keyboard.press("Enter")

    expect(state(page)).to_have_text("ringing")


def test_a_number_inside_another_link_has_its_button_behind_the_link(desk: Desk) -> None:
    page = desk.show('<p><a href="#contact">02 44556677</a> Rossi</p>')
    settle(page)

    assert page.evaluate("document.querySelector('a').nextElementSibling.localName") == (
        "centralino-call"
    )
    expect(page.locator("a centralino-call")).to_have_count(0)


def test_numbers_in_frames_are_marked_and_their_own_site_counts(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    inner = desk.site.write("inner", CARD)
    page = desk.show(
        f'<iframe src="{inner}" name="same"></iframe>'
        '<iframe name="none" sandbox="allow-scripts" srcdoc="Tel. 06 12345678"></iframe>'
    )
    same = page.frame_locator("[name=same]")
    none = page.frame_locator("[name=none]")

    same.locator("button.icon").click()
    expect(same.locator("[role=status]")).to_have_text("ringing")
    # A frame without an origin is asked about, whoever it is in.
    with desk.context.expect_page() as opened:
        none.locator("button.icon").click()
    expect(opened.value.locator("#site")).to_have_text("a page without an address")
    expect(opened.value.get_by_label("Call at once")).to_be_hidden()

    assert [body["number"] for body in bodies(desk)] == [MILAN]


def test_a_page_with_the_strictest_policy_is_marked_all_the_same(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    page = desk.show(
        CARD, content_security_policy="default-src 'none'; require-trusted-types-for 'script'"
    )

    button(page).click()

    expect(state(page)).to_have_text("ringing")


def test_what_is_copied_from_a_page_is_the_page_s(desk: Desk) -> None:
    page = desk.show("<p>Rossi 02 44556677, Bianchi 06 12345678, Verdi</p>")
    settle(page)

    copied = page.evaluate(
        "() => { getSelection().selectAllChildren(document.querySelector('p'));"
        " return getSelection().toString(); }"
    )

    expect(page.locator("centralino-call")).to_have_count(2)
    assert copied == "Rossi 02 44556677, Bianchi 06 12345678, Verdi"
    assert page.locator("p").text_content() == copied


# --- pages that change ----------------------------------------------------------------------------


def test_a_number_that_comes_later_is_marked(desk: Desk) -> None:
    page = desk.show("<ul></ul>")
    settle(page)

    page.evaluate(
        "for (const n of ['02 44556677', '06 12345678'])"
        " document.querySelector('ul').append(Object.assign(document.createElement('li'),"
        " { textContent: n }))"
    )

    expect(button(page)).to_have_count(1)
    expect(button(page, "+390612345678")).to_have_count(1)


DRAWN_ANEW = (
    ("Tel. 02 44556677 (Rossi)", "Tel. 06 12345671 (Bianchi)", "+390612345671"),
    ("Tel. 02 44556677", "Tel. 06 12345672", "+390612345672"),
    ("02 44556677 or 06 12345678 or none", "only 06 12345673 now", "+390612345673"),
)


def test_a_framework_that_draws_its_text_anew_finds_its_nodes_as_it_left_them(desk: Desk) -> None:
    page = desk.show("<p></p>" * len(DRAWN_ANEW))
    page.evaluate(
        """texts => {
          window.nodes = texts.map((text, index) =>
            document.querySelectorAll("p")[index].appendChild(document.createTextNode(text)));
        }""",
        [before for before, _, _ in DRAWN_ANEW],
    )
    settle(page)
    expect(page.locator("centralino-call")).to_have_count(4)

    page.evaluate(
        "texts => texts.forEach((text, index) => { nodes[index].nodeValue = text; })",
        [after for _, after, _ in DRAWN_ANEW],
    )
    settle(page)
    for paragraph, (_, after, number) in zip(page.locator("p").all(), DRAWN_ANEW, strict=True):
        assert paragraph.text_content() == after
        expect(paragraph.locator(f'button[data-number="{number}"]')).to_have_count(1)
        expect(paragraph.locator("centralino-call")).to_have_count(1)

    # It takes its nodes away as if nobody else had been here.
    page.evaluate("() => nodes.forEach((node) => node.parentNode.removeChild(node))")
    settle(page)
    assert page.locator("p").all_text_contents() == [""] * len(DRAWN_ANEW)
    expect(page.locator("centralino-call")).to_have_count(0)


def test_a_state_outlives_that_the_page_is_drawn_anew(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    page = desk.show(f"<main>{CARD}</main>")
    button(page).click()
    expect(state(page)).to_have_text("ringing")

    page.evaluate(f"document.querySelector('main').innerHTML = `{CARD}<p>open since today</p>`")

    expect(state(page)).to_have_text("ringing")
    expect(page.locator("centralino-call")).to_have_count(1)
    assert len(desk.service.posted) == 1


def test_marks_stay_single_however_often_a_page_changes(desk: Desk) -> None:
    page = desk.show(f"<div>{CARD}<p id=clock>0</p>Tel. 06 12345678 and more</div>")
    settle(page)

    page.evaluate(
        """async () => {
          for (let i = 0; i < 30; i += 1) {
            document.querySelector("#clock").textContent = i;
            document.querySelector("div").dataset.i = i;
            document.querySelector("div").append(document.createComment(i));
            await new Promise((done) => setTimeout(done, 10));
          }
        }"""
    )
    settle(page)

    expect(page.locator("centralino-call")).to_have_count(2)


def test_what_is_typed_is_never_marked(desk: Desk) -> None:
    page = desk.show('<div contenteditable id="note"></div><textarea id="text"></textarea>')
    for field in ("#note", "#text"):
        page.locator(field).press_sequentially("call 02 44556677 ")
    settle(page)

    expect(page.locator("centralino-call")).to_have_count(0)


def test_numbers_in_open_shadow_trees_are_marked(desk: Desk) -> None:
    page = desk.show(
        "<crm-card><template shadowrootmode=open><p>Tel. 02 44556677</p></template></crm-card>"
    )

    expect(button(page)).to_have_count(1)


def test_a_worker_that_the_browser_stopped_knows_its_calls_again(desk: Desk) -> None:
    desk.service.states = ["ringing"]
    page = desk.show(CARD)
    button(page).click()
    expect(state(page)).to_have_text("ringing")
    internals = desk.context.new_page()
    session = desk.context.new_cdp_session(internals)
    session.send("ServiceWorker.enable")

    session.send("ServiceWorker.stopAllWorkers")
    desk.service.states = ["answered"]

    expect(state(page)).to_have_text("answered", timeout=10_000)
    assert len(desk.service.posted) == 1
    # The next tests talk to the worker that was started anew.
    desk.worker = desk.context.service_workers[-1]
