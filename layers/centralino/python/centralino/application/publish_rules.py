"""Put a version of the rules in force: a new one, or an old one again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.edit_routing import edit_routing

if TYPE_CHECKING:
    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingParts, RoutingStore


class Published(NamedTuple):
    """What is in force now.

    Attributes:
        parts: of the routing, as they were saved.
        before: the version that was in force until now; 0 for the defaults.
    """

    parts: RoutingParts
    before: int


def publish_rules(
    routing: RoutingStore,
    settings: Settings,
    version: int,
    *,
    now_s: float,
    edition: int | None = None,
) -> Published:
    """Put a version in force; calls go by it within 30 seconds. To roll back is the same.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        version: of the rules; 0 for what a tenant has before it writes any.
        now_s: seconds since 1970.
        edition: the edition of the routing that was looked at; another one is a conflict.

    Raises:
        NotFoundError: there is no such version.
        PayloadError: it names a node or a schedule that is gone since.
        ConflictError: another edition is stored, or others changed routing again and again.
    """
    before = 0

    def edit(parts: RoutingParts) -> RoutingParts:
        nonlocal before
        before = parts.published
        return parts._replace(published=version)

    parts = edit_routing(routing, settings, edit, now_s=now_s, edition=edition)
    return Published(parts, before)
