"""What the store of agents promises, in memory and on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.agent_item import agents_key, read_agents
from centralino.adapters.store.agents import MAX_AGENTS, MAX_BYTES, DynamoAgentStore
from centralino.domain.agent import Agent
from centralino.domain.errors import ConflictError, NotFoundError, PayloadError
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.memory_store import NOW_S, MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

ANNA = Agent(
    "21",
    "Anna",
    {"trucks": 8, "german": 3},
    ("gold",),
    "+393331234567",
    "office",
    ("22", "23"),
)


def agents_of(stores: Stores, tenant: str = "acme") -> DynamoAgentStore:
    return DynamoAgentStore(
        stores.client,
        stores.table,
        tenant,
        now=lambda: stores.now_s,
        pause=stores.pauses.append,
    )


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        yield MemoryStores()
        return
    server = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    yield Stores(client, request.getfixturevalue("table"))
    client.close()


@pytest.fixture
def agents(stores: Stores) -> DynamoAgentStore:
    stores.create_tenant("acme")
    return agents_of(stores)


def test_a_tenant_begins_without_agents(agents: DynamoAgentStore) -> None:
    assert agents.all() == []


def test_an_agent_is_read_as_it_was_saved_and_is_available_from_then_on(
    agents: DynamoAgentStore,
) -> None:
    assert agents.save(ANNA)
    assert agents.save(Agent("100"))
    assert agents.all() == [
        Agent("100", since_s=int(NOW_S)),
        ANNA._replace(since_s=int(NOW_S)),
    ]


def test_a_call_reads_the_same_from_the_item(stores: Stores, agents: DynamoAgentStore) -> None:
    agents.save(ANNA)
    agents.set_state("21", "busy", at=7, load=2)
    payload = {"TableName": stores.table, "Key": agents_key("acme")}
    item = stores.client.call("GetItem", payload, timeout_s=5)["Item"]
    assert read_agents(item) == {"21": ANNA._replace(state="busy", since_s=7, load=2)}


def test_an_agent_that_is_saved_again_keeps_state_and_load(
    stores: Stores, agents: DynamoAgentStore
) -> None:
    agents.save(ANNA)
    agents.set_state("21", "away", at=100, load=3)
    stores.now_s += 60
    assert not agents.save(Agent("21", "Anna Bianchi", state="busy", load=9, since_s=5))
    assert agents.all() == [Agent("21", "Anna Bianchi", state="away", since_s=100, load=3)]


def test_a_state_said_again_has_begun_when_it_was_said_first(agents: DynamoAgentStore) -> None:
    agents.save(ANNA)
    for at, state in ((10, "busy"), (20, "available"), (30, "available")):
        assert agents.set_state("21", state, at=at)
    [agent] = agents.all()
    assert (agent.state, agent.since_s) == ("available", 20)


def test_the_load_stays_unless_it_is_said(agents: DynamoAgentStore) -> None:
    agents.save(ANNA)
    agents.set_state("21", "busy", at=10, load=4)
    agents.set_state("21", "busy", at=11)
    agents.set_state("21", "available", at=12)
    assert agents.all()[0].load == 4
    agents.set_state("21", "available", at=13, load=0)
    assert agents.all()[0].load == 0


def test_whoever_is_no_agent_has_no_state(agents: DynamoAgentStore) -> None:
    agents.save(ANNA)
    assert not agents.set_state("22", "busy", at=10)
    assert [agent.exten for agent in agents.all()] == ["21"]


def test_a_deleted_agent_is_gone_with_its_state(agents: DynamoAgentStore) -> None:
    agents.save(ANNA)
    agents.set_state("21", "busy", at=10, load=4)
    assert agents.delete("21")
    assert not agents.delete("21")
    assert not agents.set_state("21", "busy", at=11)
    assert agents.all() == []
    assert agents.save(ANNA)
    [agent] = agents.all()
    assert (agent.state, agent.since_s, agent.load) == ("available", int(NOW_S), 0)


def test_another_tenants_agents_are_not_there(stores: Stores, agents: DynamoAgentStore) -> None:
    stores.create_tenant("other")
    other = agents_of(stores, "other")
    agents.save(ANNA)
    assert other.all() == []
    assert not other.set_state("21", "busy", at=10)
    assert not other.delete("21")
    assert [agent.state for agent in agents.all()] == ["available"]


def test_an_erased_tenant_gets_no_agents(stores: Stores, agents: DynamoAgentStore) -> None:
    agents.save(ANNA)
    stores.tenants("acme").close()
    with pytest.raises(NotFoundError, match="there is no tenant acme"):
        agents.save(ANNA)
    assert not agents.set_state("21", "busy", at=9)
    assert agents.all() == []


def test_what_is_said_of_an_agent_has_an_end(agents: DynamoAgentStore) -> None:
    with pytest.raises(PayloadError, match=f"agent: expected at most {MAX_BYTES} bytes of JSON"):
        agents.save(Agent("21", "Ä" * (MAX_BYTES // 2)))
    assert agents.all() == []


@pytest.fixture
def memory() -> MemoryStores:
    stores = MemoryStores()
    stores.create_tenant("acme")
    return stores


def test_as_many_agents_as_fit_one_item_and_no_more(memory: MemoryStores) -> None:
    agents = agents_of(memory)
    largest = Agent("", "N" * (MAX_BYTES - 4))
    for place in range(MAX_AGENTS):
        assert agents.save(largest._replace(exten=f"{place:020}"))
    with pytest.raises(ConflictError, match=f"there are {MAX_AGENTS} agents"):
        agents.save(Agent("21"))
    for place in range(MAX_AGENTS):
        assert agents.set_state(f"{place:020}", "available", at=int(NOW_S), load=1_000_000)
    assert not agents.save(Agent(f"{0:020}", "Anna"))
    agents.delete(f"{0:020}")
    assert agents.save(Agent("21"))


class Rivals(MemoryDynamo):
    """DynamoDB with somebody who is faster, just before a write arrives.

    Attributes:
        faster: what happens before each write to come, the next one first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faster: list[Callable[[], object]] = []

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        if operation != "GetItem" and self.faster:
            happens = self.faster.pop(0)
            waiting, self.faster = self.faster, []
            happens()
            self.faster = waiting
        return super().call(operation, payload, timeout_s=timeout_s)


@pytest.fixture
def rivals() -> Stores:
    stores = Stores(Rivals(), "centralino")
    stores.create_tenant("acme")
    return stores


def test_of_two_who_create_an_agent_at_once_one_is_told_that_it_was_there(rivals: Stores) -> None:
    assert isinstance(rivals.client, Rivals)
    agents = agents_of(rivals)
    rivals.client.faster = [int, lambda: agents.save(Agent("21", "Anna"))]
    assert not agents.save(Agent("21", "Bruno"))
    assert [agent.name for agent in agents.all()] == ["Bruno"]


def test_an_agent_that_is_deleted_while_it_is_saved_is_created(rivals: Stores) -> None:
    assert isinstance(rivals.client, Rivals)
    agents = agents_of(rivals)
    agents.save(ANNA)
    rivals.client.faster = [lambda: agents.delete("21")]
    assert agents.save(Agent("21", "Bruno"))
    assert [agent.name for agent in agents.all()] == ["Bruno"]


def test_a_state_said_while_the_agent_is_saved_is_not_lost(rivals: Stores) -> None:
    assert isinstance(rivals.client, Rivals)
    agents = agents_of(rivals)
    agents.save(ANNA)
    rivals.client.faster = [lambda: agents.set_state("21", "busy", at=9)]
    agents.save(Agent("21", "Bruno"))
    assert agents.all() == [Agent("21", "Bruno", state="busy", since_s=9)]


def test_a_state_said_while_the_agent_is_deleted_brings_nobody_back(rivals: Stores) -> None:
    assert isinstance(rivals.client, Rivals)
    agents = agents_of(rivals)
    agents.save(ANNA)
    rivals.client.faster = [lambda: agents.delete("21")]
    assert not agents.set_state("21", "busy", at=9)
    assert agents.all() == []
