"""The gateway: http://127.0.0.1:8080, as short as the URL of a real API with a domain of its own.

It hands every request, byte for byte but for its address, to the API that the emulator made of
template.yaml. There the routes are, and nowhere else.

WebSockets, and what functions send on them, go to the other API, at the stage that it has in the
template: ws://127.0.0.1:8080/ari, and http://127.0.0.1:8080/ari/@connections/... for the functions.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html

One method is different. The emulator answers every OPTIONS by itself, with 403 where the API has
no CORS settings, and never asks the route. So each function that an OPTIONS route leads to gets a
function URL, whose events are of the same format (2.0), and OPTIONS goes there.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from local_stack.emulator import HOST, Emulator
from local_stack.errors import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Coroutine

# The most that the real HTTP API takes of a request line and headers.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
HEAD_LIMIT = 10_240
IDLE_LIMIT_S = 30.0
BLOCK = 65_536
TURNS = 8
# Of the WebSocket API in template.yaml.
SOCKET_STAGE = "ari"
_UPGRADE = re.compile(rb"^Upgrade: *websocket\r$", re.MULTILINE | re.IGNORECASE)


class PreflightRoute(NamedTuple):
    """Where OPTIONS on some paths goes.

    Attributes:
        path: the paths, as a pattern.
        url_id: of the function URL.
    """

    path: re.Pattern[str]
    url_id: str


def listen(port: int) -> socket.socket:
    """Take a port of the loopback interface, 0 for any, before the long work begins.

    Raises:
        LocalStackError: somebody has it.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise LocalStackError(
            f"port {port} can't be used ({error.strerror}): stop what listens there, or choose"
            " another with `make run PORT=...`"
        ) from None
    return listener


class Gateway:
    """A gateway that is open; `stop` closes it."""

    def __init__(
        self, listener: socket.socket, emulator: Emulator, api_id: str, socket_api_id: str
    ) -> None:
        self._emulator_port = emulator.port
        self._api = f"/_aws/execute-api/{api_id}/$default"
        self._socket_api = f"/_aws/execute-api/{socket_api_id}"
        self._preflights = _preflight_routes(emulator, api_id)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task[None]] = set()
        self._do(self._open(listener))

    def stop(self) -> None:
        """Close the port and drop the requests that are under way."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, listener: socket.socket) -> None:
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_LIMIT)

    async def _close(self) -> None:
        # A server that is closed loses the connections that it has accepted and not yet handed over
        # (CPython 3.13), so first it accepts no more, and is given the few turns that this takes.
        for listener in self._server.sockets:
            self._loop.remove_reader(listener)
        await _take_turns()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await _take_turns()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that goes away in the middle is its own affair.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            try:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_LIMIT_S)
                way = self._join if _UPGRADE.search(head) else self._forward
                await way(self._readdress(head), reader, writer)
            except asyncio.LimitOverrunError:
                writer.write(_refusal("431 Request Header Fields Too Large"))
            except ValueError:
                writer.write(_refusal("400 Bad Request"))
            except ConnectionError:
                writer.write(_refusal("502 Bad Gateway"))
            await writer.drain()

    async def _forward(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answers, requests = await asyncio.open_connection(HOST, self._emulator_port)
        requests.write(head)
        body = asyncio.ensure_future(_copy(reader, requests))
        try:
            await _copy(answers, writer)
        finally:
            requests.close()
            body.cancel()
            await asyncio.gather(body, return_exceptions=True)

    async def _join(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Join a client and the emulator until one of them goes: so the other one notices."""
        answers, requests = await asyncio.open_connection(HOST, self._emulator_port)
        requests.write(head)
        ways = [
            asyncio.ensure_future(_copy(reader, requests)),
            asyncio.ensure_future(_copy(answers, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            requests.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _readdress(self, head: bytes) -> bytes:
        """Return a request's head with the address of the API in the emulator.

        One request a connection: so what follows the head need not be understood.

        Raises:
            ValueError: the request line is not one.
        """
        request_line, _, fields = head.decode("latin-1").partition("\r\n")
        method, target, version = request_line.split(" ")
        if not target.startswith("/"):
            raise ValueError(target)
        prefix = self._api
        upgrade = bool(_UPGRADE.search(head))
        if upgrade or target.startswith(f"/{SOCKET_STAGE}/@connections/"):
            prefix = self._socket_api
        if method == "OPTIONS":
            path = target.partition("?")[0]
            prefix = next(
                (
                    f"/_aws/lambda-url/{route.url_id}"
                    for route in self._preflights
                    if route.path.fullmatch(path)
                ),
                prefix,
            )
        kept = [
            field
            for field in fields.split("\r\n")
            if field and not field.lower().startswith(("connection:", "keep-alive:"))
        ]
        connection = f"Connection: {'Upgrade' if upgrade else 'close'}"
        lines = [f"{method} {prefix}{target} {version}", *kept, connection, "", ""]
        return "\r\n".join(lines).encode("latin-1")


async def _take_turns() -> None:
    """Let the loop do what it has begun: hand over connections, let go of closed ones."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def _refusal(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while block := await source.read(BLOCK):
        sink.write(block)
        await sink.drain()


def _preflight_routes(emulator: Emulator, api_id: str) -> list[PreflightRoute]:
    """Give each function that a deployed OPTIONS route leads to a function URL."""
    api = emulator.client("apigatewayv2")
    functions = emulator.client("lambda")
    integrations = {
        f"integrations/{integration['IntegrationId']}": integration["IntegrationUri"]
        for integration in api.get_integrations(ApiId=api_id)["Items"]
    }
    routes = []
    for route in api.get_routes(ApiId=api_id)["Items"]:
        method, _, path = route["RouteKey"].partition(" ")
        if method != "OPTIONS":
            continue
        name, _, alias = integrations[route["Target"]].rpartition(":")
        if alias == "$LATEST":
            raise LocalStackError(f"{route['RouteKey']} leads to {name}, and to no alias of it")
        place = {"FunctionName": name, "Qualifier": alias}
        try:
            url = functions.get_function_url_config(**place)["FunctionUrl"]
        except functions.exceptions.ResourceNotFoundException:
            url = functions.create_function_url_config(**place, AuthType="NONE")["FunctionUrl"]
        url_id = url.partition("://")[2].partition(".")[0]
        routes.append(PreflightRoute(_pattern(path), url_id))
    return routes


def _pattern(path: str) -> re.Pattern[str]:
    """Return a route's path as a pattern; `{name+}` takes slashes too."""
    parts = re.split(r"\{[^}]*?(\+?)\}", path)
    variables = {"": "[^/]+", "+": ".+"}
    return re.compile(
        "".join(re.escape(part) if i % 2 == 0 else variables[part] for i, part in enumerate(parts))
    )
