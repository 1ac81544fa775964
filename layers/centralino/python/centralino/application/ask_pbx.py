"""Ask a PBX to place a call, and say in our own words why it did not.

A request that may have made a phone ring is never sent again here. One that never left, and one
that was refused for its access token, can't have: they are sent once more.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from html import escape
from urllib.parse import quote, quote_plus

from centralino.domain.crm_values import as_dict, as_text
from centralino.domain.errors import PayloadError, RejectedError, UnavailableError
from centralino.domain.originate import FailedCallError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.ports.originate import Means, PbxLink
    from centralino.ports.tokens import Token
    from centralino.ports.web import Answer, Web

_BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY, _NOBODY = 400, 401, 429, 503
_WHO_ARE_YOU = {401, 403, 407}
# As bearer tokens are (RFC 6750): they go into headers and URLs.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_MAX_TOKEN = 8000
_LONG = re.compile(r"[0-9](?:[ ./()-]{0,2}[0-9]){5,}")
# Longer than words are: a token, or what a secret looks like in base64 or percent-encoded. Not the
# names of causes, as FreeSWITCH's NO_ROUTE_DESTINATION.
_OPAQUE = re.compile(r"(?![A-Z_]+(?![A-Za-z0-9+/=_.~%-]))[A-Za-z0-9+/=_.~%-]{20,}")
_MARK = "***"
_BASE = r"https?://[A-Za-z0-9.:\[\]-]{1,253}(/[A-Za-z0-9._~/-]{0,200})?"


def ask_pbx(  # noqa: PLR0913 - what a request is made of
    web: Web,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    ends: float,
    rings: bool = True,
) -> Answer:
    """Send one request, once more if it was not sent, and return the answer, whatever its status.

    Each has a connection of its own: one that was kept from before may be closed by the PBX at the
    very moment it is used, and then nobody would know whether a phone rings.

    Args:
        web: what sends it.
        method: upper case.
        url: absolute.
        headers: names and values.
        body: the bytes to send.
        ends: when the time is over, as `time.monotonic` counts.
        rings: whether a phone rings for it; for a login no answer is `unreachable` and not
            `unknown`.

    Raises:
        FailedCallError: `unreachable`, nobody took it; `unknown`, it was sent and not answered.
    """
    sent = False
    problem = "timeout"
    for last in (False, True):
        left_s = ends - time.monotonic()
        if left_s <= 0:
            break
        try:
            return web.send(
                method,
                url,
                headers={"connection": "close", **(headers or {})},
                body=body,
                timeout_s=left_s,
            )
        except UnavailableError as error:
            problem = error.reason
            sent = sent or error.sent
            # What is forbidden, or has a wrong certificate, stays so.
            if last or error.sent or isinstance(error, RejectedError):
                break
    raise FailedCallError("unknown" if sent and rings else "unreachable", problem)


def ask_logged_in(
    means: Means,
    renew: Callable[[Token | None], Token],
    send: Callable[[str], Answer],
    *,
    ends: float,
    refused: Callable[[Answer], bool] | None = None,
) -> Answer:
    """Ask with the access token that all containers share; once more with a new one.

    Args:
        means: has the token; at a desk that shares none there is a login for each request.
        renew: gets a new one; raises FailedCallError if there is none.
        send: sends the request with an access token; raises FailedCallError.
        ends: when the time is over, as `time.monotonic` counts.
        refused: tells whether an answer says that the token has ended, and nothing rings; status
            401 without it.

    Raises:
        FailedCallError: `credentials`, a token is refused that was got a moment ago;
            `unreachable`, the place where the token is shared has no answer; what the others raise.
    """
    refused = refused or _is_unauthorized
    if means.tokens is None:
        return send(renew(None).access)
    token = ""
    try:
        # The first time nothing was refused; the second time it was for the token.
        for _ in range(2):
            left_s = max(0.0, ends - time.monotonic())
            token = means.tokens.token(renew, refused=token, timeout_s=left_s).access
            answer = send(token)
            if not refused(answer):
                return answer
    except RejectedError as error:
        raise FailedCallError("credentials", error.reason) from None
    except UnavailableError as error:
        raise FailedCallError("unreachable", f"the shared token: {error.reason}") from None
    raise FailedCallError("credentials", "a new token is refused")


def judge_status(answer: Answer, detail: str = "") -> Answer:
    """Return an answer whose status is 2xx; say of any other what it means for a call.

    What means something of its own at a PBX is for its provider to look at first.

    Args:
        answer: to a request that may have made a phone ring.
        detail: the PBX's own words; the status without them.

    Raises:
        FailedCallError: `credentials` (401, 403, 407), `unreachable` (503: nobody is there behind
            the gateway), `refused` (any other 4xx, and 3xx), `unknown` (any other 5xx, and 408: a
            gateway before the PBX says so of what the PBX may have taken).
    """
    try:
        return expect_success(answer)
    except RejectedError:
        reason = "credentials" if answer.status in _WHO_ARE_YOU else "refused"
    except UnavailableError:
        reason = {_TOO_MANY: "refused", _NOBODY: "unreachable"}.get(answer.status, "unknown")
    raise FailedCallError(reason, detail or f"HTTP status {answer.status}") from None


def judge_login(answer: Answer) -> Answer:
    """Return an answer to a login whose status is 2xx; say of any other what it means.

    Raises:
        FailedCallError: `credentials` (400, 401, 403), `refused` (any other 4xx, and 3xx),
            `unreachable` (5xx): nothing rings for a login.
    """
    try:
        return expect_success(answer)
    except RejectedError as error:
        good = answer.status == _BAD_REQUEST or error.reason in {"credentials", "permissions"}
        reason = "credentials" if good else "refused"
    except UnavailableError:
        reason = "unreachable"
    raise FailedCallError(reason, f"the login: HTTP status {answer.status}")


def basic(user: str, password: str) -> str:
    """Return the header `Authorization` of Basic authentication (RFC 7617, in UTF-8)."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def read_object(answer: Answer) -> Mapping[str, Any]:
    """Return the object in an answer's body; an empty one if there is none."""
    try:
        return as_dict(answer.json())
    except UnavailableError:
        return {}


def read_token(said: Mapping[str, Any]) -> str:
    """Return the access token in the answer to a login.

    Raises:
        FailedCallError: `unreachable`, there is none, or what can't be one.
    """
    token = said.get("access_token")
    if isinstance(token, str) and token and len(token) <= _MAX_TOKEN and _TOKEN.fullmatch(token):
        return token
    raise FailedCallError("unreachable", "the login: the answer has no token")


def words(link: PbxLink, *said: object, name: str = "") -> str:
    """Return a PBX's own words for logs and the audit trail.

    Without our secrets, which some repeat, without what may be one in another spelling, with long
    numbers masked, and in one short line.

    Args:
        link: has the secrets.
        said: texts and whole numbers; anything else is left out.
        name: whom the call is to, which is no business of logs.
    """
    text = " ".join(filter(None, map(as_text, said)))
    secrets = [secret for secret in map(link.secret, link.secrets) if secret]
    known = {name, *(form for secret in secrets for form in _spellings(secret, link))} - {""}
    for spelling in sorted(known, key=len, reverse=True):
        text = re.sub(re.escape(spelling), _MARK, text, flags=re.IGNORECASE)
    text = _LONG.sub(lambda digits: f"…{digits[0][-2:]}", _OPAQUE.sub(_MARK, text))
    # Bidirectional controls and halves of surrogate pairs are nothing for a log.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _spellings(secret: str, link: PbxLink) -> set[str]:
    """Return how a secret may be spelled by who repeats it."""
    users = ["", *link.account.values(), *map(link.secret, link.secrets)]
    logins = [secret, *(f"{user}:{secret}" for user in users)]
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        escape(secret),
        escape(secret, quote=False),
        *(b64encode(login.encode()).decode().rstrip("=") for login in logins),
    }


def check_settings(link: PbxLink, needs: Mapping[str, str], forms: Mapping[str, str]) -> None:
    """Check that what a provider needs is there, and is what it has to be.

    Args:
        link: the settings and secrets.
        needs: the provider's.
        forms: setting (`device`) -> a regular expression that it matches as a whole, if it is
            there.

    Raises:
        PayloadError: it names `account.…` or `secrets.…`.
    """
    for name, what in needs.items():
        place, _, key = name.rstrip("?").partition(".")
        value = link.setting(key) if place == "account" else link.secret(key)
        if not value and not name.endswith("?"):
            raise PayloadError(f"{place}.{key}", what)
        form = {"base_url": _BASE, **forms}.get(key)
        if value and form and not re.fullmatch(form, value, re.ASCII):
            raise PayloadError(f"{place}.{key}", what)


def refuse_settings(check: Callable[[], None]) -> None:
    """Check settings before a call; they were checked when they were saved.

    Raises:
        FailedCallError: `refused`, one is missing or wrong.
    """
    try:
        check()
    except PayloadError as error:
        raise FailedCallError("refused", str(error)) from None


def _is_unauthorized(answer: Answer) -> bool:
    return answer.status == _UNAUTHORIZED
