"""Notices as the worker sends them: a message, a number that was learned."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino import bootstrap
from centralino.application.tell_owner import tell_owner
from centralino.domain.errors import PayloadError
from centralino.domain.settings import TENANT_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.customers import CustomerStore
    from centralino.ports.routing import RoutingStore
    from centralino.ports.secrets import Secrets
    from centralino.ports.web import Web


class NoticeTools(NamedTuple):
    """What a notice is sent with.

    Attributes:
        routing: returns a tenant's routing.
        customers: returns a tenant's customers.
        secrets: returns what has the secrets.
        web: returns what sends requests.
        now: the time, seconds since 1970.
    """

    routing: Callable[[str], RoutingStore]
    customers: Callable[[str], CustomerStore]
    secrets: Callable[[], Secrets]
    web: Callable[[], Web]
    now: Callable[[], float]


def apply_notice(message: Mapping[str, Any], tools: NoticeTools | None = None) -> str:
    """Tell an owner of one number.

    Args:
        message: `learned_notice.py`'s.
        tools: what it is sent with; the container's own if left out.

    Returns:
        Why it was dropped, as `tell_owner` says; empty if it was taken.

    Raises:
        PayloadError: that is no such message.
        UnavailableError: it is to be sent again.
    """
    tools = tools or _tools()
    tenant = message.get("tenant")
    if not isinstance(tenant, str) or not TENANT_PATTERN.fullmatch(tenant):
        raise PayloadError("tenant", "a tenant's id")
    return tell_owner(
        message,
        routing=tools.routing(tenant),
        customers=tools.customers(tenant),
        read_secrets=tools.secrets().read,
        web=tools.web(),
        now_s=tools.now(),
    )


@cache
def _tools() -> NoticeTools:
    # Public addresses alone: the URL is whatever somebody wrote into the options.
    web = bootstrap.web({})
    return NoticeTools(
        bootstrap.routing_store, bootstrap.customer_store, bootstrap.secrets, lambda: web, time.time
    )
