"""HTTP servers on loopback that fail as a service, a gateway or a network on the way can fail."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "127.0.0.1"


def response(status: str, content_type: str, body: str, *headers: str) -> bytes:
    """Return a whole response, ready for `answering`."""
    content = body.encode()
    lines = [
        f"HTTP/1.1 {status}",
        f"content-type: {content_type}",
        f"content-length: {len(content)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@contextmanager
def stopped() -> Iterator[str]:
    """Nobody listens: the connection is refused at once."""
    with socket.socket() as reserved:
        # Bound but not listening: the port is nobody else's, and it refuses.
        reserved.bind((LOOPBACK, 0))
        yield _url(reserved)


@contextmanager
def hung() -> Iterator[str]:
    """The connection opens, and nothing ever comes."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        # The system accepts on the listener's behalf, so nobody needs to.
        yield _url(listener)


@contextmanager
def unreachable() -> Iterator[str]:
    """The connection never opens: packets vanish, as behind a firewall that drops them."""
    # One connection that nobody accepts fills the queue; the system drops what comes after.
    with (
        socket.create_server((LOOPBACK, 0), backlog=0) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        yield _url(listener)


@contextmanager
def answering(*pieces: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """Every request is answered with these bytes, a piece at a time, whatever was asked."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        stop = threading.Event()
        answerer = threading.Thread(
            target=_answer_all, args=(listener, pieces, pause_s, stop), daemon=True
        )
        answerer.start()
        try:
            yield _url(listener)
        finally:
            stop.set()
            # Wakes it from `accept`.
            socket.create_connection(listener.getsockname()).close()
            answerer.join()


def _answer_all(
    listener: socket.socket, pieces: tuple[bytes, ...], pause_s: float, stop: threading.Event
) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            if stop.is_set():
                return
            request = b""
            while b"\r\n\r\n" not in request and (received := connection.recv(65536)):
                request += received
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    if pause_s and stop.wait(pause_s):
                        break
            except OSError:
                continue  # the client had enough, which is what it is tried for


def _url(listener: socket.socket) -> str:
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"
