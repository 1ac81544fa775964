"""A tenant's connections to CRMs as they are stored, and how far reconciliation is with each.

What is no secret is here; secrets are in the secret store.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence


class SyncState(NamedTuple):
    """How far reconciliation is with one connection; times are milliseconds since 1970.

    Attributes:
        version: counts up with every save; a save names the version that it read.
        run: the run under way; empty if there is none.
        last_run: the one that ended last, so that a message that comes twice is told.
        full: whether the run lists everything, and sweeps what the CRM no longer has.
        stage: what the run reads: `modified`, `deleted` or `sweep`.
        cursor: the stage's next page.
        page: pages of the stage that are done; those of a sweep are counted on from the stage
            before, for what a part of one met is noted like a page.
        reached: the last contact that is done of a page that isn't; empty if none is.
        since_ms: the run asks for what changed at or after this.
        newest_ms: the newest change that the run has met, by the CRM's clock.
        started_ms: when the run began.
        moved_ms: when the run last came to the end of a page.
        due_ms: not before this is the CRM asked again.
        failures: in a row, at the same page.
        problem: why the last attempt failed, a short word; empty if it didn't.
        mark_ms: all changes before this, by the CRM's clock, were met by runs that ended.
        full_ms: when the last full run that ended had begun; 0 if there was none.
        finished_ms: when the last run ended.
        read: records that the run has read.
        imported: contacts that the first full run made or changed.
        missed: changes that no webhook had told us, though there was time enough.
        late: changes that came a moment before their webhooks.
        repaired: contacts whose version was right and whose content wasn't.
        removed: contacts that the CRM no longer had.
        rejected: records that are no contacts of ours: a field is too long, or not what it has
            to be.
    """

    version: int = 0
    run: str = ""
    last_run: str = ""
    full: bool = False
    stage: str = ""
    cursor: str = ""
    page: int = 0
    reached: str = ""
    since_ms: int = 0
    newest_ms: int = 0
    started_ms: int = 0
    moved_ms: int = 0
    due_ms: int = 0
    failures: int = 0
    problem: str = ""
    mark_ms: int = 0
    full_ms: int = 0
    finished_ms: int = 0
    read: int = 0
    imported: int = 0
    missed: int = 0
    late: int = 0
    repaired: int = 0
    removed: int = 0
    rejected: int = 0


class StoredConnection(NamedTuple):
    """One connection of a tenant.

    Attributes:
        tenant: the tenant's id.
        provider: the provider's slug.
        account: what is no secret; each provider documents its own.
        connected_at: seconds since 1970.
        state: how far reconciliation is.
    """

    tenant: str
    provider: str
    account: Mapping[str, str]
    connected_at: int = 0
    state: SyncState = SyncState()


class ConnectionStore(Protocol):
    """One tenant's connections. Every method raises UnavailableError if there is no answer."""

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def get(self, provider: str, timeout_s: float = ...) -> StoredConnection | None:
        """Return a connection; None if there is none."""

    def list(self) -> tuple[StoredConnection, ...]:
        """Return the tenant's connections, by provider."""

    def save(self, provider: str, account: Mapping[str, str], *, now_s: float) -> None:
        """Save a connection; with another account than before reconciliation begins anew.

        Raises:
            NotFoundError: there is no such tenant (any more).
        """

    def remove(self, provider: str) -> bool:
        """Remove a connection; return whether there was one."""

    def save_state(self, provider: str, state: SyncState) -> SyncState | None:
        """Save how far reconciliation is, over the version that the state names.

        Returns:
            The state with its new version; None if somebody else was faster, or the connection is
            gone.
        """

    def mark(self, provider: str, run: str, page: int, records: Sequence[str]) -> None:
        """Note which records a page of a full run held; doing it again changes nothing."""

    def marked(self, provider: str, run: str) -> Collection[str]:
        """Return what answers `record in ...` for the records that a full run has noted."""


class ConnectionList(Protocol):
    """The connections of all tenants: what the dispatcher goes through, and nobody else."""

    def all(self) -> Iterator[StoredConnection]:
        """Yield every connection, whoever's it is."""
