"""Save an identify node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.application.edit_routing import edit_routing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingParts, RoutingStore


def save_node(
    routing: RoutingStore, settings: Settings, name: str, node: Mapping[str, Any], *, now_s: float
) -> bool:
    """Create or replace a node; calls meet it within 30 seconds.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        name: what URLs and rules call it.
        node: as it was written (docs/identification.md).
        now_s: seconds since 1970.

    Returns:
        Whether the node was created.

    Raises:
        PayloadError: a field is not what it has to be; it is named as it was written.
        ConflictError: others changed routing at the same time, again and again.
    """
    created = False

    def edit(parts: RoutingParts) -> RoutingParts:
        nonlocal created
        created = name not in parts.nodes
        return parts._replace(nodes={**parts.nodes, name: node})

    edit_routing(routing, settings, edit, now_s=now_s)
    return created
