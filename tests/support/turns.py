"""Workers that take turns: each is a thread that stops before every request until it is let go.

Only one runs at a time, so what happens depends on nothing but the order of the turns.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.adapters.store.sender import Sender

STUCK_S = 60.0


class AbandonedError(BaseException):
    """The test is over; nobody may catch this."""


class Turn:
    """One worker at work; alive until `done`, or until it is abandoned.

    Args:
        work: what it does, in a thread of its own; given this object, for its gates.

    Attributes:
        at: what it is about to do.
        result: what `work` returned.
        error: what it raised.
    """

    def __init__(self, work: Callable[[Turn], Any]) -> None:
        self.at = ""
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None
        self._abandoned = False
        # Locks that the other side releases: a semaphore does the same, at many times the cost.
        self._go = threading.Lock()
        self._stopped = threading.Lock()
        self._go.acquire()
        self._stopped.acquire()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()
        self._await()

    def step(self) -> None:
        """Let it do what it is about to do, up to the next request or the end."""
        assert not self.done
        self._go.release()
        self._await()

    def gate(self, what: str) -> None:
        """Stop before a request; called by the work, in whichever thread it does it."""
        if self._abandoned:
            raise AbandonedError
        self.at = what
        self._stopped.release()
        self._go.acquire()
        if self._abandoned:
            raise AbandonedError

    def abandon(self) -> None:
        """End it where it is."""
        if not self.done:
            self._abandoned = True
            self._go.release()
            self._await()

    def _await(self) -> None:
        assert self._stopped.acquire(timeout=STUCK_S), f"stuck at {self.at}"
        if self.done:
            self._thread.join()

    def _run(self, work: Callable[[Turn], Any]) -> None:
        try:
            self.result = work(self)
        except AbandonedError:
            pass
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            self.done = True
            self._stopped.release()


class GatedClient:
    """Sends requests when it is their turn; `adapters/store/sender.py`'s Sender."""

    def __init__(self, client: Sender, turn: Turn) -> None:
        self._client = client
        self._turn = turn

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        self._turn.gate(operation)
        return self._client.call(operation, payload, timeout_s=timeout_s)
