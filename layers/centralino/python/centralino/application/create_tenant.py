"""Create a tenant with its first key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.check_settings import check_settings
from centralino.domain.keys import ApiKey, hash_key, new_key

if TYPE_CHECKING:
    from centralino.domain.settings import Settings
    from centralino.ports.store import TenantStore


def create_tenant(tenants: TenantStore, settings: Settings, *, now_s: float) -> str:
    """Create a tenant and return its first key, an administrator's, to be shown once.

    Args:
        tenants: built for the tenant's id.
        settings: what it begins with.
        now_s: the time, seconds since 1970.

    Raises:
        PayloadError: a field is not what it has to be.
        ConflictError: the id is taken, or was until lately.
    """
    check_settings(settings)
    text = new_key(tenants.tenant)
    key = ApiKey(hash=hash_key(text), role="admin", name="first key", created_at=int(now_s))
    tenants.create(settings, key)
    return text
