"""What calls leave behind, by the other party's number.

Earlier calls from it, what was decided of them, calls that were placed to it, what PBXs said of
calls with it, and whether it is on the do-not-call list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.domain.customer import History
    from centralino.domain.decision import Kept
    from centralino.ports.dialling import PlacedCall


class Traces(NamedTuple):
    """What calls have left behind.

    Attributes:
        histories: number -> earlier calls from it.
        decisions: what was decided, in no order that matters.
        calls: calls that were asked for, placed or not, in no order that matters.
        blocked: number, or block, on the do-not-call list -> why.
        events: what PBXs said of calls, as it came (JSON), in no order that matters.
    """

    histories: Mapping[str, History]
    decisions: tuple[Kept, ...]
    calls: tuple[PlacedCall, ...] = ()
    blocked: Mapping[str, str] = {}
    events: tuple[str, ...] = ()


class TracePage(NamedTuple):
    """A page of a tenant's traces; the cursor is empty at the end."""

    traces: Traces
    cursor: str


class TraceStore(Protocol):
    """The traces of one tenant. Every method raises UnavailableError when the store is away."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def of(self, numbers: Sequence[str], contact_id: str = "") -> Traces:
        """Return what calls from and to some numbers have left behind; looks through all of them.

        Args:
            numbers: E.164.
            contact_id: whose calls are meant as well that were asked for by that id.
        """

    def erase(self, numbers: Sequence[str], contact_id: str = "") -> int:
        """Remove what calls from and to some numbers have left behind; return how much there was.

        The do-not-call list stays: who is forgotten does not want to be called either.
        """

    def page(self, *, cursor: str = "", limit: int = 100) -> TracePage:
        """List all of the tenant's, 1 to 100 on a page, which may be short before the end."""

    def purge(self, *, limit: int = 100) -> int:
        """Remove some of the tenant's; for an erased tenant. 0: none is left."""
