"""OMniLeads: its customer identification node, and destinations in its own `X,Y`.

The node posts `idContact=<digits>` and nothing else: no number, no call, no node. So it can't teach
a number, and its node is in our URL, which may have 128 characters and no comma. It reads `status`
and `destination`, both text (a JSON `true` would be `1` to it, and lead to the wrong place), never
looks at the HTTP status, and waits for ten seconds. The newer helper asks `GET {url}/{id}/` and
reads `response` and `data`.

Contract: the dialplan of omlacd (source/astconf/oml_extensions_modules.conf, 1ae68de), of
omlfastagi (fastagi.py, 0d7a1c9), and
https://documentacion-omnileads.readthedocs.io/en/1.10.0/campaigns_inbound_customer_id.html
"""

from __future__ import annotations

import json
import re

from centralino.domain.destination import TYPES
from centralino.domain.pbx_values import plain
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.pbx import NAMES, Pbx, Reply, read_call

if TYPE_CHECKING:
    from typing import Any

    from centralino.domain.destination import Destination
    from centralino.ports.pbx import Asked, PbxCall, Told

_NAMES = {**NAMES, "digits": ("idcontact",)}
# What its dialplan was seen to switch on: a type that it doesn't know drops the call. Who has a
# newer one writes `X,Y` out in the destination.
_KNOWN = range(1, 10)
_HANGUP = "5,1"
_PAIR = re.compile(r"[0-9]{1,2},[0-9]{1,10}")
_ID = re.compile(r"[0-9]{1,10}")
_TYPED = re.compile(rb"[0-9A-Za-z*#. /_-]{1,64}")
_NO: dict[str, Any] = {"status": "fail", "destination": "false"}


class Adapter(Pbx):
    """OMniLeads; it signs nothing, the key in the URL lets it in."""

    slug = "omnileads"
    asks = ("route", "identify")

    def read(self, asked: Asked) -> PbxCall:
        """See the port; the code comes as a form, as JSON, as bare text, or in the path."""
        call = read_call(asked.fields, _NAMES)._replace(node=asked.node)
        digits = call.digits or asked.id
        if not digits and _TYPED.fullmatch(asked.body.strip()):
            digits = asked.body.decode("ascii").strip()
        # It asks only if the caller typed something: no code is an empty one.
        return call._replace(digits=digits if digits or asked.ask == "identify" else None)

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:  # noqa: ARG002 - the port's
        """See the port; `false` leads to the node's own second destination."""
        pair = spell(told.decision.destination) if told.decision else ""
        verdict = told.verdict
        content: dict[str, Any]
        if pair:
            content = {"status": "ok", "destination": pair}
        elif verdict and verdict.yes and not told.decision:
            content = {"status": "ok", "destination": "true"}
        else:
            content = dict(_NO)
        if asked.id:
            data = verdict.data if verdict else {}
            content["response"] = bool(verdict and verdict.yes)
            content["data"] = {plain(name): plain(value) for name, value in data.items()}
        return Reply(200, json.dumps(content), "application/json")


def spell(to: Destination) -> str:
    """Return a destination as OMniLeads' `X,Y`; empty if it has no such destination."""
    if _PAIR.fullmatch(to.omnileads):
        return to.omnileads
    number = TYPES.get(to.type, 0)
    if to.type == "hangup":
        return _HANGUP
    return f"{number},{to.id}" if number in _KNOWN and _ID.fullmatch(to.id) else ""
