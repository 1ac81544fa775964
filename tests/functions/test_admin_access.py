"""Who may do what: every route of the OpenAPI document, every role, every kind of bad key."""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple

import pytest

from centralino.application.create_key import create_key
from centralino.domain.customer import Learned
from centralino.domain.keys import ROLES, ApiKey, hash_key, new_key
from centralino.entry.admin.document import build_document
from tests.support.admin import Desk, Reply, contact_path

THEIRS = "crm:theirs"
MARK = "Zanzibarini"
# Of acme's key of role agent, too.
EXTEN = "21"
# A request to each operation that would do something, if it were allowed to.
BODIES: dict[str, Any] = {
    "create_contact": {"last_name": "Rossi"},
    "save_batch": {"contacts": [{"id": THEIRS, "last_name": "Rossi"}]},
    "erase_number": {"number": "+39024455667"},
    "put_contact": {"last_name": "Rossi"},
    "erase_everything": {"tenant": "other"},
    "make_key": {"role": "agent"},
    "put_node": {"codes": ["vat:IT"]},
    "put_settings": {"version": 1, "line": {"country": "DE"}},
    "patch_settings": {"line": {"country": "DE"}},
    "put_agent": {"name": "Anna"},
    "put_state": {"state": "busy"},
    "post_rules": {"document": {"rules": [{"name": "all", "to": "queue:1"}]}},
    "publish": {},
    "test_rules": {"document": {}, "days": 1},
    "put_schedule": {"open": {"mon": ["09:00-10:00"]}},
    "patch_routing": {"keep_days": 30},
    "put_dialling": {"version": 0, "countries": ["CH"]},
    "patch_dialling": {"countries": ["CH"]},
    "put_do_not_call": {"reason": "asked for it"},
}
BODIES |= {
    "put_customer": {"name": "Rossi"},
    "post_access": {"action": "revoke"},
    "put_ticket": {"ticket": "4711"},
    "register": {"code": "C77"},
}
# What the other tenant has by these names, and this one hasn't.
NAMES = {
    "exten": EXTEN,
    "name": "theirs",
    "code": "THEIRS",
    "number": "+39024455667",
    "version": "1",
}
ELSEWHERE = ("/v1/lookup", "/v1/identify/", "/v1/pbx/", "/v1/crm/", "/v1/originate")
_UNIQUE = re.compile(r"[0-9a-f]{12,32}|acme\.[\w-]{22}")
QUERIES = {"explain": {"number": "+39024455667"}}


class Operation(NamedTuple):
    """One operation of the document."""

    id: str
    method: str
    path: str
    roles: tuple[str, ...]
    has_body: bool

    def ask(self, desk: Desk, key: str, *, contact_id: str, key_id: str) -> Reply:
        path = self.path.replace("/v1/contacts/{contact_id}", contact_path(contact_id))
        path = path.replace("{key_id}", key_id)
        for name, value in NAMES.items():
            path = path.replace(f"{{{name}}}", value)
        body, query = BODIES.get(self.id), QUERIES.get(self.id)
        return desk.ask(self.method, path, body, key=key, query=query)


OPERATIONS = [
    Operation(
        operation["operationId"],
        method.upper(),
        path,
        tuple(operation.get("x-roles", ())),
        "requestBody" in operation,
    )
    for path, methods in build_document()["paths"].items()
    for method, operation in methods.items()
    # Other functions than this one answer these; `test_route_access.py` has those of the call path,
    # `test_originate.py` who may have calls placed.
    if path != "/v1/route" and not path.startswith(ELSEWHERE)
]
WITH_KEY = [operation for operation in OPERATIONS if operation.roles]
with_key = pytest.mark.parametrize("operation", WITH_KEY, ids=lambda operation: operation.id)


@pytest.fixture
def desk() -> Desk:
    """Two tenants, of which `other` has a contact, a node, settings and keys worth stealing."""
    desk = Desk()
    desk.add(
        key=desk.keys["other"]["admin"],
        id=THEIRS,
        last_name=MARK,
        numbers=[{"number": "+39024455667"}],
    )
    other = desk.keys["other"]["admin"]
    for path, body in (
        ("/v1/schedules/theirs", {"on_holidays": ["09:00-10:00"]}),
        ("/v1/nodes/theirs", {"prompt": MARK}),
        (f"/v1/agents/{EXTEN}", {"name": MARK}),
        ("/v1/customers/THEIRS", {"name": MARK}),
    ):
        assert desk.ask("PUT", path, body, key=other).status == 201
    blocked = {"reason": MARK}
    assert desk.ask("PUT", "/v1/do-not-call/+39024455667", blocked, key=other).status == 200
    learned = Learned("+39024455667", "THEIRS", int(desk.clock.now), int(desk.clock.now), MARK)
    assert desk.customers("other").learn(learned, most=5, expired_before=0) == "learned"
    return desk


def items_of(desk: Desk, tenant: str) -> list[Any]:
    prefix = f"T#{tenant}"
    return [item for item in desk.dynamo.all_items() if item["pk"]["S"].startswith(prefix)]


def test_every_operation_that_takes_a_body_is_tried_with_one() -> None:
    assert {operation.id for operation in OPERATIONS if operation.has_body} == set(BODIES)


@with_key
def test_another_tenants_things_are_answered_exactly_as_absent_ones(
    desk: Desk, operation: Operation
) -> None:
    before = items_of(desk, "other")
    their_key = hash_key(desk.keys["other"]["pbx"])[:12]
    theirs = operation.ask(desk, desk.keys["acme"]["admin"], contact_id=THEIRS, key_id=their_key)
    alone = Desk()
    absent = operation.ask(alone, alone.keys["acme"]["admin"], contact_id=THEIRS, key_id=their_key)
    assert MARK not in theirs.text
    assert comparable(operation, theirs) == comparable(operation, absent)
    assert items_of(desk, "other") == before


def comparable(operation: Operation, reply: Reply) -> tuple[object, ...]:
    """Return an answer without what is made up anew for each: ids, keys and their order."""
    headers = {name: _UNIQUE.sub("?", value) for name, value in reply.headers.items()}
    listed = operation.id in ("get_keys", "export")
    return reply.status, headers, "" if listed else _UNIQUE.sub("?", reply.text)


@with_key
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_document_says_and_nothing_else(
    desk: Desk, operation: Operation, role: str
) -> None:
    before = desk.dynamo.all_items()
    reply = operation.ask(
        desk,
        desk.keys["acme"][role],
        contact_id="crm:none",
        key_id=hash_key(desk.keys["acme"]["agent"])[:12],
    )
    if role in operation.roles and operation.id == "register":
        # The key is good; what lacks is the site's signature.
        assert (reply.status, "webhook-id" in reply.text) == (401, True)
    elif role in operation.roles:
        assert reply.status not in (401, 403)
    else:
        assert reply.status == 403
        assert desk.dynamo.all_items() == before


@with_key
@pytest.mark.parametrize(
    "bad", ["none", "malformed", "unknown", "revoked", "expired", "elsewhere", "no_tenant", "url"]
)
def test_no_bad_key_gets_anywhere(desk: Desk, operation: Operation, bad: str) -> None:
    key = bad_key(desk, bad)
    before = desk.dynamo.all_items()
    if bad == "url":
        path = operation.path.replace("{contact_id}", "x").replace("{key_id}", "x")
        reply = desk.ask(
            operation.method, path, BODIES.get(operation.id), key="", query={"key": key}
        )
    else:
        reply = operation.ask(desk, key, contact_id="crm:none", key_id="0" * 12)
    assert reply.status == 401
    assert reply.headers["www-authenticate"]
    assert desk.dynamo.all_items() == before


def bad_key(desk: Desk, bad: str) -> str:
    """Make a key that must not open."""
    tenants, now = desk.tenants(), desk.clock.now
    if bad == "revoked":
        new = create_key(tenants, "admin", now_s=now)
        tenants.remove_key(new.key.hash)
        return new.text
    if bad == "expired":
        text = new_key("acme")
        tenants.add_key(ApiKey(hash_key(text), "admin", expires_at=int(now)))
        return text
    if bad == "elsewhere":
        return create_key(tenants, "admin", now_s=now, networks=["192.0.2.0/24"]).text
    return {
        "none": "",
        "malformed": "acme.short",
        "unknown": new_key("acme"),
        "no_tenant": new_key("nobody"),
        "url": desk.keys["acme"]["admin"],
    }[bad]


def test_a_key_comes_as_a_header_basic_or_bearer(desk: Desk) -> None:
    key = desk.keys["acme"]["admin"]
    basic = base64.b64encode(f"anyone:{key}".encode()).decode()
    for value in (f"Bearer {key}", f"bearer {key}", f"Basic {basic}"):
        reply = desk.ask("GET", "/v1/whoami", key="", headers={"Authorization": value})
        assert reply.json["role"] == "admin"
