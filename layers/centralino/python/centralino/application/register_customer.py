"""Take in a registration: somebody signed up on the tenant's own site."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.customer_words import contract_words
from centralino.application.save_customer import checked_customer
from centralino.domain.errors import ConflictError, TooManyError
from centralino.ports.customers import Change

if TYPE_CHECKING:
    from centralino.domain.customer import Customer
    from centralino.ports.customers import CustomerStore

WINDOW_S = 60
MAX_OF_SOURCE = 30
MAX_OF_TENANT = 120


class Registered(NamedTuple):
    """What became of a registration.

    Attributes:
        code: the customer code, as it is stored.
        outcome: `created`: the customer is pending now; `known`: there was one of this code, which
            stays as it is; `duplicate`: this very registration was taken in before.
    """

    code: str
    outcome: str


def register_customer(
    store: CustomerStore,
    customer: Customer,
    *,
    delivery: str,
    source: str,
    now_ms: int,
) -> Registered:
    """Put a new customer `pending`; whoever is a customer already is left alone.

    Args:
        store: the tenant's customers.
        customer: who signed up; the status is `pending`, whatever it says.
        delivery: the site's own word for this registration, the same when it is sent again.
        source: where it came from: an address.
        now_ms: the time, milliseconds since 1970.

    Raises:
        PayloadError: a field is not what it has to be.
        TooManyError: too many in this minute, from this source or for this tenant.
    """
    wanted = checked_customer(
        customer._replace(status="pending", valid_until="", version=0, updated_at_ms=now_ms), "UTC"
    )
    for bucket, most in ((f"source {source}", MAX_OF_SOURCE), ("", MAX_OF_TENANT)):
        if store.count(bucket, window_s=WINDOW_S) > most:
            left_s = WINDOW_S - now_ms / 1000 % WINDOW_S
            raise TooManyError("registrations", max(1.0, left_s))
    if store.get(wanted.code):
        return Registered(wanted.code, "known")
    change = Change(now_ms, "registration", "created", "", contract_words(wanted))
    try:
        store.save(wanted, change, delivery=delivery)
    except ConflictError:
        there = store.get(wanted.code)
        return Registered(wanted.code, "known" if there else "duplicate")
    return Registered(wanted.code, "created")
