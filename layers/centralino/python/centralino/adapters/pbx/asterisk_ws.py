"""Asterisk, through the WebSocket that it opens to us: no port, no VPN, no agent on site.

Asterisk 20.15, 21.10, 22.5 and later can open an outbound ARI WebSocket and take ARI requests
through it. Nobody has to reach the PBX: it reaches our WebSocket API by HTTPS.
`docs/asterisk-websocket.md` has its two files, line by line.

Contract: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/ARI-REST-over-WebSocket/
"""

from __future__ import annotations

from centralino.application.ask_socket import (
    Clock,
    NoAnswerError,
    NotAskedError,
    ask_socket,
    find_sites,
)
from centralino.domain.ari import (
    AriAnswer,
    AriRequest,
    channel_question,
    channel_request,
    could_not_be_made,
    endpoint_request,
    is_conflict,
    judge,
    judge_conflict,
    judge_endpoint,
    version_of,
)
from centralino.domain.errors import PayloadError, UnavailableError
from centralino.domain.originate import FailedCallError, Placed, check_order
from centralino.domain.pbx_values import plain
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from centralino.application.ask_socket import Heard
    from centralino.domain.originate import Order
    from centralino.ports.sockets import Sockets

_OK = 200
_MAX_NAME = 60  # what a phone shows, and more
_WHO = AriRequest("GET", "asterisk/info", (("only", "system"),))
# What is left for looking whether a call is there of which there was no answer, seconds.
_LOOK_S = 1.5
# Of what several PBXs of a tenant say, this is told: the sooner in the list, the more it says.
_TELLING = ("busy", "refused", "credentials", "unknown_exten", "unreachable")


class Originate(Originator):
    """Asterisk behind NAT: it connects to us, and is asked through that connection.

    Proven against a real Asterisk 22 and a local WebSocket API; not yet seen on the real API
    Gateway. A second PBX of the tenant is asked only if the first one says that nothing rang.
    """

    slug = "asterisk_ws"
    needs: ClassVar[Mapping[str, str]] = {
        "account.site?": "which PBX, if several connect: the user name of its connection",
        "account.endpoint?": "the agent's phone as Asterisk calls it, PJSIP/{exten} if left out",
        "account.context?": "the context that dials numbers, from-internal if left out",
        "account.apps?": "the names after apps= in ari.conf, centralino if left out",
    }
    setup: ClassVar[tuple[str, ...]] = (
        "make a key of role link",
        "write ari.conf and websocket_client.conf, see docs/asterisk-websocket.md",
        "let the PBX out to port 443",
        "restart Asterisk, then look at `centralino pbx status`",
    )
    dedupes = True
    by_socket = True
    clock = Clock()

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        check_order(order)
        line = self._line(timeout_s)
        try:
            request = channel_request(
                order._replace(name=plain(order.name, _MAX_NAME)), self.link.setting
            )
        except PayloadError as error:
            raise FailedCallError("refused", str(error)) from error
        failure = FailedCallError("unreachable", "no PBX is connected")
        for site in line.sites(self.link.setting("site")):
            try:
                return self._place(line, site, request, order)
            except FailedCallError as error:
                if error.reason == "unknown":
                    raise
                failure = min(error, failure, key=lambda one: _TELLING.index(one.reason))
        raise failure

    def check(self, *, timeout_s: float) -> str:
        """Ask each PBX that is connected for its version; see the port."""
        # A phone's name that can't be used would be found with the first call.
        endpoint_request("21", self.link.setting)
        line = self._line(timeout_s)
        said = []
        for site in line.sites(self.link.setting("site")):
            answer = line.ask(
                site, AriRequest("GET", "asterisk/info", (("only", "system"),))
            ).answer
            if answer.status in {401, 403}:
                raise FailedCallError("credentials", f"{site}: {answer.status}")
            said.append(f"Asterisk {version_of(answer)} at {site}")
        if not said:
            raise FailedCallError("unreachable", "no PBX is connected")
        return ", ".join(said)

    def _place(self, line: _Line, site: str, request: AriRequest, order: Order) -> Placed:
        """Place a call at one PBX.

        Raises:
            FailedCallError: but for `unknown` nothing rang.
        """
        question = channel_question(order.call_id)
        try:
            heard = line.ask(site, request, spare_s=_LOOK_S)
        except FailedCallError as error:
            # Perhaps the channel is there, and only the word of it was lost.
            if error.reason != "unknown" or line.look(site, question).status != _OK:
                raise
            return Placed(order.call_id)
        try:
            if not is_conflict(heard.answer):
                return judge(heard.answer, order.call_id)
            there = line.look(site, question)
            return judge_conflict(there, order.call_id, sent_before=heard.again)
        except FailedCallError as failure:
            asked = endpoint_request(order.exten, self.link.setting)
            if asked is None or not could_not_be_made(failure):
                raise
            raise judge_endpoint(line.look(site, asked), failure) from failure

    def _line(self, timeout_s: float) -> _Line:
        if self.means.sockets is None:
            raise FailedCallError("unreachable", "there is no WebSocket API here")
        return _Line(self.means.sockets, timeout_s, self.clock)


class _Line:
    """The way to a tenant's PBXs for as long as one call may take."""

    def __init__(self, sockets: Sockets, timeout_s: float, clock: Clock) -> None:
        self._sockets = sockets
        self._clock = clock
        self._until = clock.now() + timeout_s

    def sites(self, site: str) -> tuple[str, ...]:
        """Return the PBXs that are connected; only one of them if that is wanted.

        Raises:
            FailedCallError: `unreachable`, nobody knows.
        """
        try:
            return find_sites(self._sockets, site, until=self._until, clock=self._clock)
        except UnavailableError as error:
            raise FailedCallError("unreachable", error.reason) from error

    def ask(self, site: str, request: AriRequest, spare_s: float = 0.0) -> Heard:
        """Ask a PBX, and leave some of the time for another question.

        Raises:
            FailedCallError: `unreachable`, it was not asked; `unknown`, nobody knows.
        """
        until = self._until - spare_s
        try:
            return ask_socket(self._sockets, site, request, until=until, clock=self._clock)
        except NotAskedError as error:
            raise FailedCallError("unreachable", f"{site}: {error.reason}") from error
        except NoAnswerError as error:
            raise FailedCallError("unknown", f"{site}: {error.reason}") from error

    def look(self, site: str, request: AriRequest) -> AriAnswer:
        """Ask a PBX what it may well not answer; then the status is 0."""
        try:
            return self.ask(site, request).answer
        except FailedCallError:
            return AriAnswer(0)
