"""The facts of a call are what the table of facts says, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from centralino.application.compile_sample import compile_sample
from centralino.domain.agent import Agent
from centralino.domain.card import Holder
from centralino.domain.customer import Customer, History, Purchase
from centralino.domain.fact_table import FACTS, shape_of_facts
from centralino.domain.facts import (
    CallerFacts,
    CallFacts,
    Known,
    build_facts,
    country_of,
    is_blocked,
)
from centralino.domain.routing import Routing

# 2026-11-21 is a Saturday; 10:30 UTC is 11:30 in Rome.
NOW_S = 1_795_257_000
OFFICE = {"week": {"6": [[540, 780]]}, "holidays": {"2026": ["11-21"]}, "on_holidays": [[600, 700]]}
ROUTING = Routing(
    zone=((0, 3_600),),
    schedules={"office": OFFICE, "night": {"week": {}}},
    languages={"IT": "it", "DE": "de"},
    blocked=("+390244556677", "+39899*"),
)


A_CALL = CallFacts()
A_CALLER = CallerFacts()
NOBODY = Known()


def facts_of(
    call: CallFacts = A_CALL,
    caller: CallerFacts = A_CALLER,
    known: Known = NOBODY,
    routing: Routing = ROUTING,
) -> dict[str, Any]:
    return build_facts(call, caller, known, routing, NOW_S)


EVERYTHING = Known(
    Holder(
        "crm:1",
        name="Mario Rossi",
        company="Rossi S.r.l.",
        customer_code="IT1",
        status="overdue",
        owner="anna@acme.example",
        tags=("vip",),
    ),
    "IT1",
    "crm",
    Customer(
        "IT1",
        name="Rossi",
        ends_at=NOW_S + 3 * 86_400 + 5,
        plan="gold",
        tags=("truck",),
        purchases=(Purchase("truck", "2026-11-01", ("heavy",)),),
        owner="21",
        priority=5,
        language="it",
    ),
    History("2026-11-21", 2, NOW_S - 120, "21", NOW_S - 3_600, "T-1"),
    {
        "22": Agent("22", "Bruno", state="busy", since_s=NOW_S - 5),
        "21": Agent(
            "21", "Anna", {"trucks": 8}, ("gold",), "", "office", ("22",), since_s=NOW_S - 9
        ),
    },
)


@pytest.mark.parametrize("known", [Known(), EVERYTHING])
def test_facts_are_those_of_the_table_all_of_them_each_of_its_type(known: Known) -> None:
    facts = facts_of(known=known)
    assert json.loads(json.dumps(facts)) == facts
    # What is completed is complete already, so nothing is missing; an unknown name is refused.
    assert compile_sample(facts, "facts", ("office", "night")) == facts


def test_nobody_in_particular_has_the_facts_of_an_empty_sample() -> None:
    empty = compile_sample({}, "facts", ("office", "night"))
    facts = facts_of(caller=CallerFacts(kind=""), routing=Routing())
    assert {**facts, "now": empty["now"]} == empty


def test_all_that_is_known_of_a_caller_is_among_the_facts() -> None:
    facts = facts_of(
        CallFacts("c-1", "0244", "milan", "", "asterisk", "A", asked=True, typed="IT1"),
        CallerFacts("+390244556677", valid=True),
        EVERYTHING,
    )
    assert facts["call"] == {
        "id": "c-1",
        "did": "0244",
        "trunk": "milan",
        "language": "it",
        "provider": "asterisk",
        "attestation": "A",
        "asked": True,
        "typed": "IT1",
    }
    assert facts["caller"] == {
        "number": "+390244556677",
        "country": "IT",
        "kind": "number",
        "exten": "",
        "withheld": False,
        "internal": False,
        "valid": True,
        "blocked": True,
    }
    assert facts["contact"]["owner"] == "anna@acme.example"
    assert facts["contact"]["tags"] == ["vip"]
    assert facts["customer"] == {
        "code": "IT1",
        "name": "Rossi",
        "status": "active",
        "plan": "gold",
        "tags": ["truck"],
        "purchases": [{"what": "truck", "on": "2026-11-01", "tags": ["heavy"], "days_ago": 20}],
        "owner": "21",
        "priority": 5,
        "language": "it",
        "days_left": 3,
        "source": "crm",
        "known": True,
    }
    assert facts["now"] == {
        "date": "2026-11-21",
        "time": "11:30",
        "weekday": 6,
        "hour": 11,
        "open": {"office": True, "night": False},
        "holiday": {"office": True, "night": False},
    }
    assert facts["history"] == {
        "last_agent": "21",
        "last_agent_minutes": 60,
        "calls_today": 2,
        "minutes_since_last": 2,
        "ticket": "T-1",
    }
    assert [(row["exten"], row["available"]) for row in facts["agents"]] == [
        ("21", True),
        ("22", False),
    ]


def test_calls_of_another_day_are_not_todays() -> None:
    yesterday = Known(history=History("2026-11-20", 7, NOW_S - 90_000))
    assert facts_of(known=yesterday)["history"]["calls_today"] == 0


def test_a_contract_that_has_ended_is_expired_from_that_instant_on() -> None:
    ended = Known(code="IT1", customer=Customer("IT1", ends_at=NOW_S))
    assert facts_of(known=ended)["customer"]["status"] == "expired"
    assert facts_of(known=ended)["customer"]["days_left"] == 0
    lasting = Known(code="IT1", customer=Customer("IT1", ends_at=NOW_S + 1))
    assert facts_of(known=lasting)["customer"]["status"] == "active"


def test_a_code_that_only_the_crm_knows_is_described_by_the_contact() -> None:
    holder = Holder(
        "crm:1", name="Mario", company="Rossi", customer_code="IT1", status="active", owner="21"
    )
    customer = facts_of(known=Known(holder, "IT1", "crm"))["customer"]
    assert (customer["name"], customer["status"], customer["owner"]) == ("Rossi", "active", "21")
    assert customer["known"] is False
    # A status that is none of a contract's says nothing of the contract.
    odd = Known(holder._replace(status="overdue"), "IT1", "crm")
    assert facts_of(known=odd)["customer"]["status"] == ""


def test_a_code_that_was_learned_says_nothing_of_a_contact_with_another_one() -> None:
    holder = Holder("crm:1", name="Mario", customer_code="IT2", status="active")
    customer = facts_of(known=Known(holder, "IT1", "learned"))["customer"]
    assert (customer["code"], customer["name"], customer["status"]) == ("IT1", "", "")


@pytest.mark.parametrize(
    ("language", "number", "heard"),
    [("fr", "+390244556677", "fr"), ("", "+493012345678", "de"), ("", "+33123456789", "")],
)
def test_the_language_is_the_pbxs_else_the_countrys(language: str, number: str, heard: str) -> None:
    facts = facts_of(CallFacts(language=language), CallerFacts(number))
    assert facts["call"]["language"] == heard


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+390244556677", "IT"),
        ("+3780549886377", "SM"),
        ("+12125551234", "US"),
        ("+447911123456", "GB"),
        ("+3544101111", "IS"),
        ("+80012345678", ""),
        ("", ""),
        ("+999123", ""),
    ],
)
def test_a_numbers_country_is_its_calling_codes(number: str, country: str) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    ("number", "blocked"),
    [("+390244556677", True), ("+398991234", True), ("+3902445566770", False), ("", False)],
)
def test_a_number_is_blocked_by_itself_or_by_its_block(number: str, blocked: bool) -> None:
    assert is_blocked(number, ROUTING.blocked) is blocked


@pytest.mark.parametrize(
    ("kind", "truth"), [("withheld", "withheld"), ("internal", "internal"), ("unreadable", "")]
)
def test_a_caller_without_a_number_says_what_it_is(kind: str, truth: str) -> None:
    caller = facts_of(caller=CallerFacts(kind=kind, exten="21"))["caller"]
    assert [name for name in ("withheld", "internal") if caller[name]] == ([truth] if truth else [])
    assert (caller["kind"], caller["number"], caller["exten"]) == (kind, "", "21")


def test_every_fact_of_the_table_has_a_shape_of_its_own() -> None:
    assert len({fact.path for fact in FACTS}) == len(FACTS)
    assert set(shape_of_facts().fields) == set(facts_of())
