"""`centralino tenants create`: the first tenant on a table, by whoever has AWS credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from centralino_cli.aws import SessionEnvironment
from centralino_cli.desk import Desk
from tests.support.command_line import URL, CommandLine
from tests.support.memory_dynamo import MemoryDynamo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    line.env = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return line


def test_the_first_key_of_a_new_tenant_is_printed_alone_and_opens_the_service(
    line: CommandLine,
) -> None:
    told = line.done(
        "tenants", "create", "verdi", "--country", "de", "--area-code", "30",
        "--cli-format", "plus", "--outside-prefix", "0", "--table", "centralino",
    )  # fmt: skip
    key = told.out.strip()
    assert key.startswith("verdi.")
    assert "verdi." not in told.err
    line.env = {"CENTRALINO_URL": URL, "CENTRALINO_KEY": key}
    whose = line.done("whoami", "--json").json
    assert (whose["tenant"], whose["role"], whose["country"]) == ("verdi", "admin", "DE")
    settings = line.done("settings", "get").json["line"]
    assert (settings["area_code"], settings["cli_format"]) == ("30", "plus")


def test_a_tenant_that_exists_is_left_alone(line: CommandLine) -> None:
    line.env["CENTRALINO_TABLE"] = "centralino"
    told = line.run("tenants", "create", "acme")
    assert told.code == 1
    assert told.err == "centralino: the tenant id acme is taken, or was until lately\n"


def test_a_new_tenant_in_json_is_for_programs(line: CommandLine) -> None:
    made = line.done("tenants", "create", "verdi", "--table", "centralino", "--json").json
    assert made["tenant"] == "verdi"
    assert made["key"].startswith("verdi.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Verdi!", "--table", "t"], "tenant: expected 2 to 12 of a-z, 0-9 and -"),
        (["verdi", "--table", "t", "--country", "XX"], "line.country: expected a country"),
        (["verdi", "--table", "t", "--cli-format", "e164"], "line.cli_format: expected one of"),
        (["verdi"], "--table or CENTRALINO_TABLE: expected the DynamoDB table's name"),
    ],
)
def test_a_bad_tenant_is_refused_by_the_name_of_its_field(
    line: CommandLine, words: list[str], said: str
) -> None:
    told = line.run("tenants", "create", *words)
    assert told.code == 2
    assert told.err.startswith(f"centralino: {said}")


class Frozen(NamedTuple):
    """Credentials as botocore hands them out."""

    access_key: str
    secret_key: str
    token: str | None


class RenewingSession:
    """A session whose credentials are others each time that they are asked for."""

    region_name = "eu-south-1"

    def __init__(self, *, empty: bool = False) -> None:
        self.renewals = 0
        self._empty = empty

    def get_credentials(self) -> RenewingSession | None:
        return None if self._empty else self

    def get_frozen_credentials(self) -> Frozen:
        self.renewals += 1
        return Frozen(f"id{self.renewals}", f"secret{self.renewals}", None)


def test_credentials_of_a_profile_are_renewed_for_each_request_and_belong_together() -> None:
    env = SessionEnvironment({"HOME": "/root"}, RenewingSession())
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    first, second = ([env.get(name) for name in names] for _ in range(2))
    assert first[0] != second[0]
    for key, secret, token in (first, second):
        assert (key or "")[2:] == (secret or "")[6:]
        assert token == ""
    assert (env["AWS_REGION"], env["HOME"]) == ("eu-south-1", "/root")
    assert set(env) == {*names, "AWS_REGION", "HOME"}
    assert len(env) == 5


def test_the_region_of_the_environment_comes_before_the_profiles() -> None:
    env = SessionEnvironment({"AWS_DEFAULT_REGION": "eu-west-1"}, RenewingSession())
    assert env["AWS_REGION"] == "eu-west-1"
    assert SessionEnvironment({"AWS_REGION": "x"}, RenewingSession())["AWS_REGION"] == "x"


def test_a_desk_without_keys_in_its_environment_asks_the_profile(tmp_path: Path) -> None:
    seen: list[Mapping[str, str]] = []

    def dynamodb(env: Mapping[str, str]) -> MemoryDynamo:
        seen.append(env)
        return MemoryDynamo()

    Desk({}, tmp_path, dynamodb=dynamodb, session=RenewingSession).client()
    assert seen[0]["AWS_ACCESS_KEY_ID"].startswith("id")


def test_who_has_no_credentials_at_all_is_told_which(line: CommandLine) -> None:
    line.env = {}
    line.session = lambda: RenewingSession(empty=True)
    told = line.run("tenants", "create", "verdi", "--table", "centralino")
    assert told.code == 2
    assert told.err.startswith("centralino: AWS_ACCESS_KEY_ID: expected AWS credentials")


def test_an_erased_tenant_leaves_nothing_once_everybody_at_work_has_ended(
    line: CommandLine,
) -> None:
    line.office.add(id="ada", numbers=[{"number": "+390244556677"}], last_name="Neri")
    words = ("tenants", "erase", "acme", "--yes-erase", "acme", "--table", "centralino")

    closed = line.done(*words)
    again = line.done(*words, "--json").json
    line.office.clock.now += 17 * 60
    done = line.done(*words)

    assert closed.out.startswith("tenant acme is closed and empty; run this again after 20")
    assert again == {"tenant": "acme", "removed": 0, "done": False}
    assert done.out == "tenant acme is erased\n"
    # That the id is taken, and until when: a backup may still remember the old tenant.
    left = [item for item in line.office.dynamo.all_items() if item["pk"]["S"].startswith("T#acme")]
    assert [(item["pk"]["S"], "expires_at" in item) for item in left] == [("T#acme", True)]


@pytest.mark.parametrize("repeated", ["", "acm", "other"])
def test_a_tenant_is_erased_only_if_its_id_is_repeated(line: CommandLine, repeated: str) -> None:
    told = line.run("tenants", "erase", "acme", "--yes-erase", repeated, "--table", "centralino")

    assert told.code == 2
    assert "--yes-erase: expected the tenant's id once more" in told.err
    assert line.office.tenants("acme").settings() is not None


def test_a_tenant_that_never_was_cannot_be_erased(line: CommandLine) -> None:
    told = line.run("tenants", "erase", "nobody", "--yes-erase", "nobody", "--table", "centralino")

    assert told.code == 1
    assert "nobody" in told.err or "tenant" in told.err
