"""`centralino rules` and `explain-route`: rules from a file, tried before they count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino.application.compile_rules import DEFAULTS
from centralino.domain.decision import Decision
from centralino.domain.destination import Destination
from tests.functions.test_admin_rules import DOCUMENT, keep
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def write(line: CommandLine, document: Any) -> str:  # noqa: ANN401 - JSON
    (line.folder / "rules.json").write_text(json.dumps(document))
    return "rules.json"


def test_rules_are_published_from_a_file_and_rolled_back(line: CommandLine) -> None:
    assert line.run("rules", "show").json == DEFAULTS
    published = line.run("rules", "publish", write(line, DOCUMENT), "--note", "first")
    assert published.out == "version 1 is in force, and was 0 before\n"
    assert line.run("rules", "show").json == DOCUMENT
    versions = line.run("rules", "versions").out.splitlines()
    assert versions[1].split()[:3] == ["1", "in", "force"]
    assert line.run("rules", "versions", "--json").json[0]["note"] == "first"
    assert line.run("rules", "rollback", "0").out == "version 0 is in force, and was 1 before\n"
    assert line.run("rules", "show", "--version", "1").json == DOCUMENT


def test_a_check_says_what_is_wrong_and_saves_nothing(line: CommandLine) -> None:
    odd = {"rules": [{"name": "r", "when": "customer.status == 'activ'", "to": "queue:1"}]}
    checked = line.run("rules", "check", write(line, odd))
    assert checked.out == "1 rule, nothing wrong with them\n"
    assert 'warning: rules[0].when: customer.status is never "activ"' in checked.err
    wrong = {"rules": [{"name": "r", "when": "customer.statu", "to": "queue:1"}]}
    refused = line.run("rules", "check", write(line, wrong))
    assert refused.code == 1
    assert "rules[0].when: expected at column 10: a fact" in refused.err
    assert line.run("rules", "versions", "--json").json == []


def test_a_trial_says_who_would_have_gone_elsewhere(line: CommandLine) -> None:
    decided = Decision(Destination("queue", "sales", "sales"), rule="everybody else")
    number = {"number": "+390244556677"}
    keep(line.office, "c-1", decided, customer={"status": "active"}, caller=number)
    tried = line.run("rules", "test", write(line, DOCUMENT), "--days", "2")
    assert "+390244556677  queue:sales (sales)  queue:600 (support)  paying" in tried.out
    assert tried.err == "1 of 1 calls would have gone elsewhere\n"
    assert line.run("rules", "test", "rules.json", "--json").json["moved_count"] == 1


def test_a_trial_says_how_many_callers_are_asked_first(line: CommandLine) -> None:
    assert line.office.ask("PUT", "/v1/nodes/vat", {"mode": "check", "codes": ["vat:IT"]}).json
    ask = {"name": "unknown", "when": "customer.code == ''", "to": "identify:vat"}
    rest = {"name": "rest", "to": "sales"}
    document = write(line, {"destinations": {"sales": "queue:700"}, "rules": [ask, rest]})
    line.run("rules", "publish", document)
    decided = Decision(Destination("queue", "700", "sales"), rule="rest", version=1)
    keep(line.office, "c-1", decided, call={"asked": True})
    tried = line.run("rules", "test", document)
    assert tried.err == (
        "0 of 1 calls would have gone elsewhere; 1 asked at a node first, counted twice\n"
    )


def test_a_route_is_explained_for_a_number_and_for_a_call(line: CommandLine) -> None:
    told = line.run("explain-route", "--number", "0244556677")
    assert "goes to  queue:sales (sales)" in told.out
    assert 'active customers  customer.status is "", not "active"' in told.out
    decided = Decision(Destination("agent", "21"), ("21", "22"), rule="gone")
    keep(line.office, "c-1", decided)
    kept = line.run("explain-route", "--call-id", "c-1")
    assert "goes to  agents 21, 22" in kept.out
    assert "would not come to the same today" in kept.err
    assert line.run("explain-route", "--call-id", "c-1", "--json").json["repeated"] is False


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("explain-route",), "expected either --number or --call-id"),
        (("explain-route", "--number", "1", "--call-id", "c"), "expected either"),
        (("rules", "check", "absent.json"), "FILE: No such file"),
        (("rules", "check", "list.json"), "FILE: expected an object"),
        (("rules", "check", "text.json"), "FILE: expected JSON"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_command(
    line: CommandLine, words: tuple[str, ...], complaint: str
) -> None:
    (line.folder / "list.json").write_text("[]")
    (line.folder / "text.json").write_text("rules")
    ended = line.run(*words)
    assert ended.code == 2
    assert complaint in ended.err
