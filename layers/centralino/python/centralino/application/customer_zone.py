"""Which time zone a tenant's contracts end in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.compile_zone import time_zone_of

if TYPE_CHECKING:
    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingStore


def customer_zone(routing: RoutingStore, settings: Settings, *, now_s: float) -> str:
    """Return the tenant's time zone: the one it chose, else its country's, else UTC.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        now_s: the time, seconds since 1970.
    """
    chosen = str(routing.parts().options.get("time_zone") or "")
    return chosen or time_zone_of(settings.line.country, now_s=now_s) or "UTC"
