"""Explain a decision that was kept: which rule, which facts, and why not the rules before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.compile_routing import compile_routing, document_of
from centralino.application.try_rules import leads_elsewhere
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.domain.rulebook import evaluate

if TYPE_CHECKING:
    from centralino.domain.decision import Kept, Passed
    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingStore


class Explained(NamedTuple):
    """A decision with its reasons.

    Attributes:
        kept: the decision and the facts it was made of.
        passed: why the rules before it did not decide, worked out again from these facts.
        repeated: whether the same rules come to the same with these facts today; they needn't,
            where a node or a destination was changed since, or where there was no time.
    """

    kept: Kept
    passed: tuple[Passed, ...]
    repeated: bool


def explain_decision(
    routing: RoutingStore, settings: Settings, call_id: str, *, now_s: float
) -> Explained:
    """Explain what was decided of a call.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        call_id: the PBX's id of the call.
        now_s: seconds since 1970.

    Raises:
        NotFoundError: nothing is kept of it (any more).
    """
    kept = routing.decision(call_id)
    if kept is None:
        raise NotFoundError("no decision is kept of this call")
    if kept.node:
        # No rule was asked.
        return Explained(kept, (), repeated=True)
    try:
        document = document_of(routing, kept.decision.version)
        compiled = compile_routing(routing.parts(), document, settings, now_s=now_s)
    except (NotFoundError, PayloadError):
        return Explained(kept, kept.decision.passed, repeated=False)
    again = evaluate(compiled.routing, kept.facts, explain=True)
    repeated = again.rule == kept.decision.rule and not leads_elsewhere(again, kept.decision)
    return Explained(kept, again.passed, repeated)
