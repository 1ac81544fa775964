"""Rules over the API: versions, publishing, trials on real calls, and why a call went where."""

from __future__ import annotations

from typing import Any

import pytest

from centralino.adapters.store.route_items import decision_key, list_key, write_kept
from centralino.application.compile_rules import DEFAULTS
from centralino.application.compile_sample import compile_sample
from centralino.domain.agent import Agent
from centralino.domain.customer import STATUSES
from centralino.domain.decision import Decision, Kept
from centralino.domain.destination import Destination
from tests.support.admin import Desk

PAYING = {"name": "paying", "when": "customer.status == 'active'", "to": "support"}
ELSE = {"name": "else", "to": "sales"}
DOCUMENT: dict[str, Any] = {
    "destinations": {"support": "queue:600", "sales": {"to": "queue:700", "omnileads": "1,3"}},
    "fallback": "sales",
    "rules": [PAYING, ELSE],
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def save(desk: Desk, document: dict[str, Any], note: str = "") -> Any:  # noqa: ANN401 - JSON
    return desk.ask("POST", "/v1/rules", {"document": document, "note": note})


def publish(desk: Desk, version: int, **body: object) -> Any:  # noqa: ANN401 - JSON
    return desk.ask("POST", f"/v1/rules/versions/{version}/publish", body)


def keep(desk: Desk, call_id: str, decision: Decision, *, node: str = "", **facts: Any) -> None:  # noqa: ANN401
    """Keep a decision as a call did an hour ago."""
    at = int(desk.clock.now) - 3_600
    kept = Kept(call_id, at, compile_sample(facts, "facts"), decision, node=node)
    item = {
        **decision_key("acme", call_id),
        "type": {"S": "Decision"},
        "sv": {"N": "1"},
        "doc": {"S": write_kept(kept)},
        "lpk": {"S": list_key("acme", "decision", call_id)},
        "lsk": {"S": f"{at:010}#{len(call_id):012x}"},
        "expires_at": {"N": str(at + 14 * 86_400)},
    }
    put = {"Put": {"TableName": "centralino", "Item": item}}
    desk.dynamo.call(
        "TransactWriteItems", {"TransactItems": [put], "ClientRequestToken": call_id}, timeout_s=1
    )


def test_a_tenant_begins_with_the_defaults_in_force(desk: Desk) -> None:
    rules = desk.ask("GET", "/v1/rules").json
    assert (rules["version"], rules["published"], rules["saved_at"]) == (0, True, None)
    assert rules["document"] == DEFAULTS
    assert desk.ask("GET", "/v1/rules/versions").json == {"versions": []}


def test_rules_count_once_they_are_published_and_the_old_ones_come_back(desk: Desk) -> None:
    saved = save(desk, DOCUMENT, "the first")
    assert (saved.status, saved.json) == (201, {"version": 1, "warnings": []})
    assert desk.ask("GET", "/v1/rules").json["version"] == 0
    assert publish(desk, 1).json == {"version": 1, "before": 0, "edition": 1}
    rules = desk.ask("GET", "/v1/rules").json
    assert (rules["version"], rules["note"], rules["document"]) == (1, "the first", DOCUMENT)
    assert rules["saved_by"].endswith("first key")
    assert desk.routing().compiled().destinations["sales"].omnileads == "1,3"

    assert save(desk, {"rules": [ELSE | {"to": "hangup"}]}).json["version"] == 2
    assert publish(desk, 2).json["before"] == 1
    assert publish(desk, 1).json == {"version": 1, "before": 2, "edition": 3}
    heads = desk.ask("GET", "/v1/rules/versions").json["versions"]
    assert [(head["version"], head["published"]) for head in heads] == [(2, False), (1, True)]
    assert publish(desk, 0).json["version"] == 0
    assert desk.ask("GET", "/v1/rules").json["document"] == DEFAULTS
    assert desk.ask("GET", "/v1/rules/versions/2").json["document"]["rules"][0]["to"] == "hangup"


def test_who_publishes_over_an_edition_that_was_changed_is_told(desk: Desk) -> None:
    save(desk, DOCUMENT)
    assert publish(desk, 1, edition=0).status == 200
    assert publish(desk, 0, edition=0).status == 409


def test_a_version_that_there_is_none_of_is_not_found(desk: Desk) -> None:
    assert desk.ask("GET", "/v1/rules/versions/7").status == 404
    assert publish(desk, 7).status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rules": [PAYING | {"when": "customer.statu == 'x'"}]}, "rules[0].when"),
        ({"rules": [PAYING | {"when": "customer.status =="}]}, "rules[0].when"),
        ({"rules": [PAYING | {"when": "now.open.lunch"}]}, "rules[0].when"),
        ({"rules": [PAYING | {"to": "suport"}]}, "rules[0].to"),
        ({"rules": [PAYING | {"to": "identify:vat"}]}, "rules[0].to"),
        ({"rules": [PAYING | {"to": "external:+39899123456"}]}, "rules[0].to"),
        ({"rules": [PAYING | {"to": "skill:"}]}, "rules[0].to"),
        ({"rules": [PAYING | {"to": "last-agent:5x"}]}, "rules[0].to"),
        ({"rules": [PAYING, PAYING]}, "rules[1].name"),
        ({"destinations": {"support": "que:600"}}, "destinations.support"),
        ({"destinations": {"owner": "queue:1"}}, "destinations"),
        ({"fallback": "nowhere"}, "fallback"),
        ({"blocked": ["12"]}, "blocked[0]"),
        ({"languages": {"XX": "it"}}, "languages"),
        ({"samples": [{"customer": {"statu": "x"}}]}, "samples[0].customer.statu"),
    ],
)
def test_rules_that_a_call_could_stumble_over_are_refused(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    for path in ("/v1/rules", "/v1/rules/test"):
        reply = desk.ask("POST", path, {"document": {**DOCUMENT, **change}})
        assert (reply.status, reply.json["field"]) == (400, field)
    assert desk.routing().versions() == ()


def test_what_can_hardly_be_meant_is_a_warning(desk: Desk) -> None:
    desk.agents().save(Agent("21"))
    document = {
        **DOCUMENT,
        "rules": [
            PAYING | {"when": "customer.status == 'activ'"},
            {"name": "crew", "when": "call.did == '1'", "to": "agents:21,99"},
            {"name": "always", "to": "sales"},
            {"name": "never", "to": "support"},
        ],
        "samples": [{"call": {"did": "1"}}, {}],
    }
    assert save(desk, document).json["warnings"] == [
        'rules[0].when: customer.status is never "activ", it is one of ' + ", ".join(STATUSES),
        "rules[1].to: there is no agent 99",
        "rules[2].when: always holds, so no rule after it is ever reached",
        "rules[0].when: holds for none of the samples",
    ]


def test_a_trial_shows_who_would_have_gone_elsewhere_and_saves_nothing(desk: Desk) -> None:
    sales = Decision(Destination("queue", "700", "sales"), rule="else", version=1)
    active = {"status": "active", "code": "IT1"}
    keep(desk, "c-1", sales, customer=active, caller={"number": "+390244556677"})
    keep(desk, "c-22", sales, customer={"status": "expired"})
    keep(desk, "c-333", sales, node="vat", customer=active)
    keep(desk, "c-4444", sales._replace(fallback="timeout"), customer=active)
    trial = desk.ask("POST", "/v1/rules/test", {"document": DOCUMENT}).json
    assert (trial["calls"], trial["skipped"], trial["complete"]) == (2, 2, True)
    assert trial["decided"] == [{"rule": "paying", "calls": 1}, {"rule": "else", "calls": 1}]
    assert trial["moved_count"] == 1
    [moved] = trial["moved"]
    assert (moved["call_id"], moved["number"]) == ("c-1", "+390244556677")
    assert (moved["before"]["destination"], moved["after"]["destination"]) == (
        "queue:700",
        "queue:600",
    )
    assert (moved["after"]["rule"], moved["customer_code"]) == ("paying", "IT1")
    assert desk.routing().versions() == ()
    nothing = desk.ask("POST", "/v1/rules/test", {"document": DOCUMENT, "days": 0}).json
    assert (nothing["calls"], nothing["moved"]) == (0, [])


ASKED = {"name": "unknown", "when": "customer.code == ''", "to": "identify:vat"}
# Typed at the node; the number alone says nothing.
TYPED = {"code": "IT1", "status": "active", "source": "typed", "known": True}


@pytest.fixture
def asking(desk: Desk) -> Desk:
    """A tenant whose unknown callers were asked: one typed nothing useful, one a code."""
    for node in ("vat", "order"):
        made = desk.ask("PUT", f"/v1/nodes/{node}", {"mode": "check", "codes": ["vat:IT"]})
        assert made.status == 201
    save(desk, {**DOCUMENT, "rules": [ASKED, PAYING, ELSE]})
    publish(desk, 1)
    sales = Decision(Destination("queue", "700", "sales"), rule="else", version=1)
    support = Decision(Destination("queue", "600", "support"), rule="paying", version=1)
    keep(desk, "c-1", sales, call={"asked": True})
    keep(desk, "c-22", support, call={"asked": True, "typed": "IT1"}, customer=TYPED)
    return desk


def trial_of(desk: Desk, *rules: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    reply = desk.ask("POST", "/v1/rules/test", {"document": {**DOCUMENT, "rules": list(rules)}})
    assert reply.status == 200
    return reply.json


def test_a_trial_of_calls_that_were_asked_counts_the_rule_that_has_them_asked(
    asking: Desk,
) -> None:
    # A version that came later, and asks nobody, didn't decide them.
    save(asking, DOCUMENT)
    publish(asking, 2)
    trial = trial_of(asking, ASKED, PAYING, ELSE)
    assert (trial["calls"], trial["asked"], trial["moved_count"]) == (2, 2, 0)
    assert trial["decided"] == [
        {"rule": "unknown", "calls": 2},
        {"rule": "paying", "calls": 1},
        {"rule": "else", "calls": 1},
    ]


def test_a_trial_without_the_question_sends_who_typed_a_code_where_the_number_alone_leads(
    asking: Desk,
) -> None:
    trial = trial_of(asking, PAYING, ELSE)
    assert (trial["calls"], trial["asked"], trial["moved_count"]) == (2, 0, 1)
    [moved] = trial["moved"]
    assert (moved["call_id"], moved["after"]["destination"]) == ("c-22", "queue:700")
    assert trial["decided"] == [{"rule": "paying", "calls": 0}, {"rule": "else", "calls": 2}]


def test_a_trial_shows_that_callers_would_be_asked_something_else(asking: Desk) -> None:
    trial = trial_of(asking, ASKED | {"to": "identify:order"}, PAYING, ELSE)
    assert [moved["after"]["destination"] for moved in trial["moved"]] == ["identify:order"] * 2
    # What they would answer there nobody knows.
    assert [rule["calls"] for rule in trial["decided"]] == [2, 0, 0]
    assert trial["asked"] == 0


@pytest.mark.parametrize("version", [2, 9])
def test_a_trial_leaves_the_question_to_a_pbx_that_asks_by_itself(
    asking: Desk, version: int
) -> None:
    # These rules asked nobody, or they are gone.
    save(asking, DOCUMENT)
    support = Decision(Destination("queue", "600", "support"), rule="paying", version=version)
    keep(asking, "c-333", support, call={"asked": True, "typed": "IT1"}, customer=TYPED)
    trial = trial_of(asking, PAYING, ELSE)
    assert [moved["call_id"] for moved in trial["moved"]] == ["c-22"]
    assert trial["decided"] == [{"rule": "paying", "calls": 1}, {"rule": "else", "calls": 2}]


def test_a_kept_decision_is_explained_with_the_rules_it_was_made_by(desk: Desk) -> None:
    save(desk, DOCUMENT)
    publish(desk, 1)
    save(desk, {"rules": [ELSE | {"to": "hangup"}]})
    publish(desk, 2)
    decided = Decision(Destination("queue", "700", "sales", "1,3"), rule="else", version=1)
    keep(desk, "c-1", decided, customer={"status": "expired"})
    told = desk.ask("GET", "/v1/route/explain", query={"call_id": "c-1"}).json
    assert told["passed"] == [
        {"rule": "paying", "why": 'customer.status is "expired", not "active"'}
    ]
    assert (told["version"], told["repeated"], told["node"]) == (1, True, "")
    assert told["decision"]["destination"] == "queue:700"
    assert told["facts"]["customer"]["status"] == "expired"
    assert desk.ask("GET", "/v1/route/explain", query={"call_id": "c-2"}).status == 404


def test_a_decision_that_the_rules_would_not_repeat_says_so(desk: Desk) -> None:
    save(desk, DOCUMENT)
    publish(desk, 1)
    keep(desk, "c-1", Decision(Destination("queue", "1"), rule="gone", version=1))
    keep(desk, "c-22", Decision(Destination("queue", "1"), rule="gone", version=9))
    for call_id in ("c-1", "c-22"):
        told = desk.ask("GET", "/v1/route/explain", query={"call_id": call_id}).json
        assert told["repeated"] is False


def test_a_call_that_nobody_makes_is_explained_and_leaves_nothing(desk: Desk) -> None:
    save(desk, DOCUMENT)
    publish(desk, 1)
    desk.add(
        last_name="Rossi",
        numbers=[{"number": "0244556677"}],
        customer_code="IT1",
        status="active",
        tags=["vip"],
        owner="21",
    )
    items = len(desk.dynamo.all_items())
    query = {"number": "0244556677", "did": "02100", "trunk": "milan", "at": "2026-11-23T09:00:00Z"}
    told = desk.ask("GET", "/v1/route/explain", query=query).json
    assert (told["label"], told["call_id"]) == ("Rossi", "")
    assert told["decision"] == {
        "destination": "queue:600",
        "name": "support",
        "agents": [],
        "rule": "paying",
        "fallback": "",
        "priority": 0,
        "language": "",
    }
    assert told["facts"]["contact"]["tags"] == ["vip"]
    assert told["facts"]["contact"]["owner"] == "21"
    assert told["facts"]["now"]["date"] == "2026-11-23"
    unknown = desk.ask("GET", "/v1/route/explain", query={"number": "anonymous"}).json
    assert unknown["decision"]["rule"] == "else"
    assert unknown["passed"][0]["why"] == 'customer.status is "", not "active"'
    typed = desk.ask("GET", "/v1/route/explain", query={"number": "", "code": "it 1"}).json
    assert typed["facts"]["call"]["typed"] == "IT1"
    assert len(desk.dynamo.all_items()) == items


def test_decisions_are_listed_page_by_page(desk: Desk) -> None:
    for n in range(3):
        keep(desk, "c" * (n + 1), Decision(Destination("queue", str(n)), rule="r", version=1))
    first = desk.ask("GET", "/v1/decisions", query={"limit": "2"}).json
    assert [it["call_id"] for it in first["decisions"]] == ["ccc", "cc"]
    rest = desk.ask("GET", "/v1/decisions", query={"limit": "2", "cursor": first["cursor"]}).json
    assert [it["call_id"] for it in rest["decisions"]] == ["c"]
    assert rest["cursor"] == ""
    later = desk.ask("GET", "/v1/decisions", query={"since": "2030-01-01T00:00:00Z"}).json
    assert later["decisions"] == []


@pytest.mark.parametrize("role", ["pbx", "crm", "agent"])
def test_rules_and_decisions_are_for_managers(desk: Desk, role: str) -> None:
    key = desk.keys["acme"][role]
    for path in ("/v1/rules", "/v1/rules/versions", "/v1/route/explain", "/v1/decisions"):
        assert desk.ask("GET", path, key=key).status == 403


def test_another_tenants_rules_and_decisions_are_not_there(desk: Desk) -> None:
    save(desk, DOCUMENT)
    keep(desk, "c-1", Decision(Destination("queue", "1")))
    key = desk.keys["other"]["admin"]
    assert desk.ask("GET", "/v1/rules/versions/1", key=key).status == 404
    assert desk.ask("GET", "/v1/route/explain", query={"call_id": "c-1"}, key=key).status == 404
    assert desk.ask("GET", "/v1/decisions", key=key).json["decisions"] == []
