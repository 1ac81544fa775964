"""Take in a registration: somebody signed up on the tenant's own site."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.customer_words import contract_words
from centralino.application.save_customer import ATTEMPTS, checked_customer
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
        outcome: `created`: the customer is new, and pending; `pending`: a prospect is pending now;
            `known`: there was a customer of this code, who stays as they are; `duplicate`: this
            very registration was taken in before.
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
    """Put a new customer, or a prospect, `pending`; whoever is more than that is left alone.

    Of a prospect nothing changes but the status: what sales wrote is worth more than what a form
    says.

    Args:
        store: the tenant's customers.
        customer: who signed up; the status is `pending`, whatever it says.
        delivery: the site's own word for this registration, the same when it is sent again.
        source: where it came from: an address.
        now_ms: the time, milliseconds since 1970.

    Raises:
        PayloadError: a field is not what it has to be.
        TooManyError: too many in this minute, from this source or for this tenant.
        ConflictError: others save this customer again and again.
    """
    wanted = checked_customer(
        customer._replace(status="pending", valid_until="", version=0, updated_at_ms=now_ms), "UTC"
    )
    for bucket, most in ((f"source {source}", MAX_OF_SOURCE), ("", MAX_OF_TENANT)):
        if store.count(bucket, window_s=WINDOW_S) > most:
            left_s = WINDOW_S - now_ms / 1000 % WINDOW_S
            raise TooManyError("registrations", max(1.0, left_s))
    there = store.get(wanted.code)
    for _ in range(ATTEMPTS):
        if there and there.status != "prospect":
            return Registered(wanted.code, "known")
        new = there._replace(status="pending", updated_at_ms=now_ms) if there else wanted
        what, before = ("registered", contract_words(there)) if there else ("created", "")
        change = Change(now_ms, "registration", what, before, contract_words(new))
        try:
            store.save(new, change, delivery=delivery)
        except ConflictError:
            before_that, there = there, store.get(wanted.code)
            if there == before_that:
                # Nobody else saved it, so it is the delivery that was there.
                return Registered(wanted.code, "duplicate")
        else:
            return Registered(wanted.code, "pending" if before else "created")
    raise ConflictError("others save this customer again and again: try later")
