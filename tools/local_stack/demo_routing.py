"""The demo tenant's customers, agents, identify nodes and rules. All are made up.

A customer that somebody changed or deleted stays that way, and so do agents, nodes and rules.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from centralino.adapters.store.agents import DynamoAgentStore
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.routing import DynamoRoutingStore
from centralino.application.compile_routing import save_parts
from centralino.application.save_customer import save_customer
from centralino.domain.agent import Agent
from centralino.domain.customer import Customer, Purchase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.adapters.store.sender import Sender
    from centralino.domain.settings import Settings

WHO = "make run"
ZONE = "Europe/Rome"
# Partite IVA with good check digits. The first one pays, the second one's contract is over.
OFFICINE, TRATTORIA = "IT12345670017", "IT09876540015"
EDILNORD, ENERGIA = "IT12312310159", "IT45645640587"
CUSTOMERS = (
    Customer(OFFICINE, "Officine Meccaniche Rossi S.r.l.", plan="gold"),
    Customer(TRATTORIA, "Trattoria da Beppe S.n.c.", valid_until="2025-12-31"),
    # Has a dedicated manager.
    Customer(EDILNORD, "Edilnord S.p.A.", owner="21"),
    # Bought a truck.
    Customer(ENERGIA, "Energia Chiara S.p.A.", purchases=(Purchase("truck", "2026-03-02"),)),
)
AGENTS = (
    Agent("21", "Chiara", {"german": 7}),
    Agent("22", "Marco", {"trucks": 8}, substitutes=("21",)),
    Agent("23", "Sara", {"trucks": 4, "german": 3}),
)
SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    "office": {"open": {"mon-fri": ["09:00-13:00", "14:00-18:00"]}, "holidays": "IT"}
}
NODES: Mapping[str, Mapping[str, Any]] = {
    # OMniLeads' "external interaction" type 1: yes or no.
    "check": {"mode": "check", "codes": ["vat:IT"], "length": 11},
    # Its type 2: a destination.
    "route": {
        "mode": "route",
        "codes": ["vat:IT"],
        "length": 11,
        "by": {"plan:gold": "gold"},
        "yes": "support",
        "no": "sales",
    },
    # Asked for by the rules, of callers whom nobody knows.
    "who": {"mode": "check", "codes": ["vat:IT"], "length": 11, "attempts": 2},
}
RULES: Mapping[str, Any] = {
    "destinations": {
        "support": {"to": "queue:600", "omnileads": "1,3"},
        "sales": {"to": "queue:601", "omnileads": "1,4"},
        "gold": {"to": "queue:602", "omnileads": "1,5"},
    },
    "fallback": "sales",
    "languages": {"DE": "de", "AT": "de"},
    "rules": [
        {"name": "who is it", "when": "customer.code == '' && !(call.asked)", "to": "identify:who"},
        {"name": "dedicated manager", "when": "customer.status == 'active'", "to": "owner"},
        {
            "name": "bought a truck",
            "when": "contains(customer.purchases[].what, 'truck')",
            "to": "skill:trucks",
        },
        {"name": "paying customers", "when": "customer.status == 'active'", "to": "support"},
        {"name": "everybody else", "to": "sales"},
    ],
}


def load_routing(client: Sender, table: str, tenant: str, settings: Settings) -> None:
    """Make sure of the demo tenant's customers, and of agents and rules where there never were any.

    Args:
        client: sends requests to DynamoDB.
        table: the table's name.
        tenant: the tenant's id.
        settings: its settings.
    """
    now_s = time.time()
    now_ms = int(now_s * 1000)
    routing = DynamoRoutingStore(client, table, tenant)
    parts = routing.parts()
    if parts.edition:
        return
    customers = DynamoCustomerStore(client, table, tenant)
    for customer in CUSTOMERS:
        save_customer(customers, customer, who=WHO, now_ms=now_ms, time_zone=ZONE)
    agents = DynamoAgentStore(client, table, tenant)
    for agent in AGENTS:
        agents.save(agent)
    rules = routing.add_rules(RULES, at=now_ms, by=WHO, note="the demo's")
    # Last: it says that the rest is there.
    written = parts._replace(
        nodes=NODES, schedules=SCHEDULES, options={"time_zone": ZONE}, published=rules.version
    )
    save_parts(routing, written, settings, now_s=now_s)
