"""The WebSockets that PBXs opened to us: what is kept of them, and what is sent through them.

A PBX behind NAT, which nobody can reach, connects to our WebSocket API and is asked through that
connection. Whoever asks isn't the function that the answer comes to, so answers are kept for a
moment where the one who asked looks for them.
"""

from __future__ import annotations

from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.domain.ari import AriAnswer


class GoneError(UnavailableError):
    """The connection isn't open: it was closed, or its handshake isn't done yet."""

    def __init__(self) -> None:
        super().__init__("gone")


class Socket(NamedTuple):
    """One connection that a PBX opened.

    Attributes:
        tenant: the tenant's id.
        id: the gateway's id of the connection.
        site: which of the tenant's PBXs it is: the user name of the handshake.
        at_ms: when it was opened, milliseconds since 1970.
        source_ip: where from.
        agent: what the PBX says it is (`User-Agent`), cut.
        key_id: the beginning of the hash of the key that let it in.
        filtered: whether the PBX was told which events we want.
        alive_ms: when the PBX last answered a ping, milliseconds since 1970; 0 for not yet.
        unanswered: pings since then.
        pinged_ms: when it was pinged last, milliseconds since 1970; 0 for not yet.
    """

    tenant: str
    id: str
    site: str
    at_ms: int
    source_ip: str = ""
    agent: str = ""
    key_id: str = ""
    filtered: bool = False
    alive_ms: int = 0
    unanswered: int = 0
    pinged_ms: int = 0

    @property
    def answers(self) -> bool:
        """Whether it has left no ping unanswered."""
        return not self.unanswered


class SocketStore(Protocol):
    """One tenant's connections. Every method raises UnavailableError if there is no answer."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def save(self, socket: Socket) -> None:
        """Keep a connection; what was kept of that id before is replaced."""

    def get(self, socket_id: str) -> Socket | None:
        """Return a connection; None if it isn't there (any more)."""

    def all(self) -> tuple[Socket, ...]:
        """Return the tenant's connections, the newest first."""

    def remove(self, socket_id: str) -> None:
        """Forget a connection; nothing happens if it isn't there."""

    def note_filtered(self, socket_id: str) -> None:
        """Note that the PBX knows which events we want; nothing happens if it isn't there."""

    def note_ping(self, socket_id: str, *, at_ms: int) -> None:
        """Count a ping that is sent now; nothing happens if it isn't there."""

    def note_pong(self, socket_id: str, *, at_ms: int) -> None:
        """Note that a ping was answered; nothing happens if it isn't there."""

    def keep_answer(self, request_id: str, answer: AriAnswer) -> None:
        """Keep an answer for a few minutes."""

    def answer(self, request_id: str) -> AriAnswer | None:
        """Return the answer to a request; None if it hasn't come yet."""

    def keep_event(self, call_id: str, at_ms: int, text: str) -> None:
        """Keep an event as it came, for 90 days; the same one twice is kept once.

        Args:
            call_id: of the call, or of the channel, that it is about.
            at_ms: when it happened, milliseconds since 1970.
            text: JSON.
        """

    def events(self, call_id: str) -> tuple[str, ...]:
        """Return a call's events as they came, the first one first."""


class SocketList(Protocol):
    """The connections of all tenants: what the ping goes through, and nobody else."""

    def all(self) -> Iterator[Socket]:
        """Yield every connection, whoever's it is."""

    def find(self, socket_id: str) -> Socket | None:
        """Return the connection of that id, whoever's it is; None if there is none."""


class SocketGateway(Protocol):
    """What is at the other end of the connections: the WebSocket API."""

    def post(self, socket_id: str, frame: str, *, timeout_s: float) -> None:
        """Send a text to the PBX; that it returns says nothing of whether the PBX has read it.

        Raises:
            GoneError: the connection isn't open; nothing was sent.
            ThrottledError: the gateway asks to slow down; nothing was sent.
            RejectedError: it refuses us, an operator has to act; nothing was sent.
            UnavailableError: no answer; it may have been sent.
        """

    def disconnect(self, socket_id: str, *, timeout_s: float) -> None:
        """Close a connection; nothing happens if it isn't open.

        Raises:
            UnavailableError: no answer.
        """


class Sockets(NamedTuple):
    """What asks a tenant's PBXs through the connections that they opened.

    Attributes:
        store: the tenant's connections.
        gateway: sends.
    """

    store: SocketStore
    gateway: SocketGateway


class Again(Protocol):
    """Has a function of ours run once more, by itself, with nobody waiting for it."""

    def later(self, task: Mapping[str, str]) -> None:
        """Have it run with a task.

        Raises:
            UnavailableError: it can't be asked for.
        """
