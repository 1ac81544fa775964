"""What does a request once, however often it comes with the same idempotency key."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# How long a key is remembered, seconds: after that it is a new one.
KEPT_S = 86_400


class RunTime(Protocol):
    """Lambda's context, as far as it says when the run ends."""

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the function's time."""


class Once(Protocol):
    """Does the requests of one tenant once."""

    def run(
        self,
        key: str,
        body: Mapping[str, object],
        do: Callable[[], dict[str, object]],
        run_time: RunTime,
    ) -> tuple[dict[str, object], bool]:
        """Do a request, unless one of that key was done within a day.

        What raises an error was not done, and may be tried again with the same key. A run that was
        killed is tried again by whoever comes with the key once its function's time is over.

        Args:
            key: the request's own word.
            body: what tells it from another request; JSON.
            do: does it; what it returns is JSON and answers every later one.
            run_time: when this run ends at the latest.

        Returns:
            The answer, and whether it is that of an earlier run.

        Raises:
            InProgressError: it is at work just now.
            ReusedKeyError: the key came with another body.
            UnavailableError: the store has no answer; nothing was done.
        """
