"""Check where routing sends calls out of the house, by the guard of calls that are placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.check_call import check_outside
from centralino.domain.destination import Destination
from centralino.domain.errors import PayloadError
from centralino.domain.originate import RefusedCallError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from centralino.domain.routing import Routing


def check_ways_out(routing: Routing, home: str, countries: Iterable[str]) -> None:
    """Refuse routing that sends a call to a number that nobody may call from this tenant.

    Args:
        routing: compiled.
        home: the tenant's country, ISO 3166 alpha-2.
        countries: what its dialling options allow beside it.

    Raises:
        PayloadError: naming the place, as `rules[3].to`.
    """
    allowed = tuple(countries)
    for field, destination in _ways(routing):
        if destination.type != "external":
            continue
        try:
            check_outside(destination.id, allowed, home)
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
