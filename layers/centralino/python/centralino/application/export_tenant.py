"""Export a tenant, page by page: all that is kept of it, but of keys only what opens nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.application.contact_record import contact_record
from centralino.application.trace_records import customer_record, decision_record
from centralino.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.ports.customers import CustomerStore
    from centralino.ports.dialling import DialStore
    from centralino.ports.routing import AgentStore, RoutingStore
    from centralino.ports.store import ContactStore, TenantStore
    from centralino.ports.traces import TraceStore

# What comes after the contacts, in order; each has its own pages. A cursor of theirs begins with
# the name and a colon, which no cursor of the contacts' has in it.
_LATER = ("customers", "learned", "traces")
# As long as a trail can be in two years; older lines than the latest so many are left out.
MAX_TRAIL = 1_000


class ExportPage(NamedTuple):
    """A part of an export.

    Attributes:
        records: plain JSON, each with its `type`: `settings`, `key`, `agent`, `dialling`,
            `routing`, `rules`, `contact`, `customer`, `learned`, `history`, `decision`,
            `placed_call` or `do_not_call`.
        cursor: for the next page; empty at the end.
    """

    records: tuple[dict[str, Any], ...]
    cursor: str


class Exported(NamedTuple):
    """The stores of the tenant that is exported."""

    tenants: TenantStore
    contacts: ContactStore
    customers: CustomerStore
    traces: TraceStore
    routing: RoutingStore
    agents: AgentStore
    dialling: DialStore


def export_tenant(stores: Exported, *, cursor: str = "", limit: int = 100) -> ExportPage:
    """Return a page of a tenant's export; the first one begins with the settings and the keys.

    Args:
        stores: the tenant's.
        cursor: empty for the first page.
        limit: contacts, or customers, on a page, 1 to 100.

    Raises:
        NotFoundError: there is no such tenant (any more).
        PayloadError: the cursor isn't one of ours.
    """
    part, colon, rest = cursor.partition(":")
    if colon and part in _LATER:
        records, after = _later(stores, part, rest, limit)
        following = part if after else _following(part)
    else:
        records = [] if cursor else [*_settings(stores), *_routing(stores)]
        page = stores.contacts.page(cursor=cursor, limit=limit)
        records += [{"type": "contact", **contact_record(one)} for one in page.contacts]
        if page.cursor:
            return ExportPage(tuple(records), page.cursor)
        after, following = "", _LATER[0]
    return ExportPage(tuple(records), f"{following}:{after}" if following else "")


def _following(part: str) -> str:
    place = _LATER.index(part) + 1
    return _LATER[place] if place < len(_LATER) else ""


def _later(
    stores: Exported, part: str, cursor: str, limit: int
) -> tuple[list[dict[str, Any]], str]:
    """Return a page of what comes after the contacts, and its own cursor of the next one."""
    if part == "customers":
        page = stores.customers.page(cursor=cursor, limit=limit)
        return [_customer(stores, one.code) | customer_record(one) for one in page.customers], (
            page.cursor
        )
    if part == "learned":
        taught = stores.customers.learned_page(cursor=cursor, limit=limit)
        return [{"type": "learned", **one._asdict()} for one in taught.learned], taught.cursor
    left = stores.traces.page(cursor=cursor, limit=limit)
    records = [
        {"type": "history", "number": number, **known._asdict()}
        for number, known in left.traces.histories.items()
    ]
    records += [{"type": "decision", **decision_record(one)} for one in left.traces.decisions]
    records += [{"type": "placed_call", **one._asdict()} for one in left.traces.calls]
    records += [
        {"type": "do_not_call", "number": number, "reason": reason}
        for number, reason in left.traces.blocked.items()
    ]
    records += [{"type": "event", "event": json.loads(text)} for text in left.traces.events]
    return records, left.cursor


def _customer(stores: Exported, code: str) -> dict[str, Any]:
    return {
        "type": "customer",
        "history": stores.routing.history(code=code)._asdict(),
        "trail": [change._asdict() for change in stores.customers.trail(code, limit=MAX_TRAIL)],
    }


def _settings(stores: Exported) -> Iterator[dict[str, Any]]:
    settings = stores.tenants.settings()
    if settings is None:
        raise NotFoundError("there is no such tenant")
    line = settings.line._asdict() | {"rules": [r._asdict() for r in settings.line.rules]}
    fields = settings._asdict() | {"line": line, "label": settings.label._asdict()}
    yield {"type": "settings", **fields}
    for key in stores.tenants.keys():  # noqa: SIM118 - a store is no dictionary
        described = key._asdict()
        # What is stored of the secret is nobody's data and of use only to an attacker.
        del described["hash"]
        yield {"type": "key", **described}


def _routing(stores: Exported) -> Iterator[dict[str, Any]]:
    for agent in stores.agents.all():
        yield {"type": "agent", **agent._asdict()}
    options = stores.dialling.options()
    if options.version:
        rules = [rule._asdict() for rule in options.rules]
        plain = {"rules": rules, "budget": options.budget._asdict()}
        yield {"type": "dialling", **options._asdict(), **plain}
    parts = stores.routing.parts()
    if parts.edition:
        yield {"type": "routing", **parts._asdict()}
    for known in stores.routing.versions():
        version = stores.routing.rules(known.version) or known
        yield {"type": "rules", **version._asdict()}
