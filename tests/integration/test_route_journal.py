"""What is kept of calls whose caller is asked, of ids that come twice, and of what was not sent."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.store.journal import DynamoJournal, Posting
from centralino.domain.errors import UnavailableError
from tests.support import faults
from tests.support.routes import MILAN, VAT, Switchboard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.domain.customer import History
    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Fault, FaultProxy

TURN = "/v1/pbx/centralino/identify/vat"
STRANGER = "+393331234567"
DIGITS = "12345670017"


@pytest.fixture
def board(dynamodb: DynamoDBLocal, proxy: FaultProxy, table: str) -> Iterator[Switchboard]:
    with Switchboard({**dynamodb.env, **proxy.env}, dynamodb.env, table) as board:
        board.publish()
        board.customer()
        yield board


def _rule(board: Switchboard, call_id: str, rule: str) -> None:
    """Wait until the decision of a call is of a rule; nobody waits for the journal."""
    for _ in range(200):
        if board.kept(call_id).decision.rule == rule:
            return
        time.sleep(0.02)
    raise AssertionError(board.kept(call_id).decision)


def _calls(board: Switchboard, **whose: str) -> int:
    history: History | None = board.routing.history(**whose)
    return history.calls if history else 0


def test_a_caller_who_hangs_up_while_asked_leaves_a_decision_and_counts(
    board: Switchboard,
) -> None:
    board.answer(number=STRANGER, call_id="c1")
    board.answer(TURN, STRANGER, call_id="c1")
    kept = board.kept("c1")

    assert (kept.decision.rule, kept.decision.destination.text) == ("unknown", "identify:vat")
    assert _calls(board, number=STRANGER) == 1


def test_what_is_decided_after_a_question_replaces_the_question_and_the_call_counts_once(
    board: Switchboard,
) -> None:
    board.answer(number=STRANGER, call_id="c1")
    board.kept("c1")
    board.answer(TURN, STRANGER, call_id="c1")
    board.answer(TURN, STRANGER, call_id="c1", digits=DIGITS, question="1")
    _rule(board, "c1", "paying")

    assert (_calls(board, number=STRANGER), _calls(board, code=VAT)) == (1, 1)
    assert board.desk.journal.lost == 0


def test_a_call_that_comes_to_a_node_at_once_is_kept_and_counted_once(board: Switchboard) -> None:
    board.answer(TURN, STRANGER, call_id="c1")
    board.answer(TURN, STRANGER, call_id="c1", digits=DIGITS, question="1")
    # It is sent as what replaces a question, and again when the next call comes.
    for count in range(200):
        board.answer(number=MILAN, call_id=f"other {count}")
        if board.routing.decision("c1"):
            break
    _rule(board, "c1", "paying")

    assert (_calls(board, number=STRANGER), _calls(board, code=VAT)) == (1, 1)


def test_what_a_pbx_asked_by_itself_replaces_the_question_too(board: Switchboard) -> None:
    board.answer(number=STRANGER, call_id="c1")
    board.kept("c1")
    board.answer("/v1/pbx/generic/identify/check", STRANGER, call_id="c1", digits=DIGITS)
    for count in range(200):
        board.answer(number=MILAN, call_id=f"other {count}")
        if board.kept("c1").node:
            break

    assert board.kept("c1").decision.rule == "check: yes"
    assert (_calls(board, number=STRANGER), _calls(board, code=VAT)) == (1, 1)


def test_a_question_that_arrives_late_does_not_replace_what_was_decided(
    board: Switchboard, proxy: FaultProxy
) -> None:
    proxy.fault = _writes(faults.throttling())
    board.answer(number=STRANGER, call_id="c1")
    board.answer(TURN, STRANGER, call_id="c1")
    _came(proxy)
    proxy.clear()
    board.answer(TURN, STRANGER, call_id="c1", digits=DIGITS, question="1")
    for count in range(8):
        board.answer(number=MILAN, call_id=f"other {count}")
        board.kept(f"other {count}")

    _rule(board, "c1", "paying")
    assert (_calls(board, number=STRANGER), _calls(board, code=VAT)) == (1, 1)


def test_a_replaced_question_whose_answer_was_lost_is_no_other_call(
    board: Switchboard, proxy: FaultProxy
) -> None:
    board.answer(number=STRANGER, call_id="c1")
    board.kept("c1")
    board.answer(TURN, STRANGER, call_id="c1")
    proxy.fault = _writes(faults.lost_answer())
    board.answer(TURN, STRANGER, call_id="c1", digits=DIGITS, question="1")
    _rule(board, "c1", "paying")
    proxy.clear()
    for count in range(3):
        board.answer(number=MILAN, call_id=f"other {count}")
        board.kept(f"other {count}")

    assert (_calls(board, number=STRANGER), _calls(board, code=VAT)) == (1, 1)
    assert board.desk.journal.lost == 0


def test_an_id_that_another_call_had_loses_the_decision_alone_and_says_so(
    board: Switchboard, capsys: pytest.CaptureFixture[str]
) -> None:
    board.answer(number=MILAN, call_id="1")
    board.kept("1")
    board.answer(number=STRANGER, call_id="1")
    for count in range(200):
        board.answer(number=MILAN, call_id=f"other {count}")
        if _calls(board, number=STRANGER):
            break
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert _calls(board, number=STRANGER) == 1
    assert board.kept("1").facts["caller"]["number"] == MILAN
    assert board.desk.journal.lost == 1
    assert lines[-1]["journal_lost"] == 1


class _Slow(Posting):
    """A connection that takes all the time it is given."""

    spent: list[float]

    def __init__(self, clock: list[float], spent: list[float]) -> None:
        self._time = clock
        self.spent = spent

    def post(self, operation: str, payload: Mapping[str, Any], *, timeout_s: float) -> None:
        """Use the time up."""
        del operation, payload
        self.spent.append(timeout_s)
        self._time[0] += timeout_s
        raise UnavailableError("timeout")

    def answered(self, left_s: float = 0.05) -> None:
        """Say that there is no connection."""
        del left_s
        raise UnavailableError("connection")

    def close(self) -> None:
        """Do nothing."""


def test_all_that_waits_has_the_one_limit_of_the_entry_that_is_kept_now(
    board: Switchboard,
) -> None:
    clock, spent = [0.0], list[float]()
    journal = DynamoJournal(lambda: _Slow(clock, spent), board.table, clock=lambda: clock[0])
    board.answer(number=MILAN, call_id="before")
    desk = board.desk._replace(journal=journal)
    for count in range(9):
        spent.clear()
        board.answer(number=MILAN, call_id=f"c{count}", desk=desk)
        assert 0 < sum(spent) < 0.2001

    assert journal.lost > 0


def _writes(fault: Fault) -> Fault:
    """Let a fault meet the journal alone."""

    def handle(exchange: Any) -> None:  # noqa: ANN401 - the proxy's own
        if exchange.request.operation == "TransactWriteItems":
            fault.handle(exchange)
        else:
            exchange.send(exchange.forward())

    return fault._replace(handle=handle)


def _came(proxy: FaultProxy) -> None:
    """Wait until a request that nobody waits for has come."""
    for _ in range(200):
        if "TransactWriteItems" in proxy.operations:
            return
        time.sleep(0.01)
    raise AssertionError("nothing was posted")
