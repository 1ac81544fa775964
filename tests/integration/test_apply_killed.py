"""The worker is killed at every step: no event is lost, and none is applied twice."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import Client
from centralino.application.delivery_message import write_message
from centralino.domain.settings import Line, Settings
from centralino.ports.crm import Delivery
from centralino.ports.queue import Claim
from tests.support.apply_worker import Workers, kill
from tests.support.fake_sqs import FakeSqs, SqsServer
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.memory_store import Stores
from tests.support.paper_crm import Event, Office, body_of
from tests.support.store_model import assert_cards_follow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Exchange

ROSSI, VERDI = "+390244556677", "+390244556688"
MOST_STEPS = 200


class Place:
    """The queue, the CRM and the table, which count a worker's steps and may kill it at one.

    A step is a request that was carried out, and its answer not yet given: to die before the next
    request is the same to everybody else. Step 0 is before the first.
    """

    def __init__(self, dynamodb: DynamoDBLocal, table: str) -> None:
        self.table = table
        self.dynamodb = dynamodb
        self.office = Office(now_ms=int(time.time() * 1000))
        self.sqs = FakeSqs()
        self.steps: list[str] = []
        self.kill_at = -1
        self.pid = 0
        # The mark of an event -> the transactions that put it.
        self.applied: dict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()

    def step(self, what: str) -> None:
        with self._lock:
            self.steps.append(what)
            if len(self.steps) == self.kill_at:
                kill(self.pid)

    def carry_out(self, exchange: Exchange) -> None:
        """Pass a request on to DynamoDB, and note what it applied."""
        answer = exchange.forward()
        request = exchange.request
        if answer.status == 200 and request.operation == "TransactWriteItems":
            for action in request.payload["TransactItems"]:
                item = action.get("Put", {}).get("Item", {})
                if item.get("type") == {"S": "Delivery"}:
                    token = request.payload["ClientRequestToken"]
                    self.applied[item["pk"]["S"]].add(token)
        self.step(request.operation)
        exchange.send(answer)

    def tell(self, tenant: str, *events: Event) -> None:
        body = body_of(events)
        delivery = Delivery("POST", "https://host/v1/crm/paper", {}, body, "", time.time())
        self.sqs.put(
            write_message(
                delivery,
                tenant=tenant,
                provider="paper",
                message_id="id",
                kept_headers=(),
                max_bytes=1_000_000,
                put=lambda _: Claim("", ""),
            )
        )

    def items(self, tenant: str) -> list[dict[str, Any]]:
        pages = self.dynamodb.boto3.get_paginator("scan").paginate(TableName=self.table)
        return [
            dict(item)
            for page in pages
            for item in page["Items"]
            if f"{item['pk']['S']}#".startswith(f"T#{tenant}#")
        ]


@contextmanager
def crm_server(place: Place) -> Iterator[str]:
    """Answer for the CRM on loopback; yields what the URL of a record begins with."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
            """Keep quiet."""

        def do_GET(self) -> None:
            answer = place.office.answer("GET", self.path)
            place.step("fetch")
            self.send_response(answer.status)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a worker that is killed hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/records/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Story:
    """What one worker is to do, again and again with another tenant and another death."""

    def __init__(self, place: Place, workers: Workers, job: dict[str, Any]) -> None:
        self.place = place
        self.workers = workers
        self.job = job

    def play(self, tenant: str, kill_at: int) -> list[str]:
        """Let a worker die at a step, and others take over; return the first one's steps."""
        place = self.place
        with closing(Client("dynamodb", env=place.dynamodb.env)) as client:
            stores = Stores(client, place.table)
            stores.create_tenant(tenant, Settings(tenant, line=Line("IT", "02")))
        place.office.there.clear()
        place.tell(tenant, *(place.office.save(record, "Old", [VERDI]) for record in "456"))
        self._run(-1)
        before = len(place.applied)
        rossi, verdi = place.office.save("1", "Rossi", [ROSSI]), place.office.save("2", "V", [])
        place.tell(tenant, rossi, verdi)
        place.tell(tenant, *place.office.merge("4", "5"))
        place.tell(tenant, place.office.delete("6", timed=False))
        status = self._run(kill_at)
        first = list(place.steps)
        assert status == (0 if kill_at < 0 else -9), first
        while place.sqs.wait():
            assert self._run(-1) == 0
        assert not place.sqs.dead
        assert len(place.applied) - before == 5
        assert {len(tokens) for tokens in place.applied.values()} == {1}
        self._assert_the_index_is_as_the_crm(tenant)
        return first

    def _run(self, kill_at: int) -> int:
        place = self.place
        place.steps.clear()
        place.kill_at = kill_at
        place.pid = self.workers.prepare(self.job)
        if kill_at == 0:
            kill(place.pid)
            return self.workers.end()
        return self.workers.run()

    def _assert_the_index_is_as_the_crm(self, tenant: str) -> None:
        place = self.place
        items = place.items(tenant)
        assert_cards_follow(tenant, items)
        with closing(Client("dynamodb", env=place.dynamodb.env)) as client:
            store = Stores(client, place.table).contacts(tenant)
            names = {contact.id: contact.last_name for contact in store.page(limit=100).contacts}
        assert names == {
            f"paper:{record}": fields["last_name"] for record, fields in place.office.there.items()
        }


@pytest.fixture
def story(dynamodb: DynamoDBLocal, table: str) -> Iterator[Story]:
    place = Place(dynamodb, table)
    with (
        FaultProxy(dynamodb.endpoint) as proxy,
        SqsServer(place.sqs, after=place.step) as sqs,
        crm_server(place) as page,
        Workers() as workers,
    ):
        proxy.fault = Fault("counting", place.carry_out)
        env = {**dynamodb.env, **proxy.env, "AWS_ENDPOINT_URL_SQS": sqs.endpoint}
        yield Story(place, workers, {"env": env, "table": table, "page": page})


def test_a_worker_that_is_killed_at_any_step_loses_no_event_and_applies_none_twice(
    story: Story,
) -> None:
    steps = story.play("whole", -1)
    assert steps.count("ReceiveMessage") == 2
    assert steps.count("DeleteMessage") == 3
    assert steps.count("fetch") == 4
    assert len(steps) < MOST_STEPS
    for kill_at in range(len(steps) + 1):
        # Which transactions are refused depends on nothing but what is stored.
        assert story.play(f"t-{kill_at}", kill_at) == steps[:kill_at]
