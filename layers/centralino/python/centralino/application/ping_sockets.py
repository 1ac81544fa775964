"""Ping every PBX that is connected: an idle connection ends after ten minutes, a dead one stays.

The ping is a request of ARI's (`GET asterisk/ping`), as the gateway counts messages and may not
count a WebSocket's own pings. Its answer comes as any other message does.
"""

from __future__ import annotations

from centralino.application.ask_socket import is_opening
from centralino.application.keep_socket import find_clashes
from centralino.domain.ari import AriRequest, rest_frame
from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.ports.sockets import GoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from centralino.ports.sockets import Socket, SocketGateway, SocketList, SocketStore

# What the id of a ping begins with.
PING = "ping-"
# A connection that has not answered so many is closed: its PBX opens another.
PATIENCE = 2
POST_S = 2.0


class Pinged(NamedTuple):
    """What a round of pings came to: counts of connections.

    Attributes:
        alive: that were pinged.
        removed: that were gone, did not answer, or whose key is no longer good.
        failed: that could not be pinged, for a reason of ours.
    """

    alive: int = 0
    removed: int = 0
    failed: int = 0


class Pinging(NamedTuple):
    """What connections are pinged with.

    Attributes:
        sockets: all connections.
        stores: returns a tenant's.
        gateway: sends.
        keys: returns the ids of a tenant's good keys of PBXs.
        have_filtered: called with each connection that is not filtered yet.
        tell_clash: called with a connection of each site that two PBXs seem to connect as.
    """

    sockets: SocketList
    stores: Callable[[str], SocketStore]
    gateway: SocketGateway
    keys: Callable[[str], Collection[str]]
    have_filtered: Callable[[Socket], None]
    tell_clash: Callable[[Socket], None]


def ping_sockets(tools: Pinging, *, now_s: Callable[[], float], until_s: float) -> Pinged:
    """Ping all connections of all tenants, and remove those that are dead.

    A connection lives for hours, and a key may be revoked meanwhile: that ends it as well. Those
    that were pinged longest ago come first, so that dead ones, which take their time, cost nobody a
    turn twice.

    Args:
        tools: what they are pinged with.
        now_s: the time, seconds since 1970.
        until_s: when to stop; what is left has its turn in the next round.

    Raises:
        UnavailableError: the list can't be read.
    """
    counts = {"alive": 0, "removed": 0, "failed": 0}
    keys: dict[str, Collection[str]] = {}
    sockets = sorted(tools.sockets.all(), key=_pinged_at)
    for socket in find_clashes(sockets):
        tools.tell_clash(socket)
    for socket in sockets:
        if now_s() >= until_s:
            counts["failed"] += 1
            continue
        try:
            if socket.tenant not in keys:
                keys[socket.tenant] = tools.keys(socket.tenant)
            good = socket.key_id in keys[socket.tenant]
            came_to = _ping(socket, tools, now_s(), good=good)
        except UnavailableError:
            came_to = "failed"
        counts[came_to] += 1
        if came_to == "alive" and not socket.filtered:
            tools.have_filtered(socket)
    return Pinged(**counts)


def _ping(socket: Socket, tools: Pinging, now_s: float, *, good: bool) -> str:
    """Ping one; return the name of what it counts as."""
    store = tools.stores(socket.tenant)
    store.note_ping(socket.id, at_ms=int(now_s * 1000))
    if socket.unanswered >= PATIENCE or not good:
        # Closed before it is forgotten: what can't be closed now is seen again in the next round.
        tools.gateway.disconnect(socket.id, timeout_s=POST_S)
        store.remove(socket.id)
        return "removed"
    frame = rest_frame(AriRequest("GET", "asterisk/ping"), f"{PING}{int(now_s)}")
    try:
        tools.gateway.post(socket.id, frame, timeout_s=POST_S)
    except GoneError:
        if is_opening(socket, now_s):
            return "alive"
        store.remove(socket.id)
        return "removed"
    return "alive"


def _pinged_at(socket: Socket) -> int:
    """Return since when a connection has not been pinged, milliseconds since 1970."""
    return max(socket.pinged_ms, socket.at_ms)
