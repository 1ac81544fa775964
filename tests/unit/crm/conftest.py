"""What the tests of CRM providers need."""

from __future__ import annotations

import pytest

# The contract's assertions say what differs, as those of a test file do.
pytest.register_assert_rewrite("tests.support.crm.contract")
