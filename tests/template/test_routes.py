"""The gateway's routes are the ones that are documented, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.entry.admin.document import build_document
from functions.answer_preflight.app import handler

if TYPE_CHECKING:
    from tests.support.template import Stack

# What the OpenAPI document has no path for: the key in the path is a way to send it, not a place.
BESIDE_THE_DOCUMENT = {
    "$default",
    "GET /dial",
    "GET /v1/k/{key}/lookup",
    "OPTIONS /{proxy+}",
    "POST /v1/k/{key}/crm/{provider}",
    "POST /v1/k/{key}/crm/{provider}/{event}",
    "POST /v1/k/{key}/lookup",
    "GET /v1/k/{key}/route",
    "POST /v1/k/{key}/route",
    "GET /v1/k/{key}/identify/{node}",
    "POST /v1/k/{key}/identify/{node}",
    "GET /v1/k/{key}/identify/{node}/{id}",
    "GET /v1/k/{key}/pbx/{provider}/{ask}",
    "POST /v1/k/{key}/pbx/{provider}/{ask}",
    "GET /v1/k/{key}/pbx/{provider}/identify/{node}",
    "POST /v1/k/{key}/pbx/{provider}/identify/{node}",
}


def _routes(stack: Stack) -> set[str]:
    routes = [
        route["Properties"]
        for route in stack.of_type("AWS::ApiGatewayV2::Route").values()
        if route["Properties"]["ApiId"] == {"Ref": "HttpApi"}
    ]
    # That one takes a slash at the end, too.
    return {route["RouteKey"].replace("{id+}", "{id}") for route in routes}


def test_the_gateway_has_a_route_for_all_that_is_documented_and_for_nothing_else(
    stack: Stack,
) -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, methods in build_document()["paths"].items()
        for method in methods
    }
    assert _routes(stack) == documented | BESIDE_THE_DOCUMENT


def test_a_browser_may_use_every_method_that_a_route_has(stack: Stack) -> None:
    methods = {route.split()[0] for route in _routes(stack)} - {"$default", "OPTIONS"}
    answer = handler({"headers": {"origin": "https://crm.example"}}, None)
    assert set(answer["headers"]["access-control-allow-methods"].split(", ")) == methods
