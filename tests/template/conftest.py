from __future__ import annotations

import pytest

from tests.support.template import Stack


@pytest.fixture(scope="session")
def stack() -> Stack:
    """What a deployment with every parameter at its default makes."""
    return Stack()
