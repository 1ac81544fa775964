"""An outage of the database, as each CRM lives through it: on loopback, behind the fault proxy."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.entry.access import Door
from centralino.entry.receive import KEY_S
from tests.support import faults
from tests.support.crm.contract import contract_of
from tests.support.crm.outage import IMPATIENT, PATIENT, Service, outlived
from tests.support.memory_store import Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from centralino.ports.connections import ConnectionStore
    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Fault, FaultProxy

FAULTS = {
    "hangs up": faults.closed,
    "fails": faults.server_error,
    "throttles": faults.throttling,
    "is gone": faults.missing_table,
}


class DynamoService(Service):
    """A receiver before the real store, whose requests go wrong for as long as the outage lasts."""

    def __init__(self, provider: str, fault: Fault, proxy: FaultProxy, stores: Stores) -> None:
        super().__init__(contract_of(provider), "database")
        self.key = stores.create_tenant("acme")["crm"]
        self._fault = fault
        self._proxy = proxy
        self._stores = stores
        self._links = DynamoConnectionStore(stores.client, stores.table, "acme")
        self._links.save(provider, self.connection.account, now_s=time.time())

    def door(self) -> Door:
        self._proxy.fault = self._fault if self.is_down("database") else None
        return Door(DynamoCallStore(self._stores.client, self._stores.table), self.clock, 30, KEY_S)

    def connections(self, tenant: str) -> ConnectionStore:
        assert tenant == "acme"
        return self._links


@pytest.fixture
def serve(
    dynamodb: DynamoDBLocal, proxy: FaultProxy, table: str
) -> Iterator[Callable[[str, Fault], DynamoService]]:
    with closing(Client("dynamodb", env={**dynamodb.env, **proxy.env})) as client:
        stores = Stores(client, table)
        yield lambda provider, fault: DynamoService(provider, fault, proxy, stores)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("provider", PATIENT)
def test_nothing_is_lost_while_the_database_is_down_and_no_webhook_is_banned_or_deleted(
    provider: str, fault: Callable[[], Fault], serve: Callable[[str, Fault], DynamoService]
) -> None:
    sender = PATIENT[provider]()
    service = outlived(provider, sender, serve(provider, fault()))
    assert sender.lost == []
    assert (sender.banned, sender.removed) == (False, False)
    # There was an outage, and it was told as our own trouble.
    assert set(service.statuses) == {200, 503}


@pytest.mark.parametrize("provider", IMPATIENT)
def test_a_crm_that_gives_up_while_the_database_is_down_keeps_its_webhook(
    provider: str, serve: Callable[[str, Fault], DynamoService]
) -> None:
    make, every_s = IMPATIENT[provider]
    sender = make()
    service = outlived(provider, sender, serve(provider, faults.server_error()), every_s)
    # Reconciliation finds what it gave up: `tests/functions/test_crm_senders.py`.
    assert sender.lost
    assert (sender.banned, sender.removed) == (provider == "pipedrive", False)
    assert 503 in service.statuses
