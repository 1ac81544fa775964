"""Converse with a caller at an identify node, for PBXs that play and read what we say.

The PBX plays the prompt and sends what was typed; what is between two turns is in the store.
Nothing here reads or writes: `route_caller.py` does, and takes the turn once more if another one
was saved meanwhile.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.domain.talk import State, take_turn
from centralino.ports.route_read import Talk

if TYPE_CHECKING:
    from centralino.application.identify_caller import Identified
    from centralino.domain.routing import Node


class Turn(NamedTuple):
    """What a turn of a conversation comes to.

    Attributes:
        ask: whether the caller is asked; else the conversation is over.
        again: whether the question was asked before.
        question: which one it is, from 1; 0 if nothing is asked. A PBX that sends it back with the
            digits may send them twice.
        talk: to be saved over the version that it names; None if nothing has changed.
        given_up: all attempts are used up; if it is over and this is False, the caller is known.
        code: whose the call is, if the conversation has found out: the first right code, even if
            another one was typed in this turn. Empty for who is known by the number.
    """

    ask: bool
    again: bool = False
    question: int = 0
    talk: Talk | None = None
    given_up: bool = False
    code: str = ""


def converse(  # noqa: PLR0913 - all that a turn is made of
    node: Node,
    talk: Talk | None,
    digits: str | None,
    identified: Identified | None,
    *,
    number: str,
    now_s: float,
    question: int = 0,
) -> Turn:
    """Take one turn of a conversation; never raises.

    Args:
        node: the node.
        talk: the conversation as it is stored; None if there is none.
        digits: what was typed; None in the first turn, empty if nothing was typed in time.
        identified: whom the digits identify; in the first turn whoever is known by the number.
        number: the caller, `Talk.number`.
        now_s: the time, seconds since 1970.
        question: which question the digits answer; 0 if the PBX doesn't say.
    """
    code = identified.code if identified and identified.state == "known" else ""
    here = talk if talk and talk.node == node.name else None
    before = State(here.asked, here.code) if here else State()
    if digits is None and not question and not here and code:
        # Known by the number: there is nothing to ask.
        return Turn(ask=False)
    after = take_turn(before, attempts=node.attempts, question=question, digits=digits, code=code)
    changed = None
    if after != before:
        started = here or Talk(
            node.name, version=talk.version if talk else 0, number=number, started_at=int(now_s)
        )
        changed = started._replace(asked=after.asked, code=after.code)
    if after.is_over(node.attempts):
        return Turn(ask=False, talk=changed, given_up=not after.code, code=after.code)
    return Turn(ask=True, again=after.asked > 1, question=after.asked, talk=changed)


def without_store(turn: Turn, digits: str | None, question: int) -> Turn:
    """Return what a turn comes to where its conversation can't be saved.

    Without a call id, or without the store, nobody counts the questions but a PBX that says which
    one was answered. The others ask once: a conversation has to end.

    Args:
        turn: as `converse` returned it.
        digits: what was typed.
        question: which question the digits answer; 0 if the PBX doesn't say.
    """
    if turn.ask and digits is not None and not question:
        return Turn(ask=False, given_up=True)
    return turn._replace(talk=None)
