"""Ask a CRM with an OAuth2 access token, and renew it when it has to be (RFC 6749, 4.4 and 6)."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.ports.tokens import Token
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.crm import Connection
    from centralino.ports.tokens import TokenCache
    from centralino.ports.web import Answer, Web

BAD_REQUEST = 400
UNAUTHORIZED = 401
# How long to wait for a token that somebody else is getting, where nobody waits for us.
TOKEN_WAIT_S = 15.0


class Grant(NamedTuple):
    """How a CRM gives access tokens.

    Attributes:
        url: its token endpoint.
        headers: of the request, where the client's secret is in them.
        client: whether the client's id and secret are in the body.
        as_json: whether the body is JSON rather than a form.
    """

    url: str
    headers: Mapping[str, str] = {}
    client: bool = True
    as_json: bool = False


def ask_with_token(
    tokens: TokenCache,
    renew: Callable[[Token | None], Token],
    send: Callable[[str], Answer],
    timeout_s: float | None,
) -> Answer:
    """Ask with the shared token; once more with a new one if it is refused.

    Args:
        tokens: the connection's.
        renew: gets a new one.
        send: sends the request with an access token.
        timeout_s: how long to wait for somebody else's renewal; None where nobody waits for us.
    """
    wait_s = TOKEN_WAIT_S if timeout_s is None else timeout_s
    token = tokens.token(renew, timeout_s=wait_s)
    answer = send(token.access)
    if answer.status == UNAUTHORIZED:
        token = tokens.token(renew, refused=token.access, timeout_s=wait_s)
        answer = send(token.access)
    return answer


def renew_token(  # noqa: PLR0913 - what a renewal is made of
    web: Web,
    grant: Grant,
    connection: Connection,
    before: Token | None,
    *,
    timeout_s: float | None = None,
    now: Callable[[], float] = time.time,
) -> Token:
    """Get an access token; with rotation the refresh token of the last time is used up.

    Without any refresh token the grant is the client's own credentials.

    Args:
        web: what asks the CRM.
        grant: how it gives tokens.
        connection: has `client_id`, `client_secret` and, at first, `refresh_token`.
        before: the token that is renewed; None if there was none.
        timeout_s: for the request.
        now: the time, seconds since 1970.

    Raises:
        RejectedError: `credentials`: an operator has to authorise us anew.
        UnavailableError: there was no answer, or none that is a token.
    """
    secret = connection.secret
    refresh = (before.refresh if before else "") or secret("refresh_token")
    fields = {"grant_type": "refresh_token" if refresh else "client_credentials"}
    if refresh:
        fields["refresh_token"] = refresh
    if grant.client:
        fields |= {"client_id": secret("client_id"), "client_secret": secret("client_secret")}
    kind = "application/json" if grant.as_json else "application/x-www-form-urlencoded"
    answer = web.send(
        "POST",
        grant.url,
        headers={"accept": "application/json", "content-type": kind, **grant.headers},
        body=(json.dumps(fields) if grant.as_json else urlencode(fields)).encode(),
        timeout_s=timeout_s,
    )
    if answer.status in {BAD_REQUEST, UNAUTHORIZED}:
        # invalid_grant, invalid_client, inactive_user, ...: all are for an operator.
        raise RejectedError("credentials")
    body = expect_success(answer).json()
    access = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(access, str) or not access or not access.isprintable():
        raise UnavailableError("malformed")
    following, lives_s = body.get("refresh_token"), body.get("expires_in")
    ends = isinstance(lives_s, (int, float)) and not isinstance(lives_s, bool) and lives_s > 0
    return Token(
        access,
        following if isinstance(following, str) and following else refresh,
        now() + lives_s if ends else 0.0,
    )
