"""Live search: the index doesn't know a caller, so the tenant's CRMs are asked.

The lookup invokes this and waits as long as its PBX does; this goes on after that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from centralino import bootstrap
from centralino.application.search_crms import Circuits
from centralino.entry.search import Connections, Office, search

if TYPE_CHECKING:
    from collections.abc import Mapping

bootstrap.prepare_search()
office = Office(
    bootstrap.tenant_store,
    bootstrap.contact_store,
    bootstrap.caller_store,
    Connections(bootstrap.crm, bootstrap.secrets().refresh, time.time),
    Circuits(),
    time.time,
)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one question; see `centralino.entry.search`."""
    return search(event, office)
