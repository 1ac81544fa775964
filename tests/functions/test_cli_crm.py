"""`centralino crm`: connecting CRMs and watching them, with an operator's credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.application.dispatch_syncs import is_due
from centralino.domain.errors import (
    NotFoundError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.keys import hash_key
from centralino.ports.connections import SyncState
from centralino_cli.crm import ADVICE
from tests.support.command_line import URL, CommandLine
from tests.support.memory_crm import MemoryCrm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from centralino.domain.keys import ApiKey
    from centralino.ports.crm import Connection, Crm
    from centralino.ports.tokens import TokenCache
    from centralino.ports.web import Web

ADDRESS = "base_url=https://crm.acme.example"
TOKEN = "t0ken-of-the-crm"


class DeskCrm(MemoryCrm):
    """A CRM in memory that is built as any provider is."""

    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "the CRM's address, as https://acme.example",
        "account.team?": "whose contacts",
        "secrets.token": "an API token that may read contacts",
    }
    setup: ClassVar[tuple[str, ...]] = (
        "Settings, Webhooks, New: paste {url}/saved",
        "Secret: {secret}",
    )
    there: ClassVar[MemoryCrm]
    built: ClassVar[list[Connection]]

    def __init__(
        self, connection: Connection, web: Web | None = None, tokens: TokenCache | None = None
    ) -> None:
        assert tokens is not None
        super().__init__(self.there.now_ms)
        self.connection = connection
        self.built.append(connection)
        self.records, self.gone = self.there.records, self.there.gone
        self.faults, self.asked = self.there.faults, self.there.asked
        self.before, self.reads = self.there.before, self.there.reads
        assert web is not None


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    line.env = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "CENTRALINO_TABLE": "centralino",
        "CENTRALINO_TENANT": "acme",
        "CENTRALINO_SECRETS": f"file:{tmp_path / 'secrets.json'}",
        "CENTRALINO_URL": URL,
    }
    (tmp_path / "token.json").write_text(json.dumps({"token": TOKEN}))
    DeskCrm.there = MemoryCrm(lambda: int(line.office.clock.now * 1000))
    DeskCrm.built = []

    def crm_class(provider: str) -> type[Crm]:
        if provider != "memory":
            raise NotFoundError("nothing")
        return DeskCrm

    line.around = {"crm_class": crm_class, "web": lambda _connection: object()}
    return line


def links(line: CommandLine) -> DynamoConnectionStore:
    return DynamoConnectionStore(line.office.dynamo, "centralino", "acme")


def connect(line: CommandLine, *words: str) -> Any:  # noqa: ANN401 - an outcome
    secrets = ["--secrets", str(line.folder / "token.json")]
    return line.run("crm", "connect", "memory", "--set", ADDRESS, *secrets, *words)


def kept(line: CommandLine) -> dict[str, Any]:
    content = json.loads((line.folder / "secrets.json").read_text())
    return dict(content["acme/crm/memory"])


def keys_of(line: CommandLine) -> tuple[ApiKey, ...]:
    store = line.office.tenants()
    return store.keys()


def test_connecting_tries_the_crm_and_prints_what_to_paste_into_it(line: CommandLine) -> None:
    told = connect(line)
    assert told.code == 0, told
    secret = kept(line)["webhook_secrets"][0]
    assert kept(line) == {"token": TOKEN, "webhook_secrets": [secret]}
    assert "connected           memory, Memory of Acme" in told.out
    assert f"{URL}/v1/k/acme." in told.out
    assert "1. Settings, Webhooks, New: paste https://centralino.example/v1/k/acme." in told.out
    assert "/crm/memory/saved" in told.out
    assert f"2. Secret: {secret}" in told.out
    assert TOKEN not in told.out + told.err
    assert "centralino crm sync memory" in told.err
    link = links(line).get("memory")
    assert link
    assert link.account == {"base_url": "https://crm.acme.example"}
    settings = line.office.tenants().settings()
    assert settings
    assert settings.crms == ("memory",)


def test_the_key_in_the_webhook_url_is_one_for_crms(line: CommandLine) -> None:
    url = connect(line, "--json").json["webhook_url"]
    key = url.removeprefix(f"{URL}/v1/k/").removesuffix("/crm/memory")
    [stored] = [stored for stored in keys_of(line) if stored.hash == hash_key(key)]
    assert (stored.role, stored.name) == ("crm", "webhooks of memory")


def test_the_table_holds_no_secret(line: CommandLine) -> None:
    connect(line)
    items = json.dumps(line.office.dynamo.all_items())
    assert "crm.acme.example" in items
    assert TOKEN not in items
    assert kept(line)["webhook_secrets"][0] not in items


def test_nothing_is_kept_of_a_crm_that_does_not_let_us_in(line: CommandLine) -> None:
    before = line.office.dynamo.all_items()
    for problem, advice in ADVICE.items():
        DeskCrm.there.faults[:] = [RejectedError(problem)]
        told = connect(line)
        assert (told.code, told.out) == (1, "")
        assert told.err == f"centralino: memory: {advice}\n"
    assert line.office.dynamo.all_items() == before
    assert not (line.folder / "secrets.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "account.base_url: expected the CRM's address, as https://acme.example"),
        (["--set", ADDRESS], "secrets.token: expected an API token that may read contacts"),
        (["--set", "https://acme.example"], "--set: expected NAME=VALUE"),
        (
            ["--set", ADDRESS, "--set", "tema=x", "--secrets", "token.json"],
            "account.tema: expected",
        ),
        (["--secrets", "none.json"], "--secrets: No such file or directory: none.json"),
    ],
)
def test_a_setting_that_is_missing_or_mistyped_is_named_and_nobody_is_asked(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(line.folder)
    told = line.run("crm", "connect", "memory", *words)
    assert told.code == 2
    assert told.err.startswith(f"centralino: {said}")
    assert told.err.count("\n") == 1
    assert DeskCrm.there.asked == []


def test_secrets_that_are_no_json_are_not_repeated(line: CommandLine) -> None:
    (line.folder / "token.json").write_text(TOKEN)
    told = connect(line)
    assert told.err == 'centralino: --secrets: expected a JSON object, as {"api_key": "…"}\n'


def test_a_setting_that_only_the_crm_can_judge_is_named_too(line: CommandLine) -> None:
    DeskCrm.there.faults[:] = [PayloadError("account.team", "a team that there is")]
    told = connect(line)
    assert (told.code, told.err) == (2, "centralino: account.team: expected a team that there is\n")


def test_connecting_again_changes_what_is_said_and_keeps_the_rest(line: CommandLine) -> None:
    connect(line)
    before = kept(line)
    state = links(line).save_state("memory", SyncState(mark_ms=17))
    told = line.done("crm", "connect", "memory", "--set", "team=sales")
    assert "as before (--new-key makes another)" in told.out
    assert kept(line) == before
    link = links(line).get("memory")
    assert link
    assert link.account == {"base_url": "https://crm.acme.example", "team": "sales"}
    # Another team's contacts: everything has to be read once more.
    assert link.state != state
    assert "/v1/k/acme." in line.done("crm", "connect", "memory", "--new-key").out


def test_connecting_again_with_better_credentials_ends_the_wait(line: CommandLine) -> None:
    connect(line)
    DeskCrm.there.faults[:] = [RejectedError("credentials")]
    assert line.run("crm", "sync", "memory").code == 1
    assert "failed" in line.done("crm", "status").out
    connect(line)
    link = links(line).get("memory")
    assert link
    assert (link.state.problem, is_due(link, int(line.office.clock.now * 1000))) == ("", True)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("CENTRALINO_TABLE", "--table or CENTRALINO_TABLE: expected the DynamoDB table's name"),
        ("CENTRALINO_TENANT", "--tenant or CENTRALINO_TENANT: expected the tenant's id"),
        ("CENTRALINO_SECRETS", "--secret-store or CENTRALINO_SECRETS: expected where secrets are"),
    ],
)
def test_what_is_not_said_is_asked_for(line: CommandLine, missing: str, said: str) -> None:
    del line.env[missing]
    told = connect(line)
    assert (told.code, told.err.startswith(f"centralino: {said}")) == (2, True)


def test_an_unknown_crm_is_answered_with_those_there_are(line: CommandLine) -> None:
    told = line.run("crm", "connect", "zoo")
    assert told.code == 2
    assert told.err.startswith("centralino: CRM: expected one of ")


# --- sync and status -----------------------------------------------------------------------------


def test_a_sync_brings_the_contacts_and_says_how_many(line: CommandLine) -> None:
    connect(line)
    for record in range(7):
        DeskCrm.there.put(str(record), f"Name {record}")
    told = line.done("crm", "sync", "memory")
    assert told.out == "read      7\nimported  7\n"
    assert line.office.contacts().count() == 7
    assert line.done("crm", "sync", "memory", "--json").json["imported"] == 0


def test_a_call_finds_whom_a_sync_brought(line: CommandLine) -> None:
    connect(line)
    DeskCrm.there.put("1", "Bianchi", "347 1234567")
    line.done("crm", "sync", "memory")
    line.env["CENTRALINO_KEY"] = line.office.keys["acme"]["admin"]
    assert line.done("lookup", "+393471234567").out == "Bianchi\n"


def test_a_full_sync_reads_everything_again(line: CommandLine) -> None:
    connect(line)
    DeskCrm.there.put("1", at_ms=1_000_000_000_000)
    line.done("crm", "sync", "memory")
    assert line.done("crm", "sync", "memory", "--json").json["read"] == 0
    assert line.done("crm", "sync", "memory", "--full", "--json").json["read"] == 1


def test_a_crm_that_is_slow_is_waited_for_and_one_that_refuses_is_one_line(
    line: CommandLine,
) -> None:
    connect(line)
    DeskCrm.there.put("1")
    DeskCrm.there.faults[:] = [ThrottledError("throttled", 33)]

    def wait(seconds: float) -> None:
        line.pauses.append(seconds)
        line.office.clock.now += seconds

    line.around["sleep"] = wait
    told = line.done("crm", "sync", "memory")
    assert line.pauses == [33]
    assert "memory: it asks us to slow down: nothing to do but to wait; on in 33 s" in told.err
    DeskCrm.there.faults[:] = [RejectedError("permissions")]
    told = line.run("crm", "sync", "memory")
    assert told.code == 1
    assert told.err == f"centralino: memory: {ADVICE['permissions']}\n"


def test_status_says_in_one_line_what_is_wrong(line: CommandLine) -> None:
    assert "connected to no CRM" in line.done("crm", "status").err
    connect(line)
    assert line.done("crm", "status").out.splitlines()[1].split()[:3] == ["memory", "yes", "new"]
    DeskCrm.there.put("1")
    line.done("crm", "sync", "memory")
    shown = line.done("crm", "status")
    assert "in step" in shown.out
    assert shown.err == ""
    DeskCrm.there.faults[:] = [UnavailableError("timeout")]
    line.around["sleep"] = lambda _seconds: (_ for _ in ()).throw(KeyboardInterrupt)
    assert line.run("crm", "sync", "memory").code == 130
    shown = line.done("crm", "status")
    assert "waiting" in shown.out
    assert shown.err == f"memory: {ADVICE['timeout']}\n"
    [listed] = line.done("crm", "status", "--json").json
    assert (listed["condition"], listed["advice"]) == ("waiting", ADVICE["timeout"])


def test_a_crm_that_can_not_be_read_is_one_that_only_sends_webhooks(line: CommandLine) -> None:
    connect(line)
    DeskCrm.there.reads = False
    told = line.run("crm", "sync", "memory")
    assert told.code == 1
    assert "memory sends webhooks and can't be read" in told.err
    # As the worker leaves it.
    links(line).save_state("memory", SyncState(last_run="r", due_ms=1))
    assert "webhooks only" in line.done("crm", "status").out


def test_a_sync_that_the_worker_is_at_already_is_left_to_it(line: CommandLine) -> None:
    connect(line)

    def worker() -> None:
        link = links(line).get("memory")
        assert link
        links(line).save_state("memory", link.state)

    DeskCrm.there.before = worker
    told = line.run("crm", "sync", "memory")
    assert told.code == 1
    assert "memory: the worker is at this run already" in told.err


def test_an_interrupted_sync_is_gone_on_with(line: CommandLine) -> None:
    connect(line)
    for record in range(7):
        DeskCrm.there.put(str(record))
    DeskCrm.there.faults[:] = [None, KeyboardInterrupt()]  # type: ignore[list-item]
    assert line.run("crm", "sync", "memory").code == 130
    line.done("crm", "sync", "memory")
    assert line.office.contacts().count() == 7
    assert DeskCrm.there.asked.count("modified") == 1


def test_a_crm_that_is_not_connected_can_not_be_synced(line: CommandLine) -> None:
    for command in ("sync", "disconnect"):
        told = line.run("crm", command, "memory")
        assert told.code == 1
        assert told.err == "centralino: tenant acme is not connected to memory\n"


# --- disconnect, erase ---------------------------------------------------------------------------


def test_disconnecting_takes_back_all_but_the_contacts(line: CommandLine) -> None:
    keys = keys_of(line)
    connect(line)
    DeskCrm.there.put("1")
    line.done("crm", "sync", "memory")
    told = line.done("crm", "disconnect", "memory")
    assert told.out == "memory is disconnected; its contacts stay\n"
    assert links(line).list() == ()
    assert json.loads((line.folder / "secrets.json").read_text()) == {}
    assert keys_of(line) == keys
    settings = line.office.tenants().settings()
    assert settings
    assert settings.crms == ()
    assert line.office.contacts().count() == 1


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed by the API"])
def test_erasing_a_tenant_removes_the_secrets_of_its_crms(line: CommandLine, closed: bool) -> None:
    file = line.folder / "secrets.json"
    file.write_text(json.dumps({"acme/crm/odoo": {"a": "b"}, "other/crm/odoo": {"c": "d"}}))
    links(line).save("odoo", {}, now_s=0)
    if closed:
        assert line.office.ask("POST", "/v1/erase", {"tenant": "acme"}).status in (200, 202)
    line.done("tenants", "erase", "acme", "--yes-erase", "acme")
    assert json.loads(file.read_text()) == {"other/crm/odoo": {"c": "d"}}
    assert links(line).list() == ()


def test_a_tenant_with_crms_is_not_erased_by_somebody_who_does_not_say_where_secrets_are(
    line: CommandLine,
) -> None:
    links(line).save("odoo", {}, now_s=0)
    del line.env["CENTRALINO_SECRETS"]
    told = line.run("tenants", "erase", "acme", "--yes-erase", "acme")
    assert (told.code, "--secret-store or CENTRALINO_SECRETS" in told.err) == (2, True)
    assert line.office.tenants().settings() is not None
