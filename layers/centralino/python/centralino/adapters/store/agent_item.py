"""The item of a tenant's agents: one, since every call that elects somebody reads all of them.

`adapters/store/table.py` is the table's one page; this is the part of it that the call path reads
agents with. What is saved and what changes all the time are attributes of their own, so that
neither takes the other away.
"""

from __future__ import annotations

import json

from centralino.adapters.store.table import dump, tenant_key
from centralino.domain.agent import Agent
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.adapters.store.table import Item, Value

_load = json.JSONDecoder().decode
# How many of an agent's fields, after the exten, are in `a:`; the others are beside it.
_SAVED = Agent._fields.index("substitutes")


def agents_key(tenant: str) -> Item:
    """Return the key of a tenant's agents."""
    return tenant_key(tenant, "AGENTS")


def write_agent(agent: Agent) -> str:
    """Return what is saved of an agent: a JSON array without exten, state and empty ends."""
    values = [*agent[1 : _SAVED + 1]]
    while values and not values[-1]:
        values.pop()
    return dump(values)


def read_agents(item: Mapping[str, Value]) -> dict[str, Agent]:
    """Build the agents from their item, exten -> agent; newer code may have added to the arrays."""
    agents = {}
    for name, value in item.items():
        if name[:2] != "a:":
            continue
        exten = name[2:]
        agent = Agent(exten, *_load(value["S"])[:_SAVED])
        agents[exten] = agent._replace(
            customer_types=tuple(agent.customer_types),
            substitutes=tuple(agent.substitutes),
            state=item[f"s:{exten}"]["S"] if f"s:{exten}" in item else agent.state,
            since_s=int(item[f"t:{exten}"]["N"]) if f"t:{exten}" in item else 0,
            load=int(item[f"l:{exten}"]["N"]) if f"l:{exten}" in item else 0,
        )
    return agents
