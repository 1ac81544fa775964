"""Identify nodes over the admin API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import Desk

DEFAULTS: dict[str, Any] = {
    "mode": "check",
    "codes": ["any"],
    "length": 0,
    "attempts": 3,
    "timeout_s": 5.0,
    "prompt": "",
    "again": "",
    "yes": None,
    "no": None,
    "by": {},
    "teaches": True,
    "unspoken": [],
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_tenant_begins_without_nodes(desk: Desk) -> None:
    assert desk.ask("GET", "/v1/nodes").json == {"nodes": []}
    assert desk.ask("GET", "/v1/nodes/vat").status == 404
    assert desk.ask("DELETE", "/v1/nodes/vat").status == 404


def test_a_node_is_created_with_defaults_read_and_listed(desk: Desk) -> None:
    created = desk.ask("PUT", "/v1/nodes/vat", {})
    assert (created.status, created.json) == (
        201,
        {**DEFAULTS, "name": "vat", "path": "/identify/vat"},
    )
    assert desk.ask("GET", "/v1/nodes/vat").json == created.json
    assert desk.ask("GET", "/v1/nodes").json == {"nodes": [created.json]}


def test_a_node_is_replaced_as_a_whole(desk: Desk) -> None:
    body = {
        "mode": "route",
        "codes": ["vat:IT", r"pattern:C-\d{6}"],
        "attempts": 2,
        "timeout_s": 7,
        "yes": "support",
        "no": "hangup",
        "by": {"plan:gold": "queue:602", "status:expired": "sales"},
        "teaches": False,
    }
    desk.ask("PUT", "/v1/nodes/vat", {"length": 11, "prompt": "custom/vat"})
    replaced = desk.ask("PUT", "/v1/nodes/vat", body)
    assert replaced.status == 200
    shown = {**DEFAULTS, **body, "name": "vat", "path": "/identify/vat"}
    # The rules that everybody begins with name their queues.
    shown["unspoken"] = ["queue:sales", "queue:support"]
    assert replaced.json == shown


def test_nodes_are_listed_by_name(desk: Desk) -> None:
    for name in ("b", "c", "a"):
        desk.ask("PUT", f"/v1/nodes/{name}", {})
    assert [node["name"] for node in desk.ask("GET", "/v1/nodes").json["nodes"]] == ["a", "b", "c"]


def test_calls_meet_the_node_as_it_was_compiled(desk: Desk) -> None:
    desk.ask("PUT", "/v1/nodes/vat", {"codes": [r"pattern:C-\d{6}"], "yes": "support"})
    node = desk.routing().compiled().nodes["vat"]
    assert node.codes == ("pattern:C[0-9]{6}", "digits:[0-9]{6}")
    assert node.yes
    assert node.yes.text == "queue:support"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "ask"}, "mode"),
        ({"codes": []}, "codes"),
        ({"codes": ["iban"]}, "codes[0]"),
        ({"attempts": 21}, "attempts"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"colour": "red"}, "colour"),
        ({"codes": ["vat:US"]}, "nodes.vat.codes[0]"),
        ({"codes": ["pattern:(a+)+"]}, "nodes.vat.codes[0]"),
        ({"yes": "nowhere"}, "nodes.vat.yes"),
        ({"no": "identify:other"}, "nodes.vat.no"),
        ({"by": {"plan:gold": "sales"}}, "nodes.vat.by"),
    ],
)
def test_what_a_call_would_stumble_over_is_refused_by_its_field(
    desk: Desk, body: dict[str, Any], field: str
) -> None:
    refused = desk.ask("PUT", "/v1/nodes/vat", body)
    assert (refused.status, refused.json["field"]) == (400, field)
    assert desk.ask("GET", "/v1/nodes").json == {"nodes": []}


def test_a_name_that_is_none_is_refused(desk: Desk) -> None:
    assert desk.ask("PUT", "/v1/nodes/VAT", {}).status == 400


def test_a_node_is_deleted_unless_another_leads_to_it(desk: Desk) -> None:
    desk.ask("PUT", "/v1/nodes/contract", {})
    desk.ask("PUT", "/v1/nodes/vat", {"no": "identify:contract"})
    refused = desk.ask("DELETE", "/v1/nodes/contract")
    assert (refused.status, refused.json["field"]) == (400, "nodes.vat.no")
    assert desk.ask("DELETE", "/v1/nodes/vat").status == 204
    assert desk.ask("DELETE", "/v1/nodes/contract").status == 204
    assert desk.ask("GET", "/v1/nodes").json == {"nodes": []}


@pytest.mark.parametrize("role", ["pbx", "crm", "agent"])
def test_nodes_are_for_administrators_and_supervisors(desk: Desk, role: str) -> None:
    assert desk.ask("GET", "/v1/nodes", key=desk.keys["acme"][role]).status == 403
    refused = desk.ask("PUT", "/v1/nodes/vat", {}, key=desk.keys["acme"][role])
    assert refused.status == 403
    supervisor = desk.keys["acme"]["supervisor"]
    assert desk.ask("PUT", "/v1/nodes/vat", {}, key=supervisor).status == 201


def test_another_tenants_nodes_are_as_absent_as_none(desk: Desk) -> None:
    desk.ask("PUT", "/v1/nodes/vat", {})
    other = desk.keys["other"]["admin"]
    foreign = desk.ask("GET", "/v1/nodes/vat", key=other)
    absent = desk.ask("GET", "/v1/nodes/vat", key=desk.keys["other"]["supervisor"])
    assert foreign == absent
    assert foreign.status == 404
    assert desk.ask("DELETE", "/v1/nodes/vat", key=other).status == 404
    assert desk.ask("GET", "/v1/nodes", key=other).json == {"nodes": []}
    assert desk.ask("GET", "/v1/nodes/vat").status == 200
