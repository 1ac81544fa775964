"""Whoever clicks at the same time: no limit is exceeded, nothing counts twice, a click is one call.

Hypothesis plays agents who click, click again and try again with the same idempotency key, PBXs
that take calls or don't, and events. They take turns request by request, and requests meet
conflicts, throttling, lost answers and a store that is away. After every transaction what is
counted is what was begun, and of one exten and number at most one call lives.
"""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from centralino.adapters.aws import AwsError, Client
from centralino.adapters.store.dial_items import STEPS, call_key, limits_of, read_call
from centralino.adapters.store.dialling import CLICK_MS, UNSURE_MS, DynamoDialStore
from centralino.domain.dial_options import Budget
from centralino.domain.errors import ThrottledError, UnavailableError
from centralino.ports.dialling import Begun, Outcome, PlacedCall
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.turns import GatedClient, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.adapters.store.sender import Sender
    from tests.support.dynamodb_local import DynamoDBLocal

EXTENS = ("21", "22")
NUMBERS = ("+390244556601", "+390244556602")
IDS = tuple(str(count).zfill(22) for count in range(1, 6))
BUDGET = Budget(agent_minute=2, agent_hour=4, agent_day=5, tenant_minute=3, cost_day=25)
COST = 10
START_MS = 1_795_000_000_000
KINDS = (*["click"] * 6, "fail", "place", "lose", "ended", "ringing")
DEEDS = st.tuples(
    st.sampled_from(KINDS), st.sampled_from(EXTENS), st.sampled_from(NUMBERS), st.sampled_from(IDS)
)
TROUBLE = (*[""] * 15, "conflict", "throttled", "lost", "gone", "down")
LIVE = {"requested", "unknown", "placed", "ringing", "answered"}
WORKERS = 3
STEPS_OF_A_STORY = 4
MOST_TURNS = 3_000
IN_MEMORY, ON_DYNAMODB, IN_SOAK = 300, 40, 20_000


class Unkind:
    """A client whose requests meet trouble when told to; `adapters/store/sender.py`'s Sender."""

    def __init__(self, client: Sender) -> None:
        self._client = client
        self.trouble = ""

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        trouble, self.trouble = self.trouble, ""
        if trouble == "down":
            raise UnavailableError("connection")
        if operation == "TransactWriteItems":
            if trouble == "conflict":
                reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"},) * 9]
                count = len(payload["TransactItems"])
                body = {"CancellationReasons": reasons[:count]}
                raise AwsError("TransactionCanceledException", "", body)
            if trouble == "throttled":
                raise ThrottledError("throttled")
            if trouble == "lost":
                # The client's second attempt has the same token.
                self._client.call(operation, payload, timeout_s=timeout_s)
            if trouble == "gone":
                self._client.call(operation, payload, timeout_s=timeout_s)
                raise UnavailableError("timeout")
        return self._client.call(operation, payload, timeout_s=timeout_s)


class World(NamedTuple):
    """Where stories take place: each is another tenant of one table."""

    client: Sender
    table: str
    tenants: Iterator[int]


class Deed(NamedTuple):
    """Something that somebody does."""

    kind: str
    exten: str
    number: str
    call_id: str
    at_ms: int


class Story(RuleBasedStateMachine):
    """A tenant whose agents click."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.tenant = f"t-{next(world.tenants)}"
        self.unkind = Unkind(world.client)
        self.now_ms = START_MS
        self.dice = random.Random(0)
        self.waiting: list[tuple[str, str, str, str]] = []
        self.working: list[tuple[Turn, Deed]] = []
        self.narrow = 1
        self.fresh = 0

    @initialize(
        dice=st.integers(0, 2**32),
        numbers=st.integers(1, len(NUMBERS)),
        deeds=st.lists(DEEDS, min_size=4, max_size=12),
    )
    def begin(self, dice: int, numbers: int, deeds: list[tuple[str, str, str, str]]) -> None:
        """Choose who is called: the fewer they are, the more clicks are second ones."""
        self.dice = random.Random(dice)
        self.narrow = numbers
        self.waiting += deeds

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=4))
    def start(self, deeds: list[tuple[str, str, str, str]]) -> None:
        self.waiting += deeds

    @rule(turns=st.lists(st.sampled_from(TROUBLE), min_size=1, max_size=8))
    def go_on(self, turns: list[str]) -> None:
        for trouble in turns:
            self._go_on(trouble)

    @rule(
        later_ms=st.sampled_from((1, 1_000, CLICK_MS - 1, CLICK_MS, UNSURE_MS, 61_000, 3_600_000))
    )
    def wait(self, later_ms: int) -> None:
        self.now_ms += later_ms

    def _go_on(self, trouble: str) -> None:
        while self.waiting and len(self.working) < WORKERS:
            kind, exten, number, call_id = self.waiting.pop(0)
            number = NUMBERS[NUMBERS.index(number) % self.narrow]
            # An idempotency key stands for one body.
            exten = EXTENS[int(call_id) % 2]
            deed = Deed(kind, exten, number, call_id, self.now_ms)
            work = Turn(lambda turn, deed=deed: self._do(deed, GatedClient(self.unkind, turn)))  # type: ignore[misc]
            self.working.append((work, deed))
        if self.working:
            self._turn(self.dice.randrange(len(self.working)), trouble)

    def _do(self, deed: Deed, client: Sender) -> object:
        store = self._store(client)
        at_ms, call_id = deed.at_ms, deed.call_id
        if deed.kind == "click":
            call = PlacedCall(call_id, "asked", deed.exten, deed.number, country="IT", cost=COST)
            call = call._replace(asked_ms=at_ms, changed_ms=at_ms)
            return store.begin(call, BUDGET, home="IT")
        outcomes = {
            "fail": Outcome("failed", "busy"),
            "place": Outcome("placed", provider_id="x"),
            "lose": Outcome("unknown", "unknown"),
        }
        if deed.kind in outcomes:
            store.settle(call_id, outcomes[deed.kind], now_ms=at_ms)
        else:
            store.note(call_id, deed.kind, at_ms=at_ms)
        return None

    def _store(self, client: Sender) -> DynamoDialStore:
        return DynamoDialStore(
            client,
            self.world.table,
            self.tenant,
            now=lambda: self.now_ms / 1000,
            pause=lambda _: None,
        )

    def _turn(self, place: int, trouble: str = "") -> None:
        turn, deed = self.working[place]
        wrote = turn.at == "TransactWriteItems"
        self.unkind.trouble = trouble
        turn.step()
        self.unkind.trouble = ""
        if turn.done:
            self.working.pop(place)
            if turn.error and not isinstance(turn.error, UnavailableError):
                raise turn.error
            self._check_answer(deed, turn.result)
        if wrote or turn.done:
            self._check()

    def _check_answer(self, deed: Deed, answer: object) -> None:
        if not isinstance(answer, Begun):
            return
        self.fresh += answer.fresh
        assert bool(answer.call) is not bool(answer.spent)
        if answer.fresh:
            assert answer.call
            assert answer.call.call_id == deed.call_id
        elif answer.call:
            # A second click, or the same key again.
            other = (answer.call.exten, answer.call.number) != (deed.exten, deed.number)
            assert not other or answer.call.call_id == deed.call_id

    def _check(self) -> None:
        calls = self._calls()
        counted = self._counted(calls)
        for limit_key, (limit, costs) in counted.items():
            item = self._item({"pk": {"S": limit_key}, "sk": {"S": "N"}})
            n = int(item["n"]["N"]) if item else 0
            assert n == costs, (limit_key, n, costs)
            assert n <= limit
        assert self.fresh <= len(calls)
        for one, other in itertools.combinations(calls, 2):
            if (one.exten, one.number) == (other.exten, other.number):
                earlier = min(one, other, key=lambda call: call.asked_ms)
                wide = UNSURE_MS if earlier.state in {"requested", "unknown"} else CLICK_MS
                near = abs(one.asked_ms - other.asked_ms) < wide
                assert not (near and {one.state, other.state} <= LIVE), (one, other)

    def _counted(self, calls: list[PlacedCall]) -> dict[str, tuple[int, int]]:
        """Return what has to be counted: the counter's key -> its limit, and how much."""
        found: dict[str, tuple[int, int]] = {}
        for call in calls:
            for limit in limits_of(call, BUDGET, "IT"):
                key = limit.key(self.tenant, call.asked_ms)["pk"]["S"]
                more = limit.add
                if limit.name == "cost_day" and call.state == "failed":
                    more = 0
                found[key] = (limit.most, found.get(key, (0, 0))[1] + more)
        return found

    def _calls(self) -> list[PlacedCall]:
        """Return all attempts, as they are at this moment."""
        calls: list[PlacedCall] = []
        for call_id in IDS:
            payload = {
                "TableName": self.world.table,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": call_key(self.tenant, call_id)["pk"]},
                "ConsistentRead": True,
            }
            answer = self.world.client.call("Query", payload, timeout_s=60)
            calls += map(read_call, answer["Items"])
        assert all(call.state in STEPS for call in calls)
        return calls

    def _item(self, key: dict[str, Any]) -> dict[str, Any] | None:
        payload = {"TableName": self.world.table, "Key": key, "ConsistentRead": True}
        item: dict[str, Any] | None = self.world.client.call("GetItem", payload, timeout_s=60).get(
            "Item"
        )
        return item

    def teardown(self) -> None:
        try:
            for count in itertools.count():
                assert count < MOST_TURNS, "there is no end to it"
                if not self.working and not self.waiting:
                    break
                self._go_on(self.dice.choice(TROUBLE))
            self._check()
        finally:
            for turn, _ in self.working:
                turn.abandon()


def play(world: World, stories: int, part: int = 0) -> None:
    """Play some stories."""
    told = 0

    class Here(Story):  # Hypothesis builds it without arguments
        def __init__(self) -> None:
            super().__init__(world)

        def teardown(self) -> None:
            super().teardown()
            nonlocal told
            told += 1

    run_state_machine_as_test(
        seed(part)(Here) if settings().derandomize else Here,
        settings=settings(
            max_examples=stories,
            stateful_step_count=STEPS_OF_A_STORY,
            derandomize=False,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )
    assert told >= stories


def test_300_interleavings_of_clicks_exceed_no_limit_and_count_nothing_twice() -> None:
    play(World(MemoryDynamo(), "centralino", itertools.count(1)), IN_MEMORY)


def test_40_interleavings_of_clicks_do_the_same_on_dynamodb(
    dynamodb: DynamoDBLocal, table: str
) -> None:
    with closing(Client("dynamodb", env=dynamodb.env)) as client:
        play(World(client, table, itertools.count(1)), ON_DYNAMODB)


def test_100_clicks_at_once_begin_as_many_calls_as_the_tenants_limit_allows(
    dynamodb: DynamoDBLocal, table: str
) -> None:
    budget = Budget(agent_minute=0, agent_hour=0, agent_day=0, tenant_minute=40, cost_day=10_000)

    def click(count: int) -> Begun:
        with closing(Client("dynamodb", env=dynamodb.env)) as client:
            call = PlacedCall(
                str(count).zfill(22), "asked", "21", f"+3902445566{count:02}", cost=COST,
                asked_ms=START_MS, changed_ms=START_MS,
            )  # fmt: skip
            return DynamoDialStore(client, table, "acme").begin(call, budget, home="IT")

    with ThreadPoolExecutor(20) as pool:
        begun = list(pool.map(click, range(100)))
    assert sum(one.fresh for one in begun) == 40
    assert {one.spent for one in begun if not one.fresh} == {"tenant_minute"}
    with closing(Client("dynamodb", env=dynamodb.env)) as client:
        store = DynamoDialStore(client, table, "acme", now=lambda: START_MS / 1000)
        assert len(store.calls()[0]) == 40


@pytest.mark.soak
def test_20000_interleavings_of_clicks_exceed_no_limit_and_count_nothing_twice() -> None:
    play(World(MemoryDynamo(), "centralino", itertools.count(1)), IN_SOAK)
