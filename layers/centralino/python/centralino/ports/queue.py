"""What keeps work for later: a queue, and a place for bodies that are too large for it."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Queue(Protocol):
    """Keeps messages for the worker until it has done them; one may come more than once."""

    max_bytes: int
    """How long a message may be as JSON, bytes."""

    def send(
        self, message: Mapping[str, object], *, delay_s: int = ..., timeout_s: float = ...
    ) -> None:
        """Keep a message; returns once it is safe.

        Args:
            message: plain JSON.
            delay_s: how long nobody gets it, seconds, 0 to 900.
            timeout_s: for everything.

        Raises:
            UnavailableError: it may not be safe.
        """

    def postpone(self, receipt: str, wait_s: int) -> None:
        """Let a message that was received come back at another time than it would.

        Args:
            receipt: of this reception of the message.
            wait_s: from now on, seconds, 0 to 43,200.

        Raises:
            UnavailableError: it may come back when it would have.
        """


class Claim(NamedTuple):
    """Where a large body was left: what a message has in its place.

    Attributes:
        bucket: the bucket's name.
        key: the object's key.
    """

    bucket: str
    key: str


class Claims(Protocol):
    """Keeps bodies that no message has room for, for as long as any message can be about one."""

    def put(self, tenant: str, provider: str, body: bytes) -> Claim:
        """Keep a body.

        Raises:
            UnavailableError: it may not be safe.
        """

    def take(self, claim: Claim) -> bytes:
        """Return a body; it stays where it is, for its message may come again.

        Raises:
            RejectedError: `claim_gone`, there is no such body (any more).
            UnavailableError: there is no answer.
        """
