"""Where calls go when the store fails: to the tenant's fallback, in time, and it says why.

The faults are injected by a proxy between the call path's own client and DynamoDB Local, as for the
lookup (`test_lookup.py`).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import faults
from tests.support.routes import MILAN, VAT, Switchboard
from tests.support.tenants import ITALY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Fault, FaultProxy

PATIENCE_S = ITALY.decode_timeout_s
RIGHT = ("queue:600", "")
# What a fault leads to: what of the answer's destination and reason is right, in a container that
# knows the tenant. One that doesn't lets the call go on.
FAULTS: list[tuple[Fault, set[str]]] = [
    (faults.black_hole(), {"timeout"}),
    (faults.deaf(), {"timeout", "decided"}),
    (faults.delay(0.2), {"decided"}),
    (faults.delay(1.0), {"timeout"}),
    (faults.reset_mid_body(), {"degraded"}),
    (faults.truncated(), {"degraded"}),
    (faults.closed(), {"degraded"}),
    (faults.malformed(), {"degraded"}),
    (faults.garbage(), {"degraded"}),
    (faults.throttling(), {"degraded"}),
    (faults.server_error(), {"degraded"}),
    (faults.server_error(503), {"degraded"}),
    (faults.expired_credentials(), {"degraded"}),
    (faults.unknown_credentials(), {"degraded"}),
    (faults.missing_table(), {"degraded"}),
    (faults.unprocessed_keys(), {"degraded"}),
]


@pytest.fixture
def board(dynamodb: DynamoDBLocal, proxy: FaultProxy, table: str) -> Iterator[Switchboard]:
    with Switchboard({**dynamodb.env, **proxy.env}, dynamodb.env, table) as board:
        board.publish()
        board.customer()
        board.tenant.save("crm:1", MILAN, last_name="Rossi", customer_code=VAT)
        yield board


def _timed(board: Switchboard, path: str, **fields: Any) -> tuple[str, dict[str, Any], float]:  # noqa: ANN401 - a request's
    asked_at = time.monotonic()
    given = board.ask(path, **fields)
    took_s = time.monotonic() - asked_at
    assert given["statusCode"] == 200
    return given["headers"]["x-centralino-outcome"], json.loads(given["body"]), took_s


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize(
    ("fault", "outcomes"), FAULTS, ids=lambda value: getattr(value, "name", "")
)
def test_whatever_happens_to_the_store_the_call_goes_to_the_fallback_in_time(
    board: Switchboard,
    proxy: FaultProxy,
    fault: Fault,
    outcomes: set[str],
    *,
    warm: bool,
    record_property: Callable[[str, object], None],
) -> None:
    if warm:
        board.answer(call_id="before")
    proxy.fault = fault
    if fault.deaf:
        proxy.drop_connections()

    outcome, answer, took_s = _timed(board, "/v1/route", call_id="c1")
    proxy.clear()
    after = board.answer(call_id="after")

    record_property("answer", f"{outcome} after {1000 * took_s:.0f} ms")
    assert outcome in outcomes
    if outcome == "decided":
        assert (answer["destination"], answer["fallback"]) == RIGHT
    else:
        # What isn't known can't be told: the PBX goes on by itself.
        assert answer["destination"] == ("queue:700" if warm else "continue")
        assert answer["fallback"] == outcome
    # Two round trips in a third of the PBX's patience; a busy machine may add its own delays.
    assert took_s < PATIENCE_S / 2 + 0.3
    assert (after["destination"], after["fallback"]) == RIGHT


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize(
    ("fault", "outcomes"), FAULTS, ids=lambda value: getattr(value, "name", "")
)
def test_whatever_happens_to_the_store_omnileads_hears_no_and_in_time(
    board: Switchboard, proxy: FaultProxy, fault: Fault, outcomes: set[str], *, warm: bool
) -> None:
    ask = {"number": None, "method": "POST", "idContact": "12345670017"}
    if warm:
        _timed(board, "/v1/identify/check", **ask)
    proxy.fault = fault
    if fault.deaf:
        proxy.drop_connections()

    outcome, answer, took_s = _timed(board, "/v1/identify/check", **ask)
    proxy.clear()
    after = _timed(board, "/v1/identify/check", **ask)

    assert outcome in {"identified" if name == "decided" else name for name in outcomes}
    # Nobody is let through for a store that fails; a type 2 node goes to its second destination.
    good = {"status": "ok", "destination": "true"}
    assert answer == (
        good if outcome == "identified" else {"status": "fail", "destination": "false"}
    )
    assert took_s < PATIENCE_S / 2 + 0.3
    assert after[:2] == ("identified", good)


def test_a_customer_that_can_t_be_read_is_no_unknown_caller(
    board: Switchboard, proxy: FaultProxy
) -> None:
    board.answer(call_id="c1")
    board.kept("c1")
    proxy.clear()
    served = []

    def hang(exchange: Any) -> None:  # noqa: ANN401 - the proxy's own
        served.append(exchange.request.operation)
        if len(served) > 1:
            exchange.wait()
        else:
            exchange.send(exchange.forward())

    proxy.fault = faults.black_hole()._replace(handle=hang)
    outcome, answer, _ = _timed(board, "/v1/route", call_id="c2")

    assert (outcome, answer["destination"]) == ("timeout", "queue:700")
    # Who is calling is known all the same.
    assert answer["label"] == "Rossi"


def test_a_conversation_that_can_t_be_kept_ends_and_the_call_goes_on(
    board: Switchboard, proxy: FaultProxy
) -> None:
    turn = "/v1/pbx/centralino/identify/vat"
    first = board.answer(turn, "+393331234567", call_id="c1")

    def refuse(exchange: Any) -> None:  # noqa: ANN401 - the proxy's own
        if exchange.request.operation == "PutItem":
            faults.server_error().handle(exchange)
        else:
            exchange.send(exchange.forward())

    proxy.fault = faults.server_error()._replace(handle=refuse)
    second = board.answer(turn, "+393331234567", call_id="c1", digits="1")

    assert first["action"] == "ask"
    assert (second["action"], second["destination"]) == ("go", "queue:700")


@pytest.mark.parametrize("reset", [True, False])
def test_a_decision_whose_answer_was_lost_is_kept_once_all_the_same(
    board: Switchboard, proxy: FaultProxy, *, reset: bool
) -> None:
    board.answer(call_id="c1")
    board.kept("c1")
    proxy.drop_connections(reset=reset)
    board.answer(call_id="c2")
    board.answer(call_id="c3")
    board.answer(call_id="c4")
    board.kept("c4")

    assert {board.kept(call).decision.rule for call in ("c1", "c2", "c3", "c4")} == {"paying"}
    assert board.routing.history(number=MILAN).calls == 4
    assert board.desk.journal.lost == 0


@pytest.mark.parametrize(
    "fault",
    [faults.throttling(), faults.transaction_conflict(), faults.lost_answer(), faults.closed()],
    ids=lambda fault: fault.name,
)
def test_a_decision_that_was_refused_or_lost_is_sent_again_by_the_next_call(
    board: Switchboard, proxy: FaultProxy, fault: Fault
) -> None:
    board.answer(call_id="c1")
    board.kept("c1")

    def fail_writes(exchange: Any) -> None:  # noqa: ANN401 - the proxy's own
        if exchange.request.operation == "TransactWriteItems":
            fault.handle(exchange)
        else:
            exchange.send(exchange.forward())

    proxy.fault = fault._replace(handle=fail_writes)
    board.answer(call_id="c2")
    _came(proxy, "TransactWriteItems")
    proxy.clear()
    board.answer(call_id="c3")

    assert board.kept("c2").decision.rule == "paying"
    board.kept("c3")
    assert board.routing.history(number=MILAN).calls == 3


def _came(proxy: FaultProxy, operation: str) -> None:
    """Wait until a request that nobody waits for has come."""
    for _ in range(200):
        if operation in proxy.operations:
            return
        time.sleep(0.01)
    raise AssertionError(f"no {operation} came")
