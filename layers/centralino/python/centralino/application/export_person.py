"""Export a person: everything that is kept of one contact (GDPR articles 15 and 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.application.contact_record import contact_record
from centralino.application.list_holders import list_holders
from centralino.application.read_contact import read_contact

if TYPE_CHECKING:
    from centralino.ports.store import ContactStore


def export_person(store: ContactStore, contact_id: str) -> dict[str, Any]:
    """Return the contact, and what the card of each of its numbers keeps of it, as plain JSON.

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
    return {"type": "person", "contact": contact_record(contact), "cards": cards}
