"""The function is killed at every step of a click: no telephone rings twice, no call is forgotten.

A step is a request that was carried out, and its answer not yet given: to die before the next
request is the same to everybody else. Step 0 is before the first. Between `begin` and `settle` the
PBX is asked, and rings before it answers.
"""

from __future__ import annotations

import json
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.lines import DynamoLineStore
from centralino.domain.agent import Agent
from centralino.domain.dial_options import Budget, DialOptions
from centralino.domain.settings import Line, Settings
from tests.support.calls import http_event
from tests.support.click_faults import step_of
from tests.support.click_worker import Container, kill
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.memory_store import Stores
from tests.support.originate.generic import TOKEN, FakeVoiceAtWork

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Exchange
    from tests.support.originate import Rung

BODY = {"number": "0244556677", "exten": "21"}
WITH_KEY = ["door", "key", "desk", "line", "begin", "rings", "call", "settle", "done"]
WITHOUT_KEY = ["door", "desk", "line", "begin", "rings", "call", "settle"]


class RingingPbx(FakeVoiceAtWork):
    """A PBX that says when a telephone rings."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def ring(self, rung: Rung) -> None:
        super().ring(rung)
        self._place.step("rings")


class Place:
    """The table and the PBX, which count a container's steps and may kill it at one."""

    def __init__(self, table: str, container: Container, env: dict[str, str], path: Path) -> None:
        self.table = table
        self.env = env
        self.secrets = path / "secrets.json"
        self.steps: list[str] = []
        self.kill_at = -1
        self.pbx: RingingPbx
        self._container = container
        self._pid = 0
        self._lock = threading.Lock()

    def step(self, what: str) -> None:
        with self._lock:
            self.steps.append(what)
            if len(self.steps) == self.kill_at:
                kill(self._pid)

    def carry_out(self, exchange: Exchange) -> None:
        """Pass a request on to DynamoDB, and let the container die of it if it is to."""
        answer = exchange.forward()
        self.step(step_of(exchange.request))
        exchange.send(answer)

    def open(self, stores: Stores, tenant: str) -> DynamoDialStore:
        """Create a tenant with its PBX; return its dialling."""
        keys = stores.create_tenant(tenant, Settings(tenant, line=Line("IT", "02")))
        self.key = keys["crm"]
        stores.agents(tenant).save(Agent("21"))
        store = DynamoDialStore(stores.client, stores.table, tenant)
        # Nobody clicks at midnight: there is no limit to count, but that of a day.
        budget = Budget(agent_minute=0, agent_hour=0)
        store.save_options(DialOptions(pbx="generic", budget=budget))
        account = {"base_url": self.pbx.url, "allow_private": "true"}
        DynamoLineStore(stores.client, stores.table, tenant).save("generic", account, now_s=1)
        self.secrets.write_text(json.dumps({f"{tenant}/crm/dial-generic": {"token": TOKEN}}))
        return store

    def click(self, kill_at: int = -1, key: str = "") -> dict[str, Any]:
        """Click, in a fresh container that may be killed; return its answer."""
        self.steps.clear()
        self.kill_at = kill_at
        headers = {"x-api-key": self.key} | ({"idempotency-key": key} if key else {})
        event = http_event(
            method="POST",
            path="/v1/originate",
            headers=headers,
            body=json.dumps(BODY),
            epoch_ms=None,
        )
        env = {
            **self.env,
            "CENTRALINO_TABLE": self.table,
            "CENTRALINO_SECRETS": f"file:{self.secrets}",
        }
        # No time is left, so whoever comes next needn't wait until it is over.
        self._pid = self._container.prepare({"env": env, "event": event, "left_ms": 0})
        if kill_at == 0:
            kill(self._pid)
            return self._container.end()
        return self._container.run()


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    with Container() as container:
        yield container


@pytest.fixture
def place(
    dynamodb: DynamoDBLocal, table: str, tmp_path: Path, container: Container
) -> Iterator[Place]:
    with FaultProxy(dynamodb.endpoint) as proxy:
        place = Place(table, container, {**dynamodb.env, **proxy.env}, tmp_path)
        proxy.fault = Fault("counting", place.carry_out)
        with RingingPbx(place) as place.pbx:
            yield place


@pytest.fixture
def stores(dynamodb: DynamoDBLocal, table: str) -> Iterator[Stores]:
    with closing(Client("dynamodb", env=dynamodb.env)) as client:
        yield Stores(client, table)


def said(answer: dict[str, Any]) -> tuple[int, str]:
    document = json.loads(answer["body"])
    return answer["statusCode"], document.get("status", "")


def test_a_click_has_these_steps_and_no_more(place: Place, stores: Stores) -> None:
    place.open(stores, "with")
    assert said(place.click(key="click-1")) == (202, "placed")
    assert place.steps == WITH_KEY
    place.open(stores, "without")
    assert said(place.click()) == (202, "placed")
    assert place.steps == WITHOUT_KEY


@pytest.mark.parametrize("kill_at", range(len(WITH_KEY) + 1))
def test_the_same_key_after_a_kill_never_rings_twice_and_knows_what_is_known(
    place: Place, stores: Stores, kill_at: int
) -> None:
    store = place.open(stores, "acme")
    answer = place.click(kill_at, key="click-1")
    assert (answer == {}) is (kill_at <= len(WITH_KEY))
    assert place.steps == WITH_KEY[:kill_at]
    begun = kill_at > WITH_KEY.index("begin")
    rang = kill_at > WITH_KEY.index("rings")
    settled = kill_at > WITH_KEY.index("settle")
    assert len(place.pbx.rung) == rang
    again = place.click(key="click-1")
    # Not begun: it is placed now. Begun, and nobody knows: so it is said, and no PBX is asked.
    assert said(again) == (202, "unknown" if begun and not settled else "placed")
    assert len(place.pbx.rung) == (rang if begun else 1)
    assert place.click(key="click-1")["body"] == again["body"]
    [call] = store.calls()[0]
    assert call.state == json.loads(again["body"])["status"]
    assert call.call_id == json.loads(again["body"])["call_id"]
    assert counted(stores, "acme") == 1


@pytest.mark.parametrize("kill_at", range(len(WITHOUT_KEY) + 1))
def test_a_second_click_after_a_kill_never_rings_twice(
    place: Place, stores: Stores, kill_at: int
) -> None:
    store = place.open(stores, "acme")
    place.click(kill_at)
    assert place.steps == WITHOUT_KEY[:kill_at]
    begun = kill_at > WITHOUT_KEY.index("begin")
    settled = kill_at > WITHOUT_KEY.index("settle")
    assert said(place.click()) == (202, "requested" if begun and not settled else "placed")
    assert len(place.pbx.rung) == (kill_at > WITHOUT_KEY.index("rings") if begun else 1)
    assert len(store.calls()[0]) == 1
    assert counted(stores, "acme") == 1


def counted(stores: Stores, tenant: str) -> int:
    """Return how many calls of exten 21 were counted, whatever the day."""
    store = DynamoDialStore(stores.client, stores.table, tenant)
    days = {call.asked_ms // 86_400_000 for call in store.calls()[0]}
    found = 0
    for day in days:
        key = {"pk": {"S": f"T#{tenant}#O#agent_day.21.{day}"}, "sk": {"S": "N"}}
        payload = {"TableName": stores.table, "Key": key, "ConsistentRead": True}
        item = stores.client.call("GetItem", payload, timeout_s=5).get("Item", {})
        found += int(item.get("n", {"N": "0"})["N"])
    return found
