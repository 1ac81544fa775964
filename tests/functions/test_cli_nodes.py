"""`nodes` on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import URL, CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_a_node_is_made_changed_listed_shown_and_deleted(line: CommandLine) -> None:
    made = line.done("nodes", "set", "vat", "--code", "vat:IT", "--yes", "support", "--no", "sales")
    assert made.out == "created vat\n"
    assert line.done("nodes", "set", "vat", "--attempts", 2, "--no-teach").out == "changed vat\n"
    shown = line.done("nodes", "show", "vat", "--json").json
    assert (shown["codes"], shown["yes"], shown["attempts"], shown["teaches"]) == (
        ["vat:IT"],
        "support",
        2,
        False,
    )
    assert line.done("nodes", "list").out.splitlines() == [
        "NAME  MODE   CODES   YES      NO",
        "vat   check  vat:IT  support  sales",
    ]
    assert "attempts   2" in line.done("nodes", "show", "vat").out
    assert line.done("nodes", "delete", "vat").out == "deleted vat\n"
    assert line.done("nodes", "list", "--json").json == {"nodes": []}


def test_a_node_that_routes_is_told_by_what(line: CommandLine) -> None:
    words = ["--mode", "route", "--by", "plan:a=b=queue:1", "--by", "status:expired=sales"]
    line.done("nodes", "set", "plans", *words)
    by = {"plan:a=b": "queue:1", "status:expired": "sales"}
    assert line.done("nodes", "show", "plans", "--json").json["by"] == by
    # A node that only says yes or no has nothing to choose by.
    line.done("nodes", "set", "plans", "--mode", "check", "--yes", "")
    assert line.done("nodes", "show", "plans", "--json").json["by"] == {}


def test_a_condition_without_a_destination_is_a_wrong_command(line: CommandLine) -> None:
    told = line.run("nodes", "set", "plans", "--mode", "route", "--by", "plan:gold")
    assert (told.code, told.err) == (
        2,
        "centralino: by: expected WHEN=WHERE, as plan:gold=queue:1\n",
    )


def test_what_the_service_refuses_is_told_by_its_field(line: CommandLine) -> None:
    told = line.run("nodes", "set", "vat", "--code", "pattern:(a+)+")
    assert told.code == 1
    assert "nodes.vat.codes[0]: expected a regular expression that is quick" in told.err


def test_destinations_that_omnileads_has_no_number_for_are_named(line: CommandLine) -> None:
    told = line.done(
        "nodes", "set", "plans", "--mode", "route", "--yes", "support", "--no", "queue:2"
    )
    assert "(OMniLeads has no number for queue:support: " in told.err
    assert line.done("nodes", "set", "plans", "--yes", "queue:1").err == ""


def test_the_url_holds_the_pbx_key_and_the_node(line: CommandLine) -> None:
    line.done("nodes", "set", "vat")
    key = line.office.keys["acme"]["pbx"]
    assert line.done("nodes", "url", "vat", "--pbx-key", key).out == (
        f"{URL}/v1/k/{key}/identify/vat\n"
    )
    line.env["CENTRALINO_PBX_KEY"] = key
    told = line.done("nodes", "url", "vat", "--base", "https://pbx.example/v1/").out
    assert told == f"https://pbx.example/v1/k/{key}/identify/vat\n"


def test_the_url_of_the_local_stack_holds_its_own_key(line: CommandLine, tmp_path: Path) -> None:
    keys = line.office.keys["acme"]
    (tmp_path / ".local").mkdir()
    demo = {"url": URL, "tenant": "acme", "keys": {"admin": keys["admin"], "pbx": keys["pbx"]}}
    (tmp_path / ".local" / "demo.json").write_text(json.dumps(demo))
    line.env.clear()
    line.done("nodes", "set", "vat")
    assert line.done("nodes", "url", "vat").out == f"{URL}/v1/k/{keys['pbx']}/identify/vat\n"


def test_a_url_that_omnileads_can_not_be_given_is_refused(line: CommandLine) -> None:
    line.done("nodes", "set", "vat")
    key = line.office.keys["acme"]["pbx"]
    told = line.run(
        "nodes", "url", "vat", "--pbx-key", key, "--base", f"https://{'a' * 90}.example"
    )
    assert told.code == 2
    assert "url: expected at most 128 characters, OMniLeads' limit" in told.err
    comma = line.run("nodes", "url", "vat", "--pbx-key", "acme.a,b")
    assert (comma.code, comma.out) == (2, "")


def test_a_url_needs_a_key_and_a_node(line: CommandLine) -> None:
    assert "there is no node vat (status 404)" in line.run("nodes", "url", "vat").err
    line.done("nodes", "set", "vat")
    told = line.run("nodes", "url", "vat")
    assert told.code == 2
    assert "expected a key of role pbx" in told.err
