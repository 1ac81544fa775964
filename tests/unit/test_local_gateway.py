"""The gateway of `make run`, before an emulator that only repeats what reaches it."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from local_stack.emulator import Emulator
from local_stack.errors import LocalStackError
from local_stack.gateway import Gateway, listen

if TYPE_CHECKING:
    from collections.abc import Iterator


class EchoEmulator(Emulator):
    """Answers each request with the head that it got; its API has no OPTIONS routes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                head = connection.recv(65_536)
                if not head:
                    return
                start = (
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(head)}\r\nConnection: close\r\n\r\n"
                )
                connection.sendall(start.encode() + head)

    def client(self, service: str) -> Any:  # noqa: ANN401 - as the real one
        assert service in {"apigatewayv2", "lambda"}

        class Nothing:
            def __getattr__(self, _: str) -> Any:  # noqa: ANN401
                return lambda **_: {"Items": []}

        return Nothing()

    def stop(self) -> None:
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def emulator() -> Iterator[EchoEmulator]:
    emulator = EchoEmulator()
    yield emulator
    emulator.stop()


def send(port: int, target: str, method: str = "GET", **headers: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, target, headers={"x-api-key": "k", **headers})
        return connection.getresponse().read().decode()


def test_a_request_passes_as_it_is_but_for_its_address(emulator: EchoEmulator) -> None:
    with listen(0) as listener:
        gateway = Gateway(listener, emulator, "a1b2", "c3d4")
        try:
            head = send(listener.getsockname()[1], "//v1/lookup?number=%2B39+02")
        finally:
            gateway.stop()
    assert head.startswith(
        "GET /_aws/execute-api/a1b2/$default//v1/lookup?number=%2B39+02 HTTP/1.1\r\n"
    )
    assert "x-api-key: k\r\n" in head
    assert head.endswith("\r\nConnection: close\r\n\r\n")


def test_a_websocket_goes_to_the_other_api(emulator: EchoEmulator) -> None:
    with listen(0) as listener:
        gateway = Gateway(listener, emulator, "a1b2", "c3d4")
        try:
            head = send(
                listener.getsockname()[1], "/ari", Upgrade="websocket", Connection="Upgrade"
            )
        finally:
            gateway.stop()
    assert head.startswith("GET /_aws/execute-api/c3d4/ari HTTP/1.1\r\n")
    assert "Upgrade: websocket\r\n" in head
    assert head.endswith("\r\nConnection: Upgrade\r\n\r\n")


def test_what_functions_send_on_websockets_goes_to_the_other_api_too(
    emulator: EchoEmulator,
) -> None:
    with listen(0) as listener:
        gateway = Gateway(listener, emulator, "a1b2", "c3d4")
        try:
            port = listener.getsockname()[1]
            sent = send(port, "/ari/@connections/L1%3D", "POST")
            asked = send(port, "/ari")
        finally:
            gateway.stop()
    assert sent.startswith("POST /_aws/execute-api/c3d4/ari/@connections/L1%3D HTTP/1.1\r\n")
    assert asked.startswith("GET /_aws/execute-api/a1b2/$default/ari HTTP/1.1\r\n")


def test_a_stop_closes_every_connection_whatever_it_was_doing(emulator: EchoEmulator) -> None:
    # What is left open warns when it is collected, and warnings are errors.
    for idle in range(60):
        with listen(0) as listener:
            gateway = Gateway(listener, emulator, "a1b2", "c3d4")
            port = listener.getsockname()[1]
            assert send(port, "/")
            if idle % 2:
                with socket.create_connection(("127.0.0.1", port)):
                    gateway.stop()
            else:
                gateway.stop()


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with listen(0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(LocalStackError, match=f"port {port} can't be used .* PORT="):
            listen(port)
