"""Dispatch reconciliations: one message for each connection that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from centralino.ports.connections import StoredConnection

# A run that has not come to the end of a page for so long has lost its message or its process.
STALLED_MS = 10 * 60_000


def dispatch_syncs(
    connections: Iterable[StoredConnection],
    send: Callable[[Mapping[str, object]], None],
    new_run: Callable[[], str],
    *,
    now_ms: int,
) -> int:
    """Ask for a run of each connection that is due; return how many there were.

    A run under way is left alone for as long as it moves, and is gone on with when it doesn't.

    Args:
        connections: of all tenants.
        send: keeps a message for the worker.
        new_run: makes up a run's id.
        now_ms: the time, milliseconds since 1970.

    Raises:
        UnavailableError: a message may not be kept; the next dispatch does what is left.
    """
    sent = 0
    for link in connections:
        if is_due(link, now_ms):
            run = link.state.run or new_run()
            send(sync_message(link.tenant, link.provider, run, now_ms))
            sent += 1
    return sent


def is_due(link: StoredConnection, now_ms: int) -> bool:
    """Tell whether a connection is to be reconciled now."""
    if link.state.due_ms > now_ms:
        return False
    return not link.state.run or now_ms - link.state.moved_ms >= STALLED_MS


def sync_message(tenant: str, provider: str, run: str, asked_ms: int) -> Mapping[str, object]:
    """Return the worker's message to go on with a run, or to begin it.

    Args:
        tenant: the tenant's id.
        provider: the CRM.
        run: the run's id.
        asked_ms: when it was asked for; a worker that is behind does one of all that wait.
    """
    return {
        "v": 1,
        "kind": "sync",
        "tenant": tenant,
        "provider": provider,
        "run": run,
        "asked_ms": asked_ms,
    }
