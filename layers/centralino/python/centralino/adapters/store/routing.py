"""One tenant's routing, rules, decisions and histories in DynamoDB."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from centralino.adapters.store.one_tenant import (
    CONDITION_FAILED,
    MAX_KEYS,
    TIMEOUT_S,
    OneTenant,
    read_batch,
)
from centralino.adapters.store.route_items import (
    HistoryUpdate,
    customer_key,
    decision_key,
    history_key,
    read_history,
    read_kept,
    read_routing_item,
    routing_key,
)
from centralino.adapters.store.table import LIST_INDEX, SCHEMA, SHARDS, dump, tenant_key
from centralino.domain.customer import History
from centralino.domain.errors import ConflictError, NotFoundError, PayloadError
from centralino.domain.routing import write_routing
from centralino.domain.rulebook import default_routing
from centralino.ports.routing import DecisionPage, RoutingParts, RulesVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from centralino.adapters.store.table import Item
    from centralino.domain.decision import Kept
    from centralino.domain.routing import Routing

# With what was written in it, an item may have 400 KB.
MAX_DOCUMENT_BYTES = 180_000
# As many others may save rules at the same moment.
ATTEMPTS = 8
_RULES = "RULES#"
_CURSOR = re.compile(r"\d{10}#[0-9a-f]{12}", re.ASCII)
_HEAD = "sk, saved_at, saved_by, note"


class DynamoRoutingStore(OneTenant):
    """The routing of one tenant; see the port."""

    def parts(self) -> RoutingParts:
        """Return what was written, read consistently; see the port."""
        item = self._get(routing_key(self.tenant))
        if item is None:
            return RoutingParts()
        known = json.loads(item["parts"]["S"])
        return RoutingParts(
            edition=int(item["edition"]["N"]),
            nodes=known.get("nodes", {}),
            schedules=known.get("schedules", {}),
            options=known.get("options", {}),
            published=known.get("published", 0),
        )

    def save(self, parts: RoutingParts, compiled: Routing) -> RoutingParts:
        """Save what was written and what is compiled of it; see the port."""
        saved = parts._replace(edition=parts.edition + 1)
        written = saved._asdict()
        del written["edition"]
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": {
                **routing_key(self.tenant),
                "type": {"S": "Routing"},
                "sv": {"N": SCHEMA},
                "edition": {"N": str(saved.edition)},
                "parts": {"S": dump(written)},
                "doc": {"S": dump(write_routing(compiled._replace(edition=saved.edition)))},
            },
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if parts.edition:
            put["ConditionExpression"] = "edition = :edition"
            put["ExpressionAttributeValues"] = {":edition": {"N": str(parts.edition)}}
        refused = self._transact([self._while_there(), {"Put": put}])
        if not refused:
            return saved
        self._refuse_closed(refused)
        raise ConflictError("routing was changed meanwhile: read it again")

    def compiled(self) -> Routing:
        """Return the routing in force, read consistently; see the port."""
        item = self._get(routing_key(self.tenant))
        return read_routing_item(item) if item else default_routing()

    # --- rules ----------------------------------------------------------------------------------

    def add_rules(
        self, document: Mapping[str, Any], *, at: int, by: str, note: str = ""
    ) -> RulesVersion:
        """Keep a version of the rules; see the port."""
        doc = dump(document)
        if len(doc.encode()) > MAX_DOCUMENT_BYTES:
            raise PayloadError("rules", f"at most {MAX_DOCUMENT_BYTES} bytes of JSON")
        for _ in range(ATTEMPTS):
            newest = next(self._heads(limit=1), None)
            version = RulesVersion(newest.version + 1 if newest else 1, document, at, by, note)
            put = {
                "TableName": self._table,
                "Item": {
                    **self._rules_key(version.version),
                    "type": {"S": "Rules"},
                    "sv": {"N": SCHEMA},
                    "doc": {"S": doc},
                    "saved_at": {"N": str(at)},
                    "saved_by": {"S": by},
                    "note": {"S": note},
                },
                "ConditionExpression": "attribute_not_exists(pk)",
            }
            refused = self._transact([self._while_there(), {"Put": put}])
            if not refused:
                return version
            self._refuse_closed(refused)
        raise ConflictError("others save rules just now: try again")

    def rules(self, version: int) -> RulesVersion | None:
        """Return a version of the rules; see the port."""
        item = self._get(self._rules_key(version))
        if item is None:
            return None
        return _head(item)._replace(document=json.loads(item["doc"]["S"]))

    def versions(self) -> tuple[RulesVersion, ...]:
        """Return all versions without their documents, the newest first; see the port."""
        return tuple(self._heads())

    def _heads(self, limit: int = 0) -> Iterator[RulesVersion]:
        payload: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {
                ":pk": tenant_key(self.tenant)["pk"],
                ":sk": {"S": _RULES},
            },
            "ProjectionExpression": _HEAD,
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        if limit:
            payload["Limit"] = limit
        while True:
            answer = self._client.call("Query", payload, timeout_s=TIMEOUT_S)
            yield from map(_head, answer["Items"])
            if limit or "LastEvaluatedKey" not in answer:
                return
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _rules_key(self, version: int) -> Item:
        return tenant_key(self.tenant, f"{_RULES}{version:08}")

    # --- decisions ------------------------------------------------------------------------------

    def decision(self, call_id: str) -> Kept | None:
        """Return what was decided of a call; see the port."""
        item = self._get(decision_key(self.tenant, call_id))
        if item is None or self._has_ended(item):
            return None
        return read_kept(item["doc"]["S"])

    def decisions(
        self, *, since: int, until: int, cursor: str = "", limit: int = 100
    ) -> DecisionPage:
        """List decisions, the newest first; see the port.

        The sixteen parts of the list are asked for their newest each: decisions are looked at by
        people, and by trials of rules, not by calls.
        """
        if cursor and not _CURSOR.fullmatch(cursor):
            raise PayloadError("cursor", "the cursor of the page before")
        limit = max(1, min(limit, MAX_KEYS))
        below = min(cursor or f"{until:010}", f"{until:010}")
        listed: list[tuple[str, Item]] = []
        if f"{since:010}" < below:
            for shard in range(SHARDS):
                listed += self._listed(shard, f"{since:010}", below, limit)
        listed.sort(key=lambda entry: entry[0], reverse=True)
        more = len(listed) > limit
        listed = listed[:limit]
        found = {_key(item): item for item in self._items(key for _, key in listed)}
        kept = []
        for _, key in listed:
            item = found.get(_key(key))
            # The index follows the table a moment later, and TTL some days.
            if item is not None and not self._has_ended(item):
                kept.append(read_kept(item["doc"]["S"]))
        return DecisionPage(tuple(kept), listed[-1][0] if more else "")

    def _listed(self, shard: int, since: str, below: str, limit: int) -> list[tuple[str, Item]]:
        """Return the newest of a part of the list: one more than wanted, to see that there is."""
        payload = {
            "TableName": self._table,
            "IndexName": LIST_INDEX,
            "KeyConditionExpression": "lpk = :lpk AND lsk BETWEEN :since AND :below",
            "ExpressionAttributeValues": {
                ":lpk": {"S": f"T#{self.tenant}#L#decision#{shard}"},
                ":since": {"S": since},
                ":below": {"S": below},
            },
            "ScanIndexForward": False,
            # The bound itself is one of them, if it is a cursor.
            "Limit": limit + 2,
        }
        answer = self._client.call("Query", payload, timeout_s=TIMEOUT_S)
        return [
            (item["lsk"]["S"], {"pk": item["pk"], "sk": item["sk"]})
            for item in answer["Items"]
            if item["lsk"]["S"] < below
        ]

    def _items(self, keys: Iterable[Item]) -> list[Item]:
        return read_batch(self._client, self._table, keys, self._pause)

    def _has_ended(self, item: Item) -> bool:
        return float(item.get("expires_at", {"N": "inf"})["N"]) <= self._now()

    # --- histories ------------------------------------------------------------------------------

    def answered(self, *, number: str, code: str, exten: str, at: int) -> None:
        """Note who spoke to a caller; see the port."""
        self._note([self._update(key, at).answered(exten, at) for key in self._whose(number, code)])

    def ticket(self, *, number: str, code: str, ticket: str) -> None:
        """Note an open ticket; see the port."""
        at = int(self._now())
        self._note([self._update(key, at).ticket(ticket) for key in self._whose(number, code)])

    def history(self, *, number: str = "", code: str = "") -> History:
        """Return the history of a number or of a customer; see the port."""
        for key in self._whose("" if code else number, code):
            item = self._get(key)
            if item is not None and not self._has_ended(item):
                return read_history(item)
        return History()

    def _whose(self, number: str, code: str) -> list[Item]:
        keys = []
        if number:
            keys.append(history_key(self.tenant, number))
        if code:
            keys.append(customer_key(self.tenant, code, "H"))
        return keys

    def _update(self, key: Item, at: int) -> HistoryUpdate:
        return HistoryUpdate(self._table, key, at)

    def _note(self, updates: list[HistoryUpdate]) -> None:
        if not updates:
            return
        actions = [{"Update": update.payload()} for update in updates]
        self._refuse_closed(self._transact([self._while_there(), *actions]))

    # --- the tenant -----------------------------------------------------------------------------

    def _get(self, key: Item) -> Item | None:
        payload = {"TableName": self._table, "Key": key, "ConsistentRead": True}
        item: Item | None = self._client.call("GetItem", payload, timeout_s=TIMEOUT_S).get("Item")
        return item

    def _while_there(self) -> dict[str, Any]:
        """Return the check that the tenant was not erased meanwhile."""
        check = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "ConditionExpression": "attribute_exists(doc)",
        }
        return {"ConditionCheck": check}

    def _refuse_closed(self, refused: tuple[str, ...]) -> None:
        if refused and refused[0] == CONDITION_FAILED:
            raise NotFoundError(f"there is no tenant {self.tenant}")


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _head(item: Item) -> RulesVersion:
    return RulesVersion(
        int(item["sk"]["S"].removeprefix(_RULES)),
        {},
        int(item["saved_at"]["N"]),
        item["saved_by"]["S"],
        item["note"]["S"],
    )
