"""`POST /v1/crm/{provider}[/{event}]`: a CRM says that something changed.

The delivery is verified, kept for the worker and acknowledged; `functions/apply_crm` does the rest.
"""

from __future__ import annotations

import os
import time

from centralino import bootstrap
from centralino.domain.record import TYPE_CHECKING
from centralino.entry.access import Door
from centralino.entry.receive import KEY_S, Inbox, receive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

door = Door(bootstrap.call_store(), time.time, bootstrap.cache_s(), KEY_S)
inbox = Inbox(
    bootstrap.crm_class,
    bootstrap.connection_store,
    bootstrap.secrets(),
    bootstrap.queue(),
    bootstrap.claims,
    time.time,
    lambda: os.urandom(16).hex(),
)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one webhook; see `centralino.entry.receive`."""
    return receive(event, door, inbox)
