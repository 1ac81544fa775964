"""Asterisk: forms for its dialplan's CURL(), and calls placed by its REST interface (ARI).

With `hashcompat=yes` CURL() fills a HASH().

HASH() splits what CURL() gives it at commas, counting parentheses, brackets and quotes, so that a
lone `(` in one field would shift all fields behind it. Hence every field but the label has only
`A-Z a-z 0-9 + _ . : / -`, and the label, the last one, has no parenthesis without its other half.
An elected agent whose exten has more than digits (`*22`) is left out of `agents`.
`integrations/asterisk` has the dialplan that asks.

Contract: funcs/func_curl.c, funcs/func_strings.c and main/app.c of Asterisk 22;
https://docs.asterisk.org/Latest_API/API_Documentation/Dialplan_Functions/CURL/
"""

from __future__ import annotations

import re

from centralino.domain.destination import ALONE, TYPES, Destination
from centralino.domain.errors import PayloadError
from centralino.domain.pbx_values import form, plain
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator
from centralino.ports.pbx import ASKS, Pbx, Reply, flat, read_call

if TYPE_CHECKING:
    from centralino.domain.ari import AriAnswer, AriRequest
    from centralino.domain.decision import Decision
    from centralino.domain.originate import FailedCallError, Order, Placed
    from centralino.ports.pbx import Asked, PbxCall, Told

_REDIRECT, _COULD_NOT = 3, 500  # a class of statuses, and one
_MAX_NAME = 60  # what a phone shows, and more
_OTHER = re.compile(r"[^A-Za-z0-9+_.:/-]+")
# A blank parts the words of a rule's name; what else is in it is for logs alone.
_FIELDS = {
    "go": (
        *("type", "id", "destination", "agents", "rule", "priority", "language"),
        *("customer_code", "customer_status", "fallback"),
    ),
    "ask": ("node", "prompt", "length", "timeout", "again", "question"),
    "ok": (),
    "continue": (),
}
_FORBIDDEN = re.compile(r'["$,;<>\\{}]')
_PARENTHESES = re.compile(r"[()\[\]]")
_CLOSED_BY = {"(": ")", "[": "]"}


class Adapter(Pbx):
    """Asterisk; it signs nothing, the key lets it in."""

    slug = "asterisk"
    asks = ASKS
    converses = True

    def read(self, asked: Asked) -> PbxCall:
        """See the port; the node may be a field, as one URL serves all."""
        call = read_call(asked.fields)
        return call._replace(node=asked.node or call.node)

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:  # noqa: ARG002 - the port's
        """See the port; a destination that can't be spelled is `continue`."""
        words = flat(told)
        action = words["action"]
        fields = {"action": action}
        if action == "go" and told.decision:
            _leave_out(words, told.decision)
        for name in _FIELDS[action]:
            fields[name] = _OTHER.sub("-" if name == "rule" else "", words.get(name, ""))
        if action == "go" and not _is_whole(words, fields):
            # Another queue's name would be worse than none.
            fields.update(type="continue", id="", destination="continue", agents="")
        if action != "ok":
            fields["label"] = _label(told.label)
        return Reply(200, form(fields.items()), "application/x-www-form-urlencoded")


class Originate(Originator):
    """Calls through ARI over HTTPS: `POST channels`, whose `channelId` is our `call_id`.

    Account: `base_url`, the address before `/ari`; `user`; `endpoint` (`PJSIP/{exten}`), what
    Asterisk calls an agent's phone by; `context` (`from-internal`), which dials the number.
    Secrets: `password`.

    The agent's phone rings and shows whom the call is to. Once it is answered the context dials the
    number, with the DID that was asked for as caller id, else the exten; a trunk may put another in
    its place. With `Local/{exten}@from-internal/n` as `endpoint` the phone rings by its dialplan,
    which then has to set the caller id itself: `integrations/asterisk/centralino-dial.conf`.

    Asterisk refuses an id that a channel has (409), so an order that was lost on the way is sent
    again, and whatever is said to that, Asterisk is asked for the channel. That holds only for as
    long as the call lives: an agent whose phone refused it at once may be rung once more. A busy
    phone shows in the events of the call, not in this answer.

    Contract: rest-api/api-docs/channels.json and res/ari/resource_channels.c of Asterisk 22;
    https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/
    """

    slug = "asterisk"
    dedupes = True
    needs = {  # noqa: RUF012 - the port's own kind of table
        "account.base_url": "the address before /ari, https://pbx.example.com:8089",
        "account.user": "a user of ari.conf that may write",
        "account.endpoint?": "how an agent's phone is called, PJSIP/{exten}",
        "account.context?": "the context that dials outside numbers, from-internal",
        "secrets.password": "that user's password",
    }
    setup = (
        "in http.conf set enabled, tlsenable, tlsbindaddr and a certificate of a public authority",
        "in ari.conf set enabled=yes and add a user with read_only=no, channelvars=CENTRALINO_CALL",
        "let this service through the firewall to that port; where that can't be, use asterisk_ws",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        from time import monotonic  # noqa: PLC0415 - the inbound half needs none of these

        from centralino.domain.ari import channel_request  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError, check_order  # noqa: PLC0415

        check_order(order)
        ends = monotonic() + timeout_s
        try:
            self._check_settings()
            request = channel_request(
                order._replace(name=plain(order.name, _MAX_NAME)), self.link.setting
            )
        except PayloadError as error:
            raise FailedCallError("refused", str(error)) from None
        lost = False
        try:
            answer = self._ask(request, ends, rings=True)
        except FailedCallError as error:
            if error.reason != "unknown":
                raise
            lost = True
        if lost:
            # Asterisk knows the id the second time, if it got it the first time.
            try:
                answer = self._ask(request, ends, rings=True)
            except FailedCallError:
                return self._existing(order, ends)
        try:
            return self._judged(answer, order, ends)
        except FailedCallError as error:
            # Whatever the second request was told, the first one may have made the phone ring.
            if not lost and error.reason != "unknown":
                raise
            return self._existing(order, ends, error.detail)

    def check(self, *, timeout_s: float) -> str:
        """Ask Asterisk for its version; see the port."""
        from time import monotonic  # noqa: PLC0415

        from centralino.application.ask_pbx import judge_login  # noqa: PLC0415
        from centralino.domain.ari import AriRequest, channel_request  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError, Order  # noqa: PLC0415
        from centralino.ports.web import Answer  # noqa: PLC0415

        self._check_settings()
        channel_request(Order("", "1", "1", "1"), self.link.setting)
        request = AriRequest("GET", "asterisk/info", (("only", "system"),))
        answer = self._ask(request, monotonic() + timeout_s, rings=False)
        judge_login(Answer(answer.status, {}, b""))
        found = re.search(r'"version"\s*:\s*"([0-9A-Za-z.+~_-]{1,40})"', answer.body)
        if not found:
            raise FailedCallError("refused", "there is no Asterisk at this address")
        return f"{self.link.setting('user')[:40]} at Asterisk {found[1]}"

    def _check_settings(self) -> None:
        from centralino.application.ask_pbx import check_settings  # noqa: PLC0415

        check_settings(self.link, self.needs, {"user": r"[A-Za-z0-9_.@-]{1,100}"})

    def _judged(self, answer: AriAnswer, order: Order, ends: float) -> Placed:
        from centralino.application.ask_pbx import words  # noqa: PLC0415
        from centralino.domain.ari import is_conflict, judge  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        if is_conflict(answer):
            # After one such answer Asterisk may repeat it for whatever fails.
            return self._existing(order, ends)
        if answer.status // 100 == _REDIRECT:
            raise FailedCallError("refused", "redirect")
        try:
            placed = judge(answer, order.call_id)
        except FailedCallError as error:
            # All of it, for a secret that was cut in two is not known any more.
            told = words(self.link, answer.status, answer.body, name=order.name)
            known = FailedCallError(error.reason, told)
            if answer.status != _COULD_NOT:
                raise known from None
            if not answer.body.lstrip().startswith("{"):
                # Asterisk says why it couldn't; this is the page of somebody before it.
                raise FailedCallError("unknown", known.detail) from None
            raise self._explained(known, order, ends) from None
        if placed.provider_id != order.call_id or order.call_id not in answer.body:
            raise FailedCallError("unknown", "the answer is none of ARI's")
        return placed

    def _existing(self, order: Order, ends: float, told: str = "") -> Placed:
        """Look whether a channel has the id of a call whose fate is unknown."""
        from centralino.domain.ari import channel_question, judge_conflict  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        try:
            found = self._ask(channel_question(order.call_id), ends, rings=False)
        except FailedCallError:
            raise FailedCallError("unknown", told or "whether it is there isn't told") from None
        # Whether it was sent before, and lost, is for the request alone to know.
        return judge_conflict(found, order.call_id, sent_before=True)

    def _explained(self, failure: FailedCallError, order: Order, ends: float) -> FailedCallError:
        """Say why the channel to the agent's phone couldn't be made, if Asterisk knows."""
        from centralino.domain.ari import endpoint_request, judge_endpoint  # noqa: PLC0415
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415

        question = endpoint_request(order.exten, self.link.setting)
        if question is None:
            return failure
        try:
            return judge_endpoint(self._ask(question, ends, rings=False), failure)
        except FailedCallError:
            return failure

    def _ask(self, request: AriRequest, ends: float, *, rings: bool) -> AriAnswer:
        from centralino.application.ask_pbx import ask_pbx, basic  # noqa: PLC0415
        from centralino.domain.ari import AriAnswer  # noqa: PLC0415

        query = form(request.query)
        base = self.link.setting("base_url").rstrip("/")
        answer = ask_pbx(
            self.means.web,
            request.method,
            f"{base}/ari/{request.uri}{'?' if query else ''}{query}",
            headers={
                "authorization": basic(self.link.setting("user"), self.link.secret("password")),
                "content-type": "application/json",
            },
            body=request.body.encode("utf-8", "ignore"),
            ends=ends,
            rings=rings,
        )
        return AriAnswer(answer.status, answer.body.decode("utf-8", "replace"))


def _leave_out(words: dict[str, str], decision: Decision) -> None:
    """Leave out elected agents whose extens the dialplan can't take: others may answer."""
    good = [exten for exten in decision.agents if exten.isascii() and exten.isdigit()]
    if good and decision.destination == Destination("agent", decision.agents[0]):
        words.update(id=good[0], destination=f"agent:{good[0]}")
    words["agents"] = "-".join(good)


def _is_whole(words: dict[str, str], fields: dict[str, str]) -> bool:
    """Tell whether a destination came through as it was, and is one at all."""
    same = all(words[name] == fields[name] for name in ("type", "id"))
    return same and fields["type"] in TYPES and (bool(fields["id"]) or fields["type"] in ALONE)


def _label(label: str) -> str:
    label = _FORBIDDEN.sub("", plain(label, 80))
    return label if _is_balanced(label) else _PARENTHESES.sub("", label)


def _is_balanced(text: str) -> bool:
    open_ones: list[str] = []
    for sign in _PARENTHESES.findall(text):
        if sign in _CLOSED_BY:
            open_ones.append(_CLOSED_BY[sign])
        elif not open_ones or open_ones.pop() != sign:
            return False
    return not open_ones
