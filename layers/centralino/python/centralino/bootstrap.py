"""The one place that builds adapters, from the one list of environment variables.

| variable | meaning | default |
|---|---|---|
| `CENTRALINO_TABLE` | the DynamoDB table's name | `centralino` |
| `CENTRALINO_CACHE_S` | how long keys and settings are believed from memory, seconds | 30 |
"""

from __future__ import annotations

import os
from functools import cache

from centralino.adapters.aws import Client
from centralino.adapters.store.dynamo import DynamoCallStore

# Long enough for a handshake inside the region, too short to eat a call's time at a cold start.
PRECONNECT_S = 0.3


def table_name() -> str:
    """Return the table's name."""
    return os.environ.get("CENTRALINO_TABLE", "centralino")


def cache_s() -> float:
    """Return how long keys and settings are believed from memory, seconds; 0 for not at all."""
    return max(0.0, float(os.environ.get("CENTRALINO_CACHE_S", "30")))


@cache
def call_store() -> DynamoCallStore:
    """Build the call path's store, with its connection already open."""
    client = Client("dynamodb", env=os.environ)
    client.connect(PRECONNECT_S)
    return DynamoCallStore(client, table_name())
