"""Say how a tenant's connections to CRMs are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from centralino.ports.connections import ConnectionStore, StoredConnection, SyncState
    from centralino.ports.store import TenantStore

    # new      no run has begun yet
    # running  one is under way
    # waiting  one is under way, and the CRM is left alone for a moment
    # failed   the last one was given up
    # in step  the last one ended well
    # webhooks only  it can't be read, so there is nothing to reconcile
    Condition = Literal["new", "running", "waiting", "failed", "in step", "webhooks only"]


class CrmStatus(NamedTuple):
    """How one connection is.

    Attributes:
        provider: the provider's slug.
        connected_at: seconds since 1970.
        asked_live: whether calls ask it.
        condition: see `Condition`.
        state: how far reconciliation is; the counts are those of the run under way, or the last.
    """

    provider: str
    connected_at: int
    asked_live: bool
    condition: Condition
    state: SyncState


def crm_status(links: ConnectionStore, tenants: TenantStore) -> tuple[CrmStatus, ...]:
    """Return how each of a tenant's connections is, by provider."""
    settings = tenants.settings()
    asked = settings.crms if settings else ()
    return tuple(
        CrmStatus(
            link.provider,
            link.connected_at,
            link.provider in asked,
            _condition(link),
            link.state,
        )
        for link in links.list()
    )


def _condition(link: StoredConnection) -> Condition:
    state = link.state
    if state.run:
        return "waiting" if state.problem else "running"
    if state.problem:
        return "failed"
    if state.finished_ms:
        return "in step"
    return "webhooks only" if state.last_run else "new"
