"""Change one part of a tenant's routing and leave the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.compile_routing import save_parts
from centralino.domain.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingParts, RoutingStore

ATTEMPTS = 5


def edit_routing(
    routing: RoutingStore,
    settings: Settings,
    edit: Callable[[RoutingParts], RoutingParts],
    *,
    now_s: float,
    edition: int | None = None,
) -> RoutingParts:
    """Change a part, compile all of them anew, and save; calls count on it within 30 seconds.

    All parts are in one item, so somebody who changes another part at the same time is in the way:
    then it is done again, with what they saved.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        edit: returns the parts with the change; it may be called several times.
        now_s: seconds since 1970.
        edition: the edition that was read, if the change depends on it; another one is a conflict.

    Returns:
        The parts as they were saved.

    Raises:
        PayloadError: the parts don't fit each other: a rule names what isn't there any more.
        ConflictError: another edition is stored, or others were faster again and again.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _save(routing, settings, edit, now_s, edition)
        except ConflictError:
            continue
    return _save(routing, settings, edit, now_s, edition)


def _save(
    routing: RoutingStore,
    settings: Settings,
    edit: Callable[[RoutingParts], RoutingParts],
    now_s: float,
    edition: int | None,
) -> RoutingParts:
    parts = routing.parts()
    if edition is not None and edition != parts.edition:
        raise ConflictError("routing was changed meanwhile: read it again")
    return save_parts(routing, edit(parts), settings, now_s=now_s)
