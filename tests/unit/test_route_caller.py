"""Where a call goes when not everybody could be asked: it is decided, and the log says why so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.application.route_caller import At, Office, route_caller
from centralino.domain.errors import UnavailableError
from centralino.domain.routing import Node
from centralino.domain.rulebook import default_routing
from centralino.domain.settings import Line, Settings
from centralino.ports.call_read import Read
from centralino.ports.pbx import PbxCall
from centralino.ports.route_read import CustomerRead, Found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.application.learn_number import Taught
    from centralino.domain.card import Card
    from centralino.domain.customer import Learned
    from centralino.domain.learning import LearningOptions
    from centralino.ports.route_read import Beside, Talk

LINE = Line("IT", "02")
OFFICE = Office(Settings("acme", line=LINE), LINE, default_routing())
CALL = PbxCall(number="0244556677", did="0244556600", call_id="c1")


class SlowCrms:
    """Ways to a store that knows nobody and to CRMs that don't answer in time.

    Args:
        late: whether there is no time left for rules either.
    """

    def __init__(self, *, late: bool = False) -> None:
        self._late = late

    def now(self) -> float:
        """Return a moment."""
        return 1_790_000_000.0

    def late(self) -> bool:
        """Tell whether it is time to answer."""
        return self._late

    def read(self, numbers: Sequence[str], caller: str, beside: Beside) -> Read:
        """Return that nobody is known."""
        del numbers, caller, beside
        return Read({}, None, complete=True, beside=Found())

    def search(self, found: Read) -> Mapping[str, Card]:
        """Not answer in time."""
        del found
        raise UnavailableError("timeout")

    def refresh(self, found: Read) -> None:
        """Have nothing to see to."""

    def customers(self, codes: Sequence[str]) -> Mapping[str, CustomerRead]:
        """Return that there is none."""
        del codes
        return {}

    def save_talk(self, call_id: str, talk: Talk) -> bool:
        """Take it as saved."""
        del call_id, talk
        return True

    def learn(self, learned: Learned, why_not: str, options: LearningOptions) -> Taught:
        """Fail: nobody is known."""
        raise AssertionError(learned, why_not, options)


@pytest.mark.parametrize("node", [Node("vat"), Node("where", mode="route", no=None), None])
@pytest.mark.parametrize("converses", [False, True])
def test_a_call_decided_although_no_crm_answered_in_time_says_that_none_did(
    node: Node | None, *, converses: bool
) -> None:
    at = At(node, converses) if node else None

    routed = route_caller(CALL, OFFICE, SlowCrms(), at=at)

    assert (routed.failed, routed.reason) == ("", "live_search: timeout")
    if node is None:
        assert routed.decision is not None
        assert (routed.decision.rule, routed.decision.fallback) == ("everybody else", "")


def test_rules_that_there_was_no_time_for_either_are_the_reason_themselves() -> None:
    routed = route_caller(CALL, OFFICE, SlowCrms(late=True))

    assert (routed.failed, routed.reason) == ("timeout", "timeout")
