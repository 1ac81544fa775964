"""One tenant's routing as it is written, its versions, its agents, and the decisions kept."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from centralino.domain.agent import Agent
    from centralino.domain.customer import History
    from centralino.domain.decision import Kept
    from centralino.domain.routing import Routing


class RulesVersion(NamedTuple):
    """A version of the rules, as somebody wrote them.

    Attributes:
        version: 1, 2, ...
        document: what was written (`docs/routing.md`), plain JSON.
        saved_at: milliseconds since 1970.
        saved_by: the key's id and name.
        note: what it is for.
    """

    version: int
    document: Mapping[str, Any]
    saved_at: int
    saved_by: str
    note: str = ""


class RoutingParts(NamedTuple):
    """All that routing is made of, as it was written; `Routing` is what is compiled of it.

    Attributes:
        edition: counts up with every save; 0 for a tenant that never wrote anything.
        nodes: name -> node as it was written.
        schedules: name -> schedule as it was written.
        options: everything else that is written once: `learning`, `pbx`, `time_zone`.
        published: the version of the rules in force; 0 for the defaults.
    """

    edition: int = 0
    nodes: Mapping[str, Mapping[str, Any]] = {}
    schedules: Mapping[str, Mapping[str, Any]] = {}
    options: Mapping[str, Any] = {}
    published: int = 0


class DecisionPage(NamedTuple):
    """A page of decisions, the newest first; the cursor is empty at the end."""

    decisions: tuple[Kept, ...]
    cursor: str


class RoutingStore(Protocol):
    """One tenant's routing. Every method raises UnavailableError when the store is away."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def parts(self) -> RoutingParts:
        """Return what was written."""

    def save(self, parts: RoutingParts, compiled: Routing) -> RoutingParts:
        """Save what was written and what is compiled of it, over the edition that `parts` names.

        Raises:
            ConflictError: the edition stored is another one.
        """

    def compiled(self) -> Routing:
        """Return the routing in force, as the call path reads it."""

    def add_rules(
        self, document: Mapping[str, Any], *, at: int, by: str, note: str = ""
    ) -> RulesVersion:
        """Keep a version of the rules; it is not in force before it is published with `save`."""

    def rules(self, version: int) -> RulesVersion | None:
        """Return a version of the rules; None if there is none."""

    def versions(self) -> tuple[RulesVersion, ...]:
        """Return all versions, the newest first, each without its document."""

    def decision(self, call_id: str) -> Kept | None:
        """Return what was decided of a call; None if nothing is kept of it."""

    def decisions(
        self, *, since: int, until: int, cursor: str = "", limit: int = 100
    ) -> DecisionPage:
        """List decisions.

        Args:
            since: seconds since 1970.
            until: seconds since 1970, not included.
            cursor: of the page before.
            limit: 1 to 100.
        """

    def answered(self, *, number: str, code: str, exten: str, at: int) -> None:
        """Note who spoke to a caller: the history of the number, and of the customer, if known."""

    def ticket(self, *, number: str, code: str, ticket: str) -> None:
        """Note a caller's, or a customer's, open ticket; an empty one closes it."""

    def history(self, *, number: str = "", code: str = "") -> History:
        """Return the history of a customer, or of a number if no code is given."""


class AgentStore(Protocol):
    """One tenant's agents. Every method raises UnavailableError when the store is away."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def all(self) -> Sequence[Agent]:
        """Return all agents, by exten, without `working`."""

    def save(self, agent: Agent) -> bool:
        """Create or replace an agent, its state apart; return whether it was created.

        Raises:
            ConflictError: the tenant has as many agents as fit one item.
            NotFoundError: there is no such tenant (any more).
            PayloadError: more than fits is said of this agent.
        """

    def set_state(self, exten: str, state: str, *, at: int, load: int | None = None) -> bool:
        """Say whether an agent is available; one atomic update. False if there is no such agent.

        Args:
            exten: the agent's.
            state: one of `domain/agent.py`'s `STATES`; said again, it began when it was said first.
            at: seconds since 1970.
            load: calls in hand or waiting; None leaves it.
        """

    def delete(self, exten: str) -> bool:
        """Delete an agent; return whether there was one."""
