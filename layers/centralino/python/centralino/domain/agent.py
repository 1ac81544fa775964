"""An agent: a person who answers, and the registered extension of their phone."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = ("available", "busy", "away", "offline")


class Agent(NamedTuple):
    """An agent as a call finds them.

    Attributes:
        exten: the extension.
        name: to be shown.
        skills: skill -> level, 1 (some) to 10 (best).
        customer_types: plans, tags or statuses of the customers this agent is for; empty for all.
        mobile: their mobile phone, E.164; never learned as a customer's.
        schedule: the schedule they work by; empty for always.
        substitutes: extens that stand in, the first who is available.
        state: one of `STATES`, set by the API, later by the PBX.
        since_s: since when, seconds since 1970; the longer available, the longer idle.
        load: calls in hand or waiting for this agent, as the API was told.
        working: whether the schedule is open now; worked out when read, not stored.
    """

    exten: str
    name: str = ""
    skills: Mapping[str, int] = {}
    customer_types: tuple[str, ...] = ()
    mobile: str = ""
    schedule: str = ""
    substitutes: tuple[str, ...] = ()
    state: str = "available"
    since_s: int = 0
    load: int = 0
    working: bool = True

    @property
    def available(self) -> bool:
        """Whether a call may be sent there now."""
        return self.working and self.state == "available"
