"""What the WebSocket API leads to: `$connect`, `$disconnect`, and `$default` for every message.

Messages are answered with 200 whatever becomes of them: the gateway would send an error to the PBX,
which takes it for a request and answers that in turn. What is lost is in the log and in a metric.
Metrics, without dimensions: `SocketsOpened`, `SocketsClosed`, `SocketFramesTooLarge` (a frame over
32 KB closed a connection), `SocketFramesLost` (our store was down), and from the ping
`SocketsAlive`, `SocketsRemoved` and `SocketsFailed`.

Contract: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

from __future__ import annotations

from centralino.application.ask_socket import Clock
from centralino.application.filter_events import app_names, filter_events, filter_task
from centralino.application.keep_socket import TooManySocketsError, keep_socket
from centralino.application.ping_sockets import Pinging, ping_sockets
from centralino.application.take_frame import take_frame
from centralino.domain.errors import CentralinoError, UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.entry.authorize_pbx import ROLES
from centralino.entry.metrics import metrics_line
from centralino.entry.observability import describe, emit, loggable_id
from centralino.ports.sockets import Socket, Sockets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from centralino.domain.keys import ApiKey
    from centralino.ports.dialling import DialStore
    from centralino.ports.sockets import Again, SocketGateway, SocketList, SocketStore

# How long the tasks that nobody waits for may take, seconds; the function has 60.
FILTER_S = 25.0
PING_S = 45.0
# A container may serve thousands of connections; what it remembers has an end.
MAX_KNOWN = 2_000
TOO_LARGE = 1009
PROTOCOL = "ari"
_MAX_AGENT = 80
_DONE = {"statusCode": 200}


class Desk(NamedTuple):
    """What the function works with; one for each container.

    Attributes:
        stores: returns a tenant's connections.
        sockets: returns the list of all tenants' connections.
        calls: returns a tenant's placed calls.
        gateway: sends; None if the environment doesn't name one.
        keys: returns a tenant's keys that have not expired.
        again: has this function run once more; None if the environment doesn't name it.
        now_s: the time, seconds since 1970.
        account: a tenant's account of `asterisk_ws`, empty if there is none (yet).
        known: connections that need not be looked up any more.
        clock: how time passes for what waits.
    """

    stores: Callable[[str], SocketStore]
    sockets: Callable[[], SocketList]
    calls: Callable[[str], DialStore]
    gateway: Callable[[], SocketGateway | None]
    keys: Callable[[str], Sequence[ApiKey]]
    again: Callable[[], Again | None]
    now_s: Callable[[], float]
    account: Callable[[str], Mapping[str, str]] = lambda _: {}
    known: set[str] = set()  # noqa: RUF012 - a named tuple's default, one for each container
    clock: Clock = Clock()


def link_pbx(event: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    """Take one event of the gateway, of the schedule or of ourselves."""
    context = event.get("requestContext")
    if context:
        kind = context.get("eventType")
        if kind == "CONNECT":
            return _connect(event, context, desk)
        return (
            _disconnect(context, desk) if kind == "DISCONNECT" else _message(event, context, desk)
        )
    if event.get("task") == "filter":
        return _filter(event["tenant"], event["socket"], desk)
    return _ping(desk)


def _connect(event: Mapping[str, Any], context: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    """Take in a connection; without a place to keep it there is none, and the PBX tries again."""
    socket = _socket_of(context, desk.now_s(), event.get("headers") or {})
    if socket is None:
        _log("connect", context, desk, outcome="stranger")
        return {"statusCode": 403}
    try:
        keep_socket(desk.stores(socket.tenant), socket)
    except TooManySocketsError as error:
        _log("connect", context, desk, outcome="too_many", reason=str(error), agent=socket.agent)
        return {"statusCode": 429}
    except CentralinoError as error:
        _log("connect", context, desk, outcome="failed", reason=describe(error))
        return {"statusCode": 503}
    _have_filtered(socket, desk)
    _log("connect", context, desk, {"SocketsOpened": 1}, outcome="opened", agent=socket.agent)
    offered = _header(event, "sec-websocket-protocol")
    # A client that is told a protocol which it did not offer closes the connection.
    if PROTOCOL in (name.strip() for name in offered.split(",")):
        return {**_DONE, "headers": {"Sec-WebSocket-Protocol": PROTOCOL}}
    return _DONE


def _disconnect(context: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    """Forget a connection; if it can't be forgotten now, the ping does."""
    code = context.get("disconnectStatusCode")
    too_large = code == TOO_LARGE
    outcome = "too_large" if too_large else "closed"
    try:
        socket = _whose(context, desk)
        if socket is not None:
            desk.stores(socket.tenant).remove(socket.id)
    except CentralinoError as error:
        outcome = f"not forgotten, {describe(error)}"
    desk.known.discard(_id(context))
    counts = {"SocketsClosed": 1, "SocketFramesTooLarge": int(too_large)}
    reason = "a frame was over the gateway's 32 KB" if too_large else ""
    said = loggable_id(str(context.get("disconnectReason") or "").replace(" ", "_"))
    _log("disconnect", context, desk, counts, outcome=outcome, code=code, reason=reason or said)
    return _DONE


def _message(event: Mapping[str, Any], context: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    """Take in a message; one that can't be kept is lost, and the connection goes on."""
    text = "" if event.get("isBase64Encoded") else event.get("body") or ""
    try:
        socket = _whose(context, desk)
        if socket is None:
            _log("message", context, desk, outcome="stranger")
            return _DONE
        store = desk.stores(socket.tenant)
        now_ms = int(desk.now_s() * 1000)
        taken = take_frame(store, desk.calls, socket.id, text, now_ms=now_ms)
        _look_after(socket, store, desk)
    except CentralinoError as error:
        counts = {"SocketFramesLost": 1}
        _log("message", context, desk, counts, outcome="lost", reason=describe(error))
        return _DONE
    _log(
        "message",
        context,
        desk,
        outcome=taken.outcome,
        type=taken.type,
        call_id=loggable_id(taken.call_id),
        state=taken.state,
        status=taken.status or None,
        bytes=len(text) if taken.outcome == "garbage" else None,
    )
    return _DONE


def _look_after(socket: Socket, store: SocketStore, desk: Desk) -> None:
    """See to it, once for each container, that a connection is kept and its events are filtered."""
    if socket.id in desk.known:
        return
    kept = store.get(socket.id)
    if kept is None:
        store.save(socket)
        kept = socket
    if not kept.filtered:
        if desk.now_s() - kept.at_ms / 1000 < FILTER_S:
            return  # that is being done: this message may be the word of it
        _have_filtered(kept, desk)
    if len(desk.known) >= MAX_KNOWN:
        desk.known.clear()
    desk.known.add(socket.id)


def _have_filtered(socket: Socket, desk: Desk) -> None:
    """Have a PBX told which events we want; without it there are more, and the ping tries again."""
    again = desk.again()
    try:
        if again is not None:
            again.later(filter_task(socket))
    except UnavailableError as error:
        emit(_line(desk, "filter", tenant=socket.tenant, site=socket.site, reason=describe(error)))


def _tell_clash(socket: Socket, desk: Desk) -> None:
    reason = "two PBXs connect by this user name: each needs its own"
    whose = {"tenant": socket.tenant, "site": socket.site, "socket": socket.id}
    emit(_line(desk, "ping", None, **whose, outcome="clash", reason=reason))


def _filter(tenant: str, socket_id: str, desk: Desk) -> dict[str, Any]:
    gateway = desk.gateway()
    store = desk.stores(tenant)
    socket = store.get(socket_id)
    outcome = "gone"
    if socket is not None and gateway is not None:
        outcome = "filtered"
        if not socket.filtered:
            sockets = Sockets(store, gateway)
            apps = app_names(desk.account(tenant).get("apps", ""))
            outcome = filter_events(sockets, socket, apps, timeout_s=FILTER_S, clock=desk.clock)
    site = socket.site if socket else ""
    emit(_line(desk, "filter", tenant=tenant, site=site, socket=socket_id, outcome=outcome))
    return {"outcome": outcome}


def _ping(desk: Desk) -> dict[str, Any]:
    gateway = desk.gateway()
    if gateway is None:
        return {"alive": 0}
    tools = Pinging(
        desk.sockets(),
        desk.stores,
        gateway,
        lambda tenant: {key.id for key in desk.keys(tenant) if key.role in ROLES},
        lambda socket: _have_filtered(socket, desk),
        lambda socket: _tell_clash(socket, desk),
    )
    pinged = ping_sockets(tools, now_s=desk.now_s, until_s=desk.now_s() + PING_S)
    counts = {f"Sockets{name.capitalize()}": count for name, count in pinged._asdict().items()}
    emit(_line(desk, "ping", counts))
    return pinged._asdict()


def _whose(context: Mapping[str, Any], desk: Desk) -> Socket | None:
    """Return the connection that a message came through; None if nobody knows whose it is."""
    return _socket_of(context, desk.now_s(), {}) or desk.sockets().find(_id(context))


def _socket_of(
    context: Mapping[str, Any], now_s: float, headers: Mapping[str, Any]
) -> Socket | None:
    """Build a connection from what the authorizer said of it; None if it said nothing."""
    said = context.get("authorizer") or {}
    tenant, site = said.get("tenant"), said.get("site")
    if not isinstance(tenant, str) or not isinstance(site, str):
        return None
    connected_at = context.get("connectedAt")
    agent = str(headers.get("User-Agent") or headers.get("user-agent") or "")
    return Socket(
        tenant,
        _id(context),
        site,
        connected_at if isinstance(connected_at, int) else int(now_s * 1000),
        str((context.get("identity") or {}).get("sourceIp") or ""),
        "".join(filter(str.isprintable, agent))[:_MAX_AGENT],
        str(said.get("key") or ""),
    )


def _id(context: Mapping[str, Any]) -> str:
    return str(context.get("connectionId") or "")


def _header(event: Mapping[str, Any], name: str) -> str:
    headers = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), "") or ""


def _log(
    what: str,
    context: Mapping[str, Any],
    desk: Desk,
    counts: Mapping[str, int] | None = None,
    **known: object,
) -> None:
    said = context.get("authorizer") or {}
    whose = {"tenant": said.get("tenant"), "site": said.get("site"), "socket": _id(context)}
    emit(_line(desk, what, counts, **whose, **known))


def _line(desk: Desk, what: str, counts: Mapping[str, int] | None = None, **known: object) -> str:
    said = {name: value for name, value in known.items() if value not in (None, "")}
    return metrics_line(desk.now_s(), counts or {}, message="link", what=what, **said)
