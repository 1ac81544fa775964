"""The PBXs that place a tenant's calls as they are stored, in memory and on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.lines import DynamoLineStore
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.ports.lines import StoredLine
from tests.support.memory_store import MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dynamodb_local import DynamoDBLocal

ACCOUNT = {"base_url": "https://pbx.acme.example", "context": "from-internal"}


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


def lines(stores: Stores, tenant: str = "acme") -> DynamoLineStore:
    return DynamoLineStore(
        stores.client,
        stores.table,
        tenant,
        now=lambda: stores.now_s,
        pause=stores.pauses.append,
    )


def test_a_pbx_is_kept_with_what_is_no_secret_and_saved_anew_over_itself(stores: Stores) -> None:
    store = lines(stores)
    assert store.get("asterisk") is None
    store.save("asterisk", {"base_url": "https://old.acme.example"}, now_s=1.5)
    store.save("asterisk", ACCOUNT, now_s=2.5)
    assert store.get("asterisk") == StoredLine("asterisk", ACCOUNT, 2)


def test_a_tenant_may_have_several_pbxs_and_sees_no_other_tenants(stores: Stores) -> None:
    stores.create_tenant("other")
    for slug in ("yeastar", "asterisk_ws"):
        lines(stores).save(slug, {}, now_s=0)
    lines(stores, "other").save("twilio", {}, now_s=0)
    assert [line.provider for line in lines(stores).list()] == ["asterisk_ws", "yeastar"]
    assert lines(stores).get("twilio") is None


def test_a_pbx_that_is_removed_is_gone_and_removing_it_again_says_so(stores: Stores) -> None:
    store = lines(stores)
    store.save("asterisk", ACCOUNT, now_s=0)
    assert store.remove("asterisk")
    assert not store.remove("asterisk")
    assert store.list() == ()


def test_a_tenant_that_is_not_there_has_no_pbx(stores: Stores) -> None:
    with pytest.raises(NotFoundError):
        lines(stores, "gone").save("asterisk", ACCOUNT, now_s=0)
    assert lines(stores, "gone").list() == ()


def test_an_erased_tenant_has_no_pbx_any_more(stores: Stores) -> None:
    lines(stores).save("asterisk", ACCOUNT, now_s=0)
    stores.tenants("acme").close()
    assert lines(stores).list() == ()
    with pytest.raises(NotFoundError):
        lines(stores).save("asterisk", ACCOUNT, now_s=0)


@pytest.mark.parametrize("provider", ["", "3cx", "A B", "a#b", "../x", "x" * 40])
def test_what_can_be_no_provider_is_refused_before_anybody_is_asked(
    stores: Stores, provider: str
) -> None:
    with pytest.raises(PayloadError):
        lines(stores).get(provider)
