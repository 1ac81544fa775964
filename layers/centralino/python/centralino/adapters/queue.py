"""The worker's queue in SQS.

A message may have 1,048,576 bytes, attributes included:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

from __future__ import annotations

import json

from centralino.adapters.aws import AwsError
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.adapters.store.sender import Sender

# Some room is left below the limit: whoever moves messages by hand may add attributes.
MAX_BYTES = 1_000_000
TIMEOUT_S = 2.0
# ASCII alone: SQS replaces some control characters, and a message is as long as its text.
_encode = json.JSONEncoder(separators=(",", ":")).encode


class SqsQueue:
    """A standard queue; see the port.

    Args:
        client: the signed client of `sqs`.
        url: the queue's URL.
    """

    max_bytes = MAX_BYTES

    def __init__(self, client: Sender, url: str) -> None:
        self._client = client
        self._url = url

    def send(
        self, message: Mapping[str, object], *, delay_s: int = 0, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Keep a message; see the port.

        An attempt whose answer got lost is repeated: then the queue has the message twice.
        """
        payload: dict[str, object] = {"QueueUrl": self._url, "MessageBody": _encode(message)}
        if delay_s:
            payload["DelaySeconds"] = delay_s
        try:
            answer = self._client.call("SendMessage", payload, timeout_s=timeout_s)
        except AwsError as error:
            raise RejectedError(error.code) from error
        if not answer.get("MessageId"):
            raise UnavailableError("malformed")

    def postpone(self, receipt: str, wait_s: int) -> None:
        """Let a message come back at another time; see the port."""
        payload = {"QueueUrl": self._url, "ReceiptHandle": receipt, "VisibilityTimeout": wait_s}
        try:
            self._client.call("ChangeMessageVisibility", payload, timeout_s=TIMEOUT_S)
        except AwsError as error:
            # A receipt that is too old among them: the message is somebody else's by now.
            raise RejectedError(error.code) from error
