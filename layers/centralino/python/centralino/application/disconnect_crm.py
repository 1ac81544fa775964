"""Disconnect a tenant from a CRM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.ask_crm import ask_crm
from centralino.ports.tokens import token_of

if TYPE_CHECKING:
    from centralino.ports.connections import ConnectionStore
    from centralino.ports.secrets import SecretKeeper
    from centralino.ports.store import TenantStore


def disconnect_crm(
    links: ConnectionStore, tenants: TenantStore, keeper: SecretKeeper, provider: str
) -> bool:
    """Disconnect from a CRM: nobody asks it any more, and its webhooks are refused.

    The contacts that came from it stay. Doing it again finishes what was cut off.

    Args:
        links: the tenant's connections.
        tenants: the tenant's settings and keys.
        keeper: keeps the secrets.
        provider: the provider's slug.

    Returns:
        Whether there was a connection.

    Raises:
        NotFoundError: there is no such tenant.
    """
    ask_crm(tenants, provider, asked=False)
    removed = links.remove(provider)
    keeper.remove(tenants.tenant, token_of(provider))
    keeper.remove(tenants.tenant, provider)
    for key in tenants.keys():  # noqa: SIM118 - a store is no dictionary
        if key.role == "crm" and key.name == key_name(provider):
            tenants.remove_key(key.hash)
    return removed


def key_name(provider: str) -> str:
    """Return the name of the API key in a provider's webhook URL."""
    return f"webhooks of {provider}"
