"""Connections to CRMs as they are stored, in memory and on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.connections import (
    MARKS_S,
    DynamoConnectionList,
    DynamoConnectionStore,
)
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.ports.connections import SyncState
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.memory_store import MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dynamodb_local import DynamoDBLocal

ACCOUNT = {"base_url": "https://crm.acme.example"}


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        stores: Stores = MemoryStores()
        stores.create_tenant("acme")
        yield stores
        return
    server: DynamoDBLocal = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    stores = Stores(client, request.getfixturevalue("table"))
    stores.create_tenant("acme")
    yield stores
    client.close()


def links(stores: Stores, tenant: str = "acme") -> DynamoConnectionStore:
    return DynamoConnectionStore(
        stores.client,
        stores.table,
        tenant,
        now=lambda: stores.now_s,
        pause=stores.pauses.append,
    )


def test_a_connection_is_kept_with_its_account_and_begins_with_nothing_read(
    stores: Stores,
) -> None:
    store = links(stores)
    store.save("hubspot", ACCOUNT, now_s=stores.now_s)
    found = store.get("hubspot")
    assert found
    assert (found.tenant, found.provider, found.account) == ("acme", "hubspot", ACCOUNT)
    assert (found.connected_at, found.state) == (int(stores.now_s), SyncState())
    assert store.get("odoo") is None
    store.save("espocrm", {}, now_s=stores.now_s)
    assert [link.provider for link in store.list()] == ["espocrm", "hubspot"]


def test_a_tenant_that_is_not_there_is_not_connected(stores: Stores) -> None:
    with pytest.raises(NotFoundError):
        links(stores, "gone").save("hubspot", ACCOUNT, now_s=0)
    assert list(DynamoConnectionList(stores.client, stores.table).all()) == []


@pytest.mark.parametrize("provider", ["", "Hub Spot", "a#b", "../x", "x" * 40])
def test_what_can_be_no_provider_is_refused_before_anybody_is_asked(
    stores: Stores, provider: str
) -> None:
    with pytest.raises(PayloadError):
        links(stores).get(provider)


def test_connecting_again_goes_on_and_another_account_begins_anew(stores: Stores) -> None:
    store = links(stores)
    store.save("hubspot", ACCOUNT, now_s=1)
    state = store.save_state("hubspot", SyncState(mark_ms=17))
    store.save("hubspot", ACCOUNT, now_s=2)
    found = store.get("hubspot")
    assert found
    assert (found.connected_at, found.state) == (1, state)
    store.save("hubspot", {"base_url": "https://other.example"}, now_s=3)
    found = store.get("hubspot")
    assert found
    assert (found.connected_at, found.state) == (3, SyncState())
    # Whoever is still at the old account's run can't say how far it is.
    assert state
    assert store.save_state("hubspot", state) is None


def test_of_two_who_say_how_far_they_are_one_is_believed(stores: Stores) -> None:
    store = links(stores)
    store.save("hubspot", ACCOUNT, now_s=1)
    first = store.save_state("hubspot", SyncState(run="r1", cursor="a"))
    assert first == SyncState(version=1, run="r1", cursor="a")
    assert store.save_state("hubspot", SyncState(run="r2")) is None
    assert store.save_state("hubspot", first._replace(cursor="b")) == SyncState(
        version=2, run="r1", cursor="b"
    )
    assert store.save_state("hubspot", first) is None
    found = store.get("hubspot")
    assert found
    assert found.state.cursor == "b"


def test_a_connection_that_was_removed_does_not_come_back_with_its_run(stores: Stores) -> None:
    store = links(stores)
    store.save("hubspot", ACCOUNT, now_s=1)
    state = store.save_state("hubspot", SyncState(run="r1"))
    assert state
    assert store.remove("hubspot") is True
    assert store.remove("hubspot") is False
    assert store.save_state("hubspot", state) is None
    assert store.save_state("hubspot", SyncState()) is None
    assert store.get("hubspot") is None
    assert list(DynamoConnectionList(stores.client, stores.table).all()) == []


def test_the_dispatcher_finds_the_connections_of_all_tenants(stores: Stores) -> None:
    expected = set()
    for place in range(30):
        tenant = f"t{place:02d}"
        stores.create_tenant(tenant)
        links(stores, tenant).save("odoo", ACCOUNT, now_s=place)
        expected.add((tenant, "odoo", place))
    links(stores).save("hubspot", ACCOUNT, now_s=7)
    expected.add(("acme", "hubspot", 7))
    found = list(DynamoConnectionList(stores.client, stores.table).all())
    assert {(link.tenant, link.provider, link.connected_at) for link in found} == expected
    assert len(found) == len(expected)


def test_marks_tell_what_a_full_run_has_seen(stores: Stores) -> None:
    store = links(stores)
    store.mark("odoo", "r1", 0, [str(record) for record in range(100)])
    store.mark("odoo", "r1", 1, ["company-7"])
    store.mark("odoo", "r1", 1, ["company-7"])  # a page that was done twice
    store.mark("odoo", "r2", 0, ["200"])
    seen = store.marked("odoo", "r1")
    assert "99" in seen
    assert "company-7" in seen
    assert "100" not in seen
    assert "200" not in seen
    assert len(store.marked("odoo", "r3")) == 0


def test_closing_a_tenant_removes_its_connections_and_nobody_can_add_one(stores: Stores) -> None:
    store = links(stores)
    store.save("odoo", ACCOUNT, now_s=1)
    stores.create_tenant("other")
    links(stores, "other").save("odoo", ACCOUNT, now_s=1)
    stores.tenants("acme").close()
    assert store.list() == ()
    with pytest.raises(NotFoundError):
        store.save("odoo", ACCOUNT, now_s=2)
    assert [link.tenant for link in DynamoConnectionList(stores.client, stores.table).all()] == [
        "other"
    ]


def test_marks_of_a_run_end_by_themselves() -> None:
    stores = MemoryStores()
    links(stores).mark("odoo", "r1", 0, ["1"])
    [item] = stores.dynamo.all_items()
    assert item["expires_at"] == {"N": str(int(stores.now_s) + MARKS_S)}


def test_no_item_of_the_list_says_more_than_tenant_and_provider() -> None:
    stores = MemoryStores()
    stores.create_tenant("acme")
    links(stores).save("odoo", ACCOUNT, now_s=1)
    dynamo = stores.dynamo
    assert isinstance(dynamo, MemoryDynamo)
    [item] = [item for item in dynamo.all_items() if "lpk" in item]
    assert item["lsk"] == {"S": "acme#odoo"}
    assert (item["pk"], item["sk"]) == ({"S": "T#acme"}, {"S": "CRM#odoo"})
