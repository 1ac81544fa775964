"""One tenant's callers in DynamoDB, as live search sees them."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.adapters.store.change import is_passing, list_key
from centralino.adapters.store.one_tenant import OneTenant
from centralino.adapters.store.table import SCHEMA, SHARDS, card_key, read_card, unknown_key
from centralino.domain.errors import ThrottledError
from centralino.ports.callers import AtHand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.domain.card import Card

TIMEOUT_S = 2.0
ATTEMPTS = 6
# How long it is remembered that, and how often, a caller was unknown.
NOTED_S = 30 * 86_400


class DynamoCallerStore(OneTenant):
    """The callers of one tenant; see the port."""

    def read(self, numbers: Sequence[str], caller: str) -> AtHand:
        """Return what is stored at this very moment; see the port."""
        keys = [card_key(self.tenant, number) for number in dict.fromkeys(numbers)]
        wanted = {"Keys": [*keys, unknown_key(self.tenant, caller)], "ConsistentRead": True}
        answer = self._client.call(
            "BatchGetItem", {"RequestItems": {self._table: wanted}}, timeout_s=TIMEOUT_S
        )
        if answer.get("UnprocessedKeys"):
            raise ThrottledError("unprocessed")
        cards = {}
        noted, until, searching_until = False, 0.0, 0.0
        for item in answer["Responses"].get(self._table, ()):
            if item["sk"]["S"] == "X":
                noted = "fresh_until" in item
                until = float(item["fresh_until"]["N"]) if noted else 0.0
                searching_until = float(item.get("searching_until", {"N": "0"})["N"])
            else:
                number = item["pk"]["S"].rpartition("#")[2]
                cards[number] = read_card(number, item)
        return AtHand(cards, noted, until, searching_until)

    def claim(self, caller: str, *, until: float) -> int:
        """Claim to be the one who asks the CRMs for a caller; see the port."""
        claim = math.ceil(until)
        payload = {
            "Key": unknown_key(self.tenant, caller),
            # Listed where the notes are: what erases a tenant is to find it.
            "UpdateExpression": (
                "SET searching_until = :until, lsk = if_not_exists(lsk, :once), lpk = :lpk, "
                "expires_at = if_not_exists(expires_at, :until), sv = :sv, #type = :type"
            ),
            "ConditionExpression": (
                "attribute_not_exists(searching_until) OR searching_until <= :now"
            ),
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {
                ":once": {"S": caller},
                ":lpk": {"S": self._list_of(caller)},
                ":until": {"N": str(claim)},
                ":now": {"N": str(int(self._now()))},
                ":sv": {"N": SCHEMA},
                ":type": {"S": "Unknown"},
            },
        }
        return 0 if self._write("UpdateItem", payload) is None else claim

    def release(self, caller: str, claim: int) -> None:
        """Give up a claim; see the port."""
        key = unknown_key(self.tenant, caller)
        mine = {":claim": {"N": str(claim)}}
        payload = {
            "Key": key,
            "ConditionExpression": "searching_until = :claim AND attribute_not_exists(fresh_until)",
            "ExpressionAttributeValues": mine,
        }
        if self._write("DeleteItem", payload) is not None:
            return
        # There is a note of an earlier time, and it stays.
        payload = {
            "Key": key,
            "UpdateExpression": "REMOVE searching_until",
            "ConditionExpression": "searching_until = :claim",
            "ExpressionAttributeValues": mine,
        }
        self._write("UpdateItem", payload)

    def note_unknown(self, caller: str, *, until: float) -> None:
        """Note that no CRM knows a caller; see the port."""
        now = int(self._now())
        payload = {
            "Key": unknown_key(self.tenant, caller),
            # The list shows at a glance who called again: `again` is its entry from then on.
            "UpdateExpression": (
                "SET lsk = if_not_exists(again, :once), again = :again, lpk = :lpk, "
                "fresh_until = :until, last_at = :now, expires_at = :end, sv = :sv, "
                "#type = :type REMOVE searching_until ADD calls :one"
            ),
            # Two who asked for one call count as one.
            "ConditionExpression": "attribute_not_exists(fresh_until) OR fresh_until <= :now",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {
                ":once": {"S": caller},
                ":again": {"S": f"!{caller}"},
                ":lpk": {"S": self._list_of(caller)},
                ":until": {"N": str(int(until))},
                ":now": {"N": str(now)},
                ":end": {"N": str(now + NOTED_S)},
                ":sv": {"N": SCHEMA},
                ":type": {"S": "Unknown"},
                ":one": {"N": "1"},
            },
        }
        self._write("UpdateItem", payload)

    def forget_unknown(self, caller: str) -> None:
        """Take back that a caller is unknown; see the port."""
        self._write("DeleteItem", {"Key": unknown_key(self.tenant, caller)})

    def refresh_at(self, number: str, at: float) -> Card | None:
        """Say from when on a card is to be refreshed; see the port."""
        payload = {
            "Key": card_key(self.tenant, number),
            "UpdateExpression": "SET f = :at",
            "ConditionExpression": "attribute_exists(n)",
            "ExpressionAttributeValues": {":at": {"N": str(int(at))}},
            "ReturnValues": "ALL_NEW",
        }
        answer = self._write("UpdateItem", payload)
        return read_card(number, answer["Attributes"]) if answer else None

    def _list_of(self, caller: str) -> str:
        return list_key(self.tenant, "unknown", zlib.crc32(caller.encode()) % SHARDS)

    def _write(self, operation: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Send a write; return the answer, None if its condition doesn't hold."""
        payload["TableName"] = self._table
        for attempt in range(ATTEMPTS):
            try:
                return self._client.call(operation, payload, timeout_s=TIMEOUT_S)
            except AwsError as error:
                if error.code == "ConditionalCheckFailedException":
                    return None
                if not is_passing(error):
                    raise
            self._pause(0.01 * 2**attempt)
        raise ThrottledError("contention")
