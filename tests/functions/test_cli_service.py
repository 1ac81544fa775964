"""The commands that ask the service: lookup, explain, whoami, keys, settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.command_line import URL, CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def rossi(line: CommandLine) -> CommandLine:
    line.office.add(
        id="crm:17",
        first_name="Mario",
        last_name="Rossi",
        company="Officine Rossi S.r.l.",
        customer_code="C1001",
        numbers=[{"number": "02 44556677", "kind": "direct"}],
    )
    return line


def test_a_lookup_prints_the_label_alone_on_stdout(rossi: CommandLine) -> None:
    told = rossi.done("lookup", "0039-02-44556677")
    assert told.out == "Mario Rossi\n"
    assert told.err == "hit  crm:17  Officine Rossi S.r.l.  C1001\n"


def test_a_lookup_of_a_stranger_prints_no_label_and_says_miss(line: CommandLine) -> None:
    told = line.done("lookup", "0299999999")
    assert (told.out, told.err) == ("", "miss\n")


def test_a_lookup_of_a_withheld_number_is_sent_as_the_empty_number_that_it_is(
    line: CommandLine,
) -> None:
    told = line.done("lookup", "", "--name", "MILANO")
    assert (told.out, told.err) == ("MILANO\n", "withheld\n")


def test_a_lookup_in_json_is_for_programs(rossi: CommandLine) -> None:
    assert rossi.done("lookup", "+390244556677", "--json").json == {
        "outcome": "hit",
        "label": "Mario Rossi",
        "contact_id": "crm:17",
        "customer_code": "C1001",
        "url": "",
        "company": "Officine Rossi S.r.l.",
    }


def test_a_number_in_arabic_digits_and_a_plus_reach_the_service_as_typed(
    rossi: CommandLine,
) -> None:
    assert rossi.done("lookup", "+٣٩٠٢٤٤٥٥٦٦٧٧").out == "Mario Rossi\n"


def test_an_explanation_says_what_matched_and_which_readings_lost(rossi: CommandLine) -> None:
    told = rossi.done("explain", "0244556677").out
    assert "outcome        hit" in told
    assert "matched        +390244556677" in told
    assert "contact        crm:17  Mario Rossi" in told
    assert "CANDIDATE" in told


def test_an_explanation_in_json_is_the_services_own(rossi: CommandLine) -> None:
    told = rossi.done("explain", "0244556677", "--json").json
    assert told["matched"] == "+390244556677"
    assert told["candidates"][0]["lost"] == ""


def test_whoami_names_tenant_role_and_counts(rossi: CommandLine) -> None:
    told = rossi.done("whoami").out
    assert "tenant    acme\nrole      admin\n" in told
    assert "contacts  1\n" in told
    assert rossi.done("whoami", "--json").json["tenant"] == "acme"


def test_a_new_key_is_printed_alone_and_works(line: CommandLine) -> None:
    made = line.done(
        "keys", "create", "--role", "pbx", "--name", "PBX in Milan", "--network", "0.0.0.0/0"
    )
    key = made.out.strip()
    assert line.done("whoami", "--key", key, "--json").json["role"] == "pbx"
    assert key not in made.err


def test_keys_are_listed_by_an_id_and_the_one_in_use_is_marked(line: CommandLine) -> None:
    rows = line.done("keys", "list").out.splitlines()
    assert rows[0].split() == ["ID", "ROLE", "NAME", "CREATED", "EXPIRES", "NETWORKS", "EXTEN"]
    assert [row.split()[1] for row in rows if "*" in row] == ["admin"]
    assert len(line.done("keys", "list", "--json").json) == len(rows) - 1


def test_a_revoked_key_is_refused(line: CommandLine) -> None:
    made = line.done("keys", "create", "--role", "pbx", "--json").json
    assert line.done("keys", "revoke", made["id"]).err == f"revoked {made['id']}\n"
    refused = line.run("lookup", "1", "--key", made["key"])
    assert refused.code == 1
    assert "401" in refused.err


@pytest.mark.parametrize(("when", "until"), [("90d", "2026-12-21"), ("2026-12-20", "2026-12-21")])
def test_a_key_ends_with_the_day_that_was_asked_for(
    line: CommandLine, when: str, until: str
) -> None:
    made = line.done(
        "keys", "create", "--role", "agent", "--exten", "21", "--expires", when, "--json"
    ).json
    assert made["expires_at"].startswith(f"{until}T00:00:00")
    assert made["exten"] == "21"


def test_a_key_that_ends_at_no_date_is_refused_by_name(line: CommandLine) -> None:
    told = line.run("keys", "create", "--role", "pbx", "--expires", "soon")
    assert told.code == 2
    assert told.err == "centralino: --expires: expected 90d, or a date as 2027-01-31\n"


def test_the_settings_are_printed_as_json_and_one_field_as_it_is(line: CommandLine) -> None:
    assert line.done("settings", "get").json["line"]["area_code"] == "02"
    assert line.done("settings", "get", "line.area_code").out == "02\n"
    assert line.done("settings", "get", "extens").json == {"21": "Chiara"}


def test_a_field_that_is_none_is_named_with_those_there_are(line: CommandLine) -> None:
    told = line.run("settings", "get", "line.prefix")
    assert told.code == 2
    assert told.err.startswith("centralino: line.prefix: expected a field of the settings: country")


def test_a_change_of_settings_leaves_the_rest_and_shows_in_the_next_call(
    rossi: CommandLine,
) -> None:
    before = rossi.done("settings", "get").json
    told = rossi.done(
        "settings",
        "set",
        "line.area_code=06",
        "label.max_length=20",
        "label.flags.overdue=!",
        "trunks.milan.area_code=02",
        'source_priority=["hubspot","odoo"]',
        "extens.22=30",
        "extens.21=null",
    )
    after = rossi.done("settings", "get").json
    assert told.out == f"saved, version {after['version']}\n"
    assert after["line"] == {**before["line"], "area_code": "06"}
    assert after["label"]["max_length"] == 20
    assert after["label"]["flags"] == {"overdue": "!"}
    assert after["trunks"] == {"milan": {"area_code": "02"}}
    assert after["source_priority"] == ["hubspot", "odoo"]
    assert after["extens"] == {"22": "30"}


def test_settings_come_from_a_file_as_get_prints_them(line: CommandLine, tmp_path: Path) -> None:
    before = line.done("settings", "get").json
    before["line"]["country"] = "DE"
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(before))
    line.done("settings", "set", "--file", file)
    assert line.done("settings", "get", "line.country").out == "DE\n"


def test_settings_that_somebody_else_changed_meanwhile_are_not_overwritten(
    line: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(line.done("settings", "get").json))
    line.done("settings", "set", "line.area_code=06")
    told = line.run("settings", "set", "--file", file)
    assert told.code == 1
    assert "409" in told.err
    assert line.done("settings", "get", "line.area_code").out == "06\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["line.area_code=Milan"], "line.area_code: expected"),
        (["label.max_length=long"], "label.max_length: expected a whole number"),
        (["trunks.milan.decode_timeout_s=slow"], "decode_timeout_s: expected a number"),
        (["line.area_code"], "line.area_code: expected FIELD=VALUE"),
        (["line=null", "line.country=IT"], "line.country: expected a value for line or"),
        (["colour=red"], "colour: expected no such field"),
        ([], "expected FIELD=VALUE or --file"),
    ],
)
def test_a_bad_setting_is_refused_by_the_name_of_its_field(
    line: CommandLine, words: list[str], said: str
) -> None:
    told = line.run("settings", "set", *words)
    assert told.code in (1, 2)
    assert said in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("content", ["[]", "{", None])
def test_a_settings_file_that_is_none_is_refused(
    line: CommandLine, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "settings.json"
    if content is not None:
        file.write_text(content)
    told = line.run("settings", "set", "--file", file)
    assert told.code == 2
    assert "--file: " in told.err


def test_the_local_stack_is_asked_when_nothing_else_is_said_and_that_is_said_aloud(
    rossi: CommandLine, tmp_path: Path
) -> None:
    demo = {"url": URL, "tenant": "acme", "keys": rossi.office.keys["acme"]}
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "demo.json").write_text(json.dumps(demo))
    rossi.env.clear()
    told = rossi.done("lookup", "0244556677")
    assert told.out == "Mario Rossi\n"
    assert told.err.startswith(f"(the local stack at {URL}, tenant acme: .local/demo.json)\n")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "expected CENTRALINO_URL and CENTRALINO_KEY"),
        ({"CENTRALINO_URL": URL}, "--key or CENTRALINO_KEY: expected an API key"),
        ({"CENTRALINO_KEY": "acme.x"}, "--url or CENTRALINO_URL: expected the service's URL"),
        ({"CENTRALINO_URL": "centralino", "CENTRALINO_KEY": "k"}, "url: expected http:// or"),
        ({"CENTRALINO_URL": URL, "CENTRALINO_KEY": "chiave è"}, "key: expected an API key"),
    ],
)
def test_who_does_not_say_where_the_service_is_is_told_how_to(
    line: CommandLine, env: dict[str, str], said: str
) -> None:
    line.env = env
    told = line.run("whoami")
    assert told.code == 2
    assert said in told.err


def _refuse(status: int, **content: object) -> object:
    return lambda _request: httpx.Response(status, **content)  # type: ignore[arg-type]


def _hang(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow", request=request)


def _break(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_refuse(429, json={"message": "Too Many Requests"}), "Too Many Requests (status 429)"),
        (_refuse(502, text="<html>bad gateway</html>"), "Bad Gateway (status 502)"),
        (_refuse(200, text="<html>welcome</html>"), "answered something else than Centralino"),
        (_hang, "no answer from https://centralino.example within 35 s"),
        (_break, "no answer from https://centralino.example: connection refused"),
    ],
)
def test_a_service_that_fails_is_one_line_and_no_traceback(
    line: CommandLine, answer: object, said: str
) -> None:
    line.service.answers.append(answer)  # type: ignore[arg-type]
    told = line.run("whoami")
    assert told.code == 1
    assert said in told.err
    assert told.err.count("\n") == 1


def _interrupt(_request: httpx.Request) -> httpx.Response:
    raise KeyboardInterrupt


def test_ctrl_c_ends_a_command_in_one_line_with_the_usual_code(line: CommandLine) -> None:
    line.service.answers.append(_interrupt)
    told = line.run("whoami")
    assert (told.code, told.err) == (130, "centralino: interrupted\n")


def test_a_role_that_may_not_is_told_so(line: CommandLine) -> None:
    told = line.run("settings", "get", "--key", line.office.keys["acme"]["pbx"])
    assert told.code == 1
    assert "403" in told.err


def test_control_characters_from_a_carrier_do_not_reach_the_terminal(line: CommandLine) -> None:
    told = line.done("lookup", "0299999999", "--name", "A\x1b[2JB")
    assert "\x1b" not in told.out
