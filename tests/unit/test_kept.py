"""A decision as it is kept: with all that it was decided by, and small."""

from __future__ import annotations

import json

import pytest

from centralino.adapters.store.route_items import read_kept, write_kept
from centralino.domain.agent import Agent
from centralino.domain.clock import local
from centralino.domain.decision import Decision, Kept
from centralino.domain.destination import Destination
from centralino.domain.election import rows_of

AT = 1_800_000_000


def _kept(agents: int) -> Kept:
    staff = [
        Agent(
            str(200 + place),
            name=f"Agente Numero {place}",
            skills={f"skill{skill}": 1 + (place * skill) % 10 for skill in range(8)},
            customer_types=("gold", "active"),
            substitutes=(str(201 + place), str(202 + place)),
        )
        for place in range(agents)
    ]
    rows = rows_of(staff, {}, local(((0, 0),), AT), AT)
    decision = Decision(Destination("agent", "21"), ("21", "22"), "skilled", version=3)
    return Kept("c1", AT, {"caller": {"number": "+390244556677"}, "agents": rows}, decision)


@pytest.mark.parametrize("agents", [0, 1, 10, 30, 250])
def test_a_decision_comes_back_with_every_agent_that_it_was_decided_among(agents: int) -> None:
    kept = _kept(agents)
    assert read_kept(write_kept(kept)) == kept


def test_a_decision_among_hundreds_of_agents_is_kept_in_a_tenth_of_the_room() -> None:
    kept = _kept(250)
    assert len(json.dumps(kept.facts)) > 60_000
    assert len(write_kept(kept).encode()) < 7_000


def test_a_decision_among_a_few_agents_can_be_read_as_it_is() -> None:
    assert json.loads(write_kept(_kept(8)))["facts"]["agents"][7]["exten"] == "207"
