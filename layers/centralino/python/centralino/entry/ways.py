"""What a call that is routed can do in the time that is left of it."""

from __future__ import annotations

from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.application.learn_number import Taught
    from centralino.application.route_caller import Office
    from centralino.domain.card import Card
    from centralino.domain.customer import Learned
    from centralino.domain.learning import LearningOptions
    from centralino.entry.access import Visit
    from centralino.entry.live import Live
    from centralino.entry.route import Desk
    from centralino.ports.call_read import Read
    from centralino.ports.pbx import PbxCall
    from centralino.ports.route_read import Beside, CustomerRead, Talk


class Renewed(Exception):  # noqa: N818 - no error: the call is taken once more
    """The settings or the routing were edited since this container read them."""


class Ways:
    """The ways of one call; see `application/route_caller.py`.

    Args:
        visit: the request that is in.
        desk: what calls are routed with.
        office: what the tenant has set.
        call: the call.
    """

    def __init__(self, visit: Visit, desk: Desk, office: Office, call: PbxCall) -> None:
        visit.on_line(office.line)
        self._visit = visit
        self._desk = desk
        self._office = office
        self._call = call
        self._live: Live | None = None
        self.now = visit.now

    def late(self) -> bool:
        """Tell whether it is time to answer."""
        patience_s = self._office.line.decode_timeout_s
        return self._visit.deadline.answer_in_s(patience_s, self.now()) <= 0

    def read(self, numbers: Sequence[str], caller: str, beside: Beside) -> Read:
        """Read the cards of some numbers, and what is beside them.

        Raises:
            Renewed: the settings or the routing that the call was taken with are old.
        """
        found = self._visit.read(numbers, caller if self.live() else "", beside)
        if self._visit.renewed:
            raise Renewed
        return found

    def look_up(self, numbers: Sequence[str]) -> Read:
        """Read the cards of some numbers alone."""
        return self._visit.read(numbers)

    def live(self) -> Live | None:
        """Return the way to the tenant's CRMs; None for tenants who have none."""
        settings = self._office.settings
        if not (settings.crms and settings.live_search_s > 0):
            return None
        if self._live is None:
            from centralino.entry.live import Live  # noqa: PLC0415 - many tenants have no CRM

            line = self._office.line
            self._live = Live(self._call, self._visit, line, self._desk.live_search)
        return self._live

    def search(self, found: Read) -> Mapping[str, Card]:
        """Ask the tenant's CRMs for a caller whom nobody knows."""
        live = self.live()
        return live.search(found) if live else {}

    def refresh(self, found: Read) -> None:
        """See to cards that are served now and have to be looked after."""
        if live := self.live():
            live.refresh(found)

    def customers(self, codes: Sequence[str]) -> Mapping[str, CustomerRead]:
        """Read customers with their history."""
        asked_at, limit_s = self._begin()
        try:
            return self._desk.store.customers(self._visit.tenant, codes, timeout_s=limit_s)
        finally:
            self._end(asked_at)

    def save_talk(self, call_id: str, talk: Talk) -> bool:
        """Save a conversation; False if another turn was saved meanwhile."""
        asked_at, limit_s = self._begin()
        try:
            return self._desk.store.save_talk(self._visit.tenant, call_id, talk, timeout_s=limit_s)
        finally:
            self._end(asked_at)

    def note_answer(self, number: str, code: str, exten: str) -> None:
        """Note who spoke to the caller."""
        asked_at, limit_s = self._begin()
        try:
            self._desk.store.answered(
                self._visit.tenant,
                number=number,
                code=code,
                exten=exten,
                at=int(asked_at),
                timeout_s=limit_s,
            )
        finally:
            self._end(asked_at)

    def learn(self, learned: Learned, why_not: str, options: LearningOptions) -> Taught:
        """Learn a number, unless there is a reason not to; never beyond the deadline."""
        from centralino.application.learn_number import learn_number  # noqa: PLC0415 - few teach

        asked_at = self.now()
        try:
            return learn_number(
                self._desk.learner(self._visit.tenant),
                learned,
                why_not,
                options,
                now_s=asked_at,
                timeout_s=self._visit.limit_s(asked_at),
            )
        finally:
            self._end(asked_at)

    def _begin(self) -> tuple[float, float]:
        """Return the time, and how long the store may take.

        Raises:
            UnavailableError: there is no time left.
        """
        asked_at = self.now()
        limit_s = self._visit.limit_s(asked_at)
        if limit_s <= 0:
            raise UnavailableError("timeout")
        return asked_at, limit_s

    def _end(self, asked_at: float) -> None:
        self._visit.read_s += self.now() - asked_at
