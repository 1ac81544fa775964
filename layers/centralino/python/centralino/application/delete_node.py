"""Delete an identify node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.edit_routing import edit_routing
from centralino.domain.errors import NotFoundError

if TYPE_CHECKING:
    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingParts, RoutingStore


def delete_node(routing: RoutingStore, settings: Settings, name: str, *, now_s: float) -> None:
    """Delete a node that nothing leads to.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        name: the node's.
        now_s: seconds since 1970.

    Raises:
        NotFoundError: there is no such node.
        PayloadError: the rules in force, or another node, lead to it.
        ConflictError: others changed routing at the same time, again and again.
    """

    def edit(parts: RoutingParts) -> RoutingParts:
        if name not in parts.nodes:
            raise NotFoundError(f"there is no node {name}")
        nodes = {other: it for other, it in parts.nodes.items() if other != name}
        return parts._replace(nodes=nodes)

    edit_routing(routing, settings, edit, now_s=now_s)
