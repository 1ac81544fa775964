"""Export a tenant, page by page: its settings, its keys (not their secrets), its contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.application.contact_record import contact_record
from centralino.domain.errors import NotFoundError

if TYPE_CHECKING:
    from centralino.ports.store import ContactStore, TenantStore


class ExportPage(NamedTuple):
    """A part of an export.

    Attributes:
        records: plain JSON, each with its `type`: `settings`, `key` or `contact`.
        cursor: for the next page; empty at the end.
    """

    records: tuple[dict[str, Any], ...]
    cursor: str


def export_tenant(
    tenants: TenantStore, contacts: ContactStore, *, cursor: str = "", limit: int = 100
) -> ExportPage:
    """Return a page of a tenant's export; the first one begins with the settings and the keys.

    Args:
        tenants: the tenant's settings and keys.
        contacts: the tenant's contacts.
        cursor: empty for the first page.
        limit: contacts on a page, 1 to 100.

    Raises:
        NotFoundError: there is no such tenant (any more).
        PayloadError: the cursor isn't one of ours.
    """
    records: list[dict[str, Any]] = []
    if not cursor:
        settings = tenants.settings()
        if settings is None:
            raise NotFoundError("there is no such tenant")
        line = settings.line._asdict() | {"rules": [r._asdict() for r in settings.line.rules]}
        fields = settings._asdict() | {"line": line, "label": settings.label._asdict()}
        records.append({"type": "settings", **fields})
        for key in tenants.keys():  # noqa: SIM118 - a store is no dictionary
            described = key._asdict()
            # What is stored of the secret is nobody's data and of use only to an attacker.
            del described["hash"]
            records.append({"type": "key", **described})
    page = contacts.page(cursor=cursor, limit=limit)
    records += [{"type": "contact", **contact_record(contact)} for contact in page.contacts]
    return ExportPage(tuple(records), page.cursor)
