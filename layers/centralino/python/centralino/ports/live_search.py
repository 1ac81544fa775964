"""What asks the CRMs while a caller waits. Imported only when it comes to that."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from centralino.domain.card import Card

    class LiveSearch(Protocol):
        """Asks a tenant's CRMs for a caller."""

        def search(self, question: Question) -> Mapping[str, Card]:
            """Search for a caller; whoever is found too late is in the index for the next call.

            Returns:
                number -> card, as they are stored now; empty if all CRMs were asked and none knows
                the caller.

            Raises:
                UnavailableError: `timeout`, there was no answer in time; any other reason, not all
                    CRMs could be asked. Nothing else.
            """

        def refresh(self, question: Question) -> None:
            """Have a caller searched for once more, later; the time is for asking for it.

            Raises:
                UnavailableError: it couldn't be asked for. Nothing else.
            """


class Question(NamedTuple):
    """Whom to search for.

    Attributes:
        tenant: the tenant's id.
        number: the CLI, as delivered.
        did: the number that was called.
        trunk: the line it came in on.
        asked_at: the time, seconds since 1970.
        wait_s: how long whoever asks can wait.
    """

    tenant: str
    number: str
    did: str
    trunk: str
    asked_at: float
    wait_s: float
