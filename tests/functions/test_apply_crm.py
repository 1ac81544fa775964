"""From the queue to the index: what is done, what comes back, and what ends as a dead letter."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from centralino.adapters.queue import SqsQueue
from centralino.application.delivery_message import write_message
from centralino.domain.errors import (
    NotFoundError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.settings import Line, Settings
from centralino.entry.apply import MAX_RECEIVES, Deliveries, Report, Worker
from centralino.ports.crm import Delivery
from centralino.ports.queue import Claim
from tests.support.fake_sqs import URL, Context, FakeSqs, Poller, event_of
from tests.support.memory_store import MemoryStores
from tests.support.paper_crm import Event, Office, OfficeWeb, body_of, paper
from tests.support.store_model import assert_cards_follow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from centralino.ports.crm import Crm

ROOT = Path(__file__).parents[2]
ROSSI = "+390244556677"
VERDI = "+390244556688"
WHOLE = '{"v":1,"kind":"webhook","tenant":"acme","provider":"paper","headers":{},"received_at":1,'


class Service:
    """The queue, the worker, the index and the CRM."""

    def __init__(self) -> None:
        self.office = Office()
        self.stores = MemoryStores()
        self.sqs = FakeSqs(now_s=self.office.now_ms / 1000)
        self.connected = True
        self.bodies: dict[str, bytes] = {}
        self.before: Callable[[str], None] = lambda _: None
        self.refreshed: list[tuple[str, str]] = []
        self.stores.create_tenant("acme", Settings("acme", line=Line("IT", "02")))
        self.deliveries = Deliveries(
            settings=lambda tenant: self.stores.tenants(tenant).settings(),
            contacts=self.stores.contacts,
            crm=self._crm,
            refresh=lambda tenant, provider: self.refreshed.append((tenant, provider)),
            take=self._take,
            cache_s=30,
            now=lambda: self.now_s,
        )
        self.other: list[Mapping[str, Any]] = []
        self.has_s: dict[int, bool] = {}
        self.worker = Worker(
            {"webhook": self.deliveries, "sync": self._sync},
            SqsQueue(self.sqs, URL),
            now=lambda: self.now_s,
        )
        self.context = Context()
        self.processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        self.poller = Poller(lambda *request: self.sqs.call(*request, timeout_s=1), self.handle)

    @property
    def now_s(self) -> float:
        return max(self.sqs.now_s, self.office.now_ms / 1000)

    def handle(self, event: dict[str, Any], _context: object = None) -> Mapping[str, Any]:
        return process_partial_response(
            event=event,
            record_handler=self.worker.take,
            processor=self.processor,
            context=cast("LambdaContext", self.context),
        )

    def tell(self, *events: Event, broken: int = 0, tenant: str = "acme", **fields: Any) -> str:  # noqa: ANN401
        """Put what the CRM tells into the queue, as the receiver does."""
        body = body_of(events, broken=broken)
        delivery = Delivery("POST", "https://host/v1/crm/paper", {}, body, "", self.now_s)
        message = write_message(
            delivery,
            tenant=tenant,
            provider="paper",
            message_id="id-1",
            kept_headers=(),
            max_bytes=1_000_000,
            put=lambda _: Claim("", ""),
        )
        return self.sqs.put(message | fields)

    def work(self, most: int = 100) -> None:
        """Let the worker take what is visible, and what becomes visible, until nothing is left."""
        for _ in range(most):
            if not self.sqs.wait():
                return
            self.poller.poll()
        raise AssertionError("there is no end to it")

    def name_of(self, number: str) -> str:
        cards = self.stores.calls.read("acme", [number], timeout_s=5).cards
        return ", ".join(sorted(h.name for h in cards[number].holders)) if cards else ""

    def _crm(self, tenant: str, provider: str, country: str) -> Crm | None:
        assert (tenant, provider, country) == ("acme", "paper", "IT")
        web = OfficeWeb(self.office, lambda url: self.before(url))  # noqa: PLW0108 - it is set later
        return paper(self.office, web) if self.connected else None

    def _take(self, claim: Claim) -> bytes:
        if claim.key not in self.bodies:
            raise RejectedError("claim_gone")
        return self.bodies[claim.key]

    def _sync(self, message: Mapping[str, Any], has_time: Callable[..., bool]) -> Report:
        assert has_time()
        self.has_s = {seconds: has_time(seconds) for seconds in (10, 49, 50, 60)}
        self.other.append(message)
        return Report()


@pytest.fixture
def service() -> Service:
    return Service()


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


# --- what is done ------------------------------------------------------------------------------


def test_a_contact_that_is_saved_in_the_crm_is_the_next_callers_name(service: Service) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    service.work()
    assert service.name_of(ROSSI) == "Rossi"
    assert not service.sqs.messages
    assert not service.sqs.dead


def test_a_body_that_was_too_large_for_the_queue_is_taken_from_where_it_was_left(
    service: Service,
) -> None:
    service.bodies["claims/1"] = body_of([service.office.save("1", "Rossi", [ROSSI])])
    service.tell(body=None, claim={"bucket": "b", "key": "claims/1"})
    service.work()
    assert service.name_of(ROSSI) == "Rossi"


def test_other_kinds_of_work_go_where_they_belong(service: Service) -> None:
    message = {"v": 1, "kind": "sync", "tenant": "acme", "provider": "paper", "run": "r1"}
    service.sqs.put(message)
    service.work()
    assert service.other == [message]


def test_other_kinds_of_work_are_told_how_much_time_there_is(service: Service) -> None:
    service.sqs.put({"v": 1, "kind": "sync", "tenant": "acme", "provider": "paper", "run": "r1"})
    service.context.left_s = 50
    service.work()
    assert service.has_s == {10: True, 49: True, 50: False, 60: False}


def test_of_a_batch_only_what_is_not_done_comes_back(service: Service) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    bad = service.sqs.put("not JSON")
    service.tell(service.office.save("2", "Verdi", [VERDI]))
    assert service.poller.poll() == 3
    assert list(service.sqs.messages) == [bad]
    assert service.name_of(ROSSI) == "Rossi"
    assert service.name_of(VERDI) == "Verdi"


def test_what_is_told_to_a_tenant_that_was_erased_meanwhile_is_not_written(
    service: Service,
) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    service.stores.tenants("acme").close()
    service.work()
    assert not service.sqs.dead
    assert [item["type"]["S"] for item in service.stores.dynamo.all_items()] == ["ClosedTenant"]


def test_what_a_crm_told_before_it_was_disconnected_is_let_go(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    service.connected = False
    service.work()
    assert not service.sqs.dead
    [line] = lines(capsys.readouterr().out)
    assert (line["outcome"], line["reason"]) == ("dropped", "not_connected")


def test_settings_and_connections_are_believed_for_half_a_minute(service: Service) -> None:
    for number in range(3):
        service.tell(service.office.save(str(number), "Rossi", [ROSSI]))
    service.work()
    assert service.stores.dynamo.requests.count("GetItem") == 1
    service.sqs.now_s += 31
    service.tell(service.office.save("9", "Rossi", [ROSSI]))
    service.work()
    assert service.stores.dynamo.requests.count("GetItem") == 2


# --- what comes back ---------------------------------------------------------------------------


def test_a_busy_crm_is_asked_again_after_the_time_that_it_wants(service: Service) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))

    def throttle(_: str) -> None:
        raise ThrottledError("throttled", 3_000)

    service.before = throttle
    service.poller.poll()
    [message] = service.sqs.messages.values()
    assert service.sqs.now_s + 3_000 <= message.visible_at <= service.sqs.now_s + 4_500
    service.before = lambda _: None
    service.work()
    assert service.name_of(ROSSI) == "Rossi"


def test_a_crm_that_is_busy_for_a_day_uses_up_no_message(service: Service) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    until = service.sqs.now_s + 86_400

    def throttle(_: str) -> None:
        if service.sqs.now_s < until:
            raise ThrottledError("throttled", 60)

    service.before = throttle
    service.work(most=1_000)
    assert not service.sqs.dead
    assert service.name_of(ROSSI) == "Rossi"
    assert service.sqs.sent > 1


def test_a_worker_that_dies_after_it_sent_a_message_anew_has_it_applied_once(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    message_id = service.tell(service.office.save("1", "Rossi", [ROSSI]))

    def throttle(_: str) -> None:
        raise ThrottledError("throttled", 60)

    service.before = throttle
    while service.sqs.sent == 1:
        original = service.sqs.messages[message_id]
        service.sqs.wait()
        service.poller.poll()
    # It was never deleted.
    assert message_id not in service.sqs.messages
    service.sqs.messages[message_id] = original
    service.before = lambda _: None
    capsys.readouterr()
    service.work()
    one, other = lines(capsys.readouterr().out)
    assert (one["CrmApplied"], other["CrmDuplicate"]) == (1, 1)


def test_a_crm_that_is_busy_for_ever_is_an_operators_business_after_three_days(
    service: Service,
) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    began = service.sqs.now_s

    def throttle(_: str) -> None:
        raise ThrottledError("throttled", 60)

    service.before = throttle
    service.work(most=1_000)
    assert len(service.sqs.dead) == 1
    assert 3 * 86_400 < service.sqs.now_s - began < 4 * 86_400


def test_a_crm_that_is_down_is_asked_less_and_less_often(service: Service) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    asked: list[float] = []

    def fail(_: str) -> None:
        asked.append(service.sqs.now_s)
        raise UnavailableError("server")

    service.before = fail
    service.work()
    waits = [after - before for before, after in itertools.pairwise(asked)]
    assert len(asked) == MAX_RECEIVES
    assert waits == sorted(waits)
    assert waits[0] >= 30
    assert sum(waits) > 1_800
    assert len(service.sqs.dead) == 1


def test_secrets_that_were_replaced_are_read_again_and_the_delivery_is_applied(
    service: Service,
) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    service.before = refuse_until(lambda: bool(service.refreshed))
    service.poller.poll()
    assert service.refreshed == [("acme", "paper")]
    assert service.name_of(ROSSI) == "Rossi"


def test_secrets_that_stay_refused_are_read_again_once_a_reception(service: Service) -> None:
    service.tell(*(service.office.save(str(number), "Rossi", [ROSSI]) for number in range(3)))
    service.before = refuse_until(lambda: False)
    service.poller.poll()
    assert len(service.refreshed) == 1
    service.work()
    assert len(service.sqs.dead) == 1
    assert len(service.refreshed) == MAX_RECEIVES


def refuse_until(mended: Callable[[], bool]) -> Callable[[str], None]:
    def refuse(_: str) -> None:
        if not mended():
            raise RejectedError("credentials")

    return refuse


def test_a_batch_that_runs_out_of_time_leaves_the_rest_to_the_next_one(service: Service) -> None:
    for number in range(3):
        service.tell(service.office.save(str(number), "Rossi", [ROSSI]))

    def slow(_: str) -> None:
        service.context.left_s -= 50

    service.before = slow
    service.poller.poll()
    assert len(service.sqs.messages) == 1
    assert service.sqs.wait()
    service.context.left_s = 120
    service.before = lambda _: None
    service.poller.poll()
    assert not service.sqs.messages


def test_a_message_that_is_always_last_in_a_slow_batch_is_no_dead_letter(
    service: Service,
) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    service.context.left_s = 10
    for _ in range(3 * MAX_RECEIVES):
        assert service.sqs.wait()
        service.poller.poll()
    assert not service.sqs.dead
    service.context.left_s = 120
    service.work()
    assert service.name_of(ROSSI) == "Rossi"


def test_a_queue_that_does_not_listen_gives_the_message_back_in_its_own_time(
    service: Service,
) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))

    def fail(_: str) -> None:
        service.sqs.faults = [UnavailableError("timeout")]
        raise UnavailableError("server")

    service.before = fail
    service.poller.poll()
    [message] = service.sqs.messages.values()
    assert message.visible_at == service.sqs.now_s + 720


def test_a_mistake_of_ours_brings_the_message_back_and_not_its_text_to_the_log(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    service.tell(service.office.save("2", "Verdi", [VERDI]))

    def stumble(url: str) -> None:
        if url.endswith("/1"):
            raise ZeroDivisionError(ROSSI)

    service.before = stumble
    service.poller.poll()
    assert len(service.sqs.messages) == 1
    assert service.name_of(VERDI) == "Verdi"
    printed = capsys.readouterr().out
    assert "ZeroDivisionError in stumble" in printed
    assert ROSSI not in printed


# --- dead letters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "not JSON",
        "[" * 100_000,
        "[]",
        "{}",
        '{"v":1}',
        '{"v":2,"kind":"webhook"}',
        '{"v":1,"kind":["webhook"]}',
        '{"v":1,"kind":"webhook"}',
        '{"v":1,"kind":"webhook","tenant":"acme","provider":7}',
        '{"v":1,"kind":"webhook","tenant":"acme","provider":"paper","headers":{}}',
        WHOLE + '"body":"<xml>"}',
        WHOLE + '"claim":{"bucket":"b","key":"gone"}}',
    ],
)
def test_a_message_that_can_not_be_understood_ends_as_a_dead_letter(
    service: Service, message: str
) -> None:
    service.sqs.put(message)
    service.work()
    [dead] = service.sqs.dead.values()
    assert dead.body == message


def test_a_delivery_with_one_bad_entry_is_a_dead_letter_after_its_good_ones_were_applied(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [service.office.save("1", "Rossi", [ROSSI]), service.office.save("2", "V", [VERDI])]
    service.tell(*events, broken=1)
    service.work()
    assert len(service.sqs.dead) == 1
    assert service.name_of(ROSSI) == "Rossi"
    first, *others = lines(capsys.readouterr().out)
    assert (first["CrmApplied"], first["CrmFailed"]) == (2, 1)
    assert first["problems"] == ["events[2].record: expected a record's id"]
    assert len(others) == MAX_RECEIVES - 1
    assert all(line["CrmDuplicate"] == 2 for line in others)


def test_a_dead_letter_that_is_sent_back_twice_is_applied_once(service: Service) -> None:
    events = [
        service.office.save("1", "Rossi", [ROSSI]),
        service.office.save("2", "Verdi", [VERDI]),
        service.office.delete("2"),
    ]
    service.tell(*events)

    def fail(_: str) -> None:
        raise UnavailableError("server")

    service.before = fail
    service.work()
    assert len(service.sqs.dead) == 1
    copies = dict(service.sqs.dead)
    service.before = lambda _: None
    service.sqs.redrive()
    service.work()
    assert not service.sqs.dead
    assert service.name_of(ROSSI) == "Rossi"
    assert service.name_of(VERDI) == ""
    before = service.stores.dynamo.all_items()
    # The operator is not sure, and sends it back once more.
    service.sqs.dead = copies
    service.sqs.redrive()
    service.work()
    assert not service.sqs.dead
    assert service.stores.dynamo.all_items() == before
    assert_cards_follow("acme", before)


def test_a_provider_that_this_version_does_not_know_keeps_its_deliveries(
    service: Service,
) -> None:
    def unknown(_tenant: str, _provider: str, _country: str) -> Crm | None:
        raise NotFoundError("there is nothing at this path")

    service.deliveries._crm = unknown
    service.tell(service.office.save("1", "Rossi", [ROSSI]))
    service.work()
    assert len(service.sqs.dead) == 1


# --- what an operator sees -----------------------------------------------------------------------


def test_a_message_is_one_line_of_the_log_and_its_metrics(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    rossi = service.office.save("1", "Rossi", [ROSSI])
    service.tell(rossi, rossi, service.office.save("2", "Verdi", [VERDI]))
    service.office.delete("2")
    service.office.now_ms += 2_000
    service.work()
    [line] = lines(capsys.readouterr().out)
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "Centralino/local"
    assert metrics["Dimensions"] == [[]]
    names = [metric["Name"] for metric in metrics["Metrics"]]
    assert {name: line[name] for name in names} == {
        "CrmApplied": 1,
        "CrmDeleted": 1,
        "CrmUnchanged": 1,
    }
    assert line["tenant"] == "acme"
    assert line["provider"] == "paper"
    assert line["outcome"] == "done"
    assert 2_000 <= line["age_ms"] < 3_000


def test_no_name_number_or_secret_reaches_the_log_whatever_happens(
    service: Service, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    marker, number = "Gaetanino", "+393471234567"
    events = [service.office.save(record, marker, [number]) for record in "123"]
    too_long = service.office.save("4", marker * 99, [number])
    service.tell(*events, too_long, broken=1, url=f"https://host/{marker}?key={marker}")
    service.sqs.put({"v": 1, "kind": marker, "id": marker, "tenant": [marker], "body": number})
    service.sqs.put(f"{marker} {number}")

    def stumble(_: str) -> None:
        errors = [ValueError(marker), UnavailableError("server"), RejectedError("credentials")]
        raise errors[service.office.now_ms % 3]

    service.before = stumble
    for _ in range(3):
        service.office.now_ms += 1
        service.poller.poll()
        service.sqs.now_s += 10_000
    service.before = lambda _: None
    service.work()
    printed = capfd.readouterr()
    everything = printed.out + printed.err + caplog.text
    assert service.name_of(number)
    assert marker not in everything
    assert number.removeprefix("+") not in everything


# --- the function itself -------------------------------------------------------------------------


def test_the_function_takes_a_batch_and_gives_back_what_it_did_not_do() -> None:
    sqs = FakeSqs()
    sqs.put("not JSON")
    sqs.put({"v": 1, "kind": "who knows"})
    wanted = {"QueueUrl": URL, "MaxNumberOfMessages": 10}
    received = sqs.call("ReceiveMessage", wanted, timeout_s=1)["Messages"]
    script = (
        "import json, sys; sys.path.insert(0, 'functions/apply_crm'); import app\n"
        "class Context:\n"
        "    def get_remaining_time_in_millis(self): return 60_000\n"
        "print(json.dumps(app.handler(json.load(sys.stdin), Context())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(event_of(received)),
        cwd=ROOT,
        env={
            **os.environ,
            "AWS_REGION": "eu-south-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9",
            "CENTRALINO_QUEUE_URL": URL,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": message["MessageId"]} for message in received]
    }
