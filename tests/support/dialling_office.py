"""A PBX that places calls, as an office has it: a real Asterisk, an agent's phone, and a trunk."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

from tests.support.asterisk import Ari, Asterisk
from tests.support.sip import LOOPBACK, PATIENCE_S, Phone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.support.asterisk import Link
    from tests.support.sip import Ring

EXTEN = "21"
CALLER_ID = "+390299887766"
# What a site's extensions.conf has for calls of its own phones to the outside.
EXTENSIONS = """
[general]
static=yes

[from-internal]
exten => _[+0-9]!,1,Dial(PJSIP/${EXTEN}@trunk,20)
 same => n,Hangup()
"""


class Rung(NamedTuple):
    """The phones that a call rang.

    Attributes:
        agent: the agent's.
        customer: the customer's.
    """

    agent: Ring
    customer: Ring


class DiallingOffice:
    """A running Asterisk with its agents' phone, and a trunk to one who always answers.

    Args:
        links: the WebSockets that it opens.
        extens: of its agents.
        extensions: its dialplan.
        files: of its configuration -> their text, instead of our own.

    Attributes:
        agent: the phone of all agents; what it answers as can be changed.
        customer: whoever is called.
    """

    def __init__(
        self,
        links: Sequence[Link] = (),
        extens: Sequence[str] = (EXTEN,),
        extensions: str = EXTENSIONS,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self._extens = extens
        with ExitStack() as started:
            self.agent = started.enter_context(closing(Phone()))
            self.customer = started.enter_context(closing(Phone()))
            out = (
                *((exten, f"{exten}@{self.agent.address}") for exten in extens),
                ("trunk", self.customer.address),
            )
            self.ari = Ari(out=out, links=links, files=files or {})
            self.asterisk = Asterisk(self.agent.port, extensions, self.ari)
            started.callback(self.asterisk.close)
            self.quiet()
            self._started = started.pop_all()

    @property
    def url(self) -> str:
        """Where its ARI is."""
        return f"http://{LOOPBACK}:{self.asterisk.http_port}"

    def ring(self) -> Rung:
        """Return what the two phones got of the next call."""
        return Rung(self.agent.ring(), self.customer.ring())

    def quiet(self) -> None:
        """End every call, forget who rang, and have all phones answer again."""
        self.asterisk.cli("channel request hangup all")
        wait_for(lambda: "0 active channels" in self.asterisk.cli("core show channels count"))
        self.agent.answers = set(self._extens)
        self.customer.answers = {"*"}
        self.agent.rings()
        self.customer.rings()

    def restart(self) -> None:
        """Start it again after a power failure."""
        self.asterisk.kill()
        self.asterisk.start()

    def close(self) -> None:
        """Stop it and its phones."""
        self._started.close()


def wait_for(happened: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
