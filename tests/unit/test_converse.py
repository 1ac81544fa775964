"""The conversation that we drive: asked at most so often, over at some time, never mixed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from centralino.application.converse import Turn, converse, without_store
from centralino.application.identify_caller import Identified
from centralino.domain.routing import Node
from centralino.domain.talk import State, take_turn
from centralino.ports.route_read import Talk

if TYPE_CHECKING:
    from centralino.application.identify_caller import State as Known

NODE = Node("vat", attempts=3)
NUMBER = "+390244556677"
# What is typed -> whom it identifies.
CODES = {"111": "C111", "222": "C222"}


def identify(digits: str | None, talk: Talk | None) -> Identified:
    """Identify as `identify_caller` does: a conversation that knows keeps to it."""
    if talk and talk.code:
        return Identified("known", talk.code)
    state: Known = "known" if digits in CODES else "unknown"
    return Identified(state, CODES.get(digits or "", ""))


class Pbx:
    """A PBX that converses, and a store that keeps the conversation.

    Args:
        attempts: of the node.
    """

    def __init__(self, attempts: int = 3) -> None:
        self.node = NODE._replace(attempts=attempts)
        self.talk: Talk | None = None

    def turn(self, digits: str | None, question: int = 0, *, lost: bool = False) -> Turn:
        """Take one turn; a lost one is answered and its conversation not kept."""
        turn = converse(
            self.node,
            self.talk,
            digits,
            identify(digits, self.talk),
            number=NUMBER,
            now_s=1000.5,
            question=question,
        )
        if lost:
            return without_store(turn, digits, question)
        if turn.talk:
            assert turn.talk.version == (self.talk.version if self.talk else 0)
            self.talk = turn.talk._replace(version=turn.talk.version + 1)
        return turn


def test_a_caller_is_asked_and_known_by_the_first_right_code() -> None:
    pbx = Pbx()
    asked = pbx.turn(None)
    assert (asked.ask, asked.again, asked.question) == (True, False, 1)
    assert asked.talk == Talk("vat", asked=1, number=NUMBER, started_at=1000)
    known = pbx.turn("111", 1)
    assert (known.ask, known.given_up) == (False, False)
    assert known.talk
    assert known.talk.code == "C111"


def test_a_wrong_code_silence_and_a_right_one_in_the_last_attempt() -> None:
    pbx = Pbx()
    answers = [pbx.turn(None), pbx.turn("999", 1), pbx.turn("", 2), pbx.turn("222", 3)]
    assert [(a.ask, a.again, a.question) for a in answers] == [
        (True, False, 1),
        (True, True, 2),
        (True, True, 3),
        (False, False, 0),
    ]
    assert not answers[-1].given_up


@pytest.mark.parametrize("attempts", [1, 2, 20])
@pytest.mark.parametrize("counts", [True, False])
def test_after_the_last_attempt_nobody_is_asked_any_more(attempts: int, counts: bool) -> None:
    pbx = Pbx(attempts)
    answers = [pbx.turn(None)]
    answers += [pbx.turn("", question if counts else 0) for question in range(1, attempts + 1)]
    assert [a.ask for a in answers] == [True] * attempts + [False]
    assert answers[-1].given_up
    # What comes later is too late, even a right code.
    assert pbx.turn("111", attempts).given_up


def test_a_turn_that_arrives_twice_is_answered_twice_and_counted_once() -> None:
    pbx = Pbx()
    first = pbx.turn(None)
    assert pbx.turn(None) == first._replace(talk=None)
    again = pbx.turn("999", 1)
    assert pbx.turn("999", 1) == again._replace(talk=None)
    known = pbx.turn("111", 2)
    assert pbx.turn("111", 2) == known._replace(talk=None)


def test_a_turn_that_was_overtaken_changes_nothing() -> None:
    pbx = Pbx()
    pbx.turn(None)
    pbx.turn("999", 1)
    waiting = pbx.turn("", 2)
    assert pbx.turn("111", 1) == waiting._replace(talk=None)


def test_a_first_turn_that_arrives_late_does_not_begin_anew() -> None:
    pbx = Pbx()
    pbx.turn(None)
    waiting = pbx.turn("999", 1)
    assert pbx.turn(None) == waiting._replace(talk=None)


def test_a_turn_that_names_its_question_and_brings_no_digits_is_silence() -> None:
    pbx = Pbx()
    pbx.turn(None)
    assert pbx.turn(None, 1).question == 2


def test_an_answer_to_a_question_that_the_node_never_asks_comes_too_late() -> None:
    turn = Pbx(2).turn("111", 3)
    assert turn.given_up
    assert not turn.code


def test_a_pbx_that_does_not_count_pays_for_a_repeated_turn_with_an_attempt() -> None:
    pbx = Pbx()
    pbx.turn(None)
    assert [pbx.turn("999").question for _ in range(3)] == [2, 3, 0]


def test_digits_in_the_very_first_turn_are_an_answer() -> None:
    known = Pbx().turn("111")
    assert not known.ask
    assert not known.given_up
    assert Pbx().turn("999").question == 2


def test_who_is_known_by_the_number_is_not_asked() -> None:
    known = Identified("known", "C111")
    turn = converse(NODE, None, None, known, number=NUMBER, now_s=0)
    assert turn == Turn(ask=False)


def test_a_code_beats_what_the_number_says() -> None:
    turn = converse(
        NODE, None, "222", Identified("known", "C222"), number=NUMBER, now_s=0, question=1
    )
    assert turn.talk
    assert turn.talk.code == "C222"


def test_of_two_turns_at_once_the_one_that_was_saved_says_whose_the_call_is() -> None:
    saved = Talk("vat", asked=1, version=2, code="C111", number=NUMBER)
    late = Identified("known", "C222")
    turn = converse(NODE, saved, "222", late, number=NUMBER, now_s=0, question=1)
    assert turn == Turn(ask=False, code="C111")


def test_another_node_starts_a_conversation_of_its_own() -> None:
    old = Talk("other", asked=2, version=4, code="C111", number=NUMBER)
    turn = converse(NODE, old, None, Identified("silent"), number=NUMBER, now_s=7)
    assert (turn.ask, turn.question) == (True, 1)
    assert turn.talk == Talk("vat", asked=1, version=4, number=NUMBER, started_at=7)


def test_without_a_store_a_pbx_that_counts_is_asked_on_and_others_once() -> None:
    pbx = Pbx()
    assert pbx.turn(None, lost=True).ask
    assert pbx.turn("999", 1, lost=True).question == 2
    assert pbx.turn("999", 3, lost=True).given_up
    assert pbx.turn("999", lost=True).given_up
    assert pbx.turn("111", lost=True) == Turn(ask=False, code="C111")


def test_fewer_attempts_than_were_asked_already_end_a_conversation() -> None:
    state = State(asked=5)
    assert take_turn(state, attempts=3, question=5, digits="1", code="C1") == state
    assert state.is_over(3)


class Conversation(RuleBasedStateMachine):
    """Turns in any order, any number of times, some of them not kept."""

    @initialize(attempts=st.integers(1, 5))
    def begin(self, attempts: int) -> None:
        self.pbx = Pbx(attempts)
        self.asked: set[int] = set()
        self.answers: dict[tuple[int, str | None], Turn] = {}
        self.ended: Turn | None = None
        self.right: set[str] = set()
        self.turns = 0

    @rule(
        digits=st.sampled_from(["111", "222", "999", "", None]),
        question=st.integers(0, 6),
        lost=st.integers(0, 4).map(lambda n: not n),
    )
    def take(self, digits: str | None, question: int, lost: bool) -> None:
        if digits in CODES:
            self.right.add(CODES[digits])
        before = self.pbx.talk
        turn = self.pbx.turn(digits, question, lost=lost)
        if turn.ask:
            self.asked.add(turn.question)
        if not lost and digits is not None and not question:
            self.turns += 1
        if self.ended:
            assert turn == self.ended
        if self.pbx.talk and State(self.pbx.talk.asked, self.pbx.talk.code).is_over(
            self.pbx.node.attempts
        ):
            self.ended = turn._replace(talk=None)
        if before and before.code:
            assert self.pbx.talk
            assert self.pbx.talk.code == before.code

    @precondition(lambda self: not self.ended)
    @rule(digits=st.sampled_from(["999", "", "111"]), question=st.integers(1, 6))
    def take_twice(self, digits: str, question: int) -> None:
        first = self.pbx.turn(digits, question)
        assert self.pbx.turn(digits, question) == first._replace(talk=None)
        if digits in CODES:
            self.right.add(CODES[digits])
        if first.ask:
            self.asked.add(first.question)
        else:
            self.ended = first._replace(talk=None)

    @invariant()
    def is_bounded_and_honest(self) -> None:
        talk = self.pbx.talk
        attempts = self.pbx.node.attempts
        assert all(1 <= question <= attempts for question in self.asked)
        if self.turns >= attempts:
            assert self.ended
        if talk and talk.code:
            assert talk.code in self.right


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=20)
