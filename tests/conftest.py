"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import local_stack as local
from centralino.adapters.aws import Client
from tests.support import dynamodb_local
from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_stack import Stack
    from tests.support.dynamodb_local import DynamoDBLocal

# The assertions of what test classes inherit say what differs, as those of a test file do.
pytest.register_assert_rewrite("tests.support.crm.contract")
pytest.register_assert_rewrite("tests.support.originate.contract")

IN_CI = os.environ.get("CI", "").lower() == "true"

# On top of Hypothesis's own profile (its `ci` one where CI is set): no test is about time.
settings.register_profile("centralino", settings.default, deadline=None)
settings.load_profile("centralino")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs DynamoDB Local or the local stack, so that `-m "not ..."` leaves it out."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "dynamodb" in fixtures:
            item.add_marker(pytest.mark.dynamodb)
        if "local_stack" in fixtures:
            item.add_marker(pytest.mark.stack)
            # One worker runs them all, so only one starts the stack.
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Make a skipped test a failed one where nothing may skip (`CI=true`)."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped, and in CI nothing may: {report.longrepr}"
    return report  # type: ignore[return-value]


@pytest.fixture(scope="session")
def dynamodb(request: pytest.FixtureRequest) -> Iterator[DynamoDBLocal]:
    """DynamoDB Local for the whole session (one for each worker of xdist)."""
    try:
        dynamodb_local.install()
    except dynamodb_local.MissingToolError as error:
        pytest.skip(str(error))
    soak = request.config.getoption("markexpr") == "soak"
    options = dynamodb_local.LONG_LIVED if soak else dynamodb_local.SHORT_LIVED
    with dynamodb_local.start(options=options) as server:
        yield server


@pytest.fixture
def table(dynamodb: DynamoDBLocal) -> Iterator[str]:
    """The name of a fresh, empty table."""
    name = dynamodb.create_table()
    yield name
    dynamodb.delete_table(name)


@pytest.fixture
def proxy(dynamodb: DynamoDBLocal) -> Iterator[FaultProxy]:
    """A proxy before the emulator: it counts what passes and goes wrong when told to."""
    with FaultProxy(dynamodb.endpoint) as proxy:
        yield proxy


@pytest.fixture
def client(dynamodb: DynamoDBLocal, proxy: FaultProxy) -> Iterator[Client]:
    """The signed client for DynamoDB, through the proxy."""
    with closing(Client("dynamodb", env={**dynamodb.env, **proxy.env})) as client:
        yield client


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole system over HTTP with its demo data, the functions' caches off."""
    with local.start(
        0, tmp_path_factory.mktemp("local"), parameters={"CacheSeconds": "0"}
    ) as stack:
        yield stack
