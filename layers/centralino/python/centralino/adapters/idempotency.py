"""Requests that are done once: Powertools' idempotency behind `ports/once.py`.

https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from centralino.adapters.powertools_idempotency import (  # first: the rest is of that package
    BasePersistenceLayer,
    IdempotencyConfig,
    IdempotencyHandler,
)

# isort: split
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from centralino.domain.errors import InProgressError, ReusedKeyError, UnavailableError
from centralino.ports.once import KEPT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from centralino.ports.once import RunTime

# As long as the longest run that answers.
RETRY_AFTER_S = 5


class PowertoolsOnce:
    """Does the requests of one tenant once; see the port.

    Args:
        records: builds the tenant's records; Powertools configures them for one request.
        name: what is done, a part of every record's name.
    """

    def __init__(self, records: Callable[[], BasePersistenceLayer], name: str) -> None:
        self._records = records
        self._name = name

    def run(
        self,
        key: str,
        body: Mapping[str, object],
        do: Callable[[], dict[str, object]],
        run_time: RunTime,
    ) -> tuple[dict[str, object], bool]:
        """Do a request once; see the port."""
        done: list[dict[str, object]] = []
        failed: list[Exception] = []

        def work() -> dict[str, object]:
            try:
                answer = do()
            except Exception as error:
                failed.append(error)
                raise
            done.append(answer)
            return answer

        handler = IdempotencyHandler(
            function=work,
            function_payload={"key": key, "body": {**body}},
            config=IdempotencyConfig(
                event_key_jmespath="key",
                payload_validation_jmespath="body",
                expires_after_seconds=KEPT_S,
                hash_function="sha256",
                lambda_context=cast("LambdaContext", run_time),
            ),
            persistence_store=self._records(),
            key_prefix=self._name,
            function_args=(),
            function_kwargs={},
        )
        try:
            answer = handler.handle()
        except IdempotencyValidationError:
            raise ReusedKeyError from None
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError):
            raise InProgressError(RETRY_AFTER_S) from None
        except IdempotencyPersistenceLayerError as error:
            # It was done all the same, or it failed, and only the note of it is missing: until the
            # function's time is over the key is in progress, and then its call id tells.
            if failed:
                raise failed[0] from error
            if not done:
                raise UnavailableError("idempotency") from error
            answer = done[0]
        return cast("dict[str, object]", answer), not done
