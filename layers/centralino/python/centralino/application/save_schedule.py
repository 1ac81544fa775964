"""Save a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.application.compile_schedule import compile_schedule
from centralino.application.edit_routing import edit_routing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingParts, RoutingStore


def save_schedule(
    routing: RoutingStore,
    settings: Settings,
    name: str,
    schedule: Mapping[str, Any],
    *,
    now_s: float,
) -> bool:
    """Create or replace a schedule; its holidays, and those of all others, are worked out anew.

    Args:
        routing: the tenant's.
        settings: the tenant's; its country's holidays are a schedule's own by default.
        name: what rules and agents call it.
        schedule: as it was written (docs/agents.md).
        now_s: seconds since 1970.

    Returns:
        Whether the schedule was created.

    Raises:
        PayloadError: a field is not what it has to be.
        ConflictError: others changed routing at the same time, again and again.
    """
    # First by itself, so that an error names the field as it was written.
    compile_schedule(schedule, settings.line.country, now_s=now_s)
    created = False

    def edit(parts: RoutingParts) -> RoutingParts:
        nonlocal created
        created = name not in parts.schedules
        return parts._replace(schedules={**parts.schedules, name: schedule})

    edit_routing(routing, settings, edit, now_s=now_s)
    return created
