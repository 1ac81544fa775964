"""The extension and the page `/dial` against the entry itself: door, guard, store, audit trail."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from centralino.entry.dial_page import dial_page
from centralino.entry.originate import originate
from tests.support.browser import Answer, Asked, FakeService
from tests.support.calls import http_event
from tests.support.clicks import E164, Clicks, Left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.browser import Desk


class RealService(FakeService):
    """The originate function over stores in memory, and a PBX that rings on paper."""

    def __init__(self) -> None:
        super().__init__()
        self.clicks = Clicks()
        self._exchange = self.clicks.exchange._replace(page=dial_page)
        self._turn = threading.Lock()

    def answer(self, asked: Asked) -> Answer | None:
        """Answer as the gateway and the function behind it."""
        path = urlsplit(asked.path).path
        if path != "/dial" and not path.startswith("/v1/originate"):
            return super().answer(asked)
        event = http_event(
            method=asked.method,
            path=path,
            headers=asked.headers,
            body=asked.body,
            epoch_ms=int(self.clicks.stores.now_s * 1000),
        )
        with self._turn:
            given = originate(event, Left(), self._exchange)
        headers = dict(given["headers"])
        return Answer(given["statusCode"], given["body"], headers.pop("content-type"), headers)


@pytest.fixture
def service() -> Iterator[RealService]:
    with RealService() as service:
        yield service


def test_a_click_rings_the_agent_s_phone_and_the_trail_s_state_comes_back(
    desk: Desk, service: RealService
) -> None:
    desk.set_up(key=service.clicks.keys["agent"], sites=[desk.site.origin])
    page = desk.show("<p>Rossi, tel. 02 44556677</p>")
    state = page.locator("[role=status]")

    page.get_by_role("button", name="Call 02 44556677").click()

    expect(state).to_have_text("dialling: your phone rings first")
    while not service.clicks.paper.rung:
        page.wait_for_timeout(50)
    (order,) = service.clicks.paper.rung
    assert (order.exten, order.number, order.dial) == ("21", E164, "0244556677")
    for step in ("ringing", "answered", "ended"):
        now_ms = int(service.clicks.stores.now_s * 1000)
        service.clicks.store.note(order.call_id, step, at_ms=now_ms)
        expect(state).to_have_text(step)


def test_a_call_that_the_guard_refuses_says_what_would_allow_it(
    desk: Desk, service: RealService
) -> None:
    desk.set_up(key=service.clicks.keys["agent"], sites=[desk.site.origin])
    page = desk.show("<p>London +44 20 7946 0018, helpline 899 123 456</p>")

    for number in ("+44 20 7946 0018", "899 123 456"):
        page.get_by_role("button", name=f"Call {number}").click()
    london, helpline = page.locator("[role=status]").all()

    expect(london).to_contain_text("refused: a country that is not on the tenant's list")
    expect(london).to_contain_text("centralino dialling allow")
    expect(helpline).to_contain_text("refused: premium rate")
    assert service.clicks.paper.rung == []
    assert sorted(service.clicks.trail()) == [("refused", "country"), ("refused", "premium")]


def test_an_agent_s_key_does_not_ring_another_s_phone(desk: Desk, service: RealService) -> None:
    desk.set_up(key=service.clicks.keys["agent"], exten="22", sites=[desk.site.origin])
    page = desk.show("<p>Rossi, tel. 02 44556677</p>")

    page.get_by_role("button", name="Call 02 44556677").click()

    expect(page.locator("[role=status]")).to_contain_text("refused")
    assert service.clicks.paper.rung == []


def test_the_page_dial_is_let_in_from_its_own_origin_and_needs_no_extension(
    desk: Desk, service: RealService
) -> None:
    page = desk.dial("number=02%2F44556677")
    page.get_by_label("Your key").fill(service.clicks.keys["agent"])

    page.get_by_role("button", name="Call").click()

    expect(page.get_by_role("status")).to_have_text("Dialling 0244556677: your phone rings first")
    assert [(order.exten, order.number) for order in service.clicks.paper.rung] == [("21", E164)]
