"""The call path's store: everything that a call needs in one BatchGetItem, by the signed client."""

from __future__ import annotations

import json

from centralino.adapters.aws import AwsError
from centralino.adapters.store.table import (
    BESIDE_TENANT,
    card_keys,
    key_key,
    quoted,
    read_card,
    read_key_item,
    read_settings_item,
    tenant_key,
    unknown_key,
)
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.call_read import Read, TenantItems

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from centralino.adapters.store.sender import TextSender
    from centralino.adapters.store.table import Item
    from centralino.ports.route_read import Beside

# Any text can be sent, one that is no Unicode too.
dump_key = json.JSONEncoder(separators=(",", ":")).encode


class DynamoCallStore:
    """Reads cards, settings and keys of any tenant; writes nothing.

    Args:
        client: sends a request to DynamoDB.
        table: the table's name.
    """

    def __init__(self, client: TextSender, table: str) -> None:
        self._client = client
        self._table = table
        self._before_keys = f'{{"RequestItems":{{{quoted(table)}:{{"Keys":['

    def read(  # noqa: PLR0913 - the port's
        self,
        tenant: str,
        numbers: Sequence[str],
        *,
        key_hash: str = "",
        caller: str = "",
        timeout_s: float,
        beside: Beside | None = None,  # noqa: ARG002 - for `route_read.py`; a lookup has none
    ) -> Read:
        """Read cards and what is asked for beside them; see the port.

        Reads are eventually consistent: half the price, and a card that is a second old will do.
        """
        keys = keys_of(tenant, numbers, key_hash, caller)
        if not keys:
            return Read({}, None, complete=True)
        answer = self._ask(keys, timeout_s)
        try:
            items, unread = self._parts(answer)
            return understand(tenant, items, unread, with_tenant=bool(key_hash))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnavailableError("malformed") from error

    def _ask(self, keys: Sequence[str], timeout_s: float, options: str = "") -> dict[str, Any]:
        """Read the items of some keys, which are JSON, as are the options behind them."""
        text = f"{self._before_keys}{','.join(keys)}]{options}}}}}}}"
        try:
            return self._client.call_text("BatchGetItem", text, timeout_s=timeout_s)
        except AwsError as error:
            raise RejectedError(error.code) from error

    def _parts(self, answer: dict[str, Any]) -> tuple[Sequence[Item], Sequence[Item]]:
        """Return the items that came, and the keys of those that did not."""
        items = answer["Responses"].get(self._table, ())
        unread = answer.get("UnprocessedKeys")
        return items, unread[self._table]["Keys"] if unread else ()


def keys_of(tenant: str, numbers: Sequence[str], key_hash: str, caller: str) -> list[str]:
    """Return the keys of what one call reads, as JSON; see the port."""
    keys = card_keys(tenant, numbers)
    if key_hash:
        keys += (dump_key(tenant_key(tenant)), dump_key(key_key(tenant, key_hash)))
    if caller:
        keys.append(dump_key(unknown_key(tenant, caller)))
    return keys


def understand(
    tenant: str, items: Sequence[Item], unread: Sequence[Item], *, with_tenant: bool
) -> Read:
    """Return what one call read.

    Args:
        tenant: the tenant's id.
        items: what came.
        unread: the keys of what was left over.
        with_tenant: whether the tenant was asked for.
    """
    cards = {}
    settings = key = None
    unknown_until = 0.0
    before_number = len(tenant) + BESIDE_TENANT
    for item in items:
        sk = item["sk"]["S"]
        if sk == "N":
            number = item["pk"]["S"][before_number:]
            cards[number] = read_card(number, item)
        elif sk == "SETTINGS":
            settings = read_settings_item(tenant, item)
        elif sk == "X":
            # Without it somebody is just asking the CRMs, and nothing is known.
            if "fresh_until" in item:
                unknown_until = float(item["fresh_until"]["N"])
        else:
            key = read_key_item(item)
    if unread:
        # Without the note of an unknown caller there is nothing wrong: the CRMs are asked.
        left = [key["sk"]["S"] for key in unread if key["sk"]["S"] != "X"]
        with_tenant = with_tenant and all(sk == "N" for sk in left)
        complete = not left
    else:
        complete = True
    tenant_items = TenantItems(settings, key) if with_tenant else None
    return Read(cards, tenant_items, complete, unknown_until, None)
