"""What a store promises, in memory and on DynamoDB Local."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import AwsError, Client
from centralino.adapters.store.callers import DynamoCallerStore
from centralino.adapters.store.change import TOMBSTONE_S
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.contacts import MAX_KNOWN, DynamoContactStore
from centralino.adapters.store.table import write_holder
from centralino.adapters.store.tenants import CLOSED_S
from centralino.application.index_contact import index_contact
from centralino.domain.card import HOLDERS_ON_CARD, choose
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import (
    ConflictError,
    NotFoundError,
    PayloadError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.keys import ApiKey
from centralino.domain.settings import LabelStyle, Line, Rule, Settings
from centralino.ports.call_read import Read, TenantItems
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.memory_store import NOW_S, MemoryStores, Stores
from tests.support.store_model import assert_consistent, holders_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.domain.card import Holder
    from centralino.ports.store import Known, Outcome
    from tests.support.dynamodb_local import DynamoDBLocal

NUMBER = "+390244556677"
OTHER = "+390244556688"
BLOCK = "+39024455*"
HASH = "0f" * 32
NOBODY = TenantItems(None, None)


class CountedClient:
    """The signed client, with a note of the requests."""

    def __init__(self, client: Client) -> None:
        self.requests: list[str] = []
        self._client = client

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        self.requests.append(operation)
        return self._client.call(operation, payload, timeout_s=timeout_s)

    def call_text(self, operation: str, text: str, *, timeout_s: float) -> dict[str, Any]:
        self.requests.append(operation)
        return self._client.call_text(operation, text, timeout_s=timeout_s)


class Bench:
    """Stores under test, and a look behind them."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.contacts = stores.contacts("acme")
        self.tenants = stores.tenants("acme")

    @property
    def requests(self) -> list[str]:
        assert isinstance(self.stores.client, MemoryDynamo | CountedClient)
        return self.stores.client.requests

    def items(self) -> list[dict[str, Any]]:
        raise NotImplementedError


class MemoryBench(Bench):
    def items(self) -> list[dict[str, Any]]:
        assert isinstance(self.stores, MemoryStores)
        return self.stores.dynamo.all_items()


class DynamoBench(Bench):
    def __init__(self, stores: Stores, server: DynamoDBLocal) -> None:
        super().__init__(stores)
        self._server = server

    def items(self) -> list[dict[str, Any]]:
        pages = self._server.boto3.get_paginator("scan").paginate(TableName=self.stores.table)
        return [dict(item) for page in pages for item in page["Items"]]


@pytest.fixture(params=["memory", "dynamodb"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield MemoryBench(MemoryStores())
        return
    server: DynamoDBLocal = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    table = request.getfixturevalue("table")
    yield DynamoBench(Stores(CountedClient(client), table), server)
    client.close()


@pytest.fixture
def memory() -> MemoryBench:
    """For what DynamoDB Local doesn't show: conflicts, throttling, unprocessed keys."""
    return MemoryBench(MemoryStores())


def memory_of(bench: MemoryBench) -> MemoryDynamo:
    assert isinstance(bench.stores, MemoryStores)
    return bench.stores.dynamo


def contact(
    contact_id: str = "crm:1",
    version: int = 1,
    *numbers: str,
    name: str = "Rossi",
    kind: str = "mobile",
    updated_at_ms: int = 0,
) -> Contact:
    return Contact(
        contact_id,
        version,
        last_name=name,
        numbers=tuple(
            ContactNumber(number, kind, indexed=number) for number in numbers or (NUMBER,)
        ),
        updated_at_ms=updated_at_ms,
    )


def save(bench: Bench, it: Contact, known: Known | None = None) -> Outcome:
    return bench.contacts.save(it, holders_of(it), known=known)


def names_on(bench: Bench, number: str) -> set[str]:
    cards = bench.stores.calls.read("acme", [number], timeout_s=5).cards
    return {holder.name for holder in cards[number].holders} if number in cards else set()


# --- one contact --------------------------------------------------------------------------------


def test_a_saved_contact_is_found_by_every_number_it_has(bench: Bench) -> None:
    it = contact("crm:1", 7, NUMBER, OTHER)
    assert save(bench, it) == "created"
    read = bench.stores.calls.read("acme", [NUMBER, OTHER, "+39066"], timeout_s=5)
    assert read.cards.keys() == {NUMBER, OTHER}
    assert read.cards[NUMBER].holders == (holders_of(it)[NUMBER],)
    assert read.cards[NUMBER].total == 1
    assert read.complete
    assert bench.contacts.get("crm:1") == it


def test_a_new_contact_takes_one_round_trip(bench: Bench) -> None:
    save(bench, contact())
    assert bench.requests == ["TransactWriteItems"]


def test_a_changed_contact_takes_two_round_trips_or_one_if_it_was_looked_up(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    save(bench, contact(version=1))
    bench.requests.clear()
    assert save(bench, contact("crm:1", 2, OTHER)) == "changed"
    assert bench.requests == ["TransactWriteItems"] * 2
    known = bench.contacts.known(["crm:1"])
    bench.requests.clear()
    assert save(bench, contact("crm:1", 3, NUMBER), known["crm:1"]) == "changed"
    assert bench.requests == ["TransactWriteItems"]
    assert names_on(bench, OTHER) == set()
    assert names_on(bench, NUMBER) == {"Rossi"}


def test_a_contact_that_is_stored_to_the_letter_is_not_written_again(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    save(bench, contact())
    before = bench.items()
    known = bench.contacts.known(["crm:1", "crm:2", "crm:1"])
    assert known.keys() == {"crm:1"}
    bench.requests.clear()
    assert save(bench, contact(), known["crm:1"]) == "unchanged"
    assert bench.requests == []
    assert save(bench, contact()) == "unchanged"
    assert bench.items() == before


def test_a_newer_version_with_the_same_content_is_noted_and_leaves_the_cards_alone(
    bench: Bench,
) -> None:
    save(bench, contact(version=1))
    cards = [item for item in bench.items() if item["sk"]["S"] == "N"]
    assert save(bench, contact(version=5)) == "changed"
    assert [item for item in bench.items() if item["sk"]["S"] == "N"] == cards
    assert save(bench, contact(version=4, name="Verdi")) == "stale"


def test_an_older_version_changes_nothing(bench: Bench) -> None:
    save(bench, contact(version=2, name="Verdi"))
    assert save(bench, contact("crm:1", 1, OTHER)) == "stale"
    assert names_on(bench, NUMBER) == {"Verdi"}
    assert names_on(bench, OTHER) == set()


def test_the_same_version_with_other_content_still_applies(bench: Bench) -> None:
    save(bench, contact(version=2, name="Rossi"))
    assert save(bench, contact(version=2, name="Verdi")) == "changed"
    assert names_on(bench, NUMBER) == {"Verdi"}


def test_what_was_known_of_a_contact_may_be_old(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    save(bench, contact(version=1))
    known = bench.contacts.known(["crm:1"])["crm:1"]
    save(bench, contact("crm:1", 5, OTHER, name="Verdi"))
    assert save(bench, contact(version=3), known) == "stale"
    assert save(bench, contact("crm:1", 6, OTHER, name="Neri"), known) == "changed"
    assert names_on(bench, OTHER) == {"Neri"}
    assert names_on(bench, NUMBER) == set()


def test_a_deleted_contact_leaves_its_cards_and_late_events_do_not_bring_it_back(
    bench: Bench,
) -> None:
    save(bench, contact(version=1))
    assert bench.contacts.delete("crm:1", 3) == "changed"
    assert names_on(bench, NUMBER) == set()
    assert bench.contacts.get("crm:1") is None
    assert save(bench, contact(version=2)) == "stale"
    assert save(bench, contact(version=3)) == "stale"
    assert bench.contacts.delete("crm:1", 3) == "unchanged"
    assert save(bench, contact(version=4)) == "created"
    assert names_on(bench, NUMBER) == {"Rossi"}


def test_a_deletion_that_comes_before_its_contact_stops_it(bench: Bench) -> None:
    assert bench.contacts.delete("crm:1", 2) == "created"
    assert save(bench, contact(version=1)) == "stale"
    assert names_on(bench, NUMBER) == set()


def test_a_deletion_of_an_older_version_changes_nothing(bench: Bench) -> None:
    save(bench, contact(version=5))
    assert bench.contacts.delete("crm:1", 4) == "stale"
    assert names_on(bench, NUMBER) == {"Rossi"}


def test_a_tombstone_that_has_had_its_time_counts_for_nothing_though_it_is_there(
    bench: Bench,
) -> None:
    bench.contacts.delete("crm:1", 9)
    bench.stores.now_s = NOW_S + TOMBSTONE_S - 1
    assert save(bench, contact(version=1)) == "stale"
    bench.stores.now_s = NOW_S + TOMBSTONE_S
    assert save(bench, contact(version=1)) == "created"
    assert names_on(bench, NUMBER) == {"Rossi"}


def test_nothing_is_left_of_an_erased_person_but_the_word_that_the_id_is_erased(
    bench: Bench,
) -> None:
    save(bench, contact("crm:1", 1, NUMBER, OTHER, name="Marcondiro"))
    assert bench.contacts.erase("crm:1") is True
    [item] = bench.items()
    assert "Marcondiro" not in json.dumps(item)
    assert item.keys() == {
        "pk", "sk", "type", "sv", "r", "version", "lpk", "lsk", "expires_at",
    }  # fmt: skip
    assert save(bench, contact(version=2**53 - 2)) == "stale"
    assert bench.contacts.erase("crm:1") is False
    assert bench.contacts.page().contacts == ()


def test_an_erasure_of_somebody_who_is_not_there_writes_nothing_and_the_id_stays_free(
    bench: Bench,
) -> None:
    assert bench.contacts.erase("crm:1") is False
    assert bench.items() == []
    assert save(bench, contact()) == "created"
    bench.contacts.delete("crm:1", 3)
    deleted = bench.items()
    assert bench.contacts.erase("crm:1") is False
    assert bench.items() == deleted
    assert save(bench, contact(version=3)) == "stale"
    assert save(bench, contact(version=4)) == "created"


def test_an_erasure_takes_two_round_trips_and_one_a_number_or_one_if_nobody_is_there(
    bench: Bench,
) -> None:
    bench.contacts.erase("crm:1")
    assert bench.requests == ["GetItem"]
    save(bench, contact("crm:1", 1, NUMBER, OTHER))
    bench.requests.clear()
    assert bench.contacts.erase("crm:1") is True
    assert bench.requests == ["GetItem", "DeleteItem", "DeleteItem", "TransactWriteItems"]


def test_a_contact_that_is_to_be_new_does_not_replace_one_whatever_its_version(
    bench: Bench,
) -> None:
    it = contact("crm:1", 5)
    assert bench.contacts.save(it, holders_of(it), new=True) == "created"
    before = bench.items()
    for version in (4, 5, 6):
        other = contact("crm:1", version, OTHER, name="Verdi")
        for again in (it._replace(version=version), other):
            with pytest.raises(ConflictError):
                bench.contacts.save(again, holders_of(again), new=True)
    assert bench.items() == before
    bench.contacts.delete("crm:1", 7)
    late, later = it._replace(version=7), it._replace(version=8)
    assert bench.contacts.save(late, holders_of(late), new=True) == "stale"
    assert bench.contacts.save(later, holders_of(later), new=True) == "created"


def test_of_two_who_create_a_contact_at_once_one_succeeds(bench: Bench) -> None:
    first, second = contact("crm:1", 1), contact("crm:1", 2, OTHER, name="Verdi")
    writers = [bench.contacts.save_steps(it, holders_of(it), new=True) for it in (first, second)]
    # Both have decided before either one's request arrives.
    requests = [next(steps) for steps in writers]
    answer = bench.stores.client.call(*requests[0], timeout_s=5)
    with pytest.raises(StopIteration) as done:
        writers[0].send(answer)
    assert done.value.value == "created"
    with pytest.raises(AwsError) as refused:
        bench.stores.client.call(*requests[1], timeout_s=5)
    with pytest.raises(ConflictError):
        writers[1].throw(refused.value)
    assert bench.contacts.get("crm:1") == first
    assert names_on(bench, OTHER) == set()


def test_every_field_of_a_contact_comes_back(bench: Bench) -> None:
    it = Contact(
        "google:people/c42:x",
        2**53 - 2,
        "Zoë \N{GRINNING FACE}",
        "D'Ànnunzio",
        "Σίσυφος",
        (
            ContactNumber("02 4455 6677", "work", primary=True, indexed=NUMBER),
            ContactNumber("call me", problem="no number"),
        ),
        "IT01234567890",
        "owner@crm",
        ("vip", "north"),
        "overdue",
        "https://crm.example/42?a=b",
        1_763_700_000_123,
    )
    save(bench, it)
    assert bench.contacts.get(it.id) == it
    [listed] = bench.contacts.page().contacts
    assert listed == it


def test_every_field_of_a_holder_comes_back(bench: Bench) -> None:
    it = contact()
    holder = holders_of(it)[NUMBER]._replace(
        primary=True,
        parts={"p": [["M. Rossi", 8]], "é": {"l": 1}},
        person="rossi mario",
        company="Rossi & Figli",
        company_key="rossi figli",
        customer_code="IT1",
        status="overdue",
        url="https://crm.example/1",
    )
    bench.contacts.save(it, {NUMBER: holder})
    read = bench.stores.calls.read("acme", [NUMBER], timeout_s=5)
    assert read.cards[NUMBER].holders == (holder,)


def test_an_id_that_could_reach_another_key_is_refused(bench: Bench) -> None:
    for wrong in ("crm:1#N", "crm", "crm:", "crm:a\x00", "CRM:1", "crm:" + "x" * 201):
        with pytest.raises(PayloadError, match=r"^id: "):
            bench.contacts.get(wrong)
        with pytest.raises(PayloadError, match=r"^id: "):
            save(bench, contact(wrong))
        with pytest.raises(PayloadError, match=r"^id: "):
            bench.contacts.delete(wrong, 1)
    for tenant in ("acme#N", "a", "ACME", "x" * 13, ""):
        with pytest.raises(PayloadError, match=r"^tenant: "):
            bench.stores.contacts(tenant)
        with pytest.raises(PayloadError, match=r"^tenant: "):
            bench.stores.tenants(tenant)
    assert bench.requests == []


def test_a_version_that_no_client_could_hold_is_refused(bench: Bench) -> None:
    for version in (-1, 2**53 - 1):
        with pytest.raises(PayloadError, match=r"^version: "):
            save(bench, contact(version=version))
    for version in (-1, 2**53):
        with pytest.raises(PayloadError, match=r"^version: "):
            bench.contacts.delete("crm:1", version)


def test_a_key_that_is_no_number_is_refused(bench: Bench) -> None:
    it = contact()
    for wrong in ("390244556677", "+39#N", "+", "+39*1", "+39\n"):
        with pytest.raises(PayloadError, match=r"^numbers: "):
            bench.contacts.save(it, {wrong: holders_of(it)[NUMBER]})
        with pytest.raises(PayloadError, match=r"^number: "):
            bench.contacts.holders(wrong)


def test_two_tenants_with_the_same_ids_and_numbers_never_meet(bench: Bench) -> None:
    other = bench.stores.contacts("bell")
    mine, theirs = contact(name="Rossi"), contact(name="Verdi")
    save(bench, mine)
    other.save(theirs, holders_of(theirs))
    assert names_on(bench, NUMBER) == {"Rossi"}
    assert other.get("crm:1") == theirs
    bench.contacts.erase("crm:1")
    assert other.get("crm:1") == theirs
    assert [it.last_name for it in other.page().contacts] == ["Verdi"]
    assert other.holders(NUMBER).total == 1


# --- events that come again -----------------------------------------------------------------------


def marks(bench: Bench) -> list[dict[str, Any]]:
    return [item for item in bench.items() if item["type"]["S"] == "Delivery"]


def save_for(bench: Bench, it: Contact, delivery: str) -> Outcome:
    return bench.contacts.save(it, holders_of(it), delivery=delivery)


def test_an_event_that_comes_again_changes_nothing_even_if_it_says_something_else(
    bench: Bench,
) -> None:
    assert save_for(bench, contact(version=1), "evt-1") == "created"
    before = bench.items()
    for _ in range(3):
        assert save_for(bench, contact("crm:1", 9, OTHER, name="Verdi"), "evt-1") == "duplicate"
        assert bench.contacts.delete("crm:1", 9, delivery="evt-1") == "duplicate"
    assert bench.items() == before
    assert save_for(bench, contact("crm:1", 9, OTHER, name="Verdi"), "evt-2") == "changed"


def test_an_event_of_two_contacts_is_applied_to_each_of_them_once(bench: Bench) -> None:
    save(bench, contact("crm:loser", 1))
    assert bench.contacts.delete("crm:loser", 2, delivery="merge") == "changed"
    assert save_for(bench, contact("crm:winner", 2), "merge") == "created"
    assert save_for(bench, contact("crm:winner", 3), "merge") == "duplicate"
    assert bench.contacts.delete("crm:loser", 3, delivery="merge") == "duplicate"


def test_an_event_of_one_tenant_is_news_to_another(bench: Bench) -> None:
    save_for(bench, contact(version=1), "evt-1")
    other = bench.stores.contacts("other")
    it = contact(version=1)
    assert other.save(it, holders_of(it), delivery="evt-1") == "created"
    assert other.seen([("crm:1", "evt-1")])


def test_an_event_that_changed_nothing_leaves_no_mark(bench: Bench) -> None:
    save(bench, contact(version=5))
    assert save_for(bench, contact(version=4), "late") == "stale"
    assert save_for(bench, contact(version=5), "same") == "unchanged"
    assert bench.contacts.delete("crm:1", 4, delivery="gone") == "stale"
    assert marks(bench) == []


def test_a_mark_holds_nothing_but_a_hash_and_its_end_25_hours_later(bench: Bench) -> None:
    save_for(bench, contact(), "evt-1")
    [item] = marks(bench)
    assert item.keys() == {"pk", "sk", "type", "sv", "expires_at"}
    assert re.fullmatch(r"T#acme#E#[0-9a-f]{64}", item["pk"]["S"])
    assert int(item["expires_at"]["N"]) == int(NOW_S) + 25 * 3_600


def test_which_events_were_seen_can_be_asked_and_is_forgotten_after_25_hours(
    bench: Bench,
) -> None:
    save_for(bench, contact(), "evt-1")
    asked = {("crm:1", "evt-1"), ("crm:1", "evt-2"), ("crm:2", "evt-1"), ("crm:1", "")}
    assert bench.contacts.seen(asked) == {("crm:1", "evt-1")}
    bench.requests.clear()
    assert bench.contacts.seen([("crm:1", ""), ("crm:2", "")]) == frozenset()
    assert bench.requests == []
    bench.stores.now_s += 25 * 3_600
    # DynamoDB removes it late: until then it counts for nothing.
    assert bench.contacts.seen(asked) == frozenset()
    assert save_for(bench, contact(version=2), "evt-1") == "changed"
    assert bench.contacts.seen(asked) == {("crm:1", "evt-1")}


def test_an_event_that_takes_several_transactions_is_marked_by_the_last(
    memory: MemoryBench,
) -> None:
    crowd = [f"+390244{number:06}" for number in range(40)]
    others = [f"+390255{number:06}" for number in range(40)]
    for number in (*crowd, *others):
        for place in range(HOLDERS_ON_CARD + 1):
            save(memory, contact(f"crm:{number}-{place}", 1, number))
    save(memory, contact("crm:1", 1, *crowd, updated_at_ms=5))
    moved = contact("crm:1", 2, *others, updated_at_ms=5)
    client = MarkWatch(memory_of(memory))
    store = DynamoContactStore(client, client.dynamo.table, "acme")
    assert store.save(moved, holders_of(moved), delivery="evt-1") == "changed"
    *earlier, last = client.marked
    assert earlier
    assert not any(earlier)
    assert last
    assert_consistent("acme", memory.items(), HOLDERS_ON_CARD)


class MarkWatch:
    """Notes of each transaction that was carried out whether it put a mark."""

    def __init__(self, dynamo: MemoryDynamo) -> None:
        self.dynamo = dynamo
        self.marked: list[bool] = []

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        answer = self.dynamo.call(operation, payload, timeout_s=timeout_s)
        if operation == "TransactWriteItems":
            self.marked.append('"Delivery"' in json.dumps(payload))
        return answer


# --- many holders of one number -----------------------------------------------------------------


def test_a_number_of_25_contacts_shows_the_20_best_and_counts_the_rest(bench: Bench) -> None:
    people = [
        contact(f"crm:{n}", 1, kind="switchboard" if n % 2 else "mobile", updated_at_ms=n)
        for n in range(25)
    ]
    for person in people:
        assert save(bench, person) == "created"
    card = bench.stores.calls.read("acme", [NUMBER], timeout_s=5).cards[NUMBER]
    assert card.total == 25
    direct = [f"crm:{n}" for n in range(24, -1, -2)]
    switchboard = [f"crm:{n}" for n in range(23, -1, -2)]
    ranked = direct + switchboard
    assert {holder.id for holder in card.holders} == set(ranked[:20])
    first = bench.contacts.holders(NUMBER)
    second = bench.contacts.holders(NUMBER, cursor=first.cursor, limit=3)
    third = bench.contacts.holders(NUMBER, cursor=second.cursor, limit=3)
    listed = [holder.id for page in (first, second, third) for holder in page.holders]
    assert listed == ranked
    assert third.cursor == ""
    assert_consistent("acme", bench.items(), HOLDERS_ON_CARD)


def test_when_a_holder_leaves_a_full_card_the_best_of_the_others_takes_its_place(
    bench: Bench,
) -> None:
    for n in range(23):
        save(bench, contact(f"crm:{n}", 1, updated_at_ms=n))
    bench.contacts.delete("crm:22", 2)
    card = bench.stores.calls.read("acme", [NUMBER], timeout_s=5).cards[NUMBER]
    assert {holder.id for holder in card.holders} == {f"crm:{n}" for n in range(2, 22)}
    assert card.total == 22
    assert_consistent("acme", bench.items(), HOLDERS_ON_CARD)
    for n in range(23):
        bench.contacts.erase(f"crm:{n}")
    assert {item["type"]["S"] for item in bench.items()} == {"Tombstone"}


def test_a_holder_that_gets_better_or_worse_changes_places(bench: Bench) -> None:
    for n in range(22):
        save(bench, contact(f"crm:{n}", 1, updated_at_ms=100 + n))
    save(bench, contact("crm:0", 2, updated_at_ms=500))
    save(bench, contact("crm:21", 2, updated_at_ms=1))
    card = bench.stores.calls.read("acme", [NUMBER], timeout_s=5).cards[NUMBER]
    assert {holder.id for holder in card.holders} == {
        f"crm:{n}" for n in range(22) if n not in {1, 21}
    }
    assert_consistent("acme", bench.items(), HOLDERS_ON_CARD)


def test_a_number_of_3000_contacts_stays_one_small_read_and_can_be_emptied(
    memory: MemoryBench,
) -> None:
    for n in range(3_000):
        save(memory, contact(f"crm:{n}", 1, updated_at_ms=n * 7919 % 3_000))
    memory.requests.clear()
    card = memory.stores.calls.read("acme", [NUMBER], timeout_s=5).cards[NUMBER]
    assert memory.requests == ["BatchGetItem"]
    assert (len(card.holders), card.total) == (HOLDERS_ON_CARD, 3_000)
    assert_consistent("acme", memory.items(), HOLDERS_ON_CARD)
    for n in range(3_000):
        memory.contacts.erase(f"crm:{n}")
    assert {item["type"]["S"] for item in memory.items()} == {"Tombstone"}


def test_the_holders_that_a_card_keeps_are_those_that_a_call_would_choose(
    memory: MemoryBench,
) -> None:
    kinds = ["mobile", "direct", "work", "home", "switchboard", "fax", "other"]
    for n in range(60):
        it = contact(f"crm:{n}", 1, kind=kinds[n % 7], updated_at_ms=n * 37 % 11)
        primary = it.numbers[0]._replace(primary=n % 3 == 0)
        save(memory, it._replace(numbers=(primary,)))
    everyone: list[Holder] = []
    page = memory.contacts.holders(NUMBER)
    while True:
        everyone += page.holders
        if not page.cursor:
            break
        page = memory.contacts.holders(NUMBER, cursor=page.cursor, limit=7)
    chosen = []
    left = list(everyone)
    while left:
        best = choose(left, 0, ()).holder
        chosen.append(best.id)
        left.remove(best)
    assert [holder.id for holder in everyone] == chosen


def test_a_card_that_was_mended_by_hand_is_mended_by_the_next_save(memory: MemoryBench) -> None:
    save(memory, contact("crm:1", 1, NUMBER, OTHER))
    save(memory, contact("crm:2", 1))
    assert isinstance(memory.stores, MemoryStores)
    items = memory.stores.dynamo.items
    del items[f"T#acme#N#{OTHER}"]
    items[f"T#acme#N#{NUMBER}"]["N"].pop("h:crm:1")
    items[f"T#acme#N#{NUMBER}"]["N"]["n"] = {"N": "1"}
    assert save(memory, contact("crm:1", 2, NUMBER, OTHER, name="Neri")) == "changed"
    assert_consistent("acme", memory.items(), HOLDERS_ON_CARD)
    del items[f"T#acme#N#{OTHER}"]
    assert memory.contacts.delete("crm:1", 3) == "changed"
    assert_consistent("acme", memory.items(), HOLDERS_ON_CARD)
    items[f"T#acme#N#{OTHER}"]["N"] = memory.items()[0] | {
        "pk": {"S": f"T#acme#N#{OTHER}"},
        "sk": {"S": "N"},
        "type": {"S": "NumberCard"},
        "n": {"N": "1"},
        "h:crm:3": {"S": "[]"},
    }
    for name in ("version", "lpk", "lsk", "doc", "held", "digest", "expires_at"):
        items[f"T#acme#N#{OTHER}"]["N"].pop(name, None)
    assert save(memory, contact("crm:3", 1, OTHER)) == "created"
    assert_consistent("acme", memory.items(), HOLDERS_ON_CARD)


# --- blocks -------------------------------------------------------------------------------------


def test_the_first_block_of_a_length_adds_it_to_the_settings(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    save(bench, contact("crm:1", 1, BLOCK, "+3906123*"))
    settings = bench.tenants.settings()
    assert settings
    assert settings.block_lengths == (8, 7)
    assert names_on(bench, BLOCK) == {"Rossi"}
    bench.requests.clear()
    save(bench, contact("crm:2", 1, BLOCK))
    assert bench.requests == ["TransactWriteItems"]


def test_settings_saved_by_an_administrator_leave_the_block_lengths_alone(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    before = bench.tenants.settings()
    assert before
    save(bench, contact("crm:1", 1, BLOCK))
    bench.tenants.save_settings(before._replace(exten_pattern="2."))
    after = bench.tenants.settings()
    assert after
    assert (after.block_lengths, after.exten_pattern, after.version) == ((8,), "2.", 2)


def test_a_number_that_nobody_has_has_no_holders(bench: Bench) -> None:
    assert bench.contacts.holders(NUMBER) == ((), 0, "")


def test_a_block_of_a_tenant_that_is_not_there_is_refused(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        save(bench, contact("crm:1", 1, BLOCK))
    assert bench.items() == []


# --- lists --------------------------------------------------------------------------------------


def test_a_list_shows_every_contact_once_page_by_page(bench: Bench) -> None:
    for n in range(30):
        save(bench, contact(f"crm:{n}", 1, f"+39024455{n:04}"))
    bench.contacts.delete("crm:7", 2)
    seen: list[str] = []
    cursor = ""
    while True:
        page = bench.contacts.page(cursor=cursor, limit=7)
        assert len(page.contacts) <= 7
        seen += [it.id for it in page.contacts]
        cursor = page.cursor
        if not cursor:
            break
    assert sorted(seen) == sorted(f"crm:{n}" for n in range(30) if n != 7)
    assert bench.contacts.count() == 29
    assert bench.contacts.count(at_most=10) == 10


def test_contacts_with_a_number_that_cannot_be_indexed_are_listed_until_it_can(
    bench: Bench,
) -> None:
    bad = contact("crm:1")._replace(numbers=(ContactNumber("3.90245E+11", problem="a sum"),))
    save(bench, bad)
    save(bench, contact("crm:2"))
    assert [it.id for it in bench.contacts.page(problems=True).contacts] == ["crm:1"]
    assert len(bench.contacts.page().contacts) == 2
    save(bench, contact("crm:1", 2))
    assert bench.contacts.page(problems=True).contacts == ()


def test_a_contact_that_the_index_lists_after_it_has_gone_is_not_shown(
    memory: MemoryBench,
) -> None:
    save(memory, contact("crm:1")._replace(numbers=(ContactNumber("x", problem="no number"),)))
    save(memory, contact("crm:2"))
    dynamo = memory_of(memory)
    del dynamo.items["T#acme#C#crm:2"]
    [entry] = dynamo.items["T#acme#C#crm:1"].values()
    entry["doc"] = {"S": "{}"}
    assert [it.id for it in memory.contacts.page().contacts] == ["crm:1"]
    assert memory.contacts.page(problems=True).contacts == ()
    assert memory.contacts.purge() == 1


def test_a_cursor_that_is_not_ours_is_refused(bench: Bench) -> None:
    save(bench, contact())
    for wrong in ("x", "é", "OTkuYQ", "My5hI2I", "LTEuYQ", "4pyT", "a" * 5_000):
        with pytest.raises(PayloadError, match=r"^cursor: "):
            bench.contacts.page(cursor=wrong)
        with pytest.raises(PayloadError, match=r"^cursor: "):
            bench.contacts.holders(NUMBER, cursor=wrong)
    for limit in (0, 101):
        with pytest.raises(PayloadError, match=r"^limit: "):
            bench.contacts.page(limit=limit)


def test_an_import_looks_up_a_batch_in_one_round_trip(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    save(bench, contact("crm:1", 4))
    bench.contacts.delete("crm:2", 9)
    bench.requests.clear()
    known = bench.contacts.known([f"crm:{n}" for n in range(MAX_KNOWN)])
    assert bench.requests == ["BatchGetItem"]
    assert {id_: (it.version, it.deleted) for id_, it in known.items()} == {
        "crm:1": (4, False),
        "crm:2": (9, True),
    }
    with pytest.raises(PayloadError):
        bench.contacts.known([f"crm:{n}" for n in range(MAX_KNOWN + 1)])


def test_an_import_into_a_tenant_that_is_erased_stops(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        bench.contacts.known(["crm:1"])
    bench.stores.create_tenant("acme")
    assert bench.contacts.known(["crm:1"]) == {}
    bench.tenants.close()
    with pytest.raises(NotFoundError):
        bench.contacts.known(["crm:1"])


# --- the tenant ---------------------------------------------------------------------------------


def test_a_new_tenant_has_its_settings_and_its_first_key(bench: Bench) -> None:
    settings = Settings(
        "acme",
        line=Line("DE", "30", "plus", "0", (Rule("^99", ""),), 2.5),
        trunks={"milan": {"country": "IT"}},
        dids={"390244": {"area_code": "02"}},
        label=LabelStyle(20, "{flag}{name}", {"overdue": "!"}, "latin-1"),
        extens={"21": "Zoë"},
        exten_pattern="2.",
        source_priority=("hubspot", "csv"),
        origins=("https://crm.example",),
        crms=("hubspot",),
        live_search_s=0.5,
    )
    key = ApiKey(HASH, "admin", "first", 1, 0, ("192.0.2.0/24",), "21")
    bench.tenants.create(settings, key)
    assert bench.tenants.settings() == settings._replace(version=1)
    assert bench.tenants.keys() == (key,)
    with pytest.raises(ConflictError):
        bench.tenants.create(settings, key._replace(hash="ee" * 32))
    assert bench.tenants.keys() == (key,)


def test_settings_are_saved_over_the_version_that_was_read(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    read = bench.tenants.settings()
    assert read
    saved = bench.tenants.save_settings(read._replace(exten_pattern="2."))
    assert saved.version == read.version + 1
    with pytest.raises(ConflictError):
        bench.tenants.save_settings(read._replace(exten_pattern="3."))
    assert bench.tenants.settings() == saved
    with pytest.raises(NotFoundError):
        bench.stores.tenants("bell").save_settings(Settings("bell", version=1))
    assert bench.stores.tenants("bell").settings() is None


def test_keys_are_listed_until_they_expire_or_are_removed(bench: Bench) -> None:
    keys = bench.stores.create_tenant("acme")
    short = ApiKey(HASH, "pbx", created_at=5, expires_at=int(NOW_S) + 60)
    bench.tenants.add_key(short)
    first, *others = bench.tenants.keys()
    assert len(others) == len(keys)
    assert others[-1] == short
    bench.stores.now_s = NOW_S + 60
    assert bench.tenants.keys() == (first, *others[:-1])
    assert bench.tenants.remove_key(first.hash) is True
    assert bench.tenants.remove_key(first.hash) is False
    assert bench.tenants.keys() == tuple(others[:-1])
    with pytest.raises(NotFoundError):
        bench.stores.tenants("bell").add_key(short)


def test_a_key_can_be_removed_only_while_another_one_is_there(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    keys = bench.tenants.keys()
    first, second, *others = (key.hash for key in keys)
    assert bench.tenants.remove_key(first, while_there=HASH) is False
    assert bench.tenants.keys() == keys
    assert bench.tenants.remove_key(first, while_there=second) is True
    assert bench.tenants.remove_key(second, while_there=first) is False
    assert bench.tenants.remove_key(first, while_there=second) is False
    assert [key.hash for key in bench.tenants.keys()] == [second, *others]  # noqa: SIM118 - a store


def test_a_closed_tenant_has_no_settings_no_keys_and_no_way_to_get_any(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    closed_at = bench.tenants.close()
    assert closed_at == int(NOW_S)
    bench.stores.now_s = NOW_S + 100
    assert bench.tenants.close() == closed_at
    assert bench.tenants.settings() is None
    assert bench.tenants.keys() == ()
    with pytest.raises(NotFoundError):
        bench.tenants.add_key(ApiKey(HASH, "admin"))
    with pytest.raises(NotFoundError):
        bench.tenants.save_settings(Settings("acme", version=1))
    with pytest.raises(ConflictError):
        bench.stores.create_tenant("acme")
    bench.stores.now_s = NOW_S + CLOSED_S + 1
    bench.stores.create_tenant("acme")
    assert bench.tenants.settings()
    with pytest.raises(NotFoundError):
        bench.stores.tenants("bell").close()


def test_purging_a_tenant_leaves_nothing_of_it_and_all_of_the_others(bench: Bench) -> None:
    other = bench.stores.contacts("bell")
    theirs = contact()
    other.save(theirs, holders_of(theirs))
    for n in range(25):
        save(bench, contact(f"crm:{n}", 1, NUMBER, f"+39024455{n:04}"))
    bench.contacts.delete("crm:3", 9)
    bench.contacts.erase("crm:4")
    removed = []
    while count := bench.contacts.purge(limit=10):
        removed.append(count)
    assert sum(removed) == 25
    assert max(removed) == 10
    assert all(item["pk"]["S"].startswith("T#bell#") for item in bench.items())
    assert other.get("crm:1") == theirs


def test_of_a_tenant_that_is_erased_only_hashes_with_an_end_and_the_taken_id_are_left(
    bench: Bench,
) -> None:
    stores = bench.stores
    stores.create_tenant("acme")
    links = DynamoConnectionStore(stores.client, stores.table, "acme", now=lambda: stores.now_s)
    links.save("hubspot", {"base_url": "https://crm.example"}, now_s=NOW_S)
    links.mark("hubspot", "run-1", 1, ["17", "18"])
    callers = DynamoCallerStore(stores.client, stores.table, "acme", now=lambda: stores.now_s)
    for _ in range(2):
        callers.note_unknown("+393471234567", until=stores.now_s + 300)
        stores.now_s += 400
    save_for(bench, contact("hubspot:17", 1, NUMBER, BLOCK), "evt-1")
    bench.contacts.delete("hubspot:18", 3, delivery="evt-2")
    bench.tenants.close()
    while bench.contacts.purge(limit=100):
        pass
    left = bench.items()
    assert sorted(item["type"]["S"] for item in left) == [
        "ClosedTenant",
        "Delivery",
        "Delivery",
        "Marks",
    ]
    assert all("expires_at" in item for item in left)
    assert not any("lpk" in item for item in left)
    for trace in ("+39", "crm.example", "Rossi", "hubspot:1", "evt-"):
        assert trace not in json.dumps(left)


# --- the call path ------------------------------------------------------------------------------


def test_a_cold_call_reads_cards_settings_and_key_in_one_round_trip(bench: Bench) -> None:
    key = ApiKey(HASH, "pbx", "Asterisk", 7, int(NOW_S) + 5, ("192.0.2.0/24",))
    bench.tenants.create(Settings("acme"), key)
    save(bench, contact("crm:1", 1, NUMBER, BLOCK))
    bench.requests.clear()
    read = bench.stores.calls.read("acme", [NUMBER, NUMBER, BLOCK], key_hash=HASH, timeout_s=5)
    assert bench.requests == ["BatchGetItem"]
    assert read.cards.keys() == {NUMBER, BLOCK}
    assert read.tenant
    assert read.tenant.key == key
    assert read.tenant.settings == Settings("acme", version=1, block_lengths=(8,))
    assert read.complete


def test_a_call_with_an_unknown_key_or_tenant_learns_just_that(bench: Bench) -> None:
    bench.stores.create_tenant("acme")
    read = bench.stores.calls.read("acme", [], key_hash=HASH, timeout_s=5)
    assert read.tenant
    assert read.tenant.settings
    assert read.tenant.key is None
    assert bench.stores.calls.read("bell", [], key_hash=HASH, timeout_s=5).tenant == NOBODY
    bench.tenants.close()
    assert bench.stores.calls.read("acme", [], key_hash=HASH, timeout_s=5).tenant == NOBODY


def test_a_call_that_asks_for_nothing_sends_nothing(bench: Bench) -> None:
    assert bench.stores.calls.read("acme", [], timeout_s=5) == Read({}, None, complete=True)
    assert bench.requests == []


# --- what DynamoDB Local doesn't show -----------------------------------------------------------


def conflict(items: int) -> AwsError:
    reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"} for _ in range(items - 1))]
    return AwsError("TransactionCanceledException", "", {"CancellationReasons": reasons})


def test_a_call_with_unprocessed_keys_is_incomplete_not_a_miss(memory: MemoryBench) -> None:
    memory.stores.create_tenant("acme")
    save(memory, contact())
    memory_of(memory).unprocessed = 1
    read = memory.stores.calls.read("acme", [OTHER, NUMBER], timeout_s=5)
    assert not read.complete
    read = memory.stores.calls.read("acme", [NUMBER], key_hash=HASH, timeout_s=5)
    assert read.cards.keys() == {NUMBER}
    assert read.tenant is None
    assert not read.complete


def test_an_item_that_makes_no_sense_is_a_store_that_fails_not_a_crash(
    memory: MemoryBench,
) -> None:
    save(memory, contact())
    memory_of(memory).items[f"T#acme#N#{NUMBER}"]["N"]["h:crm:1"] = {"S": "{"}
    with pytest.raises(UnavailableError, match="malformed"):
        memory.stores.calls.read("acme", [NUMBER], timeout_s=5)


def test_a_request_that_dynamodb_refuses_is_a_store_that_fails(memory: MemoryBench) -> None:
    memory_of(memory).faults = [AwsError("ValidationException", "", {})]
    with pytest.raises(UnavailableError):
        memory.stores.calls.read("acme", [NUMBER], timeout_s=5)


def test_a_writer_that_collides_with_another_tries_again_after_a_while(
    memory: MemoryBench,
) -> None:
    memory_of(memory).faults = [
        conflict(2),
        AwsError("TransactionInProgressException", "", {}),
        conflict(2),
    ]
    assert save(memory, contact()) == "created"
    assert len(memory.stores.pauses) == 3
    assert max(memory.stores.pauses) < 0.5


def test_a_writer_that_collides_every_time_gives_up(memory: MemoryBench) -> None:
    memory_of(memory).faults = [conflict(2)] * 100
    with pytest.raises(UnavailableError, match="contention"):
        save(memory, contact())
    memory_of(memory).faults = [conflict(1)] * 100
    with pytest.raises(ThrottledError, match="contention"):
        memory.stores.create_tenant("acme")


def test_a_refusal_that_is_not_about_others_is_not_tried_again(memory: MemoryBench) -> None:
    refusal = AwsError("ValidationException", "too large", {})
    for act in (
        lambda: save(memory, contact()),
        lambda: save(memory, contact("crm:1", 1, BLOCK)),
        lambda: memory.stores.create_tenant("acme"),
    ):
        memory_of(memory).faults = [refusal]
        with pytest.raises(AwsError, match="too large"):
            act()
    reasons = [{"Code": "ValidationError"}, {"Code": "None"}]
    body = {"CancellationReasons": reasons}
    memory_of(memory).faults = [AwsError("TransactionCanceledException", "", body)]
    with pytest.raises(AwsError):
        save(memory, contact())


def test_a_block_length_waits_for_those_who_write_settings(memory: MemoryBench) -> None:
    memory.stores.create_tenant("acme")
    memory_of(memory).faults = [AwsError("TransactionConflictException", "", {})]
    assert save(memory, contact("crm:1", 1, BLOCK)) == "created"
    memory_of(memory).faults = [AwsError("TransactionConflictException", "", {})] * 100
    with pytest.raises(ThrottledError, match="contention"):
        save(memory, contact("crm:2", 1, "+3902445*"))


def test_unprocessed_keys_are_asked_for_again(memory: MemoryBench) -> None:
    memory.stores.create_tenant("acme")
    for n in range(3):
        save(memory, contact(f"crm:{n}"))
    memory_of(memory).unprocessed = 2
    # One key is left out of the last request too, so there has to be an end.
    with pytest.raises(ThrottledError, match="unprocessed"):
        memory.contacts.known(["crm:0", "crm:1", "crm:2"])
    assert len(memory.stores.pauses) == 7


def test_a_card_of_20_colleagues_with_everything_filled_in_stays_below_8_kb() -> None:
    company = "Officine Meccaniche Rossi S.r.l."
    size = 0
    for n in range(HOLDERS_ON_CARD):
        url = f"https://app.hubspot.com/contacts/12345678/record/0-1/{10**10 + n}"
        it = contact(
            f"hubspot:{10**10 + n}", 1, kind="switchboard", updated_at_ms=1_795_000_000_000
        )
        it = it._replace(first_name="Alessandra", last_name="De Santis", company=company, url=url)
        [holder] = index_contact(
            it._replace(customer_code="IT01234567890"), Line()
        ).holders.values()
        size += len(f"h:{it.id}{write_holder(holder)}".encode())
    assert size < 8 * 1024
