"""What stands between a PBX and the functions."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.template import Piece, Stack, references

LOOKUP_ROUTES = {
    "GET /v1/lookup",
    "POST /v1/lookup",
    "GET /v1/k/{key}/lookup",
    "POST /v1/k/{key}/lookup",
}


ROUTED = (
    "GET /v1/{key}route",
    "POST /v1/{key}route",
    "GET /v1/{key}identify/{{node}}",
    "POST /v1/{key}identify/{{node}}",
    "GET /v1/{key}identify/{{node}}/{{id+}}",
    "GET /v1/{key}pbx/{{provider}}/{{ask}}",
    "POST /v1/{key}pbx/{{provider}}/{{ask}}",
    "GET /v1/{key}pbx/{{provider}}/identify/{{node}}",
    "POST /v1/{key}pbx/{{provider}}/identify/{{node}}",
)


WEBHOOK_ROUTES = {
    "POST /v1/crm/{provider}",
    "POST /v1/crm/{provider}/{event}",
    "POST /v1/k/{key}/crm/{provider}",
    "POST /v1/k/{key}/crm/{provider}/{event}",
}


ORIGINATE_ROUTES = {
    "POST /v1/originate",
    "GET /v1/originate",
    "GET /v1/originate/{call_id}",
    "GET /dial",
}


def _alias(stack: Stack, uri: Piece) -> str:
    """The alias that an integration or an authorizer calls."""
    (alias,) = references(uri) & stack.of_type("AWS::Lambda::Alias").keys()
    return alias


def _function_behind(stack: Stack, route: dict[str, Any]) -> str:
    target = route["Properties"]["Target"]["Fn::Sub"]
    match = re.fullmatch(r"integrations/\$\{(\w+)\}", target)
    assert match, target
    alias = _alias(stack, stack.properties(match[1])["IntegrationUri"])
    function: str = stack.properties(alias)["FunctionName"]["Ref"]
    return function


def _of_api(stack: Stack, kind: str, api: str = "HttpApi") -> list[dict[str, Any]]:
    """The routes or integrations of one of the two APIs."""
    return [
        item
        for item in stack.of_type(f"AWS::ApiGatewayV2::{kind}").values()
        if item["Properties"]["ApiId"] == {"Ref": api}
    ]


def _routes(stack: Stack, api: str = "HttpApi") -> dict[str, str]:
    return {
        route["Properties"]["RouteKey"]: _function_behind(stack, route)
        for route in _of_api(stack, "Route", api)
    }


def test_a_pbx_reaches_the_lookup_by_get_and_post_with_the_key_in_the_path_or_elsewhere(
    stack: Stack,
) -> None:
    routes = _routes(stack)
    assert {routes[key] for key in LOOKUP_ROUTES} == {"LookupFunction"}


def test_a_pbx_reaches_routing_by_get_and_post_with_the_key_in_the_path_or_elsewhere(
    stack: Stack,
) -> None:
    routes = _routes(stack)
    keys = [route.format(key=key) for route in ROUTED for key in ("", "k/{key}/")]
    assert {routes[key] for key in keys} == {"RouteCallFunction"}


def test_a_crm_reaches_the_receiver_with_the_key_in_the_path_or_elsewhere(stack: Stack) -> None:
    routes = _routes(stack)
    assert {routes[key] for key in WEBHOOK_ROUTES} == {"ReceiveCrmFunction"}


def test_a_crm_and_the_dial_page_reach_what_places_calls(stack: Stack) -> None:
    routes = _routes(stack)
    assert {routes[key] for key in ORIGINATE_ROUTES} == {"OriginateFunction"}


def test_a_call_with_a_double_slash_in_its_path_reaches_the_lookup_like_all_that_no_route_takes(
    stack: Stack,
) -> None:
    routes = _routes(stack)
    assert routes["$default"] == "LookupFunction"
    # A greedy route would take /v1//lookup before $default does; one behind a word doesn't.
    greedy = {key for key in routes if "+}" in key and not key.endswith("identify/{node}/{id+}")}
    assert greedy == {"OPTIONS /{proxy+}"}


def test_a_browsers_preflight_reaches_its_own_function_on_every_path(stack: Stack) -> None:
    routes = _routes(stack)
    assert routes["OPTIONS /{proxy+}"] == "AnswerPreflightFunction"
    # `ANY` on a path would take its OPTIONS too.
    assert not [key for key in routes if key.startswith("ANY ")]


def test_no_route_is_declared_twice(stack: Stack) -> None:
    declared = len(_routes(stack)) + len(_routes(stack, "SocketApi"))
    assert declared == len(stack.of_type("AWS::ApiGatewayV2::Route"))


def test_every_integration_calls_an_alias_with_the_events_that_the_functions_know(
    stack: Stack,
) -> None:
    integrations = _of_api(stack, "Integration")
    assert integrations
    for integration in integrations:
        properties = integration["Properties"]
        assert properties["PayloadFormatVersion"] == "2.0"
        # An HTTP API takes the alias as it is.
        assert properties["IntegrationUri"] == {"Ref": _alias(stack, properties["IntegrationUri"])}


def test_the_only_things_that_call_functions_beside_the_gateway_are_their_own_schedules(
    stack: Stack,
) -> None:
    called = [
        references(target["Arn"])
        for rule in stack.of_type("AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
    ]
    others = [
        permission["Properties"]
        for permission in stack.of_type("AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] != "apigateway.amazonaws.com"
    ]
    assert {properties["Principal"] for properties in others} == {"events.amazonaws.com"}
    permitted = [references(properties["FunctionName"]) for properties in others]
    scheduled = [{stack.alias(name)} for name in ("LinkPbxFunction", "SyncCrmFunction")]
    for found in (called, permitted):
        assert sorted(found, key=str) == sorted(scheduled, key=str)


def test_every_other_permission_is_the_gateways_to_call_an_alias(stack: Stack) -> None:
    uris = [
        (item["Properties"]["ApiId"]["Ref"], item["Properties"].get(uri))
        for kind, uri in (("Integration", "IntegrationUri"), ("Authorizer", "AuthorizerUri"))
        for item in stack.of_type(f"AWS::ApiGatewayV2::{kind}").values()
    ]
    called = {(api, _alias(stack, uri)) for api, uri in uris}
    permitted = set()
    for permission in stack.of_type("AWS::Lambda::Permission").values():
        properties = permission["Properties"]
        if properties["Principal"] == "events.amazonaws.com":
            continue
        alias = _alias(stack, properties["FunctionName"])
        assert properties["Principal"] == "apigateway.amazonaws.com"
        match = re.search(r":\$\{(\w+Api)\}/", properties["SourceArn"]["Fn::Sub"])
        assert match
        permitted.add((match[1], alias))
    assert permitted == called


def test_a_function_ends_before_the_gateway_gives_up_on_it(stack: Stack) -> None:
    for integration in _of_api(stack, "Integration"):
        properties = integration["Properties"]
        alias = _alias(stack, properties["IntegrationUri"])
        function = stack.properties(alias)["FunctionName"]["Ref"]
        assert (
            stack.properties(function)["Timeout"] * 1000 < properties["TimeoutInMillis"] <= 30_000
        )


def test_the_access_log_shows_the_route_and_never_the_path_or_the_query(stack: Stack) -> None:
    line = json.loads(stack.properties("Stage")["AccessLogSettings"]["Format"])
    variables = {value.removeprefix("$context.") for value in line.values()}
    assert variables == {
        "error.responseType",
        "identity.sourceIp",
        "integrationLatency",
        "integrationStatus",
        "requestId",
        "requestTimeEpoch",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    }


def test_the_gateways_let_through_as_much_as_the_parameters_say() -> None:
    stack = Stack({"ThrottleRate": 7, "ThrottleBurst": 9})
    for stage in ("Stage", "SocketStage"):
        settings = stack.properties(stage)["DefaultRouteSettings"]
        assert settings == {"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9}


def test_without_an_own_domain_the_default_address_answers(stack: Stack) -> None:
    assert stack.properties("HttpApi")["DisableExecuteApiEndpoint"] is False
    assert not stack.of_type("AWS::ApiGatewayV2::DomainName")
    assert stack.outputs["Url"] == {"Fn::GetAtt": ["HttpApi", "ApiEndpoint"]}


def test_with_an_own_domain_only_that_one_answers() -> None:
    stack = Stack({"DomainName": "calls.example.com", "CertificateArn": "arn:aws:acm:x"})
    assert stack.properties("HttpApi")["DisableExecuteApiEndpoint"] is True
    (domain,) = stack.of_type("AWS::ApiGatewayV2::DomainName").values()
    assert domain["Properties"]["DomainName"] == "calls.example.com"
    (configuration,) = domain["Properties"]["DomainNameConfigurations"]
    assert configuration["CertificateArn"] == "arn:aws:acm:x"
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    (mapping,) = stack.of_type("AWS::ApiGatewayV2::ApiMapping").values()
    assert references(mapping["Properties"]) == {"HttpApi", "CustomDomain", "Stage"}


def test_cors_is_not_the_gateways_business(stack: Stack) -> None:
    assert "CorsConfiguration" not in stack.properties("HttpApi")
