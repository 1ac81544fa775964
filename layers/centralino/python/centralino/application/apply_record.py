"""Apply a record as it was just read from its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.index_contact import index_contact

if TYPE_CHECKING:
    from centralino.domain.contact import Contact
    from centralino.domain.settings import Line
    from centralino.ports.store import ContactStore, Outcome

# How far a source's clock may be from ours.
SKEW_MS = 120_000


def apply_record(  # noqa: PLR0913 - what a save depends on
    store: ContactStore,
    contact: Contact,
    line: Line,
    *,
    read_at_ms: int,
    restored_at_ms: int = 0,
    delivery: str = "",
) -> Outcome:
    """Save a record as it was read; what it says is true, whatever its version says.

    A version is a time by the source's clock as of which the content was so. The modified time is
    one, the time of the reading less the clocks' difference another. Where a newer version is
    stored than the modified time, though the reading began long after that version's time, the
    stored version doesn't come from this record as it is: somebody edited it by hand, or the record
    came back from a deletion with an old modified time. Then it is saved as of the reading, so of
    two readers at once the later one wins, and any change after the reading wins against both.

    Args:
        store: the tenant's contacts.
        contact: the record, its version the modified time in milliseconds since 1970.
        line: says which country and area a number without a code is from.
        read_at_ms: when the reading began, milliseconds since 1970.
        restored_at_ms: when the record was restored, by the source's clock; 0 if it wasn't. Its
            modified time may be older than its deletion.
        delivery: the source's word for the event that this comes from, if there is one.

    Raises:
        PayloadError: a field is not what it has to be.
        UnavailableError: the store does not answer.
    """
    version = max(contact.version, restored_at_ms)
    contact, holders = index_contact(contact._replace(version=version), line)
    outcome = store.save(contact, holders, delivery=delivery)
    read_as_of_ms = read_at_ms - SKEW_MS
    if outcome != "stale" or read_as_of_ms <= version:
        return outcome
    stored = store.get(contact.id)
    if stored is not None and stored == contact._replace(version=stored.version):
        return "unchanged"
    # Too old for what is stored, or for an erasure, is for the store to say.
    return store.save(contact._replace(version=read_as_of_ms), holders, delivery=delivery)
