"""The connections that PBXs opened to us, in DynamoDB: a tenant's own, and the list of all.

Writes mean the same however often they are sent, so none needs a transaction. Without `typing`:
a PBX waits for its handshake while this is imported.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import zlib

from centralino.adapters.aws import AwsError
from centralino.adapters.store.one_tenant import TIMEOUT_S, OneTenant, read_batch, read_listed
from centralino.adapters.store.table import (
    LIST_INDEX,
    SCHEMA,
    SHARDS,
    dump,
    event_key,
    socket_answer_key,
    socket_key,
)
from centralino.domain.ari import AriAnswer
from centralino.domain.errors import PayloadError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.sockets import Socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from centralino.adapters.store.sender import Sender
    from centralino.adapters.store.table import Item

# The gateway ends a connection after two hours.
SOCKET_S = 3 * 3600
ANSWER_S = 300
EVENT_S = 90 * 86_400
# How long one question may take while somebody waits for the PBX's answer, seconds.
POLL_S = 1.0
EVENT_KIND = "event"
# How much of a number says whose it is, and how many of them an event is found by.
NUMBER_DIGITS = 9
MAX_NUMBERS = 40
_NUMBER = re.compile(r"(?<![\d.])\d{6,}(?!\d|\.\d)", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._@:;,+=/-]{1,128}", re.ASCII)
_MISSING = "ConditionalCheckFailedException"


class DynamoSocketStore(OneTenant):
    """The connections of one tenant's PBXs; see the port."""

    def save(self, socket: Socket) -> None:
        """Keep a connection; see the port."""
        doc = [socket.site, socket.at_ms, socket.source_ip, socket.agent, socket.key_id]
        item = socket_key(self.tenant, _checked(socket.id)) | {
            "type": {"S": "Socket"},
            "sv": {"N": SCHEMA},
            "doc": {"S": dump(doc)},
            "filtered": {"N": str(int(socket.filtered))},
            "alive": {"N": str(socket.alive_ms)},
            "missed": {"N": str(socket.unanswered)},
            "pinged": {"N": str(socket.pinged_ms)},
            "expires_at": {"N": str(socket.at_ms // 1000 + SOCKET_S)},
            "lpk": {"S": socket_list_key(socket.id)},
            "lsk": {"S": socket.id},
        }
        self._call("PutItem", {"Item": item})

    def get(self, socket_id: str) -> Socket | None:
        """Return a connection, read consistently; see the port."""
        key = socket_key(self.tenant, _checked(socket_id))
        item = self._call("GetItem", {"Key": key, "ConsistentRead": True}).get("Item")
        return self._read(item) if item else None

    def all(self) -> tuple[Socket, ...]:
        """Return the tenant's connections, the newest first, read consistently."""
        payload: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": socket_key(self.tenant, "")["pk"]},
            "ConsistentRead": True,
        }
        found = (self._read(item) for item in self._query(payload))
        return tuple(sorted(filter(None, found), key=lambda one: (-one.at_ms, one.id)))

    def remove(self, socket_id: str) -> None:
        """Forget a connection; see the port."""
        self._call("DeleteItem", {"Key": socket_key(self.tenant, _checked(socket_id))})

    def note_filtered(self, socket_id: str) -> None:
        """Note that the PBX knows which events we want; see the port."""
        self._update(socket_id, "SET filtered = :one", {":one": {"N": "1"}})

    def note_ping(self, socket_id: str, *, at_ms: int) -> None:
        """Count a ping that is sent now; see the port."""
        values = {":at": {"N": str(at_ms)}, ":one": {"N": "1"}}
        self._update(socket_id, "SET pinged = :at ADD missed :one", values)

    def note_pong(self, socket_id: str, *, at_ms: int) -> None:
        """Note that a ping was answered; see the port."""
        values = {":at": {"N": str(at_ms)}, ":none": {"N": "0"}}
        self._update(socket_id, "SET alive = :at, missed = :none", values)

    def keep_answer(self, request_id: str, answer: AriAnswer) -> None:
        """Keep an answer for a few minutes; see the port."""
        item = socket_answer_key(self.tenant, _checked(request_id)) | {
            "type": {"S": "SocketAnswer"},
            "sv": {"N": SCHEMA},
            "doc": {"S": dump([answer.status, answer.body])},
            "expires_at": {"N": str(int(self._now()) + ANSWER_S)},
        }
        self._call("PutItem", {"Item": item})

    def answer(self, request_id: str) -> AriAnswer | None:
        """Return the answer to a request, read consistently; see the port."""
        key = socket_answer_key(self.tenant, _checked(request_id))
        payload = {"Key": key, "ConsistentRead": True}
        item = self._call("GetItem", payload, timeout_s=POLL_S).get("Item")
        return AriAnswer(*json.loads(item["doc"]["S"])) if item else None

    def keep_event(self, call_id: str, at_ms: int, text: str) -> None:
        """Keep an event as it came; see the port."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        sk = f"{at_ms:013d}#{digest}"
        shard = zlib.crc32(_checked(call_id).encode()) % SHARDS
        item = event_key(self.tenant, call_id, sk) | {
            "type": {"S": "CallEvent"},
            "sv": {"N": SCHEMA},
            "doc": {"S": text},
            "expires_at": {"N": str(at_ms // 1000 + EVENT_S)},
            "lpk": {"S": f"T#{self.tenant}#L#{EVENT_KIND}#{shard}"},
            "lsk": {"S": f"{call_id}#{sk}#{','.join(numbers_in(text))}"},
        }
        self._call("PutItem", {"Item": item})

    def events(self, call_id: str) -> tuple[str, ...]:
        """Return a call's events as they came, the first one first; see the port."""
        payload: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {
                ":pk": event_key(self.tenant, _checked(call_id), "")["pk"]
            },
            "ConsistentRead": True,
        }
        return tuple(
            item["doc"]["S"]
            for item in self._query(payload)
            if int(item["expires_at"]["N"]) > self._now()
        )

    def _read(self, item: Item) -> Socket | None:
        """Build a connection from its item; None if it is over."""
        return read_socket(item) if int(item["expires_at"]["N"]) > self._now() else None

    def _update(self, socket_id: str, expression: str, values: dict[str, Any]) -> None:
        payload = {
            "Key": socket_key(self.tenant, _checked(socket_id)),
            "UpdateExpression": expression,
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": values,
        }
        try:
            self._call("UpdateItem", payload)
        except AwsError as error:
            if error.code != _MISSING:
                raise

    def _query(self, payload: dict[str, Any]) -> Iterator[Item]:
        while True:
            answer = self._call("Query", payload)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _call(
        self, operation: str, payload: dict[str, Any], timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        return self._client.call(
            operation, {"TableName": self._table, **payload}, timeout_s=timeout_s
        )


class DynamoSocketList:
    """The connections of all tenants' PBXs; see the port.

    Args:
        client: sends a request to DynamoDB.
        table: the table's name.
        now: the time, seconds since 1970.
        pause: waits some seconds.
    """

    def __init__(
        self,
        client: Sender,
        table: str,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._pause = pause

    def all(self) -> Iterator[Socket]:
        """Yield every connection, whoever's it is."""
        lists = [f"WS#{shard}" for shard in range(SHARDS)]
        items = read_listed(self._client, self._table, lists, self._pause)
        yield from (read_socket(item) for item in items if self._holds(item))

    def find(self, socket_id: str) -> Socket | None:
        """Return the connection of that id; see the port."""
        payload = {
            "TableName": self._table,
            "IndexName": LIST_INDEX,
            "KeyConditionExpression": "lpk = :lpk AND begins_with(lsk, :lsk)",
            "ExpressionAttributeValues": {
                ":lpk": {"S": socket_list_key(socket_id)},
                ":lsk": {"S": _checked(socket_id)},
            },
        }
        answer = self._client.call("Query", payload, timeout_s=TIMEOUT_S)
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in answer["Items"]]
        items = read_batch(self._client, self._table, keys, self._pause)
        found = (read_socket(item) for item in items if self._holds(item))
        return next((socket for socket in found if socket.id == socket_id), None)

    def _holds(self, item: Item) -> bool:
        return int(item["expires_at"]["N"]) > self._now()


def numbers_in(text: str) -> list[str]:
    """Return the ends of the numbers in an event: what it is found by when a person is erased.

    The last digits, as a number is spelled in many ways; Asterisk's unique ids are none.
    """
    found = {match[0][-NUMBER_DIGITS:] for match in _NUMBER.finditer(text)}
    return sorted(found)[:MAX_NUMBERS]


def socket_list_key(socket_id: str) -> str:
    """Return the index's partition key of the list of all connections that one is in."""
    return f"WS#{zlib.crc32(socket_id.encode()) % SHARDS}"


def read_socket(item: Item) -> Socket:
    """Build a connection from its item."""
    site, at_ms, source_ip, agent, key_id = json.loads(item["doc"]["S"])
    return Socket(
        tenant=item["pk"]["S"].split("#")[1],
        id=item["sk"]["S"],
        site=site,
        at_ms=at_ms,
        source_ip=source_ip,
        agent=agent,
        key_id=key_id,
        filtered=item["filtered"]["N"] == "1",
        alive_ms=int(item["alive"]["N"]),
        unanswered=int(item["missed"]["N"]),
        # What an older version kept doesn't say.
        pinged_ms=int(item.get("pinged", {"N": "0"})["N"]),
    )


def _checked(text: str) -> str:
    """Return an id as it may stand in a key.

    Raises:
        PayloadError: it can't be one.
    """
    if not _ID.fullmatch(text):
        raise PayloadError("id", "letters, digits and punctuation but `#`")
    return text
