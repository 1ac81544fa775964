"""Imports by the hundred thousand: neither the desk nor the worker has more than a piece in memory.

Both are processes of their own, before DynamoDB Local and a bucket and a queue on loopback; what
they had in memory at most is what the system says of them at their end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Self

import pytest

from centralino.adapters.aws import Client
from centralino.domain.settings import Line, Settings
from tests.support.apply_worker import BUCKET, ROOT, Workers
from tests.support.fake_s3 import FakeS3
from tests.support.fake_sqs import URL, FakeSqs, SqsServer
from tests.support.memory_store import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.dynamodb_local import DynamoDBLocal

pytestmark = pytest.mark.soak
FEW, MANY, MILLION = 5_000, 50_000, 1_000_000
# What a process may need more for many rows than for few: caches, and each piece's three numbers.
MORE_KIB = 24 * 1024
# The command line, which says at its end what it had in memory; the system's account of an ended
# process begins before its program does.
DESK = """
import atexit, sys

def say():
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith("VmHWM")]
    print(line, file=sys.stderr)

atexit.register(say)
from centralino_cli.main import main
main()
"""


class Yard:
    """A tenant, a bucket and a queue, and the processes before them."""

    def __init__(self, env: dict[str, str], stores: Stores, folder: Path, workers: Workers) -> None:
        self.s3 = FakeS3(BUCKET)
        self.sqs = FakeSqs()
        self.stores = stores
        self._env = env
        self._folder = folder
        self._workers = workers

    def upload(self, tenant: str, rows: int) -> int:
        """Let a desk cut a file and send its pieces; return its memory at most, KiB."""
        self.stores.create_tenant(tenant, Settings(tenant, line=Line("IT", "02")))
        file = self._folder / f"{tenant}.csv"
        with file.open("w") as text:
            text.write("Code,First,Last,Tel\n")
            for row in range(rows):
                # A hundred of a company share its number; a card has room for twenty.
                text.write(f"c{row},Mario,Rossi {row},02 44{row % (rows // 100):06d}\n")
        words = [
            "import", file, "--via-s3", "--no-wait", "--json", "--source", "large",
            "--map", "id=Code", "--map", "first_name=First", "--map", "last_name=Last",
            "--map", "work=Tel",
        ]  # fmt: skip
        desk = subprocess.run(
            [sys.executable, "-c", DESK, *map(str, words)],
            cwd=ROOT,
            env={**os.environ, **self._env, **self._places(), "CENTRALINO_TENANT": tenant},
            capture_output=True,
            text=True,
            check=False,
        )
        assert desk.returncode == 0, desk.stderr
        told = json.loads(desk.stdout)
        assert told["sent"] == told["pieces"] == len(self.sqs.messages)
        file.unlink()
        return int(desk.stderr.split()[-2])

    def work(self, rows: int) -> int:
        """Let one worker do all there is; return its memory at most, KiB."""
        job = {
            "env": self._env | self._places(),
            "table": self.stores.table,
            "page": "",
            "s3": self.s3.endpoint,
        }
        self._workers.prepare(job)
        assert self._workers.run() == 0
        assert not self.sqs.messages
        assert not self.sqs.dead
        results = [json.loads(body) for key, body in self.s3.files.items() if "/results/" in key]
        assert sum(result["created"] for result in results) == rows
        assert {name for result in results for name in result} == {"created"}
        return self._workers.peak_kib

    def _places(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.s3.endpoint,
            "AWS_ENDPOINT_URL_SQS": self._queue.endpoint,
            "CENTRALINO_BUCKET": BUCKET,
            "CENTRALINO_QUEUE_URL": URL,
            "CENTRALINO_TABLE": self.stores.table,
        }

    def __enter__(self) -> Self:
        self._queue = SqsServer(self.sqs)
        self._queue.__enter__()
        self.s3.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.s3.__exit__(None, None, None)
        self._queue.__exit__(None, None, None)


@pytest.fixture
def yard(dynamodb: DynamoDBLocal, table: str, tmp_path: Path) -> Iterator[Yard]:
    with (
        closing(Client("dynamodb", env=dynamodb.env)) as client,
        Workers() as workers,
        Yard(dict(dynamodb.env), Stores(client, table), tmp_path, workers) as yard,
    ):
        yield yard


def test_a_file_of_1000000_rows_is_cut_in_the_memory_that_one_of_5000_takes(yard: Yard) -> None:
    few = yard.upload("few", FEW)
    yard.sqs.messages.clear()
    many = yard.upload("many", MILLION)
    print(f"desk: {FEW} rows {few} KiB, {MILLION} rows {many} KiB")  # noqa: T201 - for the note
    assert many < few + MORE_KIB


def test_50000_rows_are_imported_in_the_memory_that_5000_take(yard: Yard) -> None:
    yard.upload("few", FEW)
    few = yard.work(FEW)
    yard.s3.files.clear()
    yard.upload("many", MANY)
    many = yard.work(MANY)
    print(f"worker: {FEW} rows {few} KiB, {MANY} rows {many} KiB")  # noqa: T201 - for the note
    assert many < few + MORE_KIB
