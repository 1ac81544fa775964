"""The admin API on the real engine, and the function as it is wired."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.admin import Desk, contact_path
from tests.support.calls import http_event

if TYPE_CHECKING:
    from centralino.adapters.aws import Client
    from tests.support.dynamodb_local import DynamoDBLocal

ROOT = Path(__file__).parents[2]
ROSSI = {"last_name": "Rossi", "numbers": [{"number": "02 4455667"}]}


def test_a_contacts_whole_life_leaves_nothing_in_the_table(client: Client, table: str) -> None:
    desk = Desk(client=client, table=table)
    number = {"number": "024455667", "trunk": "milan"}
    batch = {"contacts": [{"id": f"crm:{place}", "version": 1, **ROSSI} for place in range(30)]}
    assert desk.ask("POST", "/v1/contacts/batch", batch).json["created"] == 30
    assert desk.ask("POST", "/v1/contacts/batch", batch).json["unchanged"] == 30
    assert desk.ask("GET", "/v1/explain", query=number).json["candidates"][0]["holders"] == 30
    holders = desk.ask("GET", "/v1/contacts", query={"number": "024455667"}).json
    assert len(holders["contacts"]) == 20
    assert holders["cursor"]
    assert desk.ask("POST", "/v1/contacts/erase", {"number": "024455667"}).status == 409
    assert desk.ask("GET", contact_path("crm:7", "/export")).json["cards"]
    assert desk.ask("POST", contact_path("crm:7", "/erase")).status == 200
    assert desk.ask("DELETE", contact_path("crm:8")).status == 204
    assert desk.ask("GET", "/v1/explain", query=number).json["candidates"][0]["holders"] == 28
    assert desk.ask("GET", "/v1/whoami").json["counts"]["contacts"] == 28
    assert desk.ask("POST", "/v1/erase", {"tenant": "acme"}).json["closed"] is True
    assert items_of(client, table, "T#acme") == 0
    assert desk.ask("GET", "/v1/whoami").status == 401
    assert desk.ask("GET", "/v1/whoami", key=desk.keys["other"]["pbx"]).status == 200


def items_of(client: Client, table: str, prefix: str) -> int:
    """Count a tenant's items, but for the word that its name is taken."""
    answer: dict[str, Any] = client.call("Scan", {"TableName": table}, timeout_s=10)
    return sum(
        item["pk"]["S"].startswith(prefix) and item["type"]["S"] != "ClosedTenant"
        for item in answer["Items"]
    )


def test_the_function_answers_as_it_is_wired(
    client: Client, dynamodb: DynamoDBLocal, table: str
) -> None:
    desk = Desk(client=client, table=table)
    event = http_event(
        path="/v1/whoami",
        headers={"x-api-key": desk.keys["acme"]["supervisor"]},
        epoch_ms=int(time.time() * 1000),
    )
    code = "import json, sys; from functions.admin.app import handler\n"
    code += "print(json.dumps(handler(json.load(sys.stdin), None)))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(event),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={**dynamodb.env, "CENTRALINO_TABLE": table},
        text=True,
    )
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["role"] == "supervisor"
