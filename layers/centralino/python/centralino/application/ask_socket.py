"""Ask a PBX through the connection that it opened to us, and wait for the answer.

What can go wrong between us and a PBX, and what is done about it:

- The connection is gone (410): it is forgotten, and the PBX's next one is used. If there is none,
  the PBX is waited for: it comes back by itself within its `reconnect_interval`. One that was
  opened a moment ago may not be open yet, which looks the same: it is tried again.
- The PBX is still starting (503): it has done nothing and is asked again, unless the request was
  sent before without an answer: it may have been done by then, and nobody knows.
- No answer comes, or the connection goes while one is awaited: nobody knows whether the PBX has
  done it. The same request is sent again, to the same PBX, and only for `RESEND_S` after the first
  time: a PBX tells a repetition by the channel's id, but not once that channel is over. Two PBXs
  may have one user name, so the same PBX is the same connection; or, once that is gone, one that
  was opened since from the same address.
"""

from __future__ import annotations

import math
import os
import time

from centralino.domain.ari import is_starting, rest_frame
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.ports.sockets import GoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.domain.ari import AriAnswer, AriRequest
    from centralino.ports.sockets import Socket, Sockets

# How long to wait for a PBX that is not connected just now.
RECONNECT_S = 2.5
# How long after it was first sent a request may be sent again: a person who is called needs longer
# than this to hear the phone and to refuse the call.
RESEND_S = 3.0
# When an answer is late enough to send the request again: the PBX needs milliseconds, the function
# that the answer comes to may have to start first.
ANSWER_S = 1.2
POST_S = 2.0
MAX_SENT = 3
# How often it is looked for the answer, and whether the connection is still there.
FIRST_POLL_S = 0.02
LAST_POLL_S = 0.1
LOOK_S = 0.4
_STARTING_S = 0.5
# For how long a connection that was just accepted may say that it isn't there.
OPENING_S = 10.0


class NotAskedError(UnavailableError):
    """Nothing reached the PBX: it is not connected, or the gateway does not let us send."""


class NoAnswerError(UnavailableError):
    """The PBX may or may not have got the request; no answer came."""


class Clock(NamedTuple):
    """How time passes.

    Attributes:
        now: seconds, from any moment on.
        pause: waits some seconds.
        epoch: seconds since 1970.
    """

    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    epoch: Callable[[], float] = time.time


class Heard(NamedTuple):
    """What a PBX answered.

    Attributes:
        answer: Asterisk's.
        again: whether the request was sent more than once, so that the answer may be to either.
    """

    answer: AriAnswer
    again: bool


def find_sites(
    sockets: Sockets, site: str, *, until: float, clock: Clock | None = None
) -> tuple[str, ...]:
    """Return the tenant's PBXs that are connected, the one that connected last first.

    Args:
        sockets: the tenant's connections.
        site: the only one that is wanted; empty for any.
        until: when to give up, by the clock.
        clock: how time passes.

    Returns:
        Their sites; nothing if none came within `RECONNECT_S`.

    Raises:
        UnavailableError: our own store doesn't answer.
    """
    clock = clock or Clock()
    until = min(until, clock.now() + RECONNECT_S)
    while True:
        sites = dict.fromkeys(socket.site for socket in sockets.store.all())
        found = tuple(name for name in sites if site in {"", name})
        if found or clock.now() + LAST_POLL_S >= until:
            return found
        clock.pause(2 * LAST_POLL_S)


def ask_socket(
    sockets: Sockets, site: str, request: AriRequest, *, until: float, clock: Clock | None = None
) -> Heard:
    """Ask one PBX and return its answer, whatever its status.

    Args:
        sockets: the tenant's connections.
        site: which of its PBXs.
        request: means the same if it is sent twice within `RESEND_S`.
        until: when to give up, by the clock.
        clock: how time passes.

    Raises:
        NotAskedError: nothing was sent.
        NoAnswerError: it may have been.
    """
    return _Question(sockets, site, request, until, clock or Clock()).ask()


def is_opening(socket: Socket, now_s: float) -> bool:
    """Tell whether a connection may not be open yet, so that 410 doesn't mean that it is over."""
    return now_s - socket.at_ms / 1000 < OPENING_S


class _Question:
    """One request on its way."""

    def __init__(
        self, sockets: Sockets, site: str, request: AriRequest, until: float, clock: Clock
    ) -> None:
        self._store, self._gateway = sockets
        self._site = site
        self._request = request
        self._until = until
        self._clock = clock
        # connection -> when it may be tried again
        self._gone: dict[str, float] = {}
        self._sent = 0
        self._first_sent = 0.0
        self._first_sent_ms = 0
        self._first: Socket | None = None

    def ask(self) -> Heard:
        """Send, wait, and if need be once more; see `ask_socket`."""
        while True:
            request_id = os.urandom(9).hex()
            heard = self._ask(request_id)
            if not is_starting(heard.answer):
                return heard
            if heard.again:
                # This time it did nothing; what became of the first time nobody knows.
                raise NoAnswerError("no_answer")
            if self._left() < _STARTING_S:
                return heard
            self._clock.pause(_STARTING_S)
            self._sent = 0
            self._first = None

    def _ask(self, request_id: str) -> Heard:
        frame = rest_frame(self._request, request_id)
        while self._sent < MAX_SENT:
            socket = self._open_socket()
            if socket is None:
                break
            if not self._post(socket, frame):
                continue
            answer = self._await(socket, request_id)
            if answer is not None:
                return Heard(answer, again=self._sent > 1)
        if not self._sent:
            raise NotAskedError("not_connected")
        # Sent as often as may be: an answer that comes late still says what was done.
        answer = self._poll(request_id, self._until, None)
        if answer is None:
            raise NoAnswerError("no_answer")
        return Heard(answer, again=self._sent > 1)

    def _open_socket(self) -> Socket | None:
        """Return the PBX's newest connection; None if there is no time to wait for one."""
        limit = self._until
        if self._sent:
            limit = min(limit, self._first_sent + RESEND_S)
        give_up = min(limit, self._clock.now() + RECONNECT_S)
        while self._clock.now() < limit:
            try:
                for socket in self._store.all():
                    tried_again_at = self._gone.get(socket.id, 0.0)
                    if self._is_ours(socket) and tried_again_at <= self._clock.now():
                        return socket
            except UnavailableError:
                if not self._sent:
                    raise NotAskedError("store") from None
            if self._clock.now() + LAST_POLL_S >= give_up:
                return None
            self._clock.pause(2 * LAST_POLL_S)
        return None

    def _is_ours(self, socket: Socket) -> bool:
        """Tell whether a request may go through a connection; see the module for a repetition."""
        first = self._first
        if first is None or socket.id == first.id:
            return socket.site == self._site
        return (
            self._gone.get(first.id, 0.0) == math.inf
            and (socket.site, socket.source_ip) == (first.site, first.source_ip)
            and socket.at_ms >= self._first_sent_ms
        )

    def _post(self, socket: Socket, frame: str) -> bool:
        """Send; return whether it may have been sent."""
        try:
            self._gateway.post(socket.id, frame, timeout_s=min(POST_S, max(0.1, self._left())))
        except GoneError:
            self._leave(socket)
            return False
        except ThrottledError:
            self._clock.pause(LAST_POLL_S)
            return False
        except RejectedError as error:
            if not self._sent:
                raise NotAskedError(error.reason) from error
            self._clock.pause(2 * LAST_POLL_S)
            return False
        except UnavailableError:
            # It may have been sent all the same; then its answer comes.
            pass
        if not self._sent:
            self._first_sent = self._clock.now()
            self._first_sent_ms = int(1000 * self._clock.epoch())
            self._first = socket
        self._sent += 1
        return True

    def _leave(self, socket: Socket) -> None:
        """Do without a connection that isn't open."""
        if is_opening(socket, self._clock.epoch()):
            self._gone[socket.id] = self._clock.now() + 2 * LAST_POLL_S
            return
        self._gone[socket.id] = math.inf
        try:
            self._store.remove(socket.id)
        except UnavailableError:
            return  # the ping will

    def _await(self, socket: Socket, request_id: str) -> AriAnswer | None:
        """Wait until it is time to send again; None if no answer came by then."""
        return self._poll(request_id, min(self._until, self._clock.now() + ANSWER_S), socket)

    def _poll(self, request_id: str, until: float, socket: Socket | None) -> AriAnswer | None:
        wait = FIRST_POLL_S
        look_at = self._clock.now() + LOOK_S
        while self._clock.now() < until:
            self._clock.pause(wait)
            wait = min(LAST_POLL_S, wait * 1.3)
            try:
                answer = self._store.answer(request_id)
                if answer is not None:
                    return answer
                if socket and self._clock.now() >= look_at:
                    look_at += LOOK_S
                    if self._store.get(socket.id) is None:
                        self._gone[socket.id] = math.inf
                        return None
            except UnavailableError:
                continue
        return None

    def _left(self) -> float:
        return self._until - self._clock.now()
