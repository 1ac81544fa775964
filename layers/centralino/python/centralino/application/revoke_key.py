"""Revoke an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.list_keys import list_keys
from centralino.domain.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from centralino.domain.keys import ApiKey
    from centralino.ports.store import TenantStore

# Without an admin key nobody can make keys. One that ends sooner than this is not counted on:
# whoever revokes the others could find the tenant locked over a holiday.
LASTING_S = 7 * 86_400


def revoke_key(tenants: TenantStore, key_id: str, *, now_s: float) -> ApiKey:
    """Revoke a key; functions that remember it let it in for as long as their cache lasts.

    Args:
        tenants: the tenant's settings and keys.
        key_id: from `list_keys`.
        now_s: the time, seconds since 1970.

    Returns:
        What was stored of it.

    Raises:
        NotFoundError: there is no such key.
        ConflictError: it is an admin key, and no other one is good for a week more.
    """
    # Each refusal means that a key has gone meanwhile, so there is an end to them.
    while True:
        keys = {listed.id: listed.key for listed in list_keys(tenants)}
        key = keys.pop(key_id, None)
        if key is None:
            raise NotFoundError("there is no such key")
        successor = _successor(keys.values(), now_s) if key.role == "admin" else ""
        if tenants.remove_key(key.hash, while_there=successor):
            return key


def _successor(others: Iterable[ApiKey], now_s: float) -> str:
    """Return the hash of an admin key that lasts."""
    for key in others:
        if key.role == "admin" and (not key.expires_at or key.expires_at > now_s + LASTING_S):
            return key.hash
    raise ConflictError("no other admin key is good for a week more: make another one first")
