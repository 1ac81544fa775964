"""Powertools' idempotency without boto3, which four fifths of importing it would be.

The package imports its own layer for DynamoDB, whether anybody wants it or not; ours
(`adapters/store/request_records.py`) stands in for that while the package is imported. What asks
for the real one afterwards gets it.
https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/
"""

from __future__ import annotations

import sys
from types import ModuleType

_BACKEND = "aws_lambda_powertools.utilities.idempotency.persistence.dynamodb"
_absent = _BACKEND not in sys.modules
if _absent:
    _stand_in = ModuleType(_BACKEND)
    _stand_in.DynamoDBPersistenceLayer = None  # type: ignore[attr-defined] # nobody builds one
    sys.modules[_BACKEND] = _stand_in
try:
    from aws_lambda_powertools.utilities.idempotency.base import IdempotencyHandler
    from aws_lambda_powertools.utilities.idempotency.config import IdempotencyConfig
    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
finally:
    if _absent:
        del sys.modules[_BACKEND]

__all__ = ["BasePersistenceLayer", "IdempotencyConfig", "IdempotencyHandler"]
