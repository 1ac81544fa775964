"""What the call path's one read answers; `CallStore` in `ports/store.py` is what answers it.

Apart from the other ports because nothing else of a store is imported while a caller waits.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.domain.card import Card
    from centralino.domain.keys import ApiKey
    from centralino.domain.routing import Routing
    from centralino.domain.settings import Settings
    from centralino.ports.route_read import Found


class TenantItems(NamedTuple):
    """What the call path needs to know of a tenant.

    Attributes:
        settings: None if there is no such tenant, or none any more.
        key: None if the tenant has no such key; its expiry is for the reader to check.
        routing: only where calls are routed.
    """

    settings: Settings | None
    key: ApiKey | None
    routing: Routing | None = None


class Read(Record):
    """The answer to the call path's one read.

    Attributes:
        cards: number -> card, of the numbers that have one.
        tenant: None if it wasn't asked for, or wasn't answered.
        complete: False if the store left some keys unprocessed: what is missing is unknown then.
        unknown_until: until when it is known that no CRM knows the caller, seconds since 1970; 0
            if that isn't known, or wasn't asked for.
        beside: what routing asked for beside the cards; None if it didn't.
    """

    cards: Mapping[str, Card]
    tenant: TenantItems | None
    complete: bool
    unknown_until: float = 0.0
    beside: Found | None = None
