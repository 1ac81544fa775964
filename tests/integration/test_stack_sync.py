"""The whole stack in step with a CRM: schedule, queue, worker, secrets, bucket and calls."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import pytest
from typer.testing import CliRunner

from centralino.adapters.aws import Client
from centralino.adapters.objects import S3Objects
from centralino.adapters.web import HttpWeb, Reach
from centralino_cli.desk import Desk
from centralino_cli.main import app
from tests.support.crm import Person
from tests.support.crm.hubspot import PORTAL, TOKEN, FakeHubspot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]
LIMIT_S = 90.0
Closes = TypeVar("Closes", Client, HttpWeb, Any)


class Operator:
    """An operator's desk before the stack; its connections are closed after each command."""

    def __init__(self, stack: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._env: dict[str, str] = {}
        for line in (stack.directory / "aws.env").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self._env[name] = value.strip("'")
            # boto3 finds the emulator by the process's own environment.
            monkeypatch.setenv(name, value.strip("'"))
        self._env |= {
            "CENTRALINO_TENANT": stack.tenant,
            "CENTRALINO_URL": stack.url,
            "CENTRALINO_KEY": stack.keys["admin"],
        }
        self._folder = folder

    def run(self, *words: object) -> str:
        """Type a command that has to succeed; return what it prints."""
        with ExitStack() as connections:

            def opened(thing: Closes) -> Closes:
                return connections.enter_context(closing(thing))

            desk = Desk(
                self._env,
                self._folder,
                dynamodb=lambda env: opened(Client("dynamodb", env=env)),
                aws=lambda service, env: opened(Client(service, env=env)),
                web=lambda _connection: opened(HttpWeb(Reach(private=True))),
                objects=lambda bucket: S3Objects(bucket, opened(boto3_s3())),
            )
            told = CliRunner().invoke(app, [str(word) for word in words], obj=desk)
        assert told.exit_code == 0, (told.output, told.exception)
        return told.stdout


def boto3_s3() -> Any:  # noqa: ANN401 - boto3 makes it
    build: Any = boto3.client
    return build("s3")


@pytest.fixture
def operator(local_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(local_stack, tmp_path, monkeypatch)


def wait_for(what: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it finds
    deadline = time.monotonic() + LIMIT_S
    while not (found := what()):
        assert time.monotonic() < deadline, "the worker does nothing"
        time.sleep(0.5)
    return found


def test_what_a_crm_has_is_found_by_calls_after_the_schedule_has_run(
    local_stack: Stack, operator: Operator, tmp_path: Path
) -> None:
    functions = local_stack.emulator.client("lambda")
    names = [found["FunctionName"] for found in functions.list_functions()["Functions"]]
    [dispatcher] = [name for name in names if "SyncCrm" in name]
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"token": TOKEN, "webhook_secrets": ["whsec-of-the-app"]}))
    with FakeHubspot() as fake:
        day_ago_ms = int(time.time() * 1000) - 86_400_000
        for place in range(1, 8):
            number = f"+39 06 77{place:05d}"
            fake.save(Person(fake.record(place), number, day_ago_ms, last_name=f"Sincro{place}"))
        account = (f"base_url={fake.url}", f"portal_id={PORTAL}", "allow_private=true")
        where = [word for setting in account for word in ("--set", setting)]
        operator.run("crm", "connect", "hubspot", *where, "--secrets", secrets)
        try:
            answer = functions.invoke(FunctionName=dispatcher, Payload=b"{}")["Payload"].read()
            assert json.loads(answer)["due"] >= 1

            def in_step() -> dict[str, Any] | None:
                links = json.loads(operator.run("crm", "status", "--json"))
                [link] = [link for link in links if link["provider"] == "hubspot"]
                return link if link["condition"] in ("in step", "failed") else None

            link = wait_for(in_step)
            assert (link["condition"], link["state"]["read"]) == ("in step", 7)
            assert operator.run("lookup", "0677 00003").strip() == "Ada Sincro3"
        finally:
            operator.run("crm", "disconnect", "hubspot")


def test_a_file_goes_through_the_bucket_and_the_worker(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    rows = (f'p{n},"Per\nMille",Riga {n},06 88{n:05d}' for n in range(2_000))
    file.write_text("\n".join(("Code,First,Last,Tel", *rows)) + "\n")
    words = [
        "import", file, "--via-s3", "--source", "million", "--map", "id=Code", "--map",
        "first_name=First", "--map", "last_name=Last", "--map", "work=Tel", "--json",
    ]  # fmt: skip
    told = json.loads(operator.run(*words))
    assert sum(told.get(outcome, 0) for outcome in ("created", "unchanged")) == 2_000
    assert operator.run("lookup", "0688 01234").strip().endswith("1234")
    assert json.loads(operator.run(*words)) == told
