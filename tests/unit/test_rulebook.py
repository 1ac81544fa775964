"""The first rule that holds decides, and who could not be reached is passed over."""

from __future__ import annotations

import json
import re
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from centralino.application.compile_rules import DEFAULTS, World, compile_rules
from centralino.application.compile_sample import compile_sample
from centralino.domain.decision import Decision, Passed
from centralino.domain.destination import Destination
from centralino.domain.errors import PayloadError
from centralino.domain.routing import Node, Routing, read_routing, write_routing
from centralino.domain.rulebook import default_routing, evaluate, fall_back, window_minutes
from centralino.domain.settings import Line
from tests.support import conditions

ITALY = Line(country="IT", area_code="02")
WORLD = World(ITALY, nodes=("vat",), schedules=conditions.SCHEDULES)
FALLBACK = Destination("queue", "fallback")


def routing_of(*rules: dict[str, Any], version: int = 3, **more: Any) -> Routing:  # noqa: ANN401
    """Compiled and stored routing, as a call reads it."""
    document = {"rules": list(rules), "fallback": "queue:fallback", **more}
    compiled = compile_rules(document, WORLD)
    routing = Routing(
        version=version,
        rules=compiled.rules,
        destinations=compiled.destinations,
        fallback=compiled.fallback,
        nodes={"vat": Node("vat")},
    )
    return read_routing(json.loads(json.dumps(write_routing(routing))))


def rule(name: str, when: str = "", to: str = "queue:1", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": name, "when": when, "to": to, **more}


def call(**facts: Any) -> dict[str, Any]:  # noqa: ANN401 - any facts
    """The facts of a call; what isn't named is unknown."""
    return compile_sample(facts, "facts")


def agent(exten: str, *, available: bool = True, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    state = "available" if available else "busy"
    return {
        "exten": exten,
        "name": f"Agent {exten}",
        "available": available,
        "state": state,
        **more,
    }


# --- against a plain reference --------------------------------------------------------------------


def holds_plainly(when: str, facts: dict[str, Any]) -> bool:
    """What `when` says, by the package alone."""
    if not when.strip():
        return True
    try:
        found = jmespath.search(when, facts)
    except (ArithmeticError, JMESPathError, TypeError, ValueError):
        return False
    return not (found is None or found is False or found in ("", [], {}))


def compiled_or_none(whens: list[str]) -> tuple[Routing, list[str]] | None:
    """Rules of those conditions that may be saved at all, each to a queue of its own."""
    good = []
    for when in whens:
        try:
            routing_of(rule("r", when))
        except PayloadError:
            continue
        good.append(when)
    rules = [rule(f"r{n}", when, f"queue:{n}") for n, when in enumerate(good)]
    return routing_of(*rules), good


@settings(max_examples=400, deadline=None)
@given(st.lists(conditions.conditions, max_size=8), conditions.facts)
def test_what_decides_is_the_first_rule_that_jmespath_says_holds(
    whens: list[str], facts: dict[str, Any]
) -> None:
    made = compiled_or_none(whens)
    assert made is not None
    routing, good = made
    first = next((n for n, when in enumerate(good) if holds_plainly(when, facts)), None)
    decided = evaluate(routing, facts)
    if first is None:
        assert decided == Decision(FALLBACK, version=3, fallback="no rule")
    else:
        assert (decided.rule, decided.destination) == (
            f"r{first}",
            Destination("queue", str(first)),
        )
    explained = evaluate(routing, facts, explain=True)
    assert explained._replace(passed=()) == decided
    assert [told.rule for told in explained.passed] == [
        f"r{n}" for n in range(len(good) if first is None else first)
    ]
    for told in explained.passed:
        check_reason(told.why, facts)


def check_reason(why: str, facts: dict[str, Any]) -> None:
    """Hold what is said of a call against its facts."""
    if match := re.fullmatch(r"(.+) fails: .+", why, re.DOTALL):
        with pytest.raises((ArithmeticError, JMESPathError, TypeError, ValueError)):
            jmespath.search(match[1], facts)
    elif match := re.fullmatch(r"(.+) does not hold", why, re.DOTALL):
        assert not holds_plainly(match[1], facts)
    else:
        match = re.fullmatch(r"(.+?) is (.+?)(?:, (not|without) (.+))?", why, re.DOTALL)
        assert match is not None
        path, shown, word, wanted = match.groups()
        found = jmespath.search(path, facts)
        assert json.dumps(found, ensure_ascii=False) == shown or shown.endswith("…")
        if word == "without":
            assert json.loads(wanted) not in found
        elif word == "not" and wanted[0] not in "<>":
            assert json.loads(wanted) != found


def test_rules_with_guards_are_looked_at_in_their_order_all_the_same() -> None:
    routing = routing_of(
        rule("did", "call.did == '02'", "queue:did"),
        rule("tag", "contains(customer.tags, 'vip') || contains(customer.tags, 'gold')", "queue:t"),
        rule("two", "contains(['01', '02'], call.did) && call.trunk == 'x'", "queue:two"),
        rule("any", "!(caller.withheld)", "queue:any"),
    )

    def decided(**facts: Any) -> str:  # noqa: ANN401 - any facts
        return evaluate(routing, call(**facts)).rule

    assert decided(call={"did": "02"}, customer={"tags": ["vip"]}) == "did"
    assert decided(call={"did": "01"}, customer={"tags": ["gold", "vip"]}) == "tag"
    assert decided(call={"did": "01", "trunk": "x"}) == "two"
    assert decided(call={"did": "01"}) == "any"
    assert decided(caller={"withheld": True}) == ""


def test_only_rules_whose_guard_holds_are_ever_built() -> None:
    many = [rule(f"r{n}", f"call.did == '{n}' && call.trunk == 'x'") for n in range(200)]
    routing = routing_of(*many, rule("else"))
    assert evaluate(routing, call(call={"did": "77", "trunk": "x"})).rule == "r77"
    from centralino.domain import rulebook  # noqa: PLC0415 - what it remembers

    built = [it.stored["name"] for it in rulebook._book(routing.rules).rules if it.parts]
    assert built == ["r77"]


def test_facts_that_are_missing_altogether_break_no_rule() -> None:
    routing = routing_of(rule("tag", "contains(customer.tags, 'vip')"), rule("owner", to="owner"))
    assert evaluate(routing, {}).fallback == "no rule"
    assert [told.rule for told in evaluate(routing, {}, explain=True).passed] == ["tag", "owner"]


# --- what a decision says -------------------------------------------------------------------------


def test_a_tenant_without_rules_sends_who_pays_to_support_and_others_to_sales() -> None:
    routing = default_routing()
    assert evaluate(routing, call(customer={"status": "active"})).destination.id == "support"
    assert evaluate(routing, call(customer={"status": "expired"})).destination.id == "sales"
    assert evaluate(routing, call()).destination.id == "sales"
    compiled = compile_rules(DEFAULTS, WORLD)
    assert compiled.rules == routing.rules
    assert compiled.destinations == routing.destinations
    assert compiled.fallback == routing.fallback


def test_a_decision_names_its_rule_its_version_and_the_destinations_name() -> None:
    routing = routing_of(
        rule("pays", "customer.status == 'active'", "support"),
        destinations={"support": {"to": "queue:600", "omnileads": "1,3"}},
    )
    assert evaluate(routing, call(customer={"status": "active"})) == Decision(
        Destination("queue", "600", "support", "1,3"), rule="pays", version=3
    )


def test_priority_and_language_are_the_rules_else_the_customers_else_the_calls() -> None:
    routing = routing_of(
        rule("german", "call.did == '1'", priority=9, language="de"),
        rule("none", "call.did == '2'", priority=0),
        rule("else"),
    )

    def both(did: str, **customer: Any) -> tuple[int, str]:  # noqa: ANN401 - any facts
        facts = call(call={"did": did, "language": "fr"}, customer=customer)
        decided = evaluate(routing, facts)
        return decided.priority, decided.language

    assert both("1", priority=5, language="it") == (9, "de")
    assert both("2", priority=5, language="it") == (0, "it")
    assert both("3", priority=5) == (5, "fr")
    assert both("3") == (0, "fr")


def test_the_fallback_says_why_it_is_one() -> None:
    routing = routing_of(rule("never", "call.did == 'x'"))
    assert evaluate(routing, call()) == fall_back(routing, "no rule")
    assert fall_back(routing, "degraded") == Decision(FALLBACK, version=3, fallback="degraded")


def test_rules_stop_when_there_is_no_time_left() -> None:
    routing = routing_of(*(rule(f"r{n}", "length(agents) > `5`") for n in range(5)), rule("else"))
    answers = iter([False, False, True])
    decided = evaluate(routing, call(), late=lambda: next(answers))
    assert decided == fall_back(routing, "timeout")


def test_a_condition_that_fails_does_not_hold_and_says_so() -> None:
    routing = routing_of(rule("sum", "abs(history.minutes_since_last) > `5`"), rule("else"))
    decided = evaluate(routing, call(), explain=True)
    assert decided.rule == "else"
    assert decided.passed == (
        Passed("sum", "abs(history.minutes_since_last) > `5` fails: abs() can't work with null"),
    )


def test_why_earlier_rules_did_not_hold_is_said_of_the_part_that_fails() -> None:
    routing = routing_of(
        rule("vip", "call.did == '02' && contains(customer.tags, 'vip')"),
        rule("pays", "customer.status == 'active'"),
        rule("soon", "customer.days_left < `30`"),
        rule("not him", "customer.code != 'IT1'"),
        rule("new", "!(customer.known)"),
        rule("loud", "call.asked"),
        rule("else", to="queue:2"),
    )
    facts = call(
        call={"did": "02"},
        customer={
            "status": "expired",
            "tags": ["x"],
            "days_left": 40,
            "code": "IT1",
            "known": True,
        },
    )
    assert [told.why for told in evaluate(routing, facts, explain=True).passed] == [
        'customer.tags is ["x"], without "vip"',
        'customer.status is "expired", not "active"',
        "customer.days_left is 40, not < 30",
        'customer.code is "IT1"',
        "customer.known is true",
        "call.asked is false",
    ]


# --- targets --------------------------------------------------------------------------------------

CREW = [
    agent("21", skills={"trucks": 8, "german": 2}, substitutes=["22"]),
    agent("22", available=False, skills={"trucks": 10, "german": 9}),
    agent("23", skills={"trucks": 5, "german": 5}, idle_s=60),
    agent("24", skills={"trucks": 5, "german": 5}, idle_s=600),
    agent("25", skills={"trucks": 5, "german": 5}, idle_s=6_000, customers=["gold"]),
]


@pytest.mark.parametrize(
    ("to", "facts", "extens"),
    [
        ("owner", {"customer": {"owner": "21"}}, "21"),
        ("owner", {"contact": {"owner": "21"}}, "21"),
        ("owner", {"contact": {"owner": "agent 23"}}, "23"),
        ("owner", {"customer": {"owner": "22"}}, "neither 22 nor a substitute can be reached"),
        ("owner", {"customer": {"owner": "99"}}, "the dedicated manager, 99, is no agent"),
        ("owner", {}, "there is no dedicated manager"),
        ("last-agent", {"history": {"last_agent": "21", "last_agent_minutes": 9_999}}, "21"),
        ("last-agent:7d", {"history": {"last_agent": "21", "last_agent_minutes": 10_080}}, "21"),
        (
            "last-agent:7d",
            {"history": {"last_agent": "21", "last_agent_minutes": 10_081}},
            "21 spoke to the caller 10081 minutes ago, more than 10080",
        ),
        (
            "last-agent:60m",
            {"history": {"last_agent": "22", "last_agent_minutes": 5}},
            "22 is not available",
        ),
        ("last-agent:60m", {}, "no agent has spoken to the caller"),
        ("skill:trucks", {}, "21 24 23"),
        ("skill:trucks", {"customer": {"plan": "gold"}}, "21 25 24 23"),
        ("skill:trucks,german", {}, "24 23 21"),
        ("skill:german>=5", {}, "24 23"),
        ("skill:trucks>=9", {}, "nobody with trucks is available"),
        ("skill:french", {}, "nobody with french is available"),
        ("agents:22, 24,21", {}, "24 21"),
        ("agents:22", {}, "none of 22 is available"),
    ],
)
def test_a_target_leads_to_who_can_be_reached_or_the_rule_is_passed(
    to: str, facts: dict[str, Any], extens: str
) -> None:
    routing = routing_of(rule("elect", to=to), rule("else", to="queue:else"))
    decided = evaluate(routing, call(agents=CREW, **facts), explain=True)
    if extens[0].isdigit() and "spoke" not in extens and "not" not in extens:
        wanted = tuple(extens.split())
        assert (decided.destination, decided.agents) == (Destination("agent", wanted[0]), wanted)
    else:
        assert decided.rule == "else"
        assert decided.passed == (Passed("elect", extens),)


def test_two_agents_of_the_owners_name_are_nobody_in_particular() -> None:
    routing = routing_of(rule("owner", to="owner"))
    twins = [{**agent("21"), "name": "Anna"}, {**agent("22"), "name": "anna"}]
    decided = evaluate(routing, call(agents=twins, contact={"owner": "Anna"}), explain=True)
    assert decided.passed[0].why == "the dedicated manager, Anna, is no agent"


def test_a_caller_is_asked_once_and_only_by_a_node_that_is_there() -> None:
    routing = routing_of(rule("ask", "", "identify:vat"), rule("else", to="queue:else"))
    assert evaluate(routing, call()).destination == Destination("identify", "vat")
    asked = evaluate(routing, call(call={"asked": True}), explain=True)
    assert (asked.rule, asked.passed[0].why) == ("else", "the caller can't be asked again")
    gone = evaluate(routing._replace(nodes={}), call(), explain=True)
    assert gone.passed[0].why == "there is no node vat"


@pytest.mark.parametrize(
    ("to", "destination"),
    [
        ("hangup", Destination("hangup")),
        ("continue", Destination("continue")),
        ("queue:600", Destination("queue", "600")),
        ("agent:22", Destination("agent", "22")),
        ("external:+390244556677", Destination("external", "+390244556677")),
        ("ivr:main_menu", Destination("ivr", "main_menu")),
    ],
)
def test_any_other_target_is_there_whoever_is_available(to: str, destination: Destination) -> None:
    decided = evaluate(routing_of(rule("r", to=to)), call(agents=CREW))
    assert (decided.destination, decided.agents) == (destination, ())


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("30d", 43_200),
        ("12h", 720),
        ("60m", 60),
        ("", 0),
        ("d", 0),
        ("-5d", 0),
        ("5w", 0),
        ("²d", 0),
    ],
)
def test_a_window_is_days_hours_or_minutes(text: str, minutes: int) -> None:
    assert window_minutes(text) == minutes
