"""A proxy before DynamoDB Local that counts what passes and goes wrong when told to.

DynamoDB Local never throttles, never leaves keys unprocessed, never conflicts and never dies; the
real service and the network do. The proxy speaks HTTP/1.1 on the loopback, over TLS if asked::

    with FaultProxy(dynamodb.endpoint) as proxy:
        proxy.fault = faults.black_hole()

`faults` holds what can go wrong; `proxy.requests` what was asked, in order.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from http import HTTPStatus
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

from tests.support.certificates import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_LONGEST_LINE = 65_536


class Request(NamedTuple):
    """One request as it came.

    Attributes:
        operation: the API's name of it, as `BatchGetItem`.
        payload: its parameters.
        size: the length of its body in bytes.
        headers: its headers, with lower-case names.
        connection: which connection it came on, counted from 1.
    """

    operation: str
    payload: dict[str, Any]
    size: int
    headers: Mapping[str, str]
    connection: int

    @property
    def keys(self) -> list[dict[str, Any]]:
        """The keys that it reads, in order; of a BatchGetItem those of every table."""
        if "Key" in self.payload:
            return [self.payload["Key"]]
        asked = self.payload.get("RequestItems", {})
        return [key for table in asked.values() for key in table["Keys"]] if self.reads else []

    @property
    def reads(self) -> bool:
        """Whether it is a BatchGetItem."""
        return self.operation == "BatchGetItem"


class Answer(NamedTuple):
    """What goes back: the status, the payload and the bytes of the body."""

    status: int
    body: bytes

    @classmethod
    def of(cls, status: int, payload: Mapping[str, Any]) -> Answer:
        """Make an answer of a payload."""
        return cls(status, json.dumps(payload).encode())

    @property
    def payload(self) -> dict[str, Any]:
        """The body, read as JSON."""
        return cast("dict[str, Any]", json.loads(self.body))

    def encode(self) -> bytes:
        """Return it as HTTP."""
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


class Fault(NamedTuple):
    """Something that goes wrong.

    Attributes:
        name: what the tests and the fault table call it.
        handle: called for each request instead of passing it on.
        deaf: whether new connections are accepted and then ignored, before TLS and HTTP.
    """

    name: str
    handle: Callable[[Exchange], None]
    deaf: bool = False


class Exchange:
    """One request in the hands of a fault, and what can be done with it."""

    def __init__(self, proxy: FaultProxy, handler: _Handler, request: Request, body: bytes) -> None:
        self.request = request
        self._proxy = proxy
        self._handler = handler
        self._body = body

    def forward(self, payload: Mapping[str, Any] | None = None) -> Answer:
        """Ask the server behind, with another payload if one is given, and return its answer."""
        body = self._body if payload is None else json.dumps(payload).encode()
        headers = {
            name: value
            for name, value in self.request.headers.items()
            if name.startswith("x-amz-") or name in {"authorization", "content-type"}
        }
        return self._handler.ask_upstream(body, headers)

    def send(self, answer: Answer) -> None:
        """Answer the client."""
        self.send_bytes(answer.encode())

    def send_bytes(self, data: bytes) -> None:
        """Send the client just these bytes."""
        self._handler.connection.sendall(data)

    def wait(self, seconds: float | None = None) -> None:
        """Do nothing for some seconds; without a number, until the proxy ends."""
        self._proxy.closing.wait(seconds)

    def close(self) -> None:
        """Close the connection in good order."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """Break the connection off (RST)."""
        _linger(self._handler.connection)
        self._handler.close_connection = True


class FaultProxy:
    """The proxy itself, alive for the length of a `with` block.

    Args:
        upstream: the URL of the server behind it.
        directory: where to keep the certificate of TLS; plain HTTP without one.

    Attributes:
        fault: what goes wrong now; `None` for nothing.
        requests: what came, in order.
        connections: how many connections were accepted.
        endpoint: the proxy's URL.
        env: what makes a client of ours trust and use it.
    """

    def __init__(self, upstream: str, directory: Path | None = None) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.fault: Fault | None = None
        self.requests: list[Request] = []
        self.connections = 0
        self.closing = threading.Event()
        self.frozen: set[int] = set()
        self._lock = threading.Lock()
        self._sockets: dict[int, socket.socket] = {}
        self._context: ssl.SSLContext | None = None
        self._server = _Server(self)
        address = f"127.0.0.1:{self._server.server_address[1]}"
        self.endpoint = f"http://{address}"
        self.env: dict[str, str] = {}
        if directory is not None:
            pem = make_certificate(directory)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(pem)
            self.endpoint = f"https://{address}"
            self.env["AWS_CA_BUNDLE"] = str(pem)
        self.env["AWS_ENDPOINT_URL_DYNAMODB"] = self.endpoint
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._sockets.values()):
            _shut(connection)
        self._server.server_close()  # waits for the connections' threads

    @property
    def operations(self) -> list[str]:
        """The names of what was asked, in order."""
        return [request.operation for request in self.requests]

    def clear(self) -> None:
        """Forget what was asked so far and let nothing go wrong any more."""
        self.fault = None
        self.requests.clear()

    def freeze(self) -> None:
        """Answer nothing more on the connections there are: their clients won't be told."""
        self.frozen.update(range(1, self.connections + 1))

    def drop_connections(self, *, reset: bool = False) -> None:
        """Close the connections there are, as a server does with idle ones, or break them off."""
        for connection in list(self._sockets.values()):
            if reset:
                _linger(connection)
                _shut(connection, socket.SHUT_RD)
            else:
                _shut(connection)

    def accept(self, connection: socket.socket) -> tuple[int, socket.socket]:
        """Take a new connection in: number it and do TLS's part, unless the fault is deaf."""
        with self._lock:
            self.connections += 1
            number = self.connections
        self._sockets[number] = connection
        if self.fault is not None and self.fault.deaf:
            self.closing.wait()
        elif self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
            self._sockets[number] = connection
        return number, connection

    def forget(self, number: int) -> None:
        """Take a connection that ended out of the list."""
        self._sockets.pop(number, None)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up, and TLS that fails, are what the tests are about."""


class _Handler(StreamRequestHandler):
    """One connection of a client, and the one of its own to the server behind.

    It reads HTTP by hand: the library's way to read a head would be most of what the proxy costs.
    """

    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        self.proxy = self.server.proxy
        self.number, self.request = self.proxy.accept(self.request)
        self.close_connection = False
        self.upstream: socket.socket | None = None
        super().setup()

    def handle(self) -> None:
        """Take requests until one side has had enough."""
        while not self.close_connection:
            line, headers = _read_head(self.rfile)
            if not line:
                return
            self._take(headers, self.rfile.read(int(headers["content-length"])))

    def finish(self) -> None:
        self.proxy.forget(self.number)
        if self.upstream is not None:
            self._hang_up()
        super().finish()
        self.connection.close()

    def ask_upstream(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Ask the server behind, on a connection that is as old as the client's."""
        if self.upstream is None:
            host, _, port = self.proxy.upstream.rpartition(":")
            self.upstream = socket.create_connection((host, int(port)), timeout=60)
            self.upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._answers = self.upstream.makefile("rb")
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"POST / HTTP/1.1\r\nhost: {self.proxy.upstream}\r\n{told}"
            f"content-length: {len(body)}\r\n\r\n"
        )
        try:
            self.upstream.sendall(head.encode() + body)
            line, answered = _read_head(self._answers)
            # IndexError for one who hung up.
            return Answer(int(line.split()[1]), _read_body(self._answers, answered))
        except BaseException:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        if self.upstream is not None:
            self._answers.close()
            self.upstream.close()
            self.upstream = None

    def _take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Record a request, then pass it on or let the fault have it."""
        request = Request(
            operation=headers.get("x-amz-target", "").rpartition(".")[2],
            payload=json.loads(body),
            size=len(body),
            headers=headers,
            connection=self.number,
        )
        if self.number in self.proxy.frozen:
            self.proxy.closing.wait()
            self.close_connection = True
            return
        self.proxy.requests.append(request)
        exchange = Exchange(self.proxy, self, request, body)
        fault = self.proxy.fault
        if fault is None:
            exchange.send(exchange.forward())
        else:
            fault.handle(exchange)


def _read_head(stream: BufferedIOBase) -> tuple[str, dict[str, str]]:
    """Return a message's first line, empty at the end, and its headers with lower-case names."""
    first = stream.readline(_LONGEST_LINE).decode("latin-1").strip()
    headers = {}
    while line := stream.readline(_LONGEST_LINE).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return first, headers


def _read_body(stream: BufferedIOBase, headers: Mapping[str, str]) -> bytes:
    """Return an answer's body, which may come in chunks."""
    if "content-length" in headers:
        return stream.read(int(headers["content-length"]))
    body = b""
    while size := int(stream.readline(_LONGEST_LINE), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def _shut(connection: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    """Wake the thread that reads a connection; by itself that sends FIN, or with `SHUT_RD` nothing.

    The plain socket's method even for TLS, whose own forgets what the reading thread still uses.
    """
    with contextlib.suppress(OSError):  # the client was first
        socket.socket.shutdown(connection, how)


def _linger(connection: socket.socket) -> None:
    """Let the connection end with RST when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
