"""Whatever a CRM tells, in whichever order and however often, the index ends as the CRM is.

Hypothesis plays a CRM and its deliveries: records are created, changed, deleted, restored, merged
and erased; what is told of it comes twice, late, out of order and to several workers at once, which
take turns request by request against DynamoDB Local, behind a proxy that conflicts, throttles and
loses answers. What fails is delivered again, as the queue does. In some stories reconciliation and
live search write at the same time.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
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

from centralino.adapters.aws import Client
from centralino.domain.errors import ThrottledError, UnavailableError
from tests.support import faults
from tests.support.fault_proxy import FaultProxy
from tests.support.paper_crm import DEED_KINDS, Deed, Event, Office
from tests.support.paper_writers import Writers, assert_as_the_crm_is, read_items
from tests.support.store_model import assert_cards_follow
from tests.support.turns import AbandonedError, GatedClient, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from centralino.adapters.store.sender import Sender
    from tests.support.dynamodb_local import DynamoDBLocal

    Told = tuple[Event, ...]
    Ask = Callable[[str], None]
    DeedParts = tuple[str, int, int, int, bool]

RECORDS = ("1", "2", "3")
NUMBERS = ("+390244556601", "+390244556602", "+390244556603")
NAMES = ("Rossi", "Bianchi", "Verdi")
DEEDS = st.tuples(
    st.sampled_from(DEED_KINDS),
    st.integers(0, len(RECORDS) - 1),
    st.integers(0, len(NAMES) - 1),
    st.integers(0, 2 ** len(NUMBERS) - 1),
    st.booleans(),
)
# Who else writes: a reconciliation of all or of what changed, or a search for a number.
OTHERS = st.tuples(
    st.sampled_from(("all", "all", "changes", "search", "refresh", "refresh")),
    st.sampled_from(NUMBERS),
)
WORKERS = 3
# How likely it is in the end, before each turn, that one more thing happens at the CRM, and that a
# worker begins who may.
LATE, BEGIN = 0.1, 0.3
# How likely it is that nothing tells of what happened, where somebody else finds it.
LOST = 0.2
LATER_MS = 600_000
STEPS = 5
# A story in 2,000 would otherwise be as long as its writers are unlucky.
MOST_TURNS = 2_000
IN_CI, IN_SOAK = 2_000, 100_000
SOAK_PARTS = 100


FAULTS = {
    "conflict": lambda: faults.first(1, faults.transaction_conflict()),
    "throttled once": lambda: faults.first(1, faults.throttling()),
    "throttled": faults.throttling,
    "lost": faults.lost_answer,
}
# Mostly nothing.
TROUBLE = (*[""] * 20, *FAULTS)


class World(NamedTuple):
    """Where stories take place: each is another tenant of one table."""

    proxy: FaultProxy
    client: Client
    direct: Client
    table: str
    tenants: Iterator[int]


class Story(RuleBasedStateMachine):
    """A CRM, its deliveries, and the workers that apply them."""

    inline = False

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.tenant = f"t-{next(world.tenants)}"
        self.office = Office(inline=self.inline)
        self.writers = Writers(
            world.table, self.tenant, self.office, RECORDS, lambda: self.office.now_ms, self._pass
        )
        self.waiting: list[Told] = []
        # With what is to be told again should it fail.
        self.working: list[tuple[Turn, Told | None]] = []
        self.dice = random.Random(0)
        self.late: list[DeedParts] = []

    @initialize(dice=st.integers(0, 2**32), late=st.lists(DEEDS, max_size=4))
    def shuffle(self, dice: int, late: list[DeedParts]) -> None:
        """Choose who takes turns, and what still happens while the rest is applied in the end."""
        self.dice = random.Random(dice)
        self.late = late
        for record in RECORDS[:2]:
            self.waiting.append((self.office.save(record, NAMES[0], NUMBERS[:2]),))

    # --- what happens in the CRM ---------------------------------------------------------------

    # One rule that always applies, instead of preconditions: what can't be done is a save.
    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=2))
    def change(self, deeds: list[DeedParts]) -> None:
        for deed in deeds:
            self.waiting += self._do(deed)

    def _do(self, deed: DeedParts) -> list[Told]:
        return self.office.do(Deed(*deed), RECORDS, NAMES, NUMBERS)

    # --- who applies it ------------------------------------------------------------------------

    @rule(place=st.integers(0, 99), turns=st.lists(st.sampled_from(TROUBLE), max_size=8))
    def work(self, place: int, turns: list[str]) -> None:
        if self.waiting and len(self.working) < WORKERS:
            self._begin(place % len(self.waiting))
        for trouble in turns:
            if self.working:
                self._turn(self.dice.randrange(len(self.working)), trouble)

    def _begin(self, place: int) -> None:
        told = self.waiting.pop(place)
        self._let(lambda client, ask: self.writers.deliver(client, told, ask), told)

    def _let(self, write: Callable[[Sender, Ask], object], told: Told | None = None) -> None:
        client = self.world.client

        def work(turn: Turn) -> object:
            return write(GatedClient(client, turn), lambda _: self._ask(turn))

        self.working.append((Turn(work), told))

    def _ask(self, turn: Turn) -> None:
        try:
            turn.gate("fetch")
        except AbandonedError as error:
            # A search asks in a thread of its own; the one that waits for it goes next.
            raise UnavailableError("abandoned") from error
        if self.world.proxy.fault is not None:
            name = self.world.proxy.fault.name
            raise ThrottledError("throttled") if "Throughput" in name else UnavailableError(name)

    def _pass(self, seconds: float) -> None:
        self.office.now_ms += int(1000 * seconds)

    def _turn(self, place: int, trouble: str = "") -> None:
        turn, told = self.working[place]
        with troubled(self.world.proxy, trouble):
            turn.step()
        if turn.done:
            self.working.pop(place)
            if turn.error is not None:
                raise turn.error
            if told is not None:
                assert not turn.result.problems
                if turn.result.error is not None:
                    self.waiting.append(told)

    def _go_on(self) -> None:
        """Begin what is left, some of it later than the rest, or all of it is done in order."""
        hurry = not self.working
        if self.late and (hurry or self.dice.random() < LATE):
            self.waiting += self._do(self.late.pop())
        free = len(self.working) < WORKERS
        if self.waiting and free and (hurry or self.dice.random() < BEGIN):
            self._begin(self.dice.randrange(len(self.waiting)))

    def _finish(self) -> None:
        """Do what is done when all that was told is applied."""

    # --- how it ends ---------------------------------------------------------------------------

    def teardown(self) -> None:
        world = self.world
        try:
            for count in itertools.count():
                assert count < MOST_TURNS, "there is no end to it"
                self._go_on()
                if not self.working:
                    break
                self._turn(self.dice.randrange(len(self.working)), self.dice.choice(TROUBLE))
            self._finish()
            items = read_items(world.direct, world.table, self.tenant, RECORDS, NUMBERS)
            assert_as_the_crm_is(self.office, self.tenant, items, RECORDS)
        finally:
            for turn, _ in self.working:
                turn.abandon()


class InlineStory(Story):
    """The same, of a CRM that can't be asked."""

    inline = True


class BusyStory(Story):
    """The same, while reconciliation and live search write what they find.

    Some of what happens is never told; when all is applied, one more reconciliation finds it.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        # Hypothesis may give a story up before it begins.
        self.created = False
        self.others: list[tuple[str, str]] = []

    @initialize(others=st.lists(OTHERS, min_size=1, max_size=4))
    def create(self, others: list[tuple[str, str]]) -> None:
        """Let the index be as the CRM is, and choose who else writes in the end."""
        self.writers.create(self.world.direct)
        self.created = True
        self._reconcile()
        self.others = others

    @rule(other=OTHERS)
    def write(self, other: tuple[str, str]) -> None:
        if len(self.working) < WORKERS:
            self._begin_other(*other)

    def _begin_other(self, what: str, number: str) -> None:
        writers, refresh = self.writers, what == "refresh"
        if what in ("search", "refresh"):
            self._let(lambda client, ask: writers.search(client, ask, number, refresh=refresh))
        else:
            self._let(lambda client, ask: writers.reconcile(client, ask, whole=what == "all"))

    def _do(self, deed: DeedParts) -> list[Told]:
        told = super()._do(deed)
        # Without the reconciliation at the end nobody would find it.
        return [] if self.created and self.dice.random() < LOST else told

    def _finish(self) -> None:
        if self.created:
            # What was restored has its old time, so only a reader who comes later knows better.
            self.office.now_ms += LATER_MS
            self._reconcile()

    def _reconcile(self) -> None:
        """Go on with a run to its end, and do a whole one behind it."""
        client, links = self.world.direct, self.writers.links
        for _ in range(2):
            self.writers.reconcile(client, lambda _: None, whole=True)
            assert not links.state.run

    def _go_on(self) -> None:
        if self.others and (not self.working or self.dice.random() < LATE):
            self._begin_other(*self.others.pop())
        super()._go_on()


@contextmanager
def troubled(proxy: FaultProxy, trouble: str) -> Iterator[None]:
    """Let one request meet trouble."""
    proxy.fault = FAULTS[trouble]() if trouble else None
    try:
        yield
    finally:
        proxy.fault = None
        proxy.requests.clear()


@pytest.fixture
def world(dynamodb: DynamoDBLocal, table: str) -> Iterator[World]:
    with (
        FaultProxy(dynamodb.endpoint) as proxy,
        closing(Client("dynamodb", env={**dynamodb.env, **proxy.env})) as client,
        closing(Client("dynamodb", env=dynamodb.env)) as direct,
    ):
        yield World(proxy, client, direct, table, itertools.count(1))


KINDS = (Story, BusyStory, Story, InlineStory)


def play(world: World, dynamodb: DynamoDBLocal, stories: int, part: int) -> None:
    """Play some stories, and look at all that they left behind."""
    kind = KINDS[part % len(KINDS)]
    told = 0

    class Here(kind):  # type: ignore[misc, valid-type]  # Hypothesis builds it without arguments
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
    tenants: dict[str, list[dict[str, Any]]] = defaultdict(list)
    pages = dynamodb.boto3.get_paginator("scan").paginate(TableName=world.table)
    for page in pages:
        for item in page["Items"]:
            tenants[item["pk"]["S"].split("#")[1]].append(dict(item))
    # In some of them nothing is ever stored.
    assert len(tenants) > stories / 2
    for tenant, items in tenants.items():
        assert_cards_follow(tenant, items)


@pytest.mark.parametrize("part", range(len(KINDS)))
def test_2000_interleavings_of_what_a_crm_tells_end_as_the_crm_is(
    world: World, dynamodb: DynamoDBLocal, part: int
) -> None:
    play(world, dynamodb, IN_CI // len(KINDS), part)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(SOAK_PARTS))
def test_100000_interleavings_of_what_a_crm_tells_end_as_the_crm_is(
    world: World, dynamodb: DynamoDBLocal, part: int
) -> None:
    play(world, dynamodb, IN_SOAK // SOAK_PARTS, part)
