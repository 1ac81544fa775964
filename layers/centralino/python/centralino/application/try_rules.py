"""Try rules on the calls of the last days: who would have gone elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.compile_routing import compile_routing, document_of
from centralino.application.compile_sample import compile_sample
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.domain.rulebook import evaluate

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from typing import Any

    from centralino.domain.decision import Decision, Kept
    from centralino.domain.routing import Routing
    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingParts, RoutingStore

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
        asked: how many of them a rule sends to the identify node that it was, and goes on from
            there: two rules decide each of them.
        skipped: how many were not: identify nodes decided them, or there was no time.
        moved: the newest of those that would have gone elsewhere.
        moved_count: all of them.
        decided: rule -> how many calls it would have decided, or sent to a node; each rule is in
            it, and the empty name is the fallback.
        complete: False if there were more calls than could be tried: the newest were.
    """

    warnings: tuple[str, ...]
    calls: int
    asked: int
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
    that is newer than a decision is missing from it. A call that rules sent to an identify node
    first is tried as it was before that, too: other rules may not ask, or ask something else.

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
    parts = routing.parts()
    compiled = compile_routing(parts, document, settings, now_s=now_s, agents=agents)
    past = _Past(routing, parts, settings, now_s)
    decided = {rule["name"]: 0 for rule in compiled.routing.rules["rules"]}
    moved: list[Moved] = []
    calls = asked = skipped = moved_count = 0
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
        question = past.question(kept)
        if question:
            first = evaluate(compiled.routing, _before_the_question(kept.facts))
            if first.destination.text == question:
                asked += 1
                decided[first.rule] = decided.get(first.rule, 0) + 1
            else:
                decision = first
        decided[decision.rule] = decided.get(decision.rule, 0) + 1
        if leads_elsewhere(kept.decision, decision):
            moved_count += 1
            if len(moved) < MAX_MOVED:
                moved.append(Moved(kept, decision))
    return Trial(
        compiled.warnings, calls, asked, skipped, tuple(moved), moved_count, decided, complete
    )


def leads_elsewhere(one: Decision, other: Decision) -> bool:
    """Tell whether two decisions send a call to different places, or to others first."""
    return (one.destination.text, one.agents) != (other.destination.text, other.agents)


class _Past:
    """The rules by which calls were decided."""

    def __init__(
        self, store: RoutingStore, parts: RoutingParts, settings: Settings, now_s: float
    ) -> None:
        self._store = store
        self._parts = parts
        self._settings = settings
        self._now_s = now_s
        self._versions: dict[int, Routing | None] = {}

    def question(self, kept: Kept) -> str:
        """Return the node to which rules sent a caller before they decided: `identify:vat`.

        Empty if they didn't: nobody was asked, or the PBX asks by itself, or the rules are gone.
        """
        if not kept.facts.get("call", {}).get("asked"):
            return ""
        version = kept.decision.version
        if version not in self._versions:
            self._versions[version] = self._compiled(version)
        routing = self._versions[version]
        if routing is None:
            return ""
        first = evaluate(routing, _before_the_question(kept.facts)).destination
        return first.text if first.type == "identify" else ""

    def _compiled(self, version: int) -> Routing | None:
        try:
            document = document_of(self._store, version)
            compiled = compile_routing(self._parts, document, self._settings, now_s=self._now_s)
        except (NotFoundError, PayloadError):
            # It is gone, or names a node that is.
            return None
        return compiled.routing


def _before_the_question(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the facts as they were before a caller was asked, as far as that can be told.

    The history stays: whose it was is not kept, the number's or that of the customer who typed.
    """
    before = {**facts, "call": {**facts["call"], "asked": False, "typed": ""}}
    if facts.get("customer", {}).get("source") == "typed":
        before["customer"] = compile_sample({}, "facts")["customer"]
    return before


def _calls(routing: RoutingStore, since: int, until: int) -> Iterator[Kept]:
    cursor = ""
    while True:
        page = routing.decisions(since=since, until=until, cursor=cursor, limit=_PAGE)
        yield from page.decisions
        if not page.cursor:
            return
        cursor = page.cursor
