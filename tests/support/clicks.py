"""What places calls, with everything behind it but the network, and a PBX that does as told."""

from __future__ import annotations

import hashlib
import json
from itertools import count
from typing import TYPE_CHECKING, Any

from centralino.adapters.idempotency import PowertoolsOnce
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.request_records import RequestItems, RequestRecords
from centralino.domain.agent import Agent
from centralino.domain.dial_options import DialOptions
from centralino.domain.errors import NotFoundError
from centralino.domain.keys import ApiKey, hash_key
from centralino.domain.originate import Placed
from centralino.domain.settings import Line, Settings
from centralino.entry.access import Door
from centralino.entry.originate import KEY_S, Exchange, originate
from centralino.ports.originate import Means, Originator, PbxLink
from tests.support.calls import http_event
from tests.support.memory_store import NOW_S, MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import ClassVar

    from centralino.domain.originate import Order
    from centralino.ports.once import RunTime
    from centralino.ports.web import Web

TENANT = "acme"
NUMBER = "0244556677"
E164 = "+390244556677"
DID = "+390244550000"
SETTINGS = Settings(TENANT, line=Line("IT", "02"), dids={DID: {}}, origins=("https://crm.example",))


class PaperPbx(Originator):
    """A PBX that is told what to make of each order; it counts how often a phone rings.

    Attributes:
        orders: what it was asked for.
        rung: those of them that made a phone ring.
        makes: what it makes of an order: returns `Placed` or raises.
    """

    slug = "paper"
    needs: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        no_web: Web = None  # type: ignore[assignment] # it asks nobody
        super().__init__(PbxLink(TENANT, self.slug, {}, {}), Means(no_web))
        self.orders: list[Order] = []
        self.rung: list[Order] = []
        self.limits_s: list[float] = []
        self.makes: Callable[[Order], Placed] = self.place

    def place(self, order: Order) -> Placed:
        """Ring."""
        self.rung.append(order)
        return Placed(f"pbx-{len(self.rung)}")

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Do as told."""
        self.orders.append(order)
        self.limits_s.append(timeout_s)
        return self.makes(order)

    def check(self, *, timeout_s: float) -> str:
        """Nobody checks it."""
        raise NotImplementedError


class Left:
    """Lambda's context: how much is left of the function's time."""

    def __init__(self, milliseconds: int = 20_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        """Return it."""
        return self.milliseconds


class Clicks:
    """One container of the function, and the tenant `acme` with the agents 21 and 22.

    Args:
        stores: in memory, unless it says otherwise.
        pbx: slug -> what places the calls.

    Attributes:
        keys: role -> key; `agent` is 21's, `agent22` 22's.
        lines: what was logged, once `ask` was asked.
    """

    def __init__(self, stores: Stores | None = None, pbx: Originator | None = None) -> None:
        self.stores = stores or MemoryStores()
        self.stores.now_s = NOW_S
        self.paper = PaperPbx()
        self.pbx = pbx or self.paper
        self.fault: Exception | None = None
        self.keys = self.stores.create_tenant(TENANT, SETTINGS)
        tenants = self.stores.tenants(TENANT)
        for exten in ("21", "22"):
            key = f"{TENANT}.{exten * 11}"
            tenants.add_key(ApiKey(hash_key(key), "agent", exten=exten))
            self.keys["agent" if exten == "21" else "agent22"] = key
            self.stores.agents(TENANT).save(Agent(exten))
        self.store = self.dial_store(TENANT)
        self.save(DialOptions(pbx=self.pbx.slug))
        self._ids = count(1)
        self.exchange = Exchange(
            Door(self.stores.calls, lambda: self.stores.now_s, 0, KEY_S),
            self.dial_store,
            self.stores.contacts,
            self.originator,
            self.once,
            lambda size: hashlib.sha256(str(next(self._ids)).encode()).digest()[:size],
            lambda: ({"content-type": "text/html", "x-page": "dial"}, "<html>"),
        )

    def save(self, options: DialOptions) -> None:
        """Save dialling options over those that there are."""
        version = self.store.options().version
        assert self.store.save_options(options._replace(version=version))

    def dial_store(self, tenant: str) -> DynamoDialStore:
        """Build a tenant's store."""
        return DynamoDialStore(
            self.stores.client,
            self.stores.table,
            tenant,
            now=lambda: self.stores.now_s,
            pause=self.stores.pauses.append,
        )

    def originator(self, tenant: str, slug: str) -> Originator:
        """Build the tenant's PBX."""
        assert tenant == TENANT
        if self.fault:
            raise self.fault
        if slug != self.pbx.slug:
            raise NotFoundError(f"{tenant} is not connected to {slug}")
        return self.pbx

    def once(self, tenant: str) -> PowertoolsOnce:
        """Build what does requests once; by the world's clock, as Powertools knows no other."""
        items = RequestItems(
            self.stores.client, self.stores.table, tenant, pause=self.stores.pauses.append
        )
        return PowertoolsOnce(lambda: RequestRecords(items), "originate")

    def click(
        self,
        body: Mapping[str, object] | str | None = None,
        *,
        role: str = "crm",
        key: str = "",
        headers: Mapping[str, str] | None = None,
        run_time: RunTime | None = None,
    ) -> dict[str, Any]:
        """Ask for a call; without a body for the usual one."""
        sent = {"number": NUMBER, "exten": "21"} if body is None else body
        more = {"idempotency-key": key} if key else {}
        event = http_event(
            method="POST",
            path="/v1/originate",
            headers={"x-api-key": self.keys[role], **more, **(headers or {})},
            body=sent if isinstance(sent, str) else json.dumps(sent),
            epoch_ms=int(self.stores.now_s * 1000),
        )
        return originate(event, run_time or Left(), self.exchange)

    def read(self, path: str = "", query: str = "", *, role: str = "admin") -> dict[str, Any]:
        """Ask what became of calls."""
        event = http_event(
            query, path=f"/v1/originate{path}", headers={"x-api-key": self.keys[role]}
        )
        return originate(event, Left(), self.exchange)

    def trail(self) -> list[tuple[str, str]]:
        """Return state and reason of all attempts, the newest first."""
        return [(call.state, call.reason) for call in self.store.calls()[0]]


def said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer's document."""
    document: dict[str, Any] = json.loads(given["body"])
    return document
