"""The worker: applies what CRMs told, reconciles, and imports, from the queue.

Of a batch only the messages that are not done come back.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from centralino.entry.apply import build_worker

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

worker = build_worker()
# That all of a batch is to come back is no error of the function: its metrics say what failed.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Do what a batch of messages asks for."""
    return process_partial_response(
        event=event, record_handler=worker.take, processor=processor, context=context
    )
