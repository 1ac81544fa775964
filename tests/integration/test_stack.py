"""The local stack: the real `sam deploy` to an emulator, and lookups through it over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml

from centralino.domain.keys import ROLES
from local_stack import LocalStackError, start
from local_stack.deploy import STACK_NAME
from local_stack.start_api import with_events
from local_stack.toolchain import CACHE, environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

MARIO = "02 4455 6677"
FORM = "application/x-www-form-urlencoded"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str


def ask(
    stack: Stack,
    target: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> Answer:
    """Send a request whose target arrives as it is written here."""
    connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=30)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read().decode())
    finally:
        connection.close()


def lookup(stack: Stack, number: str) -> str:
    answer = ask(stack, f"/v1/lookup?number={number}", headers={"x-api-key": stack.keys["pbx"]})
    assert answer.status == 200
    return answer.text


def test_sam_deploys_every_route_of_the_template_to_the_alias(local_stack: Stack) -> None:
    # What `sam build` writes has no short tags, so any YAML reader reads it.
    built = yaml.safe_load((CACHE / "build" / "template.yaml").read_text())
    declared = {
        resource["Properties"]["RouteKey"]
        for resource in built["Resources"].values()
        if resource["Type"] == "AWS::ApiGatewayV2::Route"
        and resource["Properties"]["ApiId"] == {"Ref": "HttpApi"}
    }
    gateway = local_stack.emulator.client("apigatewayv2")
    (api,) = [one for one in gateway.get_apis()["Items"] if one["ProtocolType"] == "HTTP"]
    integrations = {
        f"integrations/{item['IntegrationId']}": item["IntegrationUri"]
        for item in gateway.get_integrations(ApiId=api["ApiId"])["Items"]
    }
    routes = gateway.get_routes(ApiId=api["ApiId"])["Items"]
    assert {route["RouteKey"] for route in routes} == declared
    assert "GET /v1/lookup" in declared
    assert {integrations[route["Target"]].rpartition(":")[2] for route in routes} == {"live"}


def test_sam_local_start_api_finds_every_route_of_the_template(
    local_stack: Stack, tmp_path: Path
) -> None:
    assert local_stack.alive  # so there is a build
    built = yaml.safe_load((CACHE / "build" / "template.yaml").read_text())
    template = tmp_path / "start-api.yaml"
    template.write_text(json.dumps(with_events(built)))
    read_by_sam = (
        "import sys, json;"
        "from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider as Stacks;"
        "from samcli.lib.providers.api_provider import ApiProvider;"
        "routes = ApiProvider(Stacks.get_stacks(sys.argv[1])[0], cwd='.').api.routes;"
        "print(json.dumps([[m, r.path, r.function_name] for r in routes for m in r.methods]))"
    )
    found = subprocess.run(
        [environment("sam") / "python", "-c", read_by_sam, template],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-south-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    routes = {(method, path): function for method, path, function in json.loads(found.stdout)}
    for resource in built["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::ApiGatewayV2::Route" and (
            properties["ApiId"] == {"Ref": "HttpApi"}
        ):
            method, _, path = resource["Properties"]["RouteKey"].rpartition(" ")
            assert (method or "GET", path) in routes
    assert routes["GET", "/v1/lookup"] == "LookupFunction"
    assert routes["OPTIONS", "/{proxy+}"] == "AnswerPreflightFunction"


def test_the_stack_is_complete_but_for_what_the_emulator_refuses(local_stack: Stack) -> None:
    built = yaml.safe_load((CACHE / "build" / "template.yaml").read_text())["Resources"]
    cloudformation = local_stack.emulator.client("cloudformation")
    made = {
        resource["LogicalResourceId"]
        for resource in cloudformation.describe_stack_resources(StackName=STACK_NAME)[
            "StackResources"
        ]
    }
    unconditional = {name for name, resource in built.items() if "Condition" not in resource}
    missing = {name for name in unconditional if not any(n.startswith(name) for n in made)}
    assert {built[name]["Type"] for name in missing} == {"AWS::CloudWatch::Alarm"}
    assert all("Metrics" in built[name]["Properties"] for name in missing)


def test_every_way_to_send_the_key_and_the_number_gets_the_label(local_stack: Stack) -> None:
    key = local_stack.keys["pbx"]
    header = {"x-api-key": key}
    basic = base64.b64encode(f"pbx:{key}".encode()).decode()
    json_type = {"content-type": "application/json"}
    answers = [
        ask(local_stack, "/v1/lookup?number=%2B390244556677", headers=header),
        ask(local_stack, "/v1/lookup?cli=00390244556677", headers=header),
        ask(local_stack, "/v1/lookup?callerid=44556677", headers=header),
        ask(local_stack, "//v1/lookup?number=0244556677", headers=header),
        ask(local_stack, "/v1//lookup?number=0244556677", headers=header),
        ask(local_stack, f"/v1/lookup?number=0244556677&key={key}"),
        ask(local_stack, f"/v1/k/{key}/lookup?number=0244556677"),
        ask(
            local_stack, "/v1/lookup?number=0244556677", headers={"authorization": f"Basic {basic}"}
        ),
        ask(
            local_stack, "/v1/lookup?number=0244556677", headers={"authorization": f"Bearer {key}"}
        ),
        ask(
            local_stack,
            "/v1/lookup",
            "POST",
            {**header, "content-type": FORM},
            "number=%2B390244556677&did=02100",
        ),
        ask(
            local_stack,
            "/v1/lookup",
            "POST",
            {**header, **json_type},
            json.dumps({"number": MARIO}),
        ),
    ]
    assert [(answer.status, answer.text) for answer in answers] == [(200, "*Mario Rossi")] * 11


@pytest.mark.parametrize(
    ("number", "label"),
    [
        ("0244551234", "Off Meccaniche Rossi"),
        ("025501000", "Edilnord"),
        ("027712345", "Anna Ferrari +1"),
        ("3356001234", "*Francesca De Luca"),
        ("064412345", "!Trattoria da Beppe"),
        ("0033199001234", "François Lefèvre"),
        ("00302101234567", "Α. Παπαδόπουλος"),  # noqa: RUF001 - Greek
        ("0074951234567", "Иван Петров"),
        ("00862161234567", "上海明华"),
        ("%2B3780549882345", "Tipografia Titano"),
        ("%2B390549882345", "Tipografia Titano"),
        ("800123456", "Energia Chiara"),
        ("21", "Chiara"),
        ("anonymous", ""),
    ],
)
def test_the_demo_contacts_show_off_every_kind_of_caller(
    local_stack: Stack, number: str, label: str
) -> None:
    assert lookup(local_stack, number) == label


def test_a_browser_may_ask_first_from_any_https_page(local_stack: Stack) -> None:
    answer = ask(local_stack, "/v1/contacts", "OPTIONS", {"origin": "https://crm.example"})
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://crm.example"
    refused = ask(local_stack, "/v1/contacts", "OPTIONS", {"origin": "http://crm.example"})
    assert "access-control-allow-origin" not in refused.headers


def test_without_a_good_key_there_is_no_label_and_no_reason(local_stack: Stack) -> None:
    for key in ("", "demo.AAAAAAAAAAAAAAAAAAAAAA", "other.AAAAAAAAAAAAAAAAAAAAAA"):
        answer = ask(local_stack, "/v1/lookup?number=0244556677", headers={"x-api-key": key})
        assert (answer.status, answer.text) == (401, "")


def test_a_contact_saved_by_the_admin_api_is_shown_at_once(local_stack: Stack) -> None:
    headers = {"x-api-key": local_stack.keys["admin"], "content-type": "application/json"}
    contact = {"first_name": "Nina", "last_name": "Neri", "numbers": [{"number": "02 99887766"}]}
    saved = ask(local_stack, "/v1/contacts/api:nina", "PUT", headers, json.dumps(contact))
    assert saved.status in {200, 201}, saved.text
    assert lookup(local_stack, "0299887766") == "Nina Neri"


def test_a_request_that_is_none_is_refused_by_the_gateway(local_stack: Stack) -> None:
    assert ask(local_stack, "v1/lookup").status == 400
    assert ask(local_stack, "/", headers={"x-long": "a" * 20_000}).status == 431


def test_what_is_stored_outlives_a_stop_and_a_new_deployment(tmp_path: Path) -> None:
    said: list[str] = []
    with start(0, tmp_path, say=said.append) as stack:
        assert any("sam deploy" in task for task in said)
        keys = stack.keys
        headers = {"x-api-key": keys["admin"], "content-type": "application/json"}
        contact = {"first_name": "Ada", "last_name": "Neri", "numbers": [{"number": "02 1234567"}]}
        saved = ask(stack, "/v1/contacts/api:ada", "PUT", headers, json.dumps(contact))
        assert saved.status in {200, 201}, saved.text
        gone = ask(stack, "/v1/contacts/demo:acme", "DELETE", headers)
        assert gone.status in {200, 204}, gone.text
        idle = socket.create_connection((urlsplit(stack.url).hostname, urlsplit(stack.url).port))
    # A connection that says nothing holds up no stop. One that was not yet accepted is reset.
    with idle, suppress(ConnectionResetError):
        assert idle.recv(1) == b""
    said.clear()
    with start(0, tmp_path, say=said.append) as stack:
        assert not any("sam" in task for task in said)
        assert stack.keys == keys
        assert lookup(stack, "021234567") == "Ada Neri"
        assert lookup(stack, "0012125550123") == ""
        with pytest.raises(LocalStackError, match="already runs"):
            start(0, tmp_path)
    said.clear()
    with start(0, tmp_path, parameters={"CacheSeconds": "7"}, say=said.append) as stack:
        assert any("sam deploy" in task for task in said)
        assert stack.keys == keys
        assert lookup(stack, "021234567") == "Ada Neri"
        functions = stack.emulator.client("lambda")
        names = [item["FunctionName"] for item in functions.list_functions()["Functions"]]
        (name,) = (name for name in names if "LookupFunction" in name)
        live = functions.get_function_configuration(FunctionName=name, Qualifier="live")
        assert live["Environment"]["Variables"]["CENTRALINO_CACHE_S"] == "7"


def test_aws_tools_reach_the_emulator_with_the_variables_of_aws_env(local_stack: Stack) -> None:
    file = local_stack.directory / "aws.env"
    ask_for_the_table = (
        "import boto3, os; table = os.environ['CENTRALINO_TABLE'];"
        "print(boto3.client('dynamodb').describe_table(TableName=table)['Table']['TableName'])"
    )
    shown = subprocess.run(
        ["sh", "-c", f". '{file}'; exec '{sys.executable}' -c \"{ask_for_the_table}\""],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == local_stack.table


def test_keys_and_the_crms_secret_outlive_the_loss_of_the_store(tmp_path: Path) -> None:
    known = {role: f"demo.{role:A<22}" for role in ROLES}
    secret = "whsec_" + "A" * 32
    demo = {
        "url": "http://127.0.0.1:1",
        "tenant": "demo",
        "keys": known,
        "webhook_secret": secret,
        "pbx_token": "A" * 22,
    }
    (tmp_path / "demo.json").write_text(json.dumps(demo))
    with start(0, tmp_path) as stack:
        assert stack.keys == known
        assert stack.webhook_secret == secret
        assert lookup(stack, "0244556677") == "*Mario Rossi"
        assert json.loads((tmp_path / "demo.json").read_text()) == {**demo, "url": stack.url}
