"""Reconciliation in the worker and its dispatcher: messages, metrics, and what no log may hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.store.connections import DynamoConnectionList, DynamoConnectionStore
from centralino.domain.errors import (
    NotFoundError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.entry.sync import SyncTools, apply_sync, dispatch
from tests.support.memory_crm import MemoryCrm
from tests.support.memory_store import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.ports.crm import Crm

MARKER_NAME = "Zanzottera"
MARKER_NUMBER = "+393479876543"


class MemoryQueue:
    """Keeps what it is given."""

    max_bytes = 1_000_000

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], int]] = []
        self.faults: list[Exception] = []

    def send(
        self, message: Mapping[str, object], *, delay_s: int = 0, timeout_s: float = 2.0
    ) -> None:
        assert timeout_s > 0
        assert 0 <= delay_s <= 900
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append((json.loads(json.dumps(message)), delay_s))

    def postpone(self, receipt: str, wait_s: int) -> None:
        raise AssertionError(f"a run doesn't know the message that it came by: {receipt}, {wait_s}")


class MemorySecrets:
    """Knows when it was asked to read again."""

    def __init__(self) -> None:
        self.refreshed: list[str] = []

    def read(self, tenant: str, provider: str, timeout_s: float = 1.0) -> Mapping[str, object]:
        raise NotImplementedError

    def refresh(self, tenant: str, provider: str, timeout_s: float = 1.0) -> Mapping[str, object]:
        assert timeout_s > 0
        self.refreshed.append(f"{tenant} {provider}")
        return {}


class Worker:
    """The worker's side of one connection."""

    def __init__(self) -> None:
        self.stores = MemoryStores()
        self.stores.create_tenant("acme")
        self.queue = MemoryQueue()
        self.secrets = MemorySecrets()
        self.crm = MemoryCrm(lambda: int(self.stores.now_s * 1000))
        self.links("acme").save("memory", {}, now_s=1)
        self.countries: list[str] = []
        self.tools = SyncTools(
            self.links,
            self.stores.contacts,
            self.stores.tenants,
            self._crm,
            self.secrets,
            self.queue,
            self.now,
        )

    def now(self) -> float:
        return self.stores.now_s

    def links(self, tenant: str) -> DynamoConnectionStore:
        return DynamoConnectionStore(
            self.stores.client, self.stores.table, tenant, now=self.now, pause=lambda _: None
        )

    def _crm(self, tenant: str, provider: str, country: str) -> Crm:
        self.countries.append(country)
        if self.links(tenant).get(provider) is None:
            raise NotFoundError("not connected")
        return self.crm

    def dispatch(self) -> list[dict[str, Any]]:
        before = len(self.queue.sent)
        links = DynamoConnectionList(self.stores.client, self.stores.table)
        dispatch(links, self.queue, self.now())
        return [message for message, _ in self.queue.sent[before:]]


@pytest.fixture
def worker() -> Worker:
    return Worker()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_the_dispatcher_sends_is_what_the_worker_does(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    for record in range(7):
        worker.crm.put(str(record))
    [message] = worker.dispatch()
    assert lines(capsys)[0]["SyncDue"] == 1
    apply_sync(message, None, worker.tools)
    [line] = lines(capsys)
    assert (line["outcome"], line["SyncRead"], line["SyncImported"]) == ("done", 7, 7)
    assert (line["tenant"], line["provider"]) == ("acme", "memory")
    metrics = line["_aws"]["CloudWatchMetrics"][0]
    assert metrics["Dimensions"] == [[]]
    assert {metric["Name"] for metric in metrics["Metrics"]} == {"SyncRead", "SyncImported"}
    assert worker.queue.sent[1:] == []
    assert worker.countries == ["IT"]


def test_nothing_is_dispatched_twice_while_it_is_under_way(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.crm.put("1")
    worker.crm.faults = [ThrottledError("throttled", 120)]
    [message] = worker.dispatch()
    apply_sync(message, None, worker.tools)
    assert worker.dispatch() == []
    assert lines(capsys)[-1] == {"message": "dispatch"}


def test_a_throttled_run_comes_back_as_a_new_message_after_that_time(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.crm.put("1")
    worker.crm.faults = [ThrottledError("throttled", 120)]
    [message] = worker.dispatch()
    apply_sync(message, None, worker.tools)
    assert worker.queue.sent[1:] == [(message, 120)]
    assert lines(capsys)[-1]["outcome"] == "waits"
    worker.stores.now_s += 120
    apply_sync(message, None, worker.tools)
    assert lines(capsys)[-1]["outcome"] == "done"
    assert len(worker.queue.sent) == 2


def test_a_long_run_goes_on_with_the_next_message_and_each_counts_its_own_part(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    for record in range(10):
        worker.crm.put(str(record))

    def slow() -> None:
        worker.stores.now_s += 9

    worker.crm.before = slow
    [message] = worker.dispatch()
    capsys.readouterr()
    counted = 0
    for _ in range(10):
        apply_sync(message, None, worker.tools)
        [line] = lines(capsys)
        counted += line.get("SyncImported", 0)
        if line["outcome"] == "done":
            break
    assert counted == 10
    assert 1 < len(worker.queue.sent) < 5
    assert {delay for _, delay in worker.queue.sent} == {0}


def test_without_time_nothing_is_asked_and_the_message_is_sent_again(worker: Worker) -> None:
    worker.crm.put("1")
    [message] = worker.dispatch()
    apply_sync(message, worker.now(), worker.tools)
    assert worker.crm.asked == []
    assert worker.queue.sent[1:] == [(message, 0)]


def test_a_function_that_is_about_to_end_asks_nothing_and_sends_the_message_again(
    worker: Worker,
) -> None:
    worker.crm.put("1")
    [message] = worker.dispatch()
    apply_sync(message, None, worker.tools, has_time=lambda _: False)
    assert worker.crm.asked == []
    assert worker.queue.sent[1:] == [(message, 0)]


def test_a_worker_that_is_behind_does_one_run_of_all_that_wait_and_then_the_next(
    worker: Worker,
) -> None:
    worker.crm.put("1")
    waiting = []
    for _ in range(4):
        waiting += worker.dispatch()
        worker.stores.now_s += 900
    assert len(waiting) == 4
    for message in waiting:
        apply_sync(message, None, worker.tools)
        worker.stores.now_s += 1
    assert worker.crm.asked == ["modified"]
    [message] = worker.dispatch()
    apply_sync(message, None, worker.tools)
    assert worker.crm.asked == ["modified", "modified", "deleted"]


def test_a_message_of_the_version_before_begins_a_run_too(worker: Worker) -> None:
    [message] = worker.dispatch()
    del message["asked_ms"]
    apply_sync(message, None, worker.tools)
    assert worker.crm.asked == ["modified"]


def test_a_message_is_not_done_before_the_rest_is_safe(worker: Worker) -> None:
    for record in range(7):
        worker.crm.put(str(record))
    worker.crm.faults = [None, ThrottledError("throttled", 120)]
    [message] = worker.dispatch()
    worker.queue.faults = [UnavailableError("timeout")]
    with pytest.raises(UnavailableError):
        apply_sync(message, None, worker.tools)


def test_refused_credentials_are_read_again_once_and_then_a_failure_is_counted(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.crm.faults = [RejectedError("credentials")] * 2
    [message] = worker.dispatch()
    apply_sync(message, None, worker.tools)
    line = lines(capsys)[-1]
    assert (line["outcome"], line["problem"], line["SyncFailed"]) == ("failed", "credentials", 1)
    assert worker.secrets.refreshed == ["acme memory"]


@pytest.mark.parametrize("gone", ["tenant", "connection"])
def test_what_is_gone_meanwhile_is_done(worker: Worker, gone: str) -> None:
    [message] = worker.dispatch()
    if gone == "tenant":
        worker.stores.tenants("acme").close()
    else:
        worker.links("acme").remove("memory")
    apply_sync(message, None, worker.tools)
    assert worker.crm.asked == []
    assert len(worker.queue.sent) == 1


def test_no_log_holds_a_number_a_name_or_what_a_setting_says(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.crm.put("1", MARKER_NAME, MARKER_NUMBER)
    worker.crm.put("2", MARKER_NAME * 80, MARKER_NUMBER)
    for fault in (None, PayloadError("account.base_url", f"an address, not {MARKER_NAME}")):
        worker.crm.faults = [fault]
        [message] = worker.dispatch()
        apply_sync(message, None, worker.tools)
        worker.stores.now_s += 900
    out, err = capsys.readouterr()
    assert '"SyncRejected": 1' in out
    assert '"problem": "setting"' in out
    for marker in (MARKER_NAME, MARKER_NUMBER.removeprefix("+39"), "base_url"):
        assert marker not in out + err
