"""Requests that nobody thought of, made from the OpenAPI document, against the whole admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from centralino.entry.admin.document import build_document
from tests.support.admin import Desk
from tests.support.asgi import Gateway

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemathesis import Case
    from schemathesis.checks import CheckFunction

# What no schema can say, so that a request that looks right may still be refused.
BEYOND_THE_SCHEMA = {
    "list_contacts": "a cursor has to be one of ours, a number one that can be looked up",
    "erase_number": "the number has to be one that can be looked up",
    "erase_everything": "the tenant has to be the key's own",
    "export": "a cursor has to be one of ours",
    "make_key": "the expiry has to be a time to come, a network a network",
    "put_settings": "countries, templates and rules have to make sense",
    "patch_settings": "the same",
    "put_agent": "the schedule has to exist, the mobile number to be one",
    "put_schedule": "hours have to follow each other, dates and regions to exist",
    "patch_routing": "the time zone and the providers have to exist, 50.0 is no whole number",
    "list_customers": "the cursor has to be ours",
    "list_associations": "the same, and number and code have to be some",
    "delete_association": "the number has to be one",
    "put_customer": "contracts and purchases end on days that there are, 50.0 is no whole number",
    "post_access": "a day has to be to come, and only some actions take one",
    "put_node": "its destinations have to exist, its patterns to be quick",
    "create_contact": "JSON Schema counts a web address's scheme as any text",
    "put_contact": "the same",
}
# A batch is accepted whatever is wrong with one of its contacts.
JUDGED_ONE_BY_ONE = "save_batch"


class Office:
    """A desk that is furnished anew when a request has erased the tenant."""

    def __init__(self) -> None:
        self.desk = _furnished()

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        return self.desk.api.answer(event)

    def key(self) -> str:
        if self.desk.tenants().settings() is None:
            self.desk = _furnished()
        return self.desk.keys["acme"]["admin"]


def _furnished() -> Desk:
    desk = Desk()
    # The document's own examples find somebody.
    desk.add(id="hubspot:17", last_name="Rossi", numbers=[{"number": "+393401234567"}])
    return desk


office = Office()
document = build_document()
# What PBXs and CRMs ask is not on the resolver; that has strange requests of its own.
OTHERS = ("/v1/lookup", "/v1/crm/", "/v1/route", "/v1/identify/", "/v1/originate", "/v1/pbx/")
for path in [path for path in document["paths"] if path.startswith(OTHERS)]:
    # `/v1/route/explain` is the admin API's.
    if path != "/v1/route/explain":
        del document["paths"][path]
schema = schemathesis.openapi.from_dict(document)
schema.app = Gateway(office.handle)


@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True)
def test_no_request_gets_an_answer_that_is_not_documented(case: Case[Any]) -> None:
    _judge(case)


@pytest.mark.soak
@schema.parametrize()
@settings(max_examples=1000, deadline=None)
def test_no_request_ever_gets_an_answer_that_is_not_documented(case: Case[Any]) -> None:
    _judge(case)


def _judge(case: Case[Any]) -> None:
    operation = case.operation.definition.raw["operationId"]
    excluded: list[CheckFunction] = []
    if operation in BEYOND_THE_SCHEMA:
        excluded.append(positive_data_acceptance)
    if operation == JUDGED_ONE_BY_ONE:
        excluded.append(negative_data_rejection)
    case.call_and_validate(headers={"x-api-key": office.key()}, excluded_checks=excluded)
