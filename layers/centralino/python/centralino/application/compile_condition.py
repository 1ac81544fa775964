"""Compile a condition: JMESPath, parsed by its own package, checked and packed for a call.

A packed node is a list that begins with what it is; where it says `node` another one stands:

| packed | JMESPath |
|---|---|
| `[".", "customer", "status"]` | `customer.status` |
| `["@"]` | `@`, or nothing at all |
| `["|", node, ...]` | `node.node`, `node[...]`, `node | node` |
| `["lit", 5]` | `` `5` `` |
| `["at", -1]`, `["cut", 0, 2, null]` | `[-1]`, `[0:2]` |
| `["each", node, node]`, `["values", ...]` | `node[*].node`, `node.*.node` |
| `["only", node, node, node]` | `node[?third].second` |
| `["flat", node]` | `node[]` |
| `["list", node, ...]`, `["hash", ["name", node], ...]` | `[node, node]`, `{name: node}` |
| `["or", node, node]`, `and`, `eq`, `ne`, `lt`, `lte`, `gt`, `gte`; `["not", node]` | the same |
| `["fn", "contains", node, ...]`, `["&", node]` | `contains(node, ...)`, `&node` |
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from jmespath.exceptions import JMESPathError, LexerError, ParseError
from jmespath.lexer import Lexer
from jmespath.parser import Parser

from centralino.application.condition_cost import MAX_COST, MAX_STEPS, Bound, cost_of
from centralino.application.condition_shape import Reader
from centralino.domain.condition import FUNCTIONS, VARIADIC
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from centralino.domain.fact_table import Shape

    Node = list[Any]

MAX_LENGTH = 1_000
MAX_DEPTH = 20
MAX_NODES = 150

_OPENING = {"lparen", "lbracket", "lbrace", "filter"}
_CLOSING = {"rparen", "rbracket", "rbrace"}
_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "lte": "lte", "gt": "gt", "gte": "gte"}
_SAME = {
    "flatten": "flat",
    "multi_select_list": "list",
    "not_expression": "not",
    "or_expression": "or",
    "and_expression": "and",
    "projection": "each",
    "value_projection": "values",
    "filter_projection": "only",
}
_CHAINS = {"subexpression", "index_expression", "pipe"}


class Part(NamedTuple):
    """One of what `&&` joins in a condition.

    Attributes:
        start: where it begins.
        text: as it was written.
        node: the same, packed.
    """

    start: int
    text: str
    node: Node


class Guard(NamedTuple):
    """A part of a condition that is true if and only if a fact is, or has, one of some texts.

    Attributes:
        place: which part.
        path: the fact's.
        values: the texts.
    """

    place: int
    path: str
    values: tuple[str, ...]


class Condition(NamedTuple):
    """A condition that is ready to be saved.

    Attributes:
        parts: what `&&` joins, as it was written.
        packed: the same, packed.
        guards: those of the parts that a rule can be found by.
        warnings: what can't be meant: a comparison that never holds.
    """

    parts: tuple[str, ...]
    packed: tuple[Node, ...]
    guards: tuple[Guard, ...]
    warnings: tuple[str, ...]


def compile_condition(text: str, field: str, facts: Shape) -> Condition:
    """Check a condition and pack it.

    Args:
        text: JMESPath; empty for what always holds.
        field: how the caller spells its place (`rules[3].when`), for errors.
        facts: what the facts look like.

    Raises:
        PayloadError: it doesn't parse, names an unknown fact, can only fail, or could take long;
            with the column where that can be told, counted from 1.
    """
    parts = pack_condition(text, field)
    guards, doubts = [], []
    for place, part in enumerate(parts):
        reader = Reader(field, Places(text, part.start), facts)
        reader.check(part.node)
        doubts += reader.doubts
        found = _guard(part.node, facts)
        if found:
            guards.append(Guard(place, *found))
    return Condition(
        tuple(part.text for part in parts),
        tuple(part.node for part in parts),
        tuple(guards),
        tuple(doubts),
    )


def pack_condition(text: str, field: str) -> tuple[Part, ...]:
    """Take a condition apart and pack it, whatever it says of the facts.

    Args:
        text: JMESPath; empty for what always holds.
        field: how the caller spells its place, for errors.

    Raises:
        PayloadError: it doesn't parse, or could take long.
    """
    if not text.strip():
        return ()
    if len(text) > MAX_LENGTH:
        raise PayloadError(field, f"at most {MAX_LENGTH} characters")
    parts = tuple(
        Part(start, part.strip(), _pack(_parse(part, field, start), field))
        for start, part in _parts(text, field)
    )
    _check_cost([part.node for part in parts], field)
    return parts


class Places:
    """Finds where in a condition something stands, for errors.

    Args:
        text: the whole condition.
        start: where the part in question begins.
    """

    def __init__(self, text: str, start: int) -> None:
        self._tokens = [
            token
            for token in _tokens(text)
            if token["start"] >= start and token["type"] not in {"dot", "eof"}
        ]

    def column(self, names: Sequence[str]) -> int:
        """Return the column, from 1, at which the last of some names stands; 0 if nowhere."""
        words = [token["value"] for token in self._tokens]
        for place in range(len(words) - len(names) + 1):
            if words[place : place + len(names)] == list(names):
                return int(self._tokens[place + len(names) - 1]["start"]) + 1
        return 0


def _tokens(text: str) -> list[Mapping[str, Any]]:
    with warnings.catch_warnings():
        # Text in backticks that is no JSON is an old spelling, refused like any other mistake.
        warnings.simplefilter("error")
        return list(Lexer().tokenize(text))


def _parts(text: str, field: str) -> Iterator[tuple[int, str]]:
    """Yield what `&&` joins, each with where it begins."""
    try:
        tokens = _tokens(text)
    except LexerError as error:
        raise _unreadable(field, error.lexer_position, error.message) from error
    except (JMESPathError, PendingDeprecationWarning, RecursionError) as error:
        raise PayloadError(field, f"JMESPath ({error})") from error
    depth, start, cuts = 0, 0, []
    for token in tokens:
        depth += (token["type"] in _OPENING) - (token["type"] in _CLOSING)
        if depth == 0 and token["type"] == "and":
            cuts.append((start, token["start"]))
            start = token["start"] + len(token["value"])
        elif depth == 0 and token["type"] in {"or", "pipe", "expref"}:
            # These bind less than `&&`: there is nothing to take apart.
            cuts, start = [], 0
            break
    for begin, end in [*cuts, (start, len(text))]:
        yield begin, text[begin:end]


def _parse(part: str, field: str, start: int) -> Mapping[str, Any]:
    try:
        tree: Mapping[str, Any] = Parser().parse(part).parsed
    except ParseError as error:
        place = error.lex_position
        raise _unreadable(field, start + (len(part) if place is None else place), error.msg) from (
            error
        )
    except (JMESPathError, RecursionError) as error:
        raise _unreadable(field, start, "nothing, or too much of it") from error
    return tree


def _unreadable(field: str, place: int, why: str) -> PayloadError:
    return PayloadError(field, f"JMESPath, at column {place + 1}: {why.strip().splitlines()[0]}")


# --- packing --------------------------------------------------------------------------------------


def _pack(tree: Mapping[str, Any], field: str, depth: int = 1) -> Node:
    if depth > MAX_DEPTH:
        raise PayloadError(field, f"at most {MAX_DEPTH} expressions inside of each other")
    kind = str(tree["type"])
    value = tree.get("value")

    def pack(inner: Mapping[str, Any]) -> Node:
        return _pack(inner, field, depth + 1)

    children = tree.get("children", [])
    if kind in _COMPARISONS or kind == "comparator":
        return [_COMPARISONS[str(value)], *map(pack, children)]
    if kind in _SAME:
        return [_SAME[kind], *map(pack, children)]
    if kind in _CHAINS:
        return _chain([pack(child) for child in children])
    if kind == "multi_select_dict":
        return ["hash", *([pair["value"], pack(pair["children"][0])] for pair in children)]
    if kind == "function_expression":
        return _function(str(value), [_argument(child, pack) for child in children], field)
    if kind == "expref":
        raise PayloadError(field, "& only before what a function is to do with each element")
    simple: dict[str, Node] = {
        "field": [".", value],
        "literal": ["lit", value],
        "index": ["at", value],
        "slice": ["cut", *children],
        "current": ["@"],
        "identity": ["@"],
    }
    return simple[kind]


def _argument(tree: Mapping[str, Any], pack: Callable[[Mapping[str, Any]], Node]) -> Node:
    return ["&", pack(tree["children"][0])] if tree["type"] == "expref" else pack(tree)


def _chain(parts: Sequence[Node]) -> Node:
    """Join steps; names that follow each other become one path."""
    joined: list[Node] = []
    for part in parts:
        steps = part[1:] if part[0] == "|" else [part]
        for step in steps:
            if step[0] == "@":
                continue
            if step[0] == "." and joined and joined[-1][0] == ".":
                joined[-1] = [*joined[-1], *step[1:]]
            else:
                joined.append(step)
    if not joined:
        return ["@"]
    return joined[0] if len(joined) == 1 else ["|", *joined]


def _function(name: str, arguments: list[Node], field: str) -> Node:
    if name not in FUNCTIONS:
        raise PayloadError(field, f"a function of JMESPath; {name}() is none")
    wanted, _ = FUNCTIONS[name]
    if name in VARIADIC:
        if not 1 <= len(arguments) <= len(wanted):
            raise PayloadError(field, f"1 to {len(wanted)} arguments of {name}()")
    elif len(arguments) != len(wanted):
        raise PayloadError(field, f"{len(wanted)} arguments of {name}(), not {len(arguments)}")
    for kinds, argument in zip(wanted, arguments, strict=False):
        if ("expref" in kinds) != (argument[0] == "&"):
            raise PayloadError(field, f"& before what {name}() is to do with each element")
    return ["fn", name, *arguments]


def _check_cost(packed: Sequence[Node], field: str) -> None:
    if sum(map(_count, packed)) > MAX_NODES:
        raise PayloadError(field, f"at most {MAX_NODES} names, values and signs")
    cost = sum((cost_of(node, field) for node in packed), Bound(0, 0))
    if cost.a > MAX_COST or cost.b > MAX_STEPS:
        raise PayloadError(
            field, "what is quick for any facts: fewer lists made of lists, one inside of another"
        )


def _count(node: object) -> int:
    if not isinstance(node, list):
        return 0
    return 1 + sum(map(_count, node))


# --- guards ---------------------------------------------------------------------------------------


def _guard(node: Node, facts: Shape) -> tuple[str, tuple[str, ...]] | None:
    """Return the fact and the texts that a part comes down to; None if it is more than that."""
    if node[0] == "or":
        sides = [_guard(side, facts) for side in node[1:]]
        if None in sides:
            return None
        (path, values), (other, more) = sides  # type: ignore[misc]  # none of them is None
        return (path, tuple(dict.fromkeys(values + more))) if path == other else None
    if node[0] == "eq":
        for one, other in ((node[1], node[2]), (node[2], node[1])):
            if _is_fact(one, facts, "text") and other[0] == "lit" and isinstance(other[1], str):
                return ".".join(one[1:]), (other[1],)
    if node[:2] == ["fn", "contains"]:
        subject, wanted = node[2:]
        texts = _texts(subject)
        if texts and _is_fact(wanted, facts, "text"):
            return ".".join(wanted[1:]), texts
        if _is_fact(subject, facts, "texts") and wanted[0] == "lit" and isinstance(wanted[1], str):
            return ".".join(subject[1:]), (wanted[1],)
    return None


def _texts(node: Node) -> tuple[str, ...]:
    """Return the texts of a list that is written out; nothing for anything else."""
    if node[0] == "list" and all(part[0] == "lit" for part in node[1:]):
        values = [part[1] for part in node[1:]]
    elif node[0] == "lit" and isinstance(node[1], list):
        values = node[1]
    else:
        return ()
    return tuple(dict.fromkeys(values)) if all(isinstance(v, str) for v in values) else ()


def _is_fact(node: Node, facts: Shape, kind: str) -> bool:
    if node[0] != "." or len(node) != 3:  # noqa: PLR2004 - a group and a name
        return False
    group = facts.fields.get(node[1])
    fact = group.fields.get(node[2]) if group else None
    return fact is not None and fact.type == kind
