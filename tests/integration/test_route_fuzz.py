"""Requests that nobody thought of, made from the OpenAPI document, against what routes calls."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from copy import deepcopy
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

import pbx_page
from centralino.adapters.store.routing import DynamoRoutingStore
from centralino.entry.admin.document import build_document
from centralino.entry.route import route
from tests.support import events_tenant
from tests.support.asgi import Gateway
from tests.support.calls import Clock, http_event
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.route_desk import FATES, route_desk, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemathesis import Case
    from schemathesis.checks import CheckFunction


SECRET = "a-secret-to-sign-with"
SECRETS: dict[str, dict[str, object]] = {
    "demo/crm/pbx-twilio": {"auth_token": SECRET},
    "demo/crm/pbx-jambonz": {"webhook_secret": SECRET},
}
clock = Clock()
dynamo = MemoryDynamo()
events_tenant.load(dynamo, dynamo.table)
# What is kept of a call gets lost in every way that there is.
desk = route_desk(dynamo, clock, SECRETS, *FATES, cache_s=30)


def _handle(event: Mapping[str, Any]) -> dict[str, Any]:
    clock.now += 1
    with redirect_stdout(StringIO()) as log:
        given = route(signed(event, SECRET, clock.now), desk)
    # What is wrong with a request is counted as invalid; an error is a mistake of ours.
    told = json.loads(log.getvalue().splitlines()[-1])
    assert told["outcome"] != "error", told
    # Whatever was sent, its signature is good; some cases leave the key out.
    assert told["outcome"] != "refused" or "API key" in told["reason"], told
    return given


def _at(slug: str, methods: Mapping[str, Any]) -> dict[str, Any]:
    """Return a path's operations at one PBX, which nobody would find by chance."""
    copied: dict[str, Any] = deepcopy(dict(methods))
    for operation in copied.values():
        operation["operationId"] += f"_{slug}"
        operation["parameters"] = [
            {**parameter, "schema": {"enum": [*events_tenant.NODES, "none"]}}
            if parameter["name"] == "node"
            else parameter
            for parameter in operation["parameters"]
            if parameter["name"] != "provider"
        ]
    return copied


document = build_document()
OURS = ("/v1/route", "/v1/identify/", "/v1/pbx/")
for path in [path for path in document["paths"] if not path.startswith(OURS)]:
    del document["paths"][path]
document["paths"].pop("/v1/route/explain", None)
for path in [path for path in document["paths"] if "{provider}" in path]:
    for slug in pbx_page.slugs():
        at = path.replace("{provider}", slug)
        document["paths"][at] = _at(slug, document["paths"][path])
schema = schemathesis.openapi.from_dict(document)
schema.app = Gateway(_handle)
# A caller waits, so what is wrong with a request is said beside a 200.
EXCLUDED: list[CheckFunction] = [
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
]


@pytest.mark.parametrize("provider", ["twilio", "jambonz"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_cases_are_signed_with_lets_them_in(provider: str, kind: str, method: str) -> None:
    headers = {"x-api-key": events_tenant.KEYS["pbx"], "content-type": kind}
    body = b'{"a":1}' if kind.endswith("json") else b"a=1&b=%2B"
    path = f"/v1/pbx/{provider}/route"
    event = http_event(
        "From=x", method=method, path=path, headers=headers, body=body, epoch_ms=None
    )
    given = _handle(event)
    assert given["headers"]["x-centralino-outcome"] == "decided"


@pytest.mark.parametrize("fate", FATES)
def test_whatever_becomes_of_what_is_kept_the_call_goes_where_it_goes(fate: str) -> None:
    board = route_desk(dynamo, Clock(), SECRETS, fate)
    key = events_tenant.KEYS["pbx"]
    for n in range(12):
        query = {"number": "+390244556677", "call_id": f"{fate}-{n}"}
        given = route(http_event(query, path="/v1/route", headers={"x-api-key": key}), board)
        assert given["headers"]["x-centralino-outcome"] == "decided"
        assert json.loads(given["body"])["destination"] == "queue:600"
    store = DynamoRoutingStore(dynamo, dynamo.table, "demo", now=Clock())
    kept = store.decision(f"{fate}-0")
    assert (kept is not None) == (fate == "arrives")
    assert (board.journal.lost > 0) == (fate != "arrives")


@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True)
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
