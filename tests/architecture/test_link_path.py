"""What a PBX's handshake and its messages import: it waits for the one and pays for the others."""

from __future__ import annotations

import pytest

from tests.architecture.test_call_path import FORBIDDEN, LAYER, ROOT, run

AUTHORIZE = """
import base64, json, sys
sys.path[:0] = {path!r}
import app
from centralino.domain.keys import ApiKey
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.ports.call_read import Read, TenantItems

class Store:
    def read(self, tenant, numbers, *, key_hash="", caller="", timeout_s, beside=None):
        return Read({{}}, TenantItems(Settings("demo"), ApiKey(key_hash, "link")), True, 0.0)

app.door = Door(Store(), app.time.time, 30, 1.0)
basic = base64.b64encode(b"milan:demo.aaaaaaaaaaaaaaaaaaaaaa").decode()
answer = app.handler(
    {{
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-south-1:1:a/ari/$connect",
        "headers": {{"Authorization": "Basic " + basic}},
        "requestContext": {{"connectionId": "L1=", "identity": {{"sourceIp": "127.0.0.1"}}}},
    }},
    None,
)
effect = answer["policyDocument"]["Statement"][0]["Effect"]
print(json.dumps([effect, answer["context"]["site"], sorted(sys.modules)]))
"""

LINK = """
import json, sys
sys.path[:0] = {path!r}
import app

class Store:
    tenant = "demo"
    def save(self, socket): pass
    def all(self): return ()
    def get(self, socket_id): return None
    def remove(self, socket_id): pass
    def keep_answer(self, request_id, answer): pass
    def keep_event(self, call_id, at_ms, text): pass
    def note_pong(self, socket_id, *, at_ms): pass

app.desk = app.desk._replace(stores=lambda tenant: Store(), again=lambda: None)
context = {{
    "connectionId": "L1=",
    "eventType": {kind!r},
    "authorizer": {{"tenant": "demo", "site": "milan", "key": "k"}},
}}
answer = app.handler({{"requestContext": context, "body": {body!r}, "headers": {{}}}}, None)
print(json.dumps([answer["statusCode"], "", sorted(sys.modules)]))
"""
EVENT = '{"type": "Dial", "timestamp": "2026-11-18T11:06:40.123+0000", "caller": {"id": "17.1"}}'
ANSWER = '{"type": "RESTResponse", "request_id": "ab12", "status_code": 200}'


def test_a_handshake_imports_nothing_that_it_does_not_need() -> None:
    path = [str(ROOT / "functions/authorize_pbx"), str(LAYER)]
    effect, site, modules = run(AUTHORIZE.format(path=path))

    assert (effect, site) == ("Allow", "milan")
    assert set(modules) & FORBIDDEN == set()


@pytest.mark.parametrize(
    ("kind", "body"),
    [("CONNECT", ""), ("MESSAGE", EVENT), ("MESSAGE", ANSWER), ("DISCONNECT", "")],
    ids=["connect", "an event", "an answer", "disconnect"],
)
def test_what_comes_through_a_connection_imports_nothing_that_it_does_not_need(
    kind: str, body: str
) -> None:
    path = [str(ROOT / "functions/link_pbx"), str(LAYER)]
    status, _, modules = run(LINK.format(path=path, kind=kind, body=body))

    assert status == 200
    assert set(modules) & FORBIDDEN == set()
