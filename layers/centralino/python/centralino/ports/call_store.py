"""What the call path asks of a store: one read for everything that a call needs.

Apart from the other ports because nothing else of a store is imported while a caller waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.domain.card import Card
    from centralino.domain.keys import ApiKey
    from centralino.domain.settings import Settings


class TenantItems(NamedTuple):
    """What the call path needs to know of a tenant.

    Attributes:
        settings: None if there is no such tenant, or none any more.
        key: None if the tenant has no such key; its expiry is for the reader to check.
    """

    settings: Settings | None
    key: ApiKey | None


class Read(NamedTuple):
    """The answer to the call path's one read.

    Attributes:
        cards: number -> card, of the numbers that have one.
        tenant: None if it wasn't asked for, or wasn't answered.
        complete: False if the store left some keys unprocessed: what is missing is unknown then.
    """

    cards: Mapping[str, Card]
    tenant: TenantItems | None
    complete: bool


class CallStore(Protocol):
    """Reads everything that one call needs in one round trip."""

    def read(
        self, tenant: str, numbers: Sequence[str], *, key_hash: str = "", timeout_s: float
    ) -> Read:
        """Read the cards of some numbers and, on a cold start, the tenant and the key.

        Args:
            tenant: the tenant's id.
            numbers: at most 12 keys: E.164 (`+390244556677`) and blocks (`+39024455*`).
            key_hash: SHA-256 of the API key, hex; empty if settings and key are known already.
            timeout_s: for everything, retries included.

        Raises:
            UnavailableError: or one of its kinds; nothing else.
        """
