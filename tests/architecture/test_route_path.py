"""What routing a call imports while the caller waits: nothing that it does not need."""

from __future__ import annotations

import pytest

from tests.architecture.test_call_path import FORBIDDEN, LAYER, ROOT, run

ROUTE = """
import json, sys
sys.path[:0] = {path!r}
import app
from centralino.domain.card import Card, Holder
from centralino.domain.keys import ApiKey
from centralino.domain.rulebook import default_routing
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.ports.call_read import Read, TenantItems
from centralino.ports.route_read import CustomerRead, Found
from centralino.domain.customer import Customer
from centralino.domain.routing import Node

class Store:
    def read(self, tenant, numbers, *, key_hash="", caller="", timeout_s, beside=None):
        holder = Holder("a:1", name="Rossi", customer_code="C1", parts={{"k": "x"}})
        cards = {{number: Card(number, (holder,), 1) for number in numbers[:1]}}
        nodes = {{"vat": Node("vat", codes=("vat:IT",))}}
        routing = default_routing()._replace(nodes=nodes)
        items = TenantItems(Settings("demo"), ApiKey(key_hash, "pbx"), routing)
        return Read(cards, items, True, 0.0, Found() if beside else None)
    def customers(self, tenant, codes, *, timeout_s):
        return {{code: CustomerRead(Customer(code)) for code in codes}}
    def save_talk(self, *args, **options):
        return True

class Journal:
    lost = 0
    def keep(self, entry, *, timeout_s):
        pass

door = Door(Store(), app.time.time, 30)
app.desk = app.desk._replace(door=door, store=Store(), journal=Journal())
answer = app.handler(
    {{
        "rawPath": {url!r},
        "rawQueryString": {query!r},
        "headers": {{"x-api-key": "demo.aaaaaaaaaaaaaaaaaaaaaa"}},
        "requestContext": {{"http": {{"method": "GET", "sourceIp": "127.0.0.1"}}}},
    }},
    None,
)
print(json.dumps([answer["headers"]["x-centralino-outcome"], answer["body"], sorted(sys.modules)]))
"""


def routed(url: str, query: str) -> tuple[str, str, set[str]]:
    """Route one call in a fresh process; returns outcome, body and the modules imported."""
    path = [str(ROOT / "functions/route_call"), str(LAYER)]
    outcome, body, modules = run(ROUTE.format(path=path, url=url, query=query))
    return outcome, body, set(modules)


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("/v1/route", '"queue:support"'),
        ("/v1/pbx/asterisk/route", "queue%3Asupport"),
    ],
)
def test_a_routed_call_imports_nothing_that_it_does_not_need(url: str, destination: str) -> None:
    outcome, body, modules = routed(url, "number=%2B390244556677&call_id=1")

    assert outcome == "decided"
    assert destination in body
    assert modules & (FORBIDDEN | {"stdnum", "jmespath", "urllib.parse"}) == set()
    # Nothing was learned that somebody has to be told of.
    assert not {"centralino.entry.learned", "centralino.adapters.queue"} & modules
    # Nobody was asked for a code, and no agent is elected by a schedule's dates.
    assert not {"centralino.domain.codes", "centralino.application.converse"} & modules


def test_a_question_to_a_caller_imports_no_library_of_codes() -> None:
    outcome, body, modules = routed("/v1/pbx/asterisk/identify/vat", "number=&call_id=1")

    assert (outcome, "action=ask" in body) == ("asked", True)
    assert modules & (FORBIDDEN | {"stdnum"}) == set()
