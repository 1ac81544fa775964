"""Which agents get a call."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.application.compile_schedule import compile_schedule
from centralino.domain.agent import STATES, Agent
from centralino.domain.clock import local
from centralino.domain.election import elect, reachable, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW_S = 1_795_000_000  # 2026-11-18, a Wednesday, 11:06 UTC
NOW = local(((0, 0),), NOW_S)
GOLD = {"plan": "gold", "status": "active", "tags": ["vip"]}
TRUCKS = {"trucks": 1}


def rows(*agents: Agent, schedules: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """What rules see, as it is read again from a decision that was kept."""
    stored: list[dict[str, Any]] = json.loads(
        json.dumps(rows_of(agents, schedules or {}, NOW, NOW_S))
    )
    return stored


def agent(exten: str, level: int = 5, **fields: Any) -> Agent:  # noqa: ANN401 - an agent's fields
    return Agent(exten, **{"skills": {"trucks": level}, "since_s": NOW_S - 60, **fields})


def test_the_agent_with_the_higher_level_is_first() -> None:
    assert elect(rows(agent("21", 3), agent("22", 9), agent("23", 5)), TRUCKS, {}) == (
        "22",
        "23",
        "21",
    )


def test_levels_of_all_the_skills_asked_for_count_together() -> None:
    team = rows(
        Agent("21", skills={"trucks": 9, "german": 1}),
        Agent("22", skills={"trucks": 6, "german": 6}),
        Agent("23", skills={"trucks": 10}),
    )
    assert elect(team, {"trucks": 5, "german": 1}, {}) == ("22", "21")


def test_who_lacks_the_level_asked_for_is_not_elected() -> None:
    team = rows(agent("21", 4), agent("22", 5))
    assert elect(team, {"trucks": 5}, {}) == ("22",)
    assert elect(team, {"boats": 1}, {}) == ()


def test_among_equals_who_is_for_this_kind_of_customer_is_first() -> None:
    team = rows(
        agent("21"),
        agent("22", customer_types=("gold", "silver")),
        agent("23", customer_types=("vip",)),
        agent("24", customer_types=("active",)),
        agent("25", customer_types=("bronze",)),
    )
    assert elect(team, TRUCKS, GOLD) == ("22", "23", "24", "21")
    assert elect(team, TRUCKS, {}) == ("21",)


def test_a_customer_without_a_plan_is_not_the_kind_of_customer_without_a_name() -> None:
    team = rows(agent("21", customer_types=("gold",)), agent("22"))
    assert elect(team, TRUCKS, {"plan": "", "status": "", "tags": []}) == ("22",)


def test_then_the_one_who_is_idle_longest_then_the_least_load_then_the_exten() -> None:
    team = rows(
        agent("24", since_s=NOW_S - 60, load=1),
        agent("23", since_s=NOW_S - 60),
        agent("22", since_s=NOW_S - 60),
        agent("21", since_s=NOW_S - 500, load=3),
    )
    assert elect(team, TRUCKS, {}) == ("21", "22", "23", "24")


@pytest.mark.parametrize("state", [state for state in STATES if state != "available"])
def test_only_available_agents_are_elected(state: str) -> None:
    team = rows(agent("21", 9, state=state), agent("22", 1))
    assert elect(team, TRUCKS, {}) == ("22",)
    assert team[0]["idle_s"] == 0


def test_an_agent_whose_working_hours_are_over_is_not_available() -> None:
    nights = compile_schedule({"open": {"mon-sun": ["22:00-06:00"]}}, "ZZ", now_s=NOW_S)
    days = compile_schedule({"open": {"wed": ["09:00-18:00"]}}, "ZZ", now_s=NOW_S)
    team = (
        agent("21", schedule="nights"),
        agent("22", schedule="days"),
        agent("23", schedule="a schedule that was deleted"),
    )
    seen = rows(*team, schedules={"nights": nights, "days": days})
    assert [row["available"] for row in seen] == [False, True, True]
    assert elect(seen, TRUCKS, {}) == ("22", "23")


def test_an_agent_of_whom_nobody_said_since_when_is_idle_for_no_time() -> None:
    [row] = rows(agent("21", since_s=0))
    assert (row["available"], row["idle_s"]) == (True, 0)


def test_a_state_that_begins_in_the_future_is_idle_for_no_time() -> None:
    [row] = rows(agent("21", since_s=NOW_S + 5))
    assert row["idle_s"] == 0


def test_who_is_called_gets_the_call_if_available() -> None:
    team = rows(agent("21", substitutes=("22",)), agent("22"))
    assert reachable("21", team) == "21"


def test_else_the_first_substitute_who_is_available_gets_it() -> None:
    team = rows(
        agent("21", state="away", substitutes=("99", "22", "23", "24")),
        agent("22", state="busy", substitutes=("25",)),
        agent("23"),
        agent("24"),
        agent("25"),
    )
    assert reachable("21", team) == "23"


def test_a_substitute_of_a_substitute_is_not_asked() -> None:
    team = rows(
        agent("21", state="away", substitutes=("22",)),
        agent("22", state="away", substitutes=("23",)),
        agent("23"),
    )
    assert reachable("21", team) == ""


def test_nobody_stands_in_for_an_exten_that_is_no_agents() -> None:
    assert reachable("99", rows(agent("21"))) == ""
    assert reachable("", rows(agent("21"))) == ""


@st.composite
def teams(draw: st.DrawFn) -> list[Agent]:
    skills = st.dictionaries(st.sampled_from(["trucks", "german"]), st.integers(1, 3))
    types = st.lists(st.sampled_from(["gold", "vip", "bronze"]), max_size=2, unique=True)
    return [
        Agent(
            exten,
            skills=draw(skills),
            customer_types=tuple(draw(types)),
            state=draw(st.sampled_from(STATES)),
            since_s=NOW_S - draw(st.integers(0, 2)),
            load=draw(st.integers(0, 2)),
        )
        for exten in draw(st.sets(st.sampled_from("123456"), max_size=4))
    ]


def better(one: Agent, other: Agent, skills: Mapping[str, int]) -> bool:
    """Whether an agent comes before another one, by the words of the documentation."""
    levels = [sum(it.skills[skill] for skill in skills) for it in (one, other)]
    if levels[0] != levels[1]:
        return levels[0] > levels[1]
    named = [bool(it.customer_types) for it in (one, other)]
    if named[0] != named[1]:
        return named[0]
    if one.since_s != other.since_s:
        return one.since_s < other.since_s
    if one.load != other.load:
        return one.load < other.load
    return one.exten < other.exten


@given(teams(), st.dictionaries(st.sampled_from(["trucks", "german"]), st.integers(1, 3)))
def test_an_election_has_everybody_who_can_and_each_is_better_than_the_next(
    team: list[Agent], skills: dict[str, int]
) -> None:
    able = [
        it
        for it in team
        if it.state == "available"
        and all(it.skills.get(skill, 0) >= level for skill, level in skills.items())
        and (not it.customer_types or {"gold", "active", "vip"} & set(it.customer_types))
    ]
    [expected] = [
        order
        for order in permutations(able)
        if all(
            better(one, other, skills)
            for place, one in enumerate(order)
            for other in order[place + 1 :]
        )
    ]
    assert elect(rows(*team), skills, GOLD) == tuple(it.exten for it in expected)
