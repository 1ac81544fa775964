"""Ping every PBX that is connected: an idle connection ends after ten minutes, a dead one stays.

The ping is a request of ARI's (`GET asterisk/ping`), as the gateway counts messages and may not
count a WebSocket's own pings. Its answer comes as any other message does.
"""

from __future__ import annotations

from centralino.application.ask_socket import is_opening
from centralino.domain.ari import AriRequest, rest_frame
from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.ports.sockets import GoneError

if TYPE_CHECKING:
    from collections.abc import Callable

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
        removed: that were gone, or did not answer.
        failed: that could not be pinged, for a reason of ours.
    """

    alive: int = 0
    removed: int = 0
    failed: int = 0


def ping_sockets(  # noqa: PLR0913 - whom, from where, through what and for how long
    sockets: SocketList,
    stores: Callable[[str], SocketStore],
    gateway: SocketGateway,
    have_filtered: Callable[[Socket], None],
    *,
    now_s: Callable[[], float],
    until_s: float,
) -> Pinged:
    """Ping all connections of all tenants, and remove those that are dead.

    Args:
        sockets: all connections.
        stores: returns a tenant's.
        gateway: sends.
        have_filtered: called with each that is not filtered yet.
        now_s: the time, seconds since 1970.
        until_s: when to stop; what is left has its turn in the next round.

    Raises:
        UnavailableError: the list can't be read.
    """
    counts = {"alive": 0, "removed": 0, "failed": 0}
    for socket in sockets.all():
        if now_s() >= until_s:
            counts["failed"] += 1
            continue
        came_to = _ping(socket, stores(socket.tenant), gateway, now_s())
        counts[came_to] += 1
        if came_to == "alive" and not socket.filtered:
            have_filtered(socket)
    return Pinged(**counts)


def _ping(socket: Socket, store: SocketStore, gateway: SocketGateway, now_s: float) -> str:
    """Ping one; return the name of what it counts as."""
    try:
        if socket.unanswered >= PATIENCE:
            store.remove(socket.id)
            gateway.disconnect(socket.id, timeout_s=POST_S)
            return "removed"
        store.note_ping(socket.id)
        frame = rest_frame(AriRequest("GET", "asterisk/ping"), f"{PING}{int(now_s)}")
        try:
            gateway.post(socket.id, frame, timeout_s=POST_S)
        except GoneError:
            if is_opening(socket, now_s):
                return "alive"
            store.remove(socket.id)
            return "removed"
    except UnavailableError:
        return "failed"
    return "alive"
