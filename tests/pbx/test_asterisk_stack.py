"""The whole system in the local stack, and a real Asterisk that connects to it by WebSocket."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from centralino.adapters.aws import Client
from centralino.adapters.pbx.asterisk_ws import Originate
from centralino.adapters.sockets import GatewaySockets
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.lines import DynamoLineStore
from centralino.adapters.store.sockets import DynamoSocketStore
from centralino.domain.agent import Agent
from centralino.domain.dial_options import Budget, DialOptions
from centralino.domain.originate import Order
from centralino.domain.settings import Line, Settings
from centralino.ports.originate import Means, PbxLink
from centralino.ports.sockets import Sockets
from tests.support.asterisk import Link
from tests.support.cutting_proxy import Cut, CuttingProxy
from tests.support.dialling_office import CALLER_ID, EXTEN, DiallingOffice, wait_for
from tests.support.local_stack import eventually
from tests.support.memory_store import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.domain.originate import Placed
    from local_stack import Stack

pytestmark = pytest.mark.asterisk

TENANT, SITE = "rings", "milan"
SETTINGS = Settings(TENANT, line=Line(country="IT", area_code="02"), dids={CALLER_ID: {}})
# Nothing but the calls themselves is tried here.
NO_LIMITS = Budget(agent_minute=0, agent_hour=0, agent_day=0)
# On a busy machine the functions start slowly; a PBX is given 8 s all the same.
LIMIT_S = 60.0
AT_ONCE = 3
MANY = 100
MANAGEMENT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
LINK = "centralino-link_pbx:live"
# How long a PBX is told which events are wanted before that is left to the ping.
FILTER_S = 30.0


class Desk(NamedTuple):
    """A tenant of the stack, and its PBX.

    Attributes:
        url: of the API.
        keys: role -> key.
        office: the PBX.
        proxy: the line between the two.
        sockets: the connections that are stored.
        functions: a client for the stack's Lambda.
    """

    url: str
    keys: dict[str, str]
    office: DiallingOffice
    proxy: CuttingProxy
    sockets: DynamoSocketStore
    functions: Any

    def ask(self, number: str, key: str = "") -> dict[str, Any]:
        """Ask for a call; return the answer, which has to be 202."""
        answer = httpx.post(
            f"{self.url}/v1/originate",
            json={"number": number, "exten": EXTEN, "caller_id": CALLER_ID},
            headers={"x-api-key": self.keys["crm"]} | ({"idempotency-key": key} if key else {}),
            timeout=LIMIT_S,
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def state(self, call_id: str) -> str:
        """Ask what became of a call."""
        answer = httpx.get(
            f"{self.url}/v1/originate/{call_id}",
            headers={"x-api-key": self.keys["crm"]},
            timeout=LIMIT_S,
        )
        return str(answer.json()["status"])

    def is_ready(self) -> bool:
        """Whether the PBX is connected, and knows which events are wanted."""
        found = self.sockets.all()
        return bool(found) and found[0].filtered

    def ping(self) -> None:
        """Do what the schedule does every five minutes: it also tells again what was not heard."""
        event = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event"})
        self.functions.invoke(FunctionName=LINK, Payload=event)


@pytest.fixture(scope="module")
def running(chroot: None, local_stack: Stack) -> Iterator[Desk]:  # noqa: ARG001 - made first
    env, table = local_stack.emulator.env(), local_stack.table
    with ExitStack() as started:
        client = started.enter_context(closing(Client("dynamodb", env=env)))
        stores = Stores(client, table)
        stores.now_s = time.time()
        keys = stores.create_tenant(TENANT, SETTINGS)
        stores.agents(TENANT).save(Agent(EXTEN, "Chiara"))
        DynamoLineStore(client, table, TENANT).save("asterisk_ws", {}, now_s=time.time())
        options = DialOptions(pbx="asterisk_ws", budget=NO_LIMITS)
        assert DynamoDialStore(client, table, TENANT).save_options(options)
        port = int(local_stack.url.rpartition(":")[2])
        proxy = started.enter_context(closing(CuttingProxy(port)))
        link = Link(f"ws://127.0.0.1:{proxy.port}/ari", SITE, keys["link"])
        office = started.enter_context(closing(DiallingOffice([link])))
        sockets = DynamoSocketStore(client, table, TENANT)
        functions = local_stack.emulator.client("lambda")
        desk = Desk(local_stack.url, keys, office, proxy, sockets, functions)
        eventually(desk.is_ready)
        # The functions that a call needs have started once, as they have in a busy account.
        desk.ask("0244556611")
        office.ring()
        yield desk


@pytest.fixture
def desk(running: Desk) -> Desk:
    connected = time.monotonic()

    def ready() -> bool:
        if running.is_ready():
            return True
        if time.monotonic() > connected + FILTER_S:
            running.ping()
        return False

    eventually(ready)
    running.office.quiet()
    _rung.clear()
    return running


def test_a_click_rings_the_agent_and_then_the_customer_and_its_state_can_be_asked(
    desk: Desk,
) -> None:
    said = desk.ask("02 4455 6677")
    assert (said["status"], said["number"]) == ("placed", "0244556677")
    assert said["provider_id"] == said["call_id"]
    rung = desk.office.ring()
    assert (rung.agent.called, rung.agent.number) == (EXTEN, "+390244556677")
    assert (rung.customer.called, rung.customer.number) == ("0244556677", CALLER_ID)
    assert rung.agent.at < rung.customer.at
    eventually(lambda: desk.state(said["call_id"]) == "answered")
    desk.office.asterisk.cli("channel request hangup all")
    eventually(lambda: desk.state(said["call_id"]) == "ended")


def test_a_click_with_the_same_key_is_the_same_call(desk: Desk) -> None:
    first, again = desk.ask("0244556678", "click-1"), desk.ask("0244556678", "click-1")
    assert first["call_id"] == again["call_id"]
    desk.office.ring()
    desk.ask("0244556679")
    assert desk.office.ring().customer.called == "0244556679"
    assert desk.office.agent.rings() == []


def test_a_call_is_placed_after_the_pbx_was_restarted(desk: Desk) -> None:
    desk.office.restart()
    eventually(desk.is_ready)
    assert desk.ask("0244556680")["status"] == "placed"
    assert desk.office.ring().customer.called == "0244556680"


@pytest.mark.parametrize("delivered", [0, None], ids=["before the request", "before the answer"])
def test_a_line_that_is_cut_in_the_middle_of_a_request_rings_once(
    desk: Desk, delivered: int | None
) -> None:
    number = f"02445567{90 + (delivered is None)}"
    desk.proxy.cuts = [Cut(b'"uri": "channels"', near=True, delivered=delivered)]
    said = desk.ask(number)
    assert desk.proxy.cuts == []
    # Nobody may know in time what became of it; but it is never two calls.
    assert said["status"] in {"placed", "ringing", "unknown"}
    assert desk.office.ring().customer.called == number
    desk.office.quiet()
    desk.ask("0244556681")
    assert desk.office.ring().customer.called == "0244556681"
    assert desk.office.agent.rings() == []


def test_calls_at_once_ring_once_each(desk: Desk) -> None:
    numbers = [f"02445568{n:02}" for n in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        said = list(threads.map(desk.ask, numbers))
    assert len({one["call_id"] for one in said}) == AT_ONCE
    wait_for(lambda: len(rung_by(desk)) == AT_ONCE)
    desk.ask("0244556682")
    wait_for(lambda: "0244556682" in rung_by(desk))
    assert rung_by(desk) == Counter([*numbers, "0244556682"])


_rung: Counter[str] = Counter()


def rung_by(desk: Desk) -> Counter[str]:
    """Count how often each number was called in this test."""
    _rung.update(ring.called for ring in desk.office.customer.rings())
    return _rung


def test_a_hundred_calls_at_once_through_the_stacks_connection_ring_once_each(
    desk: Desk, local_stack: Stack
) -> None:
    # Placed from here, for a hundred processes of the function are too many for one machine; the
    # connection, its gateway and the function that takes the answers are the stack's.
    numbers = [f"0244557{n:03}" for n in range(MANY)]
    orders = [
        Order(secrets.token_hex(11), EXTEN, f"+39{number}", number, caller_id=CALLER_ID)
        for number in numbers
    ]
    env = local_stack.emulator.env()

    def place(order: Order) -> Placed:
        with (
            closing(Client("dynamodb", env=env)) as client,
            closing(GatewaySockets(f"{desk.url}/ari", env=env | {MANAGEMENT: desk.url})) as gateway,
        ):
            store = DynamoSocketStore(client, local_stack.table, TENANT)
            means = Means(None, sockets=Sockets(store, gateway))  # type: ignore[arg-type]
            link = PbxLink(TENANT, "asterisk_ws", {}, {})
            return Originate(link, means).originate(order, timeout_s=LIMIT_S)

    rung_by(desk)
    with ThreadPoolExecutor(MANY) as threads:
        placed = list(threads.map(place, orders))
    assert [one.provider_id for one in placed] == [one.call_id for one in orders]
    wait_for(lambda: rung_by(desk).keys() >= set(numbers))
    eventually(lambda: desk.ask("0244556684")["status"] == "placed")
    wait_for(lambda: "0244556684" in rung_by(desk))
    assert {number: rung_by(desk)[number] for number in numbers} == dict.fromkeys(numbers, 1)
    # What Asterisk tells of so many calls keeps the function busy: the next test is not to wait.
    desk.office.quiet()
    eventually(lambda: all(is_over(desk, one.call_id) for one in orders))


def is_over(desk: Desk, call_id: str) -> bool:
    """Whether the end of a call has been stored."""
    return any("ChannelDestroyed" in one for one in desk.sockets.events(call_id))


def test_the_frames_of_a_call_are_stored(desk: Desk) -> None:
    said = desk.ask("0244556683")
    desk.office.ring()
    eventually(lambda: len(desk.sockets.events(said["call_id"])) >= 8)
    kinds = [json.loads(one)["type"] for one in desk.sockets.events(said["call_id"])]
    assert set(kinds) <= {"Dial", "ChannelStateChange"}
