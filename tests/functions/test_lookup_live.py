"""`/v1/lookup` where the index does not know the caller and the CRMs are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.domain.card import Card
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.settings import Line, Settings
from centralino.entry.access import Door
from centralino.entry.lookup import lookup
from tests.support.calls import Clock, ScriptedStore, holder, http_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.ports.live_search import Question

PBX = "acme.pbxpbxpbxpbxpbxpbxpbxp"
MILAN = "+390244556677"
ROSSI = holder("Mario", "Rossi", contact="odoo:7")


class ScriptedSearch:
    """The CRMs, as far as the lookup sees them.

    Attributes:
        cards: whom they know.
        takes_s: how long they take.
        fault: raised instead of an answer.
        searched: the questions.
        refreshed: the questions that nobody waited for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.cards: dict[str, Card] = {}
        self.takes_s = 0.1
        self.fault: Exception | None = None
        self.searched: list[Question] = []
        self.refreshed: list[Question] = []

    def search(self, question: Question) -> Mapping[str, Card]:
        self.searched.append(question)
        self._clock.now += min(self.takes_s, question.wait_s)
        if self.takes_s > question.wait_s:
            raise UnavailableError("timeout")
        if self.fault:
            raise self.fault
        return self.cards

    def refresh(self, question: Question) -> None:
        self.refreshed.append(question)
        if self.fault:
            raise self.fault


class Phone:
    """A PBX that asks a service whose tenant has a CRM."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = ScriptedStore(self.clock)
        self.store.add_tenant(
            Settings("acme", line=Line(country="IT", area_code="02"), crms=("odoo",)), pbx=PBX
        )
        self.door = Door(self.store, self.clock, 30)
        self.search: ScriptedSearch | None = ScriptedSearch(self.clock)
        self.built = 0

    @property
    def crm(self) -> ScriptedSearch:
        assert self.search
        return self.search

    def edit(self, **fields: Any) -> None:  # noqa: ANN401 - any of the settings' fields
        before = self.store.settings["acme"]
        self.store.settings["acme"] = before._replace(version=before.version + 1, **fields)

    def live_search(self) -> ScriptedSearch | None:
        self.built += 1
        return self.search

    def ask(
        self, number: str = MILAN, *, waited_s: float = 0, **fields: str
    ) -> tuple[int, str, str]:
        """Return status, outcome and label."""
        came_at = int((self.clock.now - waited_s) * 1000)
        event = http_event(
            {"number": number, **fields}, headers={"x-api-key": PBX}, epoch_ms=came_at
        )
        given = lookup(event, self.door, self.live_search)
        return given["statusCode"], given["headers"]["x-centralino-outcome"], given["body"]


@pytest.fixture
def phone() -> Phone:
    return Phone()


def test_a_caller_whom_only_a_crm_knows_is_shown(phone: Phone) -> None:
    phone.crm.cards = {MILAN: Card(MILAN, (ROSSI,), 1)}
    assert phone.ask("0244556677", did="029900", trunk="milan") == (200, "hit", "Mario Rossi")
    [question] = phone.crm.searched
    assert question[:4] == ("acme", "0244556677", "029900", "milan")


def test_a_caller_in_the_index_costs_one_read_and_nobody_else_is_asked(phone: Phone) -> None:
    phone.store.add_card("acme", MILAN, ROSSI)
    phone.ask()
    phone.store.reads.clear()
    assert phone.ask() == (200, "hit", "Mario Rossi")
    assert len(phone.store.reads) == 1
    assert (phone.built, phone.crm.searched, phone.crm.refreshed) == (0, [], [])


def test_a_caller_whom_nobody_knows_is_a_miss(phone: Phone) -> None:
    assert phone.ask(name="CARRIER") == (200, "miss", "CARRIER")


def test_what_the_search_answers_is_not_read_once_more(phone: Phone) -> None:
    phone.ask()
    phone.store.reads.clear()
    phone.crm.cards = {MILAN: Card(MILAN, (ROSSI,), 1)}
    assert phone.ask()[1] == "hit"
    assert len(phone.store.reads) == 1


def test_a_caller_who_was_unknown_a_moment_ago_is_not_searched_for(phone: Phone) -> None:
    phone.store.unknown[MILAN] = phone.clock.now + 1
    assert phone.ask()[1] == "miss"
    assert not phone.crm.searched
    phone.clock.now += 1
    phone.ask()
    assert len(phone.crm.searched) == 1


@pytest.mark.parametrize("change", [{"crms": ()}, {"live_search_s": 0}])
def test_a_tenant_that_wants_no_search_gets_none(phone: Phone, change: dict[str, Any]) -> None:
    phone.edit(**change)
    phone.store.unknown[""] = phone.clock.now
    assert phone.ask()[1] == "miss"
    assert phone.built == 0


def test_without_a_function_that_searches_the_index_is_all_there_is(phone: Phone) -> None:
    phone.search = None
    assert phone.ask()[1] == "miss"


@pytest.mark.parametrize("number", ["anonymous", "", "no number at all"])
def test_nobody_is_searched_for_without_a_number(phone: Phone, number: str) -> None:
    phone.ask(number)
    assert phone.built == 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (UnavailableError("crm odoo:server"), "degraded"),
        (UnavailableError("connection"), "degraded"),
        (RejectedError("permissions"), "degraded"),
        (UnavailableError("timeout"), "timeout"),
    ],
)
def test_that_a_crm_could_not_be_asked_is_no_miss(
    phone: Phone, fault: Exception, outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    phone.crm.fault = fault
    assert phone.ask(name="CARRIER") == (200, outcome, "CARRIER")
    assert "live_search: " in capsys.readouterr().out


def test_nobody_is_searched_for_while_the_index_itself_does_not_answer(phone: Phone) -> None:
    phone.ask()
    phone.crm.searched.clear()
    phone.store.complete = False
    assert phone.ask()[1] == "degraded"
    phone.store.complete, phone.store.fault = True, UnavailableError("server")
    assert phone.ask()[1] == "degraded"
    assert not phone.crm.searched


# --- the deadline ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patience_s", "live_search_s", "waited_s", "wait_s"),
    [
        (3.0, 1.0, 0.0, 1.0),  # what the tenant allows
        (2.7, 10.0, 0.0, 2.15),  # what the PBX allows, less our own way back
        (2.7, 10.0, 1.0, 1.15),  # a slow start is part of it
        (0.5, 1.0, 0.0, 0.1167),
    ],
)
def test_a_search_may_take_what_the_tenant_allows_and_the_pbx_has_left(
    phone: Phone, patience_s: float, live_search_s: float, waited_s: float, wait_s: float
) -> None:
    line = Line(country="IT", decode_timeout_s=patience_s)
    phone.edit(line=line, live_search_s=live_search_s)
    phone.ask(waited_s=waited_s)
    [question] = phone.crm.searched
    assert question.wait_s == pytest.approx(wait_s, abs=0.001)
    assert question.asked_at == phone.clock.now - 0.1


def test_a_search_is_not_begun_when_there_is_no_time_left(phone: Phone) -> None:
    phone.ask()
    phone.crm.searched.clear()
    phone.store.takes_s = 0.24
    assert phone.ask(waited_s=2.25)[1] == "timeout"
    assert not phone.crm.searched


@pytest.mark.parametrize(
    ("takes_s", "outcome", "answered_after_s"),
    [(0.1, "hit", 0.1), (1.0, "hit", 1.0), (2.9, "timeout", 2.15), (5.0, "timeout", 2.15)],
)
def test_the_answer_is_there_before_the_pbx_gives_up(
    phone: Phone, takes_s: float, outcome: str, answered_after_s: float
) -> None:
    phone.edit(line=Line(country="IT", decode_timeout_s=2.7), live_search_s=10)
    phone.crm.cards = {MILAN: Card(MILAN, (ROSSI,), 1)}
    phone.crm.takes_s = takes_s
    before = phone.clock.now
    assert phone.ask()[1] == outcome
    assert phone.clock.now - before == pytest.approx(answered_after_s, abs=0.001)


# --- cards that have grown old -----------------------------------------------------------------


def test_a_card_that_has_grown_old_is_shown_at_once_and_looked_after(phone: Phone) -> None:
    phone.store.cards["acme"] = {MILAN: Card(MILAN, (ROSSI,), 1, int(phone.clock.now))}
    assert phone.ask("0244556677", did="029900") == (200, "hit", "Mario Rossi")
    [question] = phone.crm.refreshed
    assert question[:4] == ("acme", "0244556677", "029900", "")
    assert not phone.crm.searched


def test_a_card_that_is_fresh_is_left_alone(phone: Phone) -> None:
    phone.store.cards["acme"] = {MILAN: Card(MILAN, (ROSSI,), 1, int(phone.clock.now) + 1)}
    assert phone.ask()[1] == "hit"
    assert phone.built == 0


@pytest.mark.parametrize("waited_s", [0.0, 2.4])
def test_a_refresh_that_cannot_be_asked_for_costs_nobody_the_name(
    phone: Phone, waited_s: float
) -> None:
    phone.store.cards["acme"] = {MILAN: Card(MILAN, (ROSSI,), 1, 1)}
    phone.ask()
    phone.crm.fault = UnavailableError("throttled")
    assert phone.ask(waited_s=waited_s) == (200, "hit", "Mario Rossi")


def test_settings_that_were_edited_meanwhile_are_searched_with_once(phone: Phone) -> None:
    phone.ask()
    phone.crm.searched.clear()
    phone.clock.now += 60
    phone.edit(live_search_s=0.5)
    phone.ask()
    assert [question.wait_s for question in phone.crm.searched] == [0.5]
