"""`centralino pbx`: which PBXs there are, what may be set, and the secrets they sign with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino import bootstrap
from centralino.adapters.pbx.twilio import Adapter
from centralino.adapters.secrets import open_secrets
from tests.support.command_line import CommandLine
from tests.unit.pbx.test_twilio import TestTwilio as Twilio

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    line.env = {
        "CENTRALINO_TENANT": "acme",
        "CENTRALINO_SECRETS": f"file:{tmp_path / 'secrets.json'}",
    }
    return line


def kept(line: CommandLine) -> Any:  # noqa: ANN401 - JSON
    return json.loads((line.folder / "secrets.json").read_text())["acme/crm/pbx-twilio"]


def test_every_pbx_that_asks_is_listed_with_what_it_signs_with(line: CommandLine) -> None:
    told = line.done("pbx", "list", "--json").json
    assert {one["pbx"]: one["secrets"] for one in told if one["asks"]} == {
        "asterisk": [],
        "centralino": [],
        "freeswitch": [],
        "generic": [],
        "jambonz": ["webhook_secret"],
        "kalliope": [],
        "omnileads": [],
        "twilio": ["auth_token"],
    }
    assert "webhook_secret" in line.done("pbx", "list").out


def test_the_pbxs_that_place_calls_are_those_with_a_class_for_it(line: CommandLine) -> None:
    placing = {one["pbx"] for one in line.done("pbx", "list", "--json").json if one["places_calls"]}
    assert placing == {
        "asterisk",
        "asterisk_ws",
        "freeswitch",
        "fusionpbx",
        "generic",
        "omnileads",
        "threecx",
        "twilio",
        "yeastar",
    }
    for name in placing:
        assert bootstrap.originator_class(name).slug == name


def test_the_options_of_a_pbx_are_told(line: CommandLine) -> None:
    assert "sip_domain" in line.done("pbx", "options", "twilio").out
    assert set(line.done("pbx", "options", "kalliope", "--json").json) == {
        "values",
        "ask_value",
        "yes_value",
        "no_value",
    }
    assert line.done("pbx", "options", "asterisk").err == "asterisk has no options\n"


def test_a_secret_is_kept_where_a_function_reads_it(line: CommandLine) -> None:
    told = line.run("pbx", "secret", "twilio", piped="the-token\n")
    assert (told.code, told.out) == (0, "twilio: its auth_token is kept\n")
    secrets = open_secrets(line.env["CENTRALINO_SECRETS"], lambda _service: pytest.fail("no AWS"))
    asked = Twilio().sign(Twilio().request("route"), "the-token")
    known = {name: str(value) for name, value in secrets.read("acme", "pbx-twilio").items()}
    Adapter({}, known).verify(asked, now_s=0)


def test_the_secret_before_stays_good_until_it_is_forgotten(line: CommandLine) -> None:
    line.run("pbx", "secret", "twilio", piped="first")
    assert "still good" in line.run("pbx", "secret", "twilio", piped="second").out
    assert kept(line) == {"auth_token": "second", "auth_token_old": "first"}
    # Given once more, it does not push out the one before.
    line.run("pbx", "secret", "twilio", piped="second")
    assert kept(line) == {"auth_token": "second", "auth_token_old": "first"}
    line.run("pbx", "secret", "twilio", piped="third")
    assert kept(line) == {"auth_token": "third", "auth_token_old": "second"}
    line.done("pbx", "secret", "twilio", "--only-new")
    assert kept(line) == {"auth_token": "third"}


@pytest.mark.parametrize("piped", ["", "\n", "a\nb", "x" * 501, "\x00"])
def test_what_is_no_secret_is_refused_without_saying_what_it_was(
    line: CommandLine, piped: str
) -> None:
    told = line.run("pbx", "secret", "twilio", piped=piped)
    assert told.code == 2
    assert told.err.startswith("centralino: auth_token: expected one line")
    assert not (line.folder / "secrets.json").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("secret", "asterisk"), 2, "asterisk signs nothing"),
        (("secret", "nonesuch"), 2, "PBX: expected one of asterisk, centralino"),
        (("options", "../crm/odoo"), 2, "PBX: expected one of"),
        (("secret", "twilio", "--only-new"), 1, "tenant acme has no secret for twilio"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    line: CommandLine, words: tuple[str, ...], code: int, message: str
) -> None:
    told = line.run("pbx", *words, piped="x")
    assert told.code == code
    assert message in told.err
