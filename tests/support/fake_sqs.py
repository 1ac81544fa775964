"""SQS in memory: one queue with its dead-letter queue, on a clock that a test turns by hand.

As unkind as the contract: what is received is only hidden for a while, every reception counts, and
after the last one a message goes to the dead-letter queue. `SqsServer` speaks the JSON protocol on
loopback; `Poller` is Lambda's, with partial batch responses.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from centralino.adapters.aws import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

URL = "https://sqs.eu-south-1.amazonaws.com/123456789012/worker"
ARN = "arn:aws:sqs:eu-south-1:123456789012:worker"
DEAD_ARN = f"{ARN}-dead"
VISIBILITY_S = 720
LONGEST_DELAY_S = 900
LONGEST_VISIBILITY_S = 43_200
BATCH = 10


class Message(NamedTuple):
    """One message of the queue.

    Attributes:
        id: the queue's own.
        body: the text.
        visible_at: hidden until then.
        receives: how often it was received.
        receipt: of the last reception.
    """

    id: str
    body: str
    visible_at: float
    receives: int = 0
    receipt: str = ""


class FakeSqs:
    """The queue; `adapters/store/sender.py`'s Sender.

    Attributes:
        now_s: the time, seconds since 1970.
        messages: what waits or is under way, by id.
        dead: what is in the dead-letter queue, by id.
        faults: exceptions to raise, one a request.
        sent: how many messages were sent.
    """

    def __init__(self, now_s: float = 1_795_000_000.0, max_receives: int = 5) -> None:
        self.now_s = now_s
        self.messages: dict[str, Message] = {}
        self.dead: dict[str, Message] = {}
        self.faults: list[Exception] = []
        self.sent = 0
        self._max_receives = max_receives
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        assert timeout_s > 0
        with self._lock:
            if self.faults:
                raise self.faults.pop(0)
            assert payload.get("QueueUrl", URL) == URL
            answer: dict[str, Any] = getattr(self, f"_{operation}")(payload)
            return answer

    def put(self, message: Mapping[str, Any] | str) -> str:
        """Send a message as the receiver does."""
        body = message if isinstance(message, str) else json.dumps(message)
        answer = self.call("SendMessage", {"QueueUrl": URL, "MessageBody": body}, timeout_s=1)
        return str(answer["MessageId"])

    def redrive(self) -> None:
        """Move everything back from the dead-letter queue, as an operator does."""
        self.call("StartMessageMoveTask", {"SourceArn": DEAD_ARN}, timeout_s=1)

    def wait(self) -> bool:
        """Turn the clock until a message is visible; return whether there is one."""
        if not self.messages:
            return False
        self.now_s = max(self.now_s, min(m.visible_at for m in self.messages.values()))
        return True

    def _SendMessage(self, payload: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - the API's
        delay_s = payload.get("DelaySeconds", 0)
        if not 0 <= delay_s <= LONGEST_DELAY_S:
            raise AwsError("InvalidParameterValue", "DelaySeconds", {})
        self.sent += 1
        message_id = f"message-{next(self._ids)}"
        body = payload["MessageBody"]
        self.messages[message_id] = Message(message_id, body, self.now_s + delay_s)
        return {"MessageId": message_id}

    def _ReceiveMessage(self, payload: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found: list[dict[str, Any]] = []
        for message in list(self.messages.values()):
            if message.visible_at > self.now_s or len(found) >= payload["MaxNumberOfMessages"]:
                continue
            if message.receives >= self._max_receives:
                self.dead[message.id] = self.messages.pop(message.id)
                continue
            taken = message._replace(
                visible_at=self.now_s + VISIBILITY_S,
                receives=message.receives + 1,
                receipt=f"receipt-{next(self._ids)}",
            )
            self.messages[message.id] = taken
            found.append(
                {
                    "MessageId": taken.id,
                    "ReceiptHandle": taken.receipt,
                    "Body": taken.body,
                    "MD5OfBody": hashlib.md5(taken.body.encode()).hexdigest(),  # noqa: S324 - SQS's
                    "Attributes": {"ApproximateReceiveCount": str(taken.receives)},
                }
            )
        return {"Messages": found}

    def _DeleteMessage(self, payload: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        message = self._received(payload)
        if message:
            del self.messages[message.id]
        return {}

    def _ChangeMessageVisibility(self, payload: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        message = self._received(payload)
        wait_s = payload["VisibilityTimeout"]
        if message is None:
            raise AwsError("MessageNotInflight", "not in flight", {})
        if not isinstance(wait_s, int) or not 0 <= wait_s <= LONGEST_VISIBILITY_S:
            raise AwsError("InvalidParameterValue", "VisibilityTimeout", {})
        self.messages[message.id] = message._replace(visible_at=self.now_s + wait_s)
        return {}

    def _StartMessageMoveTask(self, payload: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert payload == {"SourceArn": DEAD_ARN}
        for message in self.dead.values():
            # It comes back as if it had never been received.
            self.messages[message.id] = Message(message.id, message.body, self.now_s)
        self.dead.clear()
        return {"TaskHandle": "task"}

    def _received(self, payload: Mapping[str, Any]) -> Message | None:
        receipt = payload["ReceiptHandle"]
        return next((m for m in self.messages.values() if m.receipt == receipt), None)


def event_of(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return received messages as Lambda hands them to a function."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN,
                "awsRegion": "eu-south-1",
            }
            for message in messages
        ]
    }


class Context:
    """What Lambda tells a function of its call."""

    def __init__(self, left_s: float = 120.0) -> None:
        self.left_s = left_s

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left_s * 1000)


class Poller:
    """Lambda's poller: hands batches to a function and deletes what it did.

    Args:
        call: sends a request to SQS: operation and payload.
        handler: the function.
    """

    def __init__(
        self,
        call: Callable[[str, dict[str, Any]], dict[str, Any]],
        handler: Callable[[dict[str, Any], Any], Mapping[str, Any]],
    ) -> None:
        self._call = call
        self._handler = handler

    def poll(self, batch: int = BATCH) -> int:
        """Take one batch; return how many messages it had."""
        wanted = {"QueueUrl": URL, "MaxNumberOfMessages": batch}
        messages = self._call("ReceiveMessage", wanted).get("Messages", [])
        if messages:
            answer = self._handler(event_of(messages), Context())
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in failed:
                    receipt = {"QueueUrl": URL, "ReceiptHandle": message["ReceiptHandle"]}
                    self._call("DeleteMessage", receipt)
        return len(messages)


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: workers that are killed are what the tests are about."""


class SqsServer:
    """The queue on loopback, for the length of a `with` block.

    Args:
        sqs: the queue.
        before: called with each operation before it is carried out.
        after: called with each operation when it was, before the answer.
    """

    def __init__(
        self,
        sqs: FakeSqs,
        before: Callable[[str], None] = lambda _: None,
        after: Callable[[str], None] = lambda _: None,
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Keep quiet."""

            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
                operation = self.headers["x-amz-target"].rpartition(".")[2]
                before(operation)
                try:
                    status, answer = 200, sqs.call(operation, payload, timeout_s=1)
                except AwsError as error:
                    status, answer = 400, {"__type": f"com.amazonaws.sqs#{error.code}"}
                after(operation)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.0")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
