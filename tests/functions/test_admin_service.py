"""Explain, whoami and health; and what becomes of a request that breaks something."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.keys import hash_key
from tests.support.admin import Desk, contact_path

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def desk() -> Desk:
    return Desk()


def explained(desk: Desk, number: str, **query: str) -> Mapping[str, object]:
    answer: Mapping[str, object] = desk.ask(
        "GET", "/v1/explain", query={"number": number, **query}
    ).json
    return answer


def test_an_explanation_says_who_won_and_why_the_others_lost(desk: Desk) -> None:
    desk.add(id="crm:1", last_name="Rossi", numbers=[{"number": "02 4455667", "kind": "direct"}])
    desk.add(id="crm:2", company="Acme", numbers=[{"number": "02 4455667", "kind": "switchboard"}])
    told = desk.ask("GET", "/v1/explain", query={"number": "024455667", "trunk": "milan"}).json
    assert (told["outcome"], told["label"]) == ("hit", "Rossi +1")
    assert (told["shape"], told["cleaned"], told["kind"]) == ("national", "024455667", "number")
    assert told["matched"] == "+39024455667"
    won = next(c for c in told["candidates"] if c["key"] == told["matched"])
    assert (won["reason"], won["holders"], won["lost"]) == ("national", 2, "")
    assert all(c["lost"] for c in told["candidates"] if c["key"] != told["matched"])
    assert (told["contact"]["id"], told["contact"]["source"]) == ("crm:1", "crm")
    assert told["lost"] == [{"id": "crm:2", "why": "ranked below"}]
    assert told["others"] == 1
    assert told["variants"][:1] == ["024455667"]


def test_an_explanation_shows_which_rule_changed_the_number(desk: Desk) -> None:
    rules = [{"pattern": "^99", "replacement": ""}]
    desk.ask("PATCH", "/v1/settings", {"trunks": {"milan": {"rules": rules}}})
    told = desk.ask("GET", "/v1/explain", query={"number": "99024455667", "trunk": "milan"}).json
    assert told["cleaned"] == "024455667"
    assert any("99" in step for step in told["rules"])
    assert told["line"]["rules"] == rules


def test_an_exten_is_a_colleague_only_when_nothing_says_that_the_call_is_from_outside(
    desk: Desk,
) -> None:
    inside = explained(desk, "21")
    assert (inside["outcome"], inside["label"], inside["external"]) == ("internal", "Chiara", False)
    outside = explained(desk, "21", trunk="milan")
    assert (outside["outcome"], outside["label"], outside["external"]) == ("miss", "", True)


def test_a_withheld_number_and_one_that_is_no_number_are_explained_too(desk: Desk) -> None:
    assert explained(desk, "anonymous", name="Bar Sport")["outcome"] == "withheld"
    assert explained(desk, "anonymous", name="Bar Sport")["label"] == "Bar Sport"
    assert explained(desk, "ciao\x00")["outcome"] == "miss"
    assert explained(desk, "9" * 40)["outcome"] == "miss"


def test_a_number_that_lost_its_plus_on_the_way_is_still_the_one(desk: Desk) -> None:
    desk.add(last_name="Rossi", numbers=[{"number": "02 4455667"}])
    reply = desk.ask("GET", "/v1/explain", query="number=+39024455667")
    assert reply.json["label"] == "Rossi"


def test_a_megabyte_of_parameters_is_refused_and_harms_nothing(desk: Desk) -> None:
    assert desk.ask("GET", "/v1/explain", query={"number": "1" * 1_000_000}).status == 400
    many = {f"field{place}": "1" for place in range(1000)}
    assert desk.ask("GET", "/v1/explain", query=many).status == 413
    assert desk.ask("POST", "/v1/contacts", {"last_name": "x" * 2_000_000}).status == 413
    assert desk.ask("POST", "/v1/contacts", {"last_name": "x" * 900_000}).status == 400
    assert desk.ask("GET", contact_path("crm:" + "x" * 1_000_000)).status == 400


def test_whoami_tells_every_key_its_tenant_role_country_and_counts(desk: Desk) -> None:
    desk.add(last_name="Rossi")
    for role, key in desk.keys["acme"].items():
        told = desk.ask("GET", "/v1/whoami", key=key).json
        assert (told["tenant"], told["role"], told["country"]) == ("acme", role, "IT")
        assert told["counts"] == {
            "contacts": 1,
            "contacts_at_least": False,
            "keys": 6,
            "extens": 1,
            "trunks": 0,
            "dids": 0,
        }


def test_health_needs_no_key_and_says_whether_the_store_answers(desk: Desk) -> None:
    well = desk.ask("GET", "/v1/health", key="")
    assert (well.status, well.json["status"], well.json["store"]) == (200, "ok", True)
    assert well.json["version"]
    desk.dynamo.breaks_in = 0
    ill = desk.ask("GET", "/v1/health", key="")
    assert (ill.status, ill.json["status"], ill.json["store"]) == (503, "degraded", False)


@pytest.mark.parametrize(
    ("fault", "retry_after"),
    [
        (UnavailableError("timeout"), "1"),
        (ThrottledError("throttled", retry_after_s=5), "5"),
        (RejectedError("ResourceNotFoundException"), "1"),
    ],
)
@pytest.mark.parametrize("at", [0, 1])
def test_a_store_that_fails_is_a_503_that_says_when_to_try_again(
    desk: Desk, fault: Exception, retry_after: str, at: int
) -> None:
    desk.dynamo.fault, desk.dynamo.breaks_in = fault, at
    reply = desk.ask("GET", "/v1/contacts/17")
    assert (reply.status, reply.headers["retry-after"]) == (503, retry_after)
    assert reply.headers["content-type"] == "application/problem+json"


def test_what_breaks_unforeseen_says_nothing_of_itself(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.dynamo.fault, desk.dynamo.breaks_in = ValueError("Zanzibarini +39024455667"), 1
    reply = desk.ask("GET", "/v1/contacts/17")
    assert reply.status == 500
    log = "".join(capsys.readouterr())
    for place in (reply.text, log):
        assert "Zanzibarini" not in place
        assert "4455667" not in place
    assert "ValueError" in log


def test_a_path_that_is_not_there_is_told_from_a_method_that_is_not(desk: Desk) -> None:
    for path in ("/", "/v1", "/v1/nothing", "/v2/contacts", "/v1/settings/line"):
        assert desk.ask("GET", path).status == 404
    for method, path, allow in (
        ("DELETE", "/v1/settings", "GET, PATCH, PUT"),
        ("PUT", "/v1/contacts", "GET, POST"),
        ("GET", "/v1/erase", "POST"),
    ):
        reply = desk.ask(method, path)
        assert (reply.status, reply.headers["allow"]) == (405, allow)


def test_slashes_too_many_and_a_key_in_the_path_are_tolerated(desk: Desk) -> None:
    assert desk.ask("GET", "//v1//whoami/").status == 200
    crm = desk.keys["acme"]["crm"]
    assert desk.ask("GET", f"/v1/k/{crm}/whoami", key="").json["role"] == "crm"


def test_names_and_numbers_never_reach_the_log(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    marked: dict[str, Any] = {
        "first_name": "Marcantonia",
        "last_name": "Zanzibarini",
        "company": "Zanzibarini SpA",
        "numbers": [{"number": "+393331234567"}, {"number": "3331234567 x"}],
    }
    contact = desk.add(id="crm:zanzibarini", **marked)
    desk.ask("GET", contact_path(contact["id"]))
    desk.ask("PUT", contact_path(contact["id"]), {**marked, "zanzibarini": 1})
    desk.ask("GET", "/v1/contacts", query={"number": "+393331234567"})
    desk.ask("GET", "/v1/contacts", query={"cursor": "zanzibarini"})
    desk.ask("GET", "/v1/explain", query={"number": "+393331234567", "name": "Zanzibarini"})
    desk.ask("GET", contact_path(contact["id"], "/export"))
    desk.ask("GET", "/v1/zanzibarini/3331234567")
    desk.ask("POST", "/v1/contacts/batch", {"contacts": [marked, {"zanzibarini": 1}]})
    desk.ask("POST", "/v1/contacts", '{"last_name": "Zanzibarini')
    desk.dynamo.fault, desk.dynamo.breaks_in = KeyError("Zanzibarini 3331234567"), 1
    desk.ask("GET", contact_path(contact["id"]))
    desk.ask("POST", contact_path(contact["id"], "/erase"))
    log = "".join(capsys.readouterr())
    lines = [json.loads(line) for line in log.splitlines()]
    assert len([line for line in lines if line["message"] == "admin"]) == 12
    assert "zanzibarini" not in log.lower()
    assert "marcantonia" not in log.lower()
    assert "3331234567" not in log


def test_a_log_line_has_what_an_operator_needs(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.ask("GET", "/v1/whoami")
    assert json.loads(capsys.readouterr().out) == {
        "message": "admin",
        "method": "GET",
        "resource": "whoami",
        "status": 200,
        "tenant": "acme",
        "role": "admin",
        "key": hash_key(desk.keys["acme"]["admin"])[:12],
        "ms": 0.0,
    }


def test_a_log_line_tells_keys_apart_and_holds_nothing_that_opens(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk.ask("POST", "/v1/keys", {"role": "admin", "name": "Zanzibarini"}).json
    desk.ask("GET", "/v1/settings", key=made["key"])
    desk.ask("GET", "/v1/health", key="")
    desk.ask("GET", "/v1/settings", key=made["key"][:-1] + "!")
    log = capsys.readouterr().out
    first, second, *without = [json.loads(line) for line in log.splitlines()]
    assert first["key"] == hash_key(desk.keys["acme"]["admin"])[:12]
    assert second["key"] == made["id"] != first["key"]
    assert not any("key" in line for line in without)
    assert made["key"].partition(".")[2] not in log
    assert hash_key(made["key"]) not in log
