"""Calls that are routed: the function's parts on a real table, and a tenant with its rules."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from centralino import bootstrap
from centralino.adapters.aws import Client
from centralino.adapters.store.agents import DynamoAgentStore
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.journal import DynamoJournal, Posting
from centralino.adapters.store.learner import DynamoLearner
from centralino.adapters.store.route_read import DynamoRouteStore
from centralino.adapters.store.routing import DynamoRoutingStore
from centralino.application.compile_routing import save_parts
from centralino.application.save_customer import save_customer
from centralino.domain.customer import Customer
from centralino.domain.rulebook import default_routing
from centralino.entry.access import Door
from centralino.entry.route import Desk, route
from tests.support.calls import http_event
from tests.support.tenants import make_tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from centralino.domain.agent import Agent
    from centralino.domain.decision import Kept
    from centralino.domain.settings import Settings
    from centralino.ports.route_read import Entry

# A VAT number whose check digit is right, and another one.
VAT = "IT12345670017"
OTHER_VAT = "IT00743110157"
MILAN = "+390244556677"
RULES: Mapping[str, Any] = {
    "destinations": {
        "support": {"to": "queue:600", "omnileads": "1,3"},
        "sales": {"to": "queue:700", "omnileads": "1,4"},
    },
    "fallback": "sales",
    "rules": [
        {"name": "paying", "when": "customer.status == 'active'", "to": "support"},
        {"name": "unknown", "when": "!(customer.known)", "to": "identify:vat"},
        {"name": "the rest", "to": "sales"},
    ],
}
NODES: Mapping[str, Mapping[str, Any]] = {
    "vat": {"mode": "check", "codes": ["vat:IT"], "attempts": 2, "prompt": "vat-number"},
    "check": {"mode": "check", "codes": ["vat:IT"]},
    "where": {"mode": "route", "codes": ["vat:IT"], "yes": "support", "no": "sales"},
}


class NoSecrets:
    """No PBX signs here."""

    def read(self, tenant: str, provider: str, timeout_s: float = 1.0) -> dict[str, object]:
        """Return that there are none."""
        del tenant, provider, timeout_s
        return {}

    refresh = read


class NoJournal:
    """Keeps nothing."""

    lost = 0

    def keep(self, entry: Entry, *, timeout_s: float) -> None:
        """Keep nothing."""
        del entry, timeout_s


class Switchboard:
    """The function that routes calls, wired as in `functions/route_call`, and one tenant.

    Args:
        env: where DynamoDB is, for the call path: a proxy.
        behind: where it is for everything else.
        table: the table's name.
        settings: the tenant's; by default `acme` in Milan.
        cache_s: how long settings are believed.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        behind: Mapping[str, str],
        table: str,
        settings: Settings | None = None,
        *,
        cache_s: float = 30,
    ) -> None:
        self._env = env
        self.table = table
        self._open = ExitStack()
        self.behind = Client("dynamodb", env=behind)
        self._open.callback(self.behind.close)
        self.tenant = make_tenant(self.behind, table, settings)
        self.id = self.tenant.settings.tenant
        self.routing = DynamoRoutingStore(self.behind, table, self.id)
        self.customers = DynamoCustomerStore(self.behind, table, self.id)
        self.agents = DynamoAgentStore(self.behind, table, self.id)
        self.desk = self.container(cache_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def container(self, cache_s: float = 30) -> Desk:
        """Start another container of the function."""
        client = Client("dynamodb", env=self._env)
        self._open.callback(client.close)
        store = DynamoRouteStore(client, self.table, default_routing())
        journal = DynamoJournal(lambda: Posting("dynamodb", env=self._env), self.table)
        self._open.callback(journal.close)
        return Desk(
            Door(store, time.time, cache_s),
            store,
            journal,
            bootstrap.pbx_class,
            NoSecrets,
            lambda tenant: DynamoLearner(client, self.table, tenant),
            lambda: None,
        )

    def publish(
        self,
        rules: Mapping[str, Any] = RULES,
        nodes: Mapping[str, Mapping[str, Any]] = NODES,
        **options: object,
    ) -> None:
        """Save rules, nodes and options, and put them in force."""
        parts = self.routing.parts()
        version = self.routing.add_rules(rules, at=int(1000 * time.time()), by="test").version
        parts = parts._replace(nodes=nodes, options=options, published=version)
        save_parts(self.routing, parts, self.tenant.settings, now_s=time.time())

    def customer(self, code: str = VAT, **fields: Any) -> None:  # noqa: ANN401 - a customer's
        """Save a customer."""
        save_customer(
            self.customers,
            Customer(code, **{"name": "Rossi S.p.A.", **fields}),
            who="test",
            now_ms=int(1000 * time.time()),
            time_zone="Europe/Rome",
        )

    def agent(self, agent: Agent) -> None:
        """Save an agent who is available."""
        self.agents.save(agent)
        self.agents.set_state(agent.exten, "available", at=int(time.time()))

    def send(self, event: Mapping[str, Any], desk: Desk | None = None) -> dict[str, Any]:
        """Send an event just as it is."""
        return route(event, desk or self.desk)

    def ask(
        self,
        path: str = "/v1/route",
        number: str | None = MILAN,
        *,
        key: str = "",
        method: str = "GET",
        desk: Desk | None = None,
        **fields: str,
    ) -> dict[str, Any]:
        """Ask as a PBX does; returns the gateway's answer."""
        if number is not None:
            fields["number"] = number
        headers = {"x-api-key": key or self.tenant.keys["pbx"], "host": "cti.example"}
        body = None
        if method == "POST":
            headers["content-type"] = "application/x-www-form-urlencoded"
            body, fields = urlencode(fields), {}
        event = http_event(
            fields, method=method, path=path, headers=headers, body=body, epoch_ms=now_ms()
        )
        return self.send(event, desk)

    def answer(self, path: str = "/v1/route", number: str | None = MILAN, **fields: Any) -> Any:  # noqa: ANN401 - JSON's
        """Ask as a PBX does; returns what our own words say."""
        given = self.ask(path, number, **fields)
        assert given["statusCode"] == 200, given
        return json.loads(given["body"])

    def kept(self, call_id: str) -> Kept:
        """Return what was kept of a call; it is on its way while the answer is."""
        for _ in range(200):
            kept = self.routing.decision(call_id)
            if kept:
                return kept
            time.sleep(0.02)
        raise AssertionError(f"nothing is kept of {call_id}")


def now_ms() -> int:
    """Return the time, milliseconds since 1970."""
    return int(time.time() * 1000)
