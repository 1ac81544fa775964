"""Erase a tenant, a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.ports.store import TenantStore

# Whoever was let in before the tenant was closed may still be writing: what a function remembers
# of a key lasts for its cache's time, and a function runs for 15 minutes at most.
GRACE_S = 16 * 60


class Purged(Protocol):
    """A store of an erased tenant's data: contacts, customers, what calls left behind."""

    def purge(self, *, limit: int = 100) -> int:
        """Remove some of them; return how many, 0 if none is left."""


class Erasure(NamedTuple):
    """How far an erasure is.

    Attributes:
        removed: what this part removed: contacts, tombstones, customers, ...
        done: whether it is complete; else it has to be called again.
        again_at: when calling again can complete it at the earliest, seconds since 1970.
    """

    removed: int
    done: bool
    again_at: int


def erase_tenant(
    tenants: TenantStore, stores: Sequence[Purged], *, now_s: float, limit: int = 100
) -> Erasure:
    """Close a tenant and remove a part of its data.

    Nobody gets in from the first call on. Call it until it is done, from wherever and as often as
    wanted; nothing is lost if one call is cut off. What stays for 35 days is that the id is taken.

    Args:
        tenants: the tenant's settings and keys.
        stores: all else that is kept of the tenant.
        now_s: the time, seconds since 1970.
        limit: how much to remove at most.

    Raises:
        NotFoundError: there never was such a tenant.
    """
    again_at = tenants.close() + GRACE_S
    removed = purge_some(stores, limit=limit)
    return Erasure(removed, done=not removed and now_s >= again_at, again_at=again_at)


def purge_some(stores: Sequence[Purged], *, limit: int = 100) -> int:
    """Remove some of a tenant's data, store by store; return how much, 0 if none is left."""
    removed = 0
    for store in stores:
        if removed < limit:
            removed += store.purge(limit=limit - removed)
    return removed
