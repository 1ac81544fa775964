"""Export a person: everything that is kept of one contact (GDPR articles 15 and 20)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from centralino.application.contact_record import contact_record
from centralino.application.list_holders import list_holders
from centralino.application.read_contact import read_contact
from centralino.application.trace_records import decision_record

if TYPE_CHECKING:
    from centralino.ports.customers import CustomerStore
    from centralino.ports.store import ContactStore
    from centralino.ports.traces import TraceStore


def export_person(
    store: ContactStore, customers: CustomerStore, traces: TraceStore, contact_id: str
) -> dict[str, Any]:
    """Return a contact and all that is kept by its numbers, as plain JSON.

    That is what the card of each shows of the contact, the customers that it was learned to be,
    earlier calls from it, what was decided of these, the calls that were placed to it, what PBXs
    said of calls with it, and whether it is on the do-not-call list.

    Raises:
        NotFoundError: there is no such contact.
    """
    contact = read_contact(store, contact_id)
    numbers = dict.fromkeys(number.indexed for number in contact.numbers if number.indexed)
    cards = {
        number: holder._asdict()
        for number in numbers
        for holder in list_holders(store, number)
        if holder.id == contact_id
    }
    own = [number for number in numbers if not number.endswith("*")]
    left = traces.of(own, contact_id)
    return {
        "type": "person",
        "contact": contact_record(contact),
        "cards": cards,
        "learned": [one._asdict() for number in own for one in customers.learned_by(number)],
        "histories": {number: known._asdict() for number, known in left.histories.items()},
        "decisions": [decision_record(kept) for kept in left.decisions],
        "placed_calls": [call._asdict() for call in left.calls],
        "do_not_call": dict(left.blocked),
        "events": [json.loads(text) for text in left.events],
    }
