"""Agents, schedules and the options of routing over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.application.create_key import create_key
from centralino.application.edit_routing import ATTEMPTS, edit_routing
from centralino.domain.clock import local
from centralino.domain.errors import ConflictError
from centralino.domain.schedule import open_at
from centralino.domain.settings import Settings
from tests.support.admin import Desk

if TYPE_CHECKING:
    from centralino.ports.routing import RoutingParts

ANNA = {
    "name": "Anna Bianchi",
    "skills": {"trucks": 8, "german": 5},
    "customer_types": ["gold"],
    "mobile": "+393331234567",
    "schedule": "",
    "substitutes": ["22", "*23"],
}
OFFICE = {
    "open": {"mon-fri": ["09:00-13:00", "14:00-18:00"]},
    "days": {"2026-12-24": ["09:00-12:00"], "2026-08-10/2026-08-21": []},
    "holidays": "IT-BZ",
    "on_holidays": [],
}


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.clock.now = 1_795_000_000  # 2026-11-18, a Wednesday, 12:06 in Rome
    return desk


def agent_key(desk: Desk, exten: str) -> str:
    return create_key(desk.tenants(), "agent", now_s=desk.clock.now, exten=exten).text


# --- agents -------------------------------------------------------------------------------------


def test_an_agent_is_created_read_changed_and_deleted(desk: Desk) -> None:
    created = desk.ask("PUT", "/v1/agents/21", ANNA)
    assert created.status == 201
    whole = {
        **ANNA,
        "exten": "21",
        "state": "available",
        "since": "2026-11-18T11:06:40Z",
        "load": 0,
    }
    assert created.json == whole
    assert desk.ask("GET", "/v1/agents/21").json == whole
    assert desk.ask("GET", "/v1/agents").json == {"agents": [whole]}
    changed = desk.ask("PUT", "/v1/agents/21", {"name": "Anna"})
    assert changed.status == 200
    assert (changed.json["skills"], changed.json["substitutes"]) == ({}, [])
    assert desk.ask("DELETE", "/v1/agents/21").status == 204
    assert desk.ask("DELETE", "/v1/agents/21").status == 404
    assert desk.ask("GET", "/v1/agents/21").status == 404
    assert desk.ask("GET", "/v1/agents").json == {"agents": []}


def test_an_exten_with_a_hash_has_its_place_percent_encoded(desk: Desk) -> None:
    assert desk.ask("PUT", "/v1/agents/%2A21%23", {}).status == 201
    assert desk.ask("GET", "/v1/agents/%2A21%23").json["exten"] == "*21#"
    assert desk.ask("PUT", "/v1/agents/%2A21%23/state", {"state": "away"}).status == 204


def test_a_mobile_phone_in_any_spelling_is_stored_as_calls_come_from_it(desk: Desk) -> None:
    for written in ("333 1234567", "0039 333/12.34.567", "+39 333 1234567"):
        saved = desk.ask("PUT", "/v1/agents/21", {"mobile": written})
        assert saved.json["mobile"] == "+393331234567"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mobile": "call me"}, "mobile"),
        ({"mobile": "+39024455*"}, "mobile"),
        ({"schedule": "office"}, "schedule"),
        ({"schedule": "The Office"}, "schedule"),
        ({"skills": {"trucks": 11}}, "skills.trucks"),
        ({"skills": {"trucks": 0}}, "skills.trucks"),
        ({"skills": {"big trucks": 1}}, "skills"),
        ({"substitutes": ["Anna"]}, "substitutes[0]"),
        ({"substitutes": ["22", "21"]}, "substitutes[1]"),
        ({"customer_types": [""]}, "customer_types[0]"),
        ({"state": "busy"}, "state"),
    ],
)
def test_an_agent_that_no_call_could_find_is_refused_by_the_field(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    refused = desk.ask("PUT", "/v1/agents/21", {**ANNA, **change})
    assert refused.status == 400
    assert refused.json["field"].startswith(field)
    assert desk.agents().all() == []


def test_the_schedule_of_an_agent_has_to_be_there(desk: Desk) -> None:
    desk.ask("PUT", "/v1/schedules/office", OFFICE)
    assert desk.ask("PUT", "/v1/agents/21", {"schedule": "office"}).status == 201
    refused = desk.ask("PUT", "/v1/agents/21", {"schedule": "nights"})
    assert refused.json["expected"] == "the name of a schedule: office"


def test_an_agent_says_of_themselves_that_they_are_busy_and_of_nobody_else(desk: Desk) -> None:
    for exten in ("21", "22"):
        desk.ask("PUT", f"/v1/agents/{exten}", {})
    key = agent_key(desk, "21")
    busy = {"state": "busy", "load": 2}
    assert desk.ask("PUT", "/v1/agents/21/state", busy, key=key).status == 204
    assert desk.ask("PUT", "/v1/agents/22/state", busy, key=key).status == 403
    assert desk.ask("PUT", "/v1/agents/99/state", busy, key=key).status == 403
    states = [(agent.exten, agent.state, agent.load) for agent in desk.agents().all()]
    assert states == [("21", "busy", 2), ("22", "available", 0)]


def test_an_agents_key_without_an_exten_says_nothing_of_anybody(desk: Desk) -> None:
    desk.ask("PUT", "/v1/agents/21", {})
    key = agent_key(desk, "")
    assert desk.ask("PUT", "/v1/agents/21/state", {"state": "busy"}, key=key).status == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/agents", None),
        ("GET", "/v1/agents/21", None),
        ("PUT", "/v1/agents/21", {}),
        ("DELETE", "/v1/agents/21", None),
    ],
)
def test_an_agents_key_neither_sees_nor_changes_agents(
    desk: Desk, method: str, path: str, body: object
) -> None:
    desk.ask("PUT", "/v1/agents/21", ANNA)
    before = desk.dynamo.all_items()
    key = agent_key(desk, "21")
    before_key = len(before)
    refused = desk.ask(method, path, body, key=key)
    assert refused.status == 403
    assert len(desk.dynamo.all_items()) == before_key + 1  # the key itself
    assert desk.agents().all()[0].name == "Anna Bianchi"


def test_a_supervisor_says_of_everybody_and_the_state_lasts(desk: Desk) -> None:
    desk.ask("PUT", "/v1/agents/21", ANNA)
    key = desk.keys["acme"]["supervisor"]
    desk.clock.now += 60
    assert desk.ask("PUT", "/v1/agents/21/state", {"state": "away"}, key=key).status == 204
    desk.clock.now += 60
    desk.ask("PUT", "/v1/agents/21/state", {"state": "away"}, key=key)
    desk.ask("PUT", "/v1/agents/21", {"name": "Anna"})
    read = desk.ask("GET", "/v1/agents/21", key=key).json
    assert (read["state"], read["since"]) == ("away", "2026-11-18T11:07:40Z")


def test_the_state_of_whoever_is_no_agent_is_nobodys(desk: Desk) -> None:
    assert desk.ask("PUT", "/v1/agents/21/state", {"state": "busy"}).status == 404
    for bad in ({"state": "asleep"}, {}, {"state": "busy", "load": -1}):
        assert desk.ask("PUT", "/v1/agents/21/state", bad).status == 400


# --- schedules ----------------------------------------------------------------------------------


def test_a_schedule_is_created_read_replaced_and_deleted(desk: Desk) -> None:
    created = desk.ask("PUT", "/v1/schedules/office", OFFICE)
    assert created.status == 201
    whole = {
        **OFFICE,
        "name": "office",
        "open_now": True,
        "holiday_now": False,
        "known_until": "2036-12-31",
    }
    assert created.json == whole
    assert desk.ask("GET", "/v1/schedules").json == {"schedules": [whole]}
    replaced = desk.ask("PUT", "/v1/schedules/office", {"open": {"sat": ["22:00-06:00"]}})
    assert replaced.status == 200
    assert (replaced.json["open_now"], replaced.json["days"]) == (False, {})
    assert desk.ask("GET", "/v1/schedules/office").json == replaced.json
    assert desk.ask("DELETE", "/v1/schedules/office").status == 204
    assert desk.ask("DELETE", "/v1/schedules/office").status == 404
    assert desk.ask("GET", "/v1/schedules/office").status == 404


def test_a_schedule_is_open_by_the_tenants_own_clock(desk: Desk) -> None:
    desk.ask("PUT", "/v1/schedules/noon", {"open": {"wed": ["12:00-12:30"]}})
    assert desk.ask("GET", "/v1/schedules/noon").json["open_now"]
    desk.ask("PATCH", "/v1/routing", {"time_zone": "America/New_York"})
    assert not desk.ask("GET", "/v1/schedules/noon").json["open_now"]


def test_a_holiday_of_the_country_closes_what_a_call_reads(desk: Desk) -> None:
    desk.ask("PUT", "/v1/schedules/office", {"open": {"mon-sun": ["00:00-24:00"]}})
    routing = desk.routing().compiled()
    for day, is_open in ((7, True), (8, False), (9, True)):  # 8 December is a holiday in Italy
        now = local(routing.zone, 1_796_601_600 + (day - 7) * 86_400)
        assert now.date == f"2026-12-{day:02}"
        assert open_at(routing.schedules["office"], now) is is_open


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"open": {"lun": []}}, "open"),
        ({"open": {"mon": ["9-13"]}}, "open.mon[0]"),
        ({"open": {"mon": ["09:00-25:00"]}}, "open.mon[0]"),
        ({"open": {"mon": ["14:00-15:00", "09:00-10:00"]}}, "open.mon[1]"),
        ({"days": {"2026-02-30": []}}, "days"),
        ({"holidays": "IT-ZZ"}, "holidays"),
        ({"hours": {}}, "hours"),
    ],
)
def test_a_schedule_that_nobody_can_read_is_refused_by_the_field_as_it_was_sent(
    desk: Desk, body: dict[str, Any], field: str
) -> None:
    refused = desk.ask("PUT", "/v1/schedules/office", body)
    assert refused.status == 400
    assert refused.json["field"].startswith(field)
    assert desk.routing().parts().schedules == {}


def test_a_schedule_that_somebody_works_by_is_not_deleted(desk: Desk) -> None:
    desk.ask("PUT", "/v1/schedules/office", OFFICE)
    for exten in ("21", "22"):
        desk.ask("PUT", f"/v1/agents/{exten}", {"schedule": "office"})
    refused = desk.ask("DELETE", "/v1/schedules/office")
    assert refused.status == 409
    assert refused.json["detail"] == "agents work by it: 21, 22"
    assert desk.ask("GET", "/v1/schedules/office").status == 200


def test_schedules_are_another_tenants_own(desk: Desk) -> None:
    desk.ask("PUT", "/v1/schedules/office", OFFICE)
    other = desk.keys["other"]["admin"]
    assert desk.ask("GET", "/v1/schedules", key=other).json == {"schedules": []}
    assert desk.ask("GET", "/v1/schedules/office", key=other).status == 404


# --- options ------------------------------------------------------------------------------------


def test_options_begin_with_their_defaults_and_the_countrys_time(desk: Desk) -> None:
    assert desk.ask("PATCH", "/v1/routing", {}).json == {
        "edition": 1,
        "published": 0,
        "time_zone": "Europe/Rome",
        "time_zone_set": False,
        "time": "2026-11-18T12:06",
        "learning": {
            "max_per_customer": 5,
            "days": 180,
            "trust": "routing",
            "min_attestation": "",
            "webhook": "",
        },
        "pbx": {},
        "keep_days": 14,
    }


def test_before_anything_was_saved_the_time_is_utc_and_it_says_so(desk: Desk) -> None:
    told = desk.ask("GET", "/v1/routing").json
    assert (told["edition"], told["time_zone"], told["time"]) == (0, "UTC", "2026-11-18T11:06")


def test_one_option_is_changed_and_the_others_stay(desk: Desk) -> None:
    desk.ask("PATCH", "/v1/routing", {"learning": {"days": 90}, "keep_days": 30})
    changed = desk.ask("PATCH", "/v1/routing", {"learning": {"trust": "card"}}).json
    assert (changed["learning"]["days"], changed["learning"]["trust"]) == (90, "card")
    assert (changed["keep_days"], changed["edition"]) == (30, 2)
    back = desk.ask("PATCH", "/v1/routing", {"learning": None, "keep_days": None}).json
    assert (back["learning"]["days"], back["learning"]["trust"], back["keep_days"]) == (
        180,
        "routing",
        14,
    )
    assert desk.routing().compiled().keep_days == 14


def test_where_the_owner_is_told_of_numbers_is_set_and_taken_away(desk: Desk) -> None:
    url = "https://owner.example:8443/hooks?from=centralino"
    changed = desk.ask("PATCH", "/v1/routing", {"learning": {"webhook": url}}).json
    assert changed["learning"]["webhook"] == url
    for none in ("", None):
        back = desk.ask("PATCH", "/v1/routing", {"learning": {"webhook": none}}).json
        assert back["learning"]["webhook"] == ""


def test_a_time_zone_is_the_tenants_from_then_on(desk: Desk) -> None:
    changed = desk.ask("PATCH", "/v1/routing", {"time_zone": "Pacific/Kiritimati"}).json
    assert changed["time"] == "2026-11-19T01:06"
    assert (changed["time_zone"], changed["time_zone_set"]) == ("Pacific/Kiritimati", True)
    back = desk.ask("PATCH", "/v1/routing", {"time_zone": None}).json
    assert (back["time_zone"], back["time"]) == ("Europe/Rome", "2026-11-18T12:06")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": 1}, "time_zone"),
        ({"keep_days": 0}, "keep_days"),
        ({"keep_days": 91}, "keep_days"),
        ({"learning": {"days": 0}}, "learning.days"),
        ({"learning": {"days": True}}, "learning.days"),
        ({"learning": {"max_per_customer": 21}}, "learning.max_per_customer"),
        ({"learning": {"trust": "everything"}}, "learning.trust"),
        ({"learning": {"min_attestation": "C"}}, "learning.min_attestation"),
        ({"learning": {"forget": True}}, "learning.forget"),
        ({"learning": {"webhook": "http://owner.example/"}}, "learning.webhook"),
        ({"learning": {"webhook": "https://crm@owner.example/"}}, "learning.webhook"),
        ({"learning": {"webhook": "https://owner.example/a b"}}, "learning.webhook"),
        ({"learning": {"webhook": f"https://owner.example/{'a' * 480}"}}, "learning.webhook"),
        ({"learning": {"webhook": True}}, "learning.webhook"),
        ({"learning": []}, "learning"),
        ({"pbx": {"nobody": {}}}, "pbx.nobody"),
        ({"pbx": {"generic": 1}}, "pbx.generic"),
        ({"nodes": {}}, "nodes"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_the_field(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    refused = desk.ask("PATCH", "/v1/routing", change)
    assert refused.status == 400
    assert refused.json["field"] == field
    assert desk.routing().parts().edition == 0


def test_an_edition_that_is_not_the_latest_any_more_changes_nothing(desk: Desk) -> None:
    desk.ask("PATCH", "/v1/routing", {"keep_days": 30, "edition": 0})
    refused = desk.ask("PATCH", "/v1/routing", {"keep_days": 40, "edition": 0})
    assert refused.status == 409
    assert desk.ask("GET", "/v1/routing").json["keep_days"] == 30


def test_an_empty_change_works_everything_out_anew_from_today(desk: Desk) -> None:
    desk.ask("PUT", "/v1/schedules/office", {})
    desk.clock.now += 2 * 365 * 86_400
    assert desk.ask("GET", "/v1/schedules/office").json["known_until"] == "2036-12-31"
    assert desk.ask("PATCH", "/v1/routing", {}).status == 200
    assert desk.ask("GET", "/v1/schedules/office").json["known_until"] == "2038-12-31"


# --- two at once --------------------------------------------------------------------------------


def test_two_who_change_different_parts_at_once_both_have_their_way(desk: Desk) -> None:
    routing, rival = desk.routing(), iter([1, 2])

    def edit(parts: RoutingParts) -> RoutingParts:
        if next(rival, None):
            assert desk.ask("PUT", f"/v1/schedules/s{parts.edition}", {}).status == 201
        return parts._replace(options={"keep_days": 30})

    saved = edit_routing(routing, Settings("acme"), edit, now_s=desk.clock.now)
    assert (saved.edition, sorted(saved.schedules)) == (3, ["s0", "s1"])
    assert saved.options == {"keep_days": 30}


def test_whoever_is_slower_every_time_is_told_so(desk: Desk) -> None:
    tries: list[int] = []

    def edit(parts: RoutingParts) -> RoutingParts:
        tries.append(parts.edition)
        assert desk.ask("PATCH", "/v1/routing", {}).status == 200
        return parts

    with pytest.raises(ConflictError):
        edit_routing(desk.routing(), Settings("acme"), edit, now_s=desk.clock.now)
    assert tries == list(range(ATTEMPTS))
