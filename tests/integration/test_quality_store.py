"""What a report on data quality reads, in memory and on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.callers import DynamoCallerStore
from centralino.adapters.store.quality import DynamoQualityStore
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import PayloadError, ThrottledError
from tests.support.memory_store import MemoryStores, Stores
from tests.support.store_model import holders_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.ports.quality import UnknownCaller
    from tests.support.dynamodb_local import DynamoDBLocal


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        yield MemoryStores()
        return
    server: DynamoDBLocal = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    yield Stores(client, request.getfixturevalue("table"))
    client.close()


def quality(stores: Stores, tenant: str = "acme") -> DynamoQualityStore:
    return DynamoQualityStore(
        stores.client,
        stores.table,
        tenant,
        now=lambda: stores.now_s,
        pause=stores.pauses.append,
    )


def call(stores: Stores, caller: str, times: int, tenant: str = "acme") -> None:
    for _ in range(times):
        store = DynamoCallerStore(stores.client, stores.table, tenant, now=lambda: stores.now_s)
        store.note_unknown(caller, until=stores.now_s + 300)
        stores.now_s += 600


def all_callers(stores: Stores, limit: int) -> list[UnknownCaller]:
    found: list[UnknownCaller] = []
    cursor = ""
    while True:
        page = quality(stores).repeated_callers(cursor=cursor, limit=limit)
        assert len(page.callers) <= limit
        found += page.callers
        if not (cursor := page.cursor):
            return sorted(found, key=lambda caller: caller.caller)


def test_cards_come_by_the_hundred(stores: Stores) -> None:
    numbers = [f"+39024455{place:04d}" for place in range(130)]
    for place, number in enumerate(numbers):
        contact = Contact(
            f"crm:{place}", 1, last_name="Rossi", numbers=(ContactNumber(number, indexed=number),)
        )
        stores.contacts("acme").save(contact, holders_of(contact))
    cards = quality(stores).cards([*numbers, "+390612345"])
    assert set(cards) == set(numbers)
    assert [holder.id for holder in cards["+390244550117"].holders] == ["crm:117"]
    assert quality(stores).cards([]) == {}
    assert quality(stores, "other").cards(numbers) == {}


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_who_called_more_than_once_is_listed_page_by_page(stores: Stores, limit: int) -> None:
    for place in range(20):
        call(stores, f"+393471111{place:03d}", 1 + place % 3)
    # What the CLI may mean is several numbers at times.
    call(stores, "+390244556677/+4924455667", 2)
    call(stores, "+393472222222", 2, "other")
    found = all_callers(stores, limit)
    wanted = {f"+393471111{place:03d}": 1 + place % 3 for place in range(20) if place % 3}
    wanted["+390244556677/+4924455667"] = 2
    assert {caller.caller: caller.calls for caller in found} == wanted
    assert max(caller.last_at for caller in found) < stores.now_s


def test_who_is_just_being_searched_for_is_not_listed_and_who_called_before_stays(
    stores: Stores,
) -> None:
    callers = DynamoCallerStore(stores.client, stores.table, "acme", now=lambda: stores.now_s)
    call(stores, "+390244556677", 2)
    for caller in ("+390244556677", "+390244550000"):
        callers.claim(caller, until=stores.now_s + 10)
    assert [(it.caller, it.calls) for it in all_callers(stores, 100)] == [("+390244556677", 2)]


def test_a_list_that_lags_behind_makes_no_unknown_caller_of_one_searched_for() -> None:
    stores = MemoryStores()
    call(stores, "+390244556677", 2)
    callers = DynamoCallerStore(stores.client, stores.table, "acme", now=lambda: stores.now_s)
    entries = stores.dynamo.call

    class Lagging:
        """Lists what was there a moment ago."""

        def call(
            self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
        ) -> dict[str, Any]:
            answer = entries(operation, payload, timeout_s=timeout_s)
            if operation == "Query" and answer["Items"]:
                callers.forget_unknown("+390244556677")
                callers.claim("+390244556677", until=stores.now_s + 10)
            return answer

    lagging = DynamoQualityStore(Lagging(), stores.table, "acme", now=lambda: stores.now_s)
    assert lagging.repeated_callers().callers == ()


@pytest.mark.parametrize("cursor", ["x", "16.", "0.a#b", "-1."])
def test_a_cursor_of_somebody_else_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(PayloadError):
        quality(stores).repeated_callers(cursor=cursor)


def test_keys_that_stay_unprocessed_are_no_empty_report() -> None:
    stores = MemoryStores()
    stores.dynamo.unprocessed = 1
    with pytest.raises(ThrottledError):
        quality(stores).cards(["+390244556677"])
