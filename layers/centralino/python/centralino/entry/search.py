"""Live search as a function: a question from the lookup, its answer, and a line for the operator.

The question is `{"v": 1, "tenant", "number", "did", "trunk", "asked_at_ms", "time_left_ms",
"refresh"}`; the answer `{"outcome", "reason", "cards"}`, the cards as `domain/card.py` writes them.
Nothing but the lookup may ask it, so it has no key to check.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino import bootstrap
from centralino.application.search_crms import (
    Circuits,
    Desk,
    Found,
    Query,
    problems_of,
    search_crms,
)
from centralino.domain.card import write_card
from centralino.domain.errors import NotFoundError, PayloadError, UnavailableError
from centralino.domain.settings import TENANT_PATTERN
from centralino.entry.observability import describe, emit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.domain.settings import Settings
    from centralino.ports.callers import CallerStore
    from centralino.ports.crm import Crm
    from centralino.ports.store import ContactStore, TenantStore

# How long a connection is believed to be as it was read; one that is refused is read again.
KEPT_S = 300.0
# A container may serve thousands of tenants; what it remembers has an end.
MAX_KEPT = 500
# A stamp that is older is a stored event or a clock gone wrong.
MAX_STAMP_AGE_S = 30.0
METRICS = {
    "CloudWatchMetrics": [
        {
            "Namespace": bootstrap.metrics_namespace(),
            "Dimensions": [["outcome"]],
            "Metrics": [
                {"Name": "Searches", "Unit": "Count"},
                {"Name": "SearchTime", "Unit": "Milliseconds"},
            ],
        }
    ]
}


class Office(NamedTuple):
    """What a container searches with.

    Attributes:
        tenants: tenant -> its settings.
        contacts: tenant -> its contacts.
        callers: tenant -> its callers.
        connections: opens connections to CRMs.
        circuits: this container's.
        now: the time, seconds since 1970.
        pause: waits some seconds.
    """

    tenants: Callable[[str], TenantStore]
    contacts: Callable[[str], ContactStore]
    callers: Callable[[str], CallerStore]
    connections: Connections
    circuits: Circuits
    now: Callable[[], float]
    pause: Callable[[float], None] = time.sleep


class Connections:
    """Connections to CRMs, kept open between searches.

    Args:
        build: tenant, provider, country -> a connection.
        renew: tenant, provider -> its secrets, read again.
        now: the time, seconds since 1970.
    """

    def __init__(
        self,
        build: Callable[[str, str, str], Crm],
        renew: Callable[[str, str], Mapping[str, object]],
        now: Callable[[], float],
    ) -> None:
        self._build = build
        self._renew = renew
        self._now = now
        self._kept: dict[tuple[str, str, str], tuple[Crm, float]] = {}

    def of(self, settings: Settings) -> TenantConnections:
        """Return those of one tenant."""
        return TenantConnections(self, settings.tenant, settings.line.country)

    def open(self, tenant: str, provider: str, country: str) -> Crm:
        """Return a connection, a kept one if it isn't too old."""
        name = (tenant, provider, country)
        crm, opened_at = self._kept.get(name, (None, 0.0))
        if crm is None or not 0 <= self._now() - opened_at < KEPT_S:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            crm = self._build(tenant, provider, country)
            self._kept[name] = (crm, self._now())
        return crm

    def reopen(self, tenant: str, provider: str, country: str) -> Crm | None:
        """Return a connection with other secrets than the kept one has, None without any."""
        kept = self._kept.pop((tenant, provider, country), None)
        secrets = self._renew(tenant, provider)
        if kept and dict(kept[0].connection.secrets) == dict(secrets):
            return None
        return self.open(tenant, provider, country)


class TenantConnections:
    """One tenant's connections; what `search_crms` calls its providers."""

    def __init__(self, connections: Connections, tenant: str, country: str) -> None:
        self._connections = connections
        self._where = (tenant, country)

    def open(self, provider: str) -> Crm:
        """Return a connection."""
        tenant, country = self._where
        return self._connections.open(tenant, provider, country)

    def reopen(self, provider: str) -> Crm | None:
        """Return a connection with other secrets than those just refused; None without any."""
        tenant, country = self._where
        return self._connections.reopen(tenant, provider, country)


def search(event: Mapping[str, Any], office: Office) -> dict[str, Any]:
    """Search a tenant's CRMs for a caller; see the module for the question and the answer.

    Raises:
        PayloadError: it is no question.
    """
    started_at = office.now()
    tenant = event.get("tenant")
    if not isinstance(tenant, str) or not TENANT_PATTERN.fullmatch(tenant):
        raise PayloadError("tenant", "a tenant's id")
    query = _query(event, started_at)
    found = Found("degraded")
    reason = ""
    outcome: str
    try:
        found = _search(tenant, query, office)
        outcome = found.outcome
        problems = problems_of(found.replies)
        reason = found.problem or " ".join(f"{name}:{why}" for name, why in problems.items())
        for reply in found.replies:
            if reply.error:
                emit(json.dumps({"message": "broken", "error": describe(reply.error)}))
    except (NotFoundError, UnavailableError) as error:
        outcome = "degraded"
        reason = f"store:{error.reason}" if isinstance(error, UnavailableError) else "no_tenant"
    except Exception as error:  # noqa: BLE001 - whoever waits is to know that it is no miss
        outcome, reason = "error", describe(error)
    now = office.now()
    _tell(now, outcome, 1000 * (now - started_at), tenant, query, found, reason)
    if outcome == "error":
        outcome, reason = "degraded", "error"
    return {
        "outcome": outcome,
        "reason": reason,
        "cards": [write_card(card) for card in found.cards],
    }


def _search(tenant: str, query: Query, office: Office) -> Found:
    settings = office.tenants(tenant).settings()
    if settings is None:
        raise NotFoundError(f"there is no tenant {tenant}")
    desk = Desk(
        office.contacts(tenant),
        office.callers(tenant),
        office.connections.of(settings),
        office.circuits,
        office.now,
        office.pause,
    )
    return search_crms(query, settings, desk)


def _query(event: Mapping[str, Any], now: float) -> Query:
    texts = {}
    for field in ("number", "did", "trunk"):
        texts[field] = event.get(field, "")
        if not isinstance(texts[field], str):
            raise PayloadError(field, "a text")
    numbers = {}
    for field in ("asked_at_ms", "time_left_ms"):
        value = event.get(field, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PayloadError(field, "milliseconds")
        numbers[field] = value / 1000 if math.isfinite(value) else 0.0
    asked_at = numbers["asked_at_ms"]
    if not 0 <= now - asked_at <= MAX_STAMP_AGE_S:
        asked_at = now
    return Query(
        **texts,
        answer_by=asked_at + numbers["time_left_ms"],
        refresh=event.get("refresh") is True,
    )


def _tell(  # noqa: PLR0913, PLR0917 - what the line says
    now: float,
    outcome: str,
    total_ms: float,
    tenant: str,
    query: Query,
    found: Found,
    reason: str,
) -> None:
    """Write the search's line, log and metric at once; no number and no name is in it."""
    line = {
        "_aws": {"Timestamp": int(now * 1000), **METRICS},
        "message": "search",
        "outcome": outcome,
        "Searches": 1,
        "SearchTime": round(total_ms, 1),
        "tenant": tenant,
        "refresh": query.refresh,
        "late": not query.refresh and now > query.answer_by,
        "found": {reply.provider: len(reply.contacts) for reply in found.replies},
        "unfit": found.unfit,
        "reason": reason,
    }
    emit(json.dumps({name: value for name, value in line.items() if value not in ("", 0, {})}))
