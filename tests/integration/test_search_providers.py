"""Live search with every CRM provider, over HTTP, against a fake of its product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.adapters.store.callers import DynamoCallerStore
from centralino.adapters.web import HttpWeb, Reach
from centralino.application.search_crms import (
    FRESH_S,
    Circuits,
    Desk,
    Found,
    Query,
    problems_of,
    search_crms,
)
from centralino.domain.settings import Line, Settings
from tests.integration.test_sync_providers import contracts
from tests.support.crm import Person, drip, failing, hang, throttled, truncated
from tests.support.crm.contract import NOW_MS, NUMBER
from tests.support.memory_store import MemoryStores

if TYPE_CHECKING:
    from centralino.ports.crm import Crm
    from tests.support.crm import FakeCrm, Fault
    from tests.support.crm.contract import CrmContract

CASES = [
    pytest.param(case, id=type(case).__name__) for case in contracts() if case.adapter.searches
]
STRANGER = "+390655512345"
SHORT_S = 0.4


class Hurried:
    """A connection whose searches get less time than they are offered: tests can't wait."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self.fetch = crm.fetch

    def find_by_number(self, variants: object, number: str, _timeout_s: float) -> object:
        return self._crm.find_by_number(variants, number, SHORT_S)  # type: ignore[arg-type]


class Office:
    """A tenant that asks one CRM."""

    def __init__(self, case: CrmContract, fake: FakeCrm) -> None:
        self.case = case
        self.fake = fake
        self.hurried = False
        self.stores = MemoryStores()
        self.stores.now_s = NOW_MS / 1000
        self.settings = Settings("acme", line=Line("IT", "02"), crms=(case.slug(),))
        self.circuits = Circuits()

    def open(self, _provider: str) -> Crm:
        connection = self.case.connection(self.case.secret, base_url=self.fake.url)
        crm = self.case.adapter(connection, HttpWeb(Reach(private=True)))
        return Hurried(crm) if self.hurried else crm  # type: ignore[return-value]

    def reopen(self, _provider: str) -> Crm | None:
        return None

    def search(self, number: str, *, refresh: bool = False) -> Found:
        now = self.stores.now_s
        callers = DynamoCallerStore(self.stores.client, self.stores.table, "acme", now=lambda: now)
        desk = Desk(self.stores.contacts("acme"), callers, self, self.circuits, lambda: now)
        query = Query(number, answer_by=now + 1, refresh=refresh)
        return search_crms(query, self.settings, desk)

    def shown(self) -> list[str]:
        cards = self.stores.calls.read("acme", [NUMBER], timeout_s=1).cards
        return [holder.id for card in cards.values() for holder in card.holders]


@pytest.mark.parametrize("case", CASES)
def test_a_caller_whom_the_crm_knows_is_found_followed_and_forgotten(case: CrmContract) -> None:
    spelling = case.spellings[0]
    with case.server() as fake:
        office = Office(case, fake)
        record = fake.record(1)
        fake.save(Person(record, spelling, NOW_MS - 1000))
        fake.save(Person(fake.record(2), STRANGER, NOW_MS - 1000))
        found = office.search(NUMBER)
        assert (found.outcome, problems_of(found.replies)) == ("found", {})
        assert office.shown() == [f"{case.slug()}:{record}"]
        asked = len(fake.requests)
        assert office.search(NUMBER).cards == found.cards
        assert len(fake.requests) == asked
        office.stores.now_s += FRESH_S
        fake.save(Person(record, spelling, NOW_MS + 1000, last_name="Verdi"))
        [card] = office.search(NUMBER, refresh=True).cards
        assert "Verdi" in card.holders[0].name
        office.stores.now_s += FRESH_S
        fake.delete(record, NOW_MS + 2000)
        assert office.search(NUMBER, refresh=True).cards == ()
        assert office.shown() == []


@pytest.mark.parametrize("case", CASES)
def test_a_caller_whom_the_crm_does_not_know_is_searched_for_once(case: CrmContract) -> None:
    with case.server() as fake:
        office = Office(case, fake)
        fake.save(Person(fake.record(1), STRANGER, NOW_MS - 1000))
        assert office.search(NUMBER).outcome == "unknown"
        asked = len(fake.requests)
        assert office.search(NUMBER).outcome == "unknown"
        assert len(fake.requests) == asked > 0


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(hang(), id="hangs"),
        pytest.param(drip(), id="drips"),
        pytest.param(truncated(), id="breaks off"),
        pytest.param(throttled(), id="too many requests"),
        pytest.param(failing(500), id="fails"),
        pytest.param(failing(401), id="refuses"),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_a_crm_that_gives_no_answer_is_no_miss(case: CrmContract, fault: Fault) -> None:
    with case.server() as fake:
        office = Office(case, fake)
        office.hurried = True
        fake.save(Person(fake.record(1), case.spellings[0], NOW_MS - 1000))
        fake.fault = fault
        found = office.search(NUMBER)
        assert found.outcome == "degraded"
        [problem] = problems_of(found.replies).values()
        assert problem != "error"
        # Nothing was noted: when the CRM is back, so is the name.
        fake.fault = None
        office.hurried = False
        office.circuits = Circuits()
        assert office.search(NUMBER).outcome == "found"
