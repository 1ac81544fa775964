"""Delete a contact, by hand or because its source says that it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.domain.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from centralino.ports.store import ContactStore, Outcome


def delete_contact(
    store: ContactStore, contact_id: str, *, now_ms: int, version: int = 0
) -> Outcome:
    """Delete a contact and take it off its cards.

    Args:
        store: the tenant's contacts.
        contact_id: `source:id`.
        now_ms: the time, milliseconds since 1970.
        version: the source's, of its deletion: then a contact that we never had is as good, and
            its late events are stopped. 0 if somebody deletes it by hand.

    Raises:
        NotFoundError: by hand, and there is none.
        ConflictError: by hand, and somebody changed it in this moment.
    """
    if version:
        return store.delete(contact_id, version)
    stored = store.get(contact_id)
    if stored is None:
        raise NotFoundError("there is no such contact")
    outcome = store.delete(contact_id, max(now_ms, stored.version))
    if outcome == "stale":
        raise ConflictError("the contact was changed meanwhile: try again")
    return outcome
