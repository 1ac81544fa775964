"""SQS, SSM and Secrets Manager on loopback, as far as our client asks them; they fail when told to.

Contracts: the API references of SendMessage, GetParameter and GetSecretValue. Like the services, it
answers an unknown name with the service's own error.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import Client
from tests.support.fault_proxy import Answer, Fault, FaultProxy

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.support.fault_proxy import Exchange

QUEUE_URL = "https://sqs.eu-south-1.amazonaws.com/111122223333/crm"
MAX_MESSAGE = 1024 * 1024


class FakeAws:
    """The services, alive for the length of a `with` block.

    Attributes:
        parameters: SSM's, by name.
        secrets: Secrets Manager's, by name.
        messages: what the queue keeps, in order, decoded.
        delays_s: for how long it keeps each of them back.
        broken: operation -> what goes wrong with it.
        lost: operations that are done, but whose answer the client doesn't get the first time.
        env: what makes a client of ours use it.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.messages: list[dict[str, Any]] = []
        self.delays_s: list[int] = []
        self.broken: dict[str, Fault] = {}
        self.lost: set[str] = set()
        self._clients: list[Client] = []
        self._proxy = FaultProxy("http://127.0.0.1:9")
        self._proxy.fault = Fault("fake AWS", self._handle)
        self.env = {
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-south-1",
            "AWS_ENDPOINT_URL_SQS": self._proxy.endpoint,
            "AWS_ENDPOINT_URL_SSM": self._proxy.endpoint,
            "AWS_ENDPOINT_URL_SECRETSMANAGER": self._proxy.endpoint,
        }

    def client(self, service: str) -> Client:
        """Return our client for one of the services; it is closed with the services."""
        self._clients.append(Client(service, env=self.env))
        return self._clients[-1]

    @property
    def operations(self) -> list[str]:
        """The names of what was asked, in order."""
        return self._proxy.operations

    def __enter__(self) -> Self:
        self._proxy.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        self._proxy.__exit__(kind, error, trace)

    def _handle(self, exchange: Exchange) -> None:
        operation = exchange.request.operation
        if operation in self.broken:
            self.broken[operation].handle(exchange)
            return
        answer = getattr(self, f"_{operation}")(exchange.request.payload)
        if operation in self.lost:
            self.lost.discard(operation)
            exchange.close()
            return
        exchange.send(answer)

    def _SendMessage(self, payload: dict[str, Any]) -> Answer:  # noqa: N802 - AWS's spelling
        if payload["QueueUrl"] != QUEUE_URL:
            return _error("QueueDoesNotExist")
        body = payload["MessageBody"]
        if len(body.encode()) > MAX_MESSAGE:
            return _error("InvalidParameterValue")
        self.messages.append(json.loads(body))
        self.delays_s.append(payload.get("DelaySeconds", 0))
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        count = str(len(self.messages))
        return Answer.of(200, {"MessageId": count, "MD5OfMessageBody": digest})

    def _ChangeMessageVisibility(self, payload: dict[str, Any]) -> Answer:  # noqa: N802 - AWS's
        if payload["QueueUrl"] != QUEUE_URL:
            return _error("QueueDoesNotExist")
        return Answer.of(200, {})

    def _GetParameter(self, payload: dict[str, Any]) -> Answer:  # noqa: N802 - AWS's spelling
        name = payload["Name"]
        if payload.get("WithDecryption") is not True:
            value = "still encrypted"
        elif (value := self.parameters.get(name, "")) == "":
            return _error("ParameterNotFound")
        return Answer.of(200, {"Parameter": {"Name": name, "Value": value}})

    def _GetSecretValue(self, payload: dict[str, Any]) -> Answer:  # noqa: N802 - AWS's spelling
        name = payload["SecretId"]
        if name not in self.secrets:
            return _error("ResourceNotFoundException")
        return Answer.of(200, {"Name": name, "SecretString": self.secrets[name]})


def _error(code: str) -> Answer:
    return Answer.of(400, {"__type": f"com.amazonaws#{code}", "message": "as the service says"})
