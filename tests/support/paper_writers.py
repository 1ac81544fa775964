"""All who write what a paper CRM has into one tenant's index, each as its function does it.

A webhook's worker applies a delivery, reconciliation goes through what the CRM lists and through
what we hold, and live search saves whom it found. Whether they take turns or race is for the test.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from centralino.adapters.store.callers import DynamoCallerStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.table import card_key, contact_key
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.apply_hints import apply_hints
from centralino.application.search_crms import Circuits, Desk, Query, search_crms
from centralino.application.sync_crm import sync_crm
from centralino.domain.errors import UnavailableError
from centralino.domain.keys import ApiKey
from centralino.domain.settings import Line, Settings
from centralino.ports.connections import StoredConnection, SyncState
from centralino.ports.store import Page
from tests.support.paper_crm import SLUG, OfficeWeb, hints_of, paper
from tests.support.store_model import assert_cards_follow, contacts_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from centralino.adapters.store.sender import Sender
    from centralino.application.apply_hints import Applied
    from centralino.domain.contact import Contact
    from centralino.ports.connections import ConnectionStore
    from centralino.ports.crm import Crm
    from tests.support.paper_crm import Event, Office

LINE = Line(country="IT", area_code="02")
# A card's, so that few records are too many for one.
ROOM = 2


class Links:
    """The connection's state in memory, with its version; `ports/connections.py`'s ConnectionStore.

    How far a run is, is not what these tests are about: what it writes on its way is.

    Attributes:
        state: how far reconciliation is.
        lock: held while that changes.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.state = SyncState()
        self.lock = threading.Lock()
        self._marked: dict[str, set[str]] = {}

    def get(self, provider: str, timeout_s: float = 1.0) -> StoredConnection:
        assert timeout_s > 0
        return StoredConnection(self.tenant, provider, {}, 0, self.state)

    def save_state(self, provider: str, state: SyncState) -> SyncState | None:
        assert provider == SLUG
        with self.lock:
            if state.version != self.state.version:
                return None
            self.state = state._replace(version=state.version + 1)
            return self.state

    def mark(self, provider: str, run: str, page: int, records: Sequence[str]) -> None:
        assert provider == SLUG
        assert page >= 0
        self._marked.setdefault(run, set()).update(records)

    def marked(self, provider: str, run: str) -> Collection[str]:
        assert provider == SLUG
        return frozenset(self._marked.get(run, ()))


class Contacts(DynamoContactStore):
    """A store that lists all contacts at once: the index of lists is not what is tested here."""

    records: Sequence[str] = ()

    def page(self, *, cursor: str = "", limit: int = 50, problems: bool = False) -> Page:
        assert (cursor, problems) == ("", False)
        assert len(self.records) <= limit
        found = (self.get(f"{SLUG}:{record}") for record in self.records)
        return Page(tuple(contact for contact in found if contact), "")


class Writers:
    """The writers of one tenant.

    Args:
        table: the table's name.
        tenant: the tenant's id.
        office: the CRM.
        records: all that it ever has.
        now_ms: the time there and here, milliseconds since 1970.
        pause: what a wait is.
    """

    def __init__(  # noqa: PLR0917 - what it is made of
        self,
        table: str,
        tenant: str,
        office: Office,
        records: Sequence[str],
        now_ms: Callable[[], int],
        pause: Callable[[float], None],
    ) -> None:
        self.links = Links(tenant)
        self.runs = 0
        self._table = table
        self._tenant = tenant
        self._office = office
        self._records = records
        self._now_ms = now_ms
        self._pause = pause
        self._settings = Settings(tenant, line=LINE, crms=(SLUG,))

    def create(self, client: Sender) -> None:
        """Create the tenant: reconciliation writes for none that is gone."""
        store = DynamoTenantStore(client, self._table, self._tenant)
        store.create(self._settings, ApiKey(self._tenant, "pbx"))

    def deliver(self, client: Sender, told: Sequence[Event], ask: Callable[[str], None]) -> Applied:
        """Apply a delivery, as the worker does."""
        crm = self._crm(ask)
        return apply_hints(
            self._store(client),
            crm,
            hints_of(told),
            LINE,
            # As late as can be: a CRM may take a day to tell.
            received_at_ms=self._now_ms(),
            now_ms=self._now_ms,
            renew=lambda: crm,
        )

    def reconcile(self, client: Sender, ask: Callable[[str], None], *, whole: bool) -> None:
        """Go on with the run under way, beside who may be at it, or begin one.

        Args:
            client: sends the requests.
            ask: called before each request to the CRM.
            whole: whether a new run lists everything and then sweeps, or lists what changed.
        """
        links: ConnectionStore = self.links  # type: ignore[assignment]  # of it, what a run uses
        with self.links.lock:
            # As if whatever a run waits for had passed.
            state = self.links.state._replace(due_ms=0)
            if not state.run:
                self.runs += 1
                state = state._replace(full_ms=0 if whole else self._now_ms())
            self.links.state = state
        sync_crm(
            links,
            self._store(client),
            self._crm(ask),
            LINE,
            state.run or f"run-{self.runs}",
            now=self._now_s,
            until_s=float("inf"),
        )

    def search(
        self, client: Sender, ask: Callable[[str], None], number: str, *, refresh: bool
    ) -> None:
        """Search the CRM for a caller and save whom it knows; or not, if it or we can't now."""
        callers = DynamoCallerStore(
            client, self._table, self._tenant, now=self._now_s, pause=lambda _: None
        )
        desk = Desk(
            self._store(client),
            callers,
            _Providers(self._crm(ask)),
            Circuits(),
            self._now_s,
            self._pause,
        )
        try:
            if refresh:
                # As if they had been found long ago.
                callers.refresh_at(number, self._now_s())
            search_crms(Query(number, refresh=refresh), self._settings, desk)
        except UnavailableError:
            return  # the next call searches again

    def _crm(self, ask: Callable[[str], None]) -> Crm:
        return paper(self._office, OfficeWeb(self._office, ask))

    def _store(self, client: Sender) -> Contacts:
        store = Contacts(
            client, self._table, self._tenant, now=self._now_s, pause=lambda _: None, room=ROOM
        )
        store.records = self._records
        return store

    def _now_s(self) -> float:
        return self._now_ms() / 1000


def read_items(
    client: Sender, table: str, tenant: str, records: Sequence[str], numbers: Sequence[str]
) -> list[dict[str, Any]]:
    """Read the contacts and the cards that there can be of a tenant."""
    keys = [contact_key(tenant, f"{SLUG}:{record}") for record in records]
    keys += [card_key(tenant, number) for number in numbers]
    wanted = {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}}
    answer = client.call("BatchGetItem", wanted, timeout_s=5)
    found: list[dict[str, Any]] = answer["Responses"][table]
    for card in [item for item in found if int(item.get("n", {}).get("N", 0)) > ROOM]:
        beside = {
            "TableName": table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {":pk": card["pk"], ":sk": {"S": "N#"}},
            "ConsistentRead": True,
        }
        found += client.call("Query", beside, timeout_s=5)["Items"]
    return found


def assert_as_the_crm_is(
    office: Office, tenant: str, items: Sequence[dict[str, Any]], records: Sequence[str]
) -> None:
    """The index holds what the CRM has, and nobody else."""
    stored = contacts_in(items)
    for record in records:
        told = office.contact(record) if record in office.there else None
        assert _plain(stored.get(f"{SLUG}:{record}")) == _plain(told), f"record {record}"
    assert_cards_follow(tenant, items)


def _plain(contact: Contact | None) -> Contact | None:
    """Return what a CRM knows of a contact; its version and what we work out are ours."""
    if contact is None:
        return None
    numbers = tuple(number._replace(indexed="", problem="") for number in contact.numbers)
    return contact._replace(version=0, numbers=numbers)


class _Providers:
    """One connection, with secrets that never change."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    def open(self, provider: str) -> Crm:
        assert provider == SLUG
        return self._crm

    def reopen(self, provider: str) -> None:
        assert provider == SLUG
