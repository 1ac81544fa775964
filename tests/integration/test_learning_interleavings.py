"""Whoever learns, forgets and deletes at the same time: no number leads to the wrong customer.

Hypothesis plays callers who type codes, sales who forget numbers, save and delete customers, and
calls that note a use. They take turns request by request against DynamoDB Local, behind a proxy
that conflicts, throttles and loses answers. After every transaction both sides of every association
agree, no customer has more numbers than may be, and the audit trail accounts for all of them.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from contextlib import closing, contextmanager
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
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.learner import is_taken, note_use
from centralino.domain.customer import Customer, Learned
from centralino.domain.errors import ConflictError, UnavailableError
from centralino.domain.learning import (
    DAY_S,
    LearningOptions,
    choose_customer,
    expired_before,
    is_live,
)
from centralino.domain.number import mask
from centralino.ports.customers import Change
from tests.support import faults
from tests.support.customer_model import assert_agreed
from tests.support.fault_proxy import FaultProxy
from tests.support.turns import GatedClient, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.adapters.store.sender import Sender
    from tests.support.dynamodb_local import DynamoDBLocal

    Pair = tuple[str, str]

CODES = ("IT12345", "DE12345", "C7")
NUMBERS = ("+390244556601", "+390244556602", "+390244556603")
OPTIONS = LearningOptions(max_per_customer=2)
# Mostly lessons: that is what has to be right.
KINDS = (*["learn"] * 8, "forget", "forget", "erase", "delete", "save", "save", "use", "use")
DEEDS = st.tuples(st.sampled_from(KINDS), st.sampled_from(NUMBERS), st.sampled_from(CODES))
# Days that pass: for most stories none, for some as many as it takes to be forgotten.
DAYS = st.sampled_from((0, 0, 0, 1, 100, 180))
FAULTS = {
    "conflict": lambda: faults.first(1, faults.transaction_conflict()),
    "throttled once": lambda: faults.first(1, faults.throttling()),
    "throttled": faults.throttling,
    "lost": faults.lost_answer,
}
TROUBLE = (*[""] * 20, *FAULTS)
WORKERS = 3
STEPS = 4
# How likely it is, after a turn, that a long time passes.
LATER = 0.02
MOST_TURNS = 3_000
START_S = 1_795_000_000
IN_CI, IN_SOAK = 120, 20_000
SOAK_PARTS = 40


class World(NamedTuple):
    """Where stories take place: each is another tenant of one table."""

    proxy: FaultProxy
    client: Client
    direct: Client
    table: str
    tenants: Iterator[int]


class Deed(NamedTuple):
    """Something that somebody does, and what was so when they began."""

    kind: str
    number: str
    code: str
    began: int


class Story(RuleBasedStateMachine):
    """A tenant's customers, and everybody who changes them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.tenant = f"t-{next(world.tenants)}"
        self.now = float(START_S)
        self.dice = random.Random(0)
        self.waiting: list[tuple[str, str, str]] = []
        self.working: list[tuple[Turn, Deed]] = []
        self.narrow = (1, 1)
        self.count = 0
        # Whoever was not alone all the time.
        self.beside: set[int] = set()
        # What was typed, by the pair; how often, and when it last began and ended.
        self.typed: Counter[Pair] = Counter()
        self.told_learned: Counter[Pair] = Counter()

    @initialize(
        dice=st.integers(0, 2**32),
        numbers=st.integers(1, len(NUMBERS)),
        codes=st.integers(1, len(CODES)),
        deeds=st.lists(DEEDS, min_size=4, max_size=10),
    )
    def begin(self, dice: int, numbers: int, codes: int, deeds: list[tuple[str, str, str]]) -> None:
        """Choose who is about: the fewer they are, the more they get in each other's way."""
        self.dice = random.Random(dice)
        self.narrow = (numbers, codes)
        self.waiting += deeds
        for code in CODES[:2]:
            self._store(self.world.direct).save(Customer(code), self._change("created"))

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=3))
    def start(self, deeds: list[tuple[str, str, str]]) -> None:
        self.waiting += deeds

    def _begin(self) -> None:
        kind, number, code = self.waiting.pop(0)
        numbers, codes = self.narrow
        number = NUMBERS[NUMBERS.index(number) % numbers]
        code = CODES[CODES.index(code) % codes]
        self.count += 1
        it = Deed(kind, number, code, self.count)
        if it.kind == "learn":
            self.typed[it.number, it.code] += 1
        if self.working:
            self.beside |= {it.began, *(deed.began for _, deed in self.working)}
        client = self.world.client
        self.working.append((Turn(lambda turn: self._do(it, GatedClient(client, turn))), it))

    @rule(turns=st.lists(st.sampled_from(TROUBLE), min_size=1, max_size=8))
    def go_on(self, turns: list[str]) -> None:
        for trouble in turns:
            self._go_on(trouble)

    def _go_on(self, trouble: str) -> None:
        while self.waiting and len(self.working) < WORKERS:
            self._begin()
        if self.working:
            self._turn(self.dice.randrange(len(self.working)), trouble)
        if self.dice.random() < LATER:
            # As long as it takes to be forgotten, or a moment less, whoever is at work.
            self.now += DAY_S * self.dice.choice((90, OPTIONS.days - 1, OPTIONS.days))

    @rule(days=DAYS)
    def wait(self, days: int) -> None:
        self.now += days * DAY_S

    # --- what they do --------------------------------------------------------------------------

    def _store(self, client: Sender) -> DynamoCustomerStore:
        return DynamoCustomerStore(
            client, self.world.table, self.tenant, now=lambda: self.now, pause=lambda _: None
        )

    def _change(self, what: str) -> Change:
        return Change(int(self.now * 1000), "sales", what)

    def _do(self, deed: Deed, client: Sender) -> object:
        store = self._store(client)
        match deed.kind:
            case "learn":
                now = int(self.now)
                return store.learn(
                    Learned(deed.number, deed.code, now, now, "vat"),
                    most=OPTIONS.max_per_customer,
                    expired_before=expired_before(OPTIONS, now),
                    timeout_s=600.0,
                )
            case "forget":
                return store.forget(deed.number, deed.code, self._change("forgotten"))
            case "erase":
                return store.forget_numbers([deed.number], self._change("forgotten"))
            case "delete":
                return store.delete(deed.code, self._change("deleted"))
            case "save":
                there = store.get(deed.code) or Customer(deed.code)
                return store.save(there._replace(name="Rossi"), self._change("changed"))
            case _:
                return self._use(store, client, deed)

    def _use(self, store: DynamoCustomerStore, client: Sender, deed: Deed) -> object:
        """Do what a call does: whom is the number taken for, and is that to be noted?"""
        learned = store.learned_by(deed.number)
        who = choose_customer([], learned, "", "", OPTIONS, self.now)
        live = {one.code for one in learned if is_live(one, OPTIONS, self.now)}
        assert who.code == ("" if len(live) != 1 else next(iter(live)))
        if who.learned is None:
            return None
        for action in note_use(self.world.table, self.tenant, who.learned, self.now):
            try:
                client.call("UpdateItem", action["Update"], timeout_s=600.0)
            except AwsError as error:
                if not is_taken(error):
                    raise
        return None

    # --- turns ---------------------------------------------------------------------------------

    def _turn(self, place: int, trouble: str = "") -> None:
        turn, deed = self.working[place]
        wrote = turn.at == "TransactWriteItems"
        with troubled(self.world.proxy, trouble):
            turn.step()
        if turn.done:
            self.working.pop(place)
            # Who loses against others, or against the store, is told so and may try again.
            if turn.error and not isinstance(turn.error, (UnavailableError, ConflictError)):
                raise turn.error
            if deed.kind == "learn" and turn.result in ("learned", "conflict"):
                self.told_learned[deed.number, deed.code] += 1
        if wrote or turn.done:
            self._check(deed if turn.done and not turn.error else None, turn.result)

    def _check(self, done: Deed | None, result: object) -> None:
        items = read_items(self.world.direct, self.world.table, self.tenant)
        bound = assert_agreed(items, self.tenant)
        assert all(self.typed[pair] for pair in bound), "a number leads to who never was typed"
        live: Counter[str] = Counter()
        stored = self._store(self.world.direct)
        for number in {number for number, _ in bound}:
            for one in stored.learned_by(number):
                live[one.code] += is_live(one, OPTIONS, self.now)
        assert all(count <= OPTIONS.max_per_customer for count in live.values()), live
        self._check_trail(bound)
        if done and not self.working and done.kind == "forget":
            assert (done.number, done.code) not in bound
        if done and not self.working and done.kind == "delete":
            assert done.code not in {code for _, code in bound}
        alone = done is not None and done.began not in self.beside
        # What was true when a lesson looked may be over when it says so: somebody forgot it since.
        if done and alone and result in ("learned", "conflict", "known"):
            assert (done.number, done.code) in bound

    def _check_trail(self, bound: set[Pair]) -> None:
        """Check that learned less forgotten is what is bound, and nobody learned in silence."""
        store = self._store(self.world.direct)
        for code in CODES:
            learned: Counter[str] = Counter()
            forgotten: Counter[str] = Counter()
            for change in store.trail(code, limit=1_000):
                learned[change.after] += change.what == "learned"
                forgotten[change.before] += change.what == "forgotten"
            for number in NUMBERS:
                balance = learned[mask(number)] - forgotten[mask(number)]
                assert balance == ((number, code) in bound), (number, code, balance)
                assert learned[mask(number)] <= self.typed[number, code]
                assert learned[mask(number)] >= self.told_learned[number, code]

    def teardown(self) -> None:
        try:
            for count in itertools.count():
                assert count < MOST_TURNS, "there is no end to it"
                if not self.working and not self.waiting:
                    break
                self._go_on(self.dice.choice(TROUBLE))
            self._check(None, None)
        finally:
            for turn, _ in self.working:
                turn.abandon()


@contextmanager
def troubled(proxy: FaultProxy, trouble: str) -> Iterator[None]:
    """Let one request meet trouble."""
    proxy.fault = FAULTS[trouble]() if trouble else None
    try:
        yield
    finally:
        proxy.fault = None
        proxy.requests.clear()


def read_items(client: Client, table: str, tenant: str) -> list[dict[str, Any]]:
    """Read all of a tenant's items that a story may have written, as they are at this moment."""
    items: list[dict[str, Any]] = []
    names = [
        *(f"A#{number}" for number in NUMBERS),
        *(f"K#{code}" for code in CODES),
        "D#12345",
        "D#7",
    ]
    for name in names:
        payload = {
            "TableName": table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"T#{tenant}#{name}"}},
            "ConsistentRead": True,
        }
        answer = client.call("Query", payload, timeout_s=60)
        assert "LastEvaluatedKey" not in answer
        items += answer["Items"]
    return items


@pytest.fixture
def world(dynamodb: DynamoDBLocal, table: str) -> Iterator[World]:
    with (
        FaultProxy(dynamodb.endpoint) as proxy,
        closing(Client("dynamodb", env={**dynamodb.env, **proxy.env})) as client,
        closing(Client("dynamodb", env=dynamodb.env)) as direct,
    ):
        yield World(proxy, client, direct, table, itertools.count(1))


def play(world: World, stories: int, part: int) -> None:
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
        # Where nothing is random, the parts would play the same.
        seed(part)(Here) if settings().derandomize else Here,
        settings=settings(
            max_examples=stories,
            stateful_step_count=STEPS,
            derandomize=False,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # What is found is made as short as it can be; a target there is none.
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )
    assert told >= stories


def test_120_interleavings_of_lessons_bind_no_number_to_the_wrong_customer(world: World) -> None:
    play(world, IN_CI, 0)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(SOAK_PARTS))
def test_20000_interleavings_of_lessons_bind_no_number_to_the_wrong_customer(
    world: World, part: int
) -> None:
    play(world, IN_SOAK // SOAK_PARTS, part)
