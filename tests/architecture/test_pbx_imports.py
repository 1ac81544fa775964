"""What a PBX provider may import: a caller waits for it.

Run in a process of its own, from nothing but our code, as `test_call_path.py` does: each provider
verifies, reads and answers a request there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/centralino/python"
# Those that ask us; others only place calls.
PROVIDERS = sorted(
    path.stem
    for path in (LAYER / "centralino/adapters/pbx").glob("*.py")
    if "\nclass Adapter(" in path.read_text()
)
# What takes longer to import than an answer takes to make. Nothing here parses XML.
FORBIDDEN = {
    "boto3",
    "botocore",
    "dataclasses",
    "datetime",
    "defusedxml",
    "html",
    "http.client",
    "httpx",
    "inspect",
    "ipaddress",
    "jmespath",
    "phonenumbers",
    "pydantic",
    "socket",
    "ssl",
    "typing",
    "unicodedata",
    "urllib.parse",
    "urllib.request",
    "xml",
    "zoneinfo",
}

ANSWER = """
import json, sys
sys.path[:0] = [{layer!r}]
from importlib import import_module
Adapter = import_module("centralino.adapters.pbx.{provider}").Adapter
from centralino.domain.decision import Decision
from centralino.domain.destination import Destination
from centralino.domain.errors import CredentialsError
from centralino.domain.routing import Node
from centralino.ports.pbx import Ask, Asked, Told, Verdict

url = "https://api.example.com/v1/k/KEY/pbx/{provider}/route?question=1"
body = b'{{"call_sid": "1", "sip": {{"headers": {{"from": "a"}}}}}}'
headers = {{"content-type": "application/x-www-form-urlencoded"}}
fields = {{"number": "+390244556677", "from": "+390244556677", "question": "1"}}
asked = Asked("POST", url, headers, fields, {{"question": "1"}}, {{}}, body, "route")
pbx = Adapter({{}}, {{name: "secret" for name in Adapter.secrets}})
try:
    pbx.verify(asked, now_s=0)
    let_in = True
except CredentialsError:
    let_in = False
call = pbx.read(asked)
told = [
    Told("M\\u00fcller", Decision(Destination("queue", "600"), ("21",))),
    Told("Rossi", ask=Ask(Node("vat"), False, url, 1)),
    Told("Rossi", verdict=Verdict(True)),
    Told(event=True),
]
statuses = [pbx.reply(asked, call, one).status for one in told]
print(json.dumps([let_in, statuses, sorted(sys.modules)]))
"""


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_pbx_is_answered_without_what_a_caller_should_not_wait_for(provider: str) -> None:
    done = subprocess.run(
        # -I -S: neither this checkout's environment nor its start-up files
        [sys.executable, "-I", "-S", "-c", ANSWER.format(layer=str(LAYER), provider=provider)],
        capture_output=True,
        text=True,
        check=True,
    )
    let_in, statuses, modules = json.loads(done.stdout)
    others = {f"centralino.adapters.pbx.{slug}" for slug in PROVIDERS if slug != provider}

    assert let_in is (provider not in {"twilio", "jambonz"})
    assert set(statuses) <= {200, 404}
    assert set(modules) & FORBIDDEN == set()
    assert set(modules) & others == set()
    assert f"centralino.adapters.pbx.{provider}" in modules
