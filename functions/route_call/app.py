"""`/v1/route`, `/v1/identify` and `/v1/pbx`: a PBX asks where a call goes, in its own words.

Everything that a call needs is built while the container starts: inside the first call there is
no time for it.
"""

from __future__ import annotations

import time

from centralino import bootstrap
from centralino.domain.record import TYPE_CHECKING
from centralino.entry.access import Door
from centralino.entry.route import Desk, route

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

desk = Desk(
    Door(bootstrap.route_store(), time.time, bootstrap.cache_s()),
    bootstrap.route_store(),
    bootstrap.journal(),
    provider=bootstrap.pbx_class,
    secrets=bootstrap.secrets,
    learner=bootstrap.learner,
    live_search=bootstrap.live_search,
    queue=bootstrap.queue,
)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of a PBX; see `centralino.entry.route`."""
    return route(event, desk)
