"""Delete a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.edit_routing import edit_routing
from centralino.domain.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from centralino.domain.settings import Settings
    from centralino.ports.routing import AgentStore, RoutingParts, RoutingStore


def delete_schedule(
    routing: RoutingStore, agents: AgentStore, settings: Settings, name: str, *, now_s: float
) -> None:
    """Delete a schedule that nobody works by.

    Args:
        routing: the tenant's.
        agents: the tenant's.
        settings: the tenant's.
        name: the schedule's.
        now_s: seconds since 1970.

    Raises:
        NotFoundError: there is no such schedule.
        ConflictError: agents work by it, or others changed routing again and again.
        PayloadError: the rules in force name it.
    """
    workers = [agent.exten for agent in agents.all() if agent.schedule == name]
    if workers:
        raise ConflictError(f"agents work by it: {', '.join(workers)}")

    def edit(parts: RoutingParts) -> RoutingParts:
        if name not in parts.schedules:
            raise NotFoundError(f"there is no schedule {name}")
        schedules = {other: it for other, it in parts.schedules.items() if other != name}
        return parts._replace(schedules=schedules)

    edit_routing(routing, settings, edit, now_s=now_s)
