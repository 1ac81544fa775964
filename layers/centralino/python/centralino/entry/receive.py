"""The HTTP side of webhooks: `POST /v1/crm/{provider}[/{event}]`, also below `/v1/k/{key}/`.

Whatever is refused is refused as cheaply as it can be: by its size, its key, its path, and only
then by its signature. The status decides what the CRM does next (`docs/crm.md`): 2xx is said only
once the delivery is in the queue; 401 and 413 are about the delivery itself; whatever is our own
trouble is 503, upon which every CRM that tries again at all does so. 410 is never said: EspoCRM
deletes its webhook for it.
"""

from __future__ import annotations

import json
import re

from centralino import bootstrap
from centralino.application.receive_delivery import Keeping, receive_delivery
from centralino.domain.errors import (
    CentralinoError,
    CredentialsError,
    ForbiddenError,
    NotFoundError,
    PayloadError,
    TooLargeError,
    UnavailableError,
)
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.entry.http import answer, problem_answer
from centralino.entry.observability import describe, emit
from centralino.entry.request import Request
from centralino.ports.crm import Connection, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.entry.access import Door, Visit
    from centralino.ports.connections import ConnectionStore
    from centralino.ports.crm import Crm
    from centralino.ports.queue import Claims, Queue
    from centralino.ports.secrets import Secrets

ROLES = ("crm",)
# What is left of Lambda's 6 MB once a gateway has made base64 of it.
MAX_BODY = 4 * 1024 * 1024
# HubSpot and Twenty wait five seconds. Odoo waits for one and then goes: we carry on all the same,
# for it doesn't come back.
ANSWER_S = 4.5
# Shares of that: what is asked first may not eat what the queue needs.
KEY_S = 1.5
CONNECTION_S = 1.0
SECRETS_S = 1.0
QUEUE_AT_LEAST_S = 1.0
# How long an account is believed from memory; secrets have a memory of their own, as long.
BELIEVED_S = 900.0
REREAD_S = 60.0
MAX_REMEMBERED = 2_000
_EVENT = re.compile(r"[A-Za-z0-9._-]{0,64}", re.ASCII)


class _Known(NamedTuple):
    account: Mapping[str, str] | None
    read_at: float


class Inbox:
    """What the receiver works with; one for each container.

    Args:
        provider: returns a provider's class; NotFoundError if there is none of that name.
        connections: returns a tenant's connections.
        secrets: the secrets of connections.
        queue: the worker's.
        claims: returns where large bodies are kept; not asked before there is one.
        now: the time, seconds since 1970.
        new_id: returns a word that is like no other.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place, from what it is made of
        self,
        provider: Callable[[str], type[Crm]],
        connections: Callable[[str], ConnectionStore],
        secrets: Secrets,
        queue: Queue,
        claims: Callable[[], Claims],
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self.provider = provider
        self.secrets = secrets
        self.queue = queue
        self.claims = claims
        self.new_id = new_id
        self._connections = connections
        self._now = now
        self._accounts: dict[tuple[str, str], _Known] = {}

    def connection(
        self, tenant: str, provider: str, country: str, *, renew: bool = False
    ) -> Connection:
        """Return a tenant's connection, maybe from memory.

        Args:
            tenant: the tenant's id.
            provider: the provider's slug.
            country: the tenant's.
            renew: whether what is remembered was found wanting; it is read again at most once a
                minute.

        Raises:
            CredentialsError: there is none, so there is nothing to verify with.
            UnavailableError: it can't be read.
        """
        account = self._account(tenant, provider, REREAD_S if renew else BELIEVED_S)
        if account is None:
            raise CredentialsError("this CRM is not connected")
        ask = self.secrets.refresh if renew else self.secrets.read
        return Connection(provider, account, ask(tenant, provider, SECRETS_S), country)

    def _account(self, tenant: str, provider: str, believed_s: float) -> Mapping[str, str] | None:
        known = self._accounts.get((tenant, provider))
        now = self._now()
        # That a connection is missing is believed no longer than that it is wrong.
        if known and known.account is None:
            believed_s = REREAD_S
        if known and 0 <= now - known.read_at < believed_s:
            return known.account
        stored = self._connections(tenant).get(provider, CONNECTION_S)
        if len(self._accounts) >= MAX_REMEMBERED:
            self._accounts.clear()
        account = stored.account if stored else None
        self._accounts[tenant, provider] = _Known(account, now)
        return account


def receive(event: Mapping[str, Any], door: Door, inbox: Inbox) -> dict[str, Any]:
    """Answer one webhook.

    Args:
        event: API Gateway's, payload format 2.0.
        door: lets keys in.
        inbox: what it is done with.
    """
    started_at = door.now()
    told: dict[str, object] = {}
    try:
        given = _receive(event, door, inbox, told)
        outcome, reason = "accepted", ""
    except CentralinoError as error:
        given = problem_answer(error)
        outcome, reason = _outcome(error), _reason(error)
    except Exception as error:  # noqa: BLE001 - whatever broke, the CRM has to come again
        given = problem_answer(UnavailableError("error"))
        outcome, reason = "error", describe(error)
    now = door.now()
    emit(_line(now, outcome, 1000 * (now - started_at), reason=reason, **told))
    return given


def _receive(
    event: Mapping[str, Any], door: Door, inbox: Inbox, told: dict[str, object]
) -> dict[str, Any]:
    size = _body_bytes(event)
    told["bytes"] = size
    if size > MAX_BODY:
        raise TooLargeError("body", f"at most {MAX_BODY} bytes")
    request = Request(event)
    headers = dict(request.headers)
    # A key in the URL is ours; what Authorization has beside it is the CRM's own.
    if _key_in_url(request):
        request.headers = {k: v for k, v in headers.items() if k != "authorization"}
    visit = door.open(request, ROLES)
    told.update(tenant=visit.tenant, key=visit.key.id)
    visit.settle()
    provider, name = _address(request)
    kind = inbox.provider(provider)
    told["provider"] = provider
    url, kept_url = _urls(event, headers)
    delivery = Delivery(
        method=request.method,
        url=url,
        headers=headers,
        # Its size is known by now, to the byte; this limit is one of characters.
        body=request.body(2 * MAX_BODY),
        event=name,
        received_at=visit.deadline.started_at,
    )
    told["message_id"] = message_id = inbox.new_id()
    received = receive_delivery(
        delivery,
        kind(_connection(inbox, visit, provider)),
        lambda: _renewed(inbox, visit, provider, kind),
        _keeping(inbox, door, visit, provider),
        tenant=visit.tenant,
        message_id=message_id,
        kept_url=kept_url,
    )
    told["claimed"] = received.claimed or None
    said = received.acknowledgement
    return answer(said.status, said.body, said.content_type)


def _connection(inbox: Inbox, visit: Visit, provider: str, *, renew: bool = False) -> Connection:
    country = visit.settings.line.country
    return inbox.connection(visit.tenant, provider, country, renew=renew)


def _renewed(inbox: Inbox, visit: Visit, provider: str, kind: type[Crm]) -> Crm | None:
    before = _connection(inbox, visit, provider)
    after = _connection(inbox, visit, provider, renew=True)
    return None if after == before else kind(after)


def _keeping(inbox: Inbox, door: Door, visit: Visit, provider: str) -> Keeping:
    def left_s() -> float:
        return ANSWER_S - visit.deadline.elapsed_s(door.now())

    return Keeping(
        inbox.queue,
        lambda body: inbox.claims().put(visit.tenant, provider, body),
        lambda: max(QUEUE_AT_LEAST_S, left_s()),
    )


def _body_bytes(event: Mapping[str, Any]) -> int:
    """Return the size of the body, without decoding what comes as base64."""
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return len(body) * 3 // 4 - body[-2:].count("=")
    if len(body) > MAX_BODY:
        return len(body)
    return len(body.encode("utf-8", "surrogatepass"))


def _key_in_url(request: Request) -> bool:
    in_path = len(request.segments) > 2 and request.segments[1] == "k"  # noqa: PLR2004
    return in_path or bool(request.query().get("key"))


def _address(request: Request) -> tuple[str, str]:
    """Return provider and event as the path names them."""
    segments = request.segments
    if (
        request.method != "POST"
        or segments[:2] != ["v1", "crm"]
        or len(segments) not in {3, 4}
        or not _EVENT.fullmatch("".join(segments[3:]))
    ):
        raise NotFoundError(bootstrap.NO_PROVIDER)
    return segments[2], "".join(segments[3:])


def _urls(event: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the URL that the CRM called, and the same without a secret in it."""
    context = event.get("requestContext") or {}
    host = headers.get("host") or context.get("domainName") or ""
    path = event.get("rawPath") or "/"
    query = event.get("rawQueryString") or ""
    parts = path.split("/")
    if parts[1:3] == ["v1", "k"]:
        parts[2:4] = []
    # The query holds no event, but with some CRMs a secret, ours or theirs.
    return (
        f"https://{host}{path}{'?' if query else ''}{query}",
        f"https://{host}{'/'.join(parts)}",
    )


def _outcome(error: CentralinoError) -> str:
    if isinstance(error, (CredentialsError, ForbiddenError)):
        return "refused"
    if isinstance(error, (NotFoundError, PayloadError)):
        return "invalid"
    return "unavailable"


def _reason(error: CentralinoError) -> str:
    return error.reason if isinstance(error, UnavailableError) else str(error)


def _line(now: float, outcome: str, total_ms: float, **properties: object) -> str:
    """Build the line of one webhook: log and metric at once, as `observability` has them."""
    return json.dumps(
        {
            "_aws": {
                "Timestamp": int(now * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": bootstrap.metrics_namespace(),
                        "Dimensions": [["outcome"]],
                        "Metrics": [{"Name": "Webhooks", "Unit": "Count"}],
                    }
                ],
            },
            "message": "webhook",
            "outcome": outcome,
            "Webhooks": 1,
            # No metric: Lambda has one of its own, and each of ours costs by the month.
            "ms": round(total_ms, 1),
            **{name: value for name, value in properties.items() if value not in ("", None)},
        }
    )
