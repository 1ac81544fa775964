"""FusionPBX: calls placed by its page for click-to-call. Inbound it is as `freeswitch.py`.

https://docs.fusionpbx.com/en/latest/applications/click_to_call.html
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, ClassVar

from centralino.application.ask_pbx import ask_pbx, check_settings, judge_status, words
from centralino.domain.errors import PayloadError
from centralino.domain.originate import FailedCallError, Placed, check_order
from centralino.domain.pbx_values import form, plain
from centralino.ports.originate import Originator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.domain.originate import Order
    from centralino.ports.web import Answer

_PAGE = "/app/click_to_call/click_to_call.php"
_MAX_NAME = 60
# The page puts what it gets into FreeSWITCH's dial string as it is.
_HARMFUL = re.compile(r"[$\\{}'\"`,;^<>\[\]()|&=@%]")
_TAG = re.compile(r"<[^>]{0,500}>")
_UUID = re.compile(r"\+OK ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_CAUSE = re.compile(r"-ERR ([A-Z_]{2,60})\b")
# FreeSWITCH's hangup causes -> why a call is not placed; any other is `refused`.
_CAUSES = {
    "CALL_REJECTED": "busy",
    "NO_ANSWER": "busy",
    "NO_USER_RESPONSE": "busy",
    "SUBSCRIBER_ABSENT": "unknown_exten",
    "UNALLOCATED_NUMBER": "unknown_exten",
    "USER_BUSY": "busy",
    "USER_NOT_REGISTERED": "busy",  # the extension is there, and its phone is off
}
# What the page says before it asks FreeSWITCH for anything.
_NOBODY = "Connection to Event Socket failed"
_DENIED = ("access denied", 'name="password"', "name='password'", "login_process")


class Originate(Originator):
    """Calls through `click_to_call.php`: the agent's phones ring, then the number.

    Account: `base_url`; `ringback` (`it-ring`), what the agent hears while the number is called.
    Secrets: `key`, a user's API key, which stands in the address: access logs of the PBX's web
    server have it.

    The answer is a page of HTML, judged by the words that it shows: `+OK <uuid>` or `-ERR <cause>`.
    It comes once the agent has answered, so a phone that rings for longer than we wait leaves the
    call `unknown`, though it most likely rings. A page without such words is FusionPBX's login, and
    then the key is wrong, or that of somebody else.

    The agent's phone shows whom the call is to. The DID that was asked for is sent as
    `dest_cid_number`; versions of 2024 and later were seen to leave it out for outside numbers, and
    take the extension's own. How long the phone rings is FusionPBX's choice.

    Not seen on a real FusionPBX; read from app/click_to_call/click_to_call.php
    (fusionpbx/fusionpbx, c7a00dc, and older ones).
    """

    slug: ClassVar[str] = "fusionpbx"
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "the address of FusionPBX, https://pbx.example.com",
        "account.ringback?": "what the agent hears meanwhile: it-ring, us-ring, uk-ring, music, …",
        "secrets.key": "the API key of a user",
    }
    setup: ClassVar[tuple[str, ...]] = (
        "make a group that has click_to_call_view and click_to_call_call, and nothing else",
        "make a user of the tenant's domain in that group alone, and generate its API key",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        check_order(order)
        ends = time.monotonic() + timeout_s
        try:
            self._check_settings()
        except PayloadError as error:
            raise FailedCallError("refused", str(error)) from None
        name = _HARMFUL.sub("", plain(order.name, _MAX_NAME)).strip()
        fields = {
            "src": order.exten,
            "src_cid_name": name,
            "src_cid_number": order.dial,
            "dest": order.dial,
            "dest_cid_name": "",
            "dest_cid_number": order.caller_id,
            "auto_answer": "true" if order.auto_answer else "false",
            "rec": "false",
            "ringback": self.link.setting("ringback", "it-ring"),
        }
        page = _text(judge_status(self._ask(fields, ends)))
        if found := _UUID.search(page):
            return Placed(found[1])
        raise self._failure(page, order)

    def check(self, *, timeout_s: float) -> str:
        """Look at the page without a number; see the port."""
        self._check_settings()
        page = _text(judge_status(self._ask({}, time.monotonic() + timeout_s)))
        if any(word in page for word in _DENIED):
            raise FailedCallError("credentials", "the page asks for a login")
        if 'name="src"' not in page:
            raise FailedCallError("refused", "there is no click-to-call page at this address")
        return "the page of click-to-call lets us in"

    def _failure(self, page: str, order: Order) -> FailedCallError:
        shown = " ".join(_TAG.sub(" ", page).split())
        cause = _CAUSE.search(shown)
        if cause:
            told = words(self.link, cause[0], name=order.name)
            return FailedCallError(_CAUSES.get(cause[1], "refused"), told)
        told = words(self.link, shown[:500], name=order.name)
        if _NOBODY in shown:
            return FailedCallError("unreachable", told)
        if any(word in page for word in _DENIED):
            return FailedCallError("credentials", told)
        return FailedCallError("refused" if "-ERR" in shown else "unknown", told)

    def _ask(self, fields: Mapping[str, str], ends: float) -> Answer:
        known = {"key": self.link.secret("key"), **fields}
        base = self.link.setting("base_url").rstrip("/")
        return ask_pbx(
            self.means.web,
            "GET",
            f"{base}{_PAGE}?{form(known.items())}",
            ends=ends,
            rings=bool(fields),
        )

    def _check_settings(self) -> None:
        check_settings(self.link, self.needs, {"key": "[!-~]{1,200}", "ringback": "[a-z-]{1,20}"})


def _text(answer: Answer) -> str:
    return answer.body[:200_000].decode("utf-8", "replace")
