"""A circuit breaker: a service that fails again and again is left alone for a while."""

from __future__ import annotations

FAILURES = 3  # in a row
OPEN_S = 30.0
LONGEST_OPEN_S = 300.0


class Circuit:
    """Counts one service's failures in a row; closed, as circuits are, is when it is asked.

    After its pause one request goes through, and tells whether the next ones do.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0

    def allows(self, now: float) -> bool:
        """Tell whether the service may be asked.

        Args:
            now: the time, seconds since 1970; a clock that was set back closes the circuit.
        """
        return not 0 < self._open_until - now <= LONGEST_OPEN_S

    def succeeded(self) -> None:
        """Note that the service answered, whatever it said."""
        self._failures = 0
        self._open_until = 0.0

    def failed(self, now: float, *, pause_s: float = 0.0) -> None:
        """Note that the service failed.

        Args:
            now: the time, seconds since 1970.
            pause_s: for how long it, or what it said, asks to be left alone from now on; 0 if it
                didn't say.
        """
        self._failures += 1
        if pause_s or self._failures >= FAILURES:
            self._open_until = now + min(pause_s or OPEN_S, LONGEST_OPEN_S)
