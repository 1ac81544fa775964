"""Check a tenant's identify nodes and compile them, so that a call can trust them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from centralino.application.compile_codes import compile_codes
from centralino.application.resolve_destination import resolve_destination
from centralino.domain.codes import vat_lengths
from centralino.domain.customer import STATUSES
from centralino.domain.errors import PayloadError
from centralino.domain.routing import MODES, Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.domain.destination import Destination

MAX_NODES = 50
MAX_BY = 50
MAX_PROMPT = 500
# OMniLeads' own limits: contracts of its node.
MAX_LENGTH = 30
MAX_ATTEMPTS = 20
MAX_TIMEOUT_S = 60.0
# What a keypad types of a person's tax code.
TAX_DIGITS = 7

NAME_PATTERN = re.compile(r"[a-z0-9-]{1,20}", re.ASCII)
_FIELDS = frozenset(Node._fields) - {"name"}
_BY = re.compile(r"(plan|tag):\S(?:.{0,62}\S)?|status:(" + "|".join(STATUSES) + ")")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def compile_nodes(
    written: Mapping[str, Mapping[str, Any]], destinations: Mapping[str, Destination]
) -> dict[str, Node]:
    """Check and compile nodes.

    Args:
        written: name -> the fields of a node but its name, as somebody wrote them; what is missing
            has its default. Destinations are names or `type:id`, `by` is an object.
        destinations: name -> destination, of the rules in force.

    Raises:
        PayloadError: names the field as it is nested: `nodes.vat.codes[0]`.
    """
    if len(written) > MAX_NODES:
        raise PayloadError("nodes", f"at most {MAX_NODES}")
    nodes = {
        name: _node(name, fields, destinations, f"nodes.{name}") for name, fields in written.items()
    }
    for name in nodes:
        _check_way(name, nodes)
    return nodes


def _node(
    name: str, fields: Mapping[str, Any], destinations: Mapping[str, Destination], field: str
) -> Node:
    if not NAME_PATTERN.fullmatch(name):
        raise PayloadError(field, "a name of 1 to 20 of a-z, 0-9 and -")
    unknown = set(fields) - _FIELDS
    if unknown:
        raise PayloadError(f"{field}.{min(unknown)}", f"one of {', '.join(sorted(_FIELDS))}")
    node = Node(name)
    mode = fields.get("mode", node.mode)
    if mode not in MODES:
        raise PayloadError(f"{field}.mode", f"one of {', '.join(MODES)}")
    codes = compile_codes(
        _texts(fields.get("codes", node.codes), f"{field}.codes"), f"{field}.codes"
    )
    length = int(_number(fields, "length", node.length, (0, MAX_LENGTH), field, whole=True))
    fewest = min(map(_fewest_digits, codes))
    if 0 < length < fewest:
        raise PayloadError(f"{field}.length", f"0, or {fewest} and more: no code is shorter")
    return Node(
        name=name,
        mode=mode,
        codes=codes,
        length=length,
        attempts=int(
            _number(fields, "attempts", node.attempts, (1, MAX_ATTEMPTS), field, whole=True)
        ),
        timeout_s=float(_number(fields, "timeout_s", node.timeout_s, (1, MAX_TIMEOUT_S), field)),
        prompt=_prompt(fields, "prompt", field),
        again=_prompt(fields, "again", field),
        yes=_destination(fields.get("yes"), destinations, f"{field}.yes"),
        no=_destination(fields.get("no"), destinations, f"{field}.no"),
        by=_by(fields.get("by") or {}, mode, destinations, f"{field}.by"),
        teaches=_truth(fields.get("teaches", node.teaches), f"{field}.teaches"),
    )


def _fewest_digits(kind: str) -> int:
    """Return how many digits a code of a kind has at least; 1 where nobody can say."""
    word, _, country = kind.partition(":")
    if word == "vat" and country:
        return min(vat_lengths(country))
    return TAX_DIGITS if word == "tax" else 1


def _check_way(name: str, nodes: Mapping[str, Node]) -> None:
    """Refuse nodes that send a caller to a node that isn't there, or round in a circle."""
    seen = [name]
    ahead = list(_next(nodes[name]))
    while ahead:
        field, reached = ahead.pop()
        if reached not in nodes:
            raise PayloadError(field, f"a node that there is; there is no {reached}")
        if reached == name:
            raise PayloadError(field, f"a way that ends; this one comes back to {name}")
        if reached not in seen:
            seen.append(reached)
            ahead.extend(_next(nodes[reached]))


def _next(node: Node) -> Iterator[tuple[str, str]]:
    ways = (("yes", node.yes), ("no", node.no), *((f"by.{when}", to) for when, to in node.by))
    for way, to in ways:
        if to and to.type == "identify":
            yield f"nodes.{node.name}.{way}", to.id


def _by(
    written: object, mode: str, destinations: Mapping[str, Destination], field: str
) -> tuple[tuple[str, Destination], ...]:
    if not isinstance(written, dict) or len(written) > MAX_BY:
        raise PayloadError(field, f"an object of at most {MAX_BY} conditions and destinations")
    if written and mode != "route":
        raise PayloadError(field, "nothing: only mode route chooses among destinations")
    by = []
    for when, to in written.items():
        if not isinstance(when, str) or not _BY.fullmatch(when):
            raise PayloadError(field, "plan:<plan>, tag:<tag> or status:<status> as conditions")
        destination = _destination(to, destinations, f"{field}.{when}")
        if destination is None:
            raise PayloadError(f"{field}.{when}", "a destination")
        by.append((when, destination))
    return tuple(by)


def _destination(
    written: object, destinations: Mapping[str, Destination], field: str
) -> Destination | None:
    if written is None or written == "":
        return None
    if not isinstance(written, str):
        raise PayloadError(field, "a destination as text, or nothing to go on with the rules")
    return resolve_destination(written, destinations, field)


def _texts(written: object, field: str) -> list[str]:
    if not isinstance(written, list | tuple) or not all(isinstance(k, str) for k in written):
        raise PayloadError(field, "a list of kinds of codes")
    return list(written)


def _number(  # noqa: PLR0913 - a number and its limits
    fields: Mapping[str, Any],
    name: str,
    default: float,
    limits: tuple[float, float],
    field: str,
    *,
    whole: bool = False,
) -> float:
    value = fields.get(name, default)
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not limits[0] <= value <= limits[1]:
        kind = "a whole number" if whole else "seconds"
        raise PayloadError(f"{field}.{name}", f"{kind}, {limits[0]:g} to {limits[1]:g}")
    return float(value)


def _prompt(fields: Mapping[str, Any], name: str, field: str) -> str:
    text = fields.get(name, "")
    if not isinstance(text, str) or len(text) > MAX_PROMPT or _CONTROL.search(text):
        raise PayloadError(f"{field}.{name}", f"text of at most {MAX_PROMPT} characters")
    return text


def _truth(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise PayloadError(field, "true or false")
    return value
