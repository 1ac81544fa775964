"""What a PBX is, as far as it places calls for us.

A provider's file in `adapters/pbx/` has a class `Originate` beside its `Adapter`, or alone. It asks
the PBX over `ports/web.py`; no call path needs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from centralino.domain.originate import Order, Placed
    from centralino.ports.sockets import Sockets
    from centralino.ports.tokens import TokenCache
    from centralino.ports.web import Web


class PbxLink(NamedTuple):
    """A tenant's way to its PBX.

    Attributes:
        tenant: the tenant's id.
        provider: the provider's slug.
        account: what is no secret: `base_url`, a context, a trunk; each provider documents its own.
        secrets: from the secret store; each provider documents its own.
    """

    tenant: str
    provider: str
    account: Mapping[str, str]
    secrets: Mapping[str, object]

    def setting(self, name: str, default: str = "") -> str:
        """Return a setting that is no secret."""
        return self.account.get(name) or default

    def secret(self, name: str) -> str:
        """Return a secret; empty if it isn't there."""
        value = self.secrets.get(name)
        return value if isinstance(value, str) else ""


class Means(NamedTuple):
    """What a provider asks its PBX with; each takes what it needs.

    Attributes:
        web: sends requests over HTTPS.
        tokens: the access token that all containers share; None at a desk that has none.
        sockets: the connections that the tenant's PBXs opened to us; None where there are none.
    """

    web: Web
    tokens: TokenCache | None = None
    sockets: Sockets | None = None


class Originator(ABC):
    """A PBX that places calls, built for one tenant.

    Attributes:
        slug: the provider's name; that of the file.
        needs: as in `ports/crm.py`: `account.base_url` -> what that is; with `?` at its end it may
            be left out.
        setup: what a person does at the PBX, a short step each.
        dedupes: whether the PBX takes our `call_id` and refuses it the second time, so that an
            order whose fate is unknown may be sent again.
        by_socket: whether it is asked by the connections that the tenant's PBXs opened to us.
    """

    slug: ClassVar[str]
    needs: ClassVar[Mapping[str, str]] = {}
    setup: ClassVar[tuple[str, ...]] = ()
    dedupes: ClassVar[bool] = False
    by_socket: ClassVar[bool] = False

    def __init__(self, link: PbxLink, means: Means) -> None:
        self.link = link
        self.means = means

    @abstractmethod
    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call: the agent's phone rings, then the number's.

        Sent again only if nothing can have rung: the connection did not come about, a token had
        ended, or `dedupes`.

        Args:
            order: what to place; all of it was checked.
            timeout_s: for everything, tokens included.

        Raises:
            FailedCallError: the PBX did not place it, or nobody knows; nothing else.
        """

    @abstractmethod
    def check(self, *, timeout_s: float) -> str:
        """Try the line without any phone ringing; return who we are there, in a few words.

        Raises:
            PayloadError: a setting is missing or wrong; it names `account.…` or `secrets.…`.
            FailedCallError: the PBX refuses us, or nobody answers.
        """
