"""Several containers of one tenant that place calls at once and share one access token."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from centralino.adapters.tokens import SharedTokens
from centralino.domain.originate import FailedCallError, Order
from centralino.ports.originate import Means
from tests.support.crm import LoopbackWeb
from tests.support.token_store import MemoryTokenStore

if TYPE_CHECKING:
    from centralino.ports.originate import Originator, PbxLink

ORDER = Order("0123456789abcdefABCDEF", "21", "+390244556677", "0244556677", timeout_s=25)
TIMEOUT_S = 5.0


class Containers:
    """A tenant's containers.

    Args:
        kind: the provider.
        link: the tenant's.
        count: how many containers there are.

    Attributes:
        store: where they share the token.
        all: the provider in each container.
    """

    def __init__(self, kind: type[Originator], link: PbxLink, count: int = 1) -> None:
        self._later_s = 0.0
        self.store = MemoryTokenStore(self.now)
        self.all = [
            kind(link, Means(LoopbackWeb(), SharedTokens(self.store, "origin", now=self.now)))
            for _ in range(count)
        ]

    def now(self) -> float:
        """Return the time, seconds since 1970."""
        return time.time() + self._later_s

    def let_pass(self, seconds: float) -> None:
        """Let some time pass for the token."""
        self._later_s += seconds

    def originate(self, place: int = 0, *, timeout_s: float = TIMEOUT_S) -> str:
        """Place a call from one container; return its id, or why it is not placed."""
        try:
            return self.all[place].originate(ORDER, timeout_s=timeout_s).provider_id
        except FailedCallError as error:
            return error.reason

    def storm(self) -> list[str]:
        """Place a call from each container, all at once; return what became of them."""
        start = threading.Barrier(len(self.all))

        def one(place: int) -> str:
            start.wait()
            return self.originate(place)

        with ThreadPoolExecutor(len(self.all)) as pool:
            return list(pool.map(one, range(len(self.all))))
