"""What a run with a real Asterisk leaves behind to read: a fault table, and calls step by step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.asterisk import ROOT

if TYPE_CHECKING:
    from tests.support.office import Shown

FILE = ROOT / ".cache" / "asterisk-report.txt"
_STEP = re.compile(r"Executing \[(\S+?)\] (\w+)\(\"[^\"]*\", \"(.*)\"\) in new stack")

_TYPED = re.compile(r"User entered '[^']*'|User entered nothing")


class Report:
    """Collects, and writes everything down at the end."""

    def __init__(self) -> None:
        self._faults: list[tuple[str, Shown]] = []
        self._calls: list[str] = []

    def add_fault(self, fault: str, shown: Shown) -> None:
        """Note what the phone showed while the service had a fault."""
        self._faults.append((fault, shown))

    def add_call(self, invite: str, request: str, answer: str, log: str, shown: Shown) -> None:
        """Note one call: what came in, every step of the dialplan, and what the phone showed.

        Args:
            invite: the From header that the carrier sent.
            request: the request as the service got it.
            answer: the body of its answer.
            log: what Asterisk logged in the meantime.
        """
        steps = [f"  {at:32} {what}({how})" for at, what, how in _STEP.findall(log)]
        asked = next(i for i, step in enumerate(steps) if "LOCAL(label)" in step)
        wire = [f"      -> {line}" for line in request.splitlines()] + [f"      <- {answer!r}"]
        rang = f'Asterisk -> phone: INVITE after {shown.after_ms} ms, From: "{shown.name}"'
        lines = [f"carrier -> Asterisk: INVITE, {invite}", *steps[:asked], *wire, *steps[asked:]]
        self._calls.append("\n".join([*lines, f"{rang} <{shown.number}>", ""]))

    def add_story(
        self, what: str, requests: list[str], answers: list[str], log: str, shown: Shown
    ) -> None:
        """Note one call of a story: what was asked and answered, and where the call went.

        Args:
            what: which call it is.
            requests: what the service was asked, oldest first.
            answers: what it said.
            log: what Asterisk logged in the meantime.
            shown: what the phone showed in the end.
        """
        lines = [what]
        lines += [f"  {line}" for line in _TYPED.findall(log)]
        for request, answer in zip(requests, answers, strict=True):
            lines += [f"  -> {request.splitlines()[0]}", f"  <- {answer}"]
        lines.append(f'  rings at {shown.called} as "{shown.name}" <{shown.number}>')
        self._calls.append("\n".join([*lines, ""]))

    def write(self, version: str) -> None:
        """Write the file that `make test-asterisk` shows."""
        lines = [version, "", *self._calls, ""]
        if self._faults:
            lines.append(
                f"{'the service (time-out 1.2 s, to connect 1.0 s)':48} {'phone shows':14} rings"
            )
        lines += [
            f"{fault:48} {shown.name:14} after {shown.after_ms:5} ms"
            for fault, shown in sorted(self._faults)
        ]
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text("\n".join(lines) + "\n")
