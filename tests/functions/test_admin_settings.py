"""Settings over the API: read, replaced, changed; what a call could stumble over is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.admin import ORIGIN, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_settings_that_were_read_can_be_put_back_as_they_are(desk: Desk) -> None:
    read = desk.ask("GET", "/v1/settings").json
    assert read["line"]["area_code"] == "02"
    assert (read["tenant"], read["version"], read["block_lengths"]) == ("acme", 1, [])
    for only_read in ("tenant", "block_lengths"):
        del read[only_read]
    saved = desk.ask("PUT", "/v1/settings", read)
    assert saved.status == 200
    assert saved.json == {**read, "version": 2, "tenant": "acme", "block_lengths": []}


def test_a_trunk_overrides_what_it_names_and_leaves_the_line_its_own(desk: Desk) -> None:
    trunks = {"berlin": {"country": "DE", "area_code": "30"}, "rome": {"area_code": "06"}}
    saved = desk.ask("PATCH", "/v1/settings", {"trunks": trunks}).json
    assert saved["trunks"] == trunks
    line = {
        trunk: desk.ask("GET", "/v1/explain", query={"number": "1", "trunk": trunk}).json["line"]
        for trunk in ("berlin", "rome", "elsewhere")
    }
    assert [line[trunk]["country"] for trunk in line] == ["DE", "IT", "IT"]
    assert [line[trunk]["area_code"] for trunk in line] == ["30", "06", "02"]


def test_changing_one_field_leaves_all_the_others(desk: Desk) -> None:
    before = desk.ask("GET", "/v1/settings").json
    after = desk.ask("PATCH", "/v1/settings", {"label": {"max_length": 20}}).json
    assert after == {**before, "version": 2, "label": {**before["label"], "max_length": 20}}


def test_null_takes_an_entry_away(desk: Desk) -> None:
    desk.ask("PATCH", "/v1/settings", {"extens": {"22": "Marco"}})
    saved = desk.ask("PATCH", "/v1/settings", {"extens": {"21": None}}).json
    assert saved["extens"] == {"22": "Marco"}


def test_somebody_elses_change_is_not_overwritten(desk: Desk) -> None:
    desk.ask("PATCH", "/v1/settings", {"exten_pattern": "2[0-9]"})
    late: dict[str, Any] = {"version": 1, "line": {"country": "DE"}}
    for method in ("PUT", "PATCH"):
        reply = desk.ask(method, "/v1/settings", late)
        assert reply.status == 409
    assert desk.ask("GET", "/v1/settings").json["line"]["country"] == "IT"


def test_the_length_of_a_block_shows_in_the_settings_and_outlives_a_save(desk: Desk) -> None:
    desk.add(numbers=[{"number": "+39024455*", "kind": "switchboard"}])
    desk.ask("PATCH", "/v1/settings", {"label": {"max_length": 20}})
    assert desk.ask("GET", "/v1/settings").json["block_lengths"] == [8]
    found = desk.ask("GET", "/v1/explain", query={"number": "+39024455123"}).json
    assert found["matched"] == "+39024455*"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"line": {"country": "ZZ"}}, "line.country"),
        ({"line": {"country": "it"}}, "line.country"),
        ({"line": {"area_code": "0x"}}, "line.area_code"),
        ({"line": {"cli_format": "e164"}}, "line.cli_format"),
        ({"line": {"decode_timeout_s": 0.4}}, "line.decode_timeout_s"),
        ({"line": {"decode_timeout_s": 11}}, "line.decode_timeout_s"),
        ({"line": {"outside_prefix": "00000"}}, "line.outside_prefix"),
        ({"line": {"rules": [{"pattern": "(", "replacement": ""}]}}, "line.rules[0].pattern"),
        ({"line": {"rules": [{"pattern": "(a+)+b", "replacement": ""}]}}, "line.rules[0].pattern"),
        ({"line": {"rules": [{"pattern": "a"}]}}, "line.rules[0].replacement"),
        ({"line": {"timeout": 3}}, "line.timeout"),
        ({"trunks": {"x": {"country": "ZZ"}}}, "trunks.x.country"),
        ({"trunks": {"x": {"colour": "red"}}}, "trunks.x.colour"),
        ({"dids": {"02": {"rules": [{"pattern": "(", "replacement": ""}]}}}, "dids.02.rules[0]"),
        ({"label": {"max_length": 9}}, "label.max_length"),
        ({"label": {"max_length": 61}}, "label.max_length"),
        ({"label": {"template": "{nome}"}}, "label.template"),
        ({"label": {"repertoire": "utf-16"}}, "label.repertoire"),
        ({"extens": {"2a": "Chiara"}}, "extens.2a"),
        ({"exten_pattern": "(2+)+$"}, "exten_pattern"),
        ({"source_priority": ["Hub Spot"]}, "source_priority[0]"),
        ({"origins": ["http://crm.example"]}, "origins[0]"),
        ({"origins": ["https://crm.example/path"]}, "origins[0]"),
        ({"origins": ["*"]}, "origins[0]"),
        ({"crms": ["Hub Spot"]}, "crms[0]"),
        ({"live_search_s": 11}, "live_search_s"),
        ({"colour": "red"}, "colour"),
        ({"block_lengths": [8]}, "block_lengths"),
        ({"tenant": "other"}, "tenant"),
    ],
)
def test_settings_that_a_call_could_stumble_over_are_refused_by_their_field(
    desk: Desk, change: object, field: str
) -> None:
    before = desk.ask("GET", "/v1/settings").json
    reply = desk.ask("PATCH", "/v1/settings", change)
    assert reply.status == 400
    assert reply.json["field"].startswith(field)
    assert reply.json["expected"]
    assert desk.ask("GET", "/v1/settings").json == before


def test_the_crms_own_pages_may_read_answers_and_no_others(desk: Desk) -> None:
    allowed = desk.ask("GET", "/v1/whoami", headers={"origin": ORIGIN})
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    problem = desk.ask("GET", "/v1/nothing", headers={"origin": ORIGIN})
    assert problem.headers["access-control-allow-origin"] == ORIGIN
    refused = desk.ask("GET", "/v1/whoami", headers={"origin": "https://evil.example"})
    assert refused.status == 403
    assert "access-control-allow-origin" not in refused.headers
