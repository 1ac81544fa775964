"""A conversation at an identify node: when to ask, when to ask again, when to stop.

Pure. Turns may come twice, late, or in another order, and what was saved may be lost: whatever
happens, a node asks at most `attempts` times, a conversation that has ended stays as it ended, and
the same turn gets the same answer.
"""

from __future__ import annotations

from centralino.domain.record import NamedTuple


class State(NamedTuple):
    """Where a conversation is.

    Attributes:
        asked: how many questions were asked; one more than the node's attempts when the last one
            was answered in vain.
        code: the code that identified the caller; empty as long as none did.
    """

    asked: int = 0
    code: str = ""

    def is_over(self, attempts: int) -> bool:
        """Tell whether nothing more is asked."""
        return bool(self.code) or self.asked > attempts


def take_turn(
    state: State, *, attempts: int, question: int, digits: str | None, code: str
) -> State:
    """Return where a conversation is after one more turn; the same state if the turn is an old one.

    Args:
        state: where it was.
        attempts: how often the node asks.
        question: which question the turn answers, from 1; 0 if the PBX doesn't say, which is then
            the one asked last.
        digits: what was typed; None for the first turn, empty if nothing was typed in time.
        code: the code that the digits are; empty if they are none.
    """
    if state.is_over(attempts):
        return state
    if digits is None and not question:
        # The first turn, or the same once more.
        return state if state.asked else State(1)
    if 0 < question < state.asked:
        return state
    # A question that nobody remembers was asked, and forgotten.
    asked = max(state.asked, question, 1)
    if code and asked <= attempts:
        return State(asked, code)
    return State(min(asked, attempts) + 1)
