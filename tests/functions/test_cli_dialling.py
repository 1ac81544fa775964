"""The commands for dialling options and the do-not-call list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_a_country_a_short_number_and_a_did_are_allowed_and_forbidden_again(
    line: CommandLine,
) -> None:
    done = line.done(
        "dialling", "allow", "--country", "CH", "--country", "DE", "--short", "1240",
        "--caller-id", "02 44556600",
    )  # fmt: skip
    assert done.out.splitlines() == [
        "countries: CH, DE",
        "short_numbers: 1240",
        "caller_ids: +390244556600",
    ]
    assert line.done("dialling", "allow", "--country", "CH").out == "countries: DE, CH\n"
    assert line.done("dialling", "forbid", "--country", "DE").out == "countries: CH\n"
    assert line.done("dialling", "forbid", "--short", "1240").out == "short_numbers: none\n"
    assert line.done("dialling", "show", "countries").out.split() == ["[", '"CH"', "]"]


def test_what_is_not_allowed_at_all_is_refused_with_the_reason(line: CommandLine) -> None:
    refused = line.run("dialling", "allow", "--short", "112")

    assert refused.code == 1
    assert "short_numbers[0]: expected no emergency number" in refused.err
    assert line.run("dialling", "allow").code == 2
    assert line.run("dialling", "forbid").code == 2


def test_options_are_set_field_by_field(line: CommandLine) -> None:
    done = line.done(
        "dialling", "set", "pbx=asterisk", "internal=true", "budget.agent_day=100",
        "budget.country_day.CH=5", 'rules=[{"outside_prefix": "0"}]',
    )  # fmt: skip

    assert done.out == "saved, version 1\n"
    options = line.done("dialling", "show").json
    assert (options["pbx"], options["internal"]) == ("asterisk", True)
    assert options["budget"]["agent_day"] == 100
    assert options["budget"]["country_day"] == {"*": 50, "CH": 5}
    assert options["rules"][0]["outside_prefix"] == "0"
    assert line.done("dialling", "show", "pbx").out == "asterisk\n"


def test_what_was_shown_can_be_put_back_from_a_file(line: CommandLine, tmp_path: Path) -> None:
    line.done("dialling", "allow", "--country", "CH")
    file = tmp_path / "dialling.json"
    file.write_text(line.done("dialling", "show").out)
    line.done("dialling", "forbid", "--country", "CH")

    late = line.run("dialling", "set", "--file", file)
    options = {**json.loads(file.read_text()), "version": 2}
    file.write_text(json.dumps(options))
    done = line.done("dialling", "set", "--file", file)

    assert (late.code, done.out) == (1, "saved, version 3\n")
    assert line.run("dialling", "set").code == 2
    assert line.done("dialling", "show", "countries").json == ["CH"]


def test_a_number_is_blocked_listed_and_unblocked(line: CommandLine) -> None:
    blocked = line.done("dialling", "block", "02 4455 6677", "--reason", "asked for it")
    line.done("dialling", "block", "+39024466*")

    assert blocked.err == "nobody calls +390244556677\n"
    assert line.done("dialling", "list-blocked").out.splitlines() == [
        "NUMBER         REASON",
        "+390244556677  asked for it",
        "+39024466*     -",
    ]
    assert (
        line.done("dialling", "unblock", "+390244556677").err == "+390244556677 is off the list\n"
    )
    assert line.done("dialling", "list-blocked", "--json").json == [
        {"number": "+39024466*", "reason": ""}
    ]
    assert line.run("dialling", "unblock", "+390244556677").code == 1


def test_a_long_list_is_read_to_its_end(line: CommandLine) -> None:
    for digits in range(100, 225):
        line.office.dialling().block(f"+390244556{digits}", "", now_ms=1)

    assert len(line.done("dialling", "list-blocked", "--json").json) == 125
