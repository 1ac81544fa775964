"""Read a contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.domain.errors import NotFoundError

if TYPE_CHECKING:
    from centralino.domain.contact import Contact
    from centralino.ports.store import ContactStore


def read_contact(store: ContactStore, contact_id: str) -> Contact:
    """Return a contact as it is now.

    Raises:
        NotFoundError: there is none (any more).
    """
    contact = store.get(contact_id)
    if contact is None:
        raise NotFoundError("there is no such contact")
    return contact
