"""A call that somebody wants to be placed: the user's phone rings, then the number's."""

from __future__ import annotations

import re

from centralino.domain.errors import CentralinoError
from centralino.domain.record import NamedTuple

# Why a call is not placed. Ours first, before any PBX is asked; then what PBXs say.
REFUSALS = {
    "invalid": "that is no number",
    "emergency": "emergency numbers are never dialled from here",
    "short": "a short number that is not on the tenant's list",
    "premium": "premium rate",
    "shared_cost": "shared cost",
    "personal": "a personal number",
    "pager": "a pager",
    "satellite": "satellite",
    "country": "a country that is not on the tenant's list",
    "changed": "what would be dialled is not what was asked for",
    "internal": "an internal extension",
    "self": "the agent's own extension",
    "do_not_call": "on the do-not-call list",
    "budget": "too many calls, or too dear",
    "caller_id": "not one of the tenant's DIDs",
    "auto_answer": "only for the exten of the key itself",
    "exten": "no registered agent has that extension",
    "pbx": "there is no PBX that places calls",
    "key": "this key places calls from its own extension only",
}
# What became of a call that a PBX was asked for:
#   busy           the agent's phone is busy, off, or set to do not disturb
#   unknown_exten  the PBX has no such extension
#   credentials    it refuses our credentials, or what they may do
#   unreachable    nobody took the request: nothing rings, trying again can't ring twice
#   refused        it took the request and said no
#   unknown        it may or may not have taken it: trying again could ring twice
FAILURES = ("busy", "unknown_exten", "credentials", "unreachable", "refused", "unknown")
# How far a call is. `unknown` is one that a PBX was asked for and nobody knows whether it took it.
STATES = ("requested", "unknown", "placed", "ringing", "answered", "ended", "failed", "refused")


# What an order's parts are made of, whatever they are for.
_FORMS = {
    "call_id": r"[0-9A-Za-z]{22}",
    "exten": r"[0-9]{1,20}",
    "number": r"\+?[0-9]{1,20}",
    "dial": r"\+?[0-9]{1,40}",
    "caller_id": r"(\+?[0-9]{1,20})?",
}


class RefusedCallError(CentralinoError):
    """A call that is not placed; nothing was asked of a PBX.

    Args:
        reason: one of `REFUSALS`.
        hint: what would allow it, a sentence with the command; empty if nothing would.
        retry_after_s: when the same call may be placed, seconds; 0 if waiting changes nothing.
    """

    def __init__(self, reason: str, hint: str = "", retry_after_s: int = 0) -> None:
        super().__init__(f"{REFUSALS[reason]}. {hint}".strip())
        self.reason = reason
        self.hint = hint
        self.retry_after_s = retry_after_s


class FailedCallError(CentralinoError):
    """A call that a PBX did not place.

    Args:
        reason: one of `FAILURES`.
        detail: the PBX's own words, cut and without secrets; for the log and the audit trail.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"the PBX did not place the call: {reason}")
        self.reason = reason
        self.detail = detail[:200]


class Order(NamedTuple):
    """A call to be placed. Everything in it was checked: a provider only spells it.

    Attributes:
        call_id: ours, 22 letters and digits; a PBX that takes ids gets it, so that the same order
            twice is one call.
        exten: of a registered agent, digits.
        number: what is called, E.164; an exten for an internal call.
        dial: the same as the PBX has to dial it: digits, and maybe one leading `+`.
        caller_id: what the called party sees, E.164, one of the tenant's DIDs; empty for the PBX's
            own choice.
        name: whom the agent's phone shows, cleaned; empty for none.
        auto_answer: the agent's phone is to answer by itself.
        timeout_s: how long the agent's phone rings.
    """

    call_id: str
    exten: str
    number: str
    dial: str
    caller_id: str = ""
    name: str = ""
    auto_answer: bool = False
    timeout_s: int = 30


def check_order(order: Order) -> None:
    """Make sure that an order can be spelled: nothing else may reach a dial string.

    Whoever makes orders checks them; this is for the day on which somebody doesn't.

    Raises:
        FailedCallError: `refused`, a part of it is more than digits, or longer than any number.
    """
    for name, form in _FORMS.items():
        if not re.fullmatch(form, getattr(order, name)):
            raise FailedCallError("refused", f"the order's {name} can't be spelled")


class Placed(NamedTuple):
    """What a PBX says of a call that it took.

    Attributes:
        provider_id: its own id of the call; empty where it gives none.
        state: `placed`, or `ringing` where it says so.
    """

    provider_id: str = ""
    state: str = "placed"
