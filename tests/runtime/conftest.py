"""The lookup function as Lambda runs it, with the demo tenant in its table."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from tests.support import demo_tenant, lambda_emulator
from tests.support.lambda_emulator import LambdaEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.lambda_emulator import Artifact


@pytest.fixture(scope="session")
def lookup_artifact() -> Artifact:
    """The lookup function with its layers, built, zipped and unpacked."""
    try:
        return lambda_emulator.artifact("LookupFunction")
    except lambda_emulator.MissingRuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lookup_env(dynamodb: DynamoDBLocal) -> Iterator[Mapping[str, str]]:
    """The lookup function's environment: a table with the demo tenant."""
    table = dynamodb.create_table()
    with closing(Client("dynamodb", env=dynamodb.env)) as client:
        demo_tenant.load(client, table)
    yield {**dynamodb.env, "CENTRALINO_TABLE": table}
    dynamodb.delete_table(table)


@pytest.fixture(scope="session")
def lookup(lookup_artifact: Artifact, lookup_env: Mapping[str, str]) -> Iterator[LambdaEmulator]:
    """The lookup function, running."""
    with LambdaEmulator(lookup_artifact.task, lookup_artifact.opt, lookup_env) as emulator:
        yield emulator
