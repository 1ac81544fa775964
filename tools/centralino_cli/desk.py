"""What the commands find around them: the environment, the folder, the network and the clock.

| variable | meaning |
|---|---|
| `CENTRALINO_URL` | the service, as `https://abc123.execute-api.eu-south-1.amazonaws.com` |
| `CENTRALINO_KEY` | the API key; it names the tenant |
| `CENTRALINO_TABLE` | the DynamoDB table's name, for what goes straight to it |
| `CENTRALINO_TENANT` | the tenant, for what goes straight to the table |
| `CENTRALINO_SECRETS` | where secrets are, as `/centralino/prod`, for `crm` and `pbx` |
| `CENTRALINO_SOCKETS` | the WebSocket API that PBXs connect to (output `SocketUrl`), for `pbx` |
| `CENTRALINO_BUCKET` | the stack's bucket, for imports through S3 |
| `CENTRALINO_QUEUE_URL` | the worker's queue, for the same |
| `AWS_*` | region and credentials, as for any tool of AWS |
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from centralino import bootstrap
from centralino.adapters.aws import Client
from centralino.adapters.objects import S3Objects
from centralino.adapters.sockets import GatewaySockets
from centralino_cli.aws import SessionEnvironment, boto3_session
from centralino_cli.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from centralino.adapters.store.sender import Sender
    from centralino.ports.crm import Crm
    from centralino.ports.objects import Objects
    from centralino.ports.originate import Originator
    from centralino.ports.sockets import SocketGateway
    from centralino.ports.web import Web
    from centralino_cli.aws import Session

DEMO_FILE = Path(".local") / "demo.json"
# What is wrong with the words of a command; 1 is what went wrong while doing it.
USAGE = 2


class CommandError(Exception):
    """A command can't do its work; its text is one line for whoever typed it.

    Args:
        message: what is wrong and what was expected.
        code: the exit code.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Access(NamedTuple):
    """How to reach the service: its URL, the API key, and where they were found."""

    url: str
    key: str
    note: str = ""


def _sockets(url: str, env: Mapping[str, str]) -> SocketGateway:
    return GatewaySockets(url, env=env)


class Desk:
    """What the commands find around them; a test makes its own.

    Args:
        env: the environment variables.
        folder: the current folder.
        transport: how HTTP requests leave; the network if None.
        dynamodb: builds a client of DynamoDB from an environment; one for each thread.
        session: finds AWS credentials where the environment holds none.
        aws: builds a client of another service of AWS from its name and an environment.
        web: builds what asks a CRM or a PBX, from what is no secret of the connection.
        sockets: builds what sends through the connections that PBXs opened, from the API's URL
            and an environment.
        crm_class: returns a CRM provider's class by its name.
        originator_class: returns the class of a PBX that places calls by its name.
        objects: opens a bucket by its name.
        now: the time, seconds since 1970.
        sleep: waits some seconds.
    """

    def __init__(  # noqa: PLR0913 - all that is around
        self,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        dynamodb: Callable[[Mapping[str, str]], Sender] | None = None,
        session: Callable[[], Session] = boto3_session,
        aws: Callable[[str, Mapping[str, str]], Sender] | None = None,
        web: Callable[[Mapping[str, str]], Web] = bootstrap.web,
        sockets: Callable[[str, Mapping[str, str]], SocketGateway] = _sockets,
        crm_class: Callable[[str], type[Crm]] = bootstrap.crm_class,
        originator_class: Callable[[str], type[Originator]] = bootstrap.originator_class,
        objects: Callable[[str], Objects] = S3Objects,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.env = os.environ if env is None else env
        self.folder = folder or Path.cwd()
        self.transport = transport
        self.dynamodb = dynamodb or _client
        self.web = web
        self.crm_class = crm_class
        self.originator_class = originator_class
        self._sockets = sockets
        self.objects = objects
        self.now = now
        self.sleep = sleep
        self._session = session
        self._aws = aws or _aws_client

    def find_access(self, url: str = "", key: str = "") -> Access | None:
        """Find the service: the options, else the environment, else the local stack's file.

        Returns:
            None if nothing says where it is.

        Raises:
            CommandError: one of URL and key is there and the other isn't.
        """
        url = url or self.env.get("CENTRALINO_URL", "")
        key = key or self.env.get("CENTRALINO_KEY", "")
        if url and key:
            return Access(url.rstrip("/"), key)
        if url:
            raise CommandError("--key or CENTRALINO_KEY: expected an API key", USAGE)
        demo = self.find_demo()
        if demo and key:
            return demo._replace(key=key)
        if key:
            raise CommandError("--url or CENTRALINO_URL: expected the service's URL", USAGE)
        return demo

    def service(self, url: str = "", key: str = "") -> Service:
        """Connect to the service; it is said aloud when that is the local stack.

        Raises:
            CommandError: nothing says where it is.
        """
        access = self.find_access(url, key)
        if access is None:
            raise CommandError(
                "expected CENTRALINO_URL and CENTRALINO_KEY, or --url and --key, or a local stack "
                f"({DEMO_FILE} in this folder, which `make run` writes)",
                USAGE,
            )
        if access.note:
            say(access.note)
        return Service(access.url, access.key, self.transport)

    def client(self) -> Sender:
        """Build a client of DynamoDB with whatever AWS credentials there are.

        Raises:
            PayloadError: there are none, or no region.
        """
        return self.dynamodb(self._credentials())

    def aws(self, service: str) -> Sender:
        """Build a client of another service of AWS.

        Raises:
            PayloadError: there are no credentials, or no region.
        """
        return self._aws(service, self._credentials())

    def sockets(self) -> SocketGateway | None:
        """Build what sends through the connections that PBXs opened to us; None if there is none.

        Raises:
            PayloadError: there are no credentials, no region, or that is no URL.
        """
        # PBXs know it by wss://, as the stack's output has it; we send by https://.
        url = re.sub("^ws", "http", self.env.get("CENTRALINO_SOCKETS", ""))
        return self._sockets(url, self._credentials()) if url else None

    def table(self, table: str = "") -> str:
        """Return the table's name: the option, else the environment's."""
        return table or self.env.get("CENTRALINO_TABLE", "")

    def tenant(self, tenant: str = "") -> str:
        """Return the tenant that goes with the table: the option, else the environment's.

        Raises:
            CommandError: nothing says which.
        """
        found = tenant or self.env.get("CENTRALINO_TENANT", "")
        if not found:
            raise CommandError("--tenant or CENTRALINO_TENANT: expected the tenant's id", USAGE)
        return found

    def _credentials(self) -> Mapping[str, str]:
        if self.env.get("AWS_ACCESS_KEY_ID"):
            return self.env
        return SessionEnvironment(self.env, self._session())

    def find_demo(self, role: str = "admin") -> Access | None:
        """Find the local stack by its file in this folder; None if there is none.

        Args:
            role: whose key to use.
        """
        try:
            demo = json.loads((self.folder / DEMO_FILE).read_text())
            url, tenant, key = demo["url"], demo["tenant"], demo["keys"][role]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Access(url, key, f"(the local stack at {url}, tenant {tenant}: {DEMO_FILE})")


def _client(env: Mapping[str, str]) -> Client:
    return Client("dynamodb", env=env)


def _aws_client(service: str, env: Mapping[str, str]) -> Client:
    return Client(service, env=env)


say: Callable[[str], None] = partial(typer.echo, file=None, err=True)
"""Tell the person something that is not the command's result: it goes to stderr."""


def find_desk(context: typer.Context) -> Desk:
    """Return the desk that a command works at."""
    desk = context.find_object(Desk)
    return desk if desk is not None else Desk()


def on_terminal() -> bool:
    """Tell whether a person is watching; else output is plain and there is no progress bar."""
    return sys.stderr.isatty()
