"""TLS in front of DynamoDB Local, which speaks plain HTTP: bytes pass as they are.

The proxy of the tests looks into every request, which takes milliseconds that a cold start is made
of; this one only adds what TLS costs.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.certificates import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 65_536


@contextmanager
def tls_in_front_of(
    port: int, directory: Path, *, certificate: Path | None = None
) -> Iterator[tuple[str, Path]]:
    """Yield the URL of a TLS endpoint and the certificate that signs it (PEM).

    Args:
        port: where the server behind listens on the loopback.
        directory: where to keep the certificate.
        certificate: that of another endpoint, to be used for this one too.
    """
    pem = certificate or make_certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=_accept, args=(server, context, port), daemon=True)
        accepting.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}", pem
        server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        accepting.join()


def _accept(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):  # the end
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection, context, port), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """Pass bytes both ways until one side is done."""
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(connection, server_side=True) as client,
        socket.create_connection(("127.0.0.1", port)) as behind,
    ):
        for side in (client, behind):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            readable, _, _ = select.select([client, behind], [], [])
            if client in readable:
                data = client.recv(CHUNK)
                while client.pending():
                    data += client.recv(client.pending())
                if not data:
                    return
                behind.sendall(data)
            if behind in readable:
                data = behind.recv(CHUNK)
                if not data:
                    return
                client.sendall(data)
