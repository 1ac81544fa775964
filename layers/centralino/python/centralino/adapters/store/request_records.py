"""What was answered to a request with an idempotency key: Powertools' records, in our table.

Powertools' own layer would open a second connection to DynamoDB, by another client
(docs/adr/0012-idempotency-by-powertools.md).
https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.adapters.powertools_idempotency import (  # first: the rest is of that package
    BasePersistenceLayer,
)

# isort: split
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import (
    STATUS_CONSTANTS,
    DataRecord,
)

from centralino.adapters.store.one_tenant import OneTenant
from centralino.adapters.store.table import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.adapters.store.table import Item

# For each request: somebody waits at a telephone.
TIMEOUT_S = 1.5
# The key's own name is not one of an expression: `data` and `status` are DynamoDB's words.
_DONE = "SET #data = :data, #status = :status, expires_at = :end, body = :body"


class RequestItems(OneTenant):
    """The items of one tenant."""

    def put(self, name: str, record: Item) -> Item | None:
        """Put a record in progress, unless there is one that holds; return that one.

        By a transaction: the client's second attempt after a lost answer is told that it is done,
        and not that somebody else is at it.
        """
        now_ms = int(self._now() * 1000)
        put = {
            "TableName": self._table,
            "Item": self._key(name) | record,
            # A run that was killed is over when its function's time is.
            "ConditionExpression": (
                "attribute_not_exists(pk) OR expires_at < :now OR "
                "(#status = :in_progress AND in_progress_ms < :now_ms)"
            ),
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":now": {"N": str(now_ms // 1000)},
                ":now_ms": {"N": str(now_ms)},
                ":in_progress": {"S": STATUS_CONSTANTS["INPROGRESS"]},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        refused: Sequence[Mapping[str, Any]] = self._refused([{"Put": put}], TIMEOUT_S)
        return refused[0].get("Item", {}) if refused else None

    def get(self, name: str) -> Item | None:
        """Return a record."""
        payload = {"TableName": self._table, "Key": self._key(name), "ConsistentRead": True}
        answer = self._client.call("GetItem", payload, timeout_s=TIMEOUT_S)
        item: Item | None = answer.get("Item")
        return item

    def done(self, name: str, record: DataRecord) -> None:
        """Say what was answered."""
        update = {
            "TableName": self._table,
            "Key": self._key(name),
            "UpdateExpression": _DONE,
            "ExpressionAttributeNames": {"#data": "data", "#status": "status"},
            "ExpressionAttributeValues": {
                ":data": {"S": record.response_data},
                ":status": {"S": record.status},
                ":end": {"N": str(record.expiry_timestamp)},
                ":body": {"S": record.payload_hash},
            },
        }
        self._transact([{"Update": update}], TIMEOUT_S)

    def delete(self, name: str) -> None:
        """Take a record away."""
        self._transact([{"Delete": {"TableName": self._table, "Key": self._key(name)}}], TIMEOUT_S)

    def _key(self, name: str) -> Item:
        # The name is Powertools': a prefix, `#`, and a hash.
        digest = name.rpartition("#")[2]
        return {"pk": {"S": f"T#{self.tenant}#I#{digest}"}, "sk": {"S": "I"}}


class RequestRecords(BasePersistenceLayer):
    """Powertools' persistence layer over them.

    Args:
        items: the tenant's.
    """

    def __init__(self, items: RequestItems) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._items = items

    def _put_record(self, data_record: DataRecord) -> None:
        item: dict[str, Any] = {
            "type": {"S": "Request"},
            "sv": {"N": SCHEMA},
            "status": {"S": data_record.status},
            "expires_at": {"N": str(data_record.expiry_timestamp)},
            "body": {"S": data_record.payload_hash},
        }
        # A remaining time of 0 is one: without this the record would stand for a whole day.
        if data_record.in_progress_expiry_timestamp is not None:
            item["in_progress_ms"] = {"N": str(data_record.in_progress_expiry_timestamp)}
        old = self._items.put(data_record.idempotency_key, item)
        if old is not None:
            stored = _record(data_record.idempotency_key, old)
            self._validate_payload(data_record, stored)
            raise IdempotencyItemAlreadyExistsError(old_data_record=stored)

    def _get_record(self, idempotency_key: str) -> DataRecord:
        item = self._items.get(idempotency_key)
        if item is None:
            raise IdempotencyItemNotFoundError
        return _record(idempotency_key, item)

    def _update_record(self, data_record: DataRecord) -> None:
        self._items.done(data_record.idempotency_key, data_record)

    def _delete_record(self, data_record: DataRecord) -> None:
        self._items.delete(data_record.idempotency_key)


def _record(name: str, item: Item) -> DataRecord:
    in_progress = item.get("in_progress_ms")
    return DataRecord(
        idempotency_key=name,
        status=item["status"]["S"],
        expiry_timestamp=int(item["expires_at"]["N"]),
        in_progress_expiry_timestamp=int(in_progress["N"]) if in_progress else None,
        response_data=item.get("data", {}).get("S", ""),
        payload_hash=item["body"]["S"],
    )
