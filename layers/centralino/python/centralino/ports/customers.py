"""One tenant's customers, the numbers that were learned, and who changed what."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from centralino.domain.customer import Customer, Learned

    # What became of a code that was typed:
    #   learned    the number now leads to the customer
    #   known      it did already; its use is noted
    #   conflict   the number leads to another customer as well: from now on it is ambiguous
    #   full       the customer has as many numbers as may be
    #   absent     there is no such customer
    Lesson = Literal["learned", "known", "conflict", "full", "absent"]


class Change(NamedTuple):
    """One line of a customer's audit trail.

    Attributes:
        at: milliseconds since 1970.
        who: the key's id and name, `registration`, `import`, or `caller`.
        what: `created`, `changed`, `granted`, `revoked`, `extended`, `deleted`, `learned`,
            `forgotten`, ...
        before: what was, as text; `active until 2026-12-31`.
        after: what is.
        note: the reason, if one was given.
    """

    at: int
    who: str
    what: str
    before: str = ""
    after: str = ""
    note: str = ""


class CustomerPage(NamedTuple):
    """A page of customers; the cursor is empty at the end."""

    customers: tuple[Customer, ...]
    cursor: str


class LearnedPage(NamedTuple):
    """A page of associations; the cursor is empty at the end."""

    learned: tuple[Learned, ...]
    cursor: str


class Learner(Protocol):
    """Learns numbers of one tenant's customers; on the call path."""

    def learn(
        self, learned: Learned, *, most: int, expired_before: int, timeout_s: float = ...
    ) -> Lesson:
        """Bind a number to a customer, all or nothing; an audit line is written with it.

        Args:
            learned: what was learned.
            most: how many numbers a customer may have.
            expired_before: associations last used before this don't count, and those of this
                customer and of this number are taken away, seconds since 1970.
            timeout_s: for everything.

        Raises:
            UnavailableError: the store is away, or there was no time; it may have been learned.
        """


class CustomerStore(Learner, Protocol):
    """The customers of one tenant. Every method raises UnavailableError when the store is away."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def get(self, code: str) -> Customer | None:
        """Return a customer as it is now, read consistently; None if there is none.

        Args:
            code: the customer's, as `normal_code` spells it, here and everywhere.
        """

    def spelled(self, digits: str) -> tuple[str, ...]:
        """Return the codes of all customers whose code has exactly these digits."""

    def save(self, customer: Customer, change: Change, *, delivery: str = "") -> Customer:
        """Save a customer over the version that it names (0: there is none), with its audit line.

        All or nothing: the customer, the digits that it is found by, the audit line and, if given,
        the mark of the delivery.

        Returns:
            The customer with its new version.

        Raises:
            ConflictError: the version stored is another one, or the delivery was applied before.
        """

    def delete(self, code: str, change: Change) -> bool:
        """Delete a customer, its associations and its history; the audit trail has its own end.

        Returns:
            Whether there was one.
        """

    def page(self, *, cursor: str = "", limit: int = 50) -> CustomerPage:
        """List customers, 1 to 100 on a page."""

    def trail(self, code: str, *, limit: int = 100) -> tuple[Change, ...]:
        """Return the audit trail of a customer, the newest change first."""

    def learned_of(self, code: str) -> tuple[Learned, ...]:
        """Return the associations of a customer, those that ran out too, by number."""

    def learned_by(self, number: str) -> tuple[Learned, ...]:
        """Return the associations of a number, those that ran out too, by code."""

    def learned_page(self, *, cursor: str = "", limit: int = 50) -> LearnedPage:
        """List the tenant's associations, those of 1 to 100 numbers on a page."""

    def forget(self, number: str, code: str, change: Change) -> bool:
        """Take an association away; it is in the customer's audit trail.

        Returns:
            Whether there was one.
        """

    def forget_numbers(self, numbers: Sequence[str], change: Change) -> int:
        """Take all associations and the history of some numbers away: their owner is erased.

        Returns:
            How many associations there were.
        """

    def count(self, bucket: str, *, window_s: int) -> int:
        """Count one more registration and return how many there were, this one included.

        Args:
            bucket: whose: a source, or all of the tenant's together (empty).
            window_s: counting begins anew after so many seconds.
        """

    def purge(self, *, limit: int = 100) -> int:
        """Remove some customers with all that is theirs; for an erased tenant. 0: none is left."""
