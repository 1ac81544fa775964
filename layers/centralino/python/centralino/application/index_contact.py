"""Index a contact: work out under which numbers it is found, and what each card keeps of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from centralino.domain import characters
from centralino.domain.card import Holder
from centralino.domain.contact import ID_PATTERN, MAX_NUMBERS, NUMBER_KINDS, Contact
from centralino.domain.errors import PayloadError
from centralino.domain.naming import name_contact
from centralino.domain.number import index_number

if TYPE_CHECKING:
    from centralino.domain.settings import Line

MAX_TEXT = 500
MAX_NUMBER = 100
MAX_TAGS = 50
# Of what only rules look at, so that a card with twenty holders stays small.
MAX_CARD_TAGS = 20
MAX_CARD_WORD = 64
# A screen pop opens a contact's page by itself, so it must not be a script or a file.
WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f\x7f-\x9f]+", re.IGNORECASE)
WEB_ADDRESS_EXPECTED = "a web address that begins with https:// or http://, without spaces"
_TEXTS = ("first_name", "last_name", "company", "customer_code", "owner", "status", "url")


class Indexed(NamedTuple):
    """A contact that is ready to be saved.

    Attributes:
        contact: with `indexed` or `problem` filled in for each number.
        holders: number (or block) -> what its card keeps of the contact.
    """

    contact: Contact
    holders: dict[str, Holder]


def index_contact(contact: Contact, line: Line) -> Indexed:
    """Work out a contact's numbers and names; a number that can't be indexed keeps its problem.

    Args:
        contact: as a source knows it.
        line: says which country and area a number without a code is from.

    Raises:
        PayloadError: a field is too long, or not what it has to be.
    """
    _check(contact)
    numbers = []
    # number -> kind and primary; two spellings of one number are one entry, the primary's.
    places: dict[str, tuple[str, bool]] = {}
    for number in contact.numbers:
        key, problem = index_number(number.number, line.country, line.area_code)
        numbers.append(number._replace(indexed=key, problem=problem))
        if key and (key not in places or (number.primary and not places[key][1])):
            places[key] = (number.kind, number.primary)
    named = name_contact(contact.first_name, contact.last_name, contact.company)
    holders = {
        key: Holder(
            id=contact.id,
            kind=kind,
            primary=primary,
            parts=named.parts,
            person=named.person,
            # A PBX may show this field as well as the label.
            company=characters.clean(contact.company),
            company_key=named.company_key,
            name=named.name,
            customer_code=contact.customer_code,
            status=contact.status,
            url=contact.url,
            updated_at_ms=contact.updated_at_ms,
            # Half a name is another's.
            owner=contact.owner if len(contact.owner) <= MAX_CARD_WORD else "",
            tags=tuple(tag for tag in contact.tags if len(tag) <= MAX_CARD_WORD)[:MAX_CARD_TAGS],
        )
        for key, (kind, primary) in places.items()
    }
    return Indexed(contact._replace(numbers=tuple(numbers)), holders)


def _check(contact: Contact) -> None:
    if not ID_PATTERN.fullmatch(contact.id):
        raise PayloadError("id", "source:id, the source of a-z, 0-9, _ and -, the id without #")
    for field in _TEXTS:
        if len(getattr(contact, field)) > MAX_TEXT:
            raise PayloadError(field, f"at most {MAX_TEXT} characters")
    if contact.url and not WEB_ADDRESS.fullmatch(contact.url):
        raise PayloadError("url", WEB_ADDRESS_EXPECTED)
    if len(contact.numbers) > MAX_NUMBERS:
        raise PayloadError("numbers", f"at most {MAX_NUMBERS}")
    for place, number in enumerate(contact.numbers):
        if not 0 < len(number.number) <= MAX_NUMBER:
            raise PayloadError(f"numbers[{place}].number", f"1 to {MAX_NUMBER} characters")
        if number.kind not in NUMBER_KINDS:
            raise PayloadError(f"numbers[{place}].kind", f"one of {', '.join(NUMBER_KINDS)}")
    if len(contact.tags) > MAX_TAGS or any(len(tag) > MAX_TEXT for tag in contact.tags):
        raise PayloadError("tags", f"at most {MAX_TAGS}, each of at most {MAX_TEXT} characters")
