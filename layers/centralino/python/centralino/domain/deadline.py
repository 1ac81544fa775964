"""How long a PBX waits, and when we answer: before it gives up, whatever happened."""

from __future__ import annotations

# A gateway stamp older than this is a stored event or a clock gone wrong, not a slow start.
MAX_STAMP_AGE_S = 30.0
# Until the tenant's own line is known (a cold container), the shortest default among PBXs counts
# (FreeSWITCH's); once that one has given up, the usual one does.
UNKNOWN_PATIENCE_S = (2.0, 3.0)
# What is kept back for encoding the answer and for the gateway's own way back.
ENCODING_S = 0.05
# What is tried when a slow start has eaten the store's share.
SHORT_TRY_S = 0.25
# Below this a round trip is not worth starting.
SHORTEST_READ_S = 0.02


class Deadline:
    """One call's clock.

    Args:
        stamped_at: when the gateway took the request, seconds since 1970; 0 if it didn't say.
        now: the time at handler entry, seconds since 1970.
    """

    def __init__(self, stamped_at: float, now: float) -> None:
        believable = 0.0 <= now - stamped_at <= MAX_STAMP_AGE_S
        self.started_at = stamped_at if believable else now

    def elapsed_s(self, now: float) -> float:
        """Return the seconds since the gateway took the request."""
        return now - self.started_at if now > self.started_at else 0.0

    def answer_in_s(self, decode_timeout_s: float, now: float) -> float:
        """Return the seconds left until we have to answer; zero or less when it is time."""
        return _answer_after_s(decode_timeout_s) - self.elapsed_s(now)

    def read_in_s(self, decode_timeout_s: float, now: float) -> float:
        """Return the seconds that the store may take, 0 if there is no time left to ask it.

        A store that fails costs the caller a third of the PBX's patience, not all of it. When a
        slow start has already eaten that third, what is left until the answer still is worth a
        short try.
        """
        elapsed = now - self.started_at if now > self.started_at else 0.0
        third = decode_timeout_s / 3 - elapsed - ENCODING_S
        if third >= SHORT_TRY_S:
            return third  # no answer is due before a third of the patience is over
        left = _answer_after_s(decode_timeout_s) - elapsed - ENCODING_S
        allowed = min(left, SHORT_TRY_S)
        return allowed if allowed >= SHORTEST_READ_S else 0.0

    def search_in_s(self, decode_timeout_s: float, live_search_s: float, now: float) -> float:
        """Return the seconds that the CRMs may take, 0 if there is no time left to ask them.

        Args:
            decode_timeout_s: how long the PBX waits.
            live_search_s: how long the tenant lets a call wait for its CRMs.
            now: seconds since 1970.
        """
        left = self.answer_in_s(decode_timeout_s, now) - ENCODING_S
        allowed = min(left, live_search_s)
        return allowed if allowed >= SHORTEST_READ_S else 0.0

    def first_read_in_s(self, now: float) -> float:
        """Return `read_in_s` for a line that isn't known yet."""
        allowed = (self.read_in_s(patience, now) for patience in UNKNOWN_PATIENCE_S)
        return next(filter(None, allowed), 0.0)


def _answer_after_s(decode_timeout_s: float) -> float:
    """Return how many seconds after the gateway took it a request is to be answered.

    We answer max(0.5 s, 10 %) before the PBX gives up, but keep at least a third of its
    patience for ourselves: a line that waits 0.5 s would otherwise never get a name.
    """
    return max(decode_timeout_s - max(0.5, decode_timeout_s / 10), decode_timeout_s / 3)
