"""What a store is: the call path's one read, and what everything else does with a tenant's data.

Every store object is built for one tenant and cannot address another, except `CallStore`, which
is told the tenant by the key that the PBX showed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from centralino.domain.card import Holder
    from centralino.domain.contact import Contact
    from centralino.domain.keys import ApiKey
    from centralino.domain.settings import Settings
    from centralino.ports.call_read import Read
    from centralino.ports.route_read import Beside

# What became of a change:
#   created    there was no such contact (or it had been deleted)
#   changed    the stored one is now this one
#   unchanged  it is stored already, to the letter; nothing was written
#   stale      a newer version, a newer deletion or an erasure is stored; nothing was written
#   duplicate  this very event was applied before; nothing was written
Outcome = Literal["created", "changed", "unchanged", "stale", "duplicate"]


class CallStore(Protocol):
    """Reads everything that one call needs in one round trip."""

    def read(  # noqa: PLR0913 - it is one round trip
        self,
        tenant: str,
        numbers: Sequence[str],
        *,
        key_hash: str = "",
        caller: str = "",
        timeout_s: float,
        beside: Beside | None = None,
    ) -> Read:
        """Read the cards of some numbers and, on a cold start, the tenant and the key.

        Args:
            tenant: the tenant's id.
            numbers: at most 12 keys: E.164 (`+390244556677`) and blocks (`+39024455*`).
            key_hash: SHA-256 of the API key, hex; empty if settings and key are known already.
            caller: what `ports/callers.py` may have noted; empty if nobody would search for it.
            timeout_s: for everything, retries included.
            beside: what routing needs beside it; only a store of `ports/route_read.py` knows it.

        Raises:
            UnavailableError: or one of its kinds; nothing else.
        """


class Known(Protocol):
    """What a store already knows of a contact, so that `save` needn't ask again."""

    @property
    def version(self) -> int:
        """The version stored."""

    @property
    def deleted(self) -> bool:
        """Whether it is a tombstone."""


class Page(NamedTuple):
    """A page of contacts.

    Attributes:
        contacts: at most as many as asked for; a page may be short, even empty, before the end.
        cursor: for the next page; empty at the end.
    """

    contacts: tuple[Contact, ...]
    cursor: str


class HolderPage(NamedTuple):
    """A page of one number's holders, the best first.

    Attributes:
        holders: everyone who has the number, also those the card has no room for.
        total: how many there are in all.
        cursor: for the next page; empty at the end.
    """

    holders: tuple[Holder, ...]
    total: int
    cursor: str


class ContactStore(Protocol):
    """The contacts of one tenant, and with them the number cards.

    Any order and any repetition of `save` and `delete` ends in the same state: the higher version
    wins, a deletion wins against a save of the same version, and of two saves of one version with
    different content the later one applies. Every method raises UnavailableError when the store
    does not answer.
    """

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def get(self, contact_id: str) -> Contact | None:
        """Return a contact as it is now; None if there is none (any more)."""

    def known(self, contact_ids: Sequence[str]) -> Mapping[str, Known]:
        """Return what is stored of at most 99 contacts, for `save`; absent ones are left out.

        Raises:
            NotFoundError: there is no such tenant (any more), so that a long import stops.
        """

    def save(
        self,
        contact: Contact,
        holders: Mapping[str, Holder],
        *,
        known: Known | None = None,
        new: bool = False,
        delivery: str = "",
    ) -> Outcome:
        """Save a contact and its place on the cards, all or nothing.

        Args:
            contact: with `indexed` or `problem` filled in for each number.
            holders: number (or block) -> what its card keeps of the contact.
            known: from `known`; without it the contact is taken to be new, which costs a second
                round trip if it isn't.
            new: save it only if there is no contact of this id, whatever its version; of several
                who try at once one succeeds.
            delivery: the source's own word for the event that this comes from. It is kept for 25
                hours if the event changes something, and what is to be done for it once more is
                not.

        Raises:
            ConflictError: it was to be new, and there is a contact of this id.
            NotFoundError: the contact has a block and there is no such tenant (any more).
        """

    def delete(self, contact_id: str, version: int, *, delivery: str = "") -> Outcome:
        """Delete a contact, known or not; a tombstone stops events that come late.

        Args:
            contact_id: `source:id`.
            version: the source's, of the deletion.
            delivery: the source's own word for the event, as in `save`.
        """

    def seen(self, events: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Return which of some events changed something in the last 25 hours.

        One that was applied in this very second may be missing; `save` and `delete` know it.

        Args:
            events: at most 100 pairs of a contact's id and the source's word for the event; a pair
                without a word was never seen.
        """

    def erase(self, contact_id: str) -> bool:
        """Delete a contact for good: no version brings this id back while its tombstone lasts.

        Where there is no contact, never was or not any more, nothing is written: a mistyped id
        stays free, and the tombstone of a deleted contact keeps its version. So an erasure counts
        from when it is carried out, and not in any order as `save` and `delete` do.

        Returns:
            Whether there was one.
        """

    def page(self, *, cursor: str = "", limit: int = 50, problems: bool = False) -> Page:
        """List contacts.

        Args:
            cursor: empty for the first page.
            limit: contacts on a page, 1 to 100.
            problems: only contacts with a number that can't be indexed.

        Raises:
            PayloadError: the cursor isn't one of ours.
        """

    def holders(self, number: str, *, cursor: str = "", limit: int = 100) -> HolderPage:
        """List who has a number; the first page is the card itself, whatever the limit.

        Raises:
            PayloadError: the cursor isn't one of ours.
        """

    def count(self, at_most: int = 10_000) -> int:
        """Count the tenant's contacts, and stop counting at `at_most`."""

    def purge(self, *, limit: int = 100) -> int:
        """Remove some contacts, tombstones and notes of unknown callers; for an erased tenant.

        Returns:
            How many were removed; 0 if none is left.
        """


class TenantStore(Protocol):
    """One tenant's settings and keys."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def create(self, settings: Settings, key: ApiKey) -> None:
        """Create the tenant with its first key.

        Raises:
            ConflictError: the id is taken, or was until lately.
        """

    def settings(self) -> Settings | None:
        """Return the settings; None if there is no such tenant (any more)."""

    def save_settings(self, settings: Settings) -> Settings:
        """Save settings over the version that they name, and return them with the new version.

        `block_lengths` is the store's own business and is left alone.

        Raises:
            ConflictError: the version stored is another one.
            NotFoundError: there is no such tenant (any more).
        """

    def keys(self) -> tuple[ApiKey, ...]:
        """List the keys that have not expired, the oldest first."""

    def add_key(self, key: ApiKey) -> None:
        """Add a key.

        Raises:
            NotFoundError: there is no such tenant (any more).
        """

    def remove_key(self, key_hash: str, *, while_there: str = "") -> bool:
        """Remove a key.

        Args:
            key_hash: SHA-256 of the key, hex.
            while_there: another key's; without that one nothing is removed, so of two who each
                remove the key that the other one counts on, one fails.

        Returns:
            Whether it was removed; False if it, or the other one, is not there.
        """

    def close(self) -> int:
        """Begin to erase the tenant: settings and keys go at once, and nobody gets in any more.

        Returns:
            When the tenant was first closed, seconds since 1970.

        Raises:
            NotFoundError: there never was such a tenant.
        """
