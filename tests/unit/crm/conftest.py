"""What the tests of CRM providers need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the contract's tests that are not about a product: `contract.only`."""
    items[:] = [item for item in items if _is_about(item)]


def _is_about(item: pytest.Item) -> bool:
    about = getattr(getattr(item, "function", None), "about", None)
    return about is None or bool(about(getattr(item, "cls", None)))
