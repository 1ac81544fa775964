"""A delivery as it waits in the queue: written by the receiver, read by the worker.

::

    {"v": 1, "kind": "webhook", "tenant": "acme", "provider": "hubspot", "event": "",
     "url": "https://host/v1/crm/hubspot", "headers": {only what the provider's `parse` reads},
     "body": text or null, "body_base64": text or null, "claim": {"bucket", "key"} or null,
     "received_at": seconds since 1970, "id": uuid}

One of `body`, `body_base64` and `claim` has the body. There is no key in it and no query, which may
hold a secret: a message may wait for two weeks, and an operator may look at it.
"""

from __future__ import annotations

import base64
import binascii
import json

from centralino.domain.errors import PayloadError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.crm import Delivery
from centralino.ports.queue import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

VERSION = 1
KIND = "webhook"
# What JSON makes of one byte of a body at most: `\\u0000`.
_GROWTH = 6
# Everything of a message but the body is shorter than this.
_FRAME_BYTES = 12_000


def write_message(  # noqa: PLR0913 - one for each thing that is in it
    delivery: Delivery,
    *,
    tenant: str,
    provider: str,
    message_id: str,
    kept_headers: Collection[str],
    max_bytes: int,
    put: Callable[[bytes], Claim],
) -> dict[str, Any]:
    """Return a delivery as a message; a body that it has no room for is put elsewhere.

    Args:
        delivery: with a URL that has no secret in it.
        tenant: the tenant's id.
        provider: the provider's slug.
        message_id: names the message in logs.
        kept_headers: the headers that the message keeps.
        max_bytes: how long the message may be as JSON.
        put: keeps a body and says where.
    """
    message: dict[str, Any] = {
        "v": VERSION,
        "kind": KIND,
        "tenant": tenant,
        "provider": provider,
        "event": delivery.event,
        "url": delivery.url,
        "headers": {
            name: value for name, value in delivery.headers.items() if name in kept_headers
        },
        "body": None,
        "body_base64": None,
        "claim": None,
        "received_at": delivery.received_at,
        "id": message_id,
    }
    if len(delivery.body) <= max_bytes:
        try:
            message["body"] = delivery.body.decode()
        except UnicodeDecodeError:
            message["body_base64"] = base64.b64encode(delivery.body).decode()
        if _fits(message, len(delivery.body), max_bytes):
            return message
    claim = put(delivery.body)
    return message | {
        "body": None,
        "body_base64": None,
        "claim": {"bucket": claim.bucket, "key": claim.key},
    }


def _fits(message: Mapping[str, Any], body_bytes: int, max_bytes: int) -> bool:
    # Nearly every message is short, and needs no second look.
    if body_bytes * _GROWTH + _FRAME_BYTES <= max_bytes:
        return True
    return len(json.dumps(message)) <= max_bytes


def read_message(message: Mapping[str, Any], take: Callable[[Claim], bytes]) -> Delivery:
    """Return the delivery of a message; its signature was verified before it was queued.

    Args:
        message: of kind `webhook`.
        take: returns a body that was put elsewhere.

    Raises:
        PayloadError: that is no such message; it names the member.
        UnavailableError: the body can't be had now; or RejectedError, never.
    """
    if message.get("v") != VERSION or message.get("kind") != KIND:
        raise PayloadError("v, kind", f"{VERSION} and {KIND}")
    headers = message.get("headers")
    received_at = message.get("received_at")
    if not isinstance(headers, dict):
        raise PayloadError("headers", "an object")
    if not isinstance(received_at, (int, float)):
        raise PayloadError("received_at", "seconds since 1970")
    return Delivery(
        method="POST",
        url=str(message.get("url") or ""),
        headers={str(name): str(value) for name, value in headers.items()},
        body=_body(message, take),
        event=str(message.get("event") or ""),
        received_at=float(received_at),
    )


def _body(message: Mapping[str, Any], take: Callable[[Claim], bytes]) -> bytes:
    if claim := message.get("claim"):
        try:
            return take(Claim(str(claim["bucket"]), str(claim["key"])))
        except (TypeError, KeyError) as error:
            raise PayloadError("claim", "an object with bucket and key") from error
    if isinstance(text := message.get("body"), str):
        # What was decoded strictly has no half characters; somebody else's message might.
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(message.get("body_base64"), validate=True)  # type: ignore[arg-type]
    except (TypeError, binascii.Error, ValueError) as error:
        raise PayloadError("body_base64", "base64, if there is neither body nor claim") from error
