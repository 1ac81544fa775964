"""The stack: everything of `make run` but its words, for the tests to use as well."""

from __future__ import annotations

import fcntl
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

from local_stack.demo import TENANT, load_demo
from local_stack.deploy import deploy
from local_stack.emulator import CONNECTIONS, HOST, Emulator, start_emulator
from local_stack.errors import LocalStackError
from local_stack.gateway import SOCKET_STAGE, Gateway, listen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from local_stack.demo import Demo
    from local_stack.deploy import Deployment


class Stack:
    """A running stack; leaving its context, or `stop`, saves the data and ends it.

    Attributes:
        url: of the API, without a slash at its end.
        tenant: the demo tenant's id.
        keys: role -> API key of the demo tenant.
        webhook_secret: what the demo tenant's own CRM signs with.
        pbx: what places the demo tenant's calls.
        table: the name of the DynamoDB table.
        directory: where its data are.
        emulator: AWS as the stack sees it: its endpoint, and clients for its services.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place, from what it is made of
        self,
        url: str,
        demo: Demo,
        table: str,
        directory: Path,
        emulator: Emulator,
        resources: ExitStack,
    ) -> None:
        self.url = url
        self.tenant = TENANT
        self.keys = demo.keys
        self.webhook_secret = demo.webhook_secret
        self.pbx = demo.pbx
        self.table = table
        self.directory = directory
        self.emulator = emulator
        self._resources = resources

    @property
    def alive(self) -> bool:
        """Whether it still works, as far as can be told without asking it."""
        return self.emulator.alive

    def stop(self) -> None:
        """Stop it and wait until its data are saved; doing it twice is fine."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    port: int,
    directory: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _task: None,
) -> Stack:
    """Start the stack with its demo data, and write `demo.json` and `aws.env`.

    Args:
        port: where the API listens on 127.0.0.1; 0 for any that is free.
        directory: where the data are kept from run to run.
        parameters: of template.yaml, such as `{"CacheSeconds": "0"}`.
        say: told what takes time, a few words each.

    Raises:
        LocalStackError: the port or the folder is in use, or something could not be installed,
            built, deployed or started; the message says what to do.
    """
    with ExitStack() as resources:
        listener = resources.enter_context(listen(port))
        lock = resources.enter_context(_occupy(directory))
        say("starting the AWS emulator")
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        emulator = start_emulator(directory, lock, url)
        resources.callback(emulator.stop)
        deployment = deploy(emulator, directory, parameters or {}, say)
        gateway = Gateway(listener, emulator, deployment.api_id, deployment.socket_api_id)
        resources.callback(gateway.stop)
        demo = load_demo(emulator, deployment, directory / "demo.json", url, say)
        resources.callback(demo.pbx.stop)
        _write_environment(directory / "aws.env", emulator, deployment, url)
        return Stack(url, demo, deployment.table, directory, emulator, resources.pop_all())


def _occupy(directory: Path) -> IO[str]:
    """Take the folder, so that no two emulators write its data."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise LocalStackError(
            f"a local stack already runs with its data in {directory}, or is still saving them"
        ) from None
    return lock


def _write_environment(file: Path, emulator: Emulator, deployment: Deployment, url: str) -> None:
    """Write the variables that point AWS tools, and our command line, at the emulator."""
    variables = {
        **emulator.env(),
        CONNECTIONS: url,
        "CENTRALINO_TABLE": deployment.table,
        "CENTRALINO_QUEUE_URL": deployment.queue_url,
        "CENTRALINO_BUCKET": deployment.bucket,
        "CENTRALINO_SECRETS": deployment.secrets,
        "CENTRALINO_SOCKETS": f"https://{deployment.socket_api_id}.execute-api.local/{SOCKET_STAGE}",
    }
    file.write_text("".join(f"export {name}='{value}'\n" for name, value in variables.items()))
