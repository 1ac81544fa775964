"""What a decode may import: a caller waits for every millisecond of it.

Run in a process of its own, from nothing but our code: an import that some test made would hide
one that the call path makes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
            {{number: Card(number, (holder,), 1) for number in numbers[:1]}},
            TenantItems(Settings("demo"), ApiKey(key_hash, "pbx")),
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


def decode(number: str) -> tuple[str, str, set[str]]:
    """Decode one caller in a fresh process; returns outcome, label and the modules imported."""
    from centralino.domain.naming import name_contact  # noqa: PLC0415 - not on the call path

    script = DECODE.format(
        path=[str(ROOT / "functions/lookup"), str(LAYER)],
        parts=name_contact("Mario", "Rossi", "").parts,
        number=number,
    )
    done = subprocess.run(
        # -I -S: neither this checkout's environment nor its start-up files
        [sys.executable, "-I", "-S", "-c", script],
        env={"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9", "AWS_REGION": "eu-south-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    outcome, label, modules = json.loads(done.stdout.splitlines()[-1])
    return outcome, label, set(modules)


@pytest.mark.parametrize("number", ["%2B390244556677", "0244556677", "00390244556677"])
def test_a_decode_imports_nothing_that_it_does_not_need(number: str) -> None:
    outcome, label, modules = decode(number)

    assert (outcome, label) == ("hit", "Mario Rossi")
    assert modules & FORBIDDEN == set()
    assert "centralino.application.decode_caller" in modules
