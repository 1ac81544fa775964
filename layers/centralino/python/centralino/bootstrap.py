"""The one place that builds adapters, from the one list of environment variables.

| variable | meaning | default |
|---|---|---|
| `CENTRALINO_TABLE` | the DynamoDB table's name | `centralino` |
| `CENTRALINO_CACHE_S` | how long keys and settings are believed from memory, seconds | 30 |
| `CENTRALINO_STACK` | the stack's name, which tells its metrics from another's | `local` |
| `CENTRALINO_SECRETS` | where secrets are, see `adapters/secrets.py` | `/centralino/<stack>` |
| `CENTRALINO_QUEUE_URL` | the worker's queue | none |
| `CENTRALINO_SEARCH_FUNCTION` | what asks CRMs: name and alias, or ARN | none |
| `CENTRALINO_SOCKETS` | the WebSocket API that PBXs connect to: https URL with its stage | none |
| `CENTRALINO_LINK_FUNCTION` | what those connections lead to: name and alias, or ARN | none |
| `CENTRALINO_BUCKET` | the bucket of large bodies and files | none |
"""

from __future__ import annotations

import os
from functools import cache, lru_cache

from centralino.adapters.aws import Client
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.domain.errors import NotFoundError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from typing import Any

    from centralino.adapters.store.journal import DynamoJournal
    from centralino.adapters.store.route_read import DynamoRouteStore
    from centralino.ports.callers import CallerStore
    from centralino.ports.connections import ConnectionList, ConnectionStore
    from centralino.ports.crm import Crm
    from centralino.ports.customers import CustomerStore, Learner
    from centralino.ports.dialling import DialStore
    from centralino.ports.lines import LineStore
    from centralino.ports.live_search import LiveSearch
    from centralino.ports.objects import Objects
    from centralino.ports.once import Once
    from centralino.ports.originate import Originator
    from centralino.ports.pbx import Pbx
    from centralino.ports.quality import QualityStore
    from centralino.ports.queue import Claims, Queue
    from centralino.ports.routing import AgentStore, RoutingStore
    from centralino.ports.secrets import Secrets
    from centralino.ports.sockets import (
        Again,
        SocketGateway,
        SocketList,
        Sockets,
        SocketStore,
    )
    from centralino.ports.store import ContactStore, TenantStore
    from centralino.ports.tokens import TokenCache
    from centralino.ports.traces import TraceStore
    from centralino.ports.web import Web

# Long enough for a handshake inside the region, too short to eat a call's time at a cold start.
PRECONNECT_S = 0.3
# A container may serve thousands of tenants; what it remembers has an end.
MAX_TOKENS = 2_000
# The text of every path that leads nowhere: which providers there are is nobody's business.
NO_PROVIDER = "there is nothing at this path; webhooks go to /v1/crm/{provider}"
NO_ORIGINATE = "no PBX of this name places calls; `centralino pbx list` shows those that do"
NO_PBX = "there is nothing at this path; PBXs ask at /v1/lookup, /v1/route and /v1/pbx/{provider}/"


def table_name() -> str:
    """Return the table's name."""
    return os.environ.get("CENTRALINO_TABLE", "centralino")


def cache_s() -> float:
    """Return how long keys and settings are believed from memory, seconds; 0 for not at all."""
    return max(0.0, float(os.environ.get("CENTRALINO_CACHE_S") or "30"))


def metrics_namespace() -> str:
    """Return the CloudWatch namespace of this stack's metrics."""
    return f"Centralino/{os.environ.get('CENTRALINO_STACK', 'local')}"


@cache
def call_store() -> DynamoCallStore:
    """Build the call path's store, with its connection already open."""
    client = _dynamodb()
    client.connect(PRECONNECT_S)
    return DynamoCallStore(client, table_name())


@cache
def route_store() -> DynamoRouteStore:
    """Build the store of calls that are routed, with its connection already open."""
    from centralino.adapters.store.route_read import DynamoRouteStore  # noqa: PLC0415
    from centralino.domain.rulebook import default_routing  # noqa: PLC0415

    client = _dynamodb()
    client.connect(PRECONNECT_S)
    return DynamoRouteStore(client, table_name(), default_routing())


@cache
def journal() -> DynamoJournal:
    """Build what keeps decisions, with a connection of its own already open."""
    from centralino.adapters.store.journal import DynamoJournal, Posting  # noqa: PLC0415

    kept = DynamoJournal(lambda: Posting("dynamodb", env=dict(os.environ)), table_name())
    kept.connect(PRECONNECT_S)
    return kept


def learner(tenant: str) -> Learner:
    """Build what learns a tenant's numbers while a caller waits.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.learner import DynamoLearner  # noqa: PLC0415 - few calls teach

    return DynamoLearner(_dynamodb(), table_name(), tenant)


def pbx_class(provider: str) -> type[Pbx]:
    """Return the class of a PBX provider: `Adapter` in the file of that name.

    Raises:
        NotFoundError: there is no such provider.
    """
    adapter: type[Pbx] = _provider("pbx", provider, NO_PBX)
    return adapter


@cache
def live_search() -> LiveSearch | None:
    """Build what asks the CRMs while a caller waits; None if no function does that."""
    function = os.environ.get("CENTRALINO_SEARCH_FUNCTION", "")
    if not function:
        return None
    from centralino.adapters.live_search import LambdaSearch  # noqa: PLC0415 - few calls need it

    return LambdaSearch(function, env=dict(os.environ))


# What follows is not on the call path, so it is imported only where it is asked for.


def contact_store(tenant: str) -> ContactStore:
    """Build the store of one tenant's contacts.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.contacts import DynamoContactStore  # noqa: PLC0415

    return DynamoContactStore(_dynamodb(), table_name(), tenant)


def caller_store(tenant: str) -> CallerStore:
    """Build the store of what live search notes of one tenant's callers.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.callers import DynamoCallerStore  # noqa: PLC0415

    return DynamoCallerStore(_dynamodb(), table_name(), tenant)


def tenant_store(tenant: str) -> TenantStore:
    """Build the store of one tenant's settings and keys.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.tenants import DynamoTenantStore  # noqa: PLC0415

    return DynamoTenantStore(_dynamodb(), table_name(), tenant)


def connection_store(tenant: str) -> ConnectionStore:
    """Build the store of one tenant's connections to CRMs.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.connections import DynamoConnectionStore  # noqa: PLC0415

    return DynamoConnectionStore(_dynamodb(), table_name(), tenant)


def quality_store(tenant: str) -> QualityStore:
    """Build what reports on a tenant's data look at.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.quality import DynamoQualityStore  # noqa: PLC0415

    return DynamoQualityStore(_dynamodb(), table_name(), tenant)


def agent_store(tenant: str) -> AgentStore:
    """Build the store of one tenant's agents.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.agents import DynamoAgentStore  # noqa: PLC0415

    return DynamoAgentStore(_dynamodb(), table_name(), tenant)


def routing_store(tenant: str) -> RoutingStore:
    """Build the store of one tenant's routing, rules and decisions.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.routing import DynamoRoutingStore  # noqa: PLC0415

    return DynamoRoutingStore(_dynamodb(), table_name(), tenant)


def customer_store(tenant: str) -> CustomerStore:
    """Build the store of one tenant's customers and learned numbers.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.customers import DynamoCustomerStore  # noqa: PLC0415

    return DynamoCustomerStore(_dynamodb(), table_name(), tenant)


def line_store(tenant: str) -> LineStore:
    """Build the store of the PBXs that place one tenant's calls.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.lines import DynamoLineStore  # noqa: PLC0415

    return DynamoLineStore(_dynamodb(), table_name(), tenant)


def dial_store(tenant: str) -> DialStore:
    """Build the store of one tenant's dialling.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.dialling import DynamoDialStore  # noqa: PLC0415

    return DynamoDialStore(_dynamodb(), table_name(), tenant)


def trace_store(tenant: str) -> TraceStore:
    """Build the store of what calls left behind at one tenant.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.traces import DynamoTraceStore  # noqa: PLC0415

    return DynamoTraceStore(_dynamodb(), table_name(), tenant)


def socket_store(tenant: str) -> SocketStore:
    """Build the store of the connections that one tenant's PBXs opened to us.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.store.sockets import DynamoSocketStore  # noqa: PLC0415

    return DynamoSocketStore(_dynamodb(), table_name(), tenant)


def socket_list() -> SocketList:
    """Build the list of the connections of all tenants' PBXs."""
    from centralino.adapters.store.sockets import DynamoSocketList  # noqa: PLC0415

    return DynamoSocketList(_dynamodb(), table_name())


@cache
def socket_gateway() -> SocketGateway | None:
    """Build what sends through those connections; None if there is no WebSocket API."""
    url = os.environ.get("CENTRALINO_SOCKETS", "")
    if not url:
        return None
    from centralino.adapters.sockets import GatewaySockets  # noqa: PLC0415

    return GatewaySockets(url, env=dict(os.environ))


def pbx_sockets(tenant: str) -> Sockets | None:
    """Build what asks a tenant's PBXs through their connections; None if there can't be any.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.ports.sockets import Sockets  # noqa: PLC0415

    gateway = socket_gateway()
    return None if gateway is None else Sockets(socket_store(tenant), gateway)


@cache
def link_again() -> Again | None:
    """Build what has `link_pbx` run once more by itself; None if it isn't known by name."""
    function = os.environ.get("CENTRALINO_LINK_FUNCTION", "")
    if not function:
        return None
    from centralino.adapters.functions import LambdaFunction  # noqa: PLC0415

    return LambdaFunction(function, env=dict(os.environ))


def socket_account(tenant: str) -> Mapping[str, str]:
    """Return what is set of the PBXs that connect to us; empty if they connected before it was.

    Raises:
        PayloadError: that is no tenant's id.
        UnavailableError: there is no answer.
    """
    stored = line_store(tenant).get("asterisk_ws")
    return {} if stored is None else stored.account


def prepare_link() -> None:
    """Do what every connection of a PBX needs while the container starts: it waits for the first.

    A PBX gives its handshake a few seconds.
    """
    import centralino.adapters.store.sockets  # noqa: F401, PLC0415

    _dynamodb().connect(PRECONNECT_S)


def connection_list() -> ConnectionList:
    """Build the list of all tenants' connections, for the dispatcher."""
    from centralino.adapters.store.connections import DynamoConnectionList  # noqa: PLC0415

    return DynamoConnectionList(_dynamodb(), table_name())


@cache
def secrets() -> Secrets:
    """Build the container's one memory of the secrets of connections."""
    from centralino.adapters.secrets import open_secrets  # noqa: PLC0415

    return open_secrets(_secret_place(), lambda service: Client(service, env=dict(os.environ)))


def _secret_place() -> str:
    """Return where secrets are; see `adapters/secrets.py`."""
    stack = os.environ.get("CENTRALINO_STACK", "local")
    return os.environ.get("CENTRALINO_SECRETS") or f"/centralino/{stack}"


@cache
def queue() -> Queue:
    """Build the worker's queue.

    Raises:
        PayloadError: the environment names no region.
    """
    from centralino.adapters.queue import SqsQueue  # noqa: PLC0415

    client = Client("sqs", env=dict(os.environ))
    return SqsQueue(client, os.environ.get("CENTRALINO_QUEUE_URL", ""))


@cache
def claims() -> Claims:
    """Build the place of bodies that are too large for the queue."""
    from centralino.adapters.claims import S3Claims  # noqa: PLC0415

    return S3Claims(os.environ.get("CENTRALINO_BUCKET", ""))


@cache
def objects() -> Objects:
    """Build the bucket of files that are imported."""
    from centralino.adapters.objects import S3Objects  # noqa: PLC0415

    return S3Objects(os.environ.get("CENTRALINO_BUCKET", ""))


def crm_class(provider: str) -> type[Crm]:
    """Return the class of a CRM provider: `Adapter` in the file of that name.

    Raises:
        NotFoundError: there is no such provider.
    """
    adapter: type[Crm] = _provider("crm", provider, NO_PROVIDER)
    return adapter


def _provider(kind: str, provider: str, absent: str, name_of_class: str = "Adapter") -> Any:  # noqa: ANN401 - a class of any port
    """Return a class in the file of a provider; some PBXs only place calls, others never do."""
    # Words that are a module's name and no path: what comes in a URL chooses a file here.
    if not (
        provider.islower()
        and provider.isascii()
        and provider.isidentifier()
        and provider[0].isalpha()
    ):
        raise NotFoundError(absent)
    from importlib import import_module  # noqa: PLC0415

    name = f"centralino.adapters.{kind}.{provider}"
    try:
        adapter = getattr(import_module(name), name_of_class, None)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        adapter = None
    if adapter is None:
        raise NotFoundError(absent)
    return adapter


def crm(tenant: str, provider: str, country: str) -> Crm:
    """Build a tenant's connection to a CRM, as it is stored now.

    Args:
        tenant: the tenant's id.
        provider: the provider's slug.
        country: the tenant's, ISO 3166 alpha-2.

    Raises:
        NotFoundError: there is no such provider, or the tenant is not connected to it.
        UnavailableError: the connection or its secrets can't be read.
    """
    from centralino.ports.crm import Connection  # noqa: PLC0415
    from centralino.ports.tokens import origin_of  # noqa: PLC0415

    kind = crm_class(provider)
    stored = connection_store(tenant).get(provider)
    if stored is None:
        raise NotFoundError(f"{tenant} is not connected to {provider}")
    known = secrets().read(tenant, provider)
    return kind(
        Connection(provider, stored.account, known, country),
        web(stored.account),
        tokens(tenant, provider, origin_of(stored.account, known)),
    )


def originator(tenant: str, provider: str) -> Originator:
    """Build a tenant's PBX that places calls, as it is stored now.

    Raises:
        NotFoundError: there is no such provider, or the tenant is not connected to it.
        UnavailableError: the PBX or its secrets can't be read.
    """
    from centralino.ports.lines import secrets_of  # noqa: PLC0415
    from centralino.ports.originate import Means, PbxLink  # noqa: PLC0415
    from centralino.ports.tokens import origin_of  # noqa: PLC0415

    kind = originator_class(provider)
    stored = line_store(tenant).get(provider)
    if stored is None:
        raise NotFoundError(f"{tenant} is not connected to {provider}")
    name = secrets_of(provider)
    known = secrets().read(tenant, name)
    means = Means(
        web(stored.account),
        tokens(tenant, name, origin_of(stored.account, known)),
        pbx_sockets(tenant) if kind.by_socket else None,
    )
    return kind(PbxLink(tenant, provider, stored.account, known), means)


def originator_class(provider: str) -> type[Originator]:
    """Return the class of a PBX that places calls: `Originate` in the file of that name.

    Raises:
        NotFoundError: there is no such provider.
    """
    found: type[Originator] = _provider("pbx", provider, NO_ORIGINATE, "Originate")
    return found


def once(tenant: str) -> Once:
    """Build what does a tenant's requests to place calls once.

    Raises:
        PayloadError: that is no tenant's id.
    """
    from centralino.adapters.idempotency import PowertoolsOnce  # noqa: PLC0415
    from centralino.adapters.store.request_records import (  # noqa: PLC0415
        RequestItems,
        RequestRecords,
    )

    items = RequestItems(_dynamodb(), table_name(), tenant)
    return PowertoolsOnce(lambda: RequestRecords(items), "originate")


@lru_cache(maxsize=MAX_TOKENS)
def tokens(tenant: str, provider: str, origin: str) -> TokenCache:
    """Build the access token that all connections to a CRM share, in this container and the others.

    Args:
        tenant: the tenant's id.
        provider: the provider's slug.
        origin: what stands for the account and its secrets; see `ports/tokens.py`.
    """
    from centralino.adapters.secret_keeper import TokenPlace  # noqa: PLC0415
    from centralino.adapters.store.token_claims import DynamoTokenClaims  # noqa: PLC0415
    from centralino.adapters.tokens import SharedPlace, SharedTokens  # noqa: PLC0415

    client, lock = _token_clients()
    kept = TokenPlace(_secret_place(), client, tenant, provider)
    claims = DynamoTokenClaims(client("dynamodb"), table_name(), tenant)
    return SharedTokens(SharedPlace(kept, claims, provider, lock), origin)


@cache
def _token_clients() -> tuple[Callable[[str], Client], AbstractContextManager[object]]:
    """Build the clients that tokens are shared by, and the lock that threads use them under."""
    from threading import Lock  # noqa: PLC0415

    env = dict(os.environ)
    return cache(lambda service: Client(service, env=env)), Lock()


def prepare_search() -> None:
    """Do what every search needs while the container starts: somebody waits for the first one."""
    import centralino.adapters.store.callers  # noqa: PLC0415
    import centralino.adapters.store.connections  # noqa: PLC0415
    import centralino.adapters.store.contacts  # noqa: F401, PLC0415

    web({})
    _dynamodb().connect(PRECONNECT_S)


def prepare_originate() -> None:
    """Do what every click needs while the container starts: somebody waits for the first one."""
    import phonenumbers  # noqa: F401, PLC0415

    import centralino.adapters.idempotency  # noqa: PLC0415
    import centralino.adapters.store.dialling  # noqa: PLC0415
    import centralino.adapters.store.lines  # noqa: PLC0415
    import centralino.adapters.store.request_records  # noqa: F401, PLC0415

    web({})


def web(account: Mapping[str, str]) -> Web:
    """Build what asks a CRM.

    Args:
        account: the connection's; with `allow_private` as `true` the CRM may have a private
            address, as one on the premises that a VPN leads to.
    """
    from centralino.adapters.web import HttpWeb, Reach  # noqa: PLC0415

    # Lambda's own interface is on the loopback, and nobody's CRM.
    closed = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
    return HttpWeb(Reach(private=account.get("allow_private") == "true", closed=(closed,)))


@cache
def _dynamodb() -> Client:
    """Build the container's one connection to DynamoDB."""
    # A copy: Lambda's never changes, and looking a name up in os.environ costs three times as much.
    return Client("dynamodb", env=dict(os.environ))
