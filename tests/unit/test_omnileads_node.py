"""A node's verdict, as OMniLeads reads it: text, and never a JSON truth value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from centralino.adapters.pbx.omnileads import Adapter
from centralino.application.compile_nodes import compile_nodes
from centralino.application.identify_caller import (
    identify_caller,
    node_destination,
    node_verdict,
)
from centralino.domain.customer import Customer, History
from centralino.domain.decision import Decision
from centralino.domain.destination import CONTINUE, Destination
from centralino.ports.pbx import Asked, Told
from centralino.ports.route_read import CustomerRead

NOW = 1_800_000_000.0
CUSTOMERS = {
    customer.code: CustomerRead(customer, History())
    for customer in (
        Customer("IT00743110157", "Officine Rossi", plan="gold"),
        Customer("DE136695976", "Alt GmbH", ends_at=int(NOW)),
    )
}
NO = {"status": "fail", "destination": "false"}
YES = {"status": "ok", "destination": "true"}


def answer(typed: str, *, helper: bool = False, **fields: Any) -> Any:  # noqa: ANN401 - JSON
    """Answer a request of a node as the call path does for a PBX that collects the digits."""
    named = {"gold": Destination("queue", "gold", "gold", "1,3")}
    node = compile_nodes({"n": {"codes": ["vat"], **fields}}, named)["n"]
    asked = Asked(
        "GET" if helper else "POST",
        "https://a.example/v1/k/acme.key/identify/n",
        {},
        {} if helper else {"idcontact": typed},
        {},
        {},
        b"",
        "identify",
        "n",
        typed if helper else "",
    )
    adapter = Adapter({}, {})
    call = adapter.read(asked)
    identified = identify_caller(node, call.digits or "", CUSTOMERS)
    to = node_destination(node, identified, NOW) or CONTINUE
    told = Told(
        verdict=node_verdict(node, identified, NOW),
        decision=Decision(to) if node.mode == "route" else None,
    )
    return json.loads(adapter.reply(asked, call, told).body)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("00743110157", YES), ("136695976", NO), ("02866820240", NO), ("1", NO), ("", NO)],
)
def test_type_1_is_told_true_for_an_active_contract(typed: str, expected: object) -> None:
    assert answer(typed, mode="check", yes="queue:1", no="queue:2") == expected


@pytest.mark.parametrize(("typed", "expected"), [("02866820240", YES), ("1", NO), ("", NO)])
def test_type_1_is_told_true_for_any_code_where_entering_one_is_enough(
    typed: str, expected: object
) -> None:
    assert answer(typed, mode="entered") == expected


@pytest.mark.parametrize(
    ("typed", "destination"),
    [("00743110157", "1,3"), ("136695976", "3,12"), ("1", "5,1"), ("", "5,1")],
)
def test_type_2_is_told_where_to(typed: str, destination: str) -> None:
    by = {"plan:gold": "gold", "status:expired": "ivr:12"}
    told = answer(typed, mode="route", by=by, no="hangup")
    assert told == {"status": "ok", "destination": destination}


def test_type_2_takes_its_own_second_destination_where_we_have_none() -> None:
    assert answer("00743110157", mode="route") == NO
    assert answer("00743110157", mode="route", yes="queue:name") == NO


def test_the_newer_helper_is_told_who_it_is() -> None:
    assert answer("00743110157", helper=True, mode="check") == {
        **YES,
        "response": True,
        "data": {"name": "Officine Rossi", "status": "active", "plan": "gold"},
    }
    assert answer("1", helper=True, mode="check") == {**NO, "response": False, "data": {}}
