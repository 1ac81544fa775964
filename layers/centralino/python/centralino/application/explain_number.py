"""Explain a number: how it is understood, what was found under it and whose name is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.decode_caller import came_from_outside, decode_caller
from centralino.domain.number import variants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from centralino.application.decode_caller import Call, Decoded
    from centralino.domain.settings import Line, Settings
    from centralino.ports.call_read import Read


class CandidateFate(NamedTuple):
    """What became of one reading of the number.

    Attributes:
        key: E.164 or a block.
        reason: why the number may mean this.
        holders: how many contacts have it.
        lost: why it was not the one; empty for the one, or ones, that were.
    """

    key: str
    reason: str
    holders: int
    lost: str


class Explanation(NamedTuple):
    """How a call was decoded.

    Attributes:
        decoded: what the phone would get, with the reading, the decision and the choice.
        line: the settings of the line that the call came in on.
        external: whether the call is known to come from outside.
        candidates: every reading of the number, the best first.
        variants: spellings to search a CRM for, in their order.
    """

    decoded: Decoded
    line: Line
    external: bool
    candidates: tuple[CandidateFate, ...]
    variants: tuple[str, ...]


def explain_number(
    call: Call, settings: Settings, read: Callable[[Sequence[str]], Read]
) -> Explanation:
    """Decode a call as the lookup would, and keep what a lookup throws away.

    Args:
        call: the call; any string will do as its number.
        settings: the tenant's settings.
        read: gives the cards of some numbers in one round trip.
    """
    totals: dict[str, int] = {}

    def counted_read(numbers: Sequence[str]) -> Read:
        found = read(numbers)
        totals.update((number, card.total) for number, card in found.cards.items())
        return found

    line = settings.line_for(call.trunk, call.did)
    decoded = decode_caller(call, settings, line, counted_read)
    lost = dict(decoded.decision.lost) if decoded.decision else {}
    return Explanation(
        decoded,
        line,
        came_from_outside(call, settings),
        tuple(
            CandidateFate(c.key, c.reason, totals.get(c.key, 0), lost.get(c.key, ""))
            for c in decoded.reading.candidates
        ),
        variants(decoded.reading, line),
    )
