"""Disconnect a tenant from a PBX that places its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.use_pbx import use_pbx
from centralino.ports.lines import secrets_of
from centralino.ports.tokens import token_of

if TYPE_CHECKING:
    from centralino.ports.dialling import DialStore
    from centralino.ports.lines import LineStore
    from centralino.ports.secrets import SecretKeeper


def disconnect_pbx(
    lines: LineStore, dialling: DialStore, keeper: SecretKeeper, provider: str
) -> bool:
    """Disconnect from a PBX: no call is placed by it any more, and its secrets are removed.

    Doing it again finishes what was cut off.

    Args:
        lines: the tenant's PBXs.
        dialling: the tenant's dialling options.
        keeper: keeps the secrets.
        provider: the provider's slug.

    Returns:
        Whether there was one.

    Raises:
        NotFoundError: there is no such tenant.
        PayloadError: that can be no provider.
    """
    use_pbx(dialling, "", instead_of=provider)
    removed = lines.remove(provider)
    name = secrets_of(provider)
    keeper.remove(lines.tenant, token_of(name))
    keeper.remove(lines.tenant, name)
    return removed
