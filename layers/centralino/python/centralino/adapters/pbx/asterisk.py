"""Asterisk: forms for its dialplan's CURL() with `hashcompat=yes`, which fills a HASH().

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
from centralino.domain.pbx_values import form, plain
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.pbx import ASKS, Pbx, Reply, flat, read_call

if TYPE_CHECKING:
    from centralino.domain.decision import Decision
    from centralino.ports.pbx import Asked, PbxCall, Told

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
