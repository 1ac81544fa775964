"""The WebSocket API and the Asterisks at its other end, in memory, as unkind as the real ones.

The gateway calls the functions as API Gateway does: the authorizer and `$connect` inside of the
handshake, `$default` for every message, `$disconnect` when a connection is over; a connection that
isn't open is 410. The Asterisk answers as 22.10.1 was seen to: it forgets an id with its channel,
says 409 to everything after it said so once, and keeps its answers to itself if a filter does not
name them.

Contracts: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
and rest-api/api-docs of Asterisk 22.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.sockets import DynamoSocketList, DynamoSocketStore
from centralino.application.ask_socket import Clock
from centralino.domain.errors import ThrottledError, UnavailableError
from centralino.entry.access import Door
from centralino.entry.authorize_pbx import READ_S, authorize_pbx
from centralino.entry.link_pbx import Desk, link_pbx
from centralino.ports.sockets import GoneError, Sockets
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.memory_store import NOW_S, Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_FRAME = 32 * 1024
ARN = "arn:aws:execute-api:eu-south-1:111122223333:abc123/ari/$connect"


class FakeTime:
    """A clock that goes on when somebody waits, and does then what was planned.

    Attributes:
        now_s: seconds since 1970.
    """

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s
        self._plans: list[tuple[float, Callable[[], object]]] = []

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.pause, self.now)

    def now(self) -> float:
        return self.now_s

    def pause(self, seconds: float) -> None:
        until = self.now_s + seconds
        while due := sorted((plan for plan in self._plans if plan[0] <= until), key=_first):
            self._plans.remove(due[0])
            self.now_s = max(self.now_s, due[0][0])
            due[0][1]()
        self.now_s = until

    def plan(self, in_s: float, what: Callable[[], object]) -> None:
        self._plans.append((self.now_s + in_s, what))


class FakeAsterisk:
    """One Asterisk.

    Attributes:
        phones: exten -> `online`, `offline` or `busy`.
        booted: whether it has started; else it says 503.
        rung: the ids of the channels that made a phone ring, in order; one that comes twice rang
            twice.
        channels: the ids of those that are there.
        filters: application -> the types of events that it lets through.
        says: what it answers to everything; None for what it should.
        asked: method and URI of each request.
        apps: its applications.
        spell_status: how it writes the status of an answer.
    """

    def __init__(self, **phones: str) -> None:
        self.phones = {name.removeprefix("x"): state for name, state in phones.items()}
        self.booted = True
        self.rung: list[str] = []
        self.channels: set[str] = set()
        self.filters: dict[str, list[str]] = {}
        self.says: tuple[int, dict[str, Any]] | None = None
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.apps = ["centralino"]
        self.spell_status: Callable[[int], object] = int
        self.statuses: list[int] = []
        self._sticky: set[str] = set()
        self._lock = threading.Lock()

    def take(self, socket_id: str, text: str) -> list[str]:
        """Take a message that came through a connection; return what it sends back."""
        frame = json.loads(text)
        if frame.get("type") != "RESTRequest":
            return [_response({}, 400, {"message": "Unknown request type."})]
        with self._lock:
            self.asked.append(f"{frame['method']} {frame['uri']}")
            self.bodies.append(frame)
            status, body = self._do(socket_id, frame)
            self.statuses.append(status)
        answer = _response(frame, self.spell_status(status), body)
        return [answer] if self.hears("RESTResponse") else []

    def hears(self, kind: str) -> bool:
        """Whether messages of a type leave it."""
        return all(kind in allowed for allowed in self.filters.values())

    def _do(self, socket_id: str, frame: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.says:
            return self.says
        if not self.booted:
            return 503, {"message": "Asterisk not booted"}
        what, *rest = frame["uri"].split("/")
        if what == "channels" and not rest:
            return self._originate(socket_id, frame)
        known = {
            "applications": self._filter,
            "channels": self._find_channel,
            "endpoints": self._find_endpoint,
            "asterisk": self._tell,
        }
        return known[what](rest, frame)

    def _filter(self, rest: list[str], frame: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        assert (frame["method"], rest[1]) == ("PUT", "eventFilter")
        if rest[0] not in self.apps:
            return 404, {"message": "Application not found"}
        allowed = json.loads(frame["message_body"])["allowed"]
        self.filters[rest[0]] = [one["type"] for one in allowed]
        return 200, {"name": rest[0]}

    def _find_channel(self, rest: list[str], _: object) -> tuple[int, dict[str, Any]]:
        there = rest[0] in self.channels
        return (200, {"id": rest[0]}) if there else (404, {"message": "Channel not found"})

    def _find_endpoint(self, rest: list[str], _: object) -> tuple[int, dict[str, Any]]:
        state = self.phones.get(rest[1])
        if state is None:
            return 404, {"message": "Endpoint not found"}
        return 200, {"resource": rest[1], "state": "offline" if state == "offline" else "online"}

    def _tell(self, rest: list[str], _: object) -> tuple[int, dict[str, Any]]:
        if rest == ["ping"]:
            return 200, {"ping": "pong"}
        return 200, {"system": {"version": "22.10.1", "entity_id": "00:11"}}

    def _originate(self, socket_id: str, frame: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        query = {pair["name"]: pair["value"] for pair in frame["query_strings"]}
        channel = query["channelId"]
        if channel in self.channels:
            self._sticky.add(socket_id)
            return 409, {"message": "Channel with given unique ID already exists"}
        phone = self.phones.get(query["endpoint"].partition("/")[2], "")
        if phone in {"", "offline"}:
            if socket_id in self._sticky:
                return 409, {"message": "Channel with given unique ID already exists"}
            return 500, {"error": "Allocation failed"}
        self.rung.append(channel)
        if phone != "busy":  # else its channel is over at once
            self.channels.add(channel)
        return 200, {"id": channel, "state": "Down"}


class FakeGateway:
    """One WebSocket API in front of the functions, and their store.

    Attributes:
        stores: the store.
        desk: what `link_pbx` works with.
        open: connection -> the Asterisk at its other end.
        log: what `link_pbx` was invoked with by itself, in order.
        on_post: called with each message before it is delivered; may raise what the gateway would.
        on_deliver: called with each message of a PBX before the function gets it; a false answer
            loses it.
        closed: connections that we closed.
    """

    def __init__(self, fake_time: FakeTime | None = None) -> None:
        self.time = fake_time
        self.memory = LockedDynamo()
        self.stores = Stores(self.memory, self.memory.table)
        self.open: dict[str, FakeAsterisk] = {}
        self.accepting: set[str] = set()
        self.closed: list[str] = []
        self.tasks: list[dict[str, str]] = []
        self.posts: list[tuple[str, str]] = []
        self.on_post: Callable[[str, str], object] = lambda _socket, _frame: None
        self.on_deliver: Callable[[str, str], object] = lambda _socket, _frame: True
        self.on_disconnect: Callable[[str], object] = lambda _socket: None
        self.keeps_context = True
        self._said: dict[str, dict[str, str]] = {}
        self._count = 0
        self.now = fake_time.now if fake_time else time.time
        self.door = Door(self.stores.calls, self.now, 30, READ_S)
        self.desk = Desk(
            self.sockets,
            lambda: DynamoSocketList(self.memory, self.memory.table, now=self.now),
            self.calls,
            lambda: self,
            lambda tenant: self.stores.tenants(tenant).keys(),
            lambda: self,
            self.now,
            known=set(),
            clock=fake_time.clock if fake_time else Clock(),
        )

    def sockets(self, tenant: str) -> DynamoSocketStore:
        return DynamoSocketStore(self.memory, self.memory.table, tenant, now=self.now)

    def calls(self, tenant: str) -> DynamoDialStore:
        return DynamoDialStore(self.memory, self.memory.table, tenant, now=self.now)

    def means(self, tenant: str) -> Sockets:
        return Sockets(self.sockets(tenant), self)

    # --- what a PBX does ---------------------------------------------------------------------

    def connect(
        self,
        pbx: FakeAsterisk,
        key: str,
        site: str = "milan",
        *,
        tasks: bool = True,
        source_ip: str = "192.0.2.7",
    ) -> str:
        """Open a connection; return its id, or the status that refused it."""
        self._count += 1
        socket_id = f"L{self._count:03d}AbCdEfGhIjk="
        basic = base64.b64encode(f"{site}:{key}".encode()).decode()
        headers = {
            "Authorization": f"Basic {basic}",
            "Sec-WebSocket-Protocol": "ari",
            "User-Agent": "Asterisk 22.10.1",
        }
        context = self._context(socket_id, "CONNECT") | {
            "requestTimeEpoch": int(self.now() * 1000),
            "identity": {"sourceIp": source_ip},
        }
        request = {"type": "REQUEST", "methodArn": ARN, "headers": headers}
        policy = authorize_pbx({**request, "requestContext": context}, self.door)
        [statement] = policy["policyDocument"]["Statement"]
        assert statement["Resource"] == ARN
        if statement["Effect"] != "Allow":
            return "403"
        self._said[socket_id] = policy["context"]
        self.accepting.add(socket_id)
        answer = link_pbx(
            {"headers": headers, "requestContext": {**context, "authorizer": policy["context"]}},
            self.desk,
        )
        self.accepting.discard(socket_id)
        if answer["statusCode"] != 200:
            return str(answer["statusCode"])
        assert answer["headers"] == {"Sec-WebSocket-Protocol": "ari"}
        self.open[socket_id] = pbx
        if tasks:
            self.run_tasks()
        return socket_id

    def say(self, socket_id: str, text: str) -> dict[str, Any]:
        """Have a PBX send a message."""
        if len(text.encode()) > MAX_FRAME:
            return self.drop(socket_id, 1009)
        if not self.on_deliver(socket_id, text):
            return {}
        context = self._context(socket_id, "MESSAGE")
        return link_pbx({"body": text, "requestContext": context}, self.desk)

    def drop(self, socket_id: str, code: int = 1006, *, told: bool = True) -> dict[str, Any]:
        """Close a connection; `told` is whether we hear of it."""
        self.open.pop(socket_id, None)
        if not told:
            return {}
        context = self._context(socket_id, "DISCONNECT") | {
            "disconnectStatusCode": code,
            "disconnectReason": "",
        }
        return link_pbx({"requestContext": context}, self.desk)

    def run_tasks(self) -> None:
        """Run what `link_pbx` asked itself to do."""
        while self.tasks:
            link_pbx(self.tasks.pop(0), self.desk)

    def ping(self) -> dict[str, Any]:
        return link_pbx({"source": "aws.events", "detail-type": "Scheduled Event"}, self.desk)

    # --- ports/sockets.py --------------------------------------------------------------------

    def post(self, socket_id: str, frame: str, *, timeout_s: float) -> None:
        assert timeout_s > 0
        self.on_post(socket_id, frame)
        self.posts.append((socket_id, frame))
        pbx = self.open.get(socket_id)
        if pbx is None:
            raise GoneError
        for text in pbx.take(socket_id, frame):
            if socket_id in self.open:
                self.say(socket_id, text)

    def disconnect(self, socket_id: str, *, timeout_s: float) -> None:
        assert timeout_s > 0
        self.on_disconnect(socket_id)
        self.closed.append(socket_id)
        if socket_id in self.open:
            self.drop(socket_id, 1001)

    def later(self, task: Mapping[str, str]) -> None:
        self.tasks.append(json.loads(json.dumps(task)))

    def _context(self, socket_id: str, kind: str) -> dict[str, Any]:
        said = self._said.get(socket_id)
        return {
            "connectionId": socket_id,
            "eventType": kind,
            "routeKey": "$default" if kind == "MESSAGE" else f"${kind.lower()}",
            "connectedAt": int(self.now() * 1000) if kind == "CONNECT" else None,
            "identity": {"sourceIp": "192.0.2.7"},
            **({"authorizer": said} if said and self.keeps_context else {}),
        }


class LockedDynamo(MemoryDynamo):
    """The memory's DynamoDB for several threads, which may be down.

    Attributes:
        down: operations that get no answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()
        self._gate = threading.Lock()

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        with self._gate:
            if operation in self.down:
                raise UnavailableError("connection")
            return super().call(operation, payload, timeout_s=timeout_s)


def throttled(times: int) -> Callable[[str, str], None]:
    """Return what throttles the next messages."""
    left = [times]

    def maybe(_socket: str, _frame: str) -> None:
        if left[0]:
            left[0] -= 1
            raise ThrottledError("throttled")

    return maybe


def _response(frame: Mapping[str, Any], status: object, body: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "type": "RESTResponse",
            "transaction_id": frame.get("transaction_id", ""),
            "request_id": frame.get("request_id", ""),
            "status_code": status,
            "reason_phrase": "OK" if status == 200 else "Said so",
            "uri": frame.get("uri", ""),
            "content_type": "application/json",
            "message_body": json.dumps(body),
            "application": "centralino",
        }
    )


def _first(plan: tuple[float, Callable[[], object]]) -> float:
    return plan[0]
