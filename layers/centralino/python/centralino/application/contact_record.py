"""Put a contact into plain words, for exports and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from centralino.domain.contact import Contact


def contact_record(contact: Contact) -> dict[str, Any]:
    """Return a contact as plain JSON, every field by its name."""
    record = contact._asdict()
    record["numbers"] = [number._asdict() for number in contact.numbers]
    record["tags"] = list(contact.tags)
    return record
