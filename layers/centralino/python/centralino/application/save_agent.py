"""Save an agent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.application.check_exten import check_exten
from centralino.domain.errors import PayloadError
from centralino.domain.number import index_number, is_valid

if TYPE_CHECKING:
    from collections.abc import Collection

    from centralino.domain.agent import Agent
    from centralino.domain.settings import Line
    from centralino.ports.routing import AgentStore

MAX_SKILLS = 30
MAX_LEVEL = 10
MAX_TYPES = 20
MAX_SUBSTITUTES = 20
MAX_NAME = 200
MAX_WORD = 64
EXTEN_PATTERN = r"[\d*#]{1,20}"
# As rules spell them: `skill:trucks>=5,german`.
SKILL_PATTERN = r"[a-z0-9_-]{1,32}"
_EXTEN = re.compile(EXTEN_PATTERN, re.ASCII)
_SKILL = re.compile(SKILL_PATTERN, re.ASCII)
_EXTEN_EXPECTED = "an extension of digits, * and #, at most 20 of them"


def save_agent(agents: AgentStore, agent: Agent, *, line: Line, schedules: Collection[str]) -> bool:
    """Create or replace an agent; state and load stay as they are, and count for the next call.

    Args:
        agents: the tenant's.
        agent: as it was written; the mobile number in any spelling of the line's country.
        line: the tenant's.
        schedules: the names of the tenant's schedules.

    Returns:
        Whether the agent was created.

    Raises:
        PayloadError: a field is not what it has to be.
        ConflictError: there are as many agents as there may be.
        NotFoundError: there is no such tenant (any more).
    """
    _check(agent)
    check_exten(agent.exten, line.country, "exten")
    for place, exten in enumerate(agent.substitutes):
        check_exten(exten, line.country, f"substitutes[{place}]")
    if agent.schedule and agent.schedule not in schedules:
        known = ", ".join(sorted(schedules)) or "there is none yet"
        raise PayloadError("schedule", f"the name of a schedule: {known}")
    return agents.save(agent._replace(mobile=_mobile(agent.mobile, line)))


def _check(agent: Agent) -> None:
    if not _EXTEN.fullmatch(agent.exten):
        raise PayloadError("exten", _EXTEN_EXPECTED)
    if len(agent.name) > MAX_NAME:
        raise PayloadError("name", f"at most {MAX_NAME} characters")
    _check_skills(agent)
    _check_types(agent)
    _check_substitutes(agent)


def _check_skills(agent: Agent) -> None:
    if len(agent.skills) > MAX_SKILLS:
        raise PayloadError("skills", f"at most {MAX_SKILLS}")
    for skill, level in agent.skills.items():
        if not _SKILL.fullmatch(skill):
            raise PayloadError("skills", "names of a-z, 0-9, _ and -, of at most 32 characters")
        if not 1 <= level <= MAX_LEVEL:
            raise PayloadError(f"skills.{skill}", f"a level of 1 to {MAX_LEVEL}")


def _check_types(agent: Agent) -> None:
    if len(agent.customer_types) > MAX_TYPES:
        raise PayloadError("customer_types", f"at most {MAX_TYPES}")
    for place, word in enumerate(agent.customer_types):
        if not 0 < len(word) <= MAX_WORD:
            raise PayloadError(
                f"customer_types[{place}]", f"a plan, a status or a tag, 1 to {MAX_WORD} characters"
            )


def _check_substitutes(agent: Agent) -> None:
    if len(agent.substitutes) > MAX_SUBSTITUTES:
        raise PayloadError("substitutes", f"at most {MAX_SUBSTITUTES}")
    for place, exten in enumerate(agent.substitutes):
        if not _EXTEN.fullmatch(exten):
            raise PayloadError(f"substitutes[{place}]", _EXTEN_EXPECTED)
        if exten == agent.exten:
            raise PayloadError(f"substitutes[{place}]", "somebody else's extension")


def _mobile(written: str, line: Line) -> str:
    """Return a mobile phone's number in E.164: it is compared with those of callers."""
    if not written:
        return ""
    number, _ = index_number(written, line.country, line.area_code)
    if not number or not is_valid(number):
        raise PayloadError("mobile", "a phone number, as +39 333 1234567")
    return number
