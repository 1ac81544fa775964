"""A contact: a person or company as a source (CRM, import, API) knows it."""

from __future__ import annotations

import re

from centralino.domain.record import NamedTuple

MAX_NUMBERS = 40
NUMBER_KINDS = ("mobile", "direct", "work", "home", "switchboard", "fax", "other")
# `#` separates the parts of a key in the store, so no id may hold one.
ID_PATTERN = re.compile(r"[a-z0-9_-]{1,32}:[^#\x00-\x1f\x7f]{1,200}")


class ContactNumber(NamedTuple):
    """One number of a contact.

    Attributes:
        number: as the source wrote it, kept to the letter; a block ends in `*` (`+39024455*`).
        kind: one of `NUMBER_KINDS`.
        primary: the one to dial.
        indexed: the key it is found under (E.164, or `+39024455*`); empty if it can't be indexed.
        problem: why it can't be indexed; empty if it is.
    """

    number: str
    kind: str = "other"
    primary: bool = False
    indexed: str = ""
    problem: str = ""


class Contact(NamedTuple):
    """A contact with all its numbers.

    Attributes:
        id: `source:id`.
        version: whatever grows with every change at the source, usually its modified time in
            milliseconds since 1970; of two events the one with the higher version wins.
        updated_at_ms: when the source changed it, milliseconds since 1970 (UTC).
        status: the customer's status, free choice (`active`, `overdue`, `important`, ...).
    """

    id: str
    version: int
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    numbers: tuple[ContactNumber, ...] = ()
    customer_code: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    status: str = ""
    url: str = ""
    updated_at_ms: int = 0

    @property
    def source(self) -> str:
        """Return the source's name, the part of the id before the first colon."""
        return self.id.partition(":")[0]
