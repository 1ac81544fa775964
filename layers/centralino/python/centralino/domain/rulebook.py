"""A tenant's rules at a call: the first one that holds decides, and the others say why not.

`application/compile_rules.py` makes the plain JSON that is read here::

    {
        "rules": [
            {
                "name": "paying customers",
                "parts": ["customer.status == 'active'"],
                "all": [["eq", [".", "customer", "status"], ["lit", "active"]]],
                "guard": [0, "customer.status", ["active"]],
                "to": ["go", "queue", "600", "support", ""],
                "priority": 5,
                "language": "it"
            }
        ]
    }

`parts` are the parts of the condition that `&&` joins, as they were written, and `all` the same,
packed (`domain/condition.py`); a rule holds when each of them does. One of the parts may be the
rule's guard: a part that is true if and only if a fact is one of some texts, or has one of them
among its elements. Rules with a guard are found by the fact's value, so that of two hundred rules,
most of them for one DID or one tag each, a call looks at a few. A guard can't fail and knows every
value that makes its part true, so skipping a rule and evaluating it come to the same; the tests
hold both against `jmespath` itself.
"""

from __future__ import annotations

from centralino.domain.condition import build, holds
from centralino.domain.decision import Decision, Passed
from centralino.domain.destination import Destination
from centralino.domain.election import elect, reachable
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.domain.routing import Routing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from centralino.domain.condition import Test

# What a tenant has before it writes rules: `application/compile_rules.py`'s DEFAULTS, compiled.
DEFAULT_RULES: Mapping[str, Any] = {
    "rules": [
        {
            "name": "active customers",
            "parts": ["customer.status == 'active'"],
            "all": [["eq", [".", "customer", "status"], ["lit", "active"]]],
            "guard": [0, "customer.status", ["active"]],
            "to": ["go", "queue", "support", "support", ""],
        },
        {
            "name": "everybody else",
            "parts": [],
            "all": [],
            "to": ["go", "queue", "sales", "sales", ""],
        },
    ]
}
_SUPPORT = Destination("queue", "support", "support")
_SALES = Destination("queue", "sales", "sales")
# A queue has no use for more, and an answer has a length.
MAX_AGENTS = 20
_MINUTES_OF = (("d", 1440), ("h", 60), ("m", 1))
# A container may serve thousands of tenants.
_MAX_BOOKS = 500

# What a condition may fail with; see `condition.build`.
_FAILURES = (ArithmeticError, TypeError, ValueError)


class _Rule:
    """One rule, whose condition becomes functions when a call first looks at it."""

    __slots__ = ("guard", "packed", "parts", "stored")

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self.stored = stored
        self.packed: Sequence[Sequence[Any]] = stored.get("all", ())
        guard = stored.get("guard")
        self.guard: int = guard[0] if guard else -1
        self.parts: list[Test] | None = None

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether the condition holds, for facts that the guard lets through.

        Raises:
            ArithmeticError, TypeError, ValueError: the condition fails.
        """
        parts = self.parts
        if parts is None:
            parts = self.parts = [
                build(node) for place, node in enumerate(self.packed) if place != self.guard
            ]
        for part in parts:  # noqa: SIM110 - a generator costs more than what it goes through
            if not holds(part(facts)):
                return False
        return True


class _Book(NamedTuple):
    """A tenant's rules, found by the facts that they are for.

    Attributes:
        source: what it was made of.
        rules: in their order.
        always: the places of the rules that have no guard.
        guarded: (the two names of a fact) -> (value -> places of the rules).
    """

    source: Mapping[str, Any]
    rules: list[_Rule]
    always: list[int]
    guarded: Mapping[tuple[str, str], Mapping[str, list[int]]]


def default_routing() -> Routing:
    """Return the routing of a tenant that never wrote any: who pays to support, others to sales."""
    return Routing(
        rules=DEFAULT_RULES,
        destinations={"sales": _SALES, "support": _SUPPORT},
        fallback=_SALES,
    )


def evaluate(
    routing: Routing,
    facts: Mapping[str, Any],
    *,
    explain: bool = False,
    late: Callable[[], bool] | None = None,
) -> Decision:
    """Decide where a call goes: by the first rule that holds and whose target can be reached.

    Args:
        routing: the tenant's, compiled.
        facts: of the call (`domain/facts.py`).
        explain: whether to say why each earlier rule did not decide; takes longer.
        late: asked between rules; once it says yes the fallback is all there is time for.

    Returns:
        The decision; the fallback if no rule decides (`no rule`) or if it is `late` (`timeout`).
    """
    book = _book(routing.rules)
    passed: list[Passed] = []
    for place in range(len(book.rules)) if explain else _candidates(book, facts):
        if late is not None and late():
            return fall_back(routing, "timeout")
        rule = book.rules[place]
        why = _objection(rule, facts) if explain else _quick_objection(rule, facts)
        if why is None:
            aimed = _aim(rule.stored["to"], facts, routing)
            if not isinstance(aimed, str):
                return _decided(rule.stored, aimed, facts, routing)._replace(passed=tuple(passed))
            why = aimed
        if explain:
            passed.append(Passed(rule.stored["name"], why))
    return fall_back(routing, "no rule")._replace(passed=tuple(passed))


def condition_holds(rule: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Tell whether the condition of one compiled rule holds, wherever it leads; False if it fails.

    Args:
        rule: an element of the compiled `rules`.
        facts: of a call.
    """
    try:
        return all(holds(build(node)(facts)) for node in rule.get("all", ()))
    except _FAILURES:
        return False


def fall_back(routing: Routing, why: str) -> Decision:
    """Return the tenant's fallback.

    Args:
        routing: the tenant's.
        why: a word for the answer, the log and the metric: `timeout`, `degraded`, `error`, ...
    """
    return Decision(routing.fallback, version=routing.version, fallback=why)


def window_minutes(text: str) -> int:
    """Return the minutes that `30d`, `12h` or `60m` are; 0 for no such text."""
    for unit, minutes in _MINUTES_OF:
        if text.endswith(unit) and text[:-1].isascii() and text[:-1].isdigit():
            return minutes * int(text[:-1])
    return 0


# --- which rules ----------------------------------------------------------------------------------

_books: dict[int, _Book] = {}


def _book(stored: Mapping[str, Any]) -> _Book:
    """Return the book of some rules; made once for as long as they are remembered."""
    book = _books.get(id(stored))
    # The book holds on to what it was made of, so no other object can have that id meanwhile.
    if book is None or book.source is not stored:
        if len(_books) >= _MAX_BOOKS:
            _books.clear()
        book = _books[id(stored)] = _open(stored)
    return book


def _open(stored: Mapping[str, Any]) -> _Book:
    rules = [_Rule(rule) for rule in stored.get("rules", ())]
    always: list[int] = []
    guarded: dict[tuple[str, str], dict[str, list[int]]] = {}
    for place, rule in enumerate(rules):
        if rule.guard < 0:
            always.append(place)
            continue
        _, path, values = rule.stored["guard"]
        group, _, name = path.partition(".")
        by_value = guarded.setdefault((group, name), {})
        for value in values:
            by_value.setdefault(value, []).append(place)
    return _Book(stored, rules, always, guarded)


def _candidates(book: _Book, facts: Mapping[str, Any]) -> Iterable[int]:
    """Return the places of the rules whose guards hold, and of those without one, in order."""
    found: list[list[int]] = [book.always] if book.always else []
    for (group, name), by_value in book.guarded.items():
        fact = facts.get(group, {}).get(name)
        if type(fact) is str:
            places = by_value.get(fact)
            if places:
                found.append(places)
        elif type(fact) is list:
            found += [by_value[v] for v in fact if type(v) is str and v in by_value]
    if len(found) == 1:
        return found[0]
    # A rule may be found by two elements of one list.
    return sorted({place for places in found for place in places})


def _quick_objection(rule: _Rule, facts: Mapping[str, Any]) -> str | None:
    try:
        return None if rule.holds(facts) else ""
    except _FAILURES:
        return ""


def _objection(rule: _Rule, facts: Mapping[str, Any]) -> str | None:
    """Say in words which part of a condition does not hold; None if all do."""
    from centralino.domain.condition_text import why_not  # noqa: PLC0415 - nobody waits

    for text, node in zip(rule.stored.get("parts", ()), rule.packed, strict=True):
        why = why_not(text, node, facts)
        if why:
            return why
    return None


# --- where to -------------------------------------------------------------------------------------


def _decided(
    stored: Mapping[str, Any],
    aimed: tuple[Destination, tuple[str, ...]],
    facts: Mapping[str, Any],
    routing: Routing,
) -> Decision:
    destination, agents = aimed
    customer = facts.get("customer", {})
    priority = stored.get("priority")
    return Decision(
        destination,
        agents,
        stored["name"],
        priority if priority is not None else customer.get("priority") or 0,
        stored.get("language")
        or customer.get("language")
        or facts.get("call", {}).get("language", ""),
        routing.version,
    )


def _aim(
    target: Sequence[Any], facts: Mapping[str, Any], routing: Routing
) -> tuple[Destination, tuple[str, ...]] | str:
    """Find where a rule's target leads now, and whom to try there; or say why it leads nowhere."""
    return _AIMS[target[0]](target, facts, routing)


def _go(
    target: Sequence[Any], facts: Mapping[str, Any], routing: Routing
) -> tuple[Destination, tuple[str, ...]] | str:
    kind, ident, name, omnileads = target[1:]
    if kind == "identify":
        if ident not in routing.nodes:
            return f"there is no node {ident}"
        if facts.get("call", {}).get("asked"):
            return "the caller can't be asked again"
    return Destination(kind, ident, name, omnileads), ()


def _owner(
    _target: Sequence[Any], facts: Mapping[str, Any], _routing: Routing
) -> tuple[Destination, tuple[str, ...]] | str:
    rows = facts.get("agents", ())
    owner = facts.get("customer", {}).get("owner") or facts.get("contact", {}).get("owner") or ""
    if not owner:
        return "there is no dedicated manager"
    extens = {row["exten"] for row in rows}
    if owner not in extens:
        # A CRM may tell the owner's name.
        named = [row["exten"] for row in rows if row["name"].casefold() == owner.casefold()]
        if len(named) != 1:
            return f"the dedicated manager, {owner}, is no agent"
        owner = named[0]
    exten = reachable(owner, rows)
    return _to_agents((exten,)) if exten else f"neither {owner} nor a substitute can be reached"


def _last_agent(
    target: Sequence[Any], facts: Mapping[str, Any], _routing: Routing
) -> tuple[Destination, tuple[str, ...]] | str:
    history = facts.get("history", {})
    exten, minutes = history.get("last_agent"), history.get("last_agent_minutes")
    if not exten or minutes is None:
        return "no agent has spoken to the caller"
    within = target[1]
    if within and minutes > within:
        return f"{exten} spoke to the caller {minutes} minutes ago, more than {within}"
    if not any(row["exten"] == exten and row["available"] for row in facts.get("agents", ())):
        return f"{exten} is not available"
    return _to_agents((exten,))


def _skilled(
    target: Sequence[Any], facts: Mapping[str, Any], _routing: Routing
) -> tuple[Destination, tuple[str, ...]] | str:
    wanted = target[1]
    extens = elect(facts.get("agents", ()), wanted, facts.get("customer", {}))
    if not extens:
        return f"nobody with {', '.join(wanted)} is available"
    return _to_agents(extens[:MAX_AGENTS])


def _agents(
    target: Sequence[Any], facts: Mapping[str, Any], _routing: Routing
) -> tuple[Destination, tuple[str, ...]] | str:
    available = {row["exten"] for row in facts.get("agents", ()) if row["available"]}
    extens = tuple(exten for exten in target[1] if exten in available)
    if not extens:
        return f"none of {', '.join(target[1])} is available"
    return _to_agents(extens)


def _to_agents(extens: tuple[str, ...]) -> tuple[Destination, tuple[str, ...]]:
    return Destination("agent", extens[0]), extens


_AIMS: dict[
    str,
    Callable[
        [Sequence[Any], Mapping[str, Any], Routing], tuple[Destination, tuple[str, ...]] | str
    ],
] = {
    "go": _go,
    "owner": _owner,
    "last": _last_agent,
    "skill": _skilled,
    "agents": _agents,
}
