"""List a tenant's contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from centralino.ports.store import ContactStore, Page


def list_contacts(
    store: ContactStore, *, cursor: str = "", limit: int = 50, problems: bool = False
) -> Page:
    """Return a page of contacts, in no order that means anything, each contact once.

    A page may be short, even empty, and still have a cursor to go on with.

    Args:
        store: the tenant's contacts.
        cursor: empty for the first page.
        limit: contacts on a page, 1 to 100.
        problems: only contacts with a number that can't be indexed.

    Raises:
        PayloadError: the limit, or a cursor that isn't one of ours.
    """
    return store.page(cursor=cursor, limit=limit, problems=problems)
