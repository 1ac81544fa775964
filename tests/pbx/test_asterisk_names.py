"""A real Asterisk shows the names that the real lookup finds in DynamoDB.

Between the two stands `tests/support/http_gateway.py`; the handler is `functions/lookup`.
"""

from __future__ import annotations

import base64
import importlib.util
import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from centralino import bootstrap
from centralino.application.create_key import create_key
from centralino.application.create_tenant import create_tenant
from centralino.application.save_contact import save_contact
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.label import FORBIDDEN, clean_name
from centralino.domain.settings import LabelStyle, Line, Settings
from tests.support.asterisk import ROOT
from tests.support.http_gateway import HttpGateway
from tests.support.office import (
    DID,
    FREEPBX,
    FREEPBX_ROUTE,
    FREEPBX_TRUNK,
    FREEPBX_TRUNK_WITHOUT_DID,
    TWICE,
    UNAVAILABLE,
    WITHOUT_US,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.asterisk_report import Report
    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.http_gateway import Handler
    from tests.support.office import Office

pytestmark = pytest.mark.asterisk

TENANT = "acme"
STYLE = LabelStyle(flags={"important": "*", "overdue": "!"})
MARIO, ZOE, HOSTILE, OFFICINE, IMPORTANT, OVERDUE, ZHUKOV, YAMADA = (
    "+390244556677",
    "+4930901820",
    "+390255667788",
    "+390687654321",
    "+393331234567",
    "+393337654321",
    "+74951234567",
    "+81312345678",
)
UNKNOWN = "+390299990000"
EVALUATED = "/tmp/evaluated"  # noqa: S108 - inside Asterisk's own tree
CONTACTS = {
    MARIO: Contact("crm:1", 1, "Mario", "Rossi"),
    ZOE: Contact("crm:2", 1, "Zoë", "Müllerová"),
    HOSTILE: Contact(
        "crm:3",
        1,
        "${SHELL(touch /tmp/evaluated)}",
        'R"ossi;,<x>\\ $[1+1] ${EVAL(${SHELL(touch /tmp/evaluated)})}',
    ),
    OFFICINE: Contact("crm:4", 1, company="Officine Meccaniche Rossi S.r.l."),
    IMPORTANT: Contact("crm:5", 1, last_name="Bianchi", status="important"),
    OVERDUE: Contact("crm:6", 1, last_name="Verdi", status="overdue"),
    ZHUKOV: Contact("crm:7", 1, last_name="Жуков"),
    YAMADA: Contact("crm:8", 1, last_name="山田"),
}


class Service(NamedTuple):
    """The lookup service with a tenant in it.

    Attributes:
        gateway: where it listens.
        key: of the role `pbx`.
    """

    gateway: HttpGateway
    key: str

    def asked(self, which: int = -1) -> dict[str, str]:
        """Return the fields of a request that it got, the last one by default."""
        target = self.gateway.requests[which].split(" ", 2)[1]
        return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))


@pytest.fixture(scope="module")
def service(dynamodb: DynamoDBLocal) -> Iterator[Service]:
    table = dynamodb.create_table()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**dynamodb.env, "CENTRALINO_TABLE": table}.items():
            environment.setenv(name, value)
        _forget_stores()
        with closing(bootstrap._dynamodb()):
            key = _fill()
            with closing(HttpGateway(_handler())) as gateway:
                yield Service(gateway, key)
        _forget_stores()
    dynamodb.delete_table(table)


@pytest.fixture(autouse=True)
def _connected(office: Office, service: Service) -> None:
    office.ask_at(service.gateway.url, key=service.key)


def _forget_stores() -> None:
    # A container has one table for life; here every module of tests has its own.
    for built in (bootstrap.call_store, bootstrap._dynamodb):
        built.cache_clear()


def _fill() -> str:
    now_s = time.time()
    line = Line(country="IT", area_code="02")
    tenants = bootstrap.tenant_store(TENANT)
    create_tenant(tenants, Settings(TENANT, line=line, label=STYLE), now_s=now_s)
    contacts = bootstrap.contact_store(TENANT)
    for number, contact in CONTACTS.items():
        reachable = contact._replace(numbers=(ContactNumber(number),))
        save_contact(contacts, reachable, line, now_ms=int(now_s * 1000))
    return create_key(tenants, "pbx", now_s=now_s).text


def _handler() -> Handler:
    path = ROOT / "functions/lookup/app.py"
    spec = importlib.util.spec_from_file_location("lookup_app", path)
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    handler: Handler = app.handler
    return handler


@pytest.mark.parametrize(
    "delivered",
    [
        "+390244556677",
        "00390244556677",
        "0244556677",
        "390244556677",
        "02 4455 6677",
        "+39-02-4455.6677",
        "(02)44556677",
        "44556677",
    ],
)
def test_the_phone_shows_the_name_however_the_carrier_spells_the_number(
    delivered: str, office: Office
) -> None:
    assert office.call(delivered, "CARRIER").name == "Mario Rossi"


@pytest.mark.parametrize(
    ("number", "label"),
    [
        (ZOE, "Zoë Müllerová"),
        (OFFICINE, "Off Mecc Rossi"),
        (IMPORTANT, "*Bianchi"),
        (OVERDUE, "!Verdi"),
        (ZHUKOV, "Жуков"),
        (YAMADA, "山田"),
    ],
)
def test_the_phone_shows_every_kind_of_name(number: str, label: str, office: Office) -> None:
    assert office.call(number, "CARRIER").name == label


def test_a_hostile_contact_shows_a_harmless_name_and_nothing_is_evaluated(
    office: Office, service: Service
) -> None:
    shown = office.call(HOSTILE, "CARRIER").name
    assert "ossi" in shown
    assert not set(shown) & set(FORBIDDEN)
    assert shown == service.gateway.bodies[-1].decode()
    assert not office.asterisk.inside(EVALUATED).exists()


@pytest.mark.parametrize(
    "name",
    [
        "ROSSI MARIO",
        "Rossi (Milano)",
        "Rossi):2 (Milano",
        "))))((((",
        "Zoë Жуков",
        "${SHELL(touch /tmp/evaluated)}",
        "$[1 + 1]",
        "a&did=666#b?c=%41",
        "back, comma; <b>",
        "'single' `quote`",
    ],
)
def test_an_unknown_caller_keeps_the_carriers_name(
    name: str, office: Office, service: Service
) -> None:
    assert office.call(UNKNOWN, name).name == clean_name(name.replace(":", ""), STYLE)
    assert service.asked()["name"] == name.replace(":", "")
    assert service.asked()["did"] == DID
    assert not office.asterisk.inside(EVALUATED).exists()


def test_an_unknown_caller_without_a_name_is_just_a_number(office: Office) -> None:
    assert office.call(UNKNOWN)[:2] == office.call(UNKNOWN, did=WITHOUT_US)[:2]


def test_a_withheld_number_rings_with_what_the_carrier_sent(office: Office) -> None:
    assert office.call("anonymous", "Anonymous")[:2] == ("Anonymous", "anonymous")


ASSERTED = f'P-Asserted-Identity: "ROSSI MARIO" <sip:{MARIO}@127.0.0.1>'
REMOTE_PARTY = f'Remote-Party-ID: "ROSSI MARIO" <sip:{MARIO}@127.0.0.1>;party=calling;screen=yes'


@pytest.mark.parametrize(
    "headers",
    [
        [ASSERTED],
        [ASSERTED, "Privacy: none"],
        [f"{REMOTE_PARTY};privacy=off"],
    ],
)
def test_a_number_that_the_carrier_vouches_for_is_looked_up(
    headers: list[str], office: Office
) -> None:
    shown = office.call("anonymous", "Anonymous", headers=headers)
    assert shown[:2] == ("Mario Rossi", MARIO)


@pytest.mark.parametrize(
    "headers",
    [
        [ASSERTED, "Privacy: id"],
        [ASSERTED, "Privacy: user;id"],
        [ASSERTED, "Privacy: id; critical"],
        [ASSERTED, "Privacy: user"],
        [f"P-Asserted-Identity: <tel:{MARIO}>", "Privacy: id"],
        [f"{REMOTE_PARTY};privacy=full"],
    ],
)
@pytest.mark.parametrize("sender", ["anonymous", MARIO])
def test_a_withheld_number_that_the_carrier_sends_along_is_never_looked_up(
    headers: list[str], sender: str, office: Office, service: Service
) -> None:
    before = len(office.asterisk.log())

    shown = office.call(sender, "Anonymous", headers=headers)

    asked = service.asked()
    assert (asked["number"], asked["did"], asked["trunk"]) == ("anonymous", DID, "milan")
    assert "name" not in asked
    assert MARIO not in unquote(service.gateway.requests[-1])
    assert service.gateway.bodies[-1] == b""
    assert "Mario Rossi" not in office.asterisk.log()[before:]
    # Asterisk by itself hides such a number from the phone.
    assert shown[:2] == ("Anonymous", "anonymous")


def test_asterisk_takes_no_notice_of_privacy_beside_a_number_in_from(office: Office) -> None:
    # A limit of it, in integrations/asterisk/README.md.
    shown = office.call(MARIO, "CARRIER", headers=["Privacy: id"])
    assert shown[:2] == ("Mario Rossi", MARIO)


def test_a_number_marked_unavailable_is_not_looked_up(office: Office, service: Service) -> None:
    assert office.call(MARIO, "CARRIER", UNAVAILABLE)[:2] == ("CARRIER", MARIO)
    assert service.asked()["number"] == "anonymous"


def test_a_withheld_number_has_no_label_even_where_freepbx_shows_it(office: Office) -> None:
    headers = [ASSERTED, "Privacy: id"]
    shown = office.call("anonymous", "Anonymous", FREEPBX_ROUTE, headers)
    assert shown[:2] == ("ROSSI MARIO", MARIO)


def test_freepbx_by_itself_looks_up_a_withheld_number(office: Office, service: Service) -> None:
    # What integrations/freepbx.md warns of.
    office.call("anonymous", "Anonymous", FREEPBX, [ASSERTED, "Privacy: id"])
    assert service.asked()["number"] == MARIO
    assert service.gateway.bodies[-1] == b"Mario Rossi"


def test_the_service_learns_the_line_and_the_calls_id(office: Office, service: Service) -> None:
    office.call(MARIO, "CARRIER")
    asked = service.asked()
    assert (asked["did"], asked["trunk"], asked["name"]) == (DID, "milan", "CARRIER")
    assert asked["call_id"]
    assert asked["call_id"] in office.asterisk.log()


def test_the_key_goes_to_the_service_and_nowhere_else(office: Office, service: Service) -> None:
    before = len(office.asterisk.log())
    asked_before = len(service.gateway.requests)

    assert office.call(MARIO, "CARRIER", TWICE).name == "Mario Rossi"

    first, second, elsewhere = service.gateway.requests[asked_before:]
    assert first.count("Authorization: Basic ") == second.count("Authorization: Basic ") == 1
    assert "/somewhere/else" in elsewhere
    assert "authorization" not in elsewhere.lower()
    assert service.key not in office.asterisk.log()[before:]


def test_a_call_with_a_wrong_key_keeps_the_carriers_name(office: Office, service: Service) -> None:
    office.ask_at(service.gateway.url, key=f"{TENANT}.0123456789abcdefghijkl")
    assert office.call(MARIO, "CARRIER").name == "CARRIER"
    assert service.gateway.bodies[-1] == b""


def test_the_key_may_be_in_the_url_instead(office: Office, service: Service) -> None:
    office.ask_at(service.gateway.url, key=f"{TENANT}.0123456789abcdefghijkl")
    office.asterisk.set_globals(
        CENTRALINO_URL=f"{service.gateway.url}/v1/k/{service.key}", CENTRALINO_KEY=""
    )
    assert office.call(MARIO, "CARRIER").name == "Mario Rossi"


def test_freepbx_shows_the_label_with_its_own_cid_lookup(office: Office) -> None:
    assert office.call(MARIO, "CARRIER", FREEPBX).name == "Mario Rossi"
    assert office.call(UNKNOWN, "ROSSI MARIO", FREEPBX).name == "ROSSI MARIO"


def test_freepbx_shows_the_label_with_the_trunks_context(office: Office, service: Service) -> None:
    assert office.call(MARIO, "CARRIER", FREEPBX_TRUNK).name == "Mario Rossi"
    assert service.asked()["did"] == FREEPBX_TRUNK
    assert office.call(MARIO, "CARRIER", FREEPBX_TRUNK_WITHOUT_DID).name == "Mario Rossi"


def test_one_call_is_written_down_step_by_step(
    office: Office, service: Service, report: Report
) -> None:
    before = len(office.asterisk.log())
    shown = office.call("00390244556677", "ROSSI MARIO")
    masked = service.gateway.requests[-1].replace(_basic(service.key), "(the key)")
    report.add_call(
        invite='From: "ROSSI MARIO" <sip:00390244556677@...>',
        request=masked,
        answer=service.gateway.bodies[-1].decode(),
        log=office.asterisk.log()[before:],
        shown=shown,
    )
    assert shown.name == "Mario Rossi"


def _basic(key: str) -> str:
    return base64.b64encode(f"centralino:{key}".encode()).decode()
