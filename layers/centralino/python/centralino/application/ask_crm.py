"""Ask a CRM during calls, or don't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.save_settings import save_settings
from centralino.domain.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from centralino.ports.store import TenantStore

ATTEMPTS = 5


def ask_crm(tenants: TenantStore, provider: str, *, asked: bool) -> None:
    """Put a provider into the list of those that calls ask live, or take it out.

    Args:
        tenants: the tenant's settings.
        provider: the provider's slug.
        asked: whether it is to be asked.

    Raises:
        NotFoundError: there is no such tenant.
        ConflictError: the settings change all the time.
    """
    for _ in range(ATTEMPTS):
        settings = tenants.settings()
        if settings is None:
            raise NotFoundError(f"there is no tenant {tenants.tenant}")
        others = tuple(other for other in settings.crms if other != provider)
        wanted = tuple(sorted((*others, provider))) if asked else others
        if wanted == settings.crms:
            return
        try:
            save_settings(tenants, settings._replace(crms=wanted))
        except ConflictError:
            continue  # somebody saved other settings in this moment
        return
    raise ConflictError("the settings change all the time: try again")
