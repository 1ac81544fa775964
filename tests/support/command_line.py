"""The command `centralino` at a desk of its own, before a service in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from typer.testing import CliRunner

from centralino_cli.aws import boto3_session
from centralino_cli.desk import Desk
from centralino_cli.main import app
from tests.support.admin import Desk as Office
from tests.support.service import ServiceTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from centralino.adapters.store.sender import Sender
    from centralino_cli.aws import Session

URL = "https://centralino.example"


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.out)


class CommandLine:
    """Types commands.

    Attributes:
        office: the service's other side: its store, clock and keys.
        service: what requests went there.
        env: the environment variables.
        folder: the current folder.
        pauses: how long the commands waited, in order, in seconds.
        session: finds AWS credentials where the environment holds none.
        around: what else is around; see `centralino_cli.desk.Desk`.
    """

    def __init__(
        self, folder: Path, dynamodb: Callable[[Mapping[str, str]], Sender] | None = None
    ) -> None:
        self.office = Office()
        self.service = ServiceTransport(self.office)
        self.env = {"CENTRALINO_URL": URL, "CENTRALINO_KEY": self.office.keys["acme"]["admin"]}
        self.folder = folder
        self.pauses: list[float] = []
        self.session: Callable[[], Session] = boto3_session
        self.around: dict[str, Any] = {}
        self._dynamodb = dynamodb or (lambda _env: self.office.dynamo)

    def run(self, *words: object, piped: str = "") -> Outcome:
        """Type a command and wait for its end; `piped` is what it reads from stdin."""
        desk = Desk(
            self.env,
            self.folder,
            transport=self.service,
            dynamodb=self._dynamodb,
            session=self.session,
            now=self.office.clock,
            **{"sleep": self.pauses.append, **self.around},
        )
        result = CliRunner().invoke(app, [str(word) for word in words], obj=desk, input=piped)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    def done(self, *words: object) -> Outcome:
        """Type a command that has to succeed."""
        outcome = self.run(*words)
        assert outcome.code == 0, outcome
        return outcome
