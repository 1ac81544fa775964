"""The admin API with everything behind it but the network: two tenants in DynamoDB in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from centralino.adapters.secrets import KeptSecrets
from centralino.adapters.store.agents import DynamoAgentStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.adapters.store.quality import DynamoQualityStore
from centralino.adapters.store.route_read import DynamoRouteStore
from centralino.adapters.store.routing import DynamoRoutingStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.adapters.store.traces import DynamoTraceStore
from centralino.application.create_key import create_key
from centralino.application.create_tenant import create_tenant
from centralino.domain.errors import UnavailableError
from centralino.domain.keys import ROLES
from centralino.domain.rulebook import default_routing
from centralino.domain.settings import Line, Settings
from centralino.entry.access import Door
from centralino.entry.admin.api import AdminApi
from centralino.entry.admin.session import Stores
from tests.support.calls import Clock, http_event
from tests.support.memory_dynamo import MemoryDynamo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.adapters.store.sender import TextSender

TABLE = "centralino"
ORIGIN = "https://crm.acme.example"


class Reply(NamedTuple):
    """An answer as a client sees it."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        return json.loads(self.text)


class DeskClock(Clock):
    """A clock that moves on by `step_s` seconds whenever somebody looks at it."""

    step_s = 0.0

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now


class BreakableDynamo(MemoryDynamo):
    """DynamoDB that fails once, at a request to come.

    Attributes:
        breaks_in: how many requests still go through; negative for all.
        fault: what is raised then.
    """

    breaks_in: int = -1
    fault: Exception = UnavailableError("timeout")

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        self.breaks_in -= 1
        if self.breaks_in == -1:
            raise self.fault
        return super().call(operation, payload, timeout_s=timeout_s)


class Rivals(MemoryDynamo):
    """DynamoDB with somebody who is a little faster, once: just before a write arrives.

    Attributes:
        faster: what happens just before.
    """

    faster: Callable[[], object] | None = None

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        if operation == "TransactWriteItems" and self.faster:
            faster, self.faster = self.faster, None
            faster()
        return super().call(operation, payload, timeout_s=timeout_s)


class Desk:
    """The admin API and two tenants, `acme` and `other`, with a key of every role each.

    Args:
        cache_s: how long keys and settings are believed, seconds.
        client: sends requests to a real engine instead.
        table: the table's name there.

    Attributes:
        clock: stands still until it is told to move.
        dynamo: what is stored in memory, and faults on demand.
        keys: tenant -> role -> key.
        secrets: name -> secrets, of every tenant.
    """

    def __init__(
        self, cache_s: float = 0, *, client: TextSender | None = None, table: str = TABLE
    ) -> None:
        self.clock = DeskClock()
        self.dynamo = BreakableDynamo(TABLE)
        self._client = client or self.dynamo
        self._table = table
        self.keys: dict[str, dict[str, str]] = {}
        self.secrets: dict[str, Mapping[str, object]] = {}
        self.api = AdminApi(
            Door(self.call_store(), self.clock, cache_s, read_s=3.0),
            self.call_store(),
            Stores(
                self.contacts,
                self.tenants,
                self.quality,
                self.agents,
                self.routing,
                self.customers,
                self.traces,
                lambda _tenant: lambda: KeptSecrets(self._secrets, now=self.clock),
                lambda _tenant: self.route_store(),
                self.dialling,
            ),
        )
        for tenant in ("acme", "other"):
            self.add_tenant(tenant)

    def call_store(self) -> DynamoCallStore:
        return DynamoCallStore(self._client, self._table)

    def route_store(self) -> DynamoRouteStore:
        return DynamoRouteStore(self._client, self._table, default_routing(), now=self.clock)

    def contacts(self, tenant: str = "acme") -> DynamoContactStore:
        return DynamoContactStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def tenants(self, tenant: str = "acme") -> DynamoTenantStore:
        return DynamoTenantStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def quality(self, tenant: str = "acme") -> DynamoQualityStore:
        return DynamoQualityStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def agents(self, tenant: str = "acme") -> DynamoAgentStore:
        return DynamoAgentStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def routing(self, tenant: str = "acme") -> DynamoRoutingStore:
        return DynamoRoutingStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def customers(self, tenant: str = "acme") -> DynamoCustomerStore:
        return DynamoCustomerStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def traces(self, tenant: str = "acme") -> DynamoTraceStore:
        return DynamoTraceStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def dialling(self, tenant: str = "acme") -> DynamoDialStore:
        return DynamoDialStore(
            self._client, self._table, tenant, now=self.clock, pause=lambda _seconds: None
        )

    def _secrets(self, name: str, _timeout_s: float) -> Mapping[str, object] | None:
        return self.secrets.get(name)

    def add_tenant(self, tenant: str) -> None:
        store = self.tenants(tenant)
        line = Line(country="IT", area_code="02")
        settings = Settings(tenant, line=line, origins=(ORIGIN,), extens={"21": "Chiara"})
        self.keys[tenant] = {"admin": create_tenant(store, settings, now_s=self.clock.now)}
        for role in ROLES:
            if role != "admin":
                exten = "21" if role == "agent" else ""
                made = create_key(store, role, now_s=self.clock.now, exten=exten)
                self.keys[tenant][role] = made.text

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        query: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; without a key of its own it comes from acme's administrator."""
        key = self.keys["acme"]["admin"] if key is None else key
        event = http_event(
            query or {},
            method=method,
            path=path,
            headers={**({"x-api-key": key} if key else {}), **(headers or {})},
            body=body if body is None or isinstance(body, str | bytes) else json.dumps(body),
            epoch_ms=int(self.clock.now * 1000),
        )
        given = self.api.answer(event)
        return Reply(given["statusCode"], given["headers"], given["body"] or "")

    def add(self, key: str | None = None, **fields: object) -> Any:  # noqa: ANN401 - JSON
        """Create a contact over the API and return it."""
        reply = self.ask("POST", "/v1/contacts", fields, key=key)
        assert reply.status == 201, reply
        return reply.json


def contact_path(contact_id: str, rest: str = "") -> str:
    """Return a contact's path, its id percent-encoded as a careful client does it."""
    return f"/v1/contacts/{quote(contact_id, safe='')}{rest}"
