"""Whole calls of customers through a real Asterisk, the shipped dialplan and the real functions.

Between the two stands `tests/support/http_gateway.py`; the handler is `functions/route_call`, and
DynamoDB Local is behind it.
"""

from __future__ import annotations

import importlib.util
import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from centralino import bootstrap
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.application.change_access import change_access
from centralino.application.compile_routing import save_parts
from centralino.application.create_key import create_key
from centralino.application.create_tenant import create_tenant
from centralino.application.save_contact import save_contact
from centralino.application.save_customer import save_customer
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.customer import Customer
from centralino.domain.settings import Line, Settings
from tests.support.asterisk import ROOT
from tests.support.faulty_http import hung
from tests.support.http_gateway import HttpGateway
from tests.support.office import OML_CUSTOM, OML_TYPE_1, OML_TYPE_2, ROUTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.asterisk_report import Report
    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.http_gateway import Handler
    from tests.support.office import Office

pytestmark = pytest.mark.asterisk

TENANT = "acme"
LINE = Line(country="IT", area_code="02")
ZONE = "Europe/Rome"
PAYING, EXPIRED, NOBODYS = "IT12345670017", "IT09876540015", "00743110157"
KNOWN = "+390244556677"
# One for each story: what a caller types is learned.
STRANGER, MISTAKEN, LATE = "+390255667788", "+393331234567", "+393337654321"
RULES = {
    "destinations": {
        "support": {"to": "queue:support", "omnileads": "1,3"},
        "sales": {"to": "queue:sales", "omnileads": "1,4"},
        "gold": {"to": "queue:gold", "omnileads": "1,5"},
        "node": {"to": "custom:ask", "omnileads": "9,4"},
    },
    "fallback": "sales",
    "rules": [
        {"name": "paying", "when": "customer.status == 'active'", "to": "support"},
        {
            "name": "who is it, OMniLeads",
            "when": "call.provider == 'omnileads' && customer.code == ''",
            "to": "node",
        },
        {"name": "who is it", "when": "customer.code == ''", "to": "identify:ask"},
        {"name": "the rest", "when": "", "to": "sales"},
    ],
}
NODES = {
    "ask": {"mode": "check", "codes": ["vat:IT"], "length": 11, "attempts": 2, "timeout_s": 3},
    "check": {"mode": "check", "codes": ["vat:IT"], "length": 11},
    "route": {
        "mode": "route",
        "codes": ["vat:IT"],
        "length": 11,
        "by": {"plan:gold": "gold"},
        "yes": "support",
        "no": "sales",
    },
}


class Service(NamedTuple):
    """The route service with a tenant in it.

    Attributes:
        gateway: where it listens.
        key: of the role `pbx`.
    """

    gateway: HttpGateway
    key: str

    def asked(self) -> list[str]:
        """Return what it was asked since the last time: the last words of the paths."""
        paths = [request.split(" ", 2)[1].partition("?")[0] for request in self.gateway.requests]
        self.gateway.requests.clear()
        return [path.rpartition("/")[2] for path in paths]


@pytest.fixture(scope="module")
def service(dynamodb: DynamoDBLocal) -> Iterator[Service]:
    table = dynamodb.create_table()
    with pytest.MonkeyPatch.context() as environment:
        values = {**dynamodb.env, "CENTRALINO_TABLE": table, "CENTRALINO_CACHE_S": "0"}
        for name, value in values.items():
            environment.setenv(name, value)
        _forget_stores()
        with closing(bootstrap._dynamodb()):
            key = _fill()
            with closing(HttpGateway(_handler())) as gateway, closing(bootstrap.journal()):
                yield Service(gateway, key)
        _forget_stores()
    dynamodb.delete_table(table)


@pytest.fixture(autouse=True)
def _connected(office: Office, service: Service) -> None:
    office.ask_at(service.gateway.url, key=service.key)
    service.gateway.requests.clear()


def _forget_stores() -> None:
    # A container has one table for life; here every module of tests has its own.
    for built in vars(bootstrap).values():
        if hasattr(built, "cache_clear"):
            built.cache_clear()


def _customers() -> DynamoCustomerStore:
    return DynamoCustomerStore(bootstrap._dynamodb(), bootstrap.table_name(), TENANT)


def _fill() -> str:
    now_s = time.time()
    now_ms = int(now_s * 1000)
    settings = Settings(TENANT, line=LINE)
    tenants = bootstrap.tenant_store(TENANT)
    create_tenant(tenants, settings, now_s=now_s)
    mario = Contact(
        "crm:1", 1, "Mario", "Rossi", numbers=(ContactNumber(KNOWN),), customer_code=PAYING
    )
    save_contact(bootstrap.contact_store(TENANT), mario, LINE, now_ms=now_ms)
    customers = _customers()
    for customer in (
        Customer(PAYING, "Officine Rossi", plan="gold"),
        Customer(EXPIRED, "Trattoria da Beppe", valid_until="2025-12-31"),
    ):
        save_customer(customers, customer, who="test", now_ms=now_ms, time_zone=ZONE)
    routing = bootstrap.routing_store(TENANT)
    rules = routing.add_rules(RULES, at=now_ms, by="test")
    parts = routing.parts()._replace(
        nodes=NODES, published=rules.version, options={"time_zone": ZONE}
    )
    save_parts(routing, parts, settings, now_s=now_s)
    return create_key(tenants, "pbx", now_s=now_s).text


def _handler() -> Handler:
    path = ROOT / "functions/route_call/app.py"
    spec = importlib.util.spec_from_file_location("route_app", path)
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    handler: Handler = app.handler
    return handler


def test_a_paying_customer_who_is_known_reaches_support_at_once(
    office: Office, service: Service
) -> None:
    shown = office.call(KNOWN, "CARRIER", ROUTED)
    assert (shown.called, shown.name) == ("support", "Mario Rossi")
    assert service.asked() == ["route"]


def test_a_stranger_types_a_code_once_and_is_known_until_sales_say_otherwise(
    office: Office, service: Service, report: Report
) -> None:
    """The story of one customer: asked, learned, known, revoked."""
    digits = PAYING.removeprefix("IT")
    for what, typed, asked, called in (
        ("the first call: asked, and the code is typed", f"wwww{digits}", 3, "support"),
        ("the second call: not asked any more", "", 1, "support"),
        ("the third call: sales have revoked it", "", 1, "sales"),
    ):
        if called == "sales":
            _access("revoke")
        before = len(office.asterisk.log())
        shown = office.call_and_type(STRANGER, typed)
        assert shown.called == called
        requests = list(service.gateway.requests)
        bodies = [body.decode() for body in service.gateway.bodies[-len(requests) :]]
        assert service.asked() == ["route", "identify", "identify"][:asked]
        report.add_story(what, requests, bodies, office.asterisk.log()[before:], shown)
    _access("grant")
    assert office.call_and_type(STRANGER, "").called == "support"
    trail = _customers().trail(PAYING)
    assert {"learned", "revoked", "granted"} <= {change.what for change in trail}


def _access(action: str) -> None:
    now_ms = int(time.time() * 1000)
    store = _customers()
    change_access(store, PAYING, action, who="sales", now_ms=now_ms, time_zone=ZONE)  # type: ignore[arg-type]


def test_whoever_types_nothing_or_what_is_no_code_goes_to_sales_after_the_attempts(
    office: Office, service: Service
) -> None:
    shown = office.call_and_type(MISTAKEN, "wwww12345678901")
    assert shown.called == "sales"
    # Asked twice: once the digits were no VAT number, once nothing came.
    assert service.asked() == ["route", "identify", "identify", "identify"]
    assert _customers().learned_by(MISTAKEN) == ()


def test_a_customer_whose_contract_has_ended_reaches_sales(
    office: Office, service: Service
) -> None:
    shown = office.call_and_type(LATE, f"wwww{EXPIRED.removeprefix('IT')}")
    assert shown.called == "sales"
    assert service.asked() == ["route", "identify", "identify"]
    # Who it is was learned all the same: nobody is asked for what is known.
    assert office.call_and_type(LATE, "").called == "sales"
    assert service.asked() == ["route"]


def test_a_caller_who_withholds_the_number_is_asked_every_time_and_teaches_nothing(
    office: Office, service: Service
) -> None:
    digits = PAYING.removeprefix("IT")
    for _ in range(2):
        assert office.call_and_type("anonymous", f"wwww{digits}").called == "support"
        assert service.asked() == ["route", "identify", "identify"]
    learned = _customers().learned_of(PAYING)
    assert {one.number for one in learned} <= {STRANGER}


def test_the_call_reaches_the_fallback_in_time_while_the_service_hangs(office: Office) -> None:
    with hung() as url:
        office.ask_at(url)
        office.asterisk.set_globals(CENTRALINO_TIMEOUT="1.2")
        shown = office.call(KNOWN, "CARRIER", ROUTED)
    assert (shown.called, shown.name) == ("sales", "CARRIER")
    assert shown.after_ms < 3000


# OMniLeads, whose dialplan asks the caller itself -------------------------------------------------


@pytest.mark.parametrize(
    ("node", "did", "code", "called", "body"),
    [
        ("check", OML_TYPE_1, PAYING, "correct", '{"status": "ok", "destination": "true"}'),
        ("check", OML_TYPE_1, EXPIRED, "notcorrect", '{"status": "fail", "destination": "false"}'),
        ("check", OML_TYPE_1, NOBODYS, "notcorrect", '{"status": "fail", "destination": "false"}'),
        ("check", OML_TYPE_1, "1", "notcorrect", '{"status": "fail", "destination": "false"}'),
        ("route", OML_TYPE_2, PAYING, "type1id5", '{"status": "ok", "destination": "1,5"}'),
        ("route", OML_TYPE_2, NOBODYS, "type1id4", '{"status": "ok", "destination": "1,4"}'),
    ],
)
def test_omnileads_asks_and_goes_where_the_node_says(  # noqa: PLR0917 - a case and what it meets
    node: str, did: str, code: str, called: str, body: str, office: Office, service: Service
) -> None:
    url = f"{service.gateway.url}/v1/k/{service.key}/identify/{node}"
    digits = code.removeprefix("IT")
    office.asterisk.set_globals(OML_URL=url, OML_CODE=digits)
    assert office.call(KNOWN, "", did).called == called
    assert service.gateway.bodies[-1].decode() == body
    head, *headers = service.gateway.requests[-1].splitlines()
    assert head == f"POST /v1/k/{service.key}/identify/{node} HTTP/1.1"
    # As its documentation's packet capture has it, byte for byte.
    assert headers == [
        f"Host: {service.gateway.url.removeprefix('http://')}",
        "User-Agent: OMniLeads",
        "Accept: */*",
        f"Content-Length: {len('idContact=' + digits)}",
        "Content-Type: application/x-www-form-urlencoded",
    ]


@pytest.mark.parametrize(("number", "called"), [(KNOWN, "type1id3"), ("+390266554433", "type9id4")])
def test_omnileads_asks_only_callers_who_are_not_known_before_the_node(
    number: str, called: str, office: Office
) -> None:
    assert office.call(number, "", OML_CUSTOM).called == called


def test_before_the_node_of_omnileads_calls_go_on_in_time_while_the_service_hangs(
    office: Office,
) -> None:
    with hung() as url:
        office.ask_at(url)
        office.asterisk.set_globals(CENTRALINO_TIMEOUT="1.2")
        assert office.call(KNOWN, "", OML_CUSTOM).called == "type1id3"
