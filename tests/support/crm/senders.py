"""The sending half of each product: when it posts again, when it gives up, when it drops the hook.

Only what the products' documentation and sources say; time is simulated. What they leave open is
assumed to our disadvantage, and said so at the class.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from random import Random
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from centralino.adapters.crm.salesforce import ACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
GONE = 410


class Event(NamedTuple):
    """Something that happened in a CRM.

    Attributes:
        body: as it is posted.
        name: the last part of the URL's path, for products that have one URL per event.
        at_s: when it happened, seconds since 1970.
    """

    body: bytes
    name: str
    at_s: float


class Answered(NamedTuple):
    """What the receiver said."""

    status: int
    headers: Mapping[str, str]
    body: str


class Sender(ABC):
    """One webhook of a product.

    Attributes:
        signs_anew: whether a repetition has a time and a signature of its own.
        arrived: events that were answered as the product wants.
        lost: events that it will never post again.
        banned: whether it ever stopped posting for a while.
        removed: whether it deleted or disabled the webhook.
        posts: when something was posted, seconds since 1970.
    """

    signs_anew: ClassVar[bool] = True

    def __init__(self) -> None:
        self.arrived: list[Event] = []
        self.lost: list[Event] = []
        self.banned = False
        self.removed = False
        self.posts: list[float] = []

    def run(self, events: Sequence[Event], post: Callable[[Event, float, float], Answered]) -> None:
        """Post events until each has arrived or is given up.

        Args:
            events: what happened, in any order.
            post: hands one in; takes the event, the time now and that of the signature.
        """
        due = [(event.at_s, place, 0) for place, event in enumerate(events)]
        heapq.heapify(due)
        while due:
            now, place, tries = heapq.heappop(due)
            event = events[place]
            if self.removed or not self.posts_at(now):
                self.lost.append(event)
                continue
            self.posts.append(now)
            answered = post(event, now, now if self.signs_anew else event.at_s)
            if self.accepts(answered):
                self.arrived.append(event)
                self.succeeded(now)
                continue
            wait_s = self.after(answered, tries, now)
            if wait_s is None:
                self.lost.append(event)
            else:
                heapq.heappush(due, (now + wait_s, place, tries + 1))

    def posts_at(self, now: float) -> bool:  # noqa: ARG002 - most have no bans
        """Tell whether it posts at all at a time."""
        return True

    def accepts(self, answered: Answered) -> bool:
        """Tell whether an answer is what the product wants."""
        return answered.status // 100 == 2

    def succeeded(self, now: float) -> None:  # noqa: B027 - most remember nothing
        """Take note of a success."""

    @abstractmethod
    def after(self, answered: Answered, tries: int, now: float) -> float | None:
        """Return how long it waits before it posts again, seconds; None if it doesn't.

        Args:
            answered: what the receiver said.
            tries: how often it had posted the event before this time.
            now: the time, seconds since 1970.
        """


class OdooSender(Sender):
    """Send and forget: a failure is a line in Odoo's log."""

    def after(self, answered: Answered, tries: int, now: float) -> None:  # noqa: ARG002
        return None


class PipedriveSender(Sender):
    """Three repetitions; ten first tries that fail ban the webhook for half an hour.

    Assumed: a success between them doesn't set the counter back, and repetitions that fall into a
    ban are lost as well.
    """

    WAITS_S = (3.0, 30.0, 150.0)
    MAX_FAILED = 10
    BAN_S = 30 * MINUTE_S
    PATIENCE_S = 3 * DAY_S

    def __init__(self) -> None:
        super().__init__()
        self._failed = 0
        self._banned_until = 0.0
        self._failing_since: float | None = None

    def posts_at(self, now: float) -> bool:
        return now >= self._banned_until

    def succeeded(self, now: float) -> None:  # noqa: ARG002
        self._failing_since = None

    def after(self, answered: Answered, tries: int, now: float) -> float | None:  # noqa: ARG002
        self._failing_since = now if self._failing_since is None else self._failing_since
        self.removed = now - self._failing_since >= self.PATIENCE_S
        self._failed += not tries
        if self._failed >= self.MAX_FAILED:
            self._failed = 0
            self.banned = True
            self._banned_until = now + self.BAN_S
        return self.WAITS_S[tries] if tries < len(self.WAITS_S) else None


class EspocrmSender(Sender):
    """Four tries, ten minutes apart, for a few codes; 410 deletes the webhook, all others fail."""

    REPEATED = frozenset({0, 401, 403, 404, 405, 408, 500, 503})
    TRIES = 4

    def accepts(self, answered: Answered) -> bool:
        return 200 <= answered.status < 400

    def after(self, answered: Answered, tries: int, now: float) -> float | None:  # noqa: ARG002
        self.removed = answered.status == GONE
        if answered.status in self.REPEATED and tries + 1 < self.TRIES:
            return 10 * MINUTE_S
        return None


class HubspotSender(Sender):
    """Ten repetitions at random times within 24 hours, whatever the error was."""

    REPETITIONS = 10

    def __init__(self) -> None:
        super().__init__()
        self._random = Random(1)

    def after(self, answered: Answered, tries: int, now: float) -> float | None:  # noqa: ARG002
        if tries >= self.REPETITIONS:
            return None
        return self._random.uniform(1.0, DAY_S / self.REPETITIONS)


class SalesforceSender(Sender):
    """For 24 hours, at most two hours apart, until the answer is the one `Ack`.

    Assumed: it begins after a minute and doubles that.
    """

    def accepts(self, answered: Answered) -> bool:
        kind = answered.headers.get("content-type", "").partition(";")[0]
        return (answered.status, kind, answered.body) == (200, "text/xml", ACK)

    def after(self, answered: Answered, tries: int, now: float) -> float | None:  # noqa: ARG002
        waits = [min(2 * HOUR_S, MINUTE_S * 2**place) for place in range(tries + 1)]
        return waits[-1] if sum(waits) <= DAY_S else None


class ZendeskSender(Sender):
    """Again for 409, and for 429 and 503 when `Retry-After` says when.

    How often is not in our sources, so it is a choice. Assumed: it isn't signed anew.

    Args:
        repetitions: how often.
    """

    signs_anew = False

    def __init__(self, repetitions: int) -> None:
        super().__init__()
        self._repetitions = repetitions

    def after(self, answered: Answered, tries: int, now: float) -> float | None:  # noqa: ARG002
        if tries >= self._repetitions:
            return None
        if answered.status == 409:
            return 1.0
        wait = answered.headers.get("retry-after", "")
        return float(wait) if answered.status in {429, 503} and wait else None


class StandardSender(Sender):
    """The schedule that Standard Webhooks' specification has for an example; 410 disables."""

    WAITS_S = (
        *(5.0, 5 * MINUTE_S, 30 * MINUTE_S),
        *(hours * HOUR_S for hours in (2, 5, 10, 14, 20, 24)),
    )

    def after(self, answered: Answered, tries: int, now: float) -> float | None:  # noqa: ARG002
        self.removed = answered.status == GONE
        return self.WAITS_S[tries] if tries < len(self.WAITS_S) and not self.removed else None
