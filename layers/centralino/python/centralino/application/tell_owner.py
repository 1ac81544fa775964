"""Tell the owner of a tenant of a number that was learned: a Standard Webhook to their URL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from centralino.application.signing_secret import NOTICES, signing_secrets
from centralino.domain.errors import PayloadError, RejectedError
from centralino.domain.moments import from_milliseconds
from centralino.domain.standard_webhook import sign_webhook
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.customers import CustomerStore
    from centralino.ports.routing import RoutingStore
    from centralino.ports.web import Web

TYPE = "number.learned"
TIMEOUT_S = 10.0


def tell_owner(  # noqa: PLR0913 - all that it is looked up in
    message: Mapping[str, Any],
    *,
    routing: RoutingStore,
    customers: CustomerStore,
    read_secrets: Callable[[str, str], Mapping[str, object]],
    web: Web,
    now_s: float,
) -> str:
    """Send one notice, as things are now: what was forgotten meanwhile is nobody's business.

    Args:
        message: `learned_notice.py`'s.
        routing: the tenant's.
        customers: the tenant's.
        read_secrets: reads secrets: of the tenant, of a place.
        web: what sends it; it keeps to public addresses and follows no redirect.
        now_s: the time, seconds since 1970.

    Returns:
        Why it was not taken and won't be: `no_webhook`, `no_customer`, `forgotten`, `no_secret`,
        `status 410`, `forbidden_address`...; empty if it was.

    Raises:
        PayloadError: that is no such message.
        UnavailableError: it is to be sent again.
    """
    tenant, word, code, number = (
        _text(message, name) for name in ("tenant", "id", "code", "number")
    )
    at = message.get("at")
    if not isinstance(at, int) or isinstance(at, bool):
        raise PayloadError("at", "seconds since 1970")
    url = routing.compiled().learning.get("webhook")
    if not url:
        return "no_webhook"
    customer = customers.get(code)
    if customer is None:
        return "no_customer"
    if all(one.number != number for one in customers.learned_of(code)):
        return "forgotten"
    secrets = signing_secrets(read_secrets, tenant, NOTICES)
    if not secrets:
        return "no_secret"
    data = {
        "lesson": message.get("lesson"),
        "number": number,
        "customer_code": code,
        "customer_name": customer.name,
        "customer_owner": customer.owner,
        "node": message.get("node"),
        "at": _moment(at),
    }
    body = json.dumps({"type": TYPE, "timestamp": data["at"], "data": data}).encode()
    return _sent(web, url, sign_webhook(word, body, secrets, now_s=now_s), body)


def _sent(web: Web, url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Send a request; return why it is not to be sent again."""
    headers = {"content-type": "application/json", **headers}
    try:
        answer = web.send("POST", url, headers=headers, body=body, timeout_s=TIMEOUT_S)
    except RejectedError as error:
        # A certificate, or a name that leads to where nobody may go: the same the next time.
        return error.reason
    try:
        expect_success(answer)
    except RejectedError:
        return f"status {answer.status}"
    return ""


def _moment(at: int) -> str:
    try:
        return from_milliseconds(1000 * at).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        raise PayloadError("at", "seconds since 1970") from None


def _text(message: Mapping[str, Any], name: str) -> str:
    text = message.get(name)
    if not isinstance(text, str) or not text:
        raise PayloadError(name, "a text")
    return text
