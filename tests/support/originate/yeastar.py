"""A fake Yeastar P-Series: its OpenAPI, which answers HTTP 200 whatever is wrong.

A login ends the tokens of before, as on the versions where that hurts; `most_tokens` is the Cloud
Edition's limit, which counts where it does not. A refresh token is good once.
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.support.crm import Reply, Request, reply
from tests.support.originate import Rung
from tests.support.originate.containers import TokenPbx

if TYPE_CHECKING:
    from collections.abc import Mapping

API = "/openapi/v1.0/"
_NUMBER = re.compile(r"\+?[0-9]{1,30}")


class FakeYeastar(TokenPbx):
    """A PBX.

    Attributes:
        client_id, client_secret: of the API.
        permissions: the `dial_permission` of the calls that it took.
        tokens: the access tokens that are good.
        refresh_tokens: the refresh tokens that are good.
        ends_others: whether a login ends the tokens before it.
        most_tokens: how many are good at once.
        refreshes: how many of its logins were with a refresh token.
        lives_s: what is said of a token's life.
    """

    def __init__(self, client_id: str, client_secret: str) -> None:
        super().__init__()
        self.client_id = client_id
        self.client_secret = client_secret
        self.permissions: list[str] = []
        self.tokens: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.ends_others = True
        self.most_tokens = 8
        self.refreshes = 0
        self.lives_s = 1800
        self._numbers = count(1)

    def log_in_elsewhere(self) -> None:
        """Let another application log in with the same client."""
        self._give()
        self.logins -= 1

    def expire(self) -> None:
        """End the access tokens, as after 30 minutes; the refresh tokens live on."""
        self.tokens.clear()

    def is_dial(self, request: Request) -> bool:
        return request.path == f"{API}call/dial"

    def answer(self, request: Request) -> Reply:  # noqa: PLR0911 - a case each
        if "user-agent" not in request.headers or not request.path.startswith(API):
            return say(40002, "PARAMETER ERROR")
        where = (request.method, request.path.removeprefix(API))
        if where == ("POST", "get_token"):
            return self._log_in(request.json())
        if where == ("POST", "refresh_token"):
            return self._refresh(request.json())
        if where not in {("POST", "call/dial"), ("GET", "system/information")}:
            return say(10001, "INTERFACE NOT EXISTED")
        if request.query.get("access_token") not in self.tokens:
            return say(10004, "TOKEN EXPIRED")
        if where[0] == "GET":
            return say(0, "SUCCESS", {"system_name": "P560"})
        return self._dial(request.json())

    def _dial(self, fields: Mapping[str, Any]) -> Reply:
        known = {"caller", "callee", "dial_permission", "auto_answer"}
        callee = fields.get("callee")
        if not fields.keys() <= known or not isinstance(callee, str):
            return say(40002, "PARAMETER ERROR")
        if not _NUMBER.fullmatch(callee) or fields.get("auto_answer", "no") not in {"yes", "no"}:
            return say(40001, "PARAMETER SYNTAX ERROR")
        if not {fields["caller"], fields.get("dial_permission", "21")} <= self.extens:
            return say(60001, "DATA NOT FOUND")
        self.permissions.append(fields.get("dial_permission", ""))
        automatic = fields.get("auto_answer") == "yes"
        self.ring(Rung(fields["caller"], callee, auto_answer=automatic))
        return say(0, "SUCCESS", {"call_id": f"1650095575.{871 + len(self.rung)}"})

    def _log_in(self, fields: Mapping[str, Any]) -> Reply:
        if fields != {"username": self.client_id, "password": self.client_secret}:
            return say(70004, "ACCOUNT IS INVALID")
        if not self.ends_others and len(self.tokens) >= self.most_tokens:
            return say(60002, "MAX LIMITATION EXCEEDED")
        return self._give()

    def _refresh(self, fields: Mapping[str, Any]) -> Reply:
        if fields.get("refresh_token") not in self.refresh_tokens:
            return say(10004, "TOKEN EXPIRED")
        self.refreshes += 1
        return self._give()

    def _give(self) -> Reply:
        if self.ends_others:
            self.tokens.clear()
            self.refresh_tokens.clear()
        self.logins += 1
        number = next(self._numbers)
        self.tokens.add(f"access{number}")
        self.refresh_tokens.add(f"refresh{number}")
        return say(
            0,
            "SUCCESS",
            {
                "access_token_expire_time": self.lives_s,
                "access_token": f"access{number}",
                "refresh_token_expire_time": 86400,
                "refresh_token": f"refresh{number}",
            },
        )


def say(code: int, message: str, more: Mapping[str, Any] | None = None) -> Reply:
    """Return an answer as the API has them all."""
    return reply({"errcode": code, "errmsg": message, **(more or {})})
