"""A request that nobody waits for is not waited for before it is sent, either."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.store.journal import LEAST_S, Posting

if TYPE_CHECKING:
    from collections.abc import Iterator

ENV = {
    "AWS_REGION": "eu-south-1",
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}


class AfterHandshake:
    """A TLS connection on which nothing but session tickets came: readable, and nothing to read."""

    def __init__(self, readable: int) -> None:
        self._readable = readable
        self.waited_s: list[float] = []
        self.sent = b""
        self._timeout_s = 0.0

    def fileno(self) -> int:
        return self._readable

    def settimeout(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def recv(self, _size: int) -> bytes:
        self.waited_s.append(self._timeout_s)
        raise TimeoutError

    def sendall(self, request: bytes) -> None:
        self.sent += request

    def close(self) -> None:
        pass


@pytest.fixture
def connection() -> Iterator[AfterHandshake]:
    readable, writable = os.pipe()
    os.write(writable, b"!")
    yield AfterHandshake(readable)
    os.close(readable)
    os.close(writable)


def test_the_first_request_after_a_handshake_does_not_wait_for_session_tickets(
    connection: AfterHandshake,
) -> None:
    posting = Posting("dynamodb", env=ENV)
    posting._socket = connection  # type: ignore[assignment] # as much of a socket as is used
    posting.post("TransactWriteItems", {}, timeout_s=1.0)
    assert connection.waited_s == [LEAST_S]
    assert connection.sent.startswith(b"POST / HTTP/1.1\r\n")
