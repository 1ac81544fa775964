"""What a store of customers promises, in memory and on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import AwsError, Client
from centralino.adapters.store.change import DELIVERY_S
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.learner import TRAIL_S, note_use
from centralino.domain.customer import Customer, Learned, Purchase
from centralino.domain.errors import ConflictError, PayloadError, ThrottledError, UnavailableError
from centralino.ports.customers import Change
from tests.support.customer_model import assert_agreed, items_of
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.memory_store import NOW_S, MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from centralino.adapters.store.sender import Sender
    from tests.support.dynamodb_local import DynamoDBLocal

NUMBER = "+390244556677"
OTHER = "+390244556688"
NOW = int(NOW_S)
DAY_S = 86_400
CHANGE = Change(NOW * 1000 - 1, "key 1", "created", "", "active")


class Bench:
    """A store under test, and a look behind it."""

    def __init__(self, stores: Stores, server: DynamoDBLocal | None = None) -> None:
        self.stores = stores
        self.customers = self.of("acme")
        self._server = server

    def of(self, tenant: str) -> DynamoCustomerStore:
        return DynamoCustomerStore(
            self.stores.client,
            self.stores.table,
            tenant,
            now=lambda: self.stores.now_s,
            pause=self.stores.pauses.append,
        )

    def items(self) -> list[dict[str, Any]]:
        return items_of(self.stores, self._server)

    def add(self, *codes: str) -> None:
        for code in codes:
            self.customers.save(Customer(code), CHANGE)

    def learn(self, number: str, code: str, *, most: int = 5, days: int = 180) -> str:
        now = int(self.stores.now_s)
        learned = Learned(number, code, now, now, "vat", "call-1", "A")
        return self.customers.learn(learned, most=most, expired_before=now - days * DAY_S + 1)


@pytest.fixture(params=["memory", "dynamodb"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield Bench(MemoryStores())
        return
    server: DynamoDBLocal = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    yield Bench(Stores(client, request.getfixturevalue("table")), server)
    client.close()


# --- customers ----------------------------------------------------------------------------------


def test_a_customer_is_read_as_it_was_saved(bench: Bench) -> None:
    customer = Customer(
        "IT01234567890",
        "Rossi",
        "active",
        "2026-12-31",
        1_798_758_000,
        "gold",
        ("vip",),
        (Purchase("truck", "2025-01-31", ("heavy",)),),
        "21",
        7,
        "it",
        updated_at_ms=5,
    )
    saved = bench.customers.save(customer, CHANGE)
    assert saved == customer._replace(version=1)
    assert bench.customers.get("IT01234567890") == saved
    assert bench.customers.get("IT0") is None


def test_an_edit_names_the_version_that_it_read(bench: Bench) -> None:
    first = bench.customers.save(Customer("A1"), CHANGE)
    second = bench.customers.save(first._replace(name="Rossi"), CHANGE)
    assert second.version == 2
    for stale in (Customer("A1"), first, second._replace(version=3)):
        with pytest.raises(ConflictError):
            bench.customers.save(stale, CHANGE)
    assert bench.customers.get("A1") == second
    assert len(bench.customers.trail("A1")) == 2


def test_codes_are_found_by_their_digits_alone(bench: Bench) -> None:
    bench.add("IT123", "DE123", "123", "ACME")
    assert bench.customers.spelled("123") == ("123", "DE123", "IT123")
    bench.customers.delete("DE123", CHANGE)
    assert bench.customers.spelled("123") == ("123", "IT123")
    bench.customers.delete("123", CHANGE)
    bench.customers.delete("IT123", CHANGE)
    assert bench.customers.spelled("123") == ()
    assert bench.customers.spelled("") == ()
    assert not [item for item in bench.items() if "#D#" in item["pk"]["S"]]


def test_a_delivery_is_applied_once_in_25_hours(bench: Bench) -> None:
    bench.customers.save(Customer("A1", status="pending"), CHANGE, delivery="msg_1")
    bench.customers.delete("A1", CHANGE)
    with pytest.raises(ConflictError):
        bench.customers.save(Customer("A1", status="pending"), CHANGE, delivery="msg_1")
    assert bench.customers.get("A1") is None
    bench.stores.now_s += DELIVERY_S
    bench.customers.save(Customer("A1", status="pending"), CHANGE, delivery="msg_1")


def test_the_trail_says_who_and_what_newest_first_and_for_two_years(bench: Bench) -> None:
    for at in range(5):
        there = bench.customers.get("A1") or Customer("A1")
        bench.customers.save(there, CHANGE._replace(at=NOW * 1000 + at, note=str(at)))
    trail = bench.customers.trail("A1")
    assert [change.note for change in trail] == ["4", "3", "2", "1", "0"]
    assert trail[0] == CHANGE._replace(at=NOW * 1000 + 4, note="4")
    assert bench.customers.trail("A1", limit=2) == trail[:2]
    bench.stores.now_s = NOW + TRAIL_S + 1
    assert bench.customers.trail("A1") == ()


def test_customers_are_listed_once_each_page_by_page(bench: Bench) -> None:
    codes = {f"C{n}" for n in range(23)}
    bench.add(*codes)
    found: list[str] = []
    cursor = ""
    while True:
        page = bench.customers.page(cursor=cursor, limit=5)
        found += [customer.code for customer in page.customers]
        cursor = page.cursor
        if not cursor:
            break
    assert sorted(found) == sorted(codes)


@pytest.mark.parametrize("cursor", ["x", "!", "OTk", "MC4rMzkw", "MC4jIw"])
def test_a_cursor_that_is_none_of_ours_is_refused(bench: Bench, cursor: str) -> None:
    with pytest.raises(PayloadError):
        bench.customers.page(cursor=cursor)


def test_a_tenants_customers_are_its_own(bench: Bench) -> None:
    bench.add("A1")
    bench.learn(NUMBER, "A1")
    other = bench.of("other")
    assert other.get("A1") is None
    assert other.trail("A1") == ()
    assert other.learned_by(NUMBER) == other.learned_of("A1") == ()
    assert not other.forget(NUMBER, "A1", CHANGE)
    assert not other.delete("A1", CHANGE)
    assert other.purge() == 0
    assert other.page().customers == ()
    assert_agreed(bench.items(), "acme")
    assert [one.code for one in bench.customers.learned_by(NUMBER)] == ["A1"]


@pytest.mark.parametrize("code", ["", "a1", "A#1", "A 1", "A" * 41])
def test_what_is_no_code_is_refused(bench: Bench, code: str) -> None:
    for act in (
        lambda: bench.customers.get(code),
        lambda: bench.customers.trail(code),
        lambda: bench.customers.learned_of(code),
        lambda: bench.customers.save(Customer(code), CHANGE),
        lambda: bench.customers.delete(code, CHANGE),
        lambda: bench.customers.forget(NUMBER, code, CHANGE),
        lambda: bench.learn(NUMBER, code),
    ):
        with pytest.raises(PayloadError):
            act()


def test_what_is_no_number_is_never_learned(bench: Bench) -> None:
    bench.add("A1")
    for number in ("", "0244", "+39#1", "+", "+39024455*"):
        with pytest.raises(PayloadError):
            bench.learn(number, "A1")


# --- learned numbers ----------------------------------------------------------------------------


def test_a_learned_number_leads_to_its_customer_from_both_sides(bench: Bench) -> None:
    bench.add("A1")
    assert bench.learn(NUMBER, "A1") == "learned"
    learned = Learned(NUMBER, "A1", NOW, NOW, "vat", "call-1", "A")
    assert bench.customers.learned_by(NUMBER) == (learned,)
    assert bench.customers.learned_of("A1") == (learned,)
    assert bench.customers.learned_page().learned == (learned,)
    line = bench.customers.trail("A1")[0]
    assert (line.who, line.what, line.after, line.note) == (
        "caller",
        "learned",
        "+39…6677",
        "node vat",
    )
    assert_agreed(bench.items(), "acme")


def test_a_code_that_is_typed_again_is_known_and_its_use_noted_once_a_day(bench: Bench) -> None:
    bench.add("A1")
    bench.learn(NUMBER, "A1")
    bench.stores.now_s += DAY_S - 1
    assert bench.learn(NUMBER, "A1") == "known"
    assert bench.customers.learned_by(NUMBER)[0].used_at == NOW
    bench.stores.now_s += 1
    assert bench.learn(NUMBER, "A1") == "known"
    [one] = bench.customers.learned_by(NUMBER)
    assert (one.learned_at, one.used_at) == (NOW, NOW + DAY_S)
    assert bench.customers.learned_of("A1") == (one,)
    assert len(bench.customers.trail("A1")) == 2


def test_nobody_learns_for_a_customer_that_there_is_not(bench: Bench) -> None:
    assert bench.learn(NUMBER, "A1") == "absent"
    assert bench.items() == []


def test_a_number_may_teach_two_customers_and_is_a_conflict_then(bench: Bench) -> None:
    bench.add("A1", "B2")
    assert bench.learn(NUMBER, "A1") == "learned"
    assert bench.learn(NUMBER, "B2") == "conflict"
    assert [one.code for one in bench.customers.learned_by(NUMBER)] == ["A1", "B2"]
    assert_agreed(bench.items(), "acme")


def test_a_customer_has_no_more_numbers_than_may_be(bench: Bench) -> None:
    bench.add("A1")
    for digit in range(2):
        assert bench.learn(f"+39024455660{digit}", "A1", most=2) == "learned"
    assert bench.learn("+390244556602", "A1", most=2) == "full"
    assert bench.customers.learned_by("+390244556602") == ()
    assert bench.learn("+390244556601", "A1", most=2) == "known"
    bench.customers.forget("+390244556601", "A1", CHANGE._replace(what="forgotten"))
    assert bench.learn("+390244556602", "A1", most=2) == "learned"
    assert_agreed(bench.items(), "acme")


def test_a_number_unused_for_180_days_makes_room_at_the_next_lesson(bench: Bench) -> None:
    bench.add("A1", "B2")
    bench.learn(NUMBER, "A1", most=1)
    bench.stores.now_s += 180 * DAY_S
    # The number's old customer makes no conflict any more, nor takes up room.
    assert bench.learn(NUMBER, "B2", most=1) == "learned"
    assert [one.code for one in bench.customers.learned_by(NUMBER)] == ["B2"]
    bench.stores.now_s += 1
    assert bench.learn(OTHER, "A1", most=1) == "learned"
    assert [one.number for one in bench.customers.learned_of("A1")] == [OTHER]
    assert [c.what for c in bench.customers.trail("A1")] == [
        "learned",
        "forgotten",
        "learned",
        "created",
    ]
    assert_agreed(bench.items(), "acme")


def test_an_association_that_ran_out_is_learned_anew(bench: Bench) -> None:
    bench.add("A1")
    bench.learn(NUMBER, "A1", most=1)
    bench.stores.now_s += 180 * DAY_S
    assert bench.learn(NUMBER, "A1", most=1) == "learned"
    [one] = bench.customers.learned_of("A1")
    assert one.learned_at == NOW + 180 * DAY_S
    assert_agreed(bench.items(), "acme")


def test_a_use_is_noted_in_a_single_action_and_only_while_the_association_is_there(
    bench: Bench,
) -> None:
    bench.add("A1")
    bench.learn(NUMBER, "A1")
    [one] = bench.customers.learned_by(NUMBER)
    assert note_use(bench.stores.table, "acme", one, NOW + 60) == []
    [action] = note_use(bench.stores.table, "acme", one, NOW + DAY_S)
    bench.stores.client.call("UpdateItem", action["Update"], timeout_s=5)
    assert bench.customers.learned_by(NUMBER)[0].used_at == NOW + DAY_S
    bench.customers.forget(NUMBER, "A1", CHANGE)
    with pytest.raises(AwsError, match="ConditionalCheckFailed"):
        bench.stores.client.call("UpdateItem", action["Update"], timeout_s=5)
    assert bench.customers.learned_by(NUMBER) == ()
    assert_agreed(bench.items(), "acme")


def test_a_number_is_forgotten_for_one_customer_and_says_who_did_it(bench: Bench) -> None:
    bench.add("A1", "B2")
    bench.learn(NUMBER, "A1")
    bench.learn(NUMBER, "B2")
    change = Change(NOW * 1000 + 9, "sales", "forgotten")
    assert bench.customers.forget(NUMBER, "A1", change)
    assert not bench.customers.forget(NUMBER, "A1", change)
    assert [one.code for one in bench.customers.learned_by(NUMBER)] == ["B2"]
    assert bench.customers.trail("A1")[0] == change._replace(before="+39…6677")
    assert_agreed(bench.items(), "acme")


def test_a_person_who_is_erased_leaves_no_number_behind(bench: Bench) -> None:
    bench.add("A1", "B2")
    bench.learn(NUMBER, "A1")
    bench.learn(NUMBER, "B2")
    bench.learn(OTHER, "A1")
    history = {"pk": {"S": f"T#acme#H#{NUMBER}"}, "sk": {"S": "H"}}
    bench.stores.client.call(
        "UpdateItem",
        {
            "TableName": bench.stores.table,
            "Key": history,
            "UpdateExpression": "SET last_at = :at",
            "ExpressionAttributeValues": {":at": {"N": "1"}},
        },
        timeout_s=5,
    )
    assert bench.customers.forget_numbers([NUMBER, "+391"], CHANGE) == 2
    assert NUMBER not in str(bench.items())
    assert [one.number for one in bench.customers.learned_of("A1")] == [OTHER]
    assert bench.customers.forget_numbers([NUMBER], CHANGE) == 0
    assert_agreed(bench.items(), "acme")


def test_a_deleted_customer_takes_its_numbers_and_history_along_and_leaves_its_trail(
    bench: Bench,
) -> None:
    bench.add("A1", "B2")
    bench.learn(NUMBER, "A1")
    bench.learn(NUMBER, "B2")
    bench.learn(OTHER, "A1")
    assert bench.customers.delete("A1", CHANGE._replace(what="deleted", at=NOW * 1000 + 9))
    assert not bench.customers.delete("A1", CHANGE)
    assert bench.customers.get("A1") is None
    assert bench.customers.learned_of("A1") == ()
    assert [one.code for one in bench.customers.learned_by(NUMBER)] == ["B2"]
    told = sorted((c.what, c.before) for c in bench.customers.trail("A1") if c.what != "created")
    assert [line for line in told if line[0] != "learned"] == [
        ("deleted", ""),
        ("forgotten", "+39…6677"),
        ("forgotten", "+39…6688"),
    ]
    assert_agreed(bench.items(), "acme")


def test_a_customer_with_more_numbers_than_fit_in_a_transaction_can_be_deleted(
    bench: Bench,
) -> None:
    bench.add("A1")
    for n in range(45):
        assert bench.learn(f"+3902445566{n:02}", "A1", most=50) == "learned"
    assert bench.customers.delete("A1", CHANGE)
    assert bench.customers.learned_page().learned == ()
    assert_agreed(bench.items(), "acme")


def test_half_of_an_association_that_dynamodb_ended_is_nobodys_number(bench: Bench) -> None:
    bench.add("A1")
    bench.learn(NUMBER, "A1", most=1)
    key = {"pk": {"S": f"T#acme#A#{NUMBER}"}, "sk": {"S": "A"}}
    bench.stores.client.call(
        "DeleteItem", {"TableName": bench.stores.table, "Key": key}, timeout_s=5
    )
    assert bench.customers.learned_of("A1") == ()
    assert bench.learn(OTHER, "A1", most=1) == "learned"
    assert_agreed(bench.items(), "acme")


def test_an_erased_tenant_keeps_no_customer_no_number_and_no_trail(bench: Bench) -> None:
    bench.add("A1", "B2")
    bench.learn(NUMBER, "A1")
    while bench.customers.purge(limit=1):
        pass
    left = [item for item in bench.items() if item["type"]["S"] not in {"Delivery", "Counter"}]
    assert left == []


def test_registrations_are_counted_by_window_and_bucket(bench: Bench) -> None:
    bench.stores.now_s = 60_000.0
    assert [bench.customers.count("a", window_s=60) for _ in range(3)] == [1, 2, 3]
    assert bench.customers.count("b", window_s=60) == 1
    assert bench.of("other").count("a", window_s=60) == 1
    bench.stores.now_s += 60
    assert bench.customers.count("a", window_s=60) == 1


class Late:
    """A client that is overtaken, once, right before a request of a kind.

    Args:
        client: sends the requests.
        before: the kind.
        faster: what happens just before.
    """

    def __init__(self, client: Sender, before: str, faster: Callable[[], object]) -> None:
        self.faster: Callable[[], object] | None = faster
        self._before = before
        self._client = client

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        if operation == self._before and self.faster:
            faster, self.faster = self.faster, None
            faster()
        return self._client.call(operation, payload, timeout_s=timeout_s)


def overtaken(
    bench: Bench, faster: Callable[[], object], before: str = "BatchGetItem"
) -> DynamoCustomerStore:
    return DynamoCustomerStore(
        Late(bench.stores.client, before, faster),
        bench.stores.table,
        "acme",
        now=lambda: bench.stores.now_s,
        pause=lambda _: None,
    )


def test_a_number_learned_while_its_customer_is_being_deleted_goes_with_it(bench: Bench) -> None:
    bench.add("A1")
    slow = overtaken(bench, lambda: bench.learn(NUMBER, "A1"))
    assert slow.delete("A1", CHANGE)
    assert bench.customers.learned_by(NUMBER) == ()
    assert_agreed(bench.items(), "acme")


def test_two_who_teach_the_last_number_that_may_be_are_not_both_heard(bench: Bench) -> None:
    bench.add("A1")
    slow = overtaken(bench, lambda: bench.learn(NUMBER, "A1", most=1))
    learned = Learned(OTHER, "A1", NOW, NOW)
    assert slow.learn(learned, most=1, expired_before=0) == "full"
    assert [one.number for one in bench.customers.learned_of("A1")] == [NUMBER]
    assert_agreed(bench.items(), "acme")


def test_a_number_that_is_forgotten_while_it_teaches_another_customer_keeps_that_one(
    bench: Bench,
) -> None:
    bench.add("A1", "B2")
    bench.learn(NUMBER, "A1")
    slow = overtaken(bench, lambda: bench.learn(NUMBER, "B2"), "TransactWriteItems")
    assert slow.forget(NUMBER, "A1", CHANGE)
    assert [one.code for one in bench.customers.learned_by(NUMBER)] == ["B2"]
    assert_agreed(bench.items(), "acme")


def test_a_number_that_is_used_in_the_moment_it_would_be_taken_away_stays(bench: Bench) -> None:
    bench.add("A1")
    bench.learn(NUMBER, "A1", most=1)
    bench.stores.now_s += 180 * DAY_S
    [old] = bench.customers.learned_by(NUMBER)

    def use() -> None:
        [action] = note_use(bench.stores.table, "acme", old, bench.stores.now_s)
        bench.stores.client.call("UpdateItem", action["Update"], timeout_s=5)

    slow = overtaken(bench, use, "TransactWriteItems")
    now = int(bench.stores.now_s)
    learned = Learned(OTHER, "A1", now, now)
    assert slow.learn(learned, most=1, expired_before=now - 180 * DAY_S + 1) == "full"
    assert [one.number for one in bench.customers.learned_of("A1")] == [NUMBER]
    assert_agreed(bench.items(), "acme")


# --- when the store is away ---------------------------------------------------------------------


def test_a_lesson_that_has_no_time_left_is_an_error_at_once() -> None:
    bench = Bench(MemoryStores())
    bench.add("A1")
    learned = Learned(NUMBER, "A1", NOW, NOW)
    with pytest.raises(UnavailableError, match="timeout"):
        bench.customers.learn(learned, most=5, expired_before=0, timeout_s=0.0)


def test_a_lesson_waits_for_nobody_forever() -> None:
    bench = Bench(MemoryStores())
    bench.add("A1")
    dynamo = bench.stores.client
    assert isinstance(dynamo, MemoryDynamo)
    dynamo.unprocessed = 1
    with pytest.raises(ThrottledError):
        bench.learn(NUMBER, "A1")
