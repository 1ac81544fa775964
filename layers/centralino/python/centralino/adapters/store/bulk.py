"""Writing contacts to the store by the batch, for imports that go straight to the table."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, TypeVar

from centralino.application.index_contact import index_contact
from centralino.application.save_contact import save_contact
from centralino.domain.contact import ID_PATTERN
from centralino.domain.errors import PayloadError, RejectedError, UnavailableError
from centralino.ports.bulk import Written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from centralino.adapters.store.sender import Sender
    from centralino.domain.contact import Contact
    from centralino.domain.settings import Line
    from centralino.ports.store import ContactStore, Known

BATCH = 99  # what a store's `known` takes
ATTEMPTS = 8
LONGEST_PAUSE_S = 8.0
_T = TypeVar("_T")


class StoreWriter:
    """Writes to one tenant's store; `ports/bulk.py`'s BulkWriter.

    What is stored of a whole batch is read at once, so an unchanged contact costs a hundredth of a
    request, any other one request.

    Args:
        store: not shared with another thread.
        line: says which country and area a number without a code is from.
        pause: waits some seconds, when the store does not answer or asks to slow down.
    """

    batch_size = BATCH

    def __init__(self, store: ContactStore, line: Line, pause: Callable[[float], None]) -> None:
        self._store = store
        self._line = line
        self._pause = pause

    def write(self, contacts: Sequence[Contact]) -> Sequence[Written]:
        """Write contacts; see the port."""
        ids = [contact.id for contact in contacts if _fits(contact)]
        known = self._patiently(lambda: self._store.known(ids)) if ids else {}
        return [self._save(contact, known) for contact in contacts]

    def _save(self, contact: Contact, known: Mapping[str, Known]) -> Written:
        def save() -> Written:
            # The version is the source's, so the time does not matter.
            saved = save_contact(
                self._store, contact, self._line, now_ms=0, known=known.get(contact.id)
            )
            return Written(saved.outcome, unindexed=unindexed(saved.contact))

        try:
            return self._patiently(save)
        except PayloadError as error:
            return Written("rejected", str(error))

    def _patiently(self, do: Callable[[], _T]) -> _T:
        """Do something that may be done twice, and wait longer each time the store fails."""
        for attempt in range(1, ATTEMPTS):
            try:
                return do()
            except RejectedError:
                raise
            except UnavailableError:
                longest = min(LONGEST_PAUSE_S, 0.1 * 2**attempt)
                self._pause(random.uniform(longest / 2, longest))  # noqa: S311 - jitter is no secret
        return do()


class DryWriter:
    """Writes nothing, asks nobody and says what no store need be asked for; a BulkWriter too.

    Args:
        line: says which country and area a number without a code is from.
    """

    batch_size = BATCH

    def __init__(self, line: Line) -> None:
        self._line = line

    def write(self, contacts: Sequence[Contact]) -> Sequence[Written]:
        """Look at contacts; see the port."""
        return [self._look(contact) for contact in contacts]

    def _look(self, contact: Contact) -> Written:
        try:
            return Written(
                "checked", unindexed=unindexed(index_contact(contact, self._line).contact)
            )
        except PayloadError as error:
            return Written("rejected", str(error))


class ReadOnly:
    """Sends what reads and swallows what writes, for a trial; `sender.py`'s Sender.

    Args:
        client: sends the requests that read.
    """

    def __init__(self, client: Sender) -> None:
        self._client = client

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        """Send a request, or claim that it succeeded."""
        if operation in ("BatchGetItem", "GetItem", "Query"):
            return self._client.call(operation, payload, timeout_s=timeout_s)
        return {}


def unindexed(contact: Contact) -> tuple[tuple[str, str], ...]:
    """Return a contact's numbers that can't be looked up, each with the reason."""
    return tuple((number.number, number.problem) for number in contact.numbers if number.problem)


def _fits(contact: Contact) -> bool:
    """Tell whether an id can be asked for; saving says what is wrong with the others."""
    return ID_PATTERN.fullmatch(contact.id) is not None
