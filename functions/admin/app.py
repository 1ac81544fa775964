"""The admin API: contacts, settings, keys, explain, export and erase.

Everything of `/v1/` that is not on the call path; see `centralino.entry.admin`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from centralino import bootstrap
from centralino.entry.access import Door
from centralino.entry.admin.api import AdminApi
from centralino.entry.admin.session import Stores

if TYPE_CHECKING:
    from collections.abc import Mapping

# A person or a program waits here, and no phone: long enough for a store that is having a bad day.
READ_S = 3.0

api = AdminApi(
    Door(bootstrap.call_store(), time.time, bootstrap.cache_s(), READ_S),
    bootstrap.call_store(),
    Stores(
        bootstrap.contact_store,
        bootstrap.tenant_store,
        bootstrap.quality_store,
        bootstrap.agent_store,
        bootstrap.routing_store,
        bootstrap.customer_store,
        bootstrap.trace_store,
        lambda _tenant: bootstrap.secrets,
        lambda _tenant: bootstrap.route_store(),
        bootstrap.dial_store,
    ),
)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request."""
    return api.answer(event)
