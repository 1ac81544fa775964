"""3CX, version 20: calls placed by its Call Control API.

https://www.3cx.com/docs/call-control-api/
https://www.3cx.com/docs/call-control-api-endpoints/
https://github.com/3cx/call-control-examples
"""

from __future__ import annotations

import json
import re
import time
from urllib.parse import quote, urlencode

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
from centralino.domain.crm_values import as_dict, as_list, as_text
from centralino.domain.errors import UnavailableError
from centralino.domain.originate import FailedCallError, Placed, check_order
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator
from centralino.ports.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from centralino.domain.originate import Order
    from centralino.ports.web import Answer

# What the documentation gives a token. Its `expires_in` is minutes to some and seconds to others,
# so nobody asks it: a token that has ended is refused, and nothing rings.
_LIFE_S = 3600.0
_SUCCESS = "success"
_FAILED = (
    "fail",
    "error",
    "reject",
)  # any other word of `finalstatus` may be of a phone that rings
# Statuses of `makecall` that mean something of their own -> why the call is not placed.
_STATUSES = {403: "credentials", 404: "unknown_exten", 409: "busy"}
_UNPROCESSED = (422, 424)
# What is written in `reason` and `reasontext` -> the same. The documentation has no list of them.
_REASONS = (
    (
        re.compile(
            r"busy|no.?free.?device|no.?device|not.?registered|unregistered|offline|\bdnd\b"
        ),
        "busy",
    ),
    (re.compile(r"(extension|dn).{0,20}(not.?found|unknown|not.?exist|invalid)"), "unknown_exten"),
    (re.compile(r"forbidden|not.?allowed|permission|licen[cs]e"), "credentials"),
)
_MAX_ID = 20


class Originate(Originator):
    """Calls through one 3CX: `makecall` of the agent's extension, whose phone rings first.

    Account: `base_url`; `device`, a part of the name of the phone that is to ring (`Yealink`,
    `Web Client`), as 3CX names it in `user_agent` or `device_id`; without it the extension's own
    way of ringing holds.
    Secrets: `client_id`, `client_secret`.

    A request is taken if `finalstatus` is `Success`, whatever the HTTP status says. An access token
    lives for 60 minutes; as a new one may end the one before it, all containers share it, and get
    a new one when it is refused with status 401. The id of a call is 3CX's `callid`, a slash and
    the participant's `id`, with which the call can be found again.

    It can't be told the caller id, nor the name to show, nor to answer by itself: the outbound rule
    and the extension's own settings decide. `timeout` is for the agent's phone.

    Uncertain, not seen on a real 3CX: the unit of `expires_in`; the words in `reason` of a request
    that is refused, so `busy` and `unknown_exten` are told by what is likely to be in them, and
    anything else is `refused`; whether `makecall` answers at once or when the agent's phone does.
    """

    slug: ClassVar[str] = "threecx"
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "the PBX's address, https://example.my3cx.eu",
        "account.device?": "a part of the name of the phone that rings, as Yealink",
        "secrets.client_id": "the API client's id",
        "secrets.client_secret": "the API client's key",
    }
    setup: ClassVar[tuple[str, ...]] = (
        "it takes 3CX version 20 with an Enterprise licence",
        "in the Admin Console open Integrations > API and add a client",
        "tick 3CX Call Control API access and add the agents' extensions to those it controls",
        "copy the client id and the key, which is shown once",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        check_order(order)
        refuse_settings(self._check_settings)
        ends = time.monotonic() + timeout_s
        path = f"/callcontrol/{quote(order.exten, safe='')}"
        if device := self.link.setting("device"):
            path += f"/devices/{quote(self._device(path, device, ends), safe='')}"
        fields = {"destination": order.dial, "timeout": order.timeout_s}
        answer = self._ask("POST", f"{path}/makecall", fields, ends)
        said = read_object(answer)
        final = as_text(said.get("finalstatus")).lower()
        if final != _SUCCESS:
            raise self._failure(answer, said)
        result = as_dict(said.get("result"))
        ids = (as_text(result.get(name), _MAX_ID) for name in ("callid", "id"))
        ringing = as_text(result.get("status")).lower() == "ringing"
        return Placed("/".join(filter(None, ids)), "ringing" if ringing else "placed")

    def check(self, *, timeout_s: float) -> str:
        """Ask which extensions the client may control; see the port."""
        self._check_settings()
        answer = self._ask("GET", "/callcontrol", None, time.monotonic() + timeout_s)
        lines = _read_list(judge_login(answer))
        if not lines:
            raise FailedCallError("credentials", "the client controls no extension")
        return f"an API client with {len(lines)} extensions"

    def _check_settings(self) -> None:
        check_settings(self.link, self.needs, {"device": r"[^\x00-\x1f\x7f]{1,100}"})

    def _device(self, path: str, wanted: str, ends: float) -> str:
        """Return the id of the first device of an extension whose name has the wanted part."""
        answer = self._ask("GET", f"{path}/devices", None, ends)
        if answer.status in _STATUSES:
            raise self._failure(answer, read_object(answer))
        for device in map(as_dict, _read_list(judge_login(answer))):
            name = as_text(device.get("device_id"))
            if name and wanted.lower() in f"{name} {as_text(device.get('user_agent'))}".lower():
                return name
        raise FailedCallError("busy", f"no phone of that extension is called {wanted}")

    def _failure(self, answer: Answer, said: Mapping[str, Any]) -> FailedCallError:
        """Return why a call is not placed."""
        text = words(self.link, said.get("reason"), said.get("reasontext"))
        if answer.status in _STATUSES:
            return FailedCallError(_STATUSES[answer.status], text or f"HTTP {answer.status}")
        if answer.status not in _UNPROCESSED:
            judge_status(answer, text)
            final = as_text(said.get("finalstatus"))
            if not final.lower().startswith(_FAILED):
                return FailedCallError("unknown", words(self.link, "finalstatus", final, text))
        found = (reason for pattern, reason in _REASONS if pattern.search(text.lower()))
        return FailedCallError(next(found, "refused"), text)

    def _ask(
        self, method: str, path: str, fields: Mapping[str, object] | None, ends: float
    ) -> Answer:
        """Ask with the shared token; only what has `fields` makes a phone ring."""

        def send(access: str) -> Answer:
            return ask_pbx(
                self.means.web,
                method,
                self._url(path),
                headers={
                    "accept": "application/json",
                    "authorization": f"Bearer {access}",
                    "content-type": "application/json",
                },
                body=json.dumps(fields).encode() if fields else b"",
                ends=ends,
                rings=bool(fields),
            )

        return ask_logged_in(self.means, lambda _: self._log_in(ends), send, ends=ends)

    def _log_in(self, ends: float) -> Token:
        fields = {
            "client_id": self.link.secret("client_id"),
            "client_secret": self.link.secret("client_secret"),
            "grant_type": "client_credentials",
        }
        answer = ask_pbx(
            self.means.web,
            "POST",
            self._url("/connect/token"),
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(fields).encode(),
            ends=ends,
            rings=False,
        )
        token = read_token(read_object(judge_login(answer)))
        return Token(token, "", time.time() + _LIFE_S)

    def _url(self, path: str) -> str:
        return f"{self.link.setting('base_url').rstrip('/')}{path}"


def _read_list(answer: Answer) -> list[Any]:
    try:
        return as_list(answer.json())
    except UnavailableError:
        return []
