"""Conversations of calls that a PBX can't tell apart, and codes that say too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.domain.card import Card
from centralino.domain.settings import Settings
from centralino.ports.customers import Change
from tests.support.calls import holder
from tests.support.routes import MILAN, NODES, OTHER_VAT, RULES, VAT, Switchboard, now_ms
from tests.support.tenants import ITALY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.ports.live_search import Question
    from tests.support.dynamodb_local import DynamoDBLocal

TURN = "/v1/pbx/centralino/identify/vat"
DIGITS, OTHER_DIGITS = (code.removeprefix("IT") for code in (VAT, OTHER_VAT))
MOBILE = "+393331234567"
# Without its plus a mobile, or a number in Rome: nobody can tell.
AMBIGUOUS, ITS_MOBILE, ITS_LANDLINE = "3906123456", "+393906123456", "+3906123456"


@pytest.fixture
def board(dynamodb: DynamoDBLocal, table: str) -> Iterator[Switchboard]:
    settings = Settings("acme", line=ITALY, crms=("odoo",), extens={"21": "Anna", "22": "Ugo"})
    with Switchboard(dynamodb.env, dynamodb.env, table, settings) as board:
        board.publish()
        board.customer()
        yield board


# --- one call id, several callers ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"), [(MILAN, MOBILE), (MILAN, "anonymous"), ("anonymous", MILAN), ("21", "22")]
)
def test_who_calls_under_the_id_of_another_s_call_is_not_taken_for_them(
    board: Switchboard, first: str, second: str
) -> None:
    board.customer(OTHER_VAT)
    board.answer(TURN, first, call_id="c1")
    typed = board.answer(TURN, first, call_id="c1", digits=DIGITS)
    routed = board.answer(number=second, call_id="c1")
    asked = board.answer(TURN, second, call_id="c1")
    board.answer(TURN, second, call_id="c1", digits=OTHER_DIGITS)

    assert (typed["destination"], typed["customer_code"]) == ("queue:600", VAT)
    assert (routed["destination"], routed["customer_code"]) == ("identify:vat", "")
    assert (asked["action"], asked["question"]) == ("ask", 1)
    assert [one.number for one in board.customers.learned_of(VAT)] == [first] * ("+" in first)
    assert [one.number for one in board.customers.learned_of(OTHER_VAT)] == [second] * (
        "+" in second
    )


def test_a_code_typed_after_a_conversation_has_ended_teaches_nothing(board: Switchboard) -> None:
    board.customer(OTHER_VAT)
    board.answer(TURN, call_id="c1", digits=DIGITS)
    board.customers.delete(VAT, Change(now_ms(), "sales", "deleted"))
    board.customer()
    again = board.answer(TURN, call_id="c1", digits=OTHER_DIGITS)

    assert again["customer_code"] == VAT
    assert board.customers.learned_by(MILAN) == ()


# --- numbers that nobody can tell ---------------------------------------------------------------


def test_a_number_that_may_be_another_one_teaches_nothing(board: Switchboard) -> None:
    answer = board.answer(TURN, AMBIGUOUS, call_id="c1", digits=DIGITS)

    assert answer["destination"] == "queue:600"
    assert board.customers.learned_of(VAT) == ()


def test_two_numbers_that_both_have_a_contact_teach_nothing(board: Switchboard) -> None:
    board.tenant.save("crm:1", ITS_MOBILE, last_name="Rossi")
    board.tenant.save("crm:2", ITS_LANDLINE, last_name="Bianchi")
    board.answer(TURN, AMBIGUOUS, call_id="c1", digits=DIGITS)

    assert board.customers.learned_of(VAT) == ()


def test_a_number_that_only_was_learned_does_not_say_which_one_calls(board: Switchboard) -> None:
    board.customer(OTHER_VAT)
    board.answer(TURN, ITS_MOBILE, call_id="c1", digits=DIGITS)
    board.answer(TURN, AMBIGUOUS, call_id="c2", digits=OTHER_DIGITS)

    assert [one.number for one in board.customers.learned_of(VAT)] == [ITS_MOBILE]
    assert board.customers.learned_of(OTHER_VAT) == ()


def test_the_number_that_a_contact_has_is_the_one_that_is_learned(board: Switchboard) -> None:
    board.tenant.save("crm:1", ITS_LANDLINE, last_name="Bianchi")
    board.answer(TURN, AMBIGUOUS, call_id="c1", digits=DIGITS)

    assert [one.number for one in board.customers.learned_of(VAT)] == [ITS_LANDLINE]


# --- what the CRM says --------------------------------------------------------------------------


class Crm:
    """A CRM that knows a caller whom the index doesn't."""

    def search(self, question: Question) -> Mapping[str, Card]:
        assert question.number == MILAN
        return {MILAN: Card(MILAN, (holder("Mario", "Rossi", code=OTHER_VAT),), 1)}

    def refresh(self, question: Question) -> None:
        raise AssertionError(question)


def test_a_crm_that_is_asked_live_contradicts_what_was_learned(board: Switchboard) -> None:
    board.answer(TURN, call_id="c1", digits=DIGITS)
    known = board.answer(call_id="c2")
    desk = board.desk._replace(live_search=Crm)
    contradicted = board.answer(call_id="c3", desk=desk)

    assert known["destination"] == "queue:600"
    assert (contradicted["destination"], contradicted["label"]) == ("identify:vat", "Mario Rossi")


def test_who_has_a_code_that_is_no_customer_s_is_asked(board: Switchboard) -> None:
    board.tenant.save("crm:1", MILAN, last_name="Bianchi", customer_code=OTHER_VAT)

    assert board.answer(TURN, call_id="c1")["action"] == "ask"


# --- codes that say too little ------------------------------------------------------------------


def test_a_code_of_two_customers_is_asked_again_where_any_code_will_do(board: Switchboard) -> None:
    node = {"mode": "entered", "codes": ["pattern:[A-Z]?[0-9]{3}"], "attempts": 2}
    board.publish({**RULES, "rules": []}, {**NODES, "vat": {**node, "yes": "support"}})
    board.customer("777")
    board.customer("A777")
    first = board.answer(TURN, call_id="c1", digits="777", question="1")
    second = board.answer(TURN, call_id="c1", digits="777", question="2")

    assert (first["action"], first["again"]) == ("ask", "1")
    assert (second["destination"], second["customer_code"]) == ("queue:700", "")
    assert board.customers.learned_by(MILAN) == ()
