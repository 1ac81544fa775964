"""Yeastar P-Series (Cloud, Software and Appliance Edition): calls placed by its OpenAPI, version 1.

https://help.yeastar.com/en/p-series/developer-guide/make-a-call.html
https://help.yeastar.com/en/p-series/developer-guide/get-access-token.html
https://help.yeastar.com/en/p-series-software-edition/developer-guide/refresh-access-token.html
https://help.yeastar.com/en/p-series-appliance-edition/developer-guide/error-code-and-error-message.html
"""

from __future__ import annotations

import json
import time
from urllib.parse import quote

from centralino.application.ask_pbx import (
    ask_logged_in,
    ask_pbx,
    check_settings,
    judge_login,
    judge_status,
    read_object,
    read_token,
    refuse_settings,
    words,
)
from centralino.domain.crm_values import as_text
from centralino.domain.originate import FailedCallError, Placed, check_order
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator
from centralino.ports.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from centralino.domain.originate import Order
    from centralino.ports.web import Answer

_API = "/openapi/v1.0"
# It answers nobody who does not say what they are; this is its documentation's own word.
_HEADERS = {"content-type": "application/json", "user-agent": "OpenAPI"}
_SUCCESS = 0
_TOKEN_EXPIRED = 10004
_TOO_MANY_TOKENS = 60002
# Error codes of the guide -> why a call is not placed; any other is `refused`. It has none for a
# phone that is busy or off: the call is taken, and fails by event 30015.
_FAILURES = {
    -2: "unknown",  # INTERNAL SERVER ERROR
    1: "unknown",  # PARTIAL SUCCESS
    2: "unknown",  # PROCESSING
    _TOKEN_EXPIRED: "credentials",
    10005: "credentials",  # ACCESS DENIED
    60001: "unknown_exten",  # DATA NOT FOUND
    70087: "credentials",  # IP FORBIDDEN, in no guide
}
# What it says to those whom it let in: SUCCESS, ACCESS DENIED, OPERATION FAILED.
_KNOWS_US = (_SUCCESS, 10005, 10009)
# Of a login, where nothing rings whatever is said; any other is `credentials`.
_LOGIN_FAILURES = {-2: "unreachable", _TOO_MANY_TOKENS: "refused"}
_MAX_ID = 100
_NO_CODE = "the answer is none of its API"
_LIFE_S = 1800  # where the answer doesn't say


class Originate(Originator):
    """Calls through one PBX: `call/dial`, which rings the agent's phone first.

    Account: `base_url`; `dial_permission`, an extension whose permission to dial counts instead of
    the agent's own.
    Secrets: `client_id`, `client_secret`.

    Every answer has HTTP status 200 and is judged by its `errcode`. 10004 means that the token has
    ended and nothing was dialled. An access token lives for 30 minutes and is shared by all
    containers: the Cloud Edition gives no more than 8 at once, and on some versions a login ends
    the tokens before it. It is renewed by its refresh token, or if that has ended, too, by a login.

    It can't be told the caller id, nor the name to show, nor how long to ring: the outbound route
    and the extension decide. `auto_answer` works on phones that know it. An agent's extension has
    to be one at the PBX as well: it also calls outside numbers first, if it is asked to.

    Uncertain, not seen on a real PBX: whether an extension that does not exist is 60001 or 40002,
    and code 70087, known from other people's programs. That the agent's phone is busy or off is
    said by event 30015 only, so such a call is `placed` here.
    """

    slug: ClassVar[str] = "yeastar"
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "the PBX's address, https://example.yeastarcloud.com",
        "account.dial_permission?": "the extension whose permission to dial counts for everybody",
        "secrets.client_id": "the client ID that the PBX shows",
        "secrets.client_secret": "the client secret that the PBX shows",
    }
    setup: ClassVar[tuple[str, ...]] = (
        "in the PBX's web portal open Integrations > API and enable it",
        "copy the client ID and the client secret",
        "allow the API any IP address, or the one address that this service calls from",
        "let each agent's extension dial out, or name one that may: dial_permission",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        check_order(order)
        refuse_settings(self._check_settings)
        fields = {"caller": order.exten, "callee": order.dial}
        if permission := self.link.setting("dial_permission"):
            fields["dial_permission"] = permission
        if order.auto_answer:
            fields["auto_answer"] = "yes"
        said = self._ask("POST", "call/dial", fields, time.monotonic() + timeout_s)
        code = _code(said)
        if code is None:
            raise FailedCallError("unknown", _NO_CODE)
        if code != _SUCCESS:
            raise FailedCallError(_FAILURES.get(code, "refused"), self._words(said))
        return Placed(as_text(said.get("call_id"), _MAX_ID))

    def check(self, *, timeout_s: float) -> str:
        """Log in and ask which PBX it is; see the port."""
        self._check_settings()
        said = self._ask("GET", "system/information", None, time.monotonic() + timeout_s)
        code = _code(said)
        if code is None:
            raise FailedCallError("unreachable", _NO_CODE)
        # A client may be allowed to dial and not to read the PBX's information.
        if code not in _KNOWS_US:
            raise FailedCallError(_LOGIN_FAILURES.get(code, "credentials"), self._words(said))
        return f"API client {self.link.secret('client_id')[:8]}…"

    def _check_settings(self) -> None:
        check_settings(self.link, self.needs, {"dial_permission": "[0-9]{1,20}"})

    def _ask(
        self, method: str, path: str, fields: Mapping[str, str] | None, ends: float
    ) -> Mapping[str, Any]:
        """Ask with the shared token; only what has `fields` makes a phone ring."""

        def send(access: str) -> Answer:
            return ask_pbx(
                self.means.web,
                method,
                f"{self._url(path)}?access_token={quote(access, safe='')}",
                headers=_HEADERS,
                body=json.dumps(fields).encode() if fields else b"",
                ends=ends,
                rings=bool(fields),
            )

        answer = ask_logged_in(
            self.means,
            lambda before: self._renew(before, ends),
            send,
            ends=ends,
            refused=lambda answer: _code(read_object(answer)) == _TOKEN_EXPIRED,
        )
        return read_object(judge_status(answer))

    def _renew(self, before: Token | None, ends: float) -> Token:
        """Get a token by the last one's refresh token; by a login if there is none that is good."""
        if before and before.refresh:
            said = self._log_in("refresh_token", {"refresh_token": before.refresh}, ends)
            if _code(said) == _SUCCESS:
                return _token(said)
        secret = self.link.secret
        fields = {"username": secret("client_id"), "password": secret("client_secret")}
        said = self._log_in("get_token", fields, ends)
        code = _code(said)
        if code is None:
            raise FailedCallError("unreachable", _NO_CODE)
        if code != _SUCCESS:
            raise FailedCallError(_LOGIN_FAILURES.get(code, "credentials"), self._words(said))
        return _token(said)

    def _log_in(self, path: str, fields: Mapping[str, str], ends: float) -> Mapping[str, Any]:
        answer = ask_pbx(
            self.means.web,
            "POST",
            self._url(path),
            headers=_HEADERS,
            body=json.dumps(fields).encode(),
            ends=ends,
            rings=False,
        )
        return read_object(judge_login(answer))

    def _url(self, path: str) -> str:
        return f"{self.link.setting('base_url').rstrip('/')}{_API}/{path}"

    def _words(self, said: Mapping[str, Any]) -> str:
        return words(self.link, said.get("errcode"), said.get("errmsg"))


def _code(said: Mapping[str, Any]) -> int | None:
    """Return an answer's error code; None if it has none, and is none of this API."""
    code = said.get("errcode")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _token(said: Mapping[str, Any]) -> Token:
    lives_s = said.get("access_token_expire_time")
    if not isinstance(lives_s, int) or isinstance(lives_s, bool) or lives_s <= 0:
        lives_s = _LIFE_S
    refresh = said.get("refresh_token")
    return Token(
        read_token(said),
        refresh if isinstance(refresh, str) else "",
        time.time() + lives_s,
    )
