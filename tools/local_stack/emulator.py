"""The emulator of AWS: ministack, on loopback, with its data in the stack's folder.

It saves everything when it stops and reads it when it starts; what was written since the start is
lost if it is killed. Functions run in its own Python, each in a process of its own.
https://pypi.org/project/ministack/
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import boto3

from local_stack.errors import LocalStackError
from local_stack.toolchain import environment

REGION = "eu-south-1"
HOST = "127.0.0.1"
START_LIMIT_S = 180.0
POLL_INTERVAL_S = 0.05
# Saving takes longer the more data there are.
STOP_LIMIT_S = 120.0
# The SDKs' variable of the API that sends on WebSockets, whose requests go to the gateway.
CONNECTIONS = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
# Services that nobody asked for would open ports of their own.
CLOSED = {"IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}


class Emulator:
    """A running emulator; `stop` saves its data."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self.port = port
        self.log = log

    @property
    def endpoint(self) -> str:
        """The URL of every AWS service in it."""
        return f"http://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def env(self) -> dict[str, str]:
        """Return the variables that point an AWS SDK or tool at the emulator, and nowhere else."""
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients as it runs
        """Return a boto3 client for one of its services."""
        build: Any = boto3.client
        return build(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - it takes any
        )

    def stop(self) -> None:
        """Stop it and wait until its data are saved."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_emulator(directory: Path, lock: IO[str], gateway_url: str) -> Emulator:
    """Start the emulator with its data in a folder.

    Args:
        directory: the stack's folder.
        lock: the stack's lock, which the emulator holds as well for as long as it runs.
        gateway_url: where functions send on WebSockets.
        gateway_url: where functions send on WebSockets.

    Raises:
        LocalStackError: it did not start.
    """
    programs = environment("emulator")
    scratch = directory / "tmp"
    # Each start unpacks the functions anew, and a run that was killed left its own behind.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    port = free_port()
    _readdress_queues(directory / "state" / "sqs.json", port)
    log = directory / "stack.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [programs / "python", Path(__file__).with_name("emulator_main.py")],
            cwd=directory,
            env=_environment(directory, scratch, port) | {CONNECTIONS: gateway_url},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The terminal's Ctrl-C is for the one who started it, who then stops it in order.
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    emulator = Emulator(process, port, log)
    try:
        _wait_until_ready(emulator)
    except BaseException:
        emulator.stop()
        raise
    return emulator


def _readdress_queues(state: Path, port: int) -> None:
    """Give the saved queues the URLs that they have from now on.

    The emulator finds a queue that a function waits for by its URL, in which it has its own port;
    of a queue from an earlier run nobody would ever get a message.
    """
    with suppress(FileNotFoundError):
        saved = state.read_text()
        state.write_text(re.sub(r"http://localhost:[0-9]+/", f"http://localhost:{port}/", saved))


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _environment(directory: Path, scratch: Path, port: int) -> dict[str, str]:
    # Functions inherit all of it: so nothing of the desk's own environment but what any program
    # needs, and above all no AWS credentials.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        **CLOSED,
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(directory / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(directory / "s3"),
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
    }


def _wait_until_ready(emulator: Emulator) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and emulator.alive:
        with suppress(OSError, http.client.HTTPException):
            if _is_ready(emulator.port):
                return
        time.sleep(POLL_INTERVAL_S)
    tail = "\n".join(emulator.log.read_text(errors="replace").splitlines()[-20:])
    raise LocalStackError(f"the AWS emulator did not start; {emulator.log} ends with:\n{tail}")


def _is_ready(port: int) -> bool:
    with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == HTTPStatus.OK
