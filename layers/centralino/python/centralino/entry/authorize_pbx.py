"""Who may connect: the authorizer of the WebSocket API that PBXs open connections to.

A PBX says who it is by Basic authentication: the user name is its site, which tells a tenant's PBXs
apart, and the password is a key of role `link`, which may do nothing else: one of role `pbx` stands
in URLs and dialplans, and orders with names and numbers go through here. Whoever is refused gets
403, whatever the reason; the log has it. A refusal is an answer and no failure: a PBX with a wrong
password tries again for ever, and no operator is to be woken by that.

Contract: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re

from centralino.domain.errors import CredentialsError, ForbiddenError
from centralino.domain.record import TYPE_CHECKING
from centralino.entry.observability import emit
from centralino.entry.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from centralino.entry.access import Door

ROLES = ("link",)
# How long the store may take: an Asterisk gives the whole handshake 5 seconds as we set it up.
READ_S = 2.0
SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
# What of the handshake says who it is. A key in the URL would be in the logs of others.
_HEADERS = ("authorization", "origin")


def authorize_pbx(event: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """Say whether a PBX may connect.

    Args:
        event: the gateway's, of type REQUEST.
        door: lets keys in.

    Returns:
        A policy for this one connection, and what is known of it: `tenant`, `site`, `key`.

    Raises:
        UnavailableError: the store can't say; the handshake fails, and the PBX tries again.
    """
    context = event.get("requestContext") or {}
    headers = {
        name.lower(): value
        for name, value in (event.get("headers") or {}).items()
        if name.lower() in _HEADERS and isinstance(value, str)
    }
    http = {"method": "GET", "sourceIp": (context.get("identity") or {}).get("sourceIp", "")}
    epoch = context.get("requestTimeEpoch")
    request = Request(
        {"headers": headers, "requestContext": {"http": http, "timeEpoch": epoch}, "rawPath": "/"}
    )
    try:
        site = _site(headers.get("authorization", ""))
        visit = door.open(request, ROLES)
        visit.settle()
    except (CredentialsError, ForbiddenError) as error:
        emit(_line("refused", str(error)))
        return _policy(event, "Deny", {})
    emit(_line("admitted", "", visit.tenant, site))
    known = {"tenant": visit.tenant, "site": site, "key": visit.key.id}
    return _policy(event, "Allow", known)


def _site(authorization: str) -> str:
    """Return the user name of Basic authentication.

    Raises:
        CredentialsError: there is none, or it can't be a site's name.
    """
    scheme, _, value = authorization.strip().partition(" ")
    name = colon = ""
    if scheme.lower() == "basic":
        try:
            name, colon, _ = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            name = ""
    if not colon or not SITE.fullmatch(name):
        raise CredentialsError("the user name is no site's: expected 1 to 32 of a-z, 0-9 and -")
    return name


def _policy(event: Mapping[str, Any], effect: str, known: Mapping[str, str]) -> dict[str, Any]:
    """Build the gateway's answer; it holds for the connection and is not remembered for others."""
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": effect,
        "Resource": event.get("methodArn", ""),
    }
    return {
        "principalId": "/".join(filter(None, (known.get("tenant"), known.get("site")))) or "nobody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": dict(known),
    }


def _line(outcome: str, reason: str, tenant: str = "", site: str = "") -> str:
    said = {"reason": reason, "tenant": tenant, "site": site}
    known = {name: value for name, value in said.items() if value}
    return json.dumps({"message": "authorize_pbx", "outcome": outcome, **known})
