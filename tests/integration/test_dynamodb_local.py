"""The emulator that judges the store behaves as its users here expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.dynamodb_local import DynamoDBLocal


def test_a_fresh_table_is_empty_and_keeps_what_is_put(dynamodb: DynamoDBLocal, table: str) -> None:
    key = {"pk": {"S": "T#acme#N#+390244556677"}, "sk": {"S": "N"}}
    assert "Item" not in dynamodb.boto3.get_item(TableName=table, Key=key)

    dynamodb.boto3.put_item(TableName=table, Item={**key, "sv": {"N": "1"}})

    assert dynamodb.boto3.get_item(TableName=table, Key=key)["Item"]["sv"] == {"N": "1"}
