"""Who may renew the access token of a connection, in DynamoDB; the token itself is elsewhere."""

from __future__ import annotations

import math

from centralino.adapters.store.one_tenant import OneTenant
from centralino.adapters.store.table import SCHEMA, token_claim_key


class DynamoTokenClaims(OneTenant):
    """The claims of one tenant; half of `ports/tokens.py`'s TokenStore for each provider."""

    def claim(self, provider: str, until: float) -> int:
        """Claim to be the one who renews; see the port."""
        # Whole milliseconds, so that two who claim in one second have claims of their own.
        claim = math.ceil(until * 1000)
        update = {
            "TableName": self._table,
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
        return 0 if self._transact([{"Update": update}]) else claim

    def release(self, provider: str, claim: int) -> None:
        """Give up a claim; see the port."""
        delete = {
            "TableName": self._table,
            "Key": token_claim_key(self.tenant, provider),
            "ConditionExpression": "claim = :claim",
            "ExpressionAttributeValues": {":claim": {"N": str(claim)}},
        }
        self._transact([{"Delete": delete}])
