"""The worker: one message of the queue is one delivery, or one piece of other work.

What may pass brings a message back later; what can't be understood, wholly or in part, brings it
back until the queue has had enough and moves it to the dead-letter queue, after what is good of it
was applied. Doing a message again is always safe.
"""

from __future__ import annotations

import json
import random
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino import bootstrap
from centralino.application.apply_hints import OUT_OF_TIME, apply_hints
from centralino.application.delivery_message import VERSION, read_message
from centralino.domain.errors import (
    CentralinoError,
    NotFoundError,
    PayloadError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.settings import TENANT_PATTERN
from centralino.entry.observability import describe, emit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from centralino.domain.settings import Settings
    from centralino.ports.crm import Crm, Parsed
    from centralino.ports.queue import Claim, Queue
    from centralino.ports.store import ContactStore

    # Does what one kind of message asks for, while it has time; raises UnavailableError for what
    # may pass, any other of our errors for what won't. Time is what `MARGIN_S` says, or as many
    # seconds as it asks for.
    Kind = Callable[[Mapping[str, Any], Callable[..., bool]], "Report"]


# After this many receives the queue moves a message to the dead-letter queue; `template.yaml` says
# the same and a test compares.
MAX_RECEIVES = 5
# How long a message waits after its first failure; each further wait is four times as long.
FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 6 * 3_600.0
# SQS delays a new message for no longer.
LONGEST_DELAY_S = 900
# A message that asks us to slow down is put off for this long in all; then somebody has to look.
PUT_OFF_S = 3 * 86_400
# Less than this left of the function's time: the next one has all of it. As much as a page of a
# reconciliation may take.
MARGIN_S = 45.0
MAX_PROBLEMS = 5
# A container may serve thousands of tenants; each connection may hold an open one to its CRM.
MAX_LINKS = 100
_SHAPES = {
    "kind": re.compile(r"[a-z]{1,16}", re.ASCII),
    "tenant": TENANT_PATTERN,
    "provider": re.compile(r"[a-z][a-z0-9_]{1,31}", re.ASCII),
    "id": re.compile(r"[0-9a-f-]{32,36}", re.ASCII),
}


class Report(NamedTuple):
    """What became of a message.

    Attributes:
        counts: how many events were `applied`, `deleted`, `unchanged`, `stale`, `duplicate` or
            `failed`: the metrics `CrmApplied`, ...
        problems: what can't be done however often it is tried, without personal data.
        error: what may pass, or needs an operator.
        dropped: why it was let go without doing anything; empty if it wasn't.
    """

    counts: Mapping[str, int] = {}
    problems: tuple[str, ...] = ()
    error: UnavailableError | None = None
    dropped: str = ""


class NotDoneError(Exception):
    """Tells the batch processor that a message is to come back; its text is safe to log."""


class Worker:
    """Takes the queue's messages one by one.

    Args:
        kinds: what to do with each kind of message.
        queue: where they come from.
        now: the time, seconds since 1970.
    """

    def __init__(
        self, kinds: Mapping[str, Kind], queue: Queue, now: Callable[[], float] = time.time
    ) -> None:
        self._kinds = kinds
        self._queue = queue
        self._now = now

    def take(self, record: SQSRecord, lambda_context: LambdaContext) -> None:
        """Do what one message asks for.

        Raises:
            NotDoneError: it is to come back.
        """
        message: Mapping[str, Any] = {}

        def has_time(margin_s: float = MARGIN_S) -> bool:
            return lambda_context.get_remaining_time_in_millis() > margin_s * 1000

        try:
            message = _message_of(record.body)
            report = self._do(message, has_time)
        except UnavailableError as error:
            report = Report({"failed": 1}, error=error)
        except CentralinoError as error:
            report = Report({"failed": 1}, problems=(str(error),))
        except Exception as error:  # noqa: BLE001 - the other messages of the batch go on
            # A mistake of ours: when it is mended, the message is there.
            self._log(message, Report({"failed": 1}), reason=describe(error))
            raise NotDoneError("error") from None
        self._log(message, report)
        if report.error is not None:
            self._put_off(record, message, report.error)
        elif report.problems:
            # Nothing changes by waiting: off to the dead-letter queue.
            self._wait(record, 0)
            raise NotDoneError("problems")

    def _do(self, message: Mapping[str, Any], has_time: Callable[..., bool]) -> Report:
        kind = self._kinds.get(str(message.get("kind")))
        if kind is None or message.get("v") != VERSION:
            raise PayloadError("v, kind", f"{VERSION} and one of {', '.join(self._kinds)}")
        if not has_time():
            raise UnavailableError(OUT_OF_TIME, retry_after_s=0.0)
        return kind(message, has_time)

    def _put_off(
        self, record: SQSRecord, message: Mapping[str, Any], error: UnavailableError
    ) -> None:
        """Let a message come back when it makes sense."""
        receives = int(record.attributes.approximate_receive_count or 1)
        wait_s = min(FIRST_WAIT_S * 4 ** (receives - 1), LONGEST_WAIT_S)
        # Neither is the message's fault.
        out_of_time = error.reason == OUT_OF_TIME
        if out_of_time or isinstance(error, ThrottledError):
            if receives >= MAX_RECEIVES - 1 and self._sent_again(message, error.retry_after_s):
                return
            wait_s = 0.0 if out_of_time else max(error.retry_after_s, wait_s)
        wait_s = min(wait_s, LONGEST_WAIT_S)
        # Those who were sent away together must not come back together.
        self._wait(record, round(wait_s * random.uniform(1.0, 1.5)))  # noqa: S311 - jitter
        raise NotDoneError(error.reason) from None

    def _sent_again(self, message: Mapping[str, Any], wait_s: float) -> bool:
        """Send a message anew, so that a busy CRM or batch doesn't use up its receives.

        Returns:
            Whether it was sent; not for ever.
        """
        now = self._now()
        since = message.setdefault("put_off_since", now) if isinstance(message, dict) else now
        if not isinstance(since, (int, float)) or now - since > PUT_OFF_S:
            return False
        delay_s = round(random.uniform(0.5, 1.0) * LONGEST_DELAY_S)  # noqa: S311 - jitter
        try:
            self._queue.send(message, delay_s=min(max(round(wait_s), delay_s), LONGEST_DELAY_S))
        except UnavailableError:
            return False
        return True

    def _wait(self, record: SQSRecord, wait_s: int) -> None:
        try:
            self._queue.postpone(record.receipt_handle, wait_s)
        except UnavailableError:
            # Then the queue's own time counts.
            return

    def _log(self, message: Mapping[str, Any], report: Report, reason: str = "") -> None:
        known = {
            # What isn't like one of ours may be anything, a name too.
            **{
                name: word
                for name, shape in _SHAPES.items()
                if isinstance(word := message.get(name), str) and shape.fullmatch(word)
            },
            "outcome": _outcome(report),
            "reason": reason or (report.error.reason if report.error else report.dropped),
            "problems": report.problems[:MAX_PROBLEMS],
        }
        now_ms = int(self._now() * 1000)
        counts = {
            f"Crm{name.capitalize()}": count for name, count in report.counts.items() if count
        }
        line: dict[str, Any] = {
            **({"_aws": _metrics(now_ms, counts)} if counts else {}),
            "message": "apply",
            **{name: value for name, value in known.items() if value},
            **counts,
        }
        if isinstance(received_at := message.get("received_at"), (int, float)):
            line["age_ms"] = now_ms - int(received_at * 1000)
        emit(json.dumps(line))


class Deliveries:
    """Applies deliveries of CRMs; the kind `webhook`.

    Args:
        settings: returns a tenant's settings; None if there is no such tenant (any more).
        contacts: builds a tenant's store.
        crm: builds a tenant's connection, asking included; None if it isn't connected (any more).
        refresh: lets secrets be read again that the CRM has refused.
        take: returns a body that was too large for the queue.
        cache_s: how long settings and connections are believed from memory, seconds.
        now: the time, seconds since 1970.
    """

    def __init__(  # noqa: PLR0913 - what it is built from
        self,
        *,
        settings: Callable[[str], Settings | None],
        contacts: Callable[[str], ContactStore],
        crm: Callable[[str, str, str], Crm | None],
        refresh: Callable[[str, str], object],
        take: Callable[[Claim], bytes],
        cache_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._contacts = contacts
        self._crm = crm
        self._refresh = refresh
        self._take = take
        self._cache_s = cache_s
        self._now = now
        self._links: dict[tuple[str, str], _Link] = {}

    def __call__(self, message: Mapping[str, Any], has_time: Callable[[], bool]) -> Report:
        """Apply one delivery."""
        tenant, provider = _word(message, "tenant"), _word(message, "provider")
        delivery = read_message(message, self._take)
        link = self._link(tenant, provider)
        if isinstance(link, str):
            return Report(dropped=link)

        def renew() -> Crm:
            self._refresh(tenant, provider)
            self._links.pop((tenant, provider), None)
            again = self._link(tenant, provider)
            # Disconnected in this very moment: what was asked before is as good as any.
            return link.crm if isinstance(again, str) else again.crm

        parsed: Parsed = link.crm.parse(delivery)
        applied = apply_hints(
            self._contacts(tenant),
            link.crm,
            parsed.hints,
            link.settings.line,
            received_at_ms=int(delivery.received_at * 1000),
            now_ms=lambda: int(self._now() * 1000),
            renew=renew,
            has_time=has_time,
        )
        counts = dict(applied.counts)
        if parsed.problems:
            counts["failed"] = counts.get("failed", 0) + len(parsed.problems)
        return Report(counts, (*parsed.problems, *applied.problems), applied.error)

    def _link(self, tenant: str, provider: str) -> _Link | str:
        """Return a connection, maybe from memory, or why there is none."""
        now = self._now()
        known = self._links.get((tenant, provider))
        if known and 0 <= now - known.read_at < self._cache_s:
            return known
        self._links.pop((tenant, provider), None)
        settings = self._settings(tenant)
        if settings is None:
            # Whatever is written now would outlive the tenant.
            return "no_tenant"
        crm = self._crm(tenant, provider, settings.line.country)
        if crm is None:
            return "not_connected"
        if len(self._links) >= MAX_LINKS:
            self._links.clear()
        self._links[tenant, provider] = link = _Link(crm, settings, now)
        return link


class _Link(NamedTuple):
    """A connection and whose it is."""

    crm: Crm
    settings: Settings
    read_at: float


def build_worker() -> Worker:
    """Build the container's worker."""
    deliveries = Deliveries(
        settings=lambda tenant: bootstrap.tenant_store(tenant).settings(),
        contacts=bootstrap.contact_store,
        crm=_connected,
        refresh=lambda tenant, provider: bootstrap.secrets().refresh(tenant, provider),
        take=lambda claim: bootstrap.claims().take(claim),
        cache_s=bootstrap.cache_s(),
    )
    kinds: dict[str, Kind] = {
        "webhook": deliveries,
        "sync": _sync,
        "chunk": _chunk,
        "notice": _notice,
    }
    return Worker(kinds, bootstrap.queue())


def _connected(tenant: str, provider: str, country: str) -> Crm | None:
    # A provider that this version doesn't know is no reason to let a delivery go.
    bootstrap.crm_class(provider)
    try:
        return bootstrap.crm(tenant, provider, country)
    except NotFoundError:
        return None


def _sync(message: Mapping[str, Any], has_time: Callable[..., bool]) -> Report:
    from centralino.entry.sync import apply_sync  # noqa: PLC0415 - most messages are deliveries

    apply_sync(message, has_time=has_time)
    return Report()


def _chunk(message: Mapping[str, Any], has_time: Callable[..., bool]) -> Report:
    from centralino.entry.chunk import apply_chunk  # noqa: PLC0415 - most messages are deliveries

    apply_chunk(message, has_time=has_time)
    return Report()


def _notice(message: Mapping[str, Any], _has_time: Callable[..., bool]) -> Report:
    from centralino.entry.notice import apply_notice  # noqa: PLC0415 - most messages are deliveries

    return Report(dropped=apply_notice(message))


def _message_of(body: str) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError("message", "JSON") from error
    if not isinstance(message, dict):
        raise PayloadError("message", "a JSON object")
    return message


def _word(message: Mapping[str, Any], field: str) -> str:
    word = message.get(field)
    if not isinstance(word, str) or not word:
        raise PayloadError(field, "a word")
    return word


def _metrics(now_ms: int, counts: Mapping[str, int]) -> dict[str, Any]:
    """Say which members of a line are metrics; tenant and provider are no dimensions."""
    metrics = [{"Name": name, "Unit": "Count"} for name in counts]
    namespace = bootstrap.metrics_namespace()
    found = {"Namespace": namespace, "Dimensions": [[]], "Metrics": metrics}
    return {"Timestamp": now_ms, "CloudWatchMetrics": [found]}


def _outcome(report: Report) -> str:
    if report.dropped:
        return "dropped"
    if report.error is not None:
        return "put_off"
    if report.problems:
        return "failed"
    return "failed" if report.counts.get("failed") else "done"
