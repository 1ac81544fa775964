"""How requests leave: what a client has to offer, and operations written as steps.

An operation of several requests is a generator: it yields a request and is sent the answer. Who
runs it decides when each request leaves, so a test can let two writers take turns.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from centralino.adapters.aws import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sender(Protocol):
    """What sends one request to DynamoDB: `adapters/aws.py`'s Client."""

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            AwsError: DynamoDB refused this request.
            UnavailableError: there is no answer.
        """


class TextSender(Sender, Protocol):
    """What sends requests that are written down already, too: the call path writes its own."""

    def call_text(self, operation: str, text: str, *, timeout_s: float) -> dict[str, Any]:
        """Send a request whose parameters are JSON and return its answer; see `call`."""


class Request(NamedTuple):
    """One request: the API's name of the operation and its parameters in the API's own JSON."""

    operation: str
    payload: dict[str, Any]


Result = TypeVar("Result")
Steps = Generator[Request, dict[str, Any], Result]


def run(steps: Steps[Result], client: Sender, timeout_s: float) -> Result:
    """Take an operation's steps one after the other and return what it comes to.

    Args:
        steps: the operation.
        client: sends its requests.
        timeout_s: for each request, the client's retry included.

    Raises:
        UnavailableError: a request had no answer.
    """
    try:
        request = next(steps)
        while True:
            try:
                answer = client.call(request.operation, request.payload, timeout_s=timeout_s)
            except AwsError as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as done:
        result: Result = done.value
        return result
