"""Erase a person (GDPR article 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from centralino.ports.store import ContactStore


def erase_person(store: ContactStore, contact_id: str) -> bool:
    """Remove everything that is kept of a contact; no event that is under way brings it back.

    What stays for 30 days is the id with the word that it is erased, and what point-in-time
    recovery keeps for 35. Of a contact that isn't there nothing is written and its id stays free.

    Returns:
        Whether there was one.
    """
    return store.erase(contact_id)
