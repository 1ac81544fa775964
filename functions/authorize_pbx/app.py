"""The handshake of a PBX's WebSocket: may it connect?

What it needs is built while the container starts: the PBX gives up on a handshake soon.
"""

from __future__ import annotations

import time

from centralino import bootstrap
from centralino.domain.record import TYPE_CHECKING
from centralino.entry.access import Door
from centralino.entry.authorize_pbx import READ_S, authorize_pbx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

door = Door(bootstrap.call_store(), time.time, bootstrap.cache_s(), READ_S)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer the gateway's question; see `centralino.entry.authorize_pbx`."""
    return authorize_pbx(event, door)
