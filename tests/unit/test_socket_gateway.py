"""Sending through the connections of the WebSocket API: one signed request each."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import boto3
import pytest
import time_machine
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from centralino.adapters.sockets import GatewaySockets
from centralino.domain.errors import (
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.ports.sockets import GoneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSPreparedRequest

AT = 1_790_000_000
URL = "https://abc123.execute-api.eu-south-1.amazonaws.com/ari"
ENV = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "a session's token",
    "AWS_REGION": "eu-south-1",
}
SOCKET = "L0SM9cOFvHcCIhw="
FRAME = '{"type": "RESTRequest", "uri": "channels", "è": 1}'


def sent_by_boto3(operation: str, **parameters: Any) -> AWSPreparedRequest:  # noqa: ANN401 - boto3's
    """Return the request that Amazon's own library sends for the same."""
    client: Any = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=URL,
        region_name=ENV["AWS_REGION"],
        aws_access_key_id=ENV["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENV["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=ENV["AWS_SESSION_TOKEN"],
    )
    requests: list[Any] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        raw = SimpleNamespace(stream=lambda: iter([b""]))
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    def with_our_type(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        # Our content type is signed with the rest, so theirs gets the same one.
        del request.headers["Content-Type"]
        request.headers["Content-Type"] = "application/json"

    client.meta.events.register("before-send", answer)
    client.meta.events.register("before-sign", with_our_type)
    with time_machine.travel(AT, tick=False):
        getattr(client, operation)(**parameters)
    request: AWSPreparedRequest = requests[0]
    return request


@pytest.mark.parametrize("socket_id", [SOCKET, "abc", "a+b/c==", "A_b-9="])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_request_is_signed_and_addressed_as_amazons_library_does_it(
    socket_id: str, method: str
) -> None:
    client = GatewaySockets(URL, env=ENV, clock=lambda: AT)
    body = FRAME.encode() if method == "POST" else b""
    client._method = method

    head, _, sent = client._sign(socket_id, body).partition(b"\r\n\r\n")

    first, *lines = head.decode().split("\r\n")
    ours = dict(line.split(":", 1) for line in lines)
    theirs = (
        sent_by_boto3("post_to_connection", ConnectionId=socket_id, Data=body)
        if method == "POST"
        else sent_by_boto3("delete_connection", ConnectionId=socket_id)
    )
    assert sent == body
    assert first.split()[0] == theirs.method
    assert f"https://{ours['host']}{first.split()[1]}" == theirs.url
    signature = theirs.headers["Authorization"]
    signature = signature.decode() if isinstance(signature, bytes) else signature
    assert ours["authorization"] == signature


def test_the_signatures_of_thousands_of_connections_are_not_kept() -> None:
    client = GatewaySockets(URL, env=ENV, clock=lambda: AT)
    for number in range(100):
        client._sign(f"L{number}=", b"")

    assert len(client._forms) < 2


class Api:
    """The WebSocket API's side for sending, on loopback; answers what it is told to.

    Attributes:
        status: of every answer.
        requests: method, path and body.
        lengths: whether an answer without content says so.
    """

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, str, bytes]] = []
        self.lengths = True
        self.closes = False
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                api.requests.append((self.command, self.path, body))
                text = b'{"message": null}' if api.status >= 400 else b""
                self.send_response(api.status)
                if api.lengths:
                    self.send_header("Content-Length", str(len(text)))
                if api.closes:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_DELETE = handle_any  # noqa: N815 - the library's

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as api:
        yield api


@pytest.fixture
def client(api: Api) -> Iterator[GatewaySockets]:
    env = ENV | {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": api.origin}
    client = GatewaySockets(URL, env=env)
    yield client
    client.close()


def test_a_frame_is_sent_to_its_connection(api: Api, client: GatewaySockets) -> None:
    client.post(SOCKET, FRAME, timeout_s=2)
    client.post(SOCKET, FRAME, timeout_s=2)

    path = "/ari/@connections/L0SM9cOFvHcCIhw%3D"
    assert api.requests == [("POST", path, FRAME.encode())] * 2


@pytest.mark.parametrize("lengths", [True, False])
def test_a_connection_is_closed(api: Api, client: GatewaySockets, *, lengths: bool) -> None:
    api.status, api.lengths = 204, lengths
    client.disconnect(SOCKET, timeout_s=2)
    api.status = 200
    api.lengths = True
    client.post(SOCKET, FRAME, timeout_s=2)

    assert [method for method, _, _ in api.requests] == ["DELETE", "POST"]


def test_an_api_that_closes_after_each_answer_is_asked_anew(
    api: Api, client: GatewaySockets
) -> None:
    api.closes = True
    for _ in range(3):
        client.post(SOCKET, FRAME, timeout_s=2)

    assert len(api.requests) == 3


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (410, GoneError, "gone"),
        (429, ThrottledError, "throttled"),
        (403, RejectedError, "permissions"),
        (413, RejectedError, "too_large"),
        (400, RejectedError, "request"),
        (500, UnavailableError, "server"),
        (504, UnavailableError, "server"),
    ],
)
def test_what_keeps_a_frame_from_being_sent_is_told(
    api: Api, client: GatewaySockets, status: int, error: type[UnavailableError], reason: str
) -> None:
    api.status = status
    with pytest.raises(error) as caught:
        client.post(SOCKET, FRAME, timeout_s=2)
    assert (type(caught.value), caught.value.reason) == (error, reason)
    assert len(api.requests) == 1


def test_closing_what_is_closed_is_no_error(api: Api, client: GatewaySockets) -> None:
    api.status = 410
    client.disconnect(SOCKET, timeout_s=2)

    assert [method for method, _, _ in api.requests] == ["DELETE"]


@pytest.mark.parametrize("socket_id", ["", "a b", "a\r\nx: y", "a?b", "a%2e", "x" * 200])
def test_what_is_no_id_of_a_connection_is_sent_nowhere(
    api: Api, client: GatewaySockets, socket_id: str
) -> None:
    with pytest.raises(GoneError):
        client.post(socket_id, FRAME, timeout_s=2)
    assert api.requests == []


def test_an_api_that_is_away_is_told(client: GatewaySockets) -> None:
    away = GatewaySockets("http://127.0.0.1:9/ari", env=ENV)
    assert client
    with pytest.raises(UnavailableError) as caught:
        away.post(SOCKET, FRAME, timeout_s=1)
    assert caught.value.reason == "connection"


@pytest.mark.parametrize("url", ["", "abc", "wss://abc/ari", "https://", "https://a/b?c"])
def test_what_is_no_url_of_an_api_is_named(url: str) -> None:
    with pytest.raises(PayloadError, match="CENTRALINO_SOCKETS"):
        GatewaySockets(url, env=ENV)
