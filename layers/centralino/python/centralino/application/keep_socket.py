"""Keep a connection that a PBX opened, if its tenant may have it; find two PBXs of one name."""

from __future__ import annotations

from centralino.domain.errors import CentralinoError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from centralino.ports.sockets import Socket, SocketStore

# All tenants share one WebSocket API and its rates, so none may take it all.
MAX_SOCKETS = 20


class TooManySocketsError(CentralinoError):
    """The tenant has as many connections as it may have."""


def keep_socket(store: SocketStore, socket: Socket) -> None:
    """Keep a connection that is being opened.

    Args:
        store: of its tenant.
        socket: the connection.

    Raises:
        TooManySocketsError: the tenant has `MAX_SOCKETS` others. Those that left a ping
            unanswered don't count: a PBX that was cut off comes back before its old connection is
            found dead.
        UnavailableError: the store doesn't answer.
    """
    others = [one for one in store.all() if one.answers and one.id != socket.id]
    if len(others) >= MAX_SOCKETS:
        raise TooManySocketsError(f"a tenant has at most {MAX_SOCKETS} connections")
    store.save(socket)


def find_clashes(sockets: Iterable[Socket]) -> tuple[Socket, ...]:
    """Return the newest connection of each site that two PBXs seem to connect as.

    A PBX opens the next connection when the last one is over, so one that answered a ping after a
    newer one was opened is another PBX's, with the same user name.
    """
    sites: dict[tuple[str, str], list[Socket]] = {}
    for socket in sockets:
        if socket.answers:
            sites.setdefault((socket.tenant, socket.site), []).append(socket)
    clashes = []
    for living in sites.values():
        newest = max(living, key=lambda one: one.at_ms)
        if any(one.alive_ms > newest.at_ms for one in living if one.id != newest.id):
            clashes.append(newest)
    return tuple(clashes)
