"""DynamoDB Local, the judge of the store's tests: installed once, started on a free port.

Amazon's emulator is a Java program; the npm package `amplify-dynamodb-simulator` carries it. Only
that one archive is fetched, with `npm pack`, its checksum compared, and kept in `.cache/`.

DynamoDB Local shows neither conflicts nor throttling nor unprocessed keys, and it takes any
signature: `fault_proxy` injects the former, `tests/unit/test_aws_signing.py` proves the latter.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import uuid
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from centralino.adapters.store.table import create_table_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
CACHE = Path(__file__).parents[2] / ".cache"
START_LIMIT_S = 60.0
# The emulator takes any key of letters and digits.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
REGION = "eu-south-1"
# For one that is gone before Java would have it at its fastest: half of the processor's time.
SHORT_LIVED = {"JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"}
# For one that answers millions of requests, among others as busy.
LONG_LIVED = {"JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC -Xms1g -Xmn600m"}


class MissingToolError(Exception):
    """Java or npm is not on this machine, or npm could not fetch the package."""


def install(cache: Path = CACHE) -> Path:
    """Return the folder that holds `DynamoDBLocal.jar`, fetching it the first time.

    Raises:
        MissingToolError: there is no Java or npm here, or the package could not be fetched.
    """
    if not shutil.which("java"):
        raise MissingToolError("DynamoDB Local needs Java 17 or later (`java`)")
    home = cache / "dynamodb-local" / PACKAGE.partition("@")[2]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "dynamodb-local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            _fetch(home)
    return home


def _fetch(home: Path) -> None:
    if not shutil.which("npm"):
        raise MissingToolError(f"DynamoDB Local comes in an npm package ({PACKAGE}): npm is needed")
    with tempfile.TemporaryDirectory(dir=home.parents[1]) as name:
        scratch = Path(name)
        packed = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(scratch.glob("*.tgz"))
        if packed.returncode or not archives:
            raise MissingToolError(f"npm could not fetch {PACKAGE}: {packed.stderr.strip()}")
        digest = hashlib.sha512(archives[0].read_bytes()).digest()
        if base64.b64encode(digest).decode() != SHA512:
            raise RuntimeError(f"{PACKAGE} is not the package that was reviewed: its hash differs")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(scratch, filter="data")
        home.parent.mkdir(parents=True, exist_ok=True)
        (scratch / "package" / "emulator").rename(home)


class DynamoDBLocal:
    """One running emulator, empty at first, in memory unless a folder is given.

    Attributes:
        host: always the loopback address.
        port: where it listens.
        endpoint: its URL, without a slash at the end.
        env: what a client of ours or of Amazon's has to find in its environment to use it.
    """

    def __init__(self, port: int) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.endpoint = f"http://{self.host}:{port}"
        self.env = {
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint,
        }

    @cached_property
    def boto3(self) -> DynamoDBClient:
        """Amazon's own low-level client on this emulator."""
        import boto3  # noqa: PLC0415 - half a second that only some tests need
        from botocore.config import Config  # noqa: PLC0415

        return boto3.client(
            "dynamodb",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def create_table(self, name: str = "") -> str:
        """Make an empty table of Centralino's shape and return its name, made up if not given."""
        name = name or f"centralino-{uuid.uuid4().hex[:12]}"
        self.boto3.create_table(**create_table_request(name))
        return name

    def delete_table(self, name: str) -> None:
        """Drop a table; the emulator does so at once."""
        self.boto3.delete_table(TableName=name)


@contextmanager
def start(
    directory: Path | None = None, options: Mapping[str, str] | None = None
) -> Iterator[DynamoDBLocal]:
    """Run an emulator for the length of a `with` block.

    It listens on every interface of the machine (it has no option for that), so it stays up no
    longer than needed.

    Args:
        directory: where it keeps its data between runs; none for in memory.
        options: Java's environment on top of this process's own.

    Raises:
        MissingToolError: it can't be installed here.
        RuntimeError: it didn't start.
    """
    home = install()
    place = ["-inMemory"] if directory is None else ["-dbPath", str(directory)]
    with tempfile.TemporaryFile() as log:
        for _ in range(5):  # somebody else may take the free port before Java does
            port = _free_port()
            process = subprocess.Popen(
                [
                    "java",
                    "-Djava.library.path=./DynamoDBLocal_lib",
                    "-jar",
                    "DynamoDBLocal.jar",
                    "-sharedDb",
                    "-disableTelemetry",
                    "-port",
                    str(port),
                    *place,
                ],
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(options or {})},
            )
            try:
                if _answers(process, port):
                    yield DynamoDBLocal(port)
                    return
            finally:
                process.terminate()
                process.wait()
        log.seek(0)
        raise RuntimeError(f"DynamoDB Local didn't start: {log.read().decode(errors='replace')}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False
