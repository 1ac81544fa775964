"""One tenant's settings and keys in DynamoDB."""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.adapters.store.change import is_passing
from centralino.adapters.store.one_tenant import TIMEOUT_S, OneTenant
from centralino.adapters.store.table import (
    SCHEMA,
    dump,
    key_key,
    read_key_item,
    read_settings_item,
    tenant_key,
)
from centralino.domain.errors import ConflictError, NotFoundError, ThrottledError

if TYPE_CHECKING:
    from centralino.adapters.store.table import Item
    from centralino.domain.keys import ApiKey
    from centralino.domain.settings import Settings

# As long as a point-in-time recovery could bring the data back.
CLOSED_S = 35 * 86_400
ATTEMPTS = 8
# What is stored beside the settings: connections, agents, routing and its rules, dialling, PBXs.
BESIDE = ("CRM#", "AGENTS", "ROUTING", "RULES#", "DIALLING", "PBX#")


class DynamoTenantStore(OneTenant):
    """The settings and keys of one tenant; see the port."""

    def create(self, settings: Settings, key: ApiKey) -> None:
        """Create the tenant with its first key; see the port."""
        item = tenant_key(self.tenant) | {
            "type": {"S": "Settings"},
            "sv": {"N": SCHEMA},
            "version": {"N": "1"},
            "doc": {"S": write_settings(settings)},
        }
        put_settings = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at < :now",
            "ExpressionAttributeValues": {":now": {"N": str(int(self._now()))}},
        }
        put_key = {"TableName": self._table, "Item": self._key_item(key)}
        if not self._write([{"Put": put_settings}, {"Put": put_key}]):
            raise ConflictError(f"the tenant id {self.tenant} is taken, or was until lately")

    def settings(self) -> Settings | None:
        """Return the settings; None if there is no such tenant (any more)."""
        payload = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "ConsistentRead": True,
        }
        item = self._call("GetItem", payload).get("Item")
        return read_settings_item(self.tenant, item) if item else None

    def save_settings(self, settings: Settings) -> Settings:
        """Save settings over the version that they name; see the port."""
        saved = settings._replace(version=settings.version + 1)
        update = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "UpdateExpression": "SET doc = :doc, version = :new, sv = :sv",
            "ConditionExpression": "attribute_exists(doc) AND version = :old",
            "ExpressionAttributeValues": {
                ":doc": {"S": write_settings(settings)},
                ":new": {"N": str(saved.version)},
                ":old": {"N": str(settings.version)},
                ":sv": {"N": SCHEMA},
            },
        }
        if self._write([{"Update": update}]):
            return saved
        if self.settings() is None:
            raise NotFoundError(f"there is no tenant {self.tenant}")
        raise ConflictError("the settings were changed meanwhile: read them again")

    def keys(self) -> tuple[ApiKey, ...]:
        """List the keys that have not expired, the oldest first."""
        now = self._now()
        keys = [read_key_item(item) for item in self._key_items()]
        live = [key for key in keys if not key.expires_at or key.expires_at > now]
        return tuple(sorted(live, key=lambda key: (key.created_at, key.hash)))

    def add_key(self, key: ApiKey) -> None:
        """Add a key; see the port."""
        check = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "ConditionExpression": "attribute_exists(doc)",
        }
        put = {"TableName": self._table, "Item": self._key_item(key)}
        if not self._write([{"ConditionCheck": check}, {"Put": put}]):
            raise NotFoundError(f"there is no tenant {self.tenant}")

    def remove_key(self, key_hash: str, *, while_there: str = "") -> bool:
        """Remove a key, if need be only while another one is there; see the port."""
        actions = [{"Delete": self._there(key_hash)}]
        if while_there:
            actions.append({"ConditionCheck": self._there(while_there)})
        return self._write(actions)

    def close(self) -> int:
        """Begin to erase the tenant; see the port."""
        now = int(self._now())
        update = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            # The first time counts: a repetition must not put the end off.
            "UpdateExpression": (
                "SET #type = :type, closed_at = if_not_exists(closed_at, :now), "
                "expires_at = if_not_exists(expires_at, :end) "
                "REMOVE doc, version, block_lengths"
            ),
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {
                ":type": {"S": "ClosedTenant"},
                ":now": {"N": str(now)},
                ":end": {"N": str(now + CLOSED_S)},
            },
        }
        if not self._write([{"Update": update}]):
            raise NotFoundError(f"there never was a tenant {self.tenant}")
        # Nobody can add a key or a connection from here on.
        for item in self._key_items():
            self.remove_key(item["sk"]["S"].partition("#")[2])
        for prefix in BESIDE:
            for item in self._items(prefix):
                self._write([{"Delete": {"TableName": self._table, "Key": _key_of(item)}}])
        payload = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "ConsistentRead": True,
        }
        return int(self._call("GetItem", payload)["Item"]["closed_at"]["N"])

    def _there(self, key_hash: str) -> dict[str, Any]:
        """Return the part of an action that a key has to be there for."""
        return {
            "TableName": self._table,
            "Key": key_key(self.tenant, key_hash),
            "ConditionExpression": "attribute_exists(pk)",
        }

    def _key_item(self, key: ApiKey) -> Item:
        doc = {
            "role": key.role,
            "name": key.name,
            "created_at": key.created_at,
            "networks": key.networks,
            "exten": key.exten,
        }
        item = key_key(self.tenant, key.hash) | {
            "type": {"S": "ApiKey"},
            "sv": {"N": SCHEMA},
            "doc": {"S": dump(doc)},
        }
        if key.expires_at:
            item["expires_at"] = {"N": str(key.expires_at)}
        return item

    def _key_items(self) -> list[Item]:
        return self._items("KEY#")

    def _items(self, prefix: str) -> list[Item]:
        items: list[Item] = []
        payload: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {
                ":pk": tenant_key(self.tenant)["pk"],
                ":sk": {"S": prefix},
            },
            "ConsistentRead": True,
        }
        while True:
            answer = self._call("Query", payload)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return items
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return self._client.call(operation, payload, timeout_s=TIMEOUT_S)

    def _write(self, actions: list[dict[str, Any]]) -> bool:
        """Send a transaction; return whether its conditions held.

        A transaction even for one item: its token makes the client's second attempt harmless,
        where a plain conditional write would be told that somebody else had been there.
        """
        for attempt in range(ATTEMPTS):
            payload = {"TransactItems": actions, "ClientRequestToken": secrets.token_urlsafe(12)}
            try:
                self._call("TransactWriteItems", payload)
            except AwsError as error:
                if "ConditionalCheckFailed" in error.reasons:
                    return False
                if not is_passing(error):
                    raise
                self._pause(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter
            else:
                return True
        raise ThrottledError("contention")


def _key_of(item: Item) -> Item:
    return {"pk": item["pk"], "sk": item["sk"]}


def write_settings(settings: Settings) -> str:
    """Return settings as their item keeps them: JSON without what the item keeps beside it."""
    fields = settings._asdict()
    for name in ("tenant", "version", "block_lengths"):
        del fields[name]
    line = settings.line._asdict()
    line["rules"] = [rule._asdict() for rule in settings.line.rules]
    fields |= {"line": line, "label": settings.label._asdict()}
    return dump(fields)
