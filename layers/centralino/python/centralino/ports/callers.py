"""What live search knows and notes of callers, beside the contacts themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.domain.card import Card


class AtHand(NamedTuple):
    """What is stored of a caller.

    Attributes:
        cards: number -> card, of the numbers that have one.
        noted: whether the caller is noted as unknown, now or before.
        unknown_until: until when the CRMs need not be asked again, seconds since 1970; 0 if the
            caller isn't noted.
        searching_until: until when somebody has claimed to ask the CRMs, seconds since 1970; 0 if
            nobody has, and in the past if who did never came back.
    """

    cards: Mapping[str, Card]
    noted: bool = False
    unknown_until: float = 0.0
    searching_until: float = 0.0


class CallerStore(Protocol):
    """One tenant's callers. Every method raises UnavailableError when the store does not answer."""

    def read(self, numbers: Sequence[str], caller: str) -> AtHand:
        """Return what is stored at this very moment.

        Args:
            numbers: the keys that the CLI may mean, E.164 or blocks.
            caller: `domain/number.py`'s name for all that the CLI may mean.
        """

    def claim(self, caller: str, *, until: float) -> int:
        """Claim to be the one who asks the CRMs for a caller.

        Args:
            caller: as in `read`.
            until: when the claim lapses if it isn't released, seconds since 1970.

        Returns:
            The claim, to release it by; 0 if another has one that hasn't lapsed.
        """

    def release(self, caller: str, claim: int) -> None:
        """Give up a claim; nothing happens to one that another has taken since."""

    def note_unknown(self, caller: str, *, until: float) -> None:
        """Note that no CRM knows a caller, and end any claim on them.

        It is counted once for each time that the CRMs were asked.

        Args:
            caller: as in `read`.
            until: when to ask them again, seconds since 1970.
        """

    def forget_unknown(self, caller: str) -> None:
        """Take back that a caller is unknown, and end any claim on them."""

    def refresh_at(self, number: str, at: float) -> Card | None:
        """Say from when on a card is to be refreshed; return the card, None if there is none.

        Args:
            number: the card's key.
            at: seconds since 1970.
        """
