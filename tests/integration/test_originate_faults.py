"""A click when something fails: no telephone rings twice, and what is told is so.

A tenant's Voice@work on loopback takes the calls, by the provider `generic` (one row: a Yeastar,
for it has access tokens), and a proxy before DynamoDB Local goes wrong at one step or another.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.pbx.generic import Originate
from centralino.adapters.pbx.yeastar import Originate as Yeastar
from centralino.ports.originate import Means, PbxLink
from tests.support.click_faults import FAULTS, Seen, at_step
from tests.support.clicks import TENANT, Clicks, Left, said
from tests.support.crm import LoopbackWeb
from tests.support.memory_store import Stores
from tests.support.originate.containers import Containers
from tests.support.originate.generic import TOKEN, FakeVoiceAtWork
from tests.support.originate.yeastar import FakeYeastar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.adapters.aws import Client
    from centralino.ports.originate import Originator
    from tests.support.click_faults import Row
    from tests.support.fault_proxy import FaultProxy
    from tests.support.originate import FakePbx

# As long as it takes until a token may be renewed.
LATER_S = 60.0
# No test waits for the eight seconds that a PBX has.
PATIENCE_S = 0.5


class Hasty(Originate):
    """The provider with little patience."""

    def originate(self, order: Any, *, timeout_s: float) -> Any:  # noqa: ANN401 - the port's
        assert timeout_s > PATIENCE_S
        return super().originate(order, timeout_s=PATIENCE_S)


class Line:
    """A tenant's PBX, and how it is asked."""

    def __init__(self, row: Row, stack: ExitStack) -> None:
        self.fake: FakePbx
        if row.expired:
            yeastar = FakeYeastar("id", "secret")
            secrets = {"client_id": "id", "client_secret": "secret"}
            self.fake = stack.enter_context(yeastar)
            link = PbxLink(TENANT, "yeastar", {"base_url": self.fake.url}, secrets)
            containers = Containers(Yeastar, link)
            self.provider: Originator = containers.all[0]
            # A token from before, that ends now.
            containers.originate()
            self.fake.rung.clear()
            containers.let_pass(LATER_S)
            self.fake.expire()
            return
        self.fake = stack.enter_context(FakeVoiceAtWork())
        url = "http://127.0.0.1:1" if row.refuses else self.fake.url
        self.provider = self.at(url, row.account)

    def at(self, url: str, account: Mapping[str, str]) -> Originator:
        """Return the provider for the PBX at an address."""
        account = {"base_url": url, "allow_private": "true", **account}
        link = PbxLink(TENANT, "generic", account, {"token": TOKEN})
        return Hasty(link, Means(LoopbackWeb()))


@pytest.fixture(params=FAULTS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Row:
    chosen: Row = request.param
    return chosen


def seen(answer: Mapping[str, Any]) -> Seen:
    """Return what an answer says, in a word."""
    document = said(answer)
    word = document["status"] if answer["statusCode"] == 202 else document.get("reason")
    return Seen(answer["statusCode"], word or "unavailable")


def test_no_telephone_rings_twice_and_what_is_told_is_so(
    row: Row, client: Client, table: str, proxy: FaultProxy
) -> None:
    with ExitStack() as stack:
        line = Line(row, stack)
        clicks = Clicks(Stores(client, table), line.provider)
        line.fake.dial_fault = row.pbx
        proxy.fault = at_step(row)
        no_time = Left(0)
        first = seen(clicks.click(key="click-1", run_time=no_time))
        rang = len(line.fake.rung)
        # Everything works again.
        proxy.fault = None
        line.fake.dial_fault = None
        if row.refuses:
            clicks.pbx = line.at(line.fake.url, row.account)
        clicks.stores.now_s += 1
        again = seen(clicks.click(key="click-1", run_time=no_time))
        again_rang = len(line.fake.rung)
        # What the trail has of the first attempt, the oldest.
        calls = clicks.store.calls()[0]
        trail = (calls[-1].state, calls[-1].reason)
        clicks.stores.now_s += 31
        clicks.click(key="click-2", run_time=no_time)
        assert (first, rang) == (row.first, row.rings)
        assert (again, again_rang) == (row.again, row.again_rings)
        assert trail == (row.trail or ("placed", ""))
        assert len(line.fake.rung) == row.later_rings
        # However often somebody tried, each call that was placed was counted once.
        begun = [call for call in clicks.store.calls()[0] if call.state != "refused"]
        assert counted(clicks) == len(begun)


def counted(clicks: Clicks) -> int:
    """Return how many calls of exten 21 were counted today."""
    day = int(clicks.stores.now_s) // 86_400
    key = {"pk": {"S": f"T#{TENANT}#O#agent_day.21.{day}"}, "sk": {"S": "N"}}
    payload = {"TableName": clicks.stores.table, "Key": key, "ConsistentRead": True}
    answer = clicks.stores.client.call("GetItem", payload, timeout_s=5)
    return int(answer["Item"]["n"]["N"])
