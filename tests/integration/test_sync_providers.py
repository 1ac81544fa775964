"""Reconciliation with every CRM provider, over HTTP, against a fake of its product."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from inspect import isabstract
from typing import TYPE_CHECKING

import pytest

from centralino.adapters import crm as providers
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.web import HttpWeb, Reach
from centralino.application.sync_crm import FULL_EVERY_MS, GRACE_MS, sync_crm
from centralino.domain.settings import Line
from tests.support.crm import Fault, Person, failing, throttled, truncated
from tests.support.crm.contract import NOW_MS, NUMBER, CrmContract
from tests.support.memory_store import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.ports.connections import SyncState
    from tests.support.crm import FakeCrm

LINE = Line("IT", "02")
# A listing and a list of deletions for each kind of record, and a token.
A_FEW = 8


def contracts() -> Iterator[CrmContract]:
    """The providers' contract tests: they know how each is connected to its fake."""
    for provider in sorted(module.name for module in pkgutil.iter_modules(providers.__path__)):
        module = import_module(f"tests.unit.crm.test_{provider}")
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, CrmContract) and not isabstract(thing):
                yield thing()


CASES = [pytest.param(case, id=type(case).__name__) for case in contracts() if case.adapter.reads]


class Office:
    """A tenant that is connected to the fake."""

    def __init__(self, case: CrmContract, fake: FakeCrm) -> None:
        self.case = case
        self.fake = fake
        self.stores = MemoryStores()
        # The fakes' own clocks stand shortly after `NOW_MS`.
        self.stores.now_s = NOW_MS / 1000 - 5 * 3600
        self.stores.create_tenant("acme")
        self.contacts = self.stores.contacts("acme")
        self.links = DynamoConnectionStore(
            self.stores.client, self.stores.table, "acme", now=lambda: self.stores.now_s
        )
        self.links.save(case.slug(), {}, now_s=0)
        self.runs = 0

    def sync(self) -> SyncState:
        """Run to the end, each part by a process of its own."""
        self.runs += 1
        while True:
            connection = self.case.connection(self.case.secret, base_url=self.fake.url)
            crm = self.case.adapter(connection, HttpWeb(Reach(private=True)))
            part = sync_crm(
                self.links,
                self.contacts,
                crm,
                LINE,
                f"r{self.runs}",
                now=lambda: self.stores.now_s,
                until_s=float("inf"),
            )
            assert part.after
            if part.done:
                return part.after
            self.stores.now_s += part.again_s

    def held(self) -> dict[str, str]:
        page = self.contacts.page(limit=100)
        assert not page.cursor
        return {
            contact.id.partition(":")[2]: contact.last_name or contact.company
            for contact in page.contacts
        }


@pytest.mark.parametrize("case", CASES)
def test_what_lost_webhooks_missed_is_found_whatever_the_crm(case: CrmContract) -> None:
    with case.server() as fake:
        office = Office(case, fake)
        records = [fake.record(place) for place in range(1, 3 * fake.page_size)]
        for place, record in enumerate(records):
            fake.save(Person(record, NUMBER, NOW_MS - 86_400_000 + 1000 * place))
        state = office.sync()
        assert (state.problem, state.rejected) == ("", 0)
        assert set(office.held()) == set(records)
        assert state.imported == len(records)
        # Nobody told us of these.
        office.stores.now_s += 3600
        at_ms = int(office.stores.now_s * 1000)
        changed, gone, new = records[0], records[1], fake.record(50)
        fake.save(Person(changed, NUMBER, at_ms, last_name="Changed"))
        fake.save(Person(new, "+39 06 1234567", at_ms, last_name="New"))
        fake.delete(gone, at_ms)
        office.stores.now_s += GRACE_MS / 1000 + 60
        state = office.sync()
        assert (state.problem, state.missed) == ("", 2)
        if not case.adapter.lists_deletions:
            office.stores.now_s += FULL_EVERY_MS / 1000
            assert office.sync().problem == ""
        held = office.held()
        assert set(held) == {*records, new} - {gone}
        assert "Changed" in held[changed]
        assert office.contacts.holders("+39061234567").total == 1


@pytest.mark.parametrize("case", CASES)
def test_a_run_without_news_asks_little_and_writes_nothing(case: CrmContract) -> None:
    with case.server() as fake:
        office = Office(case, fake)
        for place in range(1, 3 * fake.page_size):
            fake.save(Person(fake.record(place), NUMBER, NOW_MS - 86_400_000))
        office.sync()
        before = office.contacts.page(limit=100)
        first = len(fake.requests)
        state = office.sync()
        assert (state.problem, state.missed, state.late, state.repaired) == ("", 0, 0, 0)
        assert office.contacts.page(limit=100) == before
        assert len(fake.requests) - first <= A_FEW


@pytest.mark.parametrize("case", CASES)
def test_a_crm_that_is_busy_or_fails_on_the_way_is_read_to_the_end_all_the_same(
    case: CrmContract,
) -> None:
    with case.server() as fake:
        office = Office(case, fake)
        records = {fake.record(place) for place in range(1, 3 * fake.page_size)}
        for record in records:
            fake.save(Person(record, NUMBER, NOW_MS - 86_400_000))
        began_s = office.stores.now_s
        fake.faults = [Fault(), throttled("77"), Fault(), failing(503), truncated(), Fault()]
        assert office.sync().problem == ""
        assert set(office.held()) == records
        assert office.stores.now_s - began_s > 77
        assert fake.faults == []
