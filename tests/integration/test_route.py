"""Calls that are routed on the real engine: who is it, which customer, and where does it go?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from centralino.domain.agent import Agent
from centralino.domain.settings import Settings
from tests.support.routes import MILAN, OTHER_VAT, RULES, VAT, Switchboard
from tests.support.tenants import ITALY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import FaultProxy

TURN = "/v1/pbx/centralino/identify/vat"


@pytest.fixture
def board(dynamodb: DynamoDBLocal, proxy: FaultProxy, table: str) -> Iterator[Switchboard]:
    with Switchboard({**dynamodb.env, **proxy.env}, dynamodb.env, table) as board:
        board.publish()
        yield board


def test_who_never_wrote_rules_has_the_paying_to_support_and_the_others_to_sales(
    dynamodb: DynamoDBLocal, table: str
) -> None:
    with Switchboard(dynamodb.env, dynamodb.env, table) as board:
        board.customer()
        board.tenant.save("crm:1", MILAN, last_name="Rossi", customer_code=VAT)
        answers = [board.answer(number=number) for number in (MILAN, "+393331234567")]

    assert [(answer["destination"], answer["rule"]) for answer in answers] == [
        ("queue:support", "active customers"),
        ("queue:sales", "everybody else"),
    ]


def test_an_unknown_caller_is_asked_learned_and_not_asked_again(board: Switchboard) -> None:
    board.customer()
    first = board.answer(call_id="c1", did="0299")
    asked = board.answer(TURN, call_id="c1")
    wrong = board.answer(TURN, call_id="c1", digits="123", question="1")
    known = board.answer(TURN, call_id="c1", digits="12345670017", question="2")
    second = board.answer(call_id="c2")

    assert (first["destination"], first["label"]) == ("identify:vat", "")
    assert (asked["action"], asked["again"], asked["prompt"]) == ("ask", "0", "vat-number")
    assert (wrong["action"], wrong["again"]) == ("ask", "1")
    assert (known["destination"], known["rule"]) == ("queue:600", "paying")
    assert (known["customer_code"], known["customer_status"]) == (VAT, "active")
    assert (second["destination"], second["rule"]) == ("queue:600", "paying")
    # A number that was learned leads to the right people and shows nothing.
    assert (second["customer_code"], second["customer_status"], second["label"]) == ("", "", "")
    assert board.customers.learned_by(MILAN)[0].code == VAT


def test_the_next_question_s_address_has_the_key_and_all_that_the_pbx_s_own_url_had(
    board: Switchboard,
) -> None:
    key = board.tenant.keys["pbx"]
    path = f"/v1/k/{key}/pbx/centralino/identify"
    first = board.answer(path, call_id="c1", node="vat", trunk="milan")
    second = board.answer(path, call_id="c1", node="vat", trunk="milan", digits="1", question="1")

    place = f"https://cti.example{path}/vat?"
    query = "call_id=c1&node=vat&trunk=milan&number=%2B390244556677"
    assert first["next"] == f"{place}{query}&question=1"
    assert second["next"] == f"{place}{query}&question=2"
    assert (first["question"], second["question"]) == (1, 2)


def test_attempts_used_up_lead_to_where_unknown_callers_go(board: Switchboard) -> None:
    board.customer()
    board.answer(TURN, call_id="c1")
    turns = [board.answer(TURN, call_id="c1", digits=digits) for digits in ("1", "")]

    assert [turn["action"] for turn in turns] == ["ask", "go"]
    assert turns[1]["destination"] == "queue:700"


def test_a_contract_that_has_ended_leads_to_sales_from_the_next_call_on(
    board: Switchboard,
) -> None:
    board.customer()
    board.answer(TURN, call_id="c1")
    board.answer(TURN, call_id="c1", digits="12345670017")
    before = board.answer(call_id="c2")["destination"]
    board.customer(status="suspended")

    assert before == "queue:600"
    assert board.answer(call_id="c3")["destination"] == "queue:700"


def test_the_customer_code_of_a_contact_is_the_customer(board: Switchboard) -> None:
    board.customer(status="active")
    board.tenant.save("crm:1", MILAN, first_name="Mario", last_name="Rossi", customer_code=VAT)

    answer = board.answer()

    assert (answer["destination"], answer["label"]) == ("queue:600", "Mario Rossi")
    assert (answer["customer_code"], answer["contact_id"]) == (VAT, "crm:1")


def test_what_the_crm_declares_and_another_code_learned_is_asked_again(board: Switchboard) -> None:
    board.customer()
    board.customer(OTHER_VAT)
    board.answer(TURN, call_id="c1")
    board.answer(TURN, call_id="c1", digits="12345670017")
    board.tenant.save("crm:1", MILAN, last_name="Bianchi", customer_code=OTHER_VAT)

    answer = board.answer(call_id="c2")

    assert (answer["destination"], answer["customer_code"]) == ("identify:vat", "")


@pytest.mark.parametrize(
    ("digits", "body"),
    [
        ("12345670017", {"status": "ok", "destination": "true"}),
        ("00743110157", {"status": "fail", "destination": "false"}),
        ("", {"status": "fail", "destination": "false"}),
    ],
)
def test_omnileads_is_told_whether_a_code_is_good_and_nothing_is_learned(
    board: Switchboard, digits: str, body: dict[str, str]
) -> None:
    board.customer()
    given = board.ask("/v1/identify/check", None, method="POST", idContact=digits)

    assert json.loads(given["body"]) == body
    assert board.customers.learned_of(VAT) == ()


def test_omnileads_is_told_a_destination_in_its_own_numbers(board: Switchboard) -> None:
    board.customer()
    key = board.tenant.keys["pbx"]
    known = board.ask(f"/v1/k/{key}/identify/where", None, method="POST", idContact="12345670017")
    unknown = board.ask("/v1/identify/where", None, method="POST", idContact="00743110157")
    helper = board.ask("/v1/identify/where/12345670017/", None)

    assert json.loads(known["body"]) == {"status": "ok", "destination": "1,3"}
    assert json.loads(unknown["body"]) == {"status": "ok", "destination": "1,4"}
    assert json.loads(helper["body"])["response"] is True


def test_who_answered_is_who_the_next_call_goes_to(board: Switchboard) -> None:
    rules = {**RULES, "rules": [{"name": "same agent", "to": "last-agent:30d"}, *RULES["rules"]]}
    board.publish(rules)
    board.agent(Agent("21", "Anna"))
    before = board.answer(call_id="c1")
    noted = board.ask("/v1/pbx/asterisk/events", event="answered", call_id="c1", exten="21")

    assert before["rule"] == "unknown"
    assert (noted["headers"]["x-centralino-outcome"], noted["body"]) == ("noted", "action=ok")
    assert board.answer(call_id="c2")["agents"] == ["21"]
    board.agents.set_state("21", "away", at=1)
    assert board.answer(call_id="c3")["rule"] == "unknown"


def test_a_decision_is_kept_with_its_facts_and_each_call_counts_once(board: Switchboard) -> None:
    board.customer()
    board.tenant.save("crm:1", MILAN, last_name="Rossi", customer_code=VAT)
    for call_id in ("c1", "c1", "c2"):
        board.answer(call_id=call_id, did="0299")
        kept = board.kept(call_id)

    assert (kept.decision.rule, kept.decision.version) == ("paying", 1)
    assert (kept.facts["call"]["did"], kept.facts["customer"]["code"]) == ("0299", VAT)
    assert board.routing.history(number=MILAN).calls == 2
    assert board.routing.history(code=VAT).calls == 2


def test_a_warm_route_waits_for_two_round_trips_at_most(
    board: Switchboard, proxy: FaultProxy
) -> None:
    board.customer()
    board.tenant.save("crm:1", MILAN, last_name="Rossi", customer_code=VAT)
    board.answer(call_id="c1")
    board.kept("c1")
    proxy.clear()
    board.answer(call_id="c2")
    board.kept("c2")
    known = proxy.operations.copy()
    proxy.clear()
    board.answer("/v1/route", "+393331234567", call_id="c3")
    unknown = [name for name in proxy.operations if name != "TransactWriteItems"]

    # Nobody waits for the transaction: its answer is read at the next call.
    assert known == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
    assert unknown == ["BatchGetItem"]


def test_rules_that_were_published_hold_from_the_next_look_on(
    dynamodb: DynamoDBLocal, table: str
) -> None:
    with Switchboard(dynamodb.env, dynamodb.env, table, cache_s=0) as board:
        before = board.answer()["destination"]
        board.publish({**RULES, "rules": [{"name": "all", "to": "queue:999"}]})

        assert before == "queue:sales"
        assert board.answer()["destination"] == "queue:999"


def test_another_tenant_s_key_reaches_none_of_this(
    board: Switchboard, dynamodb: DynamoDBLocal
) -> None:
    board.customer()
    board.tenant.save("crm:1", MILAN, last_name="Rossi", customer_code=VAT)
    board.answer(call_id="c1")
    settings = Settings("other", line=ITALY)
    with Switchboard(dynamodb.env, dynamodb.env, board.table, settings) as other:
        key = other.tenant.keys["pbx"]
    foreign = board.answer(call_id="c1", key=key)
    node = board.ask("/v1/identify/check", None, key=key, idContact="12345670017")

    assert (foreign["destination"], foreign["label"], foreign["customer_code"]) == (
        "queue:sales",
        "",
        "",
    )
    assert json.loads(node["body"]) == {"status": "fail", "destination": "false"}
    assert board.kept("c1").decision.rule == "paying"
