"""Dialling options and the do-not-call list over the API, and what they mean for routing."""

from __future__ import annotations

from typing import Any

import pytest

from centralino.domain.dial_options import DialOptions, DialRule
from tests.support.admin import Desk

EVERYTHING: dict[str, Any] = {
    "version": 0,
    "pbx": "asterisk",
    "countries": ["CH", "001"],
    "short_numbers": ["1240"],
    "internal": True,
    "caller_ids": ["+390244556600"],
    "rules": [
        {
            "extens": ["21", "3*"],
            "country": "DE",
            "outside_prefix": "0",
            "carrier_code": "01033",
            "spelling": "national",
            "international_prefix": "00",
        }
    ],
    "budget": {
        "agent_minute": 5,
        "agent_hour": 50,
        "agent_day": 100,
        "tenant_minute": 20,
        "tenant_day": 1000,
        "country_day": {"CH": 50, "*": 10},
        "cost_day": 90000,
        "prices": {"+39": 10, "+393": 45},
        "minutes": 4,
    },
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_tenant_has_cautious_options_before_it_saves_any(desk: Desk) -> None:
    options = desk.ask("GET", "/v1/dialling").json

    assert (options["version"], options["country"], options["countries"]) == (0, "IT", [])
    assert (options["pbx"], options["internal"], options["rules"]) == ("", False, [])
    limits = [options["budget"][f"agent_{span}"] for span in ("minute", "hour", "day")]
    assert limits == [10, 60, 300]


def test_options_that_were_saved_are_read_back_and_found_by_the_next_call(desk: Desk) -> None:
    saved = desk.ask("PUT", "/v1/dialling", EVERYTHING)

    assert saved.status == 200
    assert saved.json == {**EVERYTHING, "version": 1, "country": "IT"}
    assert desk.ask("GET", "/v1/dialling").json == saved.json
    found = desk.dialling().desk("21").options
    assert found.rules == (DialRule(("21", "3*"), "DE", "0", "01033", "national", "00"),)
    assert found.budget.country_day == {"CH": 50, "*": 10}


def test_changing_one_limit_leaves_all_others(desk: Desk) -> None:
    desk.ask("PUT", "/v1/dialling", EVERYTHING)

    changed = desk.ask("PATCH", "/v1/dialling", {"budget": {"country_day": {"CH": 7}}})

    assert changed.status == 200
    assert changed.json["budget"] == {
        **EVERYTHING["budget"],
        "country_day": {"CH": 7, "*": 10},
    }
    assert changed.json["rules"] == EVERYTHING["rules"]


def test_what_is_left_out_of_a_replacement_gets_its_default(desk: Desk) -> None:
    desk.ask("PUT", "/v1/dialling", EVERYTHING)

    replaced = desk.ask("PUT", "/v1/dialling", {"version": 1})

    assert desk.dialling().options() == DialOptions(version=2)
    assert replaced.json["budget"]["agent_day"] == 300


def test_somebody_elses_change_is_not_overwritten(desk: Desk) -> None:
    desk.ask("PUT", "/v1/dialling", EVERYTHING)

    assert desk.ask("PUT", "/v1/dialling", {"version": 0}).status == 409
    assert desk.ask("PATCH", "/v1/dialling", {"version": 0, "internal": False}).status == 409
    assert desk.dialling().options().internal


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"countries": ["ch"]}, "countries[0]"),
        ({"countries": ["XX"]}, "countries[0]"),
        ({"pbx": "nobody"}, "pbx"),
        ({"pbx": "../x"}, "pbx"),
        ({"short_numbers": ["112"]}, "short_numbers[0]"),
        ({"short_numbers": ["1*"]}, "short_numbers[0]"),
        ({"caller_ids": ["899123456"]}, "caller_ids[0]"),
        ({"rules": [{"outside_prefix": "0"}, {"carrier_code": "118"}]}, "rules[1].carrier_code"),
        ({"rules": [{"outside_prefix": "0,"}]}, "rules[0].outside_prefix"),
        ({"rules": [{"spelling": "e164"}]}, "rules[0].spelling"),
        ({"rules": [{"prefix": "0"}]}, "rules[0].prefix"),
        ({"budget": {"agent_day": -1}}, "budget.agent_day"),
        ({"budget": {"country_day": {"XX": 1}}}, "budget.country_day.XX"),
        ({"budget": {"cost_day": 5}}, "budget.prices"),
        ({"budget": {"minutes": 0}}, "budget.minutes"),
        ({"internal": "yes"}, "internal"),
        ({"premium": True}, "premium"),
    ],
)
def test_what_a_call_could_stumble_over_is_refused_with_the_field(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    reply = desk.ask("PATCH", "/v1/dialling", change)

    assert (reply.status, reply.json["field"]) == (400, field)
    assert desk.dialling().options() == DialOptions()


def test_a_supervisor_reads_the_options_and_changes_none(desk: Desk) -> None:
    key = desk.keys["acme"]["supervisor"]

    assert desk.ask("GET", "/v1/dialling", key=key).status == 200
    assert desk.ask("PUT", "/v1/dialling", EVERYTHING, key=key).status == 403
    assert desk.ask("PATCH", "/v1/dialling", {"internal": True}, key=key).status == 403
    assert desk.ask("GET", "/v1/dialling", key=desk.keys["acme"]["agent"]).status == 403


# --- the do-not-call list -------------------------------------------------------------------------


def test_a_number_is_put_on_the_list_and_taken_off_in_any_spelling(desk: Desk) -> None:
    put = desk.ask("PUT", "/v1/do-not-call/02%204455%206677", {"reason": "asked for it"})
    desk.ask("PUT", "/v1/do-not-call/%2B39024466*", {})

    assert put.json == {"number": "+390244556677", "reason": "asked for it"}
    listed = desk.ask("GET", "/v1/do-not-call").json
    assert sorted(one["number"] for one in listed["numbers"]) == ["+390244556677", "+39024466*"]
    assert listed["cursor"] == ""
    assert desk.ask("DELETE", "/v1/do-not-call/+390244556677").status == 204
    assert desk.ask("DELETE", "/v1/do-not-call/+390244556677").status == 404
    [left] = desk.ask("GET", "/v1/do-not-call").json["numbers"]
    assert left == {"number": "+39024466*", "reason": ""}


def test_the_list_comes_page_by_page(desk: Desk) -> None:
    numbers = {f"+39024455667{digit}" for digit in range(7)}
    for number in numbers:
        desk.ask("PUT", f"/v1/do-not-call/{number}", {})

    found: list[str] = []
    cursor = ""
    while True:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = desk.ask("GET", "/v1/do-not-call", query=query).json
        assert len(page["numbers"]) <= 3
        found += [one["number"] for one in page["numbers"]]
        cursor = page["cursor"]
        if not cursor:
            break

    assert sorted(found) == sorted(numbers)


def test_what_is_no_number_is_not_put_on_the_list(desk: Desk) -> None:
    for text in ("nonsense", "+39*", "12"):
        reply = desk.ask("PUT", f"/v1/do-not-call/{text}", {})
        assert (reply.status, reply.json["field"]) == (400, "number")


def test_a_short_number_is_not_put_on_the_list_as_somebodys_in_the_same_town(desk: Desk) -> None:
    reply = desk.ask("PUT", "/v1/do-not-call/1240", {})

    assert (reply.status, reply.json["field"]) == (400, "number")
    assert desk.ask("PUT", "/v1/do-not-call/44556677", {}).json["number"] == "+390244556677"


def test_a_supervisor_keeps_the_do_not_call_list(desk: Desk) -> None:
    key = desk.keys["acme"]["supervisor"]

    assert desk.ask("PUT", "/v1/do-not-call/0244556677", {}, key=key).status == 200
    assert desk.ask("DELETE", "/v1/do-not-call/0244556677", key=key).status == 204


# --- routing --------------------------------------------------------------------------------------


def send_calls_to(desk: Desk, number: str) -> int:
    document = {"rules": [{"name": "all", "to": f"external:{number}"}]}
    made = desk.ask("POST", "/v1/rules", {"document": document})
    if made.status != 201:
        return made.status
    return desk.ask("POST", f"/v1/rules/versions/{made.json['version']}/publish", {}).status


def test_routing_leads_to_a_country_only_if_it_may_be_called(desk: Desk) -> None:
    document = {"rules": [{"name": "all", "to": "external:+41446681800"}]}

    refused = desk.ask("POST", "/v1/rules", {"document": document})
    desk.ask("PATCH", "/v1/dialling", {"countries": ["CH"]})

    assert (refused.status, refused.json["field"]) == (400, "rules[0].to")
    assert "`centralino dialling allow --country CH`" in refused.json["detail"]
    assert send_calls_to(desk, "+41446681800") == 200


@pytest.mark.parametrize(
    "number",
    ["+39899123456", "+8821612345678", "+881612345678", "+447012345678", "+33640001234", "+39112"],
)
def test_routing_never_leads_to_a_number_that_costs_extra(desk: Desk, number: str) -> None:
    desk.ask("PATCH", "/v1/dialling", {"countries": ["GB", "FR", "001"]})

    assert send_calls_to(desk, number) == 400


def test_a_country_that_routing_leads_to_is_not_taken_off_the_list(desk: Desk) -> None:
    desk.ask("PATCH", "/v1/dialling", {"countries": ["CH", "DE"]})
    assert send_calls_to(desk, "+41446681800") == 200

    kept = desk.ask("PATCH", "/v1/dialling", {"countries": ["DE"]})
    other = desk.ask("PATCH", "/v1/dialling", {"countries": ["CH"]})

    assert (kept.status, kept.json["field"]) == (400, "countries")
    assert "rules[0].to" in kept.json["detail"]
    assert other.json["countries"] == ["CH"]
    assert desk.routing().compiled().rules["rules"][0]["to"][2] == "+41446681800"


def test_an_old_version_that_leads_abroad_is_not_published_once_the_country_is_off_the_list(
    desk: Desk,
) -> None:
    desk.ask("PATCH", "/v1/dialling", {"countries": ["CH"]})
    assert send_calls_to(desk, "+41446681800") == 200
    assert send_calls_to(desk, "+390244556677") == 200
    assert desk.ask("PATCH", "/v1/dialling", {"countries": []}).status == 200

    again = desk.ask("POST", "/v1/rules/versions/1/publish", {})

    assert (again.status, again.json["field"]) == (400, "rules[0].to")


def test_a_node_and_a_fallback_lead_only_where_calls_may_go(desk: Desk) -> None:
    node = desk.ask("PUT", "/v1/nodes/vat", {"no": "external:+41446681800"})
    document = {"fallback": "external:+41446681800", "rules": []}
    fallback = desk.ask("POST", "/v1/rules", {"document": document})

    assert (node.status, node.json["field"]) == (400, "nodes.vat.no")
    assert (fallback.status, fallback.json["field"]) == (400, "fallback")


@pytest.mark.parametrize(
    "to",
    [
        *("extension:112", "extension:0112", "agent:0118", "agents:21,0112", "extension:1121"),
        *("extension:0088161234567", "extension:*21*0088161234567#", "agent:0899123456"),
        *("extension:00390244556677", "voicemail:0244556677", "agents:21,3331234567"),
    ],
)
def test_routing_sends_no_call_to_an_extension_that_is_none(desk: Desk, to: str) -> None:
    document = {"rules": [{"name": "all", "to": to}]}

    refused = desk.ask("POST", "/v1/rules", {"document": document})

    assert (refused.status, refused.json["field"]) == (400, "rules[0].to")


@pytest.mark.parametrize("to", ["extension:21", "extension:*97", "agents:21,110", "agent:100123"])
def test_routing_sends_calls_to_extensions_as_ever(desk: Desk, to: str) -> None:
    document = {"rules": [{"name": "all", "to": to}]}

    assert desk.ask("POST", "/v1/rules", {"document": document}).status == 201


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("external:+393331234567", "+881612345678"),
        ("external:+393331234567", "+41446681800"),
        ("external:+393331234567", "+39899123456"),
        ("queue:600", "+881612345678"),
        ("queue:600", "0088161234567"),
        ("queue:600", "0112"),
        ("extension:21", "0899-123456"),
    ],
)
def test_a_destination_has_no_other_name_at_the_pbx_that_costs_extra(
    desk: Desk, to: str, name: str
) -> None:
    refused = desk.ask("PATCH", "/v1/routing", {"pbx": {"twilio": {"ids": {to: name}}}})

    assert (refused.status, refused.json["field"]) == (400, f"pbx.twilio.ids.{to}")


def test_a_destination_may_have_another_name_at_the_pbx(desk: Desk) -> None:
    ids = {"external:+393331234567": "+390244556677", "queue:600": "9600", "agent:21": "anna"}

    assert desk.ask("PATCH", "/v1/routing", {"pbx": {"twilio": {"ids": ids}}}).status == 200


def test_an_agents_extension_is_no_emergency_number_and_none_of_the_public_network(
    desk: Desk,
) -> None:
    for exten in ("112", "0118", "0088161234567", "3331234567"):
        refused = desk.ask("PUT", f"/v1/agents/{exten}", {})
        assert (refused.status, refused.json["field"]) == (400, "exten")
    refused = desk.ask("PUT", "/v1/agents/21", {"substitutes": ["22", "0899123456"]})
    assert (refused.status, refused.json["field"]) == (400, "substitutes[1]")


def test_the_list_of_countries_is_no_option_of_routing(desk: Desk) -> None:
    assert desk.ask("PATCH", "/v1/routing", {"countries": ["CH"]}).status == 400


def test_other_options_of_routing_can_be_changed_while_countries_are_allowed(desk: Desk) -> None:
    desk.ask("PATCH", "/v1/dialling", {"countries": ["CH"]})

    assert desk.ask("PATCH", "/v1/routing", {"keep_days": 30}).status == 200
    assert send_calls_to(desk, "+41446681800") == 200
