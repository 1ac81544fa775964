"""The place where containers share a token, in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from centralino.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class MemoryTokenStore:
    """A token and a claim; `ports/tokens.py`'s TokenStore.

    Args:
        now: the time, seconds since 1970.

    Attributes:
        value: what was kept last.
        failing: how many of the next writes fail.
        reads: how often it was read.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.value: Mapping[str, object] = {}
        self.failing = 0
        self.reads = 0
        self._now = now
        self._lock = threading.Lock()
        self._claim = 0
        self._until = 0.0
        self._claims = 0

    def read(self, timeout_s: float) -> Mapping[str, object]:
        assert timeout_s > 0
        with self._lock:
            self.reads += 1
            return self.value

    def write(self, value: Mapping[str, object], timeout_s: float) -> None:
        assert timeout_s > 0
        with self._lock:
            if self.failing:
                self.failing -= 1
                raise UnavailableError("timeout")
            self.value = value

    def claim(self, until: float) -> int:
        with self._lock:
            if self._claim and self._until > self._now():
                return 0
            self._claims += 1
            self._claim, self._until = self._claims, until
            return self._claim

    def release(self, claim: int) -> None:
        with self._lock:
            if self._claim == claim:
                self._claim = 0
