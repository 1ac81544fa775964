"""What a report on data quality reads from DynamoDB: cards by the hundred, and unknown callers."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from centralino.adapters.store.change import list_key
from centralino.adapters.store.one_tenant import MAX_KEYS, TIMEOUT_S, OneTenant, read_batch
from centralino.adapters.store.table import (
    LIST_INDEX,
    SHARDS,
    card_key,
    read_card,
    unknown_key,
)
from centralino.domain.errors import PayloadError
from centralino.ports.quality import CallerPage, UnknownCaller

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from centralino.adapters.store.table import Item
    from centralino.domain.card import Card

# Who called more than once stands in the list behind this mark.
REPEATED = "!"
_CURSOR = re.compile(r"(\d{1,2})\.([^#\x00-\x1f\x7f]{0,100})", re.ASCII)


class DynamoQualityStore(OneTenant):
    """One tenant's cards and unknown callers; see the port."""

    def cards(self, numbers: Sequence[str]) -> Mapping[str, Card]:
        """Return the cards of some numbers; see the port."""
        cards = {}
        for item in self._items(card_key(self.tenant, number) for number in set(numbers)):
            number = item["pk"]["S"].split("#", 3)[3]
            cards[number] = read_card(number, item)
        return cards

    def repeated_callers(self, *, cursor: str = "", limit: int = MAX_KEYS) -> CallerPage:
        """List who called more than once and is unknown; see the port."""
        match = _CURSOR.fullmatch(cursor or "0.")
        if not match or int(match[1]) >= SHARDS:
            raise PayloadError("cursor", "the cursor of the page before")
        shard, after = int(match[1]), match[2]
        found: list[str] = []
        while shard < SHARDS and len(found) < limit:
            callers, after = self._listed(shard, after, limit - len(found))
            found += callers
            if not after:
                shard += 1
        items = self._items(unknown_key(self.tenant, caller) for caller in found)
        # The index follows the table a moment later, and TTL some days; without `calls` it is not a
        # note any more but a search that is going on.
        now = self._now()
        live = [item for item in items if "calls" in item and int(item["expires_at"]["N"]) > now]
        return CallerPage(
            tuple(sorted(map(_caller, live), key=lambda caller: (-caller.calls, caller.caller))),
            f"{shard}.{after}" if shard < SHARDS else "",
        )

    def _listed(self, shard: int, after: str, limit: int) -> tuple[list[str], str]:
        lpk = {"S": list_key(self.tenant, "unknown", shard)}
        payload: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": LIST_INDEX,
            "KeyConditionExpression": "lpk = :lpk AND begins_with(lsk, :prefix)",
            "ExpressionAttributeValues": {":lpk": lpk, ":prefix": {"S": REPEATED}},
            "Limit": limit,
        }
        if after:
            entry = {"lpk": lpk, "lsk": {"S": REPEATED + after}}
            payload["ExclusiveStartKey"] = unknown_key(self.tenant, after) | entry
        answer = self._client.call("Query", payload, timeout_s=TIMEOUT_S)
        callers = [item["lsk"]["S"].removeprefix(REPEATED) for item in answer["Items"]]
        last = answer.get("LastEvaluatedKey", {}).get("lsk", {}).get("S", "")
        return callers, last.removeprefix(REPEATED)

    def _items(self, keys: Iterator[Item]) -> list[Item]:
        items: list[Item] = []
        while some := list(islice(keys, MAX_KEYS)):
            items += read_batch(self._client, self._table, some, self._pause)
        return items


def _caller(item: Item) -> UnknownCaller:
    caller = item["pk"]["S"].split("#", 3)[3]
    return UnknownCaller(caller, int(item["calls"]["N"]), int(item["last_at"]["N"]))
