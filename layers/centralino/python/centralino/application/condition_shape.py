"""Check what a packed condition says of the facts: unknown names, and what can only fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from centralino.domain.condition import FUNCTIONS
from centralino.domain.errors import PayloadError
from centralino.domain.fact_table import SCALARS, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Node = Sequence[Any]

    class Columns(Protocol):
        """Finds where something stands."""

        def column(self, names: Sequence[str]) -> int:
            """Return the column of the last of some names, from 1; 0 if they are nowhere."""


_ANY = Shape()
_TEXT = Shape("text")
_NUMBER = Shape("number")
_TRUTH = Shape("true or false")
_KINDS = {
    "text": "string",
    "number": "number",
    "number or null": "number",
    "true or false": "boolean",
    "texts": "array",
    "list": "array",
    "object": "object",
}
_OF_LITERAL: dict[type, Shape] = {str: _TEXT, bool: _TRUTH, int: _NUMBER, float: _NUMBER}
_RESULTS = {
    **dict.fromkeys(("join", "to_string", "type"), _TEXT),
    **dict.fromkeys(("abs", "avg", "ceil", "floor", "length", "sum", "to_number"), _NUMBER),
    **dict.fromkeys(("contains", "ends_with", "starts_with"), _TRUTH),
    "keys": Shape("list", element=_TEXT),
    "values": Shape("list", element=_ANY),
}
_KEEP = {"reverse", "sort", "sort_by"}
_ONE_OF = {"max", "min", "max_by", "min_by"}
# Which argument is the array whose elements the other one is for.
_ARRAY_AT = {"map": 1, "sort_by": 0, "max_by": 0, "min_by": 0}


class Reader:
    """Reads one part of a condition.

    Args:
        field: how the caller spells the condition's place, for errors.
        places: finds columns, for the same.
        facts: what the facts look like.

    Attributes:
        doubts: what can't be meant, in words.
    """

    def __init__(self, field: str, places: Columns, facts: Shape) -> None:
        self._field = field
        self._places = places
        self._facts = facts
        self.doubts: list[str] = []

    def check(self, node: Node) -> None:
        """Check a part as a whole.

        Raises:
            PayloadError: it names an unknown fact, or can only fail.
        """
        if self._shape(node, self._facts).type.startswith("number"):
            self.doubts.append(f"{self._field}: a number counts as true, 0 as well")

    def _refused(self, expected: str) -> PayloadError:
        return PayloadError(self._field, expected)

    def _shape(self, node: Node, current: Shape) -> Shape:
        return self._SHAPES[node[0]](self, node, current)

    # --- where to look

    def _path(self, node: Node, current: Shape) -> Shape:
        shape = current
        for place, name in enumerate(node[1:], 1):
            if shape.type == "any":
                return _ANY
            inner = shape.fields.get(name) or shape.fields.get("*")
            if inner is None:
                raise self._unknown(node[1 : place + 1], shape)
            shape = inner
        return shape

    def _unknown(self, names: Sequence[str], shape: Shape) -> PayloadError:
        column = self._places.column(names)
        at = f"at column {column}: " if column else ""
        parent, path = ".".join(names[:-1]), ".".join(names)
        if shape.type == "list":
            there = f"{parent or 'this'} is a list, as in {parent}[].{names[-1]}"
        elif shape.type in _KINDS and shape.type != "object":
            there = f"{parent or 'this'} is {shape.type}"
        else:
            there = f"there are {', '.join(shape.fields)}" if shape.fields else "there is none"
        return self._refused(f"{at}a fact, and {path} is none; {there}")

    def _chain(self, node: Node, current: Shape) -> Shape:
        if node[1][0] == "not":
            # The package takes `!a.b` for `(!a).b`, which nobody can mean.
            raise self._refused("parentheses behind !, as !(caller.valid)")
        for part in node[1:]:
            current = self._shape(part, current)
        return current

    def _literal(self, node: Node, _current: Shape) -> Shape:
        return _OF_LITERAL.get(type(node[1]), _ANY)

    def _element(self, shape: Shape) -> Shape:
        """Return what a list's elements look like."""
        if shape.type == "any":
            return _ANY
        if shape.element is None:
            raise self._refused(f"a list before [...], not {shape.type}")
        return shape.element

    # --- lists

    def _each(self, node: Node, current: Shape) -> Shape:
        element = self._element(self._shape(node[1], current))
        for condition in node[3:]:
            self._shape(condition, element)
        return Shape("list", element=self._shape(node[2], element))

    def _values(self, node: Node, current: Shape) -> Shape:
        shape = self._shape(node[1], current)
        if shape.type not in {"any", "object"}:
            raise self._refused(f"an object before .*, not {shape.type}")
        inner = set(map(repr, shape.fields.values()))
        element = next(iter(shape.fields.values())) if len(inner) == 1 else _ANY
        return Shape("list", element=self._shape(node[2], element))

    def _flat(self, node: Node, current: Shape) -> Shape:
        shape = self._shape(node[1], current)
        element = self._element(shape)
        return Shape("list", element=element.element or element)

    def _list(self, node: Node, current: Shape) -> Shape:
        elements = [self._shape(part, current) for part in node[1:]]
        return Shape("list", element=elements[0] if len(set(map(repr, elements))) == 1 else _ANY)

    def _hash(self, node: Node, current: Shape) -> Shape:
        return Shape("object", {name: self._shape(part, current) for name, part in node[1:]})

    # --- logic

    def _either(self, node: Node, current: Shape) -> Shape:
        left, right = (self._shape(part, current) for part in node[1:])
        return left if left.type == right.type and left.type in SCALARS else _ANY

    def _truth(self, node: Node, current: Shape) -> Shape:
        self._shape(node[1], current)
        return _TRUTH

    def _comparison(self, node: Node, current: Shape) -> Shape:
        left, right = (self._shape(part, current) for part in node[1:])
        for shape, other in ((left, node[2]), (right, node[1])):
            if other[0] == "lit":
                self._doubt_literal(node[0], shape, other[1])
        return _TRUTH

    def _doubt_literal(self, sign: str, shape: Shape, literal: Any) -> None:  # noqa: ANN401 - JSON
        kind = _OF_LITERAL.get(type(literal), _ANY).type
        name = shape.fact.path if shape.fact else f"a {shape.type}"
        shown = json.dumps(literal, ensure_ascii=False)
        if shape.type in _KINDS and kind in _KINDS and _KINDS[shape.type] != _KINDS[kind]:
            self.doubts.append(f"{self._field}: {name} is {shape.type}, never {shown}")
        elif shape.fact and shape.fact.values and literal and sign in {"eq", "ne"}:
            self._doubt_value(shape, literal)

    def _doubt_value(self, shape: Shape, value: object) -> None:
        fact = shape.fact
        if fact and fact.values and isinstance(value, str) and value not in {"", *fact.values}:
            shown = json.dumps(value, ensure_ascii=False)
            known = ", ".join(fact.values)
            self.doubts.append(f"{self._field}: {fact.path} is never {shown}, it is one of {known}")

    # --- functions

    def _function(self, node: Node, current: Shape) -> Shape:
        name, arguments = node[1], node[2:]
        at = _ARRAY_AT.get(name)
        shapes: list[Shape] = []
        if at is not None:
            array = self._shape(arguments[at], current)
            self._check_argument(name, at, array)
            key = self._shape(arguments[1 - at][1], self._element(array))
            if name == "map":
                return Shape("list", element=key)
            shapes = [array]
        else:
            for place, argument in enumerate(arguments):
                shapes.append(self._shape(argument, current))
                self._check_argument(name, place, shapes[-1])
        if name == "contains" and shapes[1].fact and arguments[0][0] in {"lit", "list"}:
            for value in _written_out(arguments[0]):
                self._doubt_value(shapes[1], value)
        if name in _RESULTS:
            return _RESULTS[name]
        if name in _KEEP:
            return shapes[0]
        if name in _ONE_OF and shapes[0].element:
            return shapes[0].element
        return _ANY

    def _check_argument(self, name: str, place: int, shape: Shape) -> None:
        """Refuse what a function can't work with, whatever the facts are."""
        wanted, _ = FUNCTIONS[name]
        kinds = wanted[place]
        kind = _KINDS.get(shape.type)
        if kind is None or "any" in kinds or kind in kinds:
            return
        elements = [wanted_kind[6:] for wanted_kind in kinds if wanted_kind.startswith("array-")]
        inner = _KINDS.get(shape.element.type) if shape.element else None
        if kind == "array" and elements and inner in {None, *elements}:
            return
        raise self._refused(f"{name}() of {' or '.join(kinds)}, not of {shape.type}")

    _SHAPES: dict[str, Callable[[Reader, Node, Shape], Shape]] = {  # noqa: RUF012 - never changed
        ".": _path,
        "@": lambda _self, _node, current: current,
        "|": _chain,
        "lit": _literal,
        "at": lambda self, _node, current: self._element(current),
        "cut": lambda self, _node, current: Shape("list", element=self._element(current)),
        "each": _each,
        "only": _each,
        "values": _values,
        "flat": _flat,
        "list": _list,
        "hash": _hash,
        "or": _either,
        "and": _either,
        "not": _truth,
        **dict.fromkeys(("eq", "ne", "lt", "lte", "gt", "gte"), _comparison),
        "fn": _function,
    }


def _written_out(node: Node) -> Sequence[Any]:
    if node[0] == "lit":
        return node[1] if isinstance(node[1], list) else ()
    return [part[1] for part in node[1:] if part[0] == "lit"]
