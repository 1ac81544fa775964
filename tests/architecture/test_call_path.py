"""What a decode may import, and a webhook: a caller, or a CRM, waits for every millisecond of it.

Run in a process of its own, from nothing but our code: an import that some test made would hide
one that the call path makes.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/centralino/python"

# Measured reasons are in docs/adr/0001 and 0002.
FORBIDDEN = {
    "anyascii",
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "cleanco",
    "dataclasses",
    "datetime",
    "http.client",
    "httpx",
    "inspect",
    "ipaddress",
    "phonenumbers",
    "pydantic",
    "regex",
    "typing",
    "unicodedata",
    "urllib.request",
    "wcwidth",
    "zoneinfo",
}

DECODE = """
import json, sys
sys.path[:0] = {path!r}
import app
from centralino.domain.card import Card, Holder
from centralino.domain.keys import ApiKey
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.ports.call_read import Read, TenantItems

class Store:
    def read(self, tenant, numbers, *, key_hash="", caller="", timeout_s):
        holder = Holder("a:1", parts={parts!r})
        return Read(
            {{number: Card(number, (holder,), 1) for number in numbers[:{known}]}},
            TenantItems(Settings("demo", crms=("odoo",)), ApiKey(key_hash, "pbx")),
            True,
        )

app.door = Door(Store(), app.time.time, 30)
answer = app.handler(
    {{
        "rawPath": "/v1/lookup",
        "rawQueryString": "number={number}",
        "headers": {{"x-api-key": "demo.aaaaaaaaaaaaaaaaaaaaaa"}},
        "requestContext": {{"http": {{"method": "GET", "sourceIp": "127.0.0.1"}}}},
    }},
    None,
)
print(json.dumps([answer["headers"]["x-centralino-outcome"], answer["body"], sorted(sys.modules)]))
"""


def decode(number: str, *, known: bool = True) -> tuple[str, str, set[str]]:
    """Decode one caller in a fresh process; returns outcome, label and the modules imported."""
    from centralino.domain.naming import name_contact  # noqa: PLC0415 - not on the call path

    script = DECODE.format(
        path=[str(ROOT / "functions/lookup"), str(LAYER)],
        parts=name_contact("Mario", "Rossi", "").parts,
        number=number,
        known=int(known),
    )
    outcome, label, modules = run(script)
    return outcome, label, set(modules)


def run(script: str) -> list[Any]:
    """Run a script in a fresh process; returns the JSON that it printed last."""
    done = subprocess.run(
        # -I -S: neither this checkout's environment nor its start-up files
        [sys.executable, "-I", "-S", "-c", script],
        env={
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_REGION": "eu-south-1",
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "CENTRALINO_SEARCH_FUNCTION": "search:live",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    printed: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


@pytest.mark.parametrize("number", ["%2B390244556677", "0244556677", "00390244556677"])
def test_a_decode_imports_nothing_that_it_does_not_need(number: str) -> None:
    outcome, label, modules = decode(number)

    assert (outcome, label) == ("hit", "Mario Rossi")
    assert modules & FORBIDDEN == set()
    assert "centralino.application.decode_caller" in modules
    # The tenant has a CRM, and the caller is in the index all the same.
    assert {module for module in modules if module.endswith("live_search")} == set()


def test_asking_the_crms_imports_nothing_that_a_caller_should_not_wait_for() -> None:
    outcome, _, modules = decode("0244556677", known=False)

    assert outcome == "degraded"  # nobody listens where the function should be
    assert modules & FORBIDDEN == set()
    assert "centralino.adapters.live_search" in modules


# `urllib.parse` imports the one, and a time in ISO 8601 needs the other: a few milliseconds of the
# second that even Odoo waits.
RECEIVER_MAY = {"ipaddress", "datetime"}
PROVIDERS = sorted(
    path.stem
    for path in (LAYER / "centralino/adapters/crm").glob("*.py")
    if path.stem != "__init__"
)

RECEIVE = """
import json, sys
sys.path[:0] = {path!r}
import app
from centralino.adapters.store.connections import read_connection
from centralino.domain.keys import ApiKey
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.ports.call_read import Read, TenantItems
from centralino.ports.crm import Delivery

class Store:
    def read(self, tenant, numbers, *, key_hash="", caller="", timeout_s):
        return Read({{}}, TenantItems(Settings("demo"), ApiKey(key_hash, "crm")), True)

class Connections:
    def get(self, provider, timeout_s):
        return read_connection({{
            "pk": {{"S": "T#demo"}},
            "sk": {{"S": "CRM#" + provider}},
            "doc": {{"S": '{{"account": {{}}, "connected_at": 1}}'}},
        }})

class Secrets:
    def read(self, tenant, provider, timeout_s):
        return {{"webhook_secrets": ["whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"]}}
    refresh = read

class Queue:
    def send(self, message, *, timeout_s):
        pass
    max_bytes = 1000000

from centralino import bootstrap
bootstrap.queue()
bootstrap.secrets()
app.door = Door(Store(), app.time.time, 30)
app.inbox = app.Inbox(
    bootstrap.crm_class, lambda tenant: Connections(), Secrets(), Queue(), None, app.time.time,
    lambda: "1",
)
given = app.handler(
    {{
        "rawPath": "/v1/crm/{provider}",
        "rawQueryString": "",
        "headers": {{"x-api-key": "demo.aaaaaaaaaaaaaaaaaaaaaa", "host": "api.example.com"}},
        "requestContext": {{"http": {{"method": "POST", "sourceIp": "127.0.0.1"}}}},
        "body": {body!r},
        "isBase64Encoded": True,
    }},
    None,
)
adapter = bootstrap.crm_class("{provider}")(app.inbox.connection("demo", "{provider}", "IT"))
acknowledged = adapter.acknowledge(Delivery("POST", "", {{}}, b"", "", 0.0))
print(json.dumps([given["statusCode"], acknowledged.status, sorted(sys.modules)]))
"""


def recorded(provider: str) -> bytes:
    """Return a recorded delivery, or anything if there is none."""
    folder = ROOT / "tests/data/crm" / provider
    bodies = sorted(path for path in folder.glob("*") if path.name != "deliveries.json")
    return bodies[0].read_bytes() if bodies else b"{}"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_delivery_is_verified_without_wheels_and_imports_nothing_that_it_does_not_need(
    provider: str,
) -> None:
    status, acknowledged, modules = run(
        RECEIVE.format(
            path=[str(ROOT / "functions/receive_crm"), str(LAYER)],
            provider=provider,
            body=base64.b64encode(recorded(provider)).decode(),
        )
    )

    # Unsigned, so refused: what could not be imported would have been trouble of ours (503).
    assert (status, acknowledged // 100) == (401, 2)
    assert set(modules) & (FORBIDDEN - RECEIVER_MAY) == set()
    assert f"centralino.adapters.crm.{provider}" in modules
