"""`centralino pbx connect|status|disconnect`: the PBX that places calls, by an operator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.lines import DynamoLineStore
from centralino.adapters.store.sockets import DynamoSocketStore
from centralino.domain.dial_options import DialOptions
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.domain.originate import FailedCallError, Placed
from centralino.ports.originate import Originator
from centralino.ports.sockets import Socket
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from centralino.domain.originate import Order
    from centralino.ports.originate import Means, PbxLink

ADDRESS = "base_url=https://pbx.acme.example"
# As the stack's output has it, for the PBX as well.
SOCKETS = "wss://sockets.example/ari"
PASSWORD = "s3cret-of-the-pbx"


class DeskPbx(Originator):
    """A PBX that lets in whoever knows the password, unless a test says otherwise."""

    slug = "desk"
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "the PBX's address, as https://pbx.acme.example",
        "account.context?": "where calls begin",
        "secrets.password": "of its user",
    }
    setup: ClassVar[tuple[str, ...]] = ("Users, New: may originate",)
    built: ClassVar[list[tuple[PbxLink, Means]]]
    says: ClassVar[FailedCallError | None] = None

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        raise AssertionError((order, timeout_s))

    def check(self, *, timeout_s: float) -> str:
        assert timeout_s > 0
        self.built.append((self.link, self.means))
        if (problem := type(self).says) is not None:
            raise problem
        if self.link.secret("password") != PASSWORD:
            raise FailedCallError("credentials", "401")
        if self.link.setting("context") == "nowhere":
            raise PayloadError("account.context", "one of the PBX's")
        return "Desk 1.0"


class SocketPbx(DeskPbx):
    """One that connects to us."""

    slug = "socket"
    needs: ClassVar[Mapping[str, str]] = {"account.site?": "which"}
    by_socket = True

    def check(self, *, timeout_s: float) -> str:
        assert timeout_s > 0
        if self.means.sockets is None:
            raise FailedCallError("unreachable", "there is no WebSocket API here")
        return f"{len(self.means.sockets.store.all())} connected"


KINDS: dict[str, type[Originator]] = {"desk": DeskPbx, "socket": SocketPbx}


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    line = CommandLine(tmp_path)
    line.env = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "CENTRALINO_TABLE": "centralino",
        "CENTRALINO_TENANT": "acme",
        "CENTRALINO_SECRETS": f"file:{tmp_path / 'secrets.json'}",
    }
    (tmp_path / "good.json").write_text(json.dumps({"password": PASSWORD}))
    (tmp_path / "wrong.json").write_text(json.dumps({"password": "guessed-by-nobody"}))
    monkeypatch.setattr(DeskPbx, "built", [], raising=False)
    monkeypatch.setattr(DeskPbx, "says", None)

    def originator_class(provider: str) -> type[Originator]:
        if provider not in KINDS:
            raise NotFoundError("nothing")
        return KINDS[provider]

    line.around = {
        "originator_class": originator_class,
        "web": dict,
        "sockets": gateway,
    }
    return line


def gateway(url: str, _env: Mapping[str, str]) -> str:
    assert url == "https://sockets.example/ari"
    return url


def connect(line: CommandLine, *words: str, file: str = "good.json") -> Any:  # noqa: ANN401 - an outcome
    given = ["--secrets", str(line.folder / file)]
    return line.run("pbx", "connect", "desk", "--set", ADDRESS, *given, *words)


def lines(line: CommandLine) -> DynamoLineStore:
    return DynamoLineStore(line.office.dynamo, "centralino", "acme")


def dialling(line: CommandLine) -> DynamoDialStore:
    return DynamoDialStore(line.office.dynamo, "centralino", "acme")


def kept(line: CommandLine) -> dict[str, Any]:
    file = line.folder / "secrets.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def test_connecting_tries_the_pbx_keeps_it_and_has_calls_placed_by_it(line: CommandLine) -> None:
    told = connect(line)
    assert told.code == 0, told
    assert told.out == "calls are placed by  desk, Desk 1.0\n1. Users, New: may originate\n"
    stored = lines(line).get("desk")
    assert stored
    assert stored.account == {"base_url": "https://pbx.acme.example"}
    assert kept(line) == {"acme/crm/dial-desk": {"password": PASSWORD}}
    assert dialling(line).options().pbx == "desk"
    # What asks it goes by the same settings, and shares the token with the functions.
    [(link, means)] = DeskPbx.built
    assert (link.tenant, link.provider, link.secret("password")) == ("acme", "desk", PASSWORD)
    assert str(means.web) == str(stored.account)
    assert means.tokens is not None
    assert means.sockets is None


def test_no_secret_of_a_pbx_is_in_the_table_or_told(line: CommandLine) -> None:
    told = connect(line)
    assert PASSWORD not in json.dumps(line.office.dynamo.all_items()) + told.out + told.err


def test_nothing_is_kept_of_a_pbx_that_does_not_let_us_in(line: CommandLine) -> None:
    before = line.office.dynamo.all_items()
    told = connect(line, file="wrong.json")
    assert told.code == 1
    assert told.err == ("centralino: desk: it refuses our credentials, or what they may do (401)\n")
    assert line.office.dynamo.all_items() == before
    assert kept(line) == {}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("unreachable", "nobody answers at its address"),
        ("unknown", "it did not answer in time"),
        ("refused", "it took the question and said no"),
    ],
)
def test_what_is_wrong_with_a_pbx_is_told_in_one_line(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, reason: str, words: str
) -> None:
    monkeypatch.setattr(DeskPbx, "says", FailedCallError(reason))
    told = connect(line)
    assert told.code == 1
    assert told.err.startswith(f"centralino: desk: {words}")
    assert told.err.count("\n") == 1


def test_a_pbx_is_changed_with_what_is_different_and_keeps_the_rest(line: CommandLine) -> None:
    connect(line, "--set", "context=from-internal")
    told = line.done("pbx", "connect", "desk", "--set", "context=other", "--json")
    assert told.json == {"pbx": "desk", "who": "Desk 1.0", "again": True}
    stored = lines(line).get("desk")
    assert stored
    assert stored.account == {"base_url": "https://pbx.acme.example", "context": "other"}
    assert kept(line) == {"acme/crm/dial-desk": {"password": PASSWORD}}


def test_other_dialling_options_stay_when_the_pbx_changes(line: CommandLine) -> None:
    dialling(line).save_options(DialOptions(countries=("CH",), pbx="yeastar"))
    connect(line)
    options = dialling(line).options()
    assert (options.pbx, options.countries) == ("desk", ("CH",))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("connect", "nonesuch"), "PBX: expected one of"),
        (("connect", "desk"), "account.base_url: expected the PBX's address"),
        (("connect", "desk", "--set", ADDRESS), "secrets.password: expected of its user"),
        (("connect", "desk", "--set", "base_url"), "--set: expected NAME=VALUE"),
        (("connect", "desk", "--set", ADDRESS, "--set", "contxt=x"), "account.contxt: expected"),
        (("connect", "desk", "--set", ADDRESS, "--secrets", "gone"), "--secrets: "),
        (("disconnect", "nonesuch"), "PBX: expected one of"),
    ],
)
def test_a_mistake_names_what_was_expected_and_asks_no_pbx(
    line: CommandLine, words: tuple[str, ...], message: str
) -> None:
    if "contxt=x" in words:
        words = (*words, "--secrets", str(line.folder / "good.json"))
    told = line.run("pbx", *words)
    assert told.code == 2
    assert message in told.err
    assert DeskPbx.built == []
    assert lines(line).list() == ()


def test_a_setting_that_the_pbx_itself_finds_wrong_is_named(line: CommandLine) -> None:
    told = connect(line, "--set", "context=nowhere")
    assert (told.code, told.err) == (
        2,
        "centralino: account.context: expected one of the PBX's\n",
    )
    assert lines(line).list() == ()


def test_a_tenant_that_is_not_there_gets_no_pbx(line: CommandLine) -> None:
    told = connect(line, "--tenant", "gone")
    assert told.code == 1
    assert "there is no tenant gone" in told.err


def test_the_status_tries_each_pbx_and_says_which_is_used(line: CommandLine) -> None:
    connect(line)
    line.env["CENTRALINO_SOCKETS"] = SOCKETS
    line.done("pbx", "connect", "socket")
    del line.env["CENTRALINO_SOCKETS"]
    told = line.done("pbx", "status", "--json").json
    assert [(one["pbx"], one["used"], one["works"], one["condition"]) for one in told["pbxs"]] == [
        ("desk", False, True, "Desk 1.0"),
        ("socket", True, False, told["pbxs"][1]["condition"]),
    ]
    assert "there is no WebSocket API here" in told["pbxs"][1]["condition"]
    shown = line.done("pbx", "status").out
    assert "desk" in shown
    assert "Desk 1.0" in shown


def test_a_pbx_that_stopped_working_is_told_by_the_status_which_fails_for_nobody_else(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(line)
    monkeypatch.setattr(DeskPbx, "says", FailedCallError("credentials", "403"))
    [one] = line.done("pbx", "status", "--json").json["pbxs"]
    assert (one["works"], one["condition"]) == (
        False,
        "it refuses our credentials, or what they may do (403)",
    )


def test_the_status_shows_the_connections_that_pbxs_opened_to_us(line: CommandLine) -> None:
    now_ms = int(line.office.clock.now * 1000)
    store = DynamoSocketStore(line.office.dynamo, "centralino", "acme", now=line.office.clock)
    store.save(Socket("acme", "abc=", "milan", now_ms, "192.0.2.7", "Asterisk PBX 22.10.1"))
    line.env["CENTRALINO_SOCKETS"] = SOCKETS
    line.done("pbx", "connect", "socket")
    told = line.done("pbx", "status", "--json").json
    assert [(one["site"], one["from"], one["agent"]) for one in told["connections"]] == [
        ("milan", "192.0.2.7", "Asterisk PBX 22.10.1")
    ]
    assert told["pbxs"][0]["condition"] == "1 connected"
    shown = line.done("pbx", "status").out
    assert "milan" in shown
    assert "Asterisk PBX 22.10.1" in shown


def test_the_status_warns_of_two_pbxs_that_connect_by_one_user_name(line: CommandLine) -> None:
    now_ms = int(line.office.clock.now * 1000)
    store = DynamoSocketStore(line.office.dynamo, "centralino", "acme", now=line.office.clock)
    first = Socket("acme", "abc=", "milan", now_ms - 60_000, "192.0.2.7")
    store.save(first)
    store.save(Socket("acme", "xyz=", "milan", now_ms - 30_000, "192.0.2.7"))
    told = line.done("pbx", "status", "--json")
    assert (told.json["clashes"], told.err) == ([], "")
    store.save(first._replace(alive_ms=now_ms))
    told = line.done("pbx", "status", "--json")
    assert told.json["clashes"] == ["milan"]
    assert "milan: two PBXs connect by this user name" in told.err


def test_a_tenant_without_a_pbx_is_told_how_to_connect_one(line: CommandLine) -> None:
    told = line.done("pbx", "status")
    assert told.out == ""
    assert "centralino pbx connect --help" in told.err


def test_disconnecting_ends_the_calls_and_leaves_no_secret(line: CommandLine) -> None:
    connect(line)
    assert line.done("pbx", "disconnect", "desk").out == "desk: it places no calls any more\n"
    assert dialling(line).options().pbx == ""
    assert lines(line).list() == ()
    assert kept(line) == {}
    told = line.run("pbx", "disconnect", "desk")
    assert (told.code, told.err) == (1, "centralino: desk places no calls of tenant acme\n")


def test_disconnecting_one_pbx_leaves_the_one_that_is_used(line: CommandLine) -> None:
    connect(line)
    line.env["CENTRALINO_SOCKETS"] = SOCKETS
    line.done("pbx", "connect", "socket")
    line.done("pbx", "disconnect", "desk")
    assert dialling(line).options().pbx == "socket"


def test_what_a_pbx_needs_to_place_calls_is_told_before_it_is_connected(line: CommandLine) -> None:
    told = line.done("pbx", "setup", "desk").out
    assert "account.base_url" in told
    assert "secrets.password" in told
    assert "1. Users, New: may originate" in told
    assert line.done("pbx", "setup", "desk", "--json").json == {
        "needs": dict(DeskPbx.needs),
        "setup": list(DeskPbx.setup),
    }
    assert line.run("pbx", "setup", "nonesuch").code == 2
