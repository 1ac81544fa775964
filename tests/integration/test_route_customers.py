"""Which customer a routed call is, on the real engine: what is believed, learned and counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from centralino.domain.agent import Agent
from centralino.domain.customer import Learned
from centralino.domain.learning import DAY_S
from centralino.domain.settings import Settings
from tests.support.routes import MILAN, NODES, RULES, VAT, Switchboard
from tests.support.tenants import ITALY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dynamodb_local import DynamoDBLocal

TURN = "/v1/pbx/centralino/identify/vat"
DIGITS = VAT.removeprefix("IT")
MOBILE = "+393331234567"
SETTINGS = Settings("acme", line=ITALY, dids={"030901821": {"country": "DE", "area_code": "30"}})


@pytest.fixture
def board(dynamodb: DynamoDBLocal, table: str) -> Iterator[Switchboard]:
    with Switchboard(dynamodb.env, dynamodb.env, table, SETTINGS, cache_s=0) as board:
        board.publish()
        yield board


def items(board: Switchboard, start: str) -> list[str]:
    """Return the kinds of the items whose partition key begins so."""
    scanned = board.behind.call("Scan", {"TableName": board.table}, timeout_s=5)["Items"]
    return [item["sk"]["S"] for item in scanned if item["pk"]["S"].startswith(start)]


def identify(board: Switchboard, number: str | None, call_id: str = "c1", **fields: str) -> Any:  # noqa: ANN401 - JSON's
    """Let a caller type the customer's VAT number."""
    board.answer(TURN, number, call_id=call_id, **fields)
    return board.answer(TURN, number, call_id=call_id, digits=DIGITS, **fields)


# --- how a customer's code is spelled -----------------------------------------------------------


def test_a_code_without_its_country_in_the_crm_is_the_customer_that_was_learned(
    board: Switchboard,
) -> None:
    board.customer()
    identify(board, MILAN)
    board.tenant.save("crm:1", MILAN, last_name="Rossi", customer_code=DIGITS)

    assert board.answer(call_id="c2")["customer_code"] == VAT


def test_a_code_of_the_crm_that_is_a_customer_s_is_no_other_customer_s(board: Switchboard) -> None:
    board.customer()
    identify(board, MILAN)
    board.customer(DIGITS, status="suspended")
    board.tenant.save("crm:1", MILAN, last_name="Rossi", customer_code=DIGITS)

    answer = board.answer(call_id="c2")

    assert (answer["destination"], answer["customer_code"]) == ("queue:700", DIGITS)


# --- what is counted ----------------------------------------------------------------------------


def test_nothing_is_counted_of_a_code_that_is_nobody_s(board: Switchboard) -> None:
    nodes = {**NODES, "vat": {**NODES["vat"], "mode": "entered"}}
    board.publish({**RULES, "rules": [{"name": "all", "to": "sales"}]}, nodes)
    board.tenant.save("crm:1", MOBILE, last_name="Bianchi", customer_code="C99")
    identify(board, MILAN)
    board.answer(number=MOBILE, call_id="c2")
    for number, call_id in ((MILAN, "c1"), (MOBILE, "c2")):
        given = board.ask(
            "/v1/pbx/asterisk/events", number, call_id=call_id, event="answered", exten="21"
        )
        assert given["headers"]["x-centralino-outcome"] == "noted"

    assert items(board, f"T#{board.id}#K#") == []
    assert board.routing.history(number=MILAN).agent == "21"


def test_a_customer_s_calls_are_counted_with_who_answered(board: Switchboard) -> None:
    board.customer()
    board.answer(call_id="c1")
    identify(board, MILAN)
    # The next call sees to what the one before could not leave.
    board.answer(number=MOBILE, call_id="c2")
    board.kept("c1")
    board.ask("/v1/pbx/asterisk/events", call_id="c1", event="answered", exten="21")

    history = board.routing.history(code=VAT)
    assert (history.calls, history.agent) == (1, "21")


# --- what teaches -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        ("anonymous", {}),
        ("21", {}),
        (MOBILE, {}),
        ("0299887766", {"did": "0299887766"}),
        ("004930901821", {}),
        ("004930901820", {"did": "901820", "trunk": "berlin"}),
        ("+39899123456", {}),
        (MILAN, {"attestation": "C"}),
        (MILAN, {"attestation": "TN-Validation-Failed-A"}),
    ],
)
def test_a_number_that_is_nobody_s_own_identifies_for_this_call_and_teaches_nothing(
    dynamodb: DynamoDBLocal, table: str, number: str, fields: dict[str, str]
) -> None:
    berlin = {"berlin": {"country": "DE", "area_code": "30"}}
    settings = SETTINGS._replace(extens={"21": "Anna"}, trunks=berlin)
    with Switchboard(dynamodb.env, dynamodb.env, table, settings) as board:
        board.publish()
        board.customer()
        board.agent(Agent("21", "Anna", mobile=MOBILE))
        answer = identify(board, number, **fields)

        assert (answer["destination"], answer["customer_code"]) == ("queue:600", VAT)
        assert board.customers.learned_of(VAT) == ()


@pytest.mark.parametrize(
    ("attestation", "rule"),
    [("", "paying"), ("B", "paying"), ("C", "unknown"), ("TN-Validation-Failed-A", "unknown")],
)
def test_a_learned_number_is_believed_unless_the_pbx_says_who_calls_may_lie(
    board: Switchboard, attestation: str, rule: str
) -> None:
    board.customer()
    identify(board, MILAN)

    assert board.answer(call_id="c2", attestation=attestation)["rule"] == rule


# --- options ------------------------------------------------------------------------------------


def test_a_tenant_that_trusts_numbers_shows_whose_one_is(board: Switchboard) -> None:
    board.customer()
    board.publish(learning={"trust": "card"})
    identify(board, MILAN)

    shown = board.answer(call_id="c2")

    assert (shown["customer_code"], shown["customer_status"]) == (VAT, "active")
    assert shown["label"] == "Rossi S.p.A."


def test_one_number_more_than_may_be_is_good_for_its_call_alone(board: Switchboard) -> None:
    board.customer()
    board.publish(learning={"max_per_customer": 1})
    identify(board, MILAN)

    assert identify(board, MOBILE, "c2")["rule"] == "paying"
    assert board.answer(number=MOBILE, call_id="c3")["rule"] == "unknown"
    assert board.answer(call_id="c4")["rule"] == "paying"


def test_a_number_unused_for_as_long_as_the_tenant_says_is_unknown(board: Switchboard) -> None:
    board.customer()
    now_s = int(time.time())
    learned = Learned(MILAN, VAT, now_s - 2 * DAY_S, now_s - 2 * DAY_S)
    board.customers.learn(learned, most=5, expired_before=0)

    board.publish(learning={"days": 1})
    assert board.answer(call_id="c2")["rule"] == "unknown"
    board.publish(learning={"days": 3})
    assert board.answer(call_id="c3")["rule"] == "paying"
