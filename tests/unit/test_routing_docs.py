"""Every ready-made condition, target and rule that docs/routing.md shows does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from centralino.application.compile_rules import World, compile_rules
from centralino.application.compile_sample import compile_sample
from centralino.domain.fact_table import FACTS
from centralino.domain.routing import Node, Routing
from centralino.domain.rulebook import condition_holds, evaluate
from centralino.domain.settings import Line

PAGE = (Path(__file__).parents[2] / "docs/routing.md").read_text()
WORLD = World(Line(country="IT", area_code="02"), nodes=("vat",), schedules=("office",))
CREW = [
    {"exten": "21", "name": "Anna", "available": True, "skills": {"trucks": 8, "german": 5}},
    {"exten": "22", "name": "Bruno", "available": False, "substitutes": ["21"]},
]
OPEN = {"now": {"open": {"office": True}, "holiday": {"office": False}}}
CLOSED = {"now": {"open": {"office": False}, "holiday": {"office": True}}}


def table(header: str) -> dict[str, str]:
    """A table of two columns, the second one code; by its header's first cell."""
    _, _, rest = PAGE.partition(f"| {header} |")
    rows = {}
    for line in rest.split("\n")[2:]:
        if not line.startswith("|"):
            break
        first, second = re.split(r"(?<!\\)\|", line)[1:3]
        match = re.fullmatch(r" (`+) ?(.+?) ?\1 ", second)
        assert match, line
        rows[first.strip()] = match[2].replace("\\|", "|")
    return rows


CONDITIONS = table("ready-made")
RULES = {name: json.loads(text) for name, text in table("wanted").items()}
# What is known of a call for which the condition holds, and of one for which it doesn't.
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "contract is paid": ({"customer": {"status": "active"}}, {"customer": {"status": "pending"}}),
    "contract is not paid any more": ({"customer": {"status": "expired"}}, {}),
    "contract ends within a month": (
        {"customer": {"days_left": 30}},
        {"customer": {"days_left": None}},
    ),
    "gold plan": ({"customer": {"plan": "gold"}}, {"customer": {"plan": "bronze"}}),
    "VIP, by the customer's or the contact's tag": (
        {"contact": {"tags": ["x", "vip"]}},
        {"customer": {"tags": ["vi"]}},
    ),
    "bought a truck": (
        {"customer": {"purchases": [{"what": "car"}, {"what": "truck"}]}},
        {"customer": {"purchases": [{"what": "car"}]}},
    ),
    "bought something heavy within a year": (
        {"customer": {"purchases": [{"what": "truck", "tags": ["heavy"], "days_ago": 364}]}},
        {"customer": {"purchases": [{"what": "truck", "tags": ["heavy"], "days_ago": 365}]}},
    ),
    "unknown caller": ({}, {"customer": {"code": "IT1"}}),
    "number withheld": ({"caller": {"withheld": True}}, {}),
    "blocked number": ({"caller": {"blocked": True}}, {}),
    "a DID of its own": ({"call": {"did": "0244556600"}}, {"call": {"did": "0244556601"}}),
    "closed, or a holiday": (CLOSED, OPEN),
    "holiday": (CLOSED, OPEN),
    "Saturday morning": (
        {"now": {"weekday": 6, "hour": 12}},
        {"now": {"weekday": 6, "hour": 13}},
    ),
    "from a country": ({"caller": {"country": "DE"}}, {"caller": {"country": "IT"}}),
    "by language": ({"call": {"language": "de"}}, {}),
    "calls again within half an hour": (
        {"history": {"minutes_since_last": 30}},
        {"history": {"minutes_since_last": None}},
    ),
    "third call today": ({"history": {"calls_today": 2}}, {"history": {"calls_today": 1}}),
    "has an open ticket": ({"history": {"ticket": "T-1"}}, {}),
    "somebody who speaks German is free": ({"agents": CREW}, {"agents": CREW[1:]}),
    "caller ID is attested": ({"call": {"attestation": "A"}}, {"call": {"attestation": "C"}}),
}
# The facts, and where the call goes then; else the rule is passed over.
DECISIONS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "dedicated manager": ({"customer": {"owner": "22"}}, "agent:21", {}),
    "last agent, within a month": (
        {"history": {"last_agent": "21", "last_agent_minutes": 43_200}},
        "agent:21",
        {"history": {"last_agent": "22", "last_agent_minutes": 5}},
    ),
    "a repeat caller to the same agent": (
        {"history": {"last_agent": "21", "last_agent_minutes": 60, "minutes_since_last": 60}},
        "agent:21",
        {"history": {"last_agent": "21", "last_agent_minutes": 61, "minutes_since_last": 61}},
    ),
    "truck branch for who bought a truck": (
        {"customer": {"purchases": [{"what": "truck"}]}},
        "queue:trucks",
        {},
    ),
    "fasttrack: the best agents by skill": ({"customer": {"tags": ["truck"]}}, "agent:21", {}),
    "who pays comes first": ({"customer": {"status": "active"}}, "queue:600", {}),
    "language by country": ({"caller": {"country": "DE"}}, "queue:de", {}),
    "closed": (CLOSED, "voicemail:21", OPEN),
    "ask who is unknown, once": ({}, "identify:vat", {"call": {"asked": True}}),
    "nobody blocked gets through": ({"caller": {"blocked": True}}, "hangup", {}),
}


def routing_of(*rules: dict[str, Any]) -> Routing:
    compiled = compile_rules({"rules": list(rules)}, WORLD)
    assert compiled.warnings == ()
    return Routing(rules=compiled.rules, nodes={"vat": Node("vat")})


def facts_of(known: dict[str, Any]) -> dict[str, Any]:
    return compile_sample(known, "facts", ("office",))


def test_each_condition_and_each_rule_of_the_page_has_its_calls_here() -> None:
    assert set(CONDITIONS) == set(CALLS)
    assert set(RULES) == set(DECISIONS)


@pytest.mark.parametrize("name", CALLS)
def test_a_ready_made_condition_holds_for_its_calls_and_for_no_others(name: str) -> None:
    [rule] = routing_of({"name": "r", "when": CONDITIONS[name], "to": "queue:1"}).rules["rules"]
    holds, holds_not = CALLS[name]
    assert condition_holds(rule, facts_of(holds))
    assert not condition_holds(rule, facts_of(holds_not))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_ready_made_rule_sends_its_calls_where_it_says_and_passes_others(name: str) -> None:
    routing = routing_of(RULES[name], {"name": "next", "to": "queue:next"})
    known, destination, other = DECISIONS[name]
    decided = evaluate(routing, facts_of({"agents": CREW, **known}))
    assert decided.destination.text == destination
    assert decided.priority == RULES[name].get("priority", 0)
    assert decided.language == RULES[name].get("language", "")
    assert evaluate(routing, facts_of({"agents": CREW, **other})).rule == "next"


def test_every_fact_is_on_the_page_with_its_type_and_all_that_it_may_be() -> None:
    rows = PAGE.partition("\n| fact | type |")[2].partition("\n<!--")[0].split("\n")[2:]
    shown = {}
    for row in rows:
        path, kind, meaning = (cell.strip() for cell in row.strip("|").split("|"))
        shown[path] = kind, meaning
    assert set(shown) == {f"`{fact.path}`" for fact in FACTS}
    for fact in FACTS:
        kind, meaning = shown[f"`{fact.path}`"]
        assert kind == fact.type
        assert meaning.startswith(fact.meaning)
        assert all(f"`{value}`" in meaning for value in fact.values)


def test_every_target_of_the_page_may_be_written() -> None:
    rows = PAGE.partition("| target |")[2].split("\n")[2:]
    targets = [
        target
        for row in rows[: rows.index("")]
        for target in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]
    assert len(targets) > 20
    document = {
        "destinations": {"support": "queue:600"},
        "rules": [
            {"name": f"r{n}", "when": "call.asked", "to": target}
            for n, target in enumerate(targets)
        ],
    }
    assert len(compile_rules(document, WORLD).rules["rules"]) == len(targets)


def test_the_document_of_the_page_may_be_saved_as_it_is() -> None:
    [text] = re.findall(r"```json\n(.+?)```", PAGE, re.DOTALL)
    compiled = compile_rules(json.loads(text), WORLD)
    assert compiled.blocked == ("+39024455668", "+39899*")
    assert compiled.destinations["sales"].omnileads == "1,3"
    assert compiled.warnings == ("rules[0].when: holds for none of the samples",)
