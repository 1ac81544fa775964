"""Erase a person (GDPR article 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.ports.customers import Change

if TYPE_CHECKING:
    from centralino.ports.customers import CustomerStore
    from centralino.ports.store import ContactStore
    from centralino.ports.traces import TraceStore


def erase_person(  # noqa: PLR0913 - whose, from where, who says so and when
    store: ContactStore,
    customers: CustomerStore,
    traces: TraceStore,
    contact_id: str,
    *,
    who: str,
    now_ms: int,
) -> bool:
    """Remove everything that is kept of a contact; no event that is under way brings it back.

    With it goes what its numbers have taught, their earlier calls, what was decided of these, and
    which calls were placed to them; also where somebody else has one of the numbers, too. A
    customer is not a person: it stays. So does the do-not-call list: who is forgotten is not to be
    called.
    That they called before anybody knew them is forgotten with them; where their calls could mean
    several numbers, it stays up to 30 days, under all of these.
    What stays for 30 days is the id with the word that it is erased, for an hour a conversation
    that is under way, and what point-in-time recovery keeps for 35 days. Of a contact that isn't
    there nothing is written and its id stays free.

    Args:
        store: the tenant's contacts.
        customers: its customers.
        traces: what calls left behind.
        contact_id: the contact's.
        who: for the audit trails of the customers that its numbers led to.
        now_ms: the time, milliseconds since 1970.

    Returns:
        Whether there was one.
    """
    contact = store.get(contact_id)
    if contact is not None:
        # First of all, so that an erasure that was cut off and is repeated still finds the numbers.
        numbers = [
            number.indexed
            for number in contact.numbers
            if number.indexed and not number.indexed.endswith("*")
        ]
        customers.forget_numbers(numbers, Change(now_ms, who, "forgotten", note="erased"))
        traces.erase(numbers, contact_id)
    return store.erase(contact_id)
