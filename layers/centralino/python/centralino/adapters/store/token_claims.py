"""Who may renew the access token of a connection, in DynamoDB; the token itself is elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.adapters.store.change import is_passing
from centralino.adapters.store.one_tenant import OneTenant
from centralino.adapters.store.table import SCHEMA, token_claim_key
from centralino.domain.errors import ThrottledError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 2.0
ATTEMPTS = 6


class DynamoTokenClaims(OneTenant):
    """The claims of one tenant; half of `ports/tokens.py`'s TokenStore for each provider."""

    def claim(self, provider: str, until: float) -> int:
        """Claim to be the one who renews; see the port."""
        # Whole milliseconds, so that two who claim in one second have claims of their own.
        claim = math.ceil(until * 1000)
        payload = {
            "Key": token_claim_key(self.tenant, provider),
            "UpdateExpression": "SET claim = :claim, expires_at = :end, sv = :sv, #type = :type",
            "ConditionExpression": "attribute_not_exists(claim) OR claim <= :now",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {
                ":claim": {"N": str(claim)},
                ":end": {"N": str(math.ceil(until))},
                ":now": {"N": str(int(self._now() * 1000))},
                ":sv": {"N": SCHEMA},
                ":type": {"S": "TokenClaim"},
            },
        }
        return claim if self._write("UpdateItem", payload) else 0

    def release(self, provider: str, claim: int) -> None:
        """Give up a claim; see the port."""
        payload = {
            "Key": token_claim_key(self.tenant, provider),
            "ConditionExpression": "claim = :claim",
            "ExpressionAttributeValues": {":claim": {"N": str(claim)}},
        }
        self._write("DeleteItem", payload)

    def _write(self, operation: str, payload: Mapping[str, Any]) -> bool:
        """Send a write; return whether its condition held."""
        for attempt in range(ATTEMPTS):
            try:
                self._client.call(
                    operation, {**payload, "TableName": self._table}, timeout_s=TIMEOUT_S
                )
            except AwsError as error:
                if error.code == "ConditionalCheckFailedException":
                    return False
                if not is_passing(error):
                    raise
            else:
                return True
            self._pause(0.01 * 2**attempt)
        raise ThrottledError("contention")
