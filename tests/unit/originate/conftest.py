"""What the tests of PBXs that place calls need."""

from __future__ import annotations

from tests.unit.crm.conftest import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]
