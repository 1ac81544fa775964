"""The functions as Lambda runs them, with the tenant of `events/` in their table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import pytest

from centralino.adapters.aws import Client
from tests.support import events_tenant, lambda_emulator
from tests.support.fake_aws import QUEUE_URL, FakeAws
from tests.support.lambda_emulator import LambdaEmulator
from tests.support.template import declared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.lambda_emulator import Artifact

# The folder of a function -> the function, running.
Running: TypeAlias = Callable[[str], LambdaEmulator]


def logical_id(folder: str) -> str:
    """Return what the template calls the function of a folder."""
    return folder.title().replace("_", "") + "Function"


def _artifact(folder: str) -> Artifact:
    try:
        return lambda_emulator.artifact(logical_id(folder))
    except lambda_emulator.MissingRuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lookup_artifact() -> Artifact:
    """The lookup function with its layers, built, zipped and unpacked."""
    return _artifact("lookup")


@pytest.fixture(scope="session")
def receive_artifact() -> Artifact:
    """The receiver of webhooks with its layer, built, zipped and unpacked."""
    return _artifact("receive_crm")


@pytest.fixture(scope="session")
def aws() -> Iterator[FakeAws]:
    """The services beside DynamoDB, with the secrets of the tenant of `events/`."""
    with FakeAws() as aws:
        aws.parameters.update(events_tenant.parameters("/centralino/local"))
        yield aws


@pytest.fixture(scope="session")
def function_env(dynamodb: DynamoDBLocal, aws: FakeAws) -> Iterator[Mapping[str, str]]:
    """The functions' environment: a table with the tenant of `events/`, a queue, secrets."""
    table = dynamodb.create_table()
    with closing(Client("dynamodb", env=dynamodb.env)) as client:
        events_tenant.load(client, table)
    yield {
        **aws.env,
        **dynamodb.env,
        "CENTRALINO_TABLE": table,
        "CENTRALINO_QUEUE_URL": QUEUE_URL,
    }
    dynamodb.delete_table(table)


@pytest.fixture(scope="session")
def running(function_env: Mapping[str, str]) -> Iterator[Running]:
    """Start each function when a test first asks for it, and stop them all at the end."""
    with ExitStack() as running:

        @cache
        def start(folder: str) -> LambdaEmulator:
            found = _artifact(folder)
            limit_s = declared()["Resources"][logical_id(folder)]["Properties"]["Timeout"]
            return running.enter_context(
                LambdaEmulator(found.task, found.opt, function_env, timeout_s=limit_s)
            )

        yield start
