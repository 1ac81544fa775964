"""What was decided of a call, and why."""

from __future__ import annotations

from centralino.domain.destination import CONTINUE, Destination
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Passed(NamedTuple):
    """A rule that did not decide.

    Attributes:
        rule: its name.
        why: in words: `customer.status is "expired", not "active"`.
    """

    rule: str
    why: str


class Decision(NamedTuple):
    """Where a call goes.

    Attributes:
        destination: the first choice.
        agents: extens to try, the best first, where the rule elects agents; empty otherwise.
        rule: the rule that decided; empty for the fallback.
        priority: in the queue; 0 is usual.
        language: ISO 639-1; empty if unknown.
        version: of the rules.
        fallback: why it is the fallback: `timeout`, `degraded`, `no rule`, `error`; empty if it
            isn't.
        passed: why the rules before it did not hold, in order. Only with `explain`.
    """

    destination: Destination = CONTINUE
    agents: tuple[str, ...] = ()
    rule: str = ""
    priority: int = 0
    language: str = ""
    version: int = 0
    fallback: str = ""
    passed: tuple[Passed, ...] = ()


class Kept(NamedTuple):
    """A decision as it is kept, for explanations and for trying changed rules.

    Attributes:
        call_id: the PBX's; ours if it gave none.
        at: seconds since 1970.
        facts: what the rules saw (`docs/routing.md`), plain JSON.
        decision: what was decided.
        provider: the PBX's; empty for `/v1/route`.
        node: the identify node, if the decision is one's.
    """

    call_id: str
    at: int
    facts: Mapping[str, Any]
    decision: Decision
    provider: str = ""
    node: str = ""
