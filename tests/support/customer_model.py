"""What has to be true of a tenant's customers and learned numbers, whatever has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.adapters.store.route_items import read_association_item
from centralino.domain.customer import code_digits
from tests.support.memory_dynamo import MemoryDynamo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.memory_store import Stores


def items_of(stores: Stores, server: DynamoDBLocal | None) -> list[dict[str, Any]]:
    """Return everything that is stored."""
    if server is None:
        assert isinstance(stores.client, MemoryDynamo)
        return stores.client.all_items()
    pages = server.boto3.get_paginator("scan").paginate(TableName=stores.table)
    return [dict(item) for page in pages for item in page["Items"]]


def assert_agreed(items: Iterable[dict[str, Any]], tenant: str) -> set[tuple[str, str]]:
    """Check that both sides of every association agree; return all (number, code)."""
    by_number: set[tuple[str, str]] = set()
    by_customer: set[tuple[str, str]] = set()
    counts: dict[str, int] = {}
    spelled: set[tuple[str, str]] = set()
    for item in items:
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if not pk.startswith(f"T#{tenant}#"):
            continue
        kind, _, name = pk.removeprefix(f"T#{tenant}#").partition("#")
        if kind == "A":
            codes = {one.code for one in read_association_item(name, item)}
            assert codes, "an item of no association is left"
            assert codes == {attribute[2:] for attribute in item if attribute[:2] == "u:"}
            assert item["lsk"]["S"] == name
            by_number |= {(name, code) for code in codes}
        elif kind == "K" and sk == "K":
            counts[name] = int(item["n"]["N"])
        elif kind == "K" and sk.startswith("A#"):
            by_customer.add((sk.removeprefix("A#"), name))
        elif kind == "D":
            spelled |= {(name, code) for code in item["codes"]["SS"]}
    assert by_number == by_customer
    assert {code for _, code in by_customer} <= counts.keys()
    assert counts == {code: sum(to == code for _, to in by_customer) for code in counts}, (
        "a count is off"
    )
    assert spelled == {(code_digits(code), code) for code in counts if code_digits(code)}
    return by_number
