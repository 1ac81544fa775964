"""Asking the function that asks the CRMs: one signed request, one answer or none."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
import time_machine
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from centralino.adapters.live_search import LambdaSearch
from centralino.domain.card import Card, write_card
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.ports.live_search import Question
from tests.support.calls import holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSPreparedRequest

AT = 1_790_000_000
ENV = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "a session's token",
    "AWS_REGION": "eu-south-1",
}
MILAN = "+390244556677"
QUESTION = Question("acme", "02 44556677", "0299", "milan", asked_at=AT, wait_s=0.8)
CARD = Card(MILAN, (holder("Mario", "Rossi", "Rossi Srl", contact="odoo:7", code="7"),), 3, AT)
FUNCTIONS = [
    "centralino-SearchCrmFunction-Abc123:live",
    "arn:aws:lambda:eu-south-1:123456789012:function:centralino-SearchCrmFunction-Abc123:live",
]


def sent_by_boto3(function: str, kind: str, body: bytes) -> AWSPreparedRequest:
    """Return the request that Amazon's own library sends for the same invocation."""
    client = boto3.client(
        "lambda",
        region_name=ENV["AWS_REGION"],
        aws_access_key_id=ENV["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENV["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=ENV["AWS_SESSION_TOKEN"],
    )
    requests: list[Any] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        raw = SimpleNamespace(stream=lambda: iter([b"{}"]))
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    client.meta.events.register("before-send", answer)
    # Our content type is signed with the rest, so theirs gets the same one.
    client.meta.events.register(
        "before-sign",
        lambda request, **_: request.headers.add_header("Content-Type", "application/json"),
    )
    with time_machine.travel(AT, tick=False):
        client.invoke(FunctionName=function, InvocationType=kind, Payload=body)
    request: AWSPreparedRequest = requests[0]
    return request


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_an_invocation_is_signed_and_addressed_as_amazons_library_does_it(
    function: str, kind: str
) -> None:
    client = LambdaSearch(function, env=ENV, clock=lambda: AT)
    body = b'{"tenant": "acme"}'

    head, _, sent = client._sign(kind, body).partition(b"\r\n\r\n")

    first, *lines = head.decode().split("\r\n")
    ours = dict(line.split(":", 1) for line in lines)
    theirs = sent_by_boto3(function, kind, body)
    assert sent == body
    assert f"https://{ours['host']}{first.split()[1]}" == theirs.url
    assert ours["x-amz-invocation-type"] == kind
    signature = theirs.headers["Authorization"]
    signature = signature.decode() if isinstance(signature, bytes) else signature
    assert ours["authorization"] == signature


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Lambda:
    """The service on loopback; answers what it is told to, or nothing at all."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: object = {"outcome": "unknown", "reason": "", "cards": []}
        self.silent = False
        self.requests: list[Request] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._stopped = threading.Event()

    @property
    def env(self) -> dict[str, str]:
        return ENV | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._listener.getsockname()[1]}"}

    @contextmanager
    def running(self) -> Iterator[Lambda]:
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            thread.join()
            self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            connection.settimeout(0.05)
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        while not self._stopped.is_set():
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return
            data += piece
            head, found, body = data.partition(b"\r\n\r\n")
            if not found:
                continue
            first, *lines = head.decode().split("\r\n")
            headers = dict(line.split(":", 1) for line in lines)
            if len(body) < int(headers["content-length"]):
                continue
            data = b""
            self.requests.append(Request(first.split()[1], headers, json.loads(body)))
            if self.silent:
                continue
            text = (
                self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
            )
            connection.sendall(
                b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s" % (self.status, len(text), text)
            )


@pytest.fixture
def service() -> Iterator[Lambda]:
    with Lambda().running() as service:
        yield service


@pytest.fixture
def client(service: Lambda) -> Iterator[LambdaSearch]:
    client = LambdaSearch("search:live", env=service.env)
    yield client
    client.close()


def test_the_cards_that_were_found_come_as_they_are_stored(
    service: Lambda, client: LambdaSearch
) -> None:
    service.answer = {"outcome": "found", "reason": "", "cards": [write_card(CARD)]}
    assert client.search(QUESTION) == {MILAN: CARD}
    [request] = service.requests
    assert request.headers["x-amz-invocation-type"] == "RequestResponse"
    assert request.body == {
        "v": 1,
        "tenant": "acme",
        "number": "02 44556677",
        "did": "0299",
        "trunk": "milan",
        "asked_at_ms": AT * 1000,
        "time_left_ms": 800,
        "refresh": False,
    }


def test_a_card_of_newer_code_is_understood(service: Lambda, client: LambdaSearch) -> None:
    number, total, refresh_at, [first] = write_card(CARD)
    card = [number, total, refresh_at, [[*first, "something new"]]]
    service.answer = {"outcome": "found", "reason": "", "cards": [card], "new": 1}
    assert client.search(QUESTION) == {MILAN: CARD}


def test_whom_nobody_knows_has_no_card(client: LambdaSearch) -> None:
    assert client.search(QUESTION) == {}


def test_a_crm_that_is_down_is_no_miss(service: Lambda, client: LambdaSearch) -> None:
    service.answer = {"outcome": "degraded", "reason": "odoo:timeout", "cards": []}
    with pytest.raises(UnavailableError) as failed:
        client.search(QUESTION)
    assert failed.value.reason == "crm odoo:timeout"


@pytest.mark.parametrize(
    "answer",
    [
        {"errorMessage": "Task timed out after 15.00 seconds"},
        {"errorType": "KeyError", "errorMessage": "'tenant'", "stackTrace": []},
        {"outcome": "found", "reason": "", "cards": [["+39"]]},
        {"outcome": "found", "reason": "", "cards": [["+39", 1, 0, 7]]},
    ],
)
def test_a_search_that_broke_is_no_miss(
    service: Lambda, client: LambdaSearch, answer: object
) -> None:
    service.answer = answer
    with pytest.raises(UnavailableError, match="search_failed"):
        client.search(QUESTION)


@pytest.mark.parametrize("answer", [b"", b"[]", b"nonsense"])
def test_what_is_no_answer_is_malformed(
    service: Lambda, client: LambdaSearch, answer: bytes
) -> None:
    service.answer = answer
    with pytest.raises(UnavailableError, match="malformed"):
        client.search(QUESTION)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (429, ThrottledError, "throttled"),
        (500, UnavailableError, "server"),
        (502, UnavailableError, "server"),
        (403, RejectedError, "permissions"),
        (404, RejectedError, "missing_function"),
        (400, RejectedError, "invalid_request"),
    ],
)
def test_a_refusal_is_not_tried_again_and_says_what_it_means(
    service: Lambda, client: LambdaSearch, status: int, kind: type[UnavailableError], reason: str
) -> None:
    service.status, service.answer = status, {"Message": "no"}
    with pytest.raises(UnavailableError) as failed:
        client.search(QUESTION)
    assert (type(failed.value), failed.value.reason) == (kind, reason)
    assert len(service.requests) == 1


def test_a_search_that_takes_too_long_is_asked_once_and_left(
    service: Lambda, client: LambdaSearch
) -> None:
    service.silent = True
    with pytest.raises(UnavailableError, match="timeout"):
        client.search(QUESTION._replace(wait_s=0.3))
    assert len(service.requests) == 1


def test_a_refresh_is_asked_for_and_nobody_waits_for_it(
    service: Lambda, client: LambdaSearch
) -> None:
    service.status, service.answer = 202, b""
    client.refresh(QUESTION)
    [request] = service.requests
    assert request.headers["x-amz-invocation-type"] == "Event"
    assert (request.body["refresh"], request.body["time_left_ms"]) == (True, 0)


def test_searches_in_a_row_share_a_connection(service: Lambda, client: LambdaSearch) -> None:
    for _ in range(3):
        client.search(QUESTION)
    assert service.connections == 1
