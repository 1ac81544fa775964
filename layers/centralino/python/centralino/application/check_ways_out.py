"""Check where routing sends calls out of the house, by the guard of calls that are placed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.application.check_call import check_outside
from centralino.application.check_exten import check_exten
from centralino.domain.destination import Destination
from centralino.domain.errors import PayloadError
from centralino.domain.number import index_number
from centralino.domain.originate import RefusedCallError

# Destinations whose id is a phone's.
_PHONES = ("agent", "extension", "voicemail")
# The options of providers by which a destination has another name at the PBX (`Pbx.id_of`).
_TABLES = ("ids", "values")
_DIALLED = re.compile(r"[+]?[0-9*#]+", re.ASCII)
_SEPARATORS = re.compile(r"[ ./()-]")

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from centralino.domain.routing import Routing


def check_ways_out(routing: Routing, home: str, countries: Iterable[str]) -> None:
    """Refuse routing that sends a call to a number that nobody may call from this tenant.

    Looked at are external destinations, phones of the house that may be no such thing, and what
    providers' options call either.

    Args:
        routing: compiled.
        home: the tenant's country, ISO 3166 alpha-2.
        countries: what its dialling options allow beside it.

    Raises:
        PayloadError: naming the place, as `rules[3].to`.
    """
    allowed = tuple(countries)
    for field, destination in _ways(routing):
        if destination.type == "external":
            _check_number(destination.id, allowed, home, field)
        elif destination.type in _PHONES:
            check_exten(destination.id, home, field)
    for field, extens in _teams(routing):
        for exten in extens:
            check_exten(exten, home, field)
    for field, name in _names(routing):
        if name.startswith("+"):
            number = index_number(name, home)[0]
            _check_number(number or name, allowed, home, field)
        else:
            check_exten(name, home, field)


def _check_number(number: str, allowed: tuple[str, ...], home: str, field: str) -> None:
    try:
        check_outside(number, allowed, home)
    except RefusedCallError as refused:
        raise PayloadError(field, f"a number that may be called: {refused}") from refused


def _ways(routing: Routing) -> Iterator[tuple[str, Destination]]:
    for name, destination in routing.destinations.items():
        yield f"destinations.{name}", destination
    for place, rule in enumerate(routing.rules.get("rules", ())):
        kind, *target = rule["to"]
        if kind == "go":
            yield f"rules[{place}].to", Destination(*target)
    yield "fallback", routing.fallback
    for name, node in routing.nodes.items():
        ways = (("yes", node.yes), ("no", node.no), *((f"by.{when}", to) for when, to in node.by))
        for way, to in ways:
            if to:
                yield f"nodes.{name}.{way}", to


def _teams(routing: Routing) -> Iterator[tuple[str, list[str]]]:
    for place, rule in enumerate(routing.rules.get("rules", ())):
        kind, *target = rule["to"]
        if kind == "agents":
            yield f"rules[{place}].to", target[0]


def _names(routing: Routing) -> Iterator[tuple[str, str]]:
    """Yield what providers' options call a destination, where that is something to dial."""
    for provider, options in routing.pbx.items():
        for option in _TABLES:
            table = options.get(option)
            for name, value in table.items() if isinstance(table, dict) else ():
                text = _SEPARATORS.sub("", str(value))
                if _DIALLED.fullmatch(text):
                    yield f"pbx.{provider}.{option}.{name}", text
