"""What a route of the admin API works with: whose request it is, and that tenant's stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from centralino.domain.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from centralino.entry.access import Visit
    from centralino.ports.customers import CustomerStore
    from centralino.ports.dialling import DialStore
    from centralino.ports.quality import QualityStore
    from centralino.ports.route_read import RouteStore
    from centralino.ports.routing import AgentStore, RoutingStore
    from centralino.ports.secrets import Secrets
    from centralino.ports.store import CallStore, ContactStore, TenantStore
    from centralino.ports.traces import TraceStore

    class RoutedCalls(CallStore, RouteStore, Protocol):
        """What a call reads to be routed."""


# A route's OpenAPI extension: further statuses that it answers with, `status -> what it means`.
ALSO = "x-also"
# Another one: who may use a route, where that is not everybody who may use the resource.
MANAGERS_ONLY = {"x-roles": ["admin", "supervisor"]}


class Stores(NamedTuple):
    """What builds the stores of a tenant, each from the tenant's id.

    Attributes:
        contacts: its contacts.
        tenants: its settings and keys.
        quality: its cards and unknown callers, for reports.
        agents: its agents.
        routing: its routing, rules and decisions.
        customers: its customers and learned numbers.
        traces: what calls left behind.
        open_secrets: what opens secrets, for the one route that needs some.
        calls: what a call reads to be routed.
        dialling: its dialling options and do-not-call list.
    """

    contacts: Callable[[str], ContactStore]
    tenants: Callable[[str], TenantStore]
    quality: Callable[[str], QualityStore]
    agents: Callable[[str], AgentStore]
    routing: Callable[[str], RoutingStore]
    customers: Callable[[str], CustomerStore]
    traces: Callable[[str], TraceStore]
    open_secrets: Callable[[str], Callable[[], Secrets]]
    calls: Callable[[str], RoutedCalls]
    dialling: Callable[[str], DialStore]


class Session(NamedTuple):
    """One request that is in.

    Attributes:
        visit: the tenant, its settings as the call path knows them, and the key.
        contacts: the tenant's contacts.
        tenants: the tenant's settings and keys.
        now: the time, seconds since 1970.
        quality: the tenant's cards and unknown callers, for reports.
        agents: the tenant's agents.
        routing: the tenant's routing, rules and decisions.
        customers: the tenant's customers and learned numbers.
        traces: what calls left behind.
        open_secrets: opens the secrets of all tenants; for the one route that needs some.
        calls: what a call of any tenant reads to be routed.
        dialling: the tenant's dialling options and do-not-call list.
    """

    visit: Visit
    contacts: ContactStore
    tenants: TenantStore
    now: Callable[[], float]
    quality: QualityStore
    agents: AgentStore
    routing: RoutingStore
    customers: CustomerStore
    traces: TraceStore
    open_secrets: Callable[[], Secrets]
    calls: RoutedCalls
    dialling: DialStore

    @property
    def now_ms(self) -> int:
        """Return the time, milliseconds since 1970."""
        return int(self.now() * 1000)


def new_router() -> APIGatewayHttpRouter:
    """Return a router for one module's routes."""
    return APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


def session_of(router: APIGatewayHttpRouter) -> Session:
    """Return the session of the request that is being answered."""
    return cast("Session", router.context["session"])


def managers_session(router: APIGatewayHttpRouter) -> Session:
    """Return the session of a request that a key of role agent may not make.

    Raises:
        ForbiddenError: the key is of another role than those of `MANAGERS_ONLY`.
    """
    session = session_of(router)
    role = session.visit.key.role
    if role not in MANAGERS_ONLY["x-roles"]:
        raise ForbiddenError(f"a key of role {role} may not do this")
    return session


def call_store_of(router: APIGatewayHttpRouter) -> CallStore:
    """Return the call path's store, for a request that needs no key."""
    return cast("CallStore", router.context["call_store"])
