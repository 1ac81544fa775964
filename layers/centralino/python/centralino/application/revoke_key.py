"""Revoke an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.list_keys import list_keys
from centralino.domain.errors import NotFoundError

if TYPE_CHECKING:
    from centralino.domain.keys import ApiKey
    from centralino.ports.store import TenantStore


def revoke_key(tenants: TenantStore, key_id: str) -> ApiKey:
    """Revoke a key; functions that remember it let it in for as long as their cache lasts.

    Args:
        tenants: the tenant's settings and keys.
        key_id: from `list_keys`.

    Returns:
        What was stored of it.

    Raises:
        NotFoundError: there is no such key.
    """
    for listed in list_keys(tenants):
        if listed.id == key_id and tenants.remove_key(listed.key.hash):
            return listed.key
    raise NotFoundError("there is no such key")
