"""The table's one page."""

from __future__ import annotations

import inspect
from pathlib import Path

from centralino.adapters.store import table
from centralino.adapters.store.table import create_table_request

PAGE = Path(__file__).parents[2] / "docs" / "data-model.md"


def test_the_documented_data_model_is_the_one_in_the_code() -> None:
    assert inspect.cleandoc(table.__doc__ or "") in PAGE.read_text()


def test_the_table_keeps_no_more_than_keys_in_its_index() -> None:
    request = create_table_request("name")
    [index] = request["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert request["BillingMode"] == "PAY_PER_REQUEST"
