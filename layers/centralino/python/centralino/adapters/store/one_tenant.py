"""What the stores of one tenant have in common: how they are built, and how they read by the key.

Without `typing`, as the receiver of webhooks reads connections while a CRM waits.
"""

from __future__ import annotations

import time

from centralino.adapters.aws import AwsError
from centralino.adapters.store.table import LIST_INDEX, tenant_key
from centralino.domain.errors import PayloadError, ThrottledError
from centralino.domain.record import TYPE_CHECKING
from centralino.domain.settings import TENANT_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from centralino.adapters.store.sender import Sender
    from centralino.adapters.store.table import Item

# For each request; an administrator and a worker wait longer than a caller.
TIMEOUT_S = 5.0
MAX_KEYS = 100  # of one BatchGetItem
READ_ATTEMPTS = 8
WRITE_ATTEMPTS = 8
# DynamoDB's word for a condition of a transaction that doesn't hold.
CONDITION_FAILED = "ConditionalCheckFailed"


class OneTenant:
    """A store that is built for one tenant and cannot address another.

    Args:
        client: sends a request to DynamoDB; one for each thread if it is `adapters/aws.py`'s.
        table: the table's name.
        tenant: the tenant's id.
        now: the time, seconds since 1970.
        pause: waits some seconds.

    Raises:
        PayloadError: that is no tenant's id.
    """

    def __init__(
        self,
        client: Sender,
        table: str,
        tenant: str,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if not TENANT_PATTERN.fullmatch(tenant):
            raise PayloadError("tenant", "2 to 12 of a-z, 0-9 and -")
        self.tenant = tenant
        self._client = client
        self._table = table
        self._now = now
        self._pause = pause

    def _while_there(self) -> dict[str, Any]:
        """Return the check that the tenant was not erased meanwhile."""
        check = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "ConditionExpression": "attribute_exists(doc)",
        }
        return {"ConditionCheck": check}

    def _transact(
        self, actions: Sequence[Mapping[str, Any]], timeout_s: float = TIMEOUT_S
    ) -> tuple[str, ...]:
        """Send a transaction until nobody else is at its items.

        A transaction even for one item: its token makes the client's second attempt harmless,
        where a plain conditional write would be told that somebody else had been there.

        Args:
            actions: of the transaction.
            timeout_s: for each attempt.

        Returns:
            Nothing if it was done; else the word for each action, in order: `None`, or
            `ConditionalCheckFailed`.

        Raises:
            ThrottledError: others were at the items to the end.
        """
        refused = self._refused(actions, timeout_s)
        return tuple(reason.get("Code", "None") for reason in refused)

    def _refused(
        self, actions: Sequence[Mapping[str, Any]], timeout_s: float
    ) -> Sequence[Mapping[str, Any]]:
        """Send a transaction as `_transact` does, and return the reasons with what they carry."""
        # Not at the top: the receiver of webhooks, which never writes here, reads this module.
        import random  # noqa: PLC0415
        import secrets  # noqa: PLC0415

        from centralino.adapters.store.change import is_passing  # noqa: PLC0415

        token = secrets.token_urlsafe(12)
        for attempt in range(WRITE_ATTEMPTS):
            payload = {"TransactItems": list(actions), "ClientRequestToken": token}
            try:
                self._client.call("TransactWriteItems", payload, timeout_s=timeout_s)
            except AwsError as error:
                if CONDITION_FAILED in error.reasons:
                    reasons: Sequence[Mapping[str, Any]] = error.body["CancellationReasons"]
                    return reasons
                if not is_passing(error):
                    raise
                self._pause(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter
            else:
                return ()
        raise ThrottledError("contention")


def read_batch(
    client: Sender, table: str, keys: Iterable[Item], pause: Callable[[float], None]
) -> list[Item]:
    """Read at most `MAX_KEYS` items, eventually consistent, and ask again for what was left over.

    Raises:
        ThrottledError: something was left over to the end.
        UnavailableError: there is no answer.
    """
    left = list(keys)
    items: list[Item] = []
    for attempt in range(READ_ATTEMPTS):
        if not left:
            return items
        if attempt:
            pause(0.05 * 2**attempt)
        payload = {"RequestItems": {table: {"Keys": left}}}
        answer = client.call("BatchGetItem", payload, timeout_s=TIMEOUT_S)
        items += answer["Responses"].get(table, ())
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    if left:
        raise ThrottledError("unprocessed")
    return items


def read_listed(
    client: Sender, table: str, lists: Iterable[str], pause: Callable[[float], None]
) -> Iterator[Item]:
    """Read all items that are in some lists of the index, a page at a time.

    Args:
        client: sends a request to DynamoDB.
        table: the table's name.
        lists: the index's partition keys.
        pause: waits some seconds.

    Raises:
        UnavailableError: there is no answer.
    """
    for lpk in lists:
        payload: dict[str, Any] = {
            "TableName": table,
            "IndexName": LIST_INDEX,
            "KeyConditionExpression": "lpk = :lpk",
            "ExpressionAttributeValues": {":lpk": {"S": lpk}},
            "Limit": MAX_KEYS,
        }
        while True:
            answer = client.call("Query", payload, timeout_s=TIMEOUT_S)
            keys = [{"pk": item["pk"], "sk": item["sk"]} for item in answer["Items"]]
            yield from read_batch(client, table, keys, pause)
            if "LastEvaluatedKey" not in answer:
                break
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
