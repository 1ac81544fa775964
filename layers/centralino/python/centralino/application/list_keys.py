"""List a tenant's API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from centralino.domain.keys import ApiKey
    from centralino.ports.store import TenantStore


class ListedKey(NamedTuple):
    """A key as an administrator sees it: the id to revoke it by, and what is stored."""

    id: str
    key: ApiKey


def listed_key(key: ApiKey) -> ListedKey:
    """Return a key as an administrator sees it."""
    return ListedKey(key.id, key)


def list_keys(tenants: TenantStore) -> tuple[ListedKey, ...]:
    """Return the keys that have not expired, the oldest first."""
    return tuple(listed_key(key) for key in tenants.keys())  # noqa: SIM118 - a store is no dictionary
