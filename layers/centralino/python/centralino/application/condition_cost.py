"""Bound what a condition can cost, before there are any facts to try it on.

Everything in JMESPath ends, but lists can be made of lists and texts of texts: ten times
`[@, @][]` is a thousand copies of the facts. So for each expression it is worked out from above how
much it yields and how many steps it takes, both as `a * size + b` of what it is given. An
expression with `a` of one goes through the facts once; `b` is what it does with what is written
out in it, whatever the facts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Node = Sequence[Any]

# How often a condition may go through the facts.
MAX_COST = 200
# How many steps it may take beside: some milliseconds of them.
MAX_STEPS = 20_000

# An escaped character is six.
_ESCAPED = 6
# Elements are compared a few times each.
_SORTED = 20


class Bound(NamedTuple):
    """`a * size + b`.

    Attributes:
        a: how much for each part of what is given.
        b: how much whatever is given.
    """

    a: int
    b: int

    def __add__(self, other: object) -> Bound:
        assert isinstance(other, Bound)  # noqa: S101 - bounds are added to nothing else
        return Bound(self.a + other.a, self.b + other.b)

    def of(self, inner: Bound) -> Bound:
        """Return this bound of something that has a bound itself."""
        return Bound(self.a * inner.a, self.a * inner.b + self.b)

    def of_each(self, inner: Bound) -> Bound:
        """Return this bound of each element of something, taken together: none is empty."""
        return Bound((self.a + self.b) * inner.a, (self.a + self.b) * inner.b)

    def times(self, factor: int) -> Bound:
        """Return a multiple."""
        return Bound(factor * self.a, factor * self.b)


class _Growth(NamedTuple):
    """How much an expression yields, and how many steps that takes."""

    size: Bound
    steps: Bound


_ONE = Bound(0, 1)
_ALL = Bound(1, 0)


def cost_of(node: Node, field: str) -> Bound:
    """Return how many steps, at most, a condition takes.

    Args:
        node: packed.
        field: how the caller spells its place, for the error.

    Raises:
        PayloadError: that can't be told.
    """
    return _growth(node, field).steps


def _growth(node: Node, field: str) -> _Growth:
    kind = node[0]
    if kind in {".", "@", "at"}:
        return _Growth(_ALL, _ONE)
    if kind == "cut":
        return _Growth(_ALL, Bound(1, 1))
    if kind == "lit":
        return _Growth(Bound(0, len(json.dumps(node[1]))), _ONE)
    if kind == "fn":
        return _of_function(node, field)
    if kind == "hash":
        # A text may be made of it, with the names.
        node = ["list", *(each for name, part in node[1:] for each in (["lit", name], part))]
    return _OF[node[0]]([_growth(part, field) for part in node[1:]])


def _chain(parts: Sequence[_Growth]) -> _Growth:
    size, steps = _ALL, _ONE
    for part in parts:
        steps += part.steps.of(size)
        size = part.size.of(size)
    return _Growth(size, steps)


def _each(parts: Sequence[_Growth]) -> _Growth:
    left, right, *condition = parts
    steps = left.steps + right.steps.of_each(left.size) + left.size
    for tested in condition:
        steps += tested.steps.of_each(left.size)
    return _Growth(right.size.of_each(left.size), steps)


def _together(parts: Sequence[_Growth]) -> _Growth:
    size, steps = _ONE, _ONE
    for part in parts:
        size += part.size
        steps += part.steps
    return _Growth(size, steps)


def _flat(parts: Sequence[_Growth]) -> _Growth:
    [left] = parts
    return _Growth(left.size, left.steps + left.size)


def _compared(parts: Sequence[_Growth]) -> _Growth:
    """No more is looked at than the smaller side has."""
    steps = _together(parts).steps
    smaller = min((part.size for part in parts), key=lambda size: (size.a, size.b))
    return _Growth(_ONE, steps + smaller)


_OF: dict[str, Callable[[Sequence[_Growth]], _Growth]] = {
    "|": _chain,
    "each": _each,
    "values": _each,
    "only": _each,
    "flat": _flat,
    "list": _together,
    "or": _together,
    "and": _together,
    "not": lambda parts: _Growth(_ONE, _together(parts).steps),
    **dict.fromkeys(("eq", "ne", "lt", "lte", "gt", "gte"), _compared),
}
_SHORT = {"abs", "avg", "ceil", "ends_with", "floor", "length", "starts_with", "sum", "to_number"}
_SORTING = {"sort", "sort_by"}
_BY_ELEMENT = {"map": (1, 0), "max_by": (0, 1), "min_by": (0, 1), "sort_by": (0, 1)}


def _of_function(node: Node, field: str) -> _Growth:
    name, arguments = node[1], node[2:]
    if name in _BY_ELEMENT:
        array, key = (arguments[place] for place in _BY_ELEMENT[name])
        parts = [_growth(array, field), _growth(key[1], field)]
        each = _each(parts)
        size = each.size if name == "map" else parts[0].size
        # What is sorted is asked for its key more than once.
        return _Growth(size, each.steps.times(_SORTED) if name != "map" else each.steps)
    if name == "join" and arguments[0][0] != "lit":
        # A text put between texts that was put together itself: that has no bound of this kind.
        raise PayloadError(field, "join() with a written out text, as join(', ', ...)")
    parts = [_growth(argument, field) for argument in arguments]
    whole = _together(parts)
    if name == "join":
        longer = parts[1].size.times(1 + len(json.dumps(arguments[0][1])))
        return _Growth(longer, whole.steps + longer)
    size = whole.size
    if name == "to_string":
        size = size.times(_ESCAPED)
    elif name in _SHORT or name in {"contains", "type"}:
        size = _ONE
    steps = whole.steps + whole.size.times(_SORTED if name in _SORTING else 1)
    return _Growth(size, steps)
