"""Requests that nobody thought of, made from the OpenAPI document, against what routes calls."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.specs.openapi.checks import (
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from centralino import bootstrap
from centralino.adapters.store.route_read import DynamoRouteStore
from centralino.domain.rulebook import default_routing
from centralino.entry.access import Door
from centralino.entry.admin.document import build_document
from centralino.entry.route import Desk, route
from tests.support import events_tenant
from tests.support.asgi import Gateway
from tests.support.calls import Clock
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.routes import NoJournal, NoSecrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemathesis import Case
    from schemathesis.checks import CheckFunction


def _desk() -> Desk:
    dynamo = MemoryDynamo()
    events_tenant.load(dynamo, dynamo.table)
    store = DynamoRouteStore(dynamo, dynamo.table, default_routing())

    def learner(_tenant: str) -> Any:  # noqa: ANN401 - nobody is learned in the events' tenant
        raise NotImplementedError

    return Desk(
        Door(store, Clock(), 30),
        store,
        NoJournal(),
        bootstrap.pbx_class,
        NoSecrets,
        learner,
        lambda: None,
    )


desk = _desk()


def _handle(event: Mapping[str, Any]) -> dict[str, Any]:
    with redirect_stdout(StringIO()) as log:
        given = route(event, desk)
    # What is wrong with a request is counted as invalid; an error is a mistake of ours.
    told = json.loads(log.getvalue().splitlines()[-1])
    assert told["outcome"] != "error", told
    return given


document = build_document()
OURS = ("/v1/route", "/v1/identify/", "/v1/pbx/")
for path in [path for path in document["paths"] if not path.startswith(OURS)]:
    del document["paths"][path]
document["paths"].pop("/v1/route/explain", None)
schema = schemathesis.openapi.from_dict(document)
schema.app = Gateway(_handle)
# A caller waits, so what is wrong with a request is said beside a 200.
EXCLUDED: list[CheckFunction] = [
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
]


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True)
def test_no_call_gets_an_answer_that_is_not_documented(case: Case[Any]) -> None:
    _judge(case)


@pytest.mark.soak
@schema.parametrize()
@settings(max_examples=1000, deadline=None)
def test_no_call_ever_gets_an_answer_that_is_not_documented(case: Case[Any]) -> None:
    _judge(case)


def _judge(case: Case[Any]) -> None:
    case.call_and_validate(
        headers={"x-api-key": events_tenant.KEYS["pbx"]}, excluded_checks=EXCLUDED
    )
