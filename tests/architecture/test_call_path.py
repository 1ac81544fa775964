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
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.crm.contract import NOW_S, contract_of

if TYPE_CHECKING:
    from centralino.ports.crm import Delivery

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
    def read(self, tenant, numbers, *, key_hash="", caller="", timeout_s, beside=None):
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
KEY = "demo.aaaaaaaaaaaaaaaaaaaaaa"
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
    def read(self, tenant, numbers, *, key_hash="", caller="", timeout_s, beside=None):
        return Read({{}}, TenantItems(Settings("demo"), ApiKey(key_hash, "crm")), True)

class Connections:
    def get(self, provider, timeout_s):
        return read_connection({{
            "pk": {{"S": "T#demo"}},
            "sk": {{"S": "CRM#" + provider}},
            "doc": {{"S": json.dumps({{"account": {account!r}, "connected_at": 1}})}},
        }})

class Secrets:
    def read(self, tenant, provider, timeout_s):
        return {{"webhook_secrets": [{secret!r}]}}
    refresh = read

kept = []

def now():
    return {now!r}

class Queue:
    def send(self, message, *, delay_s=0, timeout_s):
        kept.append(message["provider"])
    max_bytes = 1000000

from centralino import bootstrap
bootstrap.queue()
bootstrap.secrets()
app.door = Door(Store(), now, 30)
app.inbox = app.Inbox(
    bootstrap.crm_class, lambda tenant: Connections(), Secrets(), Queue(), None, now, lambda: "1",
)
given = app.handler({event!r}, None)
print(json.dumps([given["statusCode"], given["body"], kept, sorted(sys.modules)]))
"""


def posted(delivery: Delivery) -> dict[str, Any]:
    """Return the event that the gateway makes of a delivery; the key is in a header."""
    url = urlsplit(delivery.url)
    return {
        "rawPath": url.path,
        "rawQueryString": url.query,
        "headers": {"x-api-key": KEY, "host": url.netloc, **delivery.headers},
        "requestContext": {
            "http": {"method": delivery.method, "sourceIp": "127.0.0.1"},
            "timeEpoch": int(1000 * delivery.received_at),
        },
        "body": base64.b64encode(delivery.body).decode(),
        "isBase64Encoded": True,
    }


def handed_in(provider: str, secret: str) -> tuple[int, str, list[str], set[str]]:
    """Post the first recorded delivery to a receiver that has nothing but our layer.

    Args:
        provider: its slug.
        secret: what it is signed with: the contract's `secret`, or another.

    Returns:
        the answer's status and body, whose deliveries were kept, and what was imported.
    """
    contract = contract_of(provider)
    delivery = contract.any_delivery()
    if secret != contract.secret:
        delivery = contract.sign(delivery.body, secret, event=delivery.event)
    connection = contract.connection()
    status, body, kept, modules = run(
        RECEIVE.format(
            path=[str(ROOT / "functions/receive_crm"), str(LAYER)],
            account=dict(connection.account),
            secret=contract.secret,
            now=NOW_S,
            event=posted(delivery),
        )
    )
    return status, body, kept, set(modules)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_delivery_is_accepted_without_wheels_and_imports_nothing_that_it_does_not_need(
    provider: str,
) -> None:
    contract = contract_of(provider)
    expected = contract.inbound().acknowledge(contract.any_delivery())

    status, body, kept, modules = handed_in(provider, contract.secret)

    assert (status, body, kept) == (expected.status, expected.body, [provider])
    assert status // 100 == 2
    assert modules & (FORBIDDEN - RECEIVER_MAY) == set()
    assert f"centralino.adapters.crm.{provider}" in modules


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_forged_delivery_is_refused_without_wheels(provider: str) -> None:
    status, _, kept, modules = handed_in(provider, contract_of(provider).other_secret)

    # What could not be imported would have been trouble of ours (503).
    assert (status, kept) == (401, [])
    assert modules & (FORBIDDEN - RECEIVER_MAY) == set()
