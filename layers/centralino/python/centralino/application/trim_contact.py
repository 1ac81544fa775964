"""Make of what a CRM holds of a contact something that can be indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.index_contact import MAX_NUMBER, MAX_TAGS, WEB_ADDRESS
from centralino.domain.contact import MAX_NUMBERS, NUMBER_KINDS, ContactNumber
from centralino.domain.crm_values import MAX_WHOLE, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from centralino.domain.contact import Contact


def trim_contact(contact: Contact) -> Contact:
    """Cut a contact to what `index_contact` takes.

    In a CRM, anything may be in any field, and a remark of a thousand characters in one of them is
    no reason to lose the caller. Texts and numbers lose their control characters and what is too
    long of them; numbers that are empty or there twice are left out, and those beyond the limit;
    an address that a browser could not open is left out. A version is at least 1, for 0 means that
    it was edited by hand.
    """
    return contact._replace(
        version=min(max(contact.version, 1), MAX_WHOLE),
        first_name=as_text(contact.first_name),
        last_name=as_text(contact.last_name),
        company=as_text(contact.company),
        numbers=_numbers(contact.numbers),
        customer_code=as_text(contact.customer_code),
        owner=as_text(contact.owner),
        tags=tuple(dict.fromkeys(filter(None, map(as_text, contact.tags))))[:MAX_TAGS],
        status=as_text(contact.status),
        url=_address(contact.url),
    )


def _address(url: str) -> str:
    # Half an address leads elsewhere, so what `as_text` would cut or change is none.
    return url if url == as_text(url) and WEB_ADDRESS.fullmatch(url) else ""


def _numbers(numbers: Iterable[ContactNumber]) -> tuple[ContactNumber, ...]:
    kept: dict[str, ContactNumber] = {}
    for number in numbers:
        text = as_text(number.number, MAX_NUMBER)
        kind = number.kind if number.kind in NUMBER_KINDS else "other"
        if text and (text not in kept or (number.primary and not kept[text].primary)):
            kept[text] = ContactNumber(text, kind, number.primary)
    return tuple(kept.values())[:MAX_NUMBERS]
