"""A CRM that tells before it has saved: what is read too early is read once more, not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.application.apply_hints import EARLY_MS, Applied, apply_hints
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.settings import Line
from centralino.ports.crm import Hint
from tests.support.memory_store import MemoryStores
from tests.support.scripted_crm import ScriptedCrm

if TYPE_CHECKING:
    from centralino.ports.crm import Operation

LINE = Line(country="IT", area_code="02")
ROSSI = "+390244556677"
SAVED_MS = 1_795_255_200_000


class Desk:
    """A CRM whose transactions take as long as a test wants, and the index that it feeds."""

    def __init__(self) -> None:
        self.crm = ScriptedCrm("scripted")
        stores = MemoryStores()
        stores.create_tenant("acme")
        self.contacts = stores.contacts("acme")

    def commit(self, modified_ms: int, name: str = "Rossi") -> None:
        numbers = (ContactNumber(ROSSI),)
        self.crm.contacts["1"] = Contact(
            "scripted:1", modified_ms, last_name=name, numbers=numbers, updated_at_ms=modified_ms
        )

    def deliver(
        self, operation: Operation = "changed", *, as_of_ms: int = SAVED_MS, after_ms: int = 100
    ) -> Applied:
        return self.apply([Hint("1", operation, SAVED_MS, as_of_ms=as_of_ms)], after_ms=after_ms)

    def apply(self, hints: list[Hint], *, after_ms: int) -> Applied:
        return apply_hints(
            self.contacts,
            self.crm,
            hints,
            LINE,
            received_at_ms=SAVED_MS + after_ms,
            now_ms=lambda: SAVED_MS + after_ms,
            renew=lambda: self.crm,
        )

    def name(self) -> str:
        stored = self.contacts.get("scripted:1")
        return stored.last_name if stored else ""


@pytest.mark.parametrize("operation", ["changed", "restored"])
def test_a_contact_that_is_not_there_yet_is_waited_for_and_not_deleted(
    operation: Operation,
) -> None:
    desk = Desk()
    early = desk.deliver(operation)
    assert early.error is not None
    assert early.error.reason == "early"
    desk.commit(SAVED_MS)
    assert desk.deliver(operation).counts == {"applied": 1}
    assert desk.name() == "Rossi"


def test_a_contact_that_is_still_the_old_one_is_read_once_more() -> None:
    desk = Desk()
    desk.commit(SAVED_MS - 60_000)
    desk.deliver(as_of_ms=0)
    early = desk.deliver()
    assert (early.counts, early.error and early.error.reason) == ({"failed": 1}, "early")
    desk.commit(SAVED_MS, "Bianchi")
    assert desk.deliver().counts == {"applied": 1}
    assert desk.name() == "Bianchi"


def test_a_newer_contact_than_the_event_s_is_taken_as_it_is() -> None:
    desk = Desk()
    desk.commit(SAVED_MS + 5000, "Verdi")
    assert desk.deliver().counts == {"applied": 1}
    assert desk.name() == "Verdi"


def test_a_save_that_was_undone_is_not_waited_for_for_ever() -> None:
    desk = Desk()
    desk.commit(SAVED_MS - 60_000)
    assert desk.deliver(after_ms=EARLY_MS - 1).error is not None
    assert desk.deliver(after_ms=EARLY_MS).error is None
    assert desk.name() == "Rossi"
    del desk.crm.contacts["1"]
    assert desk.deliver(after_ms=EARLY_MS).counts == {"deleted": 1}


def test_a_contact_that_is_known_to_be_deleted_since_is_not_waited_for() -> None:
    desk = Desk()
    desk.deliver("deleted", as_of_ms=0, after_ms=200)
    late = desk.deliver(after_ms=300)
    assert (late.counts, late.error) == ({"stale": 1}, None)
    # An older deletion says nothing: it may have been created anew.
    desk.contacts.delete("scripted:2", SAVED_MS - 1)
    other = [Hint("2", "changed", SAVED_MS, as_of_ms=SAVED_MS)]
    assert desk.apply(other, after_ms=300).error is not None
