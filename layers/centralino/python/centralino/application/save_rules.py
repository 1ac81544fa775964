"""Save a version of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.compile_routing import compile_routing

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import Any

    from centralino.domain.settings import Settings
    from centralino.ports.routing import RoutingStore, RulesVersion


class Author(NamedTuple):
    """Who saves rules, and what for.

    Attributes:
        name: the key's id and name.
        note: what the rules are for.
    """

    name: str
    note: str = ""


class SavedRules(NamedTuple):
    """A version that is kept, and what somebody should look at."""

    version: RulesVersion
    warnings: tuple[str, ...]


def save_rules(  # noqa: PLR0913 - who saves what, and when
    routing: RoutingStore,
    settings: Settings,
    document: Mapping[str, Any],
    author: Author,
    *,
    now_s: float,
    agents: Container[str] | None = None,
) -> SavedRules:
    """Check rules and keep them as a new version, which is not in force yet.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        document: the rules.
        author: who saves them.
        now_s: seconds since 1970.
        agents: the agents' extens, to warn of others.

    Raises:
        PayloadError: naming the field, as `rules[3].when`.
    """
    compiled = compile_routing(routing.parts(), document, settings, now_s=now_s, agents=agents)
    version = routing.add_rules(document, at=int(now_s * 1000), by=author.name, note=author.note)
    return SavedRules(version, compiled.warnings)
