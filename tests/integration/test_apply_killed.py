"""The worker is killed at every step: nothing is lost, and nothing is applied twice.

Whatever it does: a webhook, one whose body is in the bucket, a reconciliation, a piece of an
import. An event is applied by the transaction that puts its mark, a record or a row by the one that
puts its contact; the proxy notes each by its token, which it has again when it is only repeated.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.claims import PREFIX
from centralino.adapters.queue import MAX_BYTES
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.application.delivery_message import write_message
from centralino.application.dispatch_syncs import sync_message
from centralino.application.import_chunk import (
    Chunk,
    Manifest,
    chunk_message,
    place_of,
    write_manifest,
)
from centralino.application.map_row import NumberColumn, RowMap
from centralino.domain.settings import Line, Settings
from centralino.ports.crm import Delivery
from centralino.ports.queue import Claim
from tests.support.apply_worker import BUCKET, Workers, kill
from tests.support.fake_s3 import FakeS3
from tests.support.fake_sqs import FakeSqs, SqsServer
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.memory_store import Stores
from tests.support.paper_crm import Event, Office, body_of
from tests.support.store_model import assert_cards_follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        self.s3 = FakeS3(BUCKET, after=self.step)
        self.steps: list[str] = []
        self.kill_at = -1
        self.pid = 0
        # The key of an event's mark, and that of a contact -> the transactions that put it.
        self.applied: dict[str, set[str]] = defaultdict(set)
        self.saved: dict[str, set[str]] = defaultdict(set)
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
                kept = {"Delivery": self.applied, "Contact": self.saved, "Tombstone": self.saved}
                kind = item.get("type", {}).get("S", "")
                if kind in kept:
                    kept[kind][item["pk"]["S"]].add(request.payload["ClientRequestToken"])
        self.step(request.operation)
        exchange.send(answer)

    def tell(self, tenant: str, *events: Event, by_claim: bool = False) -> None:
        body = body_of(events)
        key = f"{PREFIX}{tenant}/paper/{self.sqs.sent}"
        delivery = Delivery("POST", "https://host/v1/crm/paper", {}, body, "", time.time())
        self.sqs.put(
            write_message(
                delivery,
                tenant=tenant,
                provider="paper",
                message_id="id",
                kept_headers=(),
                max_bytes=0 if by_claim else MAX_BYTES,
                put=lambda body: self.keep(key, body),
            )
        )

    def keep(self, key: str, body: bytes) -> Claim:
        self.s3.files[key] = body
        return Claim(BUCKET, key)

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

    def prepare(self, tenant: str) -> None:
        """Do what is done before."""

    def ask(self, tenant: str) -> None:
        """Put what the worker is to do into the queue."""
        raise NotImplementedError

    def check(self, tenant: str) -> None:
        """See that it was done, and done once."""
        raise NotImplementedError

    def play(self, tenant: str, kill_at: int) -> list[str]:
        """Let a worker die at a step, and others take over; return the first one's steps."""
        place = self.place
        with self.stores() as stores:
            stores.create_tenant(tenant, Settings(tenant, line=Line("IT", "02")))
        place.office.there.clear()
        self.prepare(tenant)
        place.saved.clear()
        place.applied.clear()
        self.ask(tenant)
        status = self._run(kill_at)
        first = list(place.steps)
        assert status == (0 if kill_at < 0 else -9), first
        while place.sqs.wait():
            assert self._run(-1) == 0
        assert not place.sqs.dead
        self.check(tenant)
        return first

    def play_all(self, every: int = 1) -> list[str]:
        """Let a worker die at every step, or every so many; return the steps of one that lives."""
        steps = self.play("whole", -1)
        assert len(steps) < MOST_STEPS
        for kill_at in range(0, len(steps) + 1, every):
            # Which transactions are refused depends on nothing but what is stored.
            assert self.play(f"t-{kill_at}", kill_at) == steps[:kill_at]
        return steps

    @contextmanager
    def stores(self) -> Iterator[Stores]:
        with closing(Client("dynamodb", env=self.place.dynamodb.env)) as client:
            yield Stores(client, self.place.table)

    def _run(self, kill_at: int) -> int:
        place = self.place
        place.steps.clear()
        place.kill_at = kill_at
        place.pid = self.workers.prepare(self.job)
        if kill_at == 0:
            kill(place.pid)
            return self.workers.end()
        return self.workers.run()

    def names(self, tenant: str) -> dict[str, str]:
        """Return what the index holds, whose cards are right: contact -> name."""
        assert_cards_follow(tenant, self.place.items(tenant))
        with self.stores() as stores:
            page = stores.contacts(tenant).page(limit=100)
        return {contact.id: contact.last_name for contact in page.contacts}

    def assert_the_index_is_as_the_crm(self, tenant: str) -> None:
        assert self.names(tenant) == {
            f"paper:{record}": fields["last_name"]
            for record, fields in self.place.office.there.items()
        }


class Webhooks(Story):
    """Three deliveries of five events."""

    by_claim = False

    def prepare(self, tenant: str) -> None:
        place = self.place
        place.tell(tenant, *(place.office.save(record, "Old", [VERDI]) for record in "456"))
        self._run(-1)

    def ask(self, tenant: str) -> None:
        place, claim = self.place, self.by_claim
        rossi, verdi = place.office.save("1", "Rossi", [ROSSI]), place.office.save("2", "V", [])
        place.tell(tenant, rossi, verdi, by_claim=claim)
        place.tell(tenant, *place.office.merge("4", "5"), by_claim=claim)
        place.tell(tenant, place.office.delete("6", timed=False), by_claim=claim)

    def check(self, tenant: str) -> None:
        assert [len(tokens) for tokens in self.place.applied.values()] == [1] * 5
        self.assert_the_index_is_as_the_crm(tenant)


class Claims(Webhooks):
    """The same, of bodies that the queue has no room for."""

    by_claim = True


class Reconciliation(Story):
    """A first reconciliation, of three pages and a sweep, that takes several messages."""

    def prepare(self, tenant: str) -> None:
        place = self.place
        gone = [place.office.save(record, "Gone", [VERDI]) for record in "78"]
        place.tell(tenant, *gone, place.office.save("1", "Rossi", [VERDI]))
        self._run(-1)
        for record in "78":
            place.office.delete(record)
        for record in "2345":
            place.office.save(record, f"Verdi {record}", [VERDI, ROSSI])
        # What changes while a run is under way is told by webhooks.
        with self.stores() as stores:
            links = self._links(stores, tenant)
            links.save("paper", {"page": self.job["page"]}, now_s=time.time())

    def ask(self, tenant: str) -> None:
        self.place.sqs.put(sync_message(tenant, "paper", "r1", 0))

    def check(self, tenant: str) -> None:
        with self.stores() as stores:
            link = self._links(stores, tenant).get("paper")
        assert link
        assert (link.state.run, link.state.last_run, link.state.problem) == ("", "r1", "")
        assert link.state.read >= 5
        # Those who were new and those who are gone, each once; who was known was not touched.
        saved = {pk.rpartition(":")[2]: len(tokens) for pk, tokens in self.place.saved.items()}
        assert saved == dict.fromkeys("234578", 1)
        self.assert_the_index_is_as_the_crm(tenant)

    def _links(self, stores: Stores, tenant: str) -> DynamoConnectionStore:
        return DynamoConnectionStore(stores.client, stores.table, tenant)


class Pieces(Story):
    """Two pieces of a file, with a row that can't be imported and a number that can't be called."""

    rows = (
        ("1", "Rossi", "02 44556601"),
        ("2", "Bianchi", "02 44556601"),
        ("3", "", ""),
        ("4", "Verdi", "02 44556602"),
        ("5", "Neri", "interno 12"),
    )
    import_id = "0" * 32

    def ask(self, tenant: str) -> None:
        files = self.place.s3.files
        files.clear()
        lines = [f"{','.join(row)}\n".encode() for row in self.rows]
        columns = RowMap("odoo", ("id",), last_name=("name",), numbers=(NumberColumn("phone"),))
        header = ("id", "name", "phone")
        manifest = Manifest(header, header, ",", "", columns, "Europe/Rome", None, 1_795_000_000)
        files[self._key(tenant, "manifest.json")] = write_manifest(manifest)
        files[self._key(tenant, "source.csv")] = b"".join(lines)
        middle, end = len(b"".join(lines[:3])), len(b"".join(lines))
        for chunk in (Chunk(0, middle, 1), Chunk(middle, end, 4)):
            self.place.sqs.put(chunk_message(tenant, self.import_id, chunk))

    def check(self, tenant: str) -> None:
        wanted = {f"odoo:{record}": name for record, name, _ in self.rows if name}
        assert self.names(tenant) == wanted
        assert [len(tokens) for tokens in self.place.saved.values()] == [1] * 4
        found: dict[str, list[bytes]] = defaultdict(list)
        for key, body in sorted(self.place.s3.files.items()):
            found[key.split("/")[3]].append(body)
        # Each row was counted once, whatever became of it in the piece's last life.
        counts = [json.loads(body) for body in found["results"]]
        numbers = [count.pop("unindexed_numbers", 0) for count in counts]
        assert ([sum(count.values()) for count in counts], numbers) == ([3, 2], [0, 1])
        assert [count.get("rejected", 0) for count in counts] == [1, 0]
        assert [body.count(b"\n") for body in (*found["rejected"], *found["numbers"])] == [1, 1]

    def _key(self, tenant: str, name: str) -> str:
        return place_of(tenant, self.import_id, name)


@pytest.fixture
def stage(dynamodb: DynamoDBLocal, table: str) -> Iterator[Callable[[type[Story]], Story]]:
    place = Place(dynamodb, table)
    with (
        FaultProxy(dynamodb.endpoint) as proxy,
        SqsServer(place.sqs, after=place.step) as sqs,
        place.s3,
        crm_server(place) as page,
        Workers() as workers,
    ):
        proxy.fault = Fault("counting", place.carry_out)
        env = {**dynamodb.env, **proxy.env, "AWS_ENDPOINT_URL_SQS": sqs.endpoint}
        job = {"env": env, "table": table, "page": page, "s3": place.s3.endpoint}
        yield lambda kind: kind(place, workers, job)


def test_a_worker_that_is_killed_at_any_step_loses_no_event_and_applies_none_twice(
    stage: Callable[[type[Story]], Story],
) -> None:
    steps = stage(Webhooks).play_all()
    assert steps.count("ReceiveMessage") == 2
    assert steps.count("DeleteMessage") == 3
    assert steps.count("fetch") == 4


# What is not a delivery's own way is tried at every third step, and at every one under `make soak`.
EVERY = [pytest.param(3, id="some"), pytest.param(1, id="all", marks=pytest.mark.soak)]


@pytest.mark.parametrize("every", EVERY)
def test_a_worker_that_is_killed_anywhere_loses_no_event_whose_body_is_in_the_bucket(
    stage: Callable[[type[Story]], Story], every: int
) -> None:
    steps = stage(Claims).play_all(every)
    assert steps.count("GetObject") == 3


@pytest.mark.parametrize("every", EVERY)
def test_a_worker_that_is_killed_anywhere_in_a_reconciliation_loses_no_record(
    stage: Callable[[type[Story]], Story], every: int
) -> None:
    steps = stage(Reconciliation).play_all(every)
    # In the middle of pages, between them, and between how far it is and the message to go on.
    assert steps.count("SendMessage") >= 2
    assert steps.count("fetch") > 5


@pytest.mark.parametrize("every", EVERY)
def test_a_worker_that_is_killed_anywhere_in_a_piece_of_an_import_loses_no_row(
    stage: Callable[[type[Story]], Story], every: int
) -> None:
    steps = stage(Pieces).play_all(every)
    assert (steps.count("GetObject"), steps.count("PutObject")) == (3, 4)
