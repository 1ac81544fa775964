"""Events a second through the worker, against the same transactions prebuilt and just sent.

The worker gets batches of ten deliveries from the queue, one event each, as Lambda hands them over:
it parses them, looks up who is connected, works out numbers and names, and saves each contact with
its card and its mark. The other side sends TransactWriteItems that were built before the clock
started. Both use one connection to DynamoDB Local and take turns, a round each.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
from contextlib import closing
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from bench.report import Row
from centralino.adapters.aws import Client
from centralino.adapters.queue import SqsQueue
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.application.index_contact import index_contact
from centralino.domain.settings import Line, Settings
from centralino.entry.apply import Deliveries, Worker
from tests.support.fake_sqs import BATCH, URL, Context, FakeSqs, event_of
from tests.support.paper_crm import SLUG, Office, body_of, hints_of, paper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from bench.figures import World
    from tests.support.paper_crm import Event

EVENTS = 200
LINE = Line(country="IT", area_code="02")
TIMEOUT_S = 30.0


def events(world: World) -> list[Row]:
    """Figure 14: events through the worker; the record in the event, or read again."""
    return [
        _row(world, "events through the worker, each with its record", inline=True),
        _row(world, "events through the worker, each record read again at once", inline=False),
    ]


def _row(world: World, name: str, *, inline: bool) -> Row:
    ours: list[float] = []
    raw: list[float] = []
    with closing(Client("dynamodb", env=world.env)) as client:
        for number in range(-1, world.rounds):  # the first round wakes everybody up
            kind = "i" if inline else "r"
            office = Office(inline=inline)
            told = [
                office.save(str(place), f"Rossi {place}", [f"+39024{number + 1:03}{place:05}"])
                for place in range(EVENTS)
            ]
            batches = _batches(told, f"{kind}w{number + 1}")
            requests = _requests(
                office, told, world.env["CENTRALINO_TABLE"], f"{kind}q{number + 1}"
            )
            sides = {
                "ours": lambda office=office, batches=batches: _time_worker(  # type: ignore[misc]
                    world, client, office, batches
                ),
                "raw": lambda requests=requests: _time_requests(client, requests),
            }
            for side in sorted(sides, reverse=bool(number % 2)):
                seconds = sides[side]()
                if number >= 0:
                    (ours if side == "ours" else raw).append(seconds)
    ratio = median(theirs / mine for mine, theirs in zip(ours, raw, strict=True))
    return Row(
        14,
        f"{name}, against the same TransactWriteItems prebuilt",
        f"{EVENTS / median(ours):.0f} /s",
        f"{EVENTS / median(raw):.0f} /s",
        ratio,
        None,
    )


def _batches(told: Sequence[Event], tenant: str) -> list[dict[str, Any]]:
    """Return deliveries as the worker gets them."""
    sqs = FakeSqs()
    for event in told:
        sqs.put(
            {
                "v": 1,
                "kind": "webhook",
                "tenant": tenant,
                "provider": SLUG,
                "event": "",
                "url": "https://host/v1/crm/paper",
                "headers": {},
                "body": body_of([event]).decode(),
                "body_base64": None,
                "claim": None,
                "received_at": time.time(),
                "id": "0" * 32,
            }
        )
    wanted = {"QueueUrl": URL, "MaxNumberOfMessages": BATCH}
    batches = []
    while received := sqs.call("ReceiveMessage", wanted, timeout_s=1)["Messages"]:
        batches.append(event_of(received))
    return batches


def _requests(
    office: Office, told: Sequence[Event], table: str, tenant: str
) -> list[Mapping[str, Any]]:
    """Build the transactions that the worker sends, of another tenant."""
    store = DynamoContactStore(_Unused(), table, tenant)
    requests: list[Mapping[str, Any]] = []
    for hint in hints_of(told):
        contact, holders = index_contact(office.contact(hint.record), LINE)
        steps = store.save_steps(contact, holders, delivery=hint.delivery)
        requests.append(next(steps).payload)
    return requests


class _Unused:
    """Stands where a client stands when only requests are built."""

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        raise RuntimeError(f"{operation} was sent: {len(payload)} fields, {timeout_s} s")


def _time_worker(
    world: World, client: Client, office: Office, batches: Sequence[dict[str, Any]]
) -> float:
    table = world.env["CENTRALINO_TABLE"]
    deliveries = Deliveries(
        settings=lambda tenant: Settings(tenant, line=LINE),
        contacts=lambda tenant: DynamoContactStore(client, table, tenant),
        crm=lambda *_: paper(office),
        refresh=lambda *_: None,
        take=lambda _: b"",
        cache_s=30,
    )
    worker = Worker({"webhook": deliveries}, SqsQueue(FakeSqs(), URL))
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    context = cast("LambdaContext", Context())
    failed = 0
    log = io.StringIO()
    started = time.perf_counter()
    with contextlib.redirect_stdout(log):
        for batch in batches:
            answer = process_partial_response(
                event=batch, record_handler=worker.take, processor=processor, context=context
            )
            failed += len(answer["batchItemFailures"])
    seconds = time.perf_counter() - started
    applied = sum(json.loads(line).get("CrmApplied", 0) for line in log.getvalue().splitlines())
    if failed or applied != EVENTS:
        raise RuntimeError(f"{applied} of {EVENTS} events were applied, {failed} messages failed")
    return seconds


def _time_requests(client: Client, requests: Sequence[Mapping[str, Any]]) -> float:
    started = time.perf_counter()
    for request in requests:
        client.call("TransactWriteItems", request, timeout_s=TIMEOUT_S)
    return time.perf_counter() - started
