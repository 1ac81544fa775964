"""Shared access tokens; `ports/tokens.py` says what sharing means."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from centralino.domain.errors import RejectedError, UnavailableError
from centralino.ports.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from typing import Protocol

    from centralino.ports.tokens import TokenStore

    class KeptToken(Protocol):
        """Reads and writes one token."""

        def read(self, timeout_s: float) -> Mapping[str, object]:
            """Return what was written last."""

        def write(self, value: Mapping[str, object], timeout_s: float) -> None:
            """Keep this instead."""

    class Claims(Protocol):
        """Claims of one tenant."""

        def claim(self, provider: str, until: float) -> int:
            """Claim to be the one who renews."""

        def release(self, provider: str, claim: int) -> None:
            """Give up a claim."""


# A token is renewed before its end, for the request that it is for takes time as well.
EARLY_S = 30.0
# A token that is refused sooner than this after its renewal won't be better for another one.
YOUNG_S = 10.0


# How long whoever renews may take before another one does it: a request and its answer, kept.
CLAIM_S = 25.0
# What is asked of the place where the token is shared, while somebody waits for the token itself.
STORE_S = 5.0
# A renewed token that isn't kept costs the connection: it is tried this often.
ATTEMPTS = 3
POLL_S = 0.2


class MemoryTokens:
    """The token that the threads of one process share; for a desk, and for tests.

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


class SharedTokens:
    """The token that all containers share; one object for each connection in a container.

    Args:
        store: where it is shared.
        origin: stands for the secrets that the first token is got with: a token that was got with
            others, before an operator connected anew, is nobody's any more.
        now: the time, seconds since 1970.
        pause: waits some seconds.
    """

    def __init__(
        self,
        store: TokenStore,
        origin: str,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._origin = origin
        self._now = now
        self._pause = pause
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renewed_at = 0.0
        # Renewed, and not kept yet: nobody but this container has it.
        self._unkept = False

    def token(
        self, renew: Callable[[Token | None], Token], *, refused: str = "", timeout_s: float
    ) -> Token:
        """Return the token that everybody uses now; see the port."""
        token = self._token
        if token and not self._unkept and is_good(token, refused, self._now()):
            return token
        ends = self._now() + timeout_s
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            raise UnavailableError("timeout")
        try:
            return self._shared(renew, refused, ends)
        finally:
            self._lock.release()

    def _shared(self, renew: Callable[[Token | None], Token], refused: str, ends: float) -> Token:
        if self._unkept:
            self._keep()
        while True:
            if token := self._good(refused, ends):
                return token
            if claim := self._store.claim(self._now() + CLAIM_S):
                break
            if self._now() + POLL_S >= ends:
                raise UnavailableError("timeout")
            self._pause(POLL_S)
        try:
            # Whoever had the claim before may have renewed it meanwhile.
            if token := self._good(refused, ends):
                return token
            self._token = renewed = renew(self._token)
            self._renewed_at = self._now()
            self._unkept = True
            self._keep()
            return renewed
        finally:
            # It lapses by itself, and the token is good all the same.
            with suppress(UnavailableError):
                self._store.release(claim)

    def _good(self, refused: str, ends: float) -> Token | None:
        """Return the shared token if it may be used; take over whatever it is."""
        now = self._now()
        if self._token and is_good(self._token, refused, now):
            return self._token
        stored = self._store.read(max(0.1, min(STORE_S, ends - now)))
        if stored.get("origin") == self._origin:
            self._token = Token(
                str(stored.get("access", "")),
                str(stored.get("refresh", "")),
                float(str(stored.get("expires_at", 0))),
            )
            self._renewed_at = float(str(stored.get("renewed_at", 0)))
        token = self._token
        if token and is_good(token, refused, now):
            return token
        if token and token.access == refused and 0 <= now - self._renewed_at < YOUNG_S:
            raise RejectedError("credentials")
        return None

    def _keep(self) -> None:
        """Keep what was renewed before anybody uses it: the next refresh token is all there is."""
        token = self._token
        if token is None:
            return
        value = {**token._asdict(), "renewed_at": self._renewed_at, "origin": self._origin}
        for attempt in range(ATTEMPTS):
            try:
                self._store.write(value, STORE_S)
            except UnavailableError:
                if attempt + 1 == ATTEMPTS:
                    raise
                self._pause(POLL_S * 2**attempt)
            else:
                self._unkept = False
                return


class SharedPlace:
    """Where the containers' token is, in two halves; `ports/tokens.py`'s TokenStore.

    Args:
        kept: reads and writes the token, beside the connection's secrets.
        claims: the tenant's claims, in the table.
        provider: the CRM's slug.
        lock: held for each request: the clients behind both are not for several threads at once.
    """

    def __init__(
        self, kept: KeptToken, claims: Claims, provider: str, lock: AbstractContextManager[object]
    ) -> None:
        self._kept = kept
        self._claims = claims
        self._provider = provider
        self._lock = lock

    def read(self, timeout_s: float) -> Mapping[str, object]:
        """Return what was written last; see the port."""
        with self._lock:
            return self._kept.read(timeout_s)

    def write(self, value: Mapping[str, object], timeout_s: float) -> None:
        """Keep a token; see the port."""
        with self._lock:
            self._kept.write(value, timeout_s)

    def claim(self, until: float) -> int:
        """Claim to be the one who renews; see the port."""
        with self._lock:
            return self._claims.claim(self._provider, until)

    def release(self, claim: int) -> None:
        """Give up a claim; see the port."""
        with self._lock:
            self._claims.release(self._provider, claim)


def is_good(token: Token, refused: str, now: float) -> bool:
    """Tell whether a token may be used: it has not ended, and is not the one just refused."""
    ended = token.expires_at and token.expires_at - EARLY_S <= now
    return not ended and token.access != refused
