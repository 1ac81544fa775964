"""The stores in memory: the real adapters over `memory_dynamo`, for every test that needs a store.

They are as unkind as the contract, because they are what is under contract; the contract test runs
them against DynamoDB Local too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.adapters.store.agents import DynamoAgentStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.adapters.store.routing import DynamoRoutingStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.adapters.store.traces import DynamoTraceStore
from centralino.domain.keys import ROLES, ApiKey, hash_key, new_key
from centralino.domain.settings import Settings
from tests.support.memory_dynamo import MemoryDynamo

if TYPE_CHECKING:
    from centralino.adapters.store.sender import TextSender

NOW_S = 1_795_000_000.0


class Stores:
    """Every kind of store over one client, with a clock that a test turns by hand.

    Attributes:
        client: what sends the requests.
        table: the table's name.
        now_s: the time, seconds since 1970.
        pauses: how long writers and readers waited, in order, in seconds.
        calls: the call path's store.
    """

    def __init__(self, client: TextSender, table: str) -> None:
        self.client = client
        self.table = table
        self.now_s = NOW_S
        self.pauses: list[float] = []
        self.calls = DynamoCallStore(client, table)

    def contacts(self, tenant: str) -> DynamoContactStore:
        return DynamoContactStore(
            self.client, self.table, tenant, now=lambda: self.now_s, pause=self.pauses.append
        )

    def tenants(self, tenant: str) -> DynamoTenantStore:
        return DynamoTenantStore(
            self.client, self.table, tenant, now=lambda: self.now_s, pause=self.pauses.append
        )

    def customers(self, tenant: str) -> DynamoCustomerStore:
        return DynamoCustomerStore(
            self.client, self.table, tenant, now=lambda: self.now_s, pause=self.pauses.append
        )

    def traces(self, tenant: str) -> DynamoTraceStore:
        return DynamoTraceStore(
            self.client, self.table, tenant, now=lambda: self.now_s, pause=self.pauses.append
        )

    def agents(self, tenant: str) -> DynamoAgentStore:
        return DynamoAgentStore(
            self.client, self.table, tenant, now=lambda: self.now_s, pause=self.pauses.append
        )

    def routing(self, tenant: str) -> DynamoRoutingStore:
        return DynamoRoutingStore(
            self.client, self.table, tenant, now=lambda: self.now_s, pause=self.pauses.append
        )

    def create_tenant(self, tenant: str, settings: Settings | None = None) -> dict[str, str]:
        """Create a tenant with a key of each role; return them by role."""
        keys = {role: new_key(tenant) for role in ROLES}
        first, *others = (ApiKey(hash_key(key), role) for role, key in keys.items())
        store = self.tenants(tenant)
        store.create(settings or Settings(tenant), first)
        for key in others:
            store.add_key(key)
        return keys


class MemoryStores(Stores):
    """The stores in memory.

    Attributes:
        dynamo: knows the requests, and fails on demand.
    """

    def __init__(self) -> None:
        self.dynamo = MemoryDynamo()
        super().__init__(self.dynamo, self.dynamo.table)
