"""Reconciliation as the worker and the dispatcher do it: messages in, metrics out.

Metrics, in namespace `Centralino/<stack>` and without dimensions: `SyncRead`, `SyncImported`,
`SyncMissed`, `SyncLate`, `SyncRepaired`, `SyncRemoved`, `SyncRejected`, `SyncFailed` and, from the
dispatcher, `SyncDue`. Tenant and provider are properties of the line.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino import bootstrap
from centralino.application.dispatch_syncs import dispatch_syncs, sync_message
from centralino.application.sync_crm import Part, sync_crm
from centralino.domain.errors import NotFoundError
from centralino.entry.metrics import metrics_line
from centralino.entry.observability import emit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.connections import ConnectionList, ConnectionStore, SyncState
    from centralino.ports.crm import Crm
    from centralino.ports.queue import Queue
    from centralino.ports.secrets import Secrets
    from centralino.ports.store import ContactStore, TenantStore

# A part of a run shares the worker's time with the other messages of its batch.
PART_S = 20.0
COUNTED = ("read", "imported", "missed", "late", "repaired", "removed", "rejected")
_WORD = re.compile(r"[a-z_]{1,40}", re.ASCII)


class SyncTools(NamedTuple):
    """What reconciliation works with.

    Attributes:
        links: returns a tenant's connections.
        contacts: returns a tenant's contacts.
        tenants: returns a tenant's settings.
        crm: builds a connection from tenant, provider and country.
        secrets: of connections.
        queue: the worker's.
        now: the time, seconds since 1970.
    """

    links: Callable[[str], ConnectionStore]
    contacts: Callable[[str], ContactStore]
    tenants: Callable[[str], TenantStore]
    crm: Callable[[str, str, str], Crm]
    secrets: Secrets
    queue: Queue
    now: Callable[[], float]


def apply_sync(
    message: Mapping[str, Any],
    until_s: float | None = None,
    tools: SyncTools | None = None,
    has_time: Callable[[float], bool] = lambda _: True,
) -> None:
    """Do a part of a run, and see to it that the rest is done.

    Args:
        message: `dispatch_syncs`' `sync_message`.
        until_s: when the worker has no more time, seconds since 1970; else a part takes 20 s.
        tools: what it works with; the container's own if left out.
        has_time: whether the function has so many seconds left.

    Raises:
        UnavailableError: our own store or queue doesn't answer: the message is to come again.
    """
    tools = tools or _tools()
    tenant, provider, run = message["tenant"], message["provider"], message["run"]
    # Messages of the version before don't say.
    asked_ms = int(message.get("asked_ms") or 0)
    started = tools.now()
    settings = tools.tenants(tenant).settings()
    if settings is None:
        return
    country = settings.line.country
    try:
        crm = tools.crm(tenant, provider, country)
    except NotFoundError:
        return  # disconnected meanwhile

    def renew() -> Crm:
        tools.secrets.refresh(tenant, provider)
        return tools.crm(tenant, provider, country)

    part = sync_crm(
        tools.links(tenant),
        tools.contacts(tenant),
        crm,
        settings.line,
        run,
        now=tools.now,
        until_s=started + PART_S if until_s is None else until_s,
        has_time=has_time,
        asked_ms=asked_ms,
        renew=renew,
    )
    if not part.done:
        # A new message: to come again is what failures are counted by.
        again = sync_message(tenant, provider, run, asked_ms)
        tools.queue.send(again, delay_s=int(part.again_s))
    emit(_line(tenant, provider, part, started, tools.now()))


def dispatch(
    links: ConnectionList | None = None, queue: Queue | None = None, now_s: float | None = None
) -> int:
    """Ask the worker for a run of each connection that is due; return how many there were.

    Raises:
        UnavailableError: the table or the queue doesn't answer; the next dispatch does the rest.
    """
    now_s = time.time() if now_s is None else now_s
    queue = queue or bootstrap.queue()
    due = dispatch_syncs(
        (links or bootstrap.connection_list()).all(),
        queue.send,
        lambda: uuid.uuid4().hex,
        now_ms=int(now_s * 1000),
    )
    emit(metrics_line(now_s, {"SyncDue": due}, message="dispatch"))
    return due


def _line(tenant: str, provider: str, part: Part, started: float, ended: float) -> str:
    """Say what a part came to; never what a record or an address says."""
    counts = {f"Sync{name.capitalize()}": _gained(part, name) for name in COUNTED}
    problem = part.after.problem if part.after else ""
    failed = bool(part.done and problem)
    if part.after is None:
        outcome = "nothing"
    elif part.done:
        outcome = "failed" if failed else "done"
    else:
        outcome = "waits" if problem else "goes_on"
    counts["SyncFailed"] = int(failed)
    return metrics_line(
        ended,
        counts,
        message="sync",
        tenant=tenant,
        provider=provider,
        outcome=outcome,
        # A setting's name and what it has to be is for the operator's eyes, in `crm status`.
        problem=problem if _WORD.fullmatch(problem) else "setting" if problem else "",
        ms=round(1000 * (ended - started), 1),
    )


def _gained(part: Part, name: str) -> int:
    after: SyncState | None = part.after
    return getattr(after, name) - getattr(part.before, name) if after else 0


def _tools() -> SyncTools:
    return SyncTools(
        bootstrap.connection_store,
        bootstrap.contact_store,
        bootstrap.tenant_store,
        bootstrap.crm,
        bootstrap.secrets(),
        bootstrap.queue(),
        time.time,
    )
