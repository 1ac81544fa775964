"""Connect a tenant to a CRM: try it first, then keep it."""

from __future__ import annotations

import base64
import secrets as randomness
from typing import TYPE_CHECKING, NamedTuple

from centralino.application.ask_crm import ask_crm
from centralino.application.check_needs import check_needs
from centralino.domain.errors import NotFoundError
from centralino.ports.crm import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.connections import ConnectionStore
    from centralino.ports.crm import Crm
    from centralino.ports.secrets import SecretKeeper
    from centralino.ports.store import TenantStore

# Of any provider: an address of a private network is asked, for CRMs on the premises.
ALLOW_PRIVATE = "allow_private"


class Connected(NamedTuple):
    """A connection that works.

    Attributes:
        who: who we are at the CRM, in its own words.
        searches: whether calls ask it live.
        reads: whether it is reconciled with.
        again: whether there was a connection before.
        webhook_secret: what webhooks are to be signed or opened with, if we made it up now; empty
            if it was given, or known before.
    """

    who: str
    searches: bool
    reads: bool
    again: bool
    webhook_secret: str = ""


def connect_crm(  # noqa: PLR0913, PLR0917 - what a connection is made of
    links: ConnectionStore,
    tenants: TenantStore,
    keeper: SecretKeeper,
    kind: type[Crm],
    build: Callable[[Connection], Crm],
    account: Mapping[str, str],
    secrets: Mapping[str, object],
    *,
    now_s: float,
) -> Connected:
    """Connect to a CRM, or change a connection; nothing is kept unless the CRM lets us in.

    Args:
        links: the tenant's connections.
        tenants: the tenant's settings.
        keeper: keeps the secrets.
        kind: the provider.
        build: makes a connection that can ask the CRM.
        account: what is no secret, as the provider documents it.
        secrets: what is; those that are known already may be left out.
        now_s: the time, seconds since 1970.

    Raises:
        PayloadError: a setting is missing or wrong; it names `account.…` or `secrets.…`.
        RejectedError: the CRM refuses us.
        UnavailableError: the CRM, or one of our own stores, doesn't answer.
        NotFoundError: there is no such tenant.
    """
    settings = tenants.settings()
    if settings is None:
        raise NotFoundError(f"there is no tenant {tenants.tenant}")
    before = links.get(kind.slug)
    known = keeper.read(tenants.tenant, kind.slug) if before else {}
    kept = {**known, **secrets}
    made_up = ""
    if not kept.get("webhook_secrets") and not _needs(kind, "secrets.webhook_secrets"):
        made_up = new_webhook_secret()
        kept["webhook_secrets"] = [made_up]
    check_needs(
        kind.needs,
        account,
        kept,
        also=(f"account.{ALLOW_PRIVATE}", "secrets.webhook_secrets"),
        spares=lambda name: kind.spares(name, kept),
    )
    crm = build(Connection(kind.slug, dict(account), kept, settings.line.country))
    who = crm.check()
    # In this order: what is in the list of connections works.
    keeper.write(tenants.tenant, kind.slug, kept)
    links.save(kind.slug, account, now_s=now_s)
    if before and before.state.problem:
        # What was wrong isn't any more, so there is nothing to wait for. With another account there
        # is no such state, and none is saved.
        links.save_state(kind.slug, before.state._replace(problem="", due_ms=0))
    ask_crm(tenants, kind.slug, asked=crm.searches)
    return Connected(who, crm.searches, crm.reads, before is not None, made_up)


def new_webhook_secret() -> str:
    """Make up a webhook secret: 144 bits, as Standard Webhooks spells them, and safe in a URL."""
    while True:
        text = base64.b64encode(randomness.token_bytes(24)).decode()
        if text.isalnum():
            return f"whsec_{text}"


def _needs(kind: type[Crm], name: str) -> bool:
    return name in kind.needs or f"{name}?" in kind.needs
