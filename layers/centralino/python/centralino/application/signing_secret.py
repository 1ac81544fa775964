"""The secrets that we share with a company's own systems: one for each purpose, and its past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.connect_crm import new_webhook_secret
from centralino.domain.crm_values import as_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.secrets import SecretKeeper

# Where they are kept, beside the secrets of CRMs: no CRM is called so.
# The company's site signs registrations:
REGISTRATIONS = "registrations"
# We sign what the owner is told of:
NOTICES = "notices"
PLACES = (REGISTRATIONS, NOTICES)
_FIELD = "webhook_secrets"
# The new one and the one before, so that the other side can change over.
_KEPT = 2


def signing_secrets(
    read: Callable[[str, str], Mapping[str, object]], tenant: str, place: str
) -> tuple[str, ...]:
    """Return the secrets that are good now, the newest first; none if there are none.

    Args:
        read: reads secrets: of the tenant, of a place.
        tenant: the tenant's id.
        place: one of `PLACES`.
    """
    return tuple(text for text in as_list(read(tenant, place).get(_FIELD)) if isinstance(text, str))


def renew_signing_secret(keeper: SecretKeeper, tenant: str, place: str) -> str:
    """Make up a new secret; the one before stays good until there is another one.

    Returns:
        The new one, to be shown once.
    """
    new = new_webhook_secret()
    known = signing_secrets(keeper.read, tenant, place)
    keeper.write(tenant, place, {_FIELD: [new, *known][:_KEPT]})
    return new


def remove_signing_secret(keeper: SecretKeeper, tenant: str, place: str) -> bool:
    """Remove the secrets: nothing is signed with them from then on, and nothing taken.

    Functions that are running believe them for up to a quarter of an hour more.

    Returns:
        Whether there were any.
    """
    known = signing_secrets(keeper.read, tenant, place)
    keeper.remove(tenant, place)
    return bool(known)
