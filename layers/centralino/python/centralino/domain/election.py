"""Which agents get a call: who can be reached, and the best of them by skill.

Rules, and calls that are tried again with other rules, know agents as rows of plain JSON, so that a
decision can be repeated from the facts that are kept with it::

    {"exten": "21", "name": "Anna", "available": true, "state": "available", "load": 0,
     "idle_s": 340, "skills": {"trucks": 8}, "customers": ["gold"], "substitutes": ["22"]}
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING
from centralino.domain.schedule import open_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from centralino.domain.agent import Agent
    from centralino.domain.clock import LocalTime


def rows_of(
    agents: Iterable[Agent],
    schedules: Mapping[str, Mapping[str, Any]],
    local: LocalTime,
    now_s: float,
) -> list[dict[str, Any]]:
    """Return agents as rules know them at an instant, by exten.

    Args:
        agents: as they are stored.
        schedules: the tenant's, compiled; an agent whose schedule is not there is always at work.
        local: the tenant's time.
        now_s: the same instant, seconds since 1970.

    Returns:
        A row for each; `idle_s` is how long somebody has been available, 0 for who isn't.
    """
    rows = []
    opened: dict[str, bool] = {}
    for agent in sorted(agents, key=_exten):
        schedule = agent.schedule
        if schedule not in opened:
            opened[schedule] = schedule not in schedules or open_at(schedules[schedule], local)
        available = opened[schedule] and agent.available
        idle = int(now_s) - agent.since_s if available and agent.since_s else 0
        rows.append(
            {
                "exten": agent.exten,
                "name": agent.name,
                "available": available,
                "state": agent.state,
                "load": agent.load,
                "idle_s": max(idle, 0),
                "skills": agent.skills,
                "customers": list(agent.customer_types),
                "substitutes": list(agent.substitutes),
            }
        )
    return rows


def elect(
    rows: Iterable[Mapping[str, Any]], skills: Mapping[str, int], customer: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the extens of the agents who can take a call, the best first.

    Only who is available, has every skill at its level, and is for this kind of customer. First
    comes who has the most of the skills together; then who is for this kind of customer by name
    over who is for all; then who is idle longest; then who has the least load; then the lower
    exten.

    Args:
        rows: the agents.
        skills: skill -> the least level, 1 to 10.
        customer: its `plan`, `status` and `tags`; what is missing is unknown.
    """
    kinds = {customer.get("plan"), customer.get("status"), *customer.get("tags", ())}
    ranked = []
    for row in rows:
        levels = row["skills"]
        if not row["available"] or any(levels.get(s, 0) < skills[s] for s in skills):
            continue
        types = row.get("customers", ())
        if types and kinds.isdisjoint(types):
            continue
        level = sum(levels[skill] for skill in skills)
        ranked.append((-level, not types, -row["idle_s"], row["load"], row["exten"]))
    return tuple(place[-1] for place in sorted(ranked))


def reachable(exten: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return who takes a call for an agent now: the agent, else a substitute; empty for nobody.

    Args:
        exten: the agent's; one of nobody's finds nobody.
        rows: the agents. Substitutes of substitutes don't count.
    """
    known = {row["exten"]: row for row in rows}
    if exten not in known:
        return ""
    candidates: tuple[str, ...] = (exten, *known[exten].get("substitutes", ()))
    for candidate in candidates:
        row = known.get(candidate)
        if row is not None and row["available"]:
            return candidate
    return ""


def _exten(agent: Agent) -> str:
    return agent.exten
