"""The one place that builds adapters, from the one list of environment variables.

| variable | meaning | default |
|---|---|---|
| `CENTRALINO_TABLE` | the DynamoDB table's name | `centralino` |
| `CENTRALINO_CACHE_S` | how long keys and settings are believed from memory, seconds | 30 |
| `CENTRALINO_STACK` | the stack's name, which tells its metrics from another's | `local` |
"""

from __future__ import annotations

import os
from functools import cache

from centralino.adapters.aws import Client
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from centralino.ports.connections import ConnectionList, ConnectionStore
    from centralino.ports.store import ContactStore, TenantStore

# Long enough for a handshake inside the region, too short to eat a call's time at a cold start.
PRECONNECT_S = 0.3


def table_name() -> str:
    """Return the table's name."""
    return os.environ.get("CENTRALINO_TABLE", "centralino")


def cache_s() -> float:
    """Return how long keys and settings are believed from memory, seconds; 0 for not at all."""
    return max(0.0, float(os.environ.get("CENTRALINO_CACHE_S") or "30"))


def metrics_namespace() -> str:
    """Return the CloudWatch namespace of this stack's metrics."""
    return f"Centralino/{os.environ.get('CENTRALINO_STACK', 'local')}"


@cache
def call_store() -> DynamoCallStore:
    """Build the call path's store, with its connection already open."""
    client = _dynamodb()
    client.connect(PRECONNECT_S)
    return DynamoCallStore(client, table_name())


# What follows is not on the call path, so it is imported only where it is asked for.


def contact_store(tenant: str) -> ContactStore:
    """Build the store of one tenant's contacts.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.contacts import DynamoContactStore  # noqa: PLC0415

    return DynamoContactStore(_dynamodb(), table_name(), tenant)


def tenant_store(tenant: str) -> TenantStore:
    """Build the store of one tenant's settings and keys.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.tenants import DynamoTenantStore  # noqa: PLC0415

    return DynamoTenantStore(_dynamodb(), table_name(), tenant)


def connection_store(tenant: str) -> ConnectionStore:
    """Build the store of one tenant's connections to CRMs.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.connections import DynamoConnectionStore  # noqa: PLC0415

    return DynamoConnectionStore(_dynamodb(), table_name(), tenant)


def connection_list() -> ConnectionList:
    """Build the list of all tenants' connections, for the dispatcher."""
    from centralino.adapters.store.connections import DynamoConnectionList  # noqa: PLC0415

    return DynamoConnectionList(_dynamodb(), table_name())


@cache
def _dynamodb() -> Client:
    """Build the container's one connection to DynamoDB."""
    # A copy: Lambda's never changes, and looking a name up in os.environ costs three times as much.
    return Client("dynamodb", env=dict(os.environ))
