"""Keys over the API: made, shown once, rotated, revoked; and who may."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from centralino.domain.keys import ROLES, hash_key
from tests.support.admin import Desk, Rivals


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_new_key_works_at_once_and_is_shown_this_once(desk: Desk) -> None:
    made = desk.ask("POST", "/v1/keys", {"role": "crm", "name": "HubSpot", "exten": ""})
    assert made.status == 201
    key = made.json["key"]
    assert desk.ask("GET", "/v1/whoami", key=key).json["name"] == "HubSpot"
    listed = desk.ask("GET", "/v1/keys").text
    assert made.json["id"] in listed
    for secret in (key, key.partition(".")[2], hash_key(key)):
        assert secret not in listed
        assert secret not in json.dumps(desk.dynamo.all_items()) or secret == hash_key(key)


def test_a_key_is_rotated_with_both_good_meanwhile(desk: Desk) -> None:
    old = desk.keys["acme"]["pbx"]
    new = desk.ask("POST", "/v1/keys", {"role": "pbx"}).json["key"]
    for key in (old, new):
        assert desk.ask("GET", "/v1/whoami", key=key).status == 200
    assert desk.ask("DELETE", f"/v1/keys/{hash_key(old)[:12]}").status == 204
    assert desk.ask("GET", "/v1/whoami", key=old).status == 401
    assert desk.ask("GET", "/v1/whoami", key=new).status == 200


def test_a_key_may_end_and_be_bound_to_networks_and_an_exten(desk: Desk) -> None:
    body = {
        "role": "agent",
        "expires_at": "2026-12-31T23:59:59+01:00",
        "networks": ["203.0.113.0/24", "2001:db8::/32"],
        "exten": "21",
    }
    made = desk.ask("POST", "/v1/keys", body).json
    assert made["expires_at"] == "2026-12-31T22:59:59Z"
    assert made["networks"] == body["networks"]
    assert made["exten"] == "21"
    assert desk.ask("GET", "/v1/whoami", key=made["key"]).status == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "root"}, "role"),
        ({"networks": ["203.0.113.0/99"]}, "networks[0]"),
        ({"networks": ["everywhere"]}, "networks[0]"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"exten": "2a"}, "exten"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"key": "acme.AAAAAAAAAAAAAAAAAAAAAA"}, "key"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_its_field(
    desk: Desk, change: dict[str, object], field: str
) -> None:
    reply = desk.ask("POST", "/v1/keys", {"role": "pbx", **change})
    assert (reply.status, reply.json["field"]) == (400, field)
    assert len(desk.tenants().keys()) == len(ROLES)


def test_the_list_says_which_key_asks_and_nothing_that_opens(desk: Desk) -> None:
    keys = desk.ask("GET", "/v1/keys").json["keys"]
    assert sorted(key["role"] for key in keys) == sorted(ROLES)
    assert [key["role"] for key in keys if key["current"]] == ["admin"]
    assert not any("hash" in key or "key" in key for key in keys)


def test_the_last_admin_key_stays(desk: Desk) -> None:
    last = hash_key(desk.keys["acme"]["admin"])[:12]
    assert desk.ask("DELETE", f"/v1/keys/{last}").status == 409
    second = desk.ask("POST", "/v1/keys", {"role": "admin"}).json["key"]
    assert desk.ask("DELETE", f"/v1/keys/{last}").status == 204
    assert desk.ask("GET", "/v1/keys").status == 401
    assert desk.ask("GET", "/v1/keys", key=second).status == 200


def test_an_admin_key_that_ends_within_a_week_is_not_counted_on(desk: Desk) -> None:
    last = hash_key(desk.keys["acme"]["admin"])[:12]
    soon = datetime.fromtimestamp(desk.clock.now + 7 * 86_400, UTC)
    assert desk.ask("POST", "/v1/keys", {"role": "admin", "expires_at": soon.isoformat()}).json
    refused = desk.ask("DELETE", f"/v1/keys/{last}")
    assert (refused.status, "week" in refused.json["detail"]) == (409, True)
    late = (soon + timedelta(seconds=1)).isoformat()
    assert desk.ask("POST", "/v1/keys", {"role": "admin", "expires_at": late}).status == 201
    assert desk.ask("DELETE", f"/v1/keys/{last}").status == 204


def test_a_key_that_ends_while_it_is_stored_is_shown_all_the_same() -> None:
    dynamo = Rivals()
    desk = Desk(client=dynamo)
    ends = datetime.fromtimestamp(desk.clock.now + 30, UTC).isoformat()
    dynamo.faster = lambda: setattr(desk.clock, "now", desk.clock.now + 60)
    made = desk.ask("POST", "/v1/keys", {"role": "pbx", "expires_at": ends})
    assert (made.status, made.json["id"]) == (201, hash_key(made.json["key"])[:12])


@pytest.mark.parametrize("role", [role for role in ROLES if role != "agent"])
def test_a_supervisor_makes_and_revokes_agents_keys_and_no_others(desk: Desk, role: str) -> None:
    supervisor = desk.keys["acme"]["supervisor"]
    assert desk.ask("POST", "/v1/keys", {"role": role}, key=supervisor).status == 403
    theirs = hash_key(desk.keys["acme"][role])[:12]
    assert desk.ask("DELETE", f"/v1/keys/{theirs}", key=supervisor).status == 403
    made = desk.ask("POST", "/v1/keys", {"role": "agent", "exten": "21"}, key=supervisor)
    assert made.status == 201
    assert desk.ask("DELETE", f"/v1/keys/{made.json['id']}", key=supervisor).status == 204


def test_a_revoked_key_is_believed_for_as_long_as_the_cache_says() -> None:
    desk = Desk(cache_s=30)
    made = desk.ask("POST", "/v1/keys", {"role": "crm"}).json
    assert desk.ask("GET", "/v1/whoami", key=made["key"]).status == 200
    desk.ask("DELETE", f"/v1/keys/{made['id']}")
    assert desk.ask("GET", "/v1/whoami", key=made["key"]).status == 200
    desk.clock.now += 30
    assert desk.ask("GET", "/v1/whoami", key=made["key"]).status == 401
