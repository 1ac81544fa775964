"""Connections to CRMs in DynamoDB: a tenant's own, and the one list that crosses tenants."""

from __future__ import annotations

import base64
import json
import re
import time
import zlib
from array import array
from bisect import bisect_left
from hashlib import blake2b

from centralino.adapters.aws import AwsError
from centralino.adapters.store.one_tenant import TIMEOUT_S, OneTenant, read_listed
from centralino.adapters.store.table import SCHEMA, SHARDS, dump, tenant_key
from centralino.domain.errors import NotFoundError, PayloadError, ThrottledError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.connections import StoredConnection, SyncState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Any

    from centralino.adapters.store.sender import Sender
    from centralino.adapters.store.table import Item

ATTEMPTS = 8
# Longer than any run takes: after this a run that stood still begins anew.
MARKS_S = 8 * 86_400
_SLUG = re.compile(r"[a-z][a-z0-9_]{1,31}", re.ASCII)


class Marks:
    """A set of records, eight bytes each: a million of them are eight megabytes.

    That two records share their eight bytes is less likely than a broken disk, and would only mean
    that a record which the CRM no longer has stays until it is asked for in another way.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, packed: bytes) -> None:
        """Take in what `pack` made."""
        self._hashes.frombytes(packed)

    def sort(self) -> None:
        """Make it ready to be asked."""
        self._hashes = array("Q", sorted(self._hashes))

    def __contains__(self, record: object) -> bool:
        [wanted] = array("Q", pack([str(record)]))
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted

    def __len__(self) -> int:
        return len(self._hashes)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("records can be asked for and not listed")


def pack(records: Sequence[str]) -> bytes:
    """Return eight bytes for each record."""
    return b"".join(blake2b(record.encode(), digest_size=8).digest() for record in records)


class DynamoConnectionStore(OneTenant):
    """The connections of one tenant; see the port."""

    def get(self, provider: str, timeout_s: float = TIMEOUT_S) -> StoredConnection | None:
        """Return a connection; None if there is none."""
        payload = {"TableName": self._table, "Key": self._key(provider), "ConsistentRead": True}
        item = self._client.call("GetItem", payload, timeout_s=timeout_s).get("Item")
        return read_connection(item) if item else None

    def list(self) -> tuple[StoredConnection, ...]:
        """Return the tenant's connections, by provider."""
        return tuple(
            read_connection(item) for item in self._query(tenant_key(self.tenant)["pk"], "CRM#")
        )

    def save(self, provider: str, account: Mapping[str, str], *, now_s: float) -> None:
        """Save a connection; see the port."""
        before = self.get(provider)
        same = before is not None and dict(before.account) == dict(account)
        connected_at = before.connected_at if before and same else int(now_s)
        shard = zlib.crc32(f"{self.tenant}#{provider}".encode()) % SHARDS
        values = {
            ":doc": {"S": dump({"account": dict(account), "connected_at": connected_at})},
            ":type": {"S": "Connection"},
            ":sv": {"N": SCHEMA},
            ":lpk": {"S": shard_key(shard)},
            ":lsk": {"S": f"{self.tenant}#{provider}"},
        }
        update = {
            "TableName": self._table,
            "Key": self._key(provider),
            "UpdateExpression": "SET doc = :doc, #type = :type, sv = :sv, lpk = :lpk, lsk = :lsk",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": values,
        }
        if not same:
            update["UpdateExpression"] = (
                f"{update['UpdateExpression']} REMOVE #state, state_version"
            )
            update["ExpressionAttributeNames"] = {"#type": "type", "#state": "state"}
        if not self._write([self._while_there(), {"Update": update}]):
            raise NotFoundError(f"there is no tenant {self.tenant}")

    def remove(self, provider: str) -> bool:
        """Remove a connection; return whether there was one."""
        delete = {
            "TableName": self._table,
            "Key": self._key(provider),
            "ConditionExpression": "attribute_exists(pk)",
        }
        return self._write([{"Delete": delete}])

    def save_state(self, provider: str, state: SyncState) -> SyncState | None:
        """Save how far reconciliation is; see the port."""
        saved = state._replace(version=state.version + 1)
        values = {
            ":state": {"S": _write_state(saved)},
            ":new": {"N": str(saved.version)},
        }
        condition = "attribute_exists(doc) AND attribute_not_exists(state_version)"
        if state.version:
            condition = "state_version = :old"
            values[":old"] = {"N": str(state.version)}
        update = {
            "TableName": self._table,
            "Key": self._key(provider),
            "UpdateExpression": "SET #state = :state, state_version = :new",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": values,
        }
        return saved if self._write([{"Update": update}]) else None

    def mark(self, provider: str, run: str, page: int, records: Sequence[str]) -> None:
        """Note which records a page of a full run held."""
        item = self._marks_key(provider, run) | {
            "sk": {"S": f"{page:08d}"},
            "type": {"S": "Marks"},
            "sv": {"N": SCHEMA},
            "seen": {"S": base64.b64encode(pack(records)).decode()},
            "expires_at": {"N": str(int(self._now()) + MARKS_S)},
        }
        self._write([{"Put": {"TableName": self._table, "Item": item}}])

    def marked(self, provider: str, run: str) -> Collection[str]:
        """Return what answers `record in ...` for the records that a full run has noted."""
        marks = Marks()
        for item in self._query(self._marks_key(provider, run)["pk"]):
            marks.add(base64.b64decode(item["seen"]["S"]))
        marks.sort()
        return marks

    def _key(self, provider: str) -> Item:
        if not _SLUG.fullmatch(provider):
            raise PayloadError("provider", "a CRM's name, as hubspot")
        return tenant_key(self.tenant, f"CRM#{provider}")

    def _marks_key(self, provider: str, run: str) -> Item:
        self._key(provider)
        return {"pk": {"S": f"T#{self.tenant}#M#{provider}#{run}"}}

    def _query(self, pk: Mapping[str, str], prefix: str = "") -> Iterator[Item]:
        payload: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": pk},
            "ConsistentRead": True,
        }
        if prefix:
            payload["KeyConditionExpression"] += " AND begins_with(sk, :sk)"
            payload["ExpressionAttributeValues"][":sk"] = {"S": prefix}
        while True:
            answer = self._call("Query", payload)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return self._client.call(operation, payload, timeout_s=TIMEOUT_S)

    def _write(self, actions: Sequence[dict[str, Any]]) -> bool:
        """Send a transaction; return whether its conditions held.

        A transaction even for one item: its token makes the client's second attempt harmless.
        """
        # Not at the top: the receiver of webhooks reads connections and never writes one.
        import secrets  # noqa: PLC0415

        from centralino.adapters.store.change import is_passing  # noqa: PLC0415

        token = secrets.token_urlsafe(12)
        for attempt in range(ATTEMPTS):
            payload = {"TransactItems": list(actions), "ClientRequestToken": token}
            try:
                self._call("TransactWriteItems", payload)
            except AwsError as error:
                if "ConditionalCheckFailed" in error.reasons:
                    return False
                if not is_passing(error):
                    raise
                self._pause(0.02 * 2**attempt)
            else:
                return True
        raise ThrottledError("contention")


class DynamoConnectionList:
    """The connections of all tenants; see the port.

    Args:
        client: sends a request to DynamoDB.
        table: the table's name.
        pause: waits some seconds.
    """

    def __init__(
        self, client: Sender, table: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._table = table
        self._pause = pause

    def all(self) -> Iterator[StoredConnection]:
        """Yield every connection, whoever's it is."""
        lists = map(shard_key, range(SHARDS))
        yield from map(read_connection, read_listed(self._client, self._table, lists, self._pause))


def shard_key(shard: int) -> str:
    """Return the index's partition key of a shard of the list of all connections."""
    return f"CRM#{shard}"


def read_connection(item: Mapping[str, Any]) -> StoredConnection:
    """Build a connection from its item."""
    doc = json.loads(item["doc"]["S"])
    state = json.loads(item["state"]["S"]) if "state" in item else {}
    known = {name: value for name, value in state.items() if name in SyncState._fields}
    return StoredConnection(
        tenant=item["pk"]["S"].removeprefix("T#"),
        provider=item["sk"]["S"].removeprefix("CRM#"),
        account=doc["account"],
        connected_at=doc["connected_at"],
        state=SyncState(**known),
    )


def _write_state(state: SyncState) -> str:
    return dump({name: value for name, value in state._asdict().items() if value})
