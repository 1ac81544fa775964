"""Live search of a real contact server that nobody here wrote: Tryton, over HTTP.

It proves the path from a caller's number to a card in the index (the use case, the web adapter, the
verification of what a search found) against somebody else's server: its sessions, its own idea of
a search and its own speed. It says nothing of a product that has a provider here, each of which has
been tried against its fake alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.adapters.store.callers import DynamoCallerStore
from centralino.application.search_crms import Circuits, Desk, Found, Query, search_crms
from centralino.domain.errors import RejectedError
from centralino.domain.settings import Line, Settings
from local_stack import LocalStackError
from tests.support.crm.tryton import start
from tests.support.memory_store import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.ports.crm import Crm
    from tests.support.crm.tryton import Tryton

pytestmark = [pytest.mark.tryton, pytest.mark.xdist_group("tryton")]


class Providers:
    """A tenant's one connection."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    def open(self, provider: str) -> Crm:
        assert provider == "tryton"
        return self._crm

    def reopen(self, provider: str) -> Crm | None:
        assert provider == "tryton"
        return None


class Office:
    """A tenant in Milan whose contacts are in Tryton."""

    def __init__(self, crm: Crm) -> None:
        self.stores = MemoryStores()
        self.settings = Settings(
            "acme", line=Line(country="IT", area_code="02"), crms=("tryton",), live_search_s=10.0
        )
        self.callers = DynamoCallerStore(
            self.stores.client, self.stores.table, "acme", now=lambda: self.stores.now_s
        )
        self.providers = Providers(crm)
        self.circuits = Circuits()

    def search(self, number: str, *, refresh: bool = False) -> Found:
        query = Query(number, answer_by=self.stores.now_s + 10, refresh=refresh)
        contacts = self.stores.contacts("acme")
        now = lambda: self.stores.now_s  # noqa: E731 - the clock is turned by hand
        desk = Desk(contacts, self.callers, self.providers, self.circuits, now)
        return search_crms(query, self.settings, desk)

    def shown(self, number: str) -> list[str]:
        """Return whom the next call from a number finds in the index, without asking anybody."""
        cards = self.stores.calls.read("acme", [number], timeout_s=1).cards
        return [holder.name or holder.company for card in cards.values() for holder in card.holders]


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
    try:
        with start(tmp_path_factory.mktemp("tryton")) as server:
            yield server
    except LocalStackError as error:
        pytest.skip(str(error))


@pytest.fixture
def office(tryton: Tryton) -> Office:
    return Office(tryton.connect())


@pytest.mark.parametrize(
    ("typed", "caller", "number"),
    [
        ("+39 02 4455 6601", "0244556601", "+390244556601"),
        ("02/44.55.66.02", "+390244556602", "+390244556602"),
        ("44 55 66 03", "00390244556603", "+390244556603"),
        ("(0039) 02-445566 04", "44556604", "+390244556604"),
    ],
)
def test_a_caller_whom_only_tryton_knows_is_named_and_then_in_the_index(
    tryton: Tryton, office: Office, typed: str, caller: str, number: str
) -> None:
    party = tryton.create("Officine Rossi", phone=typed)
    assert office.shown(number) == []
    found = office.search(caller)
    assert found.outcome == "found"
    assert [holder.id for card in found.cards for holder in card.holders] == [f"tryton:{party}"]
    assert office.shown(number) == ["Officine Rossi"]
    tryton.delete(party)


def test_all_of_a_party_s_numbers_are_known_after_one_search(
    tryton: Tryton, office: Office
) -> None:
    tryton.create("Neri Impianti", phone="02 4455 6611", mobile="347 123 4511")
    assert office.search("+393471234511").outcome == "found"
    assert office.shown("+390244556611") == ["Neri Impianti"]


def test_what_tryton_s_search_finds_beside_the_caller_is_not_shown(
    tryton: Tryton, office: Office
) -> None:
    # The same digits at the end, or among others: the search finds them all.
    tryton.create("Roma", phone="06 4455 6622")
    tryton.create("Longer", phone="02 4455 6622 00")
    assert len(tryton.connect().find_by_number((), "+390244556622", 10)) == 2
    assert office.search("0244556622").outcome == "unknown"
    assert office.shown("+390244556622") == []


def test_a_party_that_changed_or_went_is_so_after_it_was_asked_for_again(
    tryton: Tryton, office: Office
) -> None:
    party = tryton.create("Bianchi", phone="02 4455 6633")
    office.search("0244556633")
    tryton.write(party, name="Bianchi e Figli")
    crm = tryton.connect()
    changed, before = crm.fetch(party), office.stores.contacts("acme").get(f"tryton:{party}")
    assert changed
    assert before
    assert (changed.company, before.company) == ("Bianchi e Figli", "Bianchi")
    assert changed.version > before.version
    tryton.delete(party)
    assert crm.fetch(party) is None


def test_a_password_that_is_wrong_is_degraded_and_not_unknown(tryton: Tryton) -> None:
    crm = tryton.connect(password="another")
    with pytest.raises(RejectedError) as caught:
        crm.check()
    assert caught.value.reason == "credentials"
    found = Office(crm).search("0244556644")
    assert found.outcome == "degraded"
    assert [reply.problem for reply in found.replies] == ["credentials"]


def test_a_server_that_is_not_there_is_degraded_and_not_unknown(tryton: Tryton) -> None:
    crm = tryton.connect()
    crm.check()
    crm.connection = crm.connection._replace(
        account={**crm.connection.account, "base_url": "http://127.0.0.1:9"}
    )
    found = Office(crm).search("0244556655")
    assert found.outcome == "degraded"
    assert [reply.problem for reply in found.replies] == ["connection"]
