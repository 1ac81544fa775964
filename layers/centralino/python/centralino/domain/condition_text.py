"""Why a condition does not hold, in words; not on the call path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from centralino.domain.condition import build, holds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_SHOWN = 80


def why_not(text: str, node: Sequence[Any], facts: Mapping[str, Any]) -> str:
    """Say why a part of a condition does not hold; empty if it does.

    Args:
        text: the part as it was written.
        node: the same, packed.
        facts: the facts of a call.
    """
    try:
        if holds(build(node)(facts)):
            return ""
    except (ArithmeticError, TypeError, ValueError) as error:
        return f"{text} fails: {error}"
    return _said_of_one_fact(node, facts) or f"{text} does not hold"


def _said_of_one_fact(node: Sequence[Any], facts: Mapping[str, Any]) -> str:
    """Say what a fact is, where a part is about one fact alone; empty for anything more involved.

    Only what is true whatever the facts are: that the part does not hold is known already.
    """
    kind = node[0]
    if kind == ".":
        return f"{_name(node)} is {_shown(node, facts)}"
    if kind == "not" and node[1][0] == ".":
        return f"{_name(node[1])} is {_shown(node[1], facts)}"
    if kind == "fn" and node[1] == "contains" and [part[0] for part in node[2:]] == [".", "lit"]:
        return f"{_name(node[2])} is {_shown(node[2], facts)}, without {_json(node[3][1])}"
    if kind not in {"eq", "ne", *_SIGNS} or [part[0] for part in node[1:]] != [".", "lit"]:
        return ""
    said, wanted = f"{_name(node[1])} is {_shown(node[1], facts)}", _json(node[2][1])
    if kind == "eq":
        return f"{said}, not {wanted}"
    return said if kind == "ne" else f"{said}, not {_SIGNS[kind]} {wanted}"


def _name(path: Sequence[Any]) -> str:
    return ".".join(path[1:])


def _shown(path: Sequence[Any], facts: Mapping[str, Any]) -> str:
    return _json(build(path)(facts))


def _json(value: Any) -> str:  # noqa: ANN401 - JSON is anything
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
