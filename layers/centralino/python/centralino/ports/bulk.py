"""What takes many contacts at a time: the store itself, or the service over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.domain.contact import Contact
    from centralino.ports.store import Outcome


class Written(NamedTuple):
    """What became of one contact.

    Attributes:
        outcome: see `ports/store.py`; `rejected` if it can't be stored as it is, `checked` if that
            is all that was asked for.
        problem: why it was rejected.
        unindexed: its numbers that can't be looked up, each with the reason.
    """

    outcome: Outcome | Literal["rejected", "checked"]
    problem: str = ""
    unindexed: tuple[tuple[str, str], ...] = ()


class BulkWriter(Protocol):
    """Takes contacts by the batch; each thread has one of its own."""

    @property
    def batch_size(self) -> int:
        """How many contacts `write` takes at most."""

    def write(self, contacts: Sequence[Contact]) -> Sequence[Written]:
        """Write contacts, each on its own; return what became of each, in their order.

        Raises:
            CentralinoError: there is no point in going on. What was written stays, and writing it
                again changes nothing.
        """
