"""Conditions of rules: JMESPath, evaluated without the package `jmespath`.

Importing that package costs a cold start a third of what an empty function takes to start
(docs/adr/0009), and a caller waits. So the package parses a condition where it is saved
(`application/compile_condition.py`), and here its tree, packed into plain JSON, becomes functions.
What they answer is held against the package by the tests: the same value, or an error of both.

A packed node is a list, its first element the kind of node; `application/compile_condition.py` has
the table. The language: https://jmespath.org/specification.html
"""

from __future__ import annotations

import json
import math

from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Test = Callable[[Any], Any]

_LOOSE = ("any",)
# Python takes these for false and true.
_LIKE_TRUTH = (0, 1)


class ConditionError(ValueError):
    """A function was given something that it can't work with: the condition doesn't hold."""


def holds(value: object) -> bool:
    """Tell whether a result counts as true: everything but null, false and what is empty; 0 does.

    Args:
        value: what a condition came to.
    """
    return bool(value) or _is_number(value)


def build(node: Sequence[Any]) -> Test:
    """Make a function of a packed condition.

    Args:
        node: as `application/compile_condition.py` packs it.

    Returns:
        A function from the facts to the condition's value. It raises ArithmeticError, TypeError or
        ValueError (ConditionError is one) where the language has an error.
    """
    return _BUILDERS[node[0]](node)


# --- where to look --------------------------------------------------------------------------------


def _path(node: Sequence[Any]) -> Test:
    """`a.b.c`."""
    names = node[1:]
    if len(names) == 2:  # noqa: PLR2004 - nearly all facts have two names
        first, second = names

        def look_twice(value: Any) -> Any:  # noqa: ANN401 - JSON is anything
            inner = value.get(first) if type(value) is dict else None
            return inner.get(second) if type(inner) is dict else None

        return look_twice

    def look(value: Any) -> Any:  # noqa: ANN401 - the same
        for name in names:
            if type(value) is not dict:
                return None
            value = value.get(name)
        return value

    return look


def _chain(node: Sequence[Any]) -> Test:
    """`a[0].b`, `a | b`: each part looks at what the one before found."""
    parts = [build(part) for part in node[1:]]

    def follow(value: Any) -> Any:  # noqa: ANN401
        for part in parts:
            value = part(value)
        return value

    return follow


def _current(_node: Sequence[Any]) -> Test:
    return lambda value: value


def _literal(node: Sequence[Any]) -> Test:
    literal = node[1]
    return lambda _value: literal


def _index(node: Sequence[Any]) -> Test:
    place = node[1]

    def pick(value: Any) -> Any:  # noqa: ANN401
        if type(value) is not list or not -len(value) <= place < len(value):
            return None
        return value[place]

    return pick


def _slice(node: Sequence[Any]) -> Test:
    cut = slice(*node[1:])
    return lambda value: value[cut] if type(value) is list else None


# --- lists ----------------------------------------------------------------------------------------


def _projection(node: Sequence[Any]) -> Test:
    """`left[*].right`."""
    left, right = build(node[1]), build(node[2])

    def project(value: Any) -> Any:  # noqa: ANN401
        base = left(value)
        if type(base) is not list:
            return None
        return [found for found in map(right, base) if found is not None]

    return project


def _value_projection(node: Sequence[Any]) -> Test:
    """`left.*.right`."""
    left, right = build(node[1]), build(node[2])

    def project(value: Any) -> Any:  # noqa: ANN401
        base = left(value)
        if type(base) is not dict:
            return None
        return [found for found in map(right, base.values()) if found is not None]

    return project


def _filter(node: Sequence[Any]) -> Test:
    """`left[?condition].right`."""
    left, right, condition = build(node[1]), build(node[2]), build(node[3])

    def choose(value: Any) -> Any:  # noqa: ANN401
        base = left(value)
        if type(base) is not list:
            return None
        chosen = []
        # One after the other: of two errors the first one counts.
        for element in base:
            if holds(condition(element)):
                found = right(element)
                if found is not None:
                    chosen.append(found)
        return chosen

    return choose


def _flatten(node: Sequence[Any]) -> Test:
    left = build(node[1])

    def flatten(value: Any) -> Any:  # noqa: ANN401
        base = left(value)
        if type(base) is not list:
            return None
        flat: list[Any] = []
        for element in base:
            if type(element) is list:
                flat += element
            else:
                flat.append(element)
        return flat

    return flatten


def _list(node: Sequence[Any]) -> Test:
    parts = [build(part) for part in node[1:]]
    return lambda value: None if value is None else [part(value) for part in parts]


def _hash(node: Sequence[Any]) -> Test:
    parts = [(name, build(part)) for name, part in node[1:]]
    return lambda value: None if value is None else {name: part(value) for name, part in parts}


# --- logic ----------------------------------------------------------------------------------------


def _or(node: Sequence[Any]) -> Test:
    left, right = build(node[1]), build(node[2])

    def either(value: Any) -> Any:  # noqa: ANN401
        found = left(value)
        return found if holds(found) else right(value)

    return either


def _and(node: Sequence[Any]) -> Test:
    left, right = build(node[1]), build(node[2])

    def both(value: Any) -> Any:  # noqa: ANN401
        found = left(value)
        return right(value) if holds(found) else found

    return both


def _not(node: Sequence[Any]) -> Test:
    inner = build(node[1])

    def negate(value: Any) -> bool:  # noqa: ANN401
        found = inner(value)
        # A number is true, 0 as well.
        return not found and not _is_number(found)

    return negate


def _is_number(value: object) -> bool:
    return type(value) is int or type(value) is float


def _equal(left: Any, right: Any) -> bool:  # noqa: ANN401
    """Compare; Python takes 1 for true, JMESPath doesn't."""
    if type(left) is bool:
        if _is_number(right) and right in _LIKE_TRUTH:
            return False
    elif type(right) is bool and _is_number(left) and left in _LIKE_TRUTH:
        return False
    return bool(left == right)


def _eq(node: Sequence[Any]) -> Test:
    left, right = build(node[1]), build(node[2])
    for here, there in ((node[1], right), (node[2], left)):
        if here[0] == "lit" and type(here[1]) is str:
            text = here[1]
            return lambda value: there(value) == text
    return lambda value: _equal(left(value), right(value))


def _ne(node: Sequence[Any]) -> Test:
    same = _eq(node)
    return lambda value: not same(value)


def _ordering(node: Sequence[Any]) -> Test:
    left, right = build(node[1]), build(node[2])
    compare = _ORDERINGS[node[0]]

    def order(value: Any) -> Any:  # noqa: ANN401
        one, other = left(value), right(value)
        for side in (one, other):
            if type(side) is not str and not _is_number(side):
                return None
        return compare(one, other)

    return order


_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
}


# --- functions ------------------------------------------------------------------------------------


def _function(node: Sequence[Any]) -> Test:
    name, arguments = node[1], node[2:]
    wanted, call = FUNCTIONS[name]
    # `&expression` is no value: it is handed on as a function.
    parts = [
        build(argument[1]) if argument[0] == "&" else build(argument) for argument in arguments
    ]
    by_reference = [argument[0] == "&" for argument in arguments]

    def apply(value: Any) -> Any:  # noqa: ANN401
        given = [
            part if reference else part(value)
            for part, reference in zip(parts, by_reference, strict=True)
        ]
        for kinds, argument, reference in zip(wanted, given, by_reference, strict=False):
            if not reference and kinds is not _LOOSE and not _fits(argument, kinds):
                raise ConditionError(f"{name}() can't work with {_kind(argument)}")
        return call(*given)

    return apply


def _kind(value: object) -> str:
    """Return JMESPath's word for what a value is."""
    if value is None:
        return "null"
    return _KINDS.get(type(value), "unknown")


_KINDS = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def _fits(value: Any, kinds: Sequence[str]) -> bool:  # noqa: ANN401
    """Tell whether an argument is what a function takes; `array-number` is a list of numbers."""
    kind = _kind(value)
    if kind in kinds:
        return True
    if kind != "array":
        return False
    elements = [wanted[6:] for wanted in kinds if wanted[:6] == "array-"]
    inner = {_kind(element) for element in value}
    return bool(elements) and (not inner or (len(inner) == 1 and inner <= set(elements)))


def _to_string(value: Any) -> str:  # noqa: ANN401
    return value if type(value) is str else json.dumps(value, separators=(",", ":"))


def _to_number(value: Any) -> Any:  # noqa: ANN401
    if _is_number(value):
        return value
    if type(value) is not str:
        return None
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return None


def _sort_by(array: list[Any], key: Test) -> list[Any]:
    kinds = {_kind(key(element)) for element in array}
    if kinds and kinds not in ({"number"}, {"string"}):
        raise ConditionError("sort_by() needs numbers alone, or texts alone")
    return sorted(array, key=key)


def _best_by(array: list[Any], key: Test, pick: Callable[..., Any]) -> Any:  # noqa: ANN401
    if {_kind(key(element)) for element in array} - {"number", "string"}:
        raise ConditionError("min_by() and max_by() need numbers or texts")
    return pick(array, key=key) if array else None


_ARRAY = ("array",)
_NUMBER = ("number",)
_NUMBERS = ("array-number",)
_OBJECT = ("object",)
_ORDERED = ("array-number", "array-string")
_REFERENCE = ("expref",)
_STRING = ("string",)

# Name -> what each argument has to be, and the function; `not_null` and `merge` take any number.
FUNCTIONS: dict[str, tuple[Sequence[Sequence[str]], Callable[..., Any]]] = {
    "abs": ((_NUMBER,), abs),
    "avg": ((_NUMBERS,), lambda numbers: sum(numbers) / len(numbers) if numbers else None),
    "ceil": ((_NUMBER,), math.ceil),
    "contains": ((("array", "string"), _LOOSE), lambda subject, search: search in subject),
    "ends_with": ((_STRING, _STRING), str.endswith),
    "floor": ((_NUMBER,), math.floor),
    "join": ((_STRING, ("array-string",)), str.join),
    "keys": ((_OBJECT,), list),
    "length": ((("string", "array", "object"),), len),
    "map": ((_REFERENCE, _ARRAY), lambda key, array: [key(element) for element in array]),
    "max": ((_ORDERED,), lambda values: max(values, default=None)),
    "max_by": ((_ARRAY, _REFERENCE), lambda array, key: _best_by(array, key, max)),
    "merge": ((_OBJECT,) * 20, lambda *objects: {k: v for o in objects for k, v in o.items()}),
    "min": ((_ORDERED,), lambda values: min(values, default=None)),
    "min_by": ((_ARRAY, _REFERENCE), lambda array, key: _best_by(array, key, min)),
    "not_null": ((_LOOSE,) * 20, lambda *v: next((x for x in v if x is not None), None)),
    "reverse": ((("array", "string"),), lambda value: value[::-1]),
    "sort": ((_ORDERED,), sorted),
    "sort_by": ((_ARRAY, _REFERENCE), _sort_by),
    "starts_with": ((_STRING, _STRING), str.startswith),
    "sum": ((_NUMBERS,), sum),
    "to_array": ((_LOOSE,), lambda value: value if type(value) is list else [value]),
    "to_number": ((_LOOSE,), _to_number),
    "to_string": ((_LOOSE,), _to_string),
    "type": ((_LOOSE,), _kind),
    "values": ((_OBJECT,), lambda value: list(value.values())),
}
# These take any number of arguments, from one on.
VARIADIC = ("merge", "not_null")

_BUILDERS: dict[str, Callable[[Sequence[Any]], Test]] = {
    ".": _path,
    "@": _current,
    "|": _chain,
    "lit": _literal,
    "at": _index,
    "cut": _slice,
    "each": _projection,
    "values": _value_projection,
    "only": _filter,
    "flat": _flatten,
    "list": _list,
    "hash": _hash,
    "or": _or,
    "and": _and,
    "not": _not,
    "eq": _eq,
    "ne": _ne,
    "lt": _ordering,
    "lte": _ordering,
    "gt": _ordering,
    "gte": _ordering,
    "fn": _function,
}
