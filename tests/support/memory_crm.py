"""A CRM in memory, behind the port that every provider implements: for what is not about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.domain.contact import Contact, ContactNumber
from centralino.ports.crm import Connection, Crm, Parsed, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from centralino.ports.crm import Delivery

PAGE = 3


class MemoryCrm(Crm):
    """Has records that a test changes, and fails on demand.

    Attributes:
        now_ms: the CRM's own clock.
        records: record -> contact, as they are.
        gone: record -> when it was deleted.
        asked: what was asked of it, in order.
        faults: exceptions to raise, one a request; None lets a request through.
        before: what happens just before each request.
    """

    slug = "memory"

    def __init__(self, now_ms: Callable[[], int], *, lists_deletions: bool = True) -> None:
        super().__init__(Connection("memory", {}, {}))
        self.now_ms = now_ms
        self.records: dict[str, Contact] = {}
        self.gone: dict[str, int] = {}
        self.asked: list[str] = []
        self.faults: list[Exception | None] = []
        self.before: Callable[[], object] = int
        # As a provider's class says it; here each test says it for itself.
        self.lists_deletions = lists_deletions

    def put(self, record: str, name: str = "Rossi", *numbers: str, at_ms: int = 0) -> Contact:
        """Make or change a record, as a person at the CRM does."""
        contact = Contact(
            f"memory:{record}",
            at_ms or self.now_ms(),
            last_name=name,
            numbers=tuple(
                ContactNumber(number, "mobile") for number in numbers or ("+39347123456",)
            ),
        )
        self.records[record] = contact
        self.gone.pop(record, None)
        return contact

    def drop(self, record: str) -> None:
        """Delete a record, as a person at the CRM does."""
        del self.records[record]
        self.gone[record] = self.now_ms()

    def _asks(self, what: str) -> None:
        self.asked.append(what)
        self.before()
        if self.faults and (fault := self.faults.pop(0)):
            raise fault

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        self._asks(f"modified {cursor}".strip())
        found = sorted(
            (contact for contact in self.records.values() if contact.version >= since_ms),
            key=lambda contact: (contact.version, contact.id),
        )
        start = int(cursor or 0)
        more = str(start + PAGE) if len(found) > start + PAGE else ""
        return Records(tuple(found[start : start + PAGE]), cursor=more)

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        self._asks(f"deleted {cursor}".strip())
        if not self.lists_deletions:
            return Records()
        found = [(record, at_ms) for record, at_ms in self.gone.items() if at_ms >= since_ms]
        start = int(cursor or 0)
        more = str(start + PAGE) if len(found) > start + PAGE else ""
        return Records(deleted=tuple(found[start : start + PAGE]), cursor=more)

    def fetch(self, record: str) -> Contact | None:
        self._asks(f"fetch {record}")
        return self.records.get(record)

    def verify(self, delivery: Delivery) -> None:
        raise NotImplementedError

    def parse(self, delivery: Delivery) -> Parsed:
        raise NotImplementedError

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        raise NotImplementedError

    def check(self) -> str:
        self._asks("check")
        return "Memory of Acme"


class Kill(BaseException):
    """The process is gone, as by `kill -9`: nothing of ours may catch this."""


def kill(*_: Any) -> None:  # noqa: ANN401 - whatever the killed one was called with
    raise Kill
