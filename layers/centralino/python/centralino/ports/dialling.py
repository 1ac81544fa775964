"""Where a tenant's dialling options, its do-not-call list and the calls it placed are kept."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.domain.agent import Agent
    from centralino.domain.dial_options import Budget, DialOptions


class PlacedCall(NamedTuple):
    """A call that was asked for, whatever became of it: what the audit trail has of it.

    Attributes:
        call_id: ours.
        asked: the number or the contact's id, as it was asked for.
        exten: whose phone was to ring.
        number: whom, E.164 or an exten; empty if it could not be understood.
        dial: what the PBX had to dial; empty if it never came to that.
        state: one of `domain/originate.STATES`.
        reason: of a refusal or a failure, its word; else empty.
        detail: the PBX's own words, cut and without secrets.
        provider: the PBX's slug; empty if none was asked.
        provider_id: the PBX's id of the call; empty where it has none.
        caller_id: what the called party was to see.
        contact_id: the contact that was asked for; empty for a number.
        key_id: the beginning of the hash of the key that asked.
        role: that key's role.
        country: of the number, ISO 3166 alpha-2; empty if it has none.
        cost: by estimate, thousandths of the price table's currency.
        asked_ms: when it was asked for, milliseconds since 1970.
        changed_ms: when the state became this.
    """

    call_id: str
    asked: str
    exten: str
    number: str = ""
    dial: str = ""
    state: str = "requested"
    reason: str = ""
    detail: str = ""
    provider: str = ""
    provider_id: str = ""
    caller_id: str = ""
    contact_id: str = ""
    key_id: str = ""
    role: str = ""
    country: str = ""
    cost: int = 0
    asked_ms: int = 0
    changed_ms: int = 0


class Outcome(NamedTuple):
    """What became of a call.

    Attributes:
        state: one of `domain/originate.STATES`.
        reason: of a refusal or a failure, its word.
        detail: the PBX's own words, cut and without secrets.
        provider_id: the PBX's id of the call; empty where it has none.
    """

    state: str
    reason: str = ""
    detail: str = ""
    provider_id: str = ""


class Desk(NamedTuple):
    """What has to be known before a call is placed, from one read.

    Attributes:
        options: the tenant's dialling options.
        agent: the agent at that exten; None if there is none.
        blocked: those of the asked keys that are on the do-not-call list.
        call: the call of that id; None if there is none yet.
    """

    options: DialOptions
    agent: Agent | None
    blocked: tuple[str, ...]
    call: PlacedCall | None


class Begun(NamedTuple):
    """What came of asking to place a call.

    Attributes:
        call: the call that lives: this one, or an earlier one that it is the second click of.
        fresh: whether it is this one, to be placed now.
        spent: which limit stood against it (`agent_minute`, `tenant_day`, `country_day`,
            `cost_day`, ...); empty if none did.
        retry_after_s: when that limit may let a call through again, seconds.
    """

    call: PlacedCall | None
    fresh: bool
    spent: str = ""
    retry_after_s: int = 0


class DialStore(Protocol):
    """One tenant's dialling. Every method raises UnavailableError if there is no answer."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def desk(self, exten: str, blocks: Sequence[str] = (), call_id: str = "") -> Desk:
        """Read in one round trip what has to be known before a call is placed.

        Args:
            exten: whose phone is to ring.
            blocks: keys of the do-not-call list that would stand against the number: itself, and
                the blocks (`+39024455*`) it may belong to.
            call_id: the call, if it may have been asked for before.
        """

    def options(self) -> DialOptions:
        """Return the dialling options; the defaults if none were saved."""

    def save_options(self, options: DialOptions) -> DialOptions | None:
        """Save the options over the version that they name.

        Returns:
            Them with their new version; None if somebody else was faster.

        Raises:
            NotFoundError: there is no such tenant.
        """

    def block(self, key: str, reason: str, *, now_ms: int) -> None:
        """Put a number (E.164) or a block (`+39024455*`) on the do-not-call list."""

    def unblock(self, key: str) -> bool:
        """Take it off; return whether it was on it."""

    def blocked(
        self, cursor: str = "", limit: int = 100
    ) -> tuple[tuple[tuple[str, str], ...], str]:
        """Return a page of the do-not-call list, keys and reasons, and the next page's cursor."""

    def begin(self, call: PlacedCall, budget: Budget, *, home: str) -> Begun:
        """Count a call against its limits and write it down as `requested`, both or neither.

        A second click (same exten, same number) within 5 s while the first call lives is the first
        call; within 30 s, while nobody knows whether that rings (`requested`, `unknown`). A call of
        the same `call_id` that failed or was refused begins once more, and so does one that is a
        day old (`ports/once.py`); any other is returned as it is, not fresh.

        Args:
            call: the call; `asked_ms` is the moment it is counted at.
            budget: the limits.
            home: the tenant's own country.
        """

    def refuse(self, call: PlacedCall) -> None:
        """Write down a call that was refused; nothing is counted."""

    def settle(self, call_id: str, outcome: Outcome, *, now_ms: int) -> None:
        """Write down what the PBX made of a call.

        After a failure the next click is a call of its own at once.
        """

    def note(self, call_id: str, state: str, *, at_ms: int, reason: str = "") -> None:
        """Write down what an event says became of a call: states go forward only."""

    def get(self, call_id: str) -> PlacedCall | None:
        """Return a call; None if there is none."""

    def calls(self, cursor: str = "", limit: int = 100) -> tuple[tuple[PlacedCall, ...], str]:
        """Return a page of the audit trail and the next page's cursor; the order is the store's."""
