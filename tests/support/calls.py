"""Calls as a PBX makes them, and a store for the call path that does what it is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from centralino.domain.card import Card, Holder
from centralino.domain.keys import ApiKey, hash_key
from centralino.domain.naming import name_contact
from centralino.ports.call_read import Read, TenantItems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.domain.settings import Settings
    from centralino.ports.route_read import Beside

NOW = 1_790_000_000.0


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class ScriptedStore:
    """A call store in memory that counts its round trips and fails on demand.

    Attributes:
        reads: every round trip: (tenant, numbers, key hash, time-out in seconds).
        fault: raised instead of an answer.
        takes_s: how long an answer takes; one that takes longer than it may does not come.
        complete: what the answers say of themselves.
        unknown: caller -> until when it is known that no CRM knows them.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.settings: dict[str, Settings] = {}
        self.keys: dict[str, dict[str, ApiKey]] = {}
        self.cards: dict[str, dict[str, Card]] = {}
        self.reads: list[tuple[str, tuple[str, ...], str, float]] = []
        self.fault: Exception | None = None
        self.takes_s = 0.0
        self.complete = True
        self.unknown: dict[str, float] = {}

    def add_tenant(self, settings: Settings, **keys: str) -> None:
        """Add a tenant with keys: the role's name and the key itself."""
        self.settings[settings.tenant] = settings
        for role, key in keys.items():
            self.add_key(settings.tenant, key, ApiKey(hash_key(key), role))

    def add_key(self, tenant: str, key: str, stored: ApiKey) -> None:
        """Add a key."""
        self.keys.setdefault(tenant, {})[hash_key(key)] = stored

    def add_card(self, tenant: str, number: str, *holders: Holder, total: int = 0) -> None:
        """Put holders on a number."""
        cards = self.cards.setdefault(tenant, {})
        cards[number] = Card(number, holders, total or len(holders))

    def read(
        self,
        tenant: str,
        numbers: Sequence[str],
        *,
        key_hash: str = "",
        caller: str = "",
        timeout_s: float,
        beside: Beside | None = None,  # noqa: ARG002 - the port's; a lookup has none
    ) -> Read:
        """Answer as the contract says, unless told otherwise."""
        self.reads.append((tenant, tuple(numbers), key_hash, timeout_s))
        self.clock.now += min(self.takes_s, timeout_s)
        if self.fault:
            raise self.fault
        known = self.cards.get(tenant, {})
        items = None
        if key_hash:
            items = TenantItems(self.settings.get(tenant), self.keys.get(tenant, {}).get(key_hash))
        unknown_until = self.unknown.get(caller, 0.0)
        cards = {number: known[number] for number in numbers if number in known}
        return Read(cards, items, self.complete, unknown_until)


def holder(
    first: str = "",
    last: str = "",
    company: str = "",
    *,
    contact: str = "crm:1",
    kind: str = "mobile",
    status: str = "",
    code: str = "",
    url: str = "",
    primary: bool = False,
    updated_at_ms: int = 0,
) -> Holder:
    """Make a holder as saving a contact makes it."""
    naming = name_contact(first, last, company)
    return Holder(
        id=contact,
        kind=kind,
        primary=primary,
        parts=naming.parts,
        person=naming.person,
        company=company,
        company_key=naming.company_key,
        name=naming.name,
        customer_code=code,
        status=status,
        url=url,
        updated_at_ms=updated_at_ms,
    )


def http_event(
    fields: Mapping[str, str] | str = "",
    *,
    method: str = "GET",
    path: str = "/v1/lookup",
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    source_ip: str = "203.0.113.7",
    epoch_ms: int | None = int(NOW * 1000),
) -> dict[str, Any]:
    """Make an event as API Gateway delivers it (HTTP API, payload format 2.0)."""
    query = fields if isinstance(fields, str) else urlencode(fields)
    context: dict[str, Any] = {
        "routeKey": f"{method} {path}",
        "stage": "$default",
        "http": {"method": method, "path": path, "sourceIp": source_ip},
    }
    if epoch_ms is not None:
        context["timeEpoch"] = epoch_ms
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": dict(headers or {}),
        "requestContext": context,
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event
