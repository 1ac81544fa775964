"""Save a tenant's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.check_settings import check_settings

if TYPE_CHECKING:
    from centralino.domain.settings import Settings
    from centralino.ports.store import TenantStore


def save_settings(tenants: TenantStore, settings: Settings) -> Settings:
    """Save settings over the version that they name; functions that run see them within a minute.

    Args:
        tenants: the tenant's settings and keys.
        settings: complete; `block_lengths` is worked out from the contacts and ignored here.

    Returns:
        The settings with their new version.

    Raises:
        PayloadError: a field is not what it has to be.
        ConflictError: somebody else saved meanwhile.
        NotFoundError: there is no such tenant (any more).
    """
    check_settings(settings)
    return tenants.save_settings(settings)
