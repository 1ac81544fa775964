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
from centralino.adapters.store.table import card_key, contact_key
from centralino.domain.errors import ThrottledError, UnavailableError
from tests.support import faults
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.paper_crm import Event, Office
from tests.support.paper_writers import ROOM, Writers
from tests.support.store_model import assert_cards_follow, contacts_in
from tests.support.turns import AbandonedError, GatedClient, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from centralino.adapters.store.sender import Sender
    from centralino.domain.contact import Contact
    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Exchange

    Told = tuple[Event, ...]
    Ask = Callable[[str], None]

RECORDS = ("1", "2", "3")
NUMBERS = ("+390244556601", "+390244556602", "+390244556603")
NAMES = ("Rossi", "Bianchi", "Verdi")
DEEDS = st.tuples(
    st.sampled_from(
        ("save", "save", "delete", "delete without a time", "restore", "merge", "erase")
    ),
    st.integers(0, len(RECORDS) - 1),
    st.integers(0, len(NAMES) - 1),
    st.integers(0, 2 ** len(NUMBERS) - 1),
    st.booleans(),
)
WORKERS = 3
STEPS = 5
# A story in 2,000 would otherwise be as long as its writers are unlucky.
MOST_TURNS = 2_000
IN_CI, IN_SOAK = 2_000, 100_000
SOAK_PARTS = 100


def lost_answer() -> Fault:
    """Carry requests out and tell nobody."""

    def handle(exchange: Exchange) -> None:
        exchange.forward()
        exchange.close()

    return Fault("lost answer", handle)


FAULTS = {
    "conflict": lambda: faults.first(1, faults.transaction_conflict()),
    "throttled once": lambda: faults.first(1, faults.throttling()),
    "throttled": faults.throttling,
    "lost": lost_answer,
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
        self.erased: set[str] = set()
        self.told = 0

    @initialize(dice=st.integers(0, 2**32))
    def shuffle(self, dice: int) -> None:
        """Choose who takes turns, and how the rest is applied in the end."""
        self.dice = random.Random(dice)
        for record in RECORDS[:2]:
            self._tell(self.office.save(record, NAMES[0], NUMBERS[:2]))

    # --- what happens in the CRM ---------------------------------------------------------------

    # One rule that always applies, instead of preconditions: what can't be done is a save.
    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=2))
    def change(self, deeds: list[tuple[str, int, int, int, bool]]) -> None:
        for what, one, other, chosen, twice in deeds:
            self._change(what, one, other, chosen, twice)

    def _change(self, what: str, one: int, other: int, chosen: int, twice: bool) -> None:
        office = self.office
        there, gone = sorted(office.there), sorted(office.gone)
        if what == "merge" and len(there) > 1:
            loser = there.pop(one % len(there))
            events = office.merge(loser, there[other % len(there)])
            for told in [events] if twice else [[event] for event in events]:
                self._tell(*told)
        elif what == "restore" and gone:
            self._tell(office.restore(gone[one % len(gone)]), twice=twice)
        elif what.startswith("delete") and there:
            # Who can't be asked has to say when.
            timed = office.inline or what == "delete"
            self._tell(office.delete(there[one % len(there)], timed=timed), twice=twice)
        elif what == "erase" and there:
            record = there[one % len(there)]
            self.erased.add(record)
            self._tell(office.delete(record, erased=True), twice=twice)
        elif RECORDS[one] not in self.erased:
            numbers = [number for bit, number in enumerate(NUMBERS) if chosen >> bit & 1]
            self._tell(office.save(RECORDS[one], NAMES[other], numbers), twice=twice)

    def _tell(self, *events: Event, twice: bool = False) -> None:
        self.told += 1
        self.waiting += [events] * (1 + twice)

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

    # --- how it ends ---------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            for count in itertools.count():
                assert count < MOST_TURNS, "there is no end to it"
                while self.waiting and len(self.working) < WORKERS:
                    self._begin(self.dice.randrange(len(self.waiting)))
                if not self.working:
                    break
                self._turn(self.dice.randrange(len(self.working)), self.dice.choice(TROUBLE))
            self._assert_the_index_is_as_the_crm()
        finally:
            for turn, _ in self.working:
                turn.abandon()

    def _assert_the_index_is_as_the_crm(self) -> None:
        items = self._items()
        stored = contacts_in(items)
        for record in RECORDS:
            told = self.office.contact(record) if record in self.office.there else None
            assert plain(stored.get(f"paper:{record}")) == plain(told), f"record {record}"
        assert_cards_follow(self.tenant, items)

    def _items(self) -> list[dict[str, Any]]:
        """Read what there can be of this tenant; `play` looks for anything else."""
        keys = [contact_key(self.tenant, f"paper:{record}") for record in RECORDS]
        keys += [card_key(self.tenant, number) for number in NUMBERS]
        wanted = {self.world.table: {"Keys": keys, "ConsistentRead": True}}
        answer = self._read("BatchGetItem", RequestItems=wanted)
        found: list[dict[str, Any]] = answer["Responses"][self.world.table]
        for card in [item for item in found if int(item.get("n", {}).get("N", 0)) > ROOM]:
            found += self._read(
                "Query",
                TableName=self.world.table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
                ExpressionAttributeValues={":pk": card["pk"], ":sk": {"S": "N#"}},
                ConsistentRead=True,
            )["Items"]
        return found

    def _read(self, operation: str, **payload: object) -> dict[str, Any]:
        return self.world.direct.call(operation, payload, timeout_s=5)


class InlineStory(Story):
    """The same, of a CRM that can't be asked."""

    inline = True


class BusyStory(Story):
    """The same, while reconciliation and live search write what they find."""

    @initialize()
    def create(self) -> None:
        """Reconciliation needs the tenant."""
        self.writers.create(self.world.direct)

    @rule(whole=st.booleans())
    def reconcile(self, whole: bool) -> None:
        if len(self.working) < WORKERS:
            self._let(lambda client, ask: self.writers.reconcile(client, ask, whole=whole))

    @rule(number=st.sampled_from(NUMBERS), refresh=st.booleans())
    def search(self, number: str, refresh: bool) -> None:
        if len(self.working) < WORKERS:
            self._let(lambda client, ask: self.writers.search(client, ask, number, refresh=refresh))


def plain(contact: Contact | None) -> Contact | None:
    """Return what a CRM knows of a contact; its version and what we work out are ours."""
    if contact is None:
        return None
    numbers = tuple(number._replace(indexed="", problem="") for number in contact.numbers)
    return contact._replace(version=0, numbers=numbers)


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
