"""Tell an Asterisk which events we want to hear of: each one that it sends is paid for.

`PUT applications/{app}/eventFilter`, the first request of every connection. The filter belongs to
the application, so any connection of that PBX does.
"""

from __future__ import annotations

import json
import re

from centralino.application.ask_socket import (
    Clock,
    NoAnswerError,
    NotAskedError,
    ask_socket,
    is_opening,
)
from centralino.domain.ari import AriRequest
from centralino.domain.ari_events import WANTED
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.ports.sockets import Socket, Sockets

APP = "centralino"
_APP = re.compile(r"[A-Za-z0-9_.-]{1,80}", re.ASCII)
_NOT_FOUND = 404
_TRIES = 3
_PAUSE_S = 1.0
_BEHIND_S = 0.3


def app_names(setting: str) -> tuple[str, ...]:
    """Return the names in an account's `apps`, spelled as after `apps=` in ari.conf."""
    names = tuple(name for name in re.split(r"[,\s]+", setting) if _APP.fullmatch(name))
    return names or (APP,)


def filter_task(socket: Socket) -> dict[str, str]:
    """Return the task to tell a connection's PBX which events we want."""
    return {"task": "filter", "tenant": socket.tenant, "socket": socket.id}


def filter_events(
    sockets: Sockets,
    socket: Socket,
    apps: Sequence[str],
    *,
    timeout_s: float,
    clock: Clock | None = None,
) -> str:
    """Set the filter of a PBX's applications and note that it is set.

    Args:
        sockets: the tenant's connections.
        socket: the one that is not filtered yet.
        apps: what `apps=` in ari.conf says.
        timeout_s: for everything.
        clock: how time passes.

    Returns:
        `filtered`; else why not: `gone`, `no_answer`, `no_app` (Asterisk has no application of that
        name), `refused`.

    Raises:
        UnavailableError: our own store doesn't answer.
    """
    clock = clock or Clock()
    until = clock.now() + timeout_s
    if is_opening(socket, clock.epoch()):
        # What comes right behind the handshake lies unread in Asterisk until more comes (22.10.1).
        clock.pause(_BEHIND_S)
    for app in apps:
        outcome = _filter(sockets, socket, app, until, clock)
        if outcome != "filtered":
            return outcome
    sockets.store.note_filtered(socket.id)
    return "filtered"


def _filter(sockets: Sockets, socket: Socket, app: str, until: float, clock: Clock) -> str:
    request = AriRequest(
        "PUT",
        f"applications/{app}/eventFilter",
        body=json.dumps({"allowed": [{"type": kind} for kind in WANTED]}),
    )
    outcome = "gone"
    for attempt in range(_TRIES):
        if attempt:
            clock.pause(_PAUSE_S)
        try:
            status = ask_socket(
                sockets, socket.site, request, until=until, clock=clock
            ).answer.status
        except NotAskedError:
            return "gone"
        except NoAnswerError:
            return "no_answer"
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes of statuses
            return "filtered"
        # An application comes with its connection, and may be a moment late.
        outcome = "no_app" if status == _NOT_FOUND else "refused"
    return outcome
