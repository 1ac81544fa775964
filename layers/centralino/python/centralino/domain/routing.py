"""A tenant's routing as the call path reads it: everything is worked out already.

What a tenant writes (rules, nodes, schedules) is checked and compiled where it is saved, into the
plain JSON that `Routing` holds; here it is only read, so an item that is older than the code still
gives an answer: what is missing has a default.
"""

from __future__ import annotations

from centralino.domain.destination import CONTINUE, Destination
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

KEEP_DAYS = 14
MODES = ("check", "route", "entered")


class Node(NamedTuple):
    """An identify node: asks a caller for a code, or is told the code by a PBX that asked.

    Attributes:
        name: `[a-z0-9-]{1,20}`; in the URL.
        mode: `check` answers yes or no, `route` a destination, `entered` yes to any code that is
            well formed, whoever's it is.
        codes: what codes are, in order: `vat`, `vat:IT`, `tax:IT`, `pattern:<regex>`, or `any`.
        length: the most digits that are typed; 0 for no end but `#`.
        attempts: how often it asks, 1 to 20.
        timeout_s: seconds to wait for digits.
        prompt: what is played or said: the PBX's own name of an audio file, or text.
        again: the same, when the code was not understood; empty for `prompt` once more.
        yes: where whoever is identified (and, in `check`, active) goes; None to go on.
        no: where everybody else goes.
        by: `plan:gold`, `status:expired`, `tag:vip` -> where those go, the first that holds, before
            `yes` and `no`.
        teaches: whether a code typed with a visible number is learned.
    """

    name: str
    mode: str = "check"
    codes: tuple[str, ...] = ("any",)
    length: int = 0
    attempts: int = 3
    timeout_s: float = 5.0
    prompt: str = ""
    again: str = ""
    yes: Destination | None = None
    no: Destination | None = None
    by: tuple[tuple[str, Destination], ...] = ()
    teaches: bool = True


class Routing(NamedTuple):
    """A tenant's routing, compiled.

    Attributes:
        version: of the rules that are published; 0 for the defaults.
        edition: counts up with every save of any part; an edit names the one that it read.
        rules: what `domain/rulebook.py` makes of the rules, plain JSON.
        destinations: name -> destination.
        fallback: where a call goes when there is no decision, and none in time.
        nodes: name -> node.
        schedules: what `domain/schedule.py` makes of the schedules, plain JSON by name.
        zone: the tenant's time zone as `domain/clock.py` reads it: (from, offset) pairs, both
            seconds, the first from 0.
        languages: country (ISO 3166) -> language (ISO 639-1) of who calls from there.
        blocked: numbers, and blocks (`+39899*`), that are `caller.blocked`.
        learning: `max_per_customer` (5), `days` (180), `trust` (see `domain/learning.py`).
        pbx: provider slug -> that provider's own options (`generic`: names and templates).
        keep_days: how long decisions are kept.
    """

    version: int = 0
    edition: int = 0
    rules: Mapping[str, Any] = {}
    destinations: Mapping[str, Destination] = {}
    fallback: Destination = CONTINUE
    nodes: Mapping[str, Node] = {}
    schedules: Mapping[str, Any] = {}
    zone: Sequence[Sequence[int]] = ((0, 0),)
    languages: Mapping[str, str] = {}
    blocked: tuple[str, ...] = ()
    learning: Mapping[str, Any] = {}
    pbx: Mapping[str, Mapping[str, Any]] = {}
    keep_days: int = KEEP_DAYS


def read_routing(stored: Mapping[str, Any]) -> Routing:
    """Build routing from what `write_routing` made.

    Args:
        stored: the fields of `Routing` as plain JSON.
    """
    return Routing(
        version=int(stored.get("version", 0)),
        edition=int(stored.get("edition", 0)),
        rules=stored.get("rules") or {},
        destinations={
            name: Destination(*values)
            for name, values in (stored.get("destinations") or {}).items()
        },
        fallback=Destination(*stored["fallback"]) if stored.get("fallback") else CONTINUE,
        nodes={name: _node(name, fields) for name, fields in (stored.get("nodes") or {}).items()},
        schedules=stored.get("schedules") or {},
        zone=stored.get("zone") or ((0, 0),),
        languages=stored.get("languages") or {},
        blocked=tuple(stored.get("blocked") or ()),
        learning=stored.get("learning") or {},
        pbx=stored.get("pbx") or {},
        keep_days=int(stored.get("keep_days") or KEEP_DAYS),
    )


def write_routing(routing: Routing) -> dict[str, Any]:
    """Return routing as plain JSON."""
    return {**routing._asdict(), "nodes": {name: n._asdict() for name, n in routing.nodes.items()}}


def _node(name: str, fields: Mapping[str, Any]) -> Node:
    known = {field: fields[field] for field in Node._fields if field in fields}
    known["name"] = name
    for field in ("yes", "no"):
        if known.get(field):
            known[field] = Destination(*known[field])
    known["codes"] = tuple(known.get("codes") or ("any",))
    known["by"] = tuple((when, Destination(*to)) for when, to in known.get("by") or ())
    return Node(**known)
