"""`/v1/lookup`: a PBX asks who is calling and gets the label for the phone's display.

Everything that a call needs is built while the container starts: inside the first call there is
no time for it.
"""

from __future__ import annotations

import time

from centralino import bootstrap
from centralino.domain.record import TYPE_CHECKING
from centralino.entry.access import Door
from centralino.entry.lookup import lookup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

door = Door(bootstrap.call_store(), time.time, bootstrap.cache_s())


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one lookup; see `centralino.entry.lookup`."""
    return lookup(event, door, bootstrap.live_search)
