"""The number card: who holds a number, with just what the call path needs of each holder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

HOLDERS_ON_CARD = 20


class Holder(NamedTuple):
    """One contact as a number card keeps it.

    Attributes:
        id: the contact's `source:id`.
        kind: the number's kind (`domain/contact.py`).
        primary: whether it is the contact's primary number.
        parts: what labels are made of, worked out by `domain/naming.py` when the contact was
            written; plain JSON.
        person: equal for two holders that are the same person; empty for a company's own entry.
        company: the company's name as shown in `company=`.
        company_key: equal for two holders of the same company; empty without one.
        name: the full name, for the structured answers.
    """

    id: str
    kind: str = "other"
    primary: bool = False
    parts: Mapping[str, Any] = {}
    person: str = ""
    company: str = ""
    company_key: str = ""
    name: str = ""
    customer_code: str = ""
    status: str = ""
    url: str = ""
    updated_at_ms: int = 0


class Card(NamedTuple):
    """What the store knows of one number (or block).

    Attributes:
        number: the key: E.164 or a block (`+39024455*`).
        holders: at most `HOLDERS_ON_CARD`, in no order that matters.
        total: how many holders there are in all.
    """

    number: str
    holders: tuple[Holder, ...] = ()
    total: int = 0
