"""The secret that the company's site signs registrations with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.signing_secret import (
    REGISTRATIONS,
    remove_signing_secret,
    renew_signing_secret,
    signing_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.secrets import SecretKeeper


def registration_secrets(
    read: Callable[[str, str], Mapping[str, object]], tenant: str
) -> tuple[str, ...]:
    """Return the secrets that are good now; none if there are none.

    Args:
        read: reads secrets: of the tenant, of a place.
        tenant: the tenant's id.
    """
    return signing_secrets(read, tenant, REGISTRATIONS)


def renew_registration_secret(keeper: SecretKeeper, tenant: str) -> str:
    """Make up a new secret; the one before stays good until there is another one.

    Returns:
        The new one, to be shown once.
    """
    return renew_signing_secret(keeper, tenant, REGISTRATIONS)


def remove_registration_secret(keeper: SecretKeeper, tenant: str) -> bool:
    """Remove the secrets: every registration is refused from then on.

    Functions that are running believe them for up to a quarter of an hour more.

    Returns:
        Whether there were any.
    """
    return remove_signing_secret(keeper, tenant, REGISTRATIONS)
