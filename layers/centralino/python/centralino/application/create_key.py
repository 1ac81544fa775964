"""Create an API key."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, NamedTuple

from centralino.domain.errors import PayloadError
from centralino.domain.keys import ROLES, ApiKey, hash_key, new_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.ports.store import TenantStore

MAX_NAME = 100
MAX_NETWORKS = 50
_EXTEN = re.compile(r"[0-9*#]{0,20}", re.ASCII)


class NewKey(NamedTuple):
    """A new key.

    Attributes:
        text: the key itself, to be shown once.
        key: what is stored of it.
    """

    text: str
    key: ApiKey


def create_key(  # noqa: PLR0913 - what a key is made of
    tenants: TenantStore,
    role: str,
    *,
    now_s: float,
    name: str = "",
    expires_at: int = 0,
    networks: Sequence[str] = (),
    exten: str = "",
) -> NewKey:
    """Create a key; any number of them may be good at a time, so that one can replace another.

    Args:
        tenants: the tenant's settings and keys.
        role: one of `ROLES`.
        now_s: the time, seconds since 1970.
        name: to tell it from others.
        expires_at: seconds since 1970, 0 for never.
        networks: CIDR blocks it may be used from; none for anywhere.
        exten: the extension that an agent's key belongs to.

    Raises:
        PayloadError: a field is not what it has to be.
        NotFoundError: there is no such tenant (any more).
    """
    if role not in ROLES:
        raise PayloadError("role", f"one of {', '.join(ROLES)}")
    if len(name) > MAX_NAME:
        raise PayloadError("name", f"at most {MAX_NAME} characters")
    if expires_at and expires_at <= now_s:
        raise PayloadError("expires_at", "a time to come, or 0 for never")
    if len(networks) > MAX_NETWORKS:
        raise PayloadError("networks", f"at most {MAX_NETWORKS}")
    for place, network in enumerate(networks):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            expected = "a network as 192.0.2.0/24 or 2001:db8::/32"
            raise PayloadError(f"networks[{place}]", expected) from error
    if not _EXTEN.fullmatch(exten):
        raise PayloadError("exten", "digits, * and #, at most 20")
    text = new_key(tenants.tenant)
    key = ApiKey(
        hash=hash_key(text),
        role=role,
        name=name,
        created_at=int(now_s),
        expires_at=expires_at,
        networks=tuple(networks),
        exten=exten,
    )
    tenants.add_key(key)
    return NewKey(text, key)
