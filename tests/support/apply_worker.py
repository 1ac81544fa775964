"""The worker in processes that a test can kill: `python -m tests.support.apply_worker`.

It reads jobs from standard input, a JSON object a line, and forks for each of them, so a worker is
there in milliseconds. Of each it says three lines: the process's id, then, once it ended, how, and
how much memory it ever had, KiB. The worker begins when it is sent a line more.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from centralino.adapters.aws import Client
from centralino.adapters.claims import S3Claims
from centralino.adapters.objects import S3Objects
from centralino.adapters.queue import SqsQueue
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.adapters.web import HttpWeb, Reach
from centralino.entry.apply import Deliveries, Report, Worker
from centralino.entry.chunk import ChunkTools, apply_chunk
from centralino.entry.sync import SyncTools, apply_sync
from centralino.ports.crm import Connection
from tests.support.fake_sqs import URL, Poller
from tests.support.paper_crm import SLUG, PaperCrm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

ROOT = Path(__file__).parents[2]
PATIENCE_S = 10.0
BUCKET = "files"
# How often a part of a reconciliation may ask whether there is time, so that it ends in the middle
# of a page, where a slow CRM would end it.
LOOKS = 4


@cache
def s3(endpoint: str) -> Any:  # noqa: ANN401 - boto3 makes it
    """Return a client of S3; slow to make, and so made before the fork."""
    import boto3  # noqa: PLC0415 - half a second
    from botocore.config import Config  # noqa: PLC0415

    build: Any = boto3.client
    return build(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-south-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


def worker_of(job: Mapping[str, Any], sqs: Client) -> Worker:
    """Build a worker as the function has it, for a CRM on paper."""
    dynamodb = Client("dynamodb", env=job["env"])
    table, bucket = job["table"], s3(job["s3"])
    queue = SqsQueue(sqs, URL)
    connection = Connection(SLUG, {"page": job["page"]}, {})
    crm = PaperCrm(connection, HttpWeb(Reach(private=True)))

    def contacts(tenant: str) -> DynamoContactStore:
        return DynamoContactStore(dynamodb, table, tenant)

    def tenants(tenant: str) -> DynamoTenantStore:
        return DynamoTenantStore(dynamodb, table, tenant)

    deliveries = Deliveries(
        settings=lambda tenant: tenants(tenant).settings(),
        contacts=contacts,
        crm=lambda *_: crm,
        refresh=lambda *_: None,
        take=S3Claims(BUCKET, bucket).take,
        cache_s=30,
    )
    syncs = SyncTools(
        lambda tenant: DynamoConnectionStore(dynamodb, table, tenant),
        contacts,
        tenants,
        lambda *_: crm,
        cast("Any", None),  # no secrets: this CRM refuses nobody
        queue,
        time.time,
    )
    chunks = ChunkTools(S3Objects(BUCKET, bucket), contacts, tenants, time.sleep, time.time)

    def sync(message: Mapping[str, Any], _: object) -> Report:
        looks = itertools.count(1)
        apply_sync(message, None, syncs, lambda _: next(looks) <= LOOKS)
        return Report()

    def chunk(message: Mapping[str, Any], has_time: Callable[..., bool]) -> Report:
        apply_chunk(message, chunks, has_time)
        return Report()

    return Worker({"webhook": deliveries, "sync": sync, "chunk": chunk}, queue)


def work(job: Mapping[str, Any]) -> None:
    """Take messages until none is visible."""
    sqs = Client("sqs", env=job["env"])
    worker = worker_of(job, sqs)
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

    def handle(event: dict[str, Any], context: object) -> Mapping[str, Any]:
        return process_partial_response(
            event=event,
            record_handler=worker.take,
            processor=processor,
            context=cast("Any", context),
        )

    poller = Poller(lambda *request: sqs.call(*request, timeout_s=PATIENCE_S), handle)
    while poller.poll():
        pass


class Workers:
    """Starts workers, for the length of a `with` block.

    Attributes:
        peak_kib: how much memory the last one had at most.
    """

    peak_kib = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.apply_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def prepare(self, job: Mapping[str, Any]) -> int:
        """Start a worker that waits; return its process id."""
        self._say(json.dumps(job))
        return self._hear()

    def run(self) -> int:
        """Let it begin, and wait for its end; return its exit status, -9 if it was killed."""
        self._say("go")
        return self.end()

    def end(self) -> int:
        """Wait for the end of one that was killed before it began; return its exit status."""
        status = self._hear()
        self.peak_kib = self._hear()
        return status

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


def kill(pid: int) -> None:
    """End a worker as a crashed machine would."""
    os.kill(pid, signal.SIGKILL)


def _line() -> bytes:
    """Read a line, and nothing of the next one: that may be for somebody else."""
    line = b""
    while byte := os.read(0, 1):
        if byte == b"\n":
            return line
        line += byte
    return b""


def main() -> None:
    """Fork a worker for each job."""
    while line := _line():
        job = json.loads(line)
        s3(job["s3"])
        pid = os.fork()
        if not pid:
            _line()
            # What it logs is not what its parent says.
            os.dup2(2, 1)
            status = 1
            try:
                work(job)
                status = 0
            finally:
                sys.stdout.flush()
                os._exit(status)
        _say(pid)
        _, status, usage = os.wait4(pid, 0)
        _say(os.waitstatus_to_exitcode(status))
        _say(usage.ru_maxrss)


def _say(number: int) -> None:
    os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    main()
