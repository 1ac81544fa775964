"""A WebSocket API on loopback that a real PBX connects to, with our functions behind it.

It asks the authorizer and `$connect` inside the handshake, `$default` for each message without
waiting for the one before, and `$disconnect` at the end; all of them run in this process, over a
store in memory. A message over 32 KB closes its connection with 1009.

Contract: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.sockets import DynamoSocketList, DynamoSocketStore
from centralino.entry.access import Door
from centralino.entry.authorize_pbx import READ_S, authorize_pbx
from centralino.entry.link_pbx import Desk, link_pbx
from centralino.ports.sockets import GoneError, Sockets
from tests.support.fake_sockets import ARN, MAX_FRAME, LockedDynamo
from tests.support.memory_store import Stores
from tests.support.sip import LOOPBACK

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

# How many messages the functions take at a time.
CONTAINERS = 16


class Frame(NamedTuple):
    """A message as it went over a connection.

    Attributes:
        at: when, by `time.monotonic`.
        site: the PBX's.
        sent: whether it went to the PBX.
        text: JSON; of the handshake and the end a few words.
    """

    at: float
    site: str
    sent: bool
    text: str


class SocketGateway:
    """The API; `close` ends it.

    Args:
        tls: what it speaks TLS with, as the real one does; without it is in the clear.

    Attributes:
        stores: what is stored.
        frames: every message so far.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._dynamo = LockedDynamo()
        self.stores = Stores(self._dynamo, self._dynamo.table)
        self.frames: list[Frame] = []
        self._door = Door(self.stores.calls, time.time, 0, READ_S)
        self._desk = Desk(
            self.sockets,
            lambda: DynamoSocketList(self._dynamo, self._dynamo.table, now=time.time),
            self.calls,
            lambda: self,
            lambda tenant: self.stores.tenants(tenant).keys(),
            lambda: self,
            time.time,
            known=set(),
        )
        self._open: dict[str, ServerConnection] = {}
        self._said: dict[str, dict[str, Any]] = {}
        self._functions = ThreadPoolExecutor(CONTAINERS)
        self._server = serve(
            self._talk,
            LOOPBACK,
            0,
            process_request=self._shake_hands,
            select_subprotocol=lambda connection, _: self._said[str(connection.id)]["protocol"],
            ssl=tls,
            compression=None,
            max_size=MAX_FRAME,
            # Who pings is Asterisk, and ourselves by ARI.
            ping_interval=None,
        )
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def sockets(self, tenant: str) -> DynamoSocketStore:
        """Return a tenant's connections."""
        return DynamoSocketStore(self._dynamo, self._dynamo.table, tenant, now=time.time)

    def calls(self, tenant: str) -> DynamoDialStore:
        """Return a tenant's calls."""
        return DynamoDialStore(self._dynamo, self._dynamo.table, tenant, now=time.time)

    def means(self, tenant: str) -> Sockets:
        """Return what asks a tenant's PBXs."""
        return Sockets(self.sockets(tenant), self)

    def ping(self) -> None:
        """Do what the schedule does every five minutes."""
        link_pbx({"source": "aws.events", "detail-type": "Scheduled Event"}, self._desk)

    def post(self, socket_id: str, frame: str, *, timeout_s: float) -> None:  # noqa: ARG002
        """Send a message to a PBX; see the port."""
        connection = self._open.get(socket_id)
        if connection is None:
            raise GoneError
        self._note(self._said[socket_id]["site"], frame, sent=True)
        try:
            connection.send(frame)
        except ConnectionClosed:
            raise GoneError from None

    def disconnect(self, socket_id: str, *, timeout_s: float) -> None:  # noqa: ARG002
        """Close a connection; see the port."""
        if connection := self._open.get(socket_id):
            connection.close()

    def later(self, task: Mapping[str, str]) -> None:
        """Have the function run once more; see the port."""
        self._functions.submit(link_pbx, dict(task), self._desk)

    def close(self) -> None:
        """Close every connection and listen no more."""
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._open.values()):
            connection.close()
        self._functions.shutdown()

    def _shake_hands(self, connection: ServerConnection, request: Request) -> Response | None:
        socket_id = str(connection.id)
        headers = dict(request.headers.raw_items())
        context = self._context(socket_id, "CONNECT")
        asked = {"type": "REQUEST", "methodArn": ARN, "headers": headers, "requestContext": context}
        policy = authorize_pbx(asked, self._door)
        if policy["policyDocument"]["Statement"][0]["Effect"] != "Allow":
            return connection.respond(HTTPStatus.FORBIDDEN, "{}")
        known = {"authorizer": policy["context"], "connectedAt": int(time.time() * 1000)}
        answer = link_pbx({"headers": headers, "requestContext": context | known}, self._desk)
        if answer["statusCode"] != HTTPStatus.OK:
            return connection.respond(HTTPStatus(answer["statusCode"]), "{}")
        self._said[socket_id] = {
            "context": known,
            "site": policy["context"]["site"],
            "protocol": answer.get("headers", {}).get("Sec-WebSocket-Protocol"),
        }
        return None

    def _talk(self, connection: ServerConnection) -> None:
        socket_id = str(connection.id)
        said = self._said[socket_id]
        self._open[socket_id] = connection
        words = f"(opened with Basic authentication; the subprotocol is {connection.subprotocol})"
        self._note(said["site"], words, sent=False)
        try:
            while True:
                text = str(connection.recv())
                self._note(said["site"], text, sent=False)
                context = self._context(socket_id, "MESSAGE") | said["context"]
                event = {"body": text, "isBase64Encoded": False, "requestContext": context}
                self._functions.submit(link_pbx, event, self._desk)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else closed.sent.code if closed.sent else 1006
        del self._open[socket_id]
        self._note(said["site"], f"(closed with code {code})", sent=False)
        over = {"disconnectStatusCode": code, "disconnectReason": ""}
        context = self._context(socket_id, "DISCONNECT") | said["context"] | over
        self._functions.submit(link_pbx, {"requestContext": context}, self._desk)

    def _context(self, socket_id: str, kind: str) -> dict[str, Any]:
        return {
            "connectionId": socket_id,
            "eventType": kind,
            "routeKey": {"MESSAGE": "$default"}.get(kind, f"${kind.lower()}"),
            "requestId": uuid.uuid4().hex,
            "requestTimeEpoch": int(time.time() * 1000),
            "stage": "ari",
            "identity": {"sourceIp": LOOPBACK},
        }

    def _note(self, site: str, text: str, *, sent: bool) -> None:
        self.frames.append(Frame(time.monotonic(), site, sent, text))


def transcript(frames: list[Frame], most: int = 700) -> str:
    """Return messages as a person reads them: when, which way, and what, nested JSON unpacked."""
    lines = []
    for frame in frames:
        after_ms = 1000 * (frame.at - frames[0].at)
        text = frame.text if len(frame.text) <= most else f"{frame.text[:most]}…"
        way = "us  -> " if frame.sent else f"{frame.site} -> "
        lines.append(f"{after_ms:9.1f} ms  {way:12}{text}")
    return "\n".join(lines)


def kind_of(frame: Frame) -> str:
    """Return a message's type; empty for what is none."""
    try:
        return str(json.loads(frame.text).get("type", ""))
    except ValueError:
        return ""
