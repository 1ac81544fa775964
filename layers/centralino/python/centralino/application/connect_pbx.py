"""Connect a tenant to the PBX that places its calls: try it first, then keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.check_needs import check_needs
from centralino.application.connect_crm import ALLOW_PRIVATE
from centralino.application.use_pbx import use_pbx
from centralino.ports.lines import secrets_of
from centralino.ports.originate import PbxLink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.dialling import DialStore
    from centralino.ports.lines import LineStore
    from centralino.ports.originate import Originator
    from centralino.ports.secrets import SecretKeeper

CHECK_S = 10.0


def connect_pbx(  # noqa: PLR0913, PLR0917 - what a PBX that places calls is made of
    lines: LineStore,
    dialling: DialStore,
    keeper: SecretKeeper,
    kind: type[Originator],
    build: Callable[[PbxLink], Originator],
    account: Mapping[str, str],
    secrets: Mapping[str, object],
    *,
    now_s: float,
) -> str:
    """Connect to a PBX, or change how; from then on the tenant's calls are placed by it.

    No phone rings. Nothing is kept unless the PBX lets us in.

    Args:
        lines: the tenant's PBXs.
        dialling: the tenant's dialling options.
        keeper: keeps the secrets.
        kind: the provider.
        build: makes what asks the PBX.
        account: what is no secret, as the provider documents it.
        secrets: what is; those that are known already may be left out.
        now_s: the time, seconds since 1970.

    Returns:
        Who we are at the PBX, in its own words.

    Raises:
        PayloadError: a setting is missing or wrong; it names `account.…` or `secrets.…`.
        FailedCallError: the PBX refuses us, or nobody answers.
        NotFoundError: there is no such tenant.
        UnavailableError: one of our own stores does not answer.
    """
    tenant, name = lines.tenant, secrets_of(kind.slug)
    known = keeper.read(tenant, name) if lines.get(kind.slug) else {}
    kept = {**known, **secrets}
    check_needs(kind.needs, account, kept, also=(f"account.{ALLOW_PRIVATE}",))
    who = build(PbxLink(tenant, kind.slug, dict(account), kept)).check(timeout_s=CHECK_S)
    # In this order: what places calls works.
    if kept:
        keeper.write(tenant, name, kept)
    lines.save(kind.slug, account, now_s=now_s)
    use_pbx(dialling, kind.slug)
    return who
