"""Identify nodes as they are saved: checked, so that a call can trust them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.application.compile_nodes import MAX_NODES, compile_nodes
from centralino.application.node_url import node_url, unspoken
from centralino.domain.destination import Destination
from centralino.domain.errors import PayloadError
from centralino.domain.routing import Node, Routing, read_routing, write_routing

if TYPE_CHECKING:
    from collections.abc import Mapping

DESTINATIONS = {
    "support": Destination("queue", "600", "support"),
    "sales": Destination("queue", "sales", "sales", "1,7"),
}
KEY = "acme.q83vEjRWeJCrze8SNFZ4kA"
AWS = "https://abcde12345.execute-api.eu-south-1.amazonaws.com"


def compiled(**fields: Any) -> Node:  # noqa: ANN401 - any field
    return compile_nodes({"vat": fields}, DESTINATIONS)["vat"]


def test_a_node_of_which_nothing_is_written_has_the_defaults() -> None:
    assert compiled() == Node("vat")


def test_a_node_comes_out_as_it_was_written_with_its_destinations_found() -> None:
    node = compiled(
        mode="route",
        codes=["vat:IT", r"pattern:C-\d{6}"],
        length=11,
        attempts=2,
        timeout_s=7.5,
        prompt="custom/vat",
        again="custom/vat-again",
        yes="support",
        no="hangup",
        by={"plan:gold": "sales", "status:expired": "ivr:3"},
        teaches=False,
    )
    assert node == Node(
        "vat",
        "route",
        ("vat:IT", "pattern:C[0-9]{6}", "digits:[0-9]{6}"),
        11,
        2,
        7.5,
        "custom/vat",
        "custom/vat-again",
        DESTINATIONS["support"],
        Destination("hangup"),
        (("plan:gold", DESTINATIONS["sales"]), ("status:expired", Destination("ivr", "3"))),
        False,  # noqa: FBT003 - teaches
    )


def test_a_length_is_enough_if_the_shortest_code_fits() -> None:
    assert compiled(length=8, codes=["vat:DK", "vat:IT"]).length == 8
    assert compiled(length=4, codes=["vat:IT", "pattern:[0-9]{4}"]).length == 4


def test_a_node_is_stored_and_read_as_it_is() -> None:
    node = compiled(mode="route", yes="support", by={"tag:vip": "sales"}, codes=["any"])
    assert read_routing(write_routing(Routing(nodes={"vat": node}))).nodes == {"vat": node}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"mode": "ask"}, "mode"),
        ({"mode": None}, "mode"),
        ({"codes": []}, "codes"),
        ({"codes": "vat"}, "codes"),
        ({"codes": [7]}, "codes"),
        ({"codes": ["any"] * 11}, "codes"),
        ({"codes": ["any", "vat:US"]}, "codes[1]"),
        ({"length": -1}, "length"),
        ({"length": 31}, "length"),
        ({"length": True}, "length"),
        ({"length": 8, "codes": ["vat:IT"]}, "length"),
        ({"length": 6, "codes": ["tax:IT", "vat:DE"]}, "length"),
        ({"length": 1.5}, "length"),
        ({"attempts": 0}, "attempts"),
        ({"attempts": 21}, "attempts"),
        ({"timeout_s": 0.5}, "timeout_s"),
        ({"timeout_s": 61}, "timeout_s"),
        ({"timeout_s": "5"}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"prompt": "a\nb"}, "prompt"),
        ({"again": "x" * 501}, "again"),
        ({"prompt": None}, "prompt"),
        ({"yes": "nowhere"}, "yes"),
        ({"yes": "queue:"}, "yes"),
        ({"yes": "queue"}, "yes"),
        ({"no": "hangup:1"}, "no"),
        ({"no": "queue:a b"}, "no"),
        ({"no": "external:0244"}, "no"),
        ({"no": 7}, "no"),
        ({"teaches": 1}, "teaches"),
        ({"by": {"plan:gold": "sales"}}, "by"),
        ({"mode": "route", "by": {"plan:": "sales"}}, "by"),
        ({"mode": "route", "by": {"status:rich": "sales"}}, "by"),
        ({"mode": "route", "by": {"plan:gold": None}}, "by.plan:gold"),
        ({"mode": "route", "by": {"plan:gold": "nowhere"}}, "by.plan:gold"),
        ({"mode": "route", "by": ["plan:gold"]}, "by"),
        ({"name": "vat"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_field_that_a_call_would_stumble_over_is_refused_by_its_name(
    fields: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        compiled(**fields)
    assert refused.value.field == f"nodes.vat.{field}"


@pytest.mark.parametrize("name", ["", "Vat", "vat_1", "x" * 21, "vat/1", "café"])
def test_a_name_that_no_url_should_hold_is_refused(name: str) -> None:
    with pytest.raises(PayloadError, match="1 to 20"):
        compile_nodes({name: {}}, {})


def test_more_nodes_than_a_call_should_read_are_refused() -> None:
    most: dict[str, dict[str, Any]] = {f"n{n}": {} for n in range(MAX_NODES)}
    assert len(compile_nodes(most, {})) == MAX_NODES
    with pytest.raises(PayloadError, match="at most 50"):
        compile_nodes({**most, "one-more": {}}, {})


def test_a_node_may_send_a_caller_on_to_another_node() -> None:
    nodes = compile_nodes(
        {"vat": {"no": "identify:contract"}, "contract": {"no": "sales"}}, DESTINATIONS
    )
    assert nodes["vat"].no == Destination("identify", "contract")


@pytest.mark.parametrize(
    ("nodes", "field"),
    [
        ({"a": {"no": "identify:b"}}, "nodes.a.no"),
        ({"a": {"no": "identify:a"}}, "nodes.a.no"),
        ({"a": {"no": "identify:b"}, "b": {"yes": "identify:a"}}, "nodes.b.yes"),
        (
            {
                "a": {"mode": "route", "by": {"plan:x": "identify:b"}},
                "b": {"no": "identify:c"},
                "c": {"no": "identify:b"},
            },
            "nodes.c.no",
        ),
    ],
)
def test_nodes_that_lead_nowhere_or_round_in_a_circle_are_refused(
    nodes: Mapping[str, Mapping[str, Any]], field: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        compile_nodes(nodes, {})
    assert refused.value.field == field


@pytest.mark.parametrize("base", [AWS, f"{AWS}/", f"{AWS}/v1", f"{AWS}/v1/"])
def test_a_nodes_url_holds_the_key_and_the_node(base: str) -> None:
    assert node_url(base, KEY, "vat") == f"{AWS}/v1/k/{KEY}/identify/vat"


def test_the_longest_tenant_and_node_fit_an_aws_address() -> None:
    key = "twelve-chars." + "k" * 22
    assert len(node_url(AWS, key, "n" * 20)) <= 128


def test_a_url_of_128_characters_is_the_longest() -> None:
    short = node_url("https://a.example", KEY, "vat")
    host = "a" * (128 - len(short) + 1)
    assert len(node_url(f"https://{host}.example", KEY, "vat")) == 128
    with pytest.raises(PayloadError, match=r"at most 128 characters, OMniLeads' limit.* has 129"):
        node_url(f"https://{host}a.example", KEY, "vat")


@pytest.mark.parametrize(
    ("base", "key", "expected"),
    [
        ("https://a.example/x,y", KEY, "comma"),
        ("https://a.example", "acme.a,b", "comma"),
        ("https://a.example/x y", KEY, "spaces"),
        ("https://é.example", KEY, "ASCII"),
    ],
)
def test_a_url_that_omnileads_would_break_is_refused(base: str, key: str, expected: str) -> None:
    with pytest.raises(PayloadError, match=expected):
        node_url(base, key, "vat")


def test_destinations_without_a_number_of_omnileads_are_named() -> None:
    fields: dict[str, Any] = {"yes": "queue:gold", "no": "sales"}
    by = {"plan:a": "support", "plan:b": "external:+390244556677", "plan:c": "hangup"}
    assert list(unspoken(compiled(mode="route", by=by, **fields))) == [
        "external:+390244556677",
        "queue:gold",
    ]
    # Where the answer is yes or no, OMniLeads itself knows where to.
    assert list(unspoken(compiled(mode="check", **fields))) == []
