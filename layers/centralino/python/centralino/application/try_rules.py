"""Try rules on the calls of the last days: who would have gone elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.compile_routing import compile_routing
from centralino.domain.rulebook import evaluate

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from typing import Any

    from centralino.domain.decision import Decision, Kept
    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingStore

DAY_S = 86_400
# What a function reads, evaluates and tells in a few seconds.
MAX_CALLS = 5_000
MAX_MOVED = 200
_PAGE = 100
# Fallbacks that the rules can't be blamed for, nor changed by other rules.
_NOT_BY_RULES = ("timeout", "degraded", "error")


class Moved(NamedTuple):
    """A call that would have gone elsewhere.

    Attributes:
        kept: what was decided of it.
        decision: what would be decided.
    """

    kept: Kept
    decision: Decision


class Trial(NamedTuple):
    """What would have been.

    Attributes:
        warnings: what somebody should look at.
        calls: how many calls were tried.
        skipped: how many were not: identify nodes decided them, or there was no time.
        moved: the newest of those that would have gone elsewhere.
        moved_count: all of them.
        decided: rule -> how many calls it would have decided; each rule is in it, and the empty
            name is the fallback.
        complete: False if there were more calls than could be tried: the newest were.
    """

    warnings: tuple[str, ...]
    calls: int
    skipped: int
    moved: tuple[Moved, ...]
    moved_count: int
    decided: Mapping[str, int]
    complete: bool


def try_rules(  # noqa: PLR0913 - whose rules, on which calls
    routing: RoutingStore,
    settings: Settings,
    document: Mapping[str, Any],
    *,
    days: int,
    now_s: float,
    agents: Container[str] | None = None,
) -> Trial:
    """Run kept decisions' facts through rules, which needn't be saved; nothing is written.

    The facts are those of the call: who was available then, and which schedules were open. A fact
    that is newer than a decision is missing from it.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        document: the rules.
        days: how far back; 0 only checks the rules.
        now_s: seconds since 1970.
        agents: the agents' extens, to warn of others.

    Raises:
        PayloadError: naming the field, as `rules[3].when`.
    """
    compiled = compile_routing(routing.parts(), document, settings, now_s=now_s, agents=agents)
    decided = {rule["name"]: 0 for rule in compiled.routing.rules["rules"]}
    moved: list[Moved] = []
    calls = skipped = moved_count = 0
    complete = True
    for kept in _calls(routing, int(now_s) - days * DAY_S, int(now_s) + 1) if days else ():
        if calls + skipped == MAX_CALLS:
            complete = False
            break
        if kept.node or kept.decision.fallback in _NOT_BY_RULES:
            skipped += 1
            continue
        calls += 1
        decision = evaluate(compiled.routing, kept.facts)
        decided[decision.rule] = decided.get(decision.rule, 0) + 1
        if leads_elsewhere(kept.decision, decision):
            moved_count += 1
            if len(moved) < MAX_MOVED:
                moved.append(Moved(kept, decision))
    return Trial(compiled.warnings, calls, skipped, tuple(moved), moved_count, decided, complete)


def leads_elsewhere(one: Decision, other: Decision) -> bool:
    """Tell whether two decisions send a call to different places, or to others first."""
    return (one.destination.text, one.agents) != (other.destination.text, other.agents)


def _calls(routing: RoutingStore, since: int, until: int) -> Iterator[Kept]:
    cursor = ""
    while True:
        page = routing.decisions(since=since, until=until, cursor=cursor, limit=_PAGE)
        yield from page.decisions
        if not page.cursor:
            return
        cursor = page.cursor
