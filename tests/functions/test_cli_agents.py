"""The commands for agents, schedules and the options of routing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    line.office.clock.now = 1_795_000_000  # 2026-11-18, a Wednesday, 12:06 in Rome
    return line


def test_an_agent_is_created_changed_listed_and_deleted(line: CommandLine) -> None:
    made = line.done(
        "agents", "set", "21", "--name", "Anna", "--skill", "trucks=8", "--skill", "german=5",
        "--for", "gold", "--mobile", "333 1234567", "--substitute", "22", "--substitute", "23",
    )  # fmt: skip
    assert made.err == "created agent 21\n"
    assert line.done("agents", "set", "21", "--name", "Anna B").err == "changed agent 21\n"
    assert line.done("agents", "state", "21", "busy", "--load", 2).err == "agent 21 is busy\n"
    [agent] = line.done("agents", "list", "--json").json
    assert agent == {
        "exten": "21",
        "name": "Anna B",
        "skills": {"trucks": 8, "german": 5},
        "customer_types": ["gold"],
        "mobile": "+393331234567",
        "schedule": "",
        "substitutes": ["22", "23"],
        "state": "busy",
        "since": "2026-11-18T11:06:40Z",
        "load": 2,
    }
    table = line.done("agents", "list").out.splitlines()
    assert table[0].split()[:4] == ["EXTEN", "NAME", "STATE", "SINCE"]
    assert "2026-11-18 11:06" in table[1]
    assert "trucks=8,german=5" in table[1]
    assert line.done("agents", "delete", "21").err == "deleted agent 21\n"
    assert line.done("agents", "list", "--json").json == []


def test_an_empty_word_takes_a_list_of_an_agent_away(line: CommandLine) -> None:
    line.done("agents", "set", "21", "--skill", "trucks=8", "--substitute", "22", "--for", "gold")
    line.done("agents", "set", "21", "--skill", "", "--substitute", "", "--for", "")
    [agent] = line.done("agents", "list", "--json").json
    assert (agent["skills"], agent["substitutes"], agent["customer_types"]) == ({}, [], [])


@pytest.mark.parametrize("skill", ["trucks", "trucks=best", "=5", "trucks=-1"])
def test_a_skill_without_a_level_is_refused_before_anything_is_sent(
    line: CommandLine, skill: str
) -> None:
    told = line.run("agents", "set", "21", "--skill", skill)
    assert (told.code, told.err) == (
        2,
        "centralino: --skill: expected a skill with its level, as trucks=8\n",
    )
    assert line.office.agents().all() == []


def test_an_agent_who_is_not_there_is_one_line_and_an_exit_code(line: CommandLine) -> None:
    for words in (("agents", "state", "99", "busy"), ("agents", "delete", "99")):
        told = line.run(*words)
        assert told.code == 1
        assert "there is no agent 99" in told.err


def test_a_refusal_to_read_an_agent_is_not_taken_for_a_new_one(line: CommandLine) -> None:
    line.env["CENTRALINO_KEY"] = line.office.keys["acme"]["pbx"]
    told = line.run("agents", "set", "21", "--name", "Anna")
    assert told.code == 1
    assert line.office.agents().all() == []


def test_a_schedule_is_set_shown_listed_and_deleted(line: CommandLine, tmp_path: Path) -> None:
    told = line.done(
        "schedules", "set", "office",
        "--open", "mon-fri 09:00-13:00 14:00-18:00", "--open", "sat 22:00-06:00",
        "--day", "12-24 09:00-12:00", "--day", "2026-08-10/2026-08-21",
        "--holidays", "IT-BZ", "--on-holidays", "10:00-11:00",
    )  # fmt: skip
    assert told.err == "saved schedule office; it is open now and known until 2036-12-31\n"
    shown = line.done("schedules", "show", "office").json
    assert shown["open"] == {"mon-fri": ["09:00-13:00", "14:00-18:00"], "sat": ["22:00-06:00"]}
    assert shown["days"] == {"12-24": ["09:00-12:00"], "2026-08-10/2026-08-21": []}
    assert (shown["holidays"], shown["on_holidays"]) == ("IT-BZ", ["10:00-11:00"])
    file = tmp_path / "office.json"
    file.write_text(json.dumps(shown))
    line.done("schedules", "set", "copy", "--file", file)
    assert line.done("schedules", "show", "copy").json == {**shown, "name": "copy"}
    table = line.done("schedules", "list").out.splitlines()
    assert [row.split()[:4] for row in table[1:]] == [
        ["copy", "open", "no", "IT-BZ"],
        ["office", "open", "no", "IT-BZ"],
    ]
    assert len(line.done("schedules", "list", "--json").json) == 2
    assert line.done("schedules", "delete", "copy").err == "deleted schedule copy\n"
    assert "there is no schedule copy" in line.run("schedules", "show", "copy").err


@pytest.mark.parametrize(
    "words", [["--open", ""], ["--day", "12-24", "--day", "12-24 09:00-10:00"]]
)
def test_days_without_a_name_or_twice_are_refused(line: CommandLine, words: list[str]) -> None:
    told = line.run("schedules", "set", "office", *words)
    assert told.code == 2
    assert f"{words[0]}: expected each days once" in told.err


def test_a_schedule_comes_from_a_file_or_from_options(line: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "office.json"
    file.write_text("[]")
    told = line.run("schedules", "set", "office", "--file", file, "--holidays", "IT")
    assert (told.code, "not both" in told.err) == (2, True)
    told = line.run("schedules", "set", "office", "--file", file)
    assert (told.code, "--file: expected a JSON object" in told.err) == (2, True)
    told = line.run("schedules", "set", "office", "--file", tmp_path / "none.json")
    assert (told.code, "No such file" in told.err) == (2, True)


def test_options_of_routing_are_read_and_changed(line: CommandLine, tmp_path: Path) -> None:
    assert line.done("routing", "get", "time_zone").out == "UTC\n"
    told = line.done(
        "routing", "set", "time_zone=Europe/Lisbon", "learning.days=90", "keep_days=30"
    )
    assert told.out == "saved, edition 1\n"
    options = line.done("routing", "get").json
    assert (options["time_zone"], options["time"]) == ("Europe/Lisbon", "2026-11-18T11:06")
    assert line.done("routing", "get", "learning.days").out == "90\n"
    file = tmp_path / "routing.json"
    file.write_text(json.dumps({**options, "keep_days": 20}))
    line.done("routing", "set", "--file", file, "learning.days=null")
    assert line.done("routing", "get", "keep_days").out == "20\n"
    assert line.done("routing", "get", "learning.days").out == "180\n"


def test_routing_set_alone_works_everything_out_anew(line: CommandLine) -> None:
    line.done("schedules", "set", "office")
    line.office.clock.now += 365 * 86_400
    assert line.done("routing", "set").out == "saved, edition 2\n"
    assert line.done("schedules", "show", "office").json["known_until"] == "2037-12-31"


def test_an_option_that_there_is_not_is_refused(line: CommandLine) -> None:
    told = line.run("routing", "get", "colour")
    assert told.code == 2
    assert "a field of the options of routing: edition, published" in told.err
    assert line.run("routing", "set", "keep_days").code == 2
    assert line.run("routing", "set", "keep_days=many").code == 2
    assert line.run("routing", "set", "colour=red").code == 1
