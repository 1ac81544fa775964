"""CRMs that do what they are told, for the tests of live search."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import NotFoundError
from centralino.ports.crm import Connection, Crm, Parsed, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from centralino.ports.crm import Delivery

# What is stuck for longer fails its test.
STUCK_S = 8.0


class ScriptedCrm(Crm):
    """A CRM in memory.

    Attributes:
        contacts: what it has, by record; any search finds all of them, a fuzzy one at that.
        asked: every search: its spellings and the number.
        fetched: the records that were read.
        before: called before an answer; may wait, or raise what the CRM raises.
        left: set once a search has been answered.
    """

    slug = "scripted"

    def __init__(
        self, provider: str, *contacts: Contact, secrets: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(Connection(provider, {}, secrets or {}))
        self.contacts = {contact.id.partition(":")[2]: contact for contact in contacts}
        self.asked: list[tuple[tuple[str, ...], str]] = []
        self.fetched: list[str] = []
        self.before: Callable[[], None] = lambda: None
        self.left = threading.Event()

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        assert timeout_s >= 0
        self.asked.append((tuple(variants), number))
        self.before()
        self.left.set()
        return tuple(self.contacts.values())

    def fetch(self, record: str) -> Contact | None:
        self.fetched.append(record)
        return self.contacts.get(record)

    def verify(self, delivery: Delivery) -> None:
        raise NotImplementedError

    def parse(self, delivery: Delivery) -> Parsed:
        raise NotImplementedError

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        raise NotImplementedError

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        raise NotImplementedError

    def check(self) -> str:
        raise NotImplementedError


class ScriptedProviders:
    """A tenant's connections.

    Attributes:
        crms: provider -> its CRM.
        renewed: provider -> the CRM with other secrets, for when the first ones are refused.
        reopened: the providers whose secrets were read again.
        on_open: called with every opening.
    """

    def __init__(self, *crms: ScriptedCrm) -> None:
        self.crms = {crm.connection.provider: crm for crm in crms}
        self.renewed: dict[str, ScriptedCrm] = {}
        self.reopened: list[str] = []
        self.on_open: Callable[[], None] = lambda: None

    def open(self, provider: str) -> Crm:
        self.on_open()
        if provider not in self.crms:
            raise NotFoundError("not connected")
        return self.crms[provider]

    def reopen(self, provider: str) -> Crm | None:
        self.reopened.append(provider)
        return self.renewed.get(provider)


def record(
    contact_id: str, *numbers: str, last_name: str = "Rossi", version: int = 1_700_000_000_000
) -> Contact:
    """Return a contact as a CRM gives it."""
    return Contact(
        contact_id,
        version,
        "Mario",
        last_name,
        numbers=tuple(ContactNumber(number) for number in numbers),
        updated_at_ms=version,
    )


def wait_for(event: threading.Event) -> None:
    """Wait until something has happened, which it should soon."""
    assert event.wait(STUCK_S), "it never happened"
