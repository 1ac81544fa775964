"""What stands between a PBX that connects to us and the functions: the WebSocket API."""

from __future__ import annotations

import json

from tests.support.template import Stack, references


def _routes(stack: Stack) -> dict[str, dict[str, object]]:
    return {
        route["Properties"]["RouteKey"]: route["Properties"]
        for route in stack.of_type("AWS::ApiGatewayV2::Route").values()
        if route["Properties"]["ApiId"] == {"Ref": "SocketApi"}
    }


def test_a_pbx_connects_tells_and_leaves_and_one_function_hears_of_it(stack: Stack) -> None:
    routes = _routes(stack)
    assert set(routes) == {"$connect", "$default", "$disconnect"}
    targets = {json.dumps(route["Target"]) for route in routes.values()}
    assert targets == {'{"Fn::Sub": "integrations/${LinkPbxIntegration}"}'}
    uri = stack.properties("LinkPbxIntegration")["IntegrationUri"]
    assert stack.alias("LinkPbxFunction") in references(uri)


def test_no_message_of_asterisk_has_the_name_of_a_route(stack: Stack) -> None:
    api = stack.properties("SocketApi")
    assert api["ProtocolType"] == "WEBSOCKET"
    assert api["RouteSelectionExpression"] == "$request.body.type"
    assert all(name.startswith("$") for name in _routes(stack))


def test_a_handshake_without_a_password_is_refused_and_costs_no_invocation(stack: Stack) -> None:
    connect = _routes(stack)["$connect"]
    assert connect["AuthorizationType"] == "CUSTOM"
    assert connect["AuthorizerId"] == {"Ref": "PbxAuthorizer"}
    authorizer = stack.properties("PbxAuthorizer")
    assert authorizer["AuthorizerType"] == "REQUEST"
    assert authorizer["IdentitySource"] == ["route.request.header.Authorization"]
    uri = authorizer["AuthorizerUri"]
    assert stack.alias("AuthorizePbxFunction") in references(uri)


def test_the_functions_send_to_the_api_and_stage_that_pbxs_connect_to(stack: Stack) -> None:
    stage = stack.properties("SocketStage")
    assert (stage["ApiId"], stage["StageName"]) == ({"Ref": "SocketApi"}, "ari")
    host = "${SocketApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/ari"
    for function in ("LinkPbxFunction", "OriginateFunction"):
        variables = stack.properties(function)["Environment"]["Variables"]
        assert variables["CENTRALINO_SOCKETS"] == {"Fn::Sub": f"https://{host}"}
    assert stack.outputs["SocketUrl"] == {"Fn::Sub": f"wss://{host}"}


def test_a_pbx_is_asked_whether_it_is_there_before_the_gateway_closes_a_silent_connection(
    stack: Stack,
) -> None:
    (rule,) = [
        rule["Properties"]
        for rule in stack.of_type("AWS::Events::Rule").values()
        if references(rule["Properties"]["Targets"]) == {stack.alias("LinkPbxFunction")}
    ]
    # After ten minutes it does.
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert rule["Targets"][0]["RetryPolicy"] == {"MaximumRetryAttempts": 0}


def test_a_new_account_has_no_role_for_access_logs_of_a_socket_so_they_are_asked_for(
    stack: Stack,
) -> None:
    assert "AccessLogSettings" not in stack.properties("SocketStage")
    assert "SocketAccessLogGroup" not in stack.resources


def test_the_access_log_of_sockets_shows_the_route_and_never_the_path_or_the_query() -> None:
    stack = Stack({"SocketAccessLog": "on"})
    settings = stack.properties("SocketStage")["AccessLogSettings"]
    assert settings["DestinationArn"] == {"Fn::GetAtt": ["SocketAccessLogGroup", "Arn"]}
    line = json.loads(settings["Format"])
    assert {value.removeprefix("$context.") for value in line.values()} == {
        "connectionId",
        "error.responseType",
        "eventType",
        "identity.sourceIp",
        "integrationLatency",
        "integrationStatus",
        "requestId",
        "requestTimeEpoch",
        "routeKey",
        "status",
    }
