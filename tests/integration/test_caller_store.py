"""What live search notes of callers, in memory and in DynamoDB Local."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.callers import NOTED_S, DynamoCallerStore
from centralino.adapters.store.table import unknown_key
from centralino.application.save_contact import save_contact
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import PayloadError, ThrottledError
from centralino.domain.settings import Line
from tests.support.memory_store import MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

MILAN = "+390244556677"
ROME = "+390655512345"


class Index:
    """The store of callers and the contacts beside it."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.contacts = stores.contacts("acme")
        self.callers = DynamoCallerStore(
            stores.client,
            stores.table,
            "acme",
            now=lambda: self.stores.now_s,
            pause=stores.pauses.append,
        )

    @property
    def now(self) -> float:
        return self.stores.now_s

    def save(self, contact_id: str, *numbers: str) -> None:
        contact = Contact(
            contact_id, 1, "Mario", "Rossi", numbers=tuple(map(ContactNumber, numbers))
        )
        save_contact(self.contacts, contact, Line(), now_ms=1)

    def item(self, caller: str) -> dict[str, Any] | None:
        key = unknown_key("acme", caller)
        payload = {"TableName": self.stores.table, "Key": key, "ConsistentRead": True}
        item: dict[str, Any] | None = self.stores.client.call("GetItem", payload, timeout_s=5).get(
            "Item"
        )
        return item


@pytest.fixture(params=["memory", "dynamodb"])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    if request.param == "memory":
        yield Index(MemoryStores())
        return
    server = request.getfixturevalue("dynamodb")
    table = server.create_table()
    with closing(Client("dynamodb", env=server.env)) as client:
        yield Index(Stores(client, table))
    server.delete_table(table)


def test_a_caller_of_whom_nothing_is_stored_is_neither_known_nor_noted(index: Index) -> None:
    at_hand = index.callers.read([MILAN, ROME, MILAN], MILAN)
    assert (dict(at_hand.cards), at_hand.noted, at_hand.unknown_until) == ({}, False, 0)


def test_the_cards_of_a_caller_are_read_with_the_note_in_one_go(index: Index) -> None:
    index.save("hubspot:1", MILAN)
    index.callers.note_unknown(ROME, until=index.now + 300)
    at_hand = index.callers.read([MILAN, ROME], ROME)
    assert [(card.number, card.total) for card in at_hand.cards.values()] == [(MILAN, 1)]
    assert (at_hand.noted, at_hand.unknown_until) == (True, index.now + 300)


def test_a_caller_who_is_still_unknown_later_is_counted_again_and_listed_apart(
    index: Index,
) -> None:
    for calls, listed in ((1, MILAN), (2, f"!{MILAN}"), (3, f"!{MILAN}")):
        index.callers.note_unknown(MILAN, until=index.now + 300)
        item = index.item(MILAN)
        assert item
        assert item["calls"]["N"] == str(calls)
        assert item["lsk"]["S"] == listed
        assert item["lpk"]["S"].startswith("T#acme#L#unknown#")
        assert item["expires_at"]["N"] == str(int(index.now) + NOTED_S)
        index.stores.now_s += 300


def test_two_searches_for_one_call_count_once(index: Index) -> None:
    index.callers.note_unknown(MILAN, until=index.now + 300)
    index.stores.now_s += 1
    index.callers.note_unknown(MILAN, until=index.now + 300)
    item = index.item(MILAN)
    assert item
    assert item["calls"]["N"] == "1"
    assert index.callers.read([], MILAN).unknown_until == index.now + 299


def test_a_note_that_is_taken_back_leaves_nothing(index: Index) -> None:
    index.callers.note_unknown(MILAN, until=index.now + 300)
    index.callers.forget_unknown(MILAN)
    index.callers.forget_unknown(MILAN)
    assert index.item(MILAN) is None


def test_of_those_who_claim_a_caller_one_gets_it_until_it_is_released_or_lapses(
    index: Index,
) -> None:
    claim = index.callers.claim(MILAN, until=index.now + 10)
    assert claim
    assert index.callers.claim(MILAN, until=index.now + 10) == 0
    assert index.callers.claim(ROME, until=index.now + 10)
    assert index.callers.read([], MILAN).searching_until == index.now + 10
    index.callers.release(MILAN, claim)
    assert index.item(MILAN) is None
    assert index.callers.claim(MILAN, until=index.now + 10)
    index.stores.now_s += 10
    late = index.callers.claim(MILAN, until=index.now + 10)
    assert late
    # Who comes back after that has nothing to release.
    index.callers.release(MILAN, claim)
    assert index.callers.read([], MILAN).searching_until == late


def test_a_caller_who_is_only_being_searched_for_is_neither_unknown_nor_counted(
    index: Index,
) -> None:
    index.callers.claim(MILAN, until=index.now + 10)
    at_hand = index.callers.read([], MILAN)
    assert (at_hand.noted, at_hand.unknown_until) == (False, 0)
    read = index.stores.calls.read("acme", [MILAN], caller=MILAN, timeout_s=5)
    assert (read.complete, read.unknown_until) == (True, 0)
    index.callers.note_unknown(MILAN, until=index.now + 300)
    item = index.item(MILAN)
    assert item
    assert (item["calls"]["N"], item["lsk"]["S"]) == ("1", MILAN)
    assert item["expires_at"]["N"] == str(int(index.now) + NOTED_S)
    assert index.callers.read([], MILAN).searching_until == 0


def test_a_claim_on_a_caller_who_was_unknown_leaves_the_note_as_it_was(index: Index) -> None:
    index.callers.note_unknown(MILAN, until=index.now + 300)
    before = index.item(MILAN)
    index.stores.now_s += 300
    claim = index.callers.claim(MILAN, until=index.now + 10)
    at_hand = index.callers.read([], MILAN)
    assert (at_hand.noted, at_hand.searching_until) == (True, claim)
    index.callers.release(MILAN, claim)
    assert index.item(MILAN) == before
    index.callers.claim(MILAN, until=index.now + 10)
    index.callers.note_unknown(MILAN, until=index.now + 300)
    item = index.item(MILAN)
    assert item
    assert (item["calls"]["N"], item["lsk"]["S"]) == ("2", f"!{MILAN}")


def test_an_erased_person_leaves_no_note_of_calls_before_anybody_knew_them(index: Index) -> None:
    index.callers.note_unknown(MILAN, until=index.now + 300)
    index.save("hubspot:1", MILAN)
    assert index.stores.contacts("acme").erase("hubspot:1")
    assert index.item(MILAN) is None


def test_a_card_says_from_when_on_it_is_to_be_refreshed_and_changes_keep_it(index: Index) -> None:
    index.save("hubspot:1", MILAN)
    card = index.callers.refresh_at(MILAN, index.now + 60)
    assert card
    assert (card.number, card.total, card.refresh_at) == (MILAN, 1, int(index.now) + 60)
    index.save("odoo:1", MILAN)
    [read] = index.callers.read([MILAN], MILAN).cards.values()
    assert (read.total, read.refresh_at) == (2, int(index.now) + 60)
    in_a_call = index.stores.calls.read("acme", [MILAN], timeout_s=5)
    assert in_a_call.cards[MILAN].refresh_at == int(index.now) + 60


def test_a_number_without_a_card_gets_none(index: Index) -> None:
    assert index.callers.refresh_at(MILAN, index.now) is None
    assert dict(index.callers.read([MILAN], MILAN).cards) == {}


def test_another_tenant_s_callers_are_not_seen(index: Index) -> None:
    other = DynamoCallerStore(index.stores.client, index.stores.table, "other")
    index.save("hubspot:1", MILAN)
    index.callers.note_unknown(ROME, until=index.now + 300)
    at_hand = other.read([MILAN, ROME], ROME)
    assert (dict(at_hand.cards), at_hand.noted) == ({}, False)


def test_a_tenant_s_id_that_is_none_is_refused() -> None:
    with pytest.raises(PayloadError, match="tenant"):
        DynamoCallerStore(MemoryStores().client, "t", "a#b")


def test_keys_that_were_not_read_are_no_absent_ones() -> None:
    stores = MemoryStores()
    stores.dynamo.unprocessed = 1
    with pytest.raises(ThrottledError):
        Index(stores).callers.read([MILAN], MILAN)


def test_a_call_reads_the_note_with_the_cards(index: Index) -> None:
    index.save("hubspot:1", ROME)
    index.callers.note_unknown(MILAN, until=index.now + 300)
    read = index.stores.calls.read("acme", [MILAN, ROME], caller=MILAN, timeout_s=5)
    assert (list(read.cards), read.unknown_until) == ([ROME], index.now + 300)
    assert index.stores.calls.read("acme", [MILAN], timeout_s=5).unknown_until == 0


def test_a_note_that_was_not_read_only_means_that_the_crms_are_asked() -> None:
    stores = MemoryStores()
    stores.dynamo.unprocessed = 1
    read = Index(stores).stores.calls.read("acme", [MILAN], caller=MILAN, timeout_s=5)
    assert (read.complete, read.unknown_until) == (True, 0)
    stores.dynamo.unprocessed = 2
    assert not stores.calls.read("acme", [MILAN], caller=MILAN, timeout_s=5).complete


def test_an_erased_tenant_leaves_no_caller_s_number_behind(index: Index) -> None:
    index.save("hubspot:1", ROME)
    callers = [f"+3902445{place:05d}" for place in range(40)]
    for caller in callers:
        index.callers.note_unknown(caller, until=index.now)
    index.callers.note_unknown(callers[0], until=index.now)  # called again
    searched = f"+3902446{0:05d}"
    index.callers.claim(searched, until=index.now + 10)
    callers.append(searched)
    other = DynamoCallerStore(index.stores.client, index.stores.table, "other")
    other.note_unknown(MILAN, until=index.now)
    while index.contacts.purge(limit=7):
        pass
    assert not any(index.item(caller) for caller in callers)
    assert other.read([], MILAN).noted
