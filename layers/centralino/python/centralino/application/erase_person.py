"""Erase a person (GDPR article 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from centralino.ports.store import ContactStore


def erase_person(store: ContactStore, contact_id: str) -> bool:
    """Remove everything that is kept of a contact; no event that is under way brings it back.

    That they called before anybody knew them is forgotten with them; where their calls could mean
    several numbers, it stays up to 30 days, under all of these.
    What stays for 30 days is the id with the word that it is erased, and what point-in-time
    recovery keeps for 35. Of a contact that isn't there nothing is written and its id stays free.

    Returns:
        Whether there was one.
    """
    return store.erase(contact_id)
