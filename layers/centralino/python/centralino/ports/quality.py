"""What a report on the quality of a tenant's data looks at, beside the contacts themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.domain.card import Card


class UnknownCaller(NamedTuple):
    """Somebody who called and whom no CRM knew.

    Attributes:
        caller: the number as it was understood, or as it was delivered if it could mean several.
        calls: how often the CRMs were asked in vain; calls within minutes of each other are one.
        last_at: when they were last asked, seconds since 1970.
    """

    caller: str
    calls: int
    last_at: int


class CallerPage(NamedTuple):
    """A page of unknown callers.

    Attributes:
        callers: may be fewer than asked for, even none, before the end.
        cursor: for the next page; empty at the end.
    """

    callers: tuple[UnknownCaller, ...]
    cursor: str


class QualityStore(Protocol):
    """One tenant's cards and unknown callers. Raises UnavailableError when there is no answer."""

    def cards(self, numbers: Sequence[str]) -> Mapping[str, Card]:
        """Return the cards of some numbers; those without one are left out."""

    def repeated_callers(self, *, cursor: str = "", limit: int = 100) -> CallerPage:
        """List who called more than once and is unknown.

        Args:
            cursor: empty for the first page.
            limit: callers on a page, 1 to 100.

        Raises:
            PayloadError: the cursor isn't one of ours.
        """
