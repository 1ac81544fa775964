"""The same as `test_apply_interleavings.py`, without turns: writers race in threads.

No order is chosen and none can be played again; what has to hold holds for all of them.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import Client
from centralino.domain.errors import ThrottledError, UnavailableError
from tests.support import faults
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.paper_crm import DEED_KINDS, Deed, Office
from tests.support.paper_writers import Writers, assert_as_the_crm_is, read_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from centralino.application.apply_hints import Applied
    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Exchange
    from tests.support.paper_crm import Event

    Told = tuple[Event, ...]

RECORDS = ("1", "2", "3", "4")
NUMBERS = ("+390244556601", "+390244556602", "+390244556603")
NAMES = ("Rossi", "Bianchi", "Verdi")
THREADS = 5
CHANGES = 8
STORIES, SOAK_STORIES = 60, 5_000
# Of a hundred requests, and of a hundred answers of the CRM.
TROUBLED = 8
# As often as the queue would never let a message come.
MOST_TRIES = 500


class Arena:
    """Where they race: each story is another tenant of one table."""

    def __init__(
        self, proxy: FaultProxy, clients: list[Client], direct: Client, table: str
    ) -> None:
        self.proxy = proxy
        self.direct = direct
        self.table = table
        self._clients: SimpleQueue[Client] = SimpleQueue()
        for client in clients:
            self._clients.put(client)
        self._threads = ThreadPoolExecutor(len(clients))

    def close(self) -> None:
        self._threads.shutdown()

    def start(self, write: Callable[[Client], Any]) -> Future[Any]:
        """Let somebody write, with a client of their own."""

        def work() -> Any:  # noqa: ANN401 - as it returns
            client = self._clients.get()
            try:
                return write(client)
            finally:
                self._clients.put(client)

        return self._threads.submit(work)


@pytest.fixture
def arena(dynamodb: DynamoDBLocal, table: str) -> Iterator[Arena]:
    with ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy(dynamodb.endpoint))
        clients = [
            stack.enter_context(closing(Client("dynamodb", env={**dynamodb.env, **proxy.env})))
            for _ in range(THREADS)
        ]
        direct = stack.enter_context(closing(Client("dynamodb", env=dynamodb.env)))
        yield stack.enter_context(closing(Arena(proxy, clients, direct, table)))


def now_and_then(dice: random.Random) -> Fault:
    """Let some of the requests meet trouble."""
    troubles = (faults.transaction_conflict(), faults.throttling(), faults.lost_answer())

    def handle(exchange: Exchange) -> None:
        if dice.randrange(100) < TROUBLED:
            dice.choice(troubles).handle(exchange)
        else:
            exchange.send(exchange.forward())

    return Fault("now and then", handle)


class Race:
    """One CRM, and all who write what it has."""

    def __init__(self, arena: Arena, tenant: str, dice: random.Random) -> None:
        self.arena = arena
        self.tenant = tenant
        self.dice = dice
        self.office = Office(inline=dice.random() < 0.2)
        self.writers = Writers(
            arena.table, tenant, self.office, RECORDS, lambda: self.office.now_ms, self._pass
        )
        # What each delivers; None for the writers whose failure is nobody's loss.
        self.running: dict[Future[Any], Told | None] = {}
        self.tries = 0

    def run(self) -> None:
        """Change the CRM, tell of it out of order and twice, and see to it that all is applied."""
        self.writers.create(self.arena.direct)
        held: list[Told] = []
        for _ in range(CHANGES):
            held += self.office.do(self._deed(), RECORDS, NAMES, NUMBERS)
            self.dice.shuffle(held)
            while held and self.dice.random() < 0.6:
                self._deliver(held.pop())
            self._let_others_write()
            self._take_back(wait_s=self.dice.choice((0, 0.002, 0.02)))
        for told in held:
            self._deliver(told)
        while self.running:
            self._take_back(wait_s=None)
        items = read_items(self.arena.direct, self.arena.table, self.tenant, RECORDS, NUMBERS)
        assert_as_the_crm_is(self.office, self.tenant, items, RECORDS)

    def _deed(self) -> Deed:
        dice = self.dice
        one, other = dice.randrange(len(RECORDS)), dice.randrange(len(NAMES))
        chosen = dice.randrange(2 ** len(NUMBERS))
        return Deed(dice.choice(DEED_KINDS), one, other, chosen, dice.random() < 0.5)

    def _deliver(self, told: Told) -> None:
        self.tries += 1
        assert self.tries < MOST_TRIES, "there is no end to it"
        future = self.arena.start(lambda client: self.writers.deliver(client, told, self._ask))
        self.running[future] = told

    def _let_others_write(self) -> None:
        if self.office.inline:
            return  # it can't be asked
        dice, writers = self.dice, self.writers
        if dice.random() < 0.4:
            whole = dice.random() < 0.5
            self._start(lambda client: writers.reconcile(client, self._ask, whole=whole))
        if dice.random() < 0.4:
            number, refresh = dice.choice(NUMBERS), dice.random() < 0.5
            self._start(lambda client: writers.search(client, self._ask, number, refresh=refresh))

    def _start(self, write: Callable[[Client], object]) -> None:
        self.running[self.arena.start(write)] = None

    def _take_back(self, wait_s: float | None) -> None:
        """See what has ended; what failed is delivered again."""
        done, _ = wait(self.running, wait_s, FIRST_COMPLETED)
        for future in done:
            told = self.running.pop(future)
            result: Applied | None = future.result()
            if told is not None:
                assert result
                assert not result.problems
                if result.error is not None:
                    self._deliver(told)

    def _ask(self, _: str) -> None:
        if self.dice.randrange(100) < TROUBLED:
            raise self.dice.choice((ThrottledError("throttled"), UnavailableError("timeout")))

    def _pass(self, seconds: float) -> None:
        time.sleep(0.001)
        with self.office.lock:
            self.office.now_ms += int(1000 * seconds)


def play(arena: Arena, stories: int) -> None:
    dice = random.Random()
    arena.proxy.fault = now_and_then(dice)
    for story in range(stories):
        Race(arena, f"t-{story}", dice).run()
        arena.proxy.requests.clear()


def test_writers_that_race_leave_the_index_as_the_crm_is(arena: Arena) -> None:
    play(arena, STORIES)


@pytest.mark.soak
def test_writers_that_race_for_long_leave_the_index_as_the_crm_is(arena: Arena) -> None:
    play(arena, SOAK_STORIES)
