"""Where a call goes."""

from __future__ import annotations

from centralino.domain.record import NamedTuple

# Type -> the number that OMniLeads gives it; 0 where it has none. 4 and 8 are in its dialplan and
# not in its forms, 10 to 12 the other way round (contracts: OMniLeads' dialplan and its choices).
TYPES = {
    "queue": 1,  # an inbound campaign
    "schedule": 2,
    "ivr": 3,
    "extension": 4,
    "hangup": 5,
    "survey": 6,
    "custom": 7,
    "voicemail": 8,
    "identify": 9,
    "whatsapp": 10,
    "agent": 11,
    "closing": 12,
    "external": 0,
    "continue": 0,
}
# These need no id.
ALONE = ("hangup", "continue")


class Destination(NamedTuple):
    """Where a call goes; as text `queue:support`, `agent:21`, `hangup`.

    Attributes:
        type: one of `TYPES`.
        id: which one: a queue's name or number, an exten, a node's name, a number in E.164; empty
            for types in `ALONE`.
        name: what the tenant's routing calls it; empty if it was written out.
        omnileads: OMniLeads' own `X,Y`, where the id isn't the number that it knows; empty to make
            it of type and id.
    """

    type: str
    id: str = ""
    name: str = ""
    omnileads: str = ""

    @property
    def text(self) -> str:
        """The destination as one word."""
        return f"{self.type}:{self.id}" if self.id else self.type


CONTINUE = Destination("continue")
