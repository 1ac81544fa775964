"""The secret that the company's site signs registrations with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.connect_crm import new_webhook_secret
from centralino.domain.crm_values import as_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.secrets import SecretKeeper

# Where it is kept, beside the secrets of CRMs: no CRM is called so.
PLACE = "registrations"
_FIELD = "webhook_secrets"
# The new one and the one before, so that the site can change over.
_KEPT = 2


def registration_secrets(
    read: Callable[[str, str], Mapping[str, object]], tenant: str
) -> tuple[str, ...]:
    """Return the secrets that are good now; none if there are none.

    Args:
        read: reads secrets: of the tenant, of a place.
        tenant: the tenant's id.
    """
    return tuple(text for text in as_list(read(tenant, PLACE).get(_FIELD)) if isinstance(text, str))


def renew_registration_secret(keeper: SecretKeeper, tenant: str) -> str:
    """Make up a new secret; the one before stays good until there is another one.

    Returns:
        The new one, to be shown once.
    """
    new = new_webhook_secret()
    known = registration_secrets(keeper.read, tenant)
    keeper.write(tenant, PLACE, {_FIELD: [new, *known][:_KEPT]})
    return new


def remove_registration_secret(keeper: SecretKeeper, tenant: str) -> bool:
    """Remove the secrets: every registration is refused from then on.

    Functions that are running believe them for up to a quarter of an hour more.

    Returns:
        Whether there were any.
    """
    known = registration_secrets(keeper.read, tenant)
    keeper.remove(tenant, PLACE)
    return bool(known)
