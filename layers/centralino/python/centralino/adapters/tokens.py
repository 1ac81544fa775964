"""Shared access tokens; `ports/tokens.py` says what sharing means."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from centralino.domain.errors import RejectedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.ports.tokens import Token

# A token is renewed before its end, for the request that it is for takes time as well.
EARLY_S = 30.0
# A token that is refused sooner than this after its renewal won't be better for another one.
YOUNG_S = 10.0


class MemoryTokens:
    """The token that the threads of one process share.

    Enough where a renewal leaves other containers' tokens alone, as with client credentials.

    Args:
        now: the time, seconds since 1970.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renewed_at = 0.0

    def token(
        self, renew: Callable[[Token | None], Token], *, refused: str = "", timeout_s: float
    ) -> Token:
        """Return the token that everybody uses now; see the port."""
        token = self._token
        if token and is_good(token, refused, self._now()):
            return token
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            raise UnavailableError("timeout")
        try:
            token = self._token
            now = self._now()
            if token and is_good(token, refused, now):
                return token
            if token and token.access == refused and 0 <= now - self._renewed_at < YOUNG_S:
                raise RejectedError("credentials")
            self._token = renewed = renew(token)
            self._renewed_at = self._now()
            return renewed
        finally:
            self._lock.release()


def is_good(token: Token, refused: str, now: float) -> bool:
    """Tell whether a token may be used: it has not ended, and is not the one just refused."""
    ended = token.expires_at and token.expires_at - EARLY_S <= now
    return not ended and token.access != refused
