"""Complete a sample call of a tenant's: the facts that it names, over those of nobody at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.domain.errors import PayloadError
from centralino.domain.fact_table import SCALARS, shape_of_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.domain.fact_table import Shape

_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "number or null": (int, float, type(None)),
    "true or false": (bool,),
}
_EMPTY: dict[str, Any] = {
    "text": "",
    "number": 0,
    "number or null": None,
    "true or false": False,
}


def compile_sample(
    sample: Any,  # noqa: ANN401 - JSON
    field: str,
    schedules: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the facts of a sample call, complete.

    Args:
        sample: some of the facts, nested as they are.
        field: how the caller spells its place, for errors.
        schedules: the tenant's, by name; None for any.

    Raises:
        PayloadError: something in it is no fact.
    """
    facts: dict[str, Any] = _complete(sample, shape_of_facts(schedules), field)
    return facts


def _complete(value: Any, shape: Shape, field: str) -> Any:  # noqa: ANN401 - JSON
    if shape.type in SCALARS:
        if type(value) not in _TYPES[shape.type]:
            raise PayloadError(field, shape.type)
        return value
    if shape.element is not None:
        if not isinstance(value, list):
            raise PayloadError(field, "a list")
        return [
            _complete(element, shape.element, f"{field}[{place}]")
            for place, element in enumerate(value)
        ]
    if not isinstance(value, dict):
        raise PayloadError(field, "an object")
    anything = shape.fields.get("*")
    unknown = [name for name in value if name not in shape.fields and anything is None]
    if unknown:
        raise PayloadError(f"{field}.{unknown[0]}", f"one of {', '.join(shape.fields)}")
    complete = {
        name: _complete(value[name], inner, f"{field}.{name}") if name in value else _empty(inner)
        for name, inner in shape.fields.items()
        if name != "*"
    }
    if anything is not None:
        for name, inner_value in value.items():
            complete[name] = _complete(inner_value, anything, f"{field}.{name}")
    return complete


def _empty(shape: Shape) -> Any:  # noqa: ANN401 - JSON
    if shape.element is not None:
        return []
    if shape.type in SCALARS:
        return _EMPTY[shape.type]
    return {name: _empty(inner) for name, inner in shape.fields.items() if name != "*"}
