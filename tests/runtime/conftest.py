"""The functions as Lambda runs them, with the tenant of `events/` in their table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import pytest

from centralino.adapters.aws import Client
from tests.support import events_tenant, lambda_emulator
from tests.support.lambda_emulator import LambdaEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.lambda_emulator import Artifact

# The folder of a function -> the function, running.
Running: TypeAlias = Callable[[str], LambdaEmulator]


def _artifact(folder: str) -> Artifact:
    logical_id = folder.title().replace("_", "") + "Function"
    try:
        return lambda_emulator.artifact(logical_id)
    except lambda_emulator.MissingRuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lookup_artifact() -> Artifact:
    """The lookup function with its layers, built, zipped and unpacked."""
    return _artifact("lookup")


@pytest.fixture(scope="session")
def function_env(dynamodb: DynamoDBLocal) -> Iterator[Mapping[str, str]]:
    """The functions' environment: a table with the tenant of `events/`."""
    table = dynamodb.create_table()
    with closing(Client("dynamodb", env=dynamodb.env)) as client:
        events_tenant.load(client, table)
    yield {**dynamodb.env, "CENTRALINO_TABLE": table}
    dynamodb.delete_table(table)


@pytest.fixture(scope="session")
def running(function_env: Mapping[str, str]) -> Iterator[Running]:
    """Start each function when a test first asks for it, and stop them all at the end."""
    with ExitStack() as running:

        @cache
        def start(folder: str) -> LambdaEmulator:
            found = _artifact(folder)
            return running.enter_context(LambdaEmulator(found.task, found.opt, function_env))

        yield start
