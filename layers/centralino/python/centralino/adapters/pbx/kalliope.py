"""KalliopePBX: its dynamic routing (external API), which asks in the middle of a call flow.

Kalliope fills `%CALLER_NUM% %DNID% %UNIQUE_ID% %PARAM1%` into a URL or a form, whose names are the
administrator's; those of `integrations/kalliope` are read here. It wants XML with a `<value>`: the
key of one of its actions, or a number that is dialled. An answer without one, as every error, leads
to the action that is configured for errors.

It can ask the caller for digits itself and send them as `%PARAM1%`; or it is told `ask_value`, the
key of an action that does so and asks us again.

https://wiki.kalliope.com (external APIs, instradamento dinamico)
"""

from __future__ import annotations

from centralino.domain.destination import ALONE
from centralino.domain.pbx_values import is_word, xml
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.pbx import NAMES, Option, Pbx, Reply, prompt, read_call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from centralino.domain.destination import Destination
    from centralino.ports.pbx import Asked, PbxCall, Told

_NAMES = {
    **NAMES,
    "number": ("num", "number", "caller_num"),
    "did": ("did", "dnid"),
    "call_id": ("id", "call_id", "unique_id"),
    "digits": ("code", "param1", "digits"),
}
_KEY = r"[A-Za-z0-9_.+*#-]{1,64}"
_A_KEY = "the key of an action, or a number"


class Adapter(Pbx):
    """KalliopePBX; it signs nothing, the key lets it in (HTTP Basic, or in the URL)."""

    slug = "kalliope"
    asks = ("lookup", "route", "identify")
    options = {  # noqa: RUF012 - the port's own kind of table
        "values": Option(
            "destination (`queue:support`, `hangup`, `continue`) -> the action's key; without one "
            "its id is dialled",
            _KEY,
            _A_KEY,
            table=True,
        ),
        "ask_value": Option("the key of the action that asks the caller", _KEY, _A_KEY),
        "yes_value": Option(
            "the key for a code that is good, where only that was asked; `1`", _KEY
        ),
        "no_value": Option("the key for one that is not; `0`", _KEY),
    }

    def __init__(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(options, secrets)
        self.converses = bool(self.text("ask_value"))

    def read(self, asked: Asked) -> PbxCall:
        """See the port; a placeholder that Kalliope left as it is was not there to be filled."""
        fields = {
            name: value
            for name, value in asked.fields.items()
            if not (value.startswith("%") and value.endswith("%") and value != "%")
        }
        call = read_call(fields, _NAMES)
        return call._replace(node=asked.node or call.node)

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:  # noqa: ARG002 - the port's
        """See the port; without a value Kalliope takes its action for errors."""
        message = ""
        if told.ask:
            value = self.text("ask_value")
            message = _audio(prompt(told.ask))
        elif told.decision:
            value = self._value(told.decision.destination, told.decision.agents)
        elif told.verdict:
            option, usual = ("yes_value", "1") if told.verdict.yes else ("no_value", "0")
            value = self.text(option, usual)
        else:
            value = self.text_of("continue")
        shown = f"<displayprefix>{xml(told.label)} </displayprefix>" if told.label else ""
        leads = f"<value>{xml(value)}</value>" if is_word(value) else ""
        body = f'<?xml version="1.0" encoding="UTF-8"?><response>{message}{shown}{leads}</response>'
        return Reply(200, body, "text/xml; charset=utf-8")

    def text_of(self, destination: str) -> str:
        """Return the key that is set for a destination; empty if none is."""
        value = self.table("values").get(destination, "")
        return value if isinstance(value, str) else ""

    def _value(self, to: Destination, agents: tuple[str, ...]) -> str:
        if value := self.text_of(to.text) or self.text_of(to.name):
            return value
        if to.type == "identify" and self.converses:
            # That action asks, and sends the code to the node.
            return self.text("ask_value")
        if to.type in ALONE or to.type == "identify":
            return self.text_of("continue")
        # It takes one: the best.
        return agents[0] if agents else to.id


def _audio(text: str) -> str:
    """Return the name of an audio file as a message; words can't be spoken."""
    return f"<message><elem>audio:{xml(text)}</elem></message>" if is_word(text) else ""
