"""List everyone who has a number, also those that its card has no room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.domain.card import Holder
    from centralino.ports.store import ContactStore


def list_holders(store: ContactStore, number: str) -> Iterator[Holder]:
    """Yield the holders of a number, the best first.

    Args:
        store: the tenant's contacts.
        number: E.164, or a block as `+39024455*`.
    """
    cursor = ""
    while True:
        page = store.holders(number, cursor=cursor)
        yield from page.holders
        cursor = page.cursor
        if not cursor:
            return
