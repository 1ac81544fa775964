"""Compile all of a tenant's routing: what was written in parts, to what a call reads at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.application.check_ways_out import check_ways_out
from centralino.application.compile_nodes import compile_nodes
from centralino.application.compile_rules import (
    DEFAULTS,
    World,
    compile_destinations,
    compile_rules,
)
from centralino.application.compile_schedules import compile_schedules
from centralino.application.compile_zone import compile_zone, time_zone_of
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.domain.routing import KEEP_DAYS, Routing, write_routing

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingParts, RoutingStore

# With what was written beside it, an item has at most 400 KB; every cold start reads it.
MAX_BYTES = 180_000
# The option that has the countries which the dialling options allow; only they change it.
COUNTRIES = "countries"


class CompiledRouting(NamedTuple):
    """Routing that is ready to be saved.

    Attributes:
        routing: what a call reads.
        warnings: what somebody should look at, in words.
    """

    routing: Routing
    warnings: tuple[str, ...]


def compile_routing(
    parts: RoutingParts,
    document: Mapping[str, Any],
    settings: Settings,
    *,
    now_s: float,
    agents: Container[str] | None = None,
) -> CompiledRouting:
    """Compile routing.

    Args:
        parts: what was written; `published` is the version of the rules.
        document: the rules of that version.
        settings: the tenant's: its country says which holidays and which time zone it has.
        now_s: seconds since 1970.
        agents: the agents' extens, to warn of others; None not to.

    Raises:
        PayloadError: naming the field: `rules[3].when`, `nodes.vat.no`, `schedules.office.open`.
    """
    country = settings.line.country
    schedules = compile_schedules(parts.schedules, country, now_s=now_s)
    destinations = compile_destinations(document)
    nodes = compile_nodes(parts.nodes, destinations)
    world = World(settings.line, nodes, tuple(schedules), agents)
    rules = compile_rules(document, world)
    options = parts.options
    zone = options.get("time_zone") or time_zone_of(country, now_s=now_s) or "UTC"
    routing = Routing(
        version=parts.published,
        edition=parts.edition,
        rules=rules.rules,
        destinations=rules.destinations,
        fallback=rules.fallback,
        nodes=nodes,
        schedules=schedules,
        zone=compile_zone(zone, now_s=now_s),
        languages=rules.languages,
        blocked=rules.blocked,
        learning=options.get("learning") or {},
        pbx=options.get("pbx") or {},
        keep_days=options.get("keep_days") or KEEP_DAYS,
    )
    check_ways_out(routing, country, options.get(COUNTRIES) or ())
    size = len(json.dumps(write_routing(routing), ensure_ascii=False).encode())
    written = len(json.dumps([parts.nodes, parts.schedules, options], ensure_ascii=False).encode())
    if size > MAX_BYTES or written > MAX_BYTES:
        raise PayloadError("routing", f"at most {MAX_BYTES} bytes in all: {size} now")
    return CompiledRouting(routing, rules.warnings)


def document_of(store: RoutingStore, version: int) -> Mapping[str, Any]:
    """Return the rules of a version; 0 is what a tenant has before it writes any.

    Args:
        store: the tenant's routing.
        version: the version.

    Raises:
        NotFoundError: there is no such version.
    """
    if version == 0:
        return DEFAULTS
    kept = store.rules(version)
    if kept is None:
        raise NotFoundError(f"there is no version {version} of the rules")
    return kept.document


def save_parts(
    store: RoutingStore, parts: RoutingParts, settings: Settings, *, now_s: float
) -> RoutingParts:
    """Save parts of the routing over the edition that they name, and what is compiled of all.

    Args:
        store: the tenant's routing.
        parts: complete, as they are to be.
        settings: the tenant's.
        now_s: seconds since 1970.

    Returns:
        The parts with their new edition.

    Raises:
        PayloadError: something in them doesn't go together: a rule names a schedule that is gone.
        ConflictError: somebody else saved meanwhile.
    """
    document = document_of(store, parts.published)
    return store.save(parts, compile_routing(parts, document, settings, now_s=now_s).routing)
