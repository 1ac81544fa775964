"""What the tests of PBXs that place calls share: fake PBXs on loopback, and what rang at them.

A fake of a product is a `FakePbx` in `tests/support/originate/<slug>.py`; what every provider has
to stand is `tests/support/originate/contract.py`.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from centralino.domain.errors import RejectedError, UnavailableError
from tests.support.crm import FakeServer, Fault, LoopbackWeb, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.ports.web import Answer


class Rung(NamedTuple):
    """A call that a fake PBX placed: an agent's phone rang, then this was to be dialled.

    Attributes:
        exten: whose phone rang.
        dial: what was dialled next, as the PBX got it.
        call_id: ours, where the PBX takes one; else empty.
        caller_id: what the called party sees, if the PBX was told; else empty.
        name: what the agent's phone shows, if the PBX was told; else empty.
        auto_answer: the agent's phone was told to answer by itself.
        timeout_s: how long the agent's phone rings, if the PBX was told; else 0.
    """

    exten: str
    dial: str
    call_id: str = ""
    caller_id: str = ""
    name: str = ""
    auto_answer: bool = False
    timeout_s: int = 0


class FakePbx(FakeServer):
    """A PBX's API, as unkind as its contract: it refuses what the contract refuses.

    Attributes:
        extens: those that it has; any other is an unknown one.
        busy: those of them whose phones can't ring now.
        rung: the calls that it placed, in order.
        saying: what it answers to a request that would make a phone ring, in place of the truth;
            nothing rings.
        dial_fault: what goes wrong with such a request; it rings all the same.
        dial_faults: what goes wrong with the next ones, each once, before `dial_fault`.
        echoes: it answers such a request with status 400 and all that it was sent.
        logins: how often it gave a token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.extens = {"21", "22", *(str(exten) for exten in range(100, 200))}
        self.busy: set[str] = set()
        self.rung: list[Rung] = []
        self.saying: Reply | None = None
        self.dial_fault: Fault | None = None
        self.dial_faults: list[Fault] = []
        self.echoes = False
        self.logins = 0

    @abstractmethod
    def is_dial(self, request: Request) -> bool:
        """Tell whether a request is one that makes a phone ring, whoever sends it."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer one request truthfully; a call that is placed goes to `ring`."""

    def ring(self, rung: Rung) -> None:
        """Place a call."""
        self.rung.append(rung)

    def expire(self) -> None:
        """End the tokens that were given; a PBX without tokens has none."""
        raise NotImplementedError

    @property
    def dials(self) -> list[Request]:
        """Return the requests that were to make a phone ring."""
        return [request for request in self.requests if self.is_dial(request)]

    def handle(self, request: Request) -> tuple[Reply, Fault]:
        """Note a request and work out what becomes of it; see `FakeServer`."""
        if not self.is_dial(request):
            return super().handle(request)
        with self._lock:
            fault = self.dial_faults.pop(0) if self.dial_faults else self.dial_fault
        if self.echoes:
            sent = json.dumps([request.target, dict(request.headers), request.body.decode()])
            said = Reply(400, f"{request.target} {sent} {request.body.decode()}".encode())
            self.requests.append(request)
            return said, Fault()
        if self.saying:
            self.requests.append(request)
            return self.saying, Fault()
        if fault and fault.reply:
            self.requests.append(request)
            return fault.reply, fault
        answer, other = super().handle(request)
        return answer, fault or other


class FlakyWeb(LoopbackWeb):
    """A web on which some requests fail before anything is sent, or are lost once they are sent.

    Args:
        troubles: what becomes of the requests in order: `refused` (the connection is), `lost` (it
            arrives, and the answer doesn't), `forbidden` (the address is), or empty for nothing.
            After the last one nothing goes wrong.
        about: only requests whose URL or body has this in it count.
    """

    def __init__(self, *troubles: str, about: str = "") -> None:
        super().__init__()
        self._troubles = list(troubles)
        self._about = about
        self.attempts = 0

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request, or fail."""
        if self._about not in f"{url} {body.decode()}":
            return super().send(method, url, headers=headers, body=body, timeout_s=timeout_s)
        self.attempts += 1
        trouble = self._troubles.pop(0) if self._troubles else ""
        if trouble == "forbidden":
            raise _failed(RejectedError("forbidden_address"), sent=False)
        if trouble == "refused":
            raise _failed(UnavailableError("connection"), sent=False)
        answer = super().send(method, url, headers=headers, body=body, timeout_s=timeout_s)
        if trouble == "lost":
            raise _failed(UnavailableError("connection"), sent=True)
        return answer


def _failed(error: UnavailableError, *, sent: bool) -> UnavailableError:
    error.sent = sent
    return error
