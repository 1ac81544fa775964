"""A call's way to the tenant's CRMs; imported where there is one to ask."""

from __future__ import annotations

from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.application.decode_caller import Call
    from centralino.domain.card import Card
    from centralino.domain.settings import Line
    from centralino.entry.access import Visit
    from centralino.ports.call_read import Read
    from centralino.ports.live_search import LiveSearch, Question
    from centralino.ports.pbx import PbxCall


class Live:
    """One call's way to the tenant's CRMs.

    Args:
        call: the call; its number, DID and trunk are asked for.
        visit: the request that is in.
        line: the line that the call came in on.
        live_search: builds what asks; not called before there is something to ask.
    """

    def __init__(
        self,
        call: Call | PbxCall,
        visit: Visit,
        line: Line,
        live_search: Callable[[], LiveSearch | None],
    ) -> None:
        self.read = visit.read
        self._call = call
        self._visit = visit
        self._line = line
        self._live_search = live_search

    def search(self, found: Read) -> Mapping[str, Card]:
        """Ask the CRMs, unless it is known that they don't know the caller."""
        visit = self._visit
        # With settings that were edited since, the call is decoded once more in any case.
        if visit.renewed or found.unknown_until > visit.now():
            return {}
        search = self._live_search()
        if search is None:
            return {}
        return search.search(self._question())

    def refresh(self, found: Read) -> None:
        """Have cards looked after that live search filled long ago; this call shows them as is."""
        now = self._visit.now()
        if self._visit.renewed or not any(0 < c.refresh_at <= now for c in found.cards.values()):
            return
        try:
            if search := self._live_search():
                search.refresh(self._question())
        except UnavailableError:
            return  # the next call sees to it

    def _question(self) -> Question:
        from centralino.ports.live_search import Question  # noqa: PLC0415 - few calls come so far

        visit, call = self._visit, self._call
        now = visit.now()
        wait_s = visit.deadline.search_in_s(
            self._line.decode_timeout_s, visit.settings.live_search_s, now
        )
        if not wait_s:
            raise UnavailableError("timeout")
        return Question(visit.tenant, call.number, call.did, call.trunk, now, wait_s)
