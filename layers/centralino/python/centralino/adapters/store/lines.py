"""The PBXs that place a tenant's calls, in DynamoDB."""

from __future__ import annotations

import json
import re

from centralino.adapters.store.one_tenant import TIMEOUT_S, OneTenant
from centralino.adapters.store.table import SCHEMA, dump, tenant_key
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.lines import StoredLine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from centralino.adapters.store.table import Item

PREFIX = "PBX#"
_SLUG = re.compile(r"[a-z][a-z0-9_]{1,31}", re.ASCII)


class DynamoLineStore(OneTenant):
    """The PBXs of one tenant; see the port."""

    def get(self, provider: str) -> StoredLine | None:
        """Return a PBX; None if the tenant has none of that provider."""
        payload = {"TableName": self._table, "Key": self._key(provider), "ConsistentRead": True}
        item = self._client.call("GetItem", payload, timeout_s=TIMEOUT_S).get("Item")
        return _read(item) if item else None

    def list(self) -> tuple[StoredLine, ...]:
        """Return the tenant's PBXs, by provider: a few, so one page holds them."""
        payload = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {
                ":pk": tenant_key(self.tenant)["pk"],
                ":sk": {"S": PREFIX},
            },
            "ConsistentRead": True,
        }
        answer = self._client.call("Query", payload, timeout_s=TIMEOUT_S)
        return tuple(map(_read, answer["Items"]))

    def save(self, provider: str, account: Mapping[str, str], *, now_s: float) -> None:
        """Save a PBX; see the port."""
        doc = {"account": dict(account), "connected_at": int(now_s)}
        item = self._key(provider) | {
            "type": {"S": "Pbx"},
            "sv": {"N": SCHEMA},
            "doc": {"S": dump(doc)},
        }
        put = {"TableName": self._table, "Item": item}
        if self._transact([self._while_there(), {"Put": put}]):
            raise NotFoundError(f"there is no tenant {self.tenant}")

    def remove(self, provider: str) -> bool:
        """Remove a PBX; return whether there was one."""
        delete = {
            "TableName": self._table,
            "Key": self._key(provider),
            "ConditionExpression": "attribute_exists(pk)",
        }
        return not self._transact([{"Delete": delete}])

    def _key(self, provider: str) -> Item:
        if not _SLUG.fullmatch(provider):
            raise PayloadError("provider", "a PBX's name, as asterisk")
        return tenant_key(self.tenant, f"{PREFIX}{provider}")


def _read(item: Mapping[str, Any]) -> StoredLine:
    doc = json.loads(item["doc"]["S"])
    provider = item["sk"]["S"].removeprefix(PREFIX)
    return StoredLine(provider, doc["account"], doc["connected_at"])
