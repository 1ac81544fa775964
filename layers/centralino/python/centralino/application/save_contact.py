"""Save a contact, by hand or because its source says that it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.index_contact import index_contact
from centralino.domain.errors import ConflictError

if TYPE_CHECKING:
    from centralino.domain.contact import Contact
    from centralino.domain.settings import Line
    from centralino.ports.store import ContactStore, Known, Outcome


class Saved(NamedTuple):
    """What became of a save.

    Attributes:
        outcome: see `ports/store.py`.
        contact: the contact as it was sent to the store, its numbers indexed.
    """

    outcome: Outcome
    contact: Contact


def save_contact(  # noqa: PLR0913 - what a save depends on
    store: ContactStore,
    contact: Contact,
    line: Line,
    *,
    now_ms: int,
    known: Known | None = None,
    new: bool = False,
) -> Saved:
    """Save a contact, and with it what every number of it shows.

    Args:
        store: the tenant's contacts.
        contact: with the source's version; with version 0 it was edited by hand and is to follow
            whatever is stored.
        line: says which country and area a number without a code is from.
        now_ms: the time, milliseconds since 1970.
        known: what is stored, from the store's `known`.
        new: the contact is to be created: there may be none of its id.

    Raises:
        PayloadError: a field is not what it has to be.
        ConflictError: edited by hand, and the contact was erased lately, or changes all the time;
            or it was to be new and is there.
    """
    by_hand = not contact.version
    if by_hand:
        contact = contact._replace(version=now_ms, updated_at_ms=contact.updated_at_ms or now_ms)
    contact, holders = index_contact(contact, line)
    outcome = store.save(contact, holders, known=known, new=new)
    if outcome == "stale" and by_hand:
        # The source counts otherwise than in milliseconds, or its clock is ahead.
        stored = store.get(contact.id)
        if stored is None:
            raise ConflictError(
                "this contact was erased lately: its id is free again after 30 days"
            )
        contact = contact._replace(version=stored.version + 1)
        outcome = store.save(contact, holders, new=new)
        if outcome == "stale":
            raise ConflictError("the contact is being changed by others: try again")
    return Saved(outcome, contact)
