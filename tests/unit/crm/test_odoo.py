"""Odoo: what every provider has to stand, over both protocols, and what is its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import pytest

from centralino.adapters.crm.odoo import Adapter
from centralino.domain.errors import (
    CredentialsError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.number import index_number
from centralino.ports.crm import Connection, Delivery
from tests.support.crm import Fault, LoopbackWeb, Person, answering, failing, throttled
from tests.support.crm.contract import (
    JUNK_HEADERS,
    NOW_MS,
    NOW_S,
    NUMBER,
    URL,
    CrmContract,
    search,
    verified,
)
from tests.support.crm.odoo import DATABASE, KEY, LOGIN, FakeOdoo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.domain.contact import Contact
    from centralino.ports.crm import Crm
    from tests.support.crm import FakeCrm

SECRET = "uQ4vXr0Zt2yJmN8sLwKb"
OTHER = "aB3dEf6hIj9kLm2nOp5q"
HEADERS = {"content-type": "application/json", "user-agent": "python-requests/2.31.0"}
ANSWER = (
    b"<methodResponse><params><param><value><int>%s</int></value></param></params></methodResponse>"
)


def delivery(body: bytes, query: str, *, event: str = "save") -> Delivery:
    return Delivery("POST", f"{URL}/odoo/{event}{query}", HEADERS, body, event, NOW_S)


class TestOdoo(CrmContract):
    adapter = Adapter
    secret = SECRET
    other_secret = OTHER
    account: ClassVar[Mapping[str, str]] = {"database": DATABASE}
    secrets: ClassVar[Mapping[str, object]] = {"api_key": KEY}
    signs_body = False
    spellings: ClassVar[tuple[str, ...]] = (
        NUMBER,
        "+39 02 4455 6677",
        "0039 02 44556677",
        "02 4455 6677",
        "(02) 4455-6677",
        "02.44556677",
        "39 0244556677",
    )
    step_ms = 1000

    def sign(
        self,
        body: bytes,
        secret: str,
        *,
        at_s: float = NOW_S,  # noqa: ARG002 - Odoo sends no time
        event: str = "save",
    ) -> Delivery:
        query = f"?secret={quote(secret, safe='', errors='surrogatepass')}"
        return delivery(body, query, event=event)

    def server(self) -> FakeCrm:
        return FakeOdoo()

    def forgeries(self, delivery: Delivery) -> Iterator[tuple[str, Delivery]]:
        """Odoo can show nothing but its URL: whoever doesn't know the secret in it is refused."""
        bare = delivery.url.partition("?")[0]
        queries = ["", "?", "?secret", "?secret=", f"?key={SECRET}", f"?secret={SECRET}x"]
        queries += [f"?secret={SECRET[:-1]}", f"?Secret={SECRET}", f"?secret={SECRET}&secret=x"]
        queries += [f"?secret={OTHER}", f"#secret={SECRET}", "?secret=%ff%fe", "?" + "&" * 5000]
        queries += [f"?secret={junk}" for junk in JUNK_HEADERS]
        for query in queries:
            yield query[:40], delivery._replace(url=bare + query)
        yield "in the path", delivery._replace(url=f"{bare}/{SECRET}")
        yield "no URL at all", delivery._replace(url="")
        yield "no URL", delivery._replace(url=f"https://[?secret={SECRET}")
        headers = {**HEADERS, "secret": SECRET, "authorization": f"Bearer {SECRET}"}
        yield "in a header", delivery._replace(url=bare, headers=headers)

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str]:
        body = {"_action": "Tell Centralino(#413)", "_id": int(person.record)}
        body["_model"] = "res.partner"
        if kind != "deleted":
            at = datetime.fromtimestamp(at_ms / 1000, UTC)
            body["write_date"] = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        return json.dumps(body).encode(), "archive" if kind == "deleted" else "save"

    def is_person(self, contact: Contact, person: Person) -> None:
        """Odoo has one field for the whole name, and so have its exports."""
        assert contact.last_name == f"{person.first_name} {person.last_name}"
        assert not contact.first_name
        named = contact._replace(first_name=person.first_name, last_name=person.last_name)
        super().is_person(named, person)

    def test_what_was_deleted_is_listed(self, fake: FakeCrm, asking: Crm) -> None:
        for place in range(1, 9):
            fake.save(Person(fake.record(place), NUMBER, NOW_MS))
        archived = [fake.record(place) for place in range(2, 9)]
        for record in archived:
            fake.delete(record, NOW_MS + 60_000)
        found: list[tuple[str, int]] = []
        cursor = ""
        while page := asking.deleted_since(NOW_MS, cursor):
            assert page.contacts == ()
            found += page.deleted
            cursor = page.cursor
            if not cursor:
                break
        assert found == [(record, NOW_MS + 60_000) for record in archived]


class TestOdooBefore19(TestOdoo):
    account: ClassVar[Mapping[str, str]] = {
        "database": DATABASE,
        "login": LOGIN,
        "protocol": "xmlrpc",
    }

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str]:
        """Leave out when it was modified: with that, what is not there is waited for."""
        body, event = super().event_of(kind, person, at_ms)
        fields = {name: value for name, value in json.loads(body).items() if name != "write_date"}
        return json.dumps(fields).encode(), event

    def server(self) -> FakeCrm:
        return FakeOdoo(json2=False, mobile=True)


class TestOdooWithoutTheSmsModules(TestOdoo):
    # The last digits, whatever stands between them.
    spellings: ClassVar[tuple[str, ...]] = (
        *TestOdoo.spellings,
        "02/44.55 66 77 int. 3",
        "+39 (0)2 4455 6677",
    )

    def server(self) -> FakeCrm:
        return FakeOdoo(mixin=False, mobile=True)


@pytest.fixture
def odoo() -> Iterator[FakeOdoo]:
    with FakeOdoo(mobile=True) as server:
        yield server


def connect(server: FakeOdoo, **account: str) -> Adapter:
    given = {"base_url": f"{server.url}/", **account}
    return Adapter(Connection("odoo", given, {"api_key": KEY}), LoopbackWeb())


OLD = {"protocol": "xmlrpc", "database": DATABASE, "login": LOGIN}


def test_the_secret_may_be_anywhere_in_the_query() -> None:
    crm = Adapter(Connection("odoo", {}, {"webhook_secrets": [SECRET]}))
    crm.verify(delivery(b"{}", f"?a=1&secret={SECRET}&b="))


def test_a_rule_without_an_event_in_its_url_is_a_change() -> None:
    crm = Adapter(Connection("odoo", {}, {}))
    [hint] = crm.parse(delivery(b'{"_model": "res.partner", "_id": 5}', "", event="")).hints
    assert (hint.record, hint.operation, hint.delivery) == ("5", "changed", "")


def test_a_rule_on_another_model_is_not_taken_for_a_contact() -> None:
    crm = Adapter(Connection("odoo", {}, {}))
    with pytest.raises(PayloadError) as caught:
        crm.parse(delivery(b'{"_model": "crm.lead", "_id": 5}', ""))
    assert caught.value.field == "_model"


def test_a_partner_that_was_deleted_is_gone_and_not_listed(odoo: FakeOdoo) -> None:
    odoo.put(5, NOW_MS, name="Ada", phone=NUMBER)
    crm = connect(odoo)
    assert crm.fetch("5")
    odoo.unlink(5)
    assert crm.fetch("5") is None
    assert crm.deleted_since(0).deleted == ()
    assert not crm.lists_deletions


def test_an_export_s_own_id_is_no_record_and_asks_nobody(odoo: FakeOdoo) -> None:
    assert connect(odoo).fetch("base.main_partner") is None
    assert odoo.requests == []


def test_what_was_archived_is_listed_as_deleted_and_comes_back(odoo: FakeOdoo) -> None:
    odoo.put(5, NOW_MS, name="Ada", phone=NUMBER)
    odoo.delete("5", NOW_MS + 5000)
    crm = connect(odoo)
    assert crm.modified_since(0).contacts == ()
    assert crm.deleted_since(NOW_MS).deleted == (("5", NOW_MS + 5000),)
    odoo.put(5, NOW_MS + 9000)
    assert crm.fetch("5")
    assert crm.deleted_since(NOW_MS).deleted == ()


@pytest.mark.parametrize("account", [{}, OLD], ids=["json2", "xmlrpc"])
def test_a_company_and_its_people_keep_their_numbers_apart(
    odoo: FakeOdoo, account: dict[str, str]
) -> None:
    odoo.put(
        7,
        NOW_MS,
        name="Officine Rossi S.r.l.",
        is_company=True,
        commercial_company_name="Officine Rossi S.r.l.",
        phone="02 44556677",
        vat="IT01234567890",
        ref=" / ",
        user_id=[2, "Marco Neri"],
    )
    odoo.put(
        8,
        NOW_MS,
        name="Mario Rossi",
        commercial_company_name="Officine Rossi S.r.l.",
        phone="02 44556678",
        mobile="+39 347 1234567",
        vat="/",
    )
    crm = connect(odoo, **account)
    company, person = crm.fetch("7"), crm.fetch("8")
    assert company
    assert person
    assert (company.last_name, company.company) == ("", "Officine Rossi S.r.l.")
    assert [(n.number, n.kind, n.primary) for n in company.numbers] == [
        ("02 44556677", "switchboard", True)
    ]
    assert (company.customer_code, company.owner) == ("IT01234567890", "Marco Neri")
    assert company.url == f"{odoo.url}/mail/view?model=res.partner&res_id=7"
    assert (person.last_name, person.company) == ("Mario Rossi", "Officine Rossi S.r.l.")
    assert [(n.number, n.kind, n.primary) for n in person.numbers] == [
        ("02 44556678", "work", True),
        ("+39 347 1234567", "mobile", False),
    ]
    assert (person.customer_code, person.owner) == ("", "")


def test_a_database_without_mobile_is_not_asked_for_it() -> None:
    with FakeOdoo(mobile=False) as odoo:
        odoo.put(5, NOW_MS, name="Ada", phone=NUMBER)
        contact = connect(odoo).fetch("5")
        assert contact
        assert [number.number for number in contact.numbers] == [NUMBER]
        [probe, read] = odoo.requests
        assert probe.path.endswith("/fields_get")
        assert "mobile" not in read.json()["fields"]


def test_which_fields_there_are_is_asked_once(odoo: FakeOdoo) -> None:
    crm = connect(odoo)
    for _ in range(3):
        crm.fetch("5")
    paths = [request.path.rpartition("/")[2] for request in odoo.requests]
    assert paths == ["fields_get", "search_read", "search_read", "search_read"]


def test_a_caller_is_found_by_the_mobile_number_and_the_landline(odoo: FakeOdoo) -> None:
    odoo.put(5, NOW_MS, name="Ada", phone="02 44556677", mobile="347 1234567")
    odoo.put(6, NOW_MS, name="Zeno", phone="06 1234567")
    for account in ({}, OLD):
        crm = connect(odoo, **account)
        assert [c.id for c in verified(search(crm, NUMBER), NUMBER)] == ["odoo:5"]
        mobile = "+393471234567"
        assert [c.id for c in verified(search(crm, mobile), mobile)] == ["odoo:5"]


def test_a_search_sends_each_spelling_once(odoo: FakeOdoo) -> None:
    search(connect(odoo), NUMBER)
    domain = odoo.requests[-1].json()["domain"]
    values = [leaf[2] for leaf in domain if isinstance(leaf, list) and leaf[0] != "phone_sanitized"]
    # `+39...` finds what is stored as `0039...`, and whatever separates the digits.
    assert sorted(values) == sorted(["+390244556677", "0244556677", "390244556677"])
    assert domain.count("|") == len(values)


def test_a_note_in_the_number_field_does_not_cost_the_contact(odoo: FakeOdoo) -> None:
    odoo.put(5, NOW_MS, name="A" * 600, phone="ask for Ada, not before nine " * 20, mobile=NUMBER)
    contact = connect(odoo).fetch("5")
    assert contact
    assert (len(contact.last_name), len(contact.numbers[0].number)) == (500, 100)
    assert index_number(contact.numbers[1].number, "IT")[0] == NUMBER


def test_a_page_may_end_within_one_second_of_an_import(odoo: FakeOdoo) -> None:
    for partner in range(1, 11):
        odoo.put(partner, NOW_MS + partner, name="Ada", phone=NUMBER)
    crm, found, cursor = connect(odoo), [], ""
    while page := crm.modified_since(NOW_MS + 500, cursor).contacts:
        found += [contact.id for contact in page]
        cursor = page[-1].id.partition(":")[2]
    assert found == [f"odoo:{partner}" for partner in range(1, 11)]


@pytest.mark.parametrize("account", [{}, OLD], ids=["json2", "xmlrpc"])
def test_another_key_is_told_from_a_server_in_trouble(
    odoo: FakeOdoo, account: dict[str, str]
) -> None:
    given = Connection("odoo", {"base_url": odoo.url, **account}, {"api_key": "another"})
    with pytest.raises(RejectedError) as caught:
        Adapter(given, LoopbackWeb()).check()
    assert caught.value.reason == "credentials"


def test_a_key_that_is_withdrawn_after_signing_in_is_refused(odoo: FakeOdoo) -> None:
    crm = connect(odoo, **OLD)
    assert crm.check()
    secrets = {"api_key": "another"}
    crm.connection = crm.connection._replace(secrets=secrets)
    with pytest.raises(RejectedError) as caught:
        crm.fetch("5")
    assert caught.value.reason == "credentials"


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (1, UnavailableError, "server"),
        (2, RejectedError, "request"),
        (3, RejectedError, "credentials"),
        (4, RejectedError, "permissions"),
        (99, UnavailableError, "server"),
    ],
)
def test_a_fault_says_whether_to_come_back_and_none_of_its_text(
    odoo: FakeOdoo, code: int, kind: type[UnavailableError], reason: str
) -> None:
    import xmlrpc.client  # noqa: PLC0415 - one test's

    fault = xmlrpc.client.dumps(xmlrpc.client.Fault(code, f"no right to read {NUMBER}"))
    odoo.fault = answering(fault.encode())
    with pytest.raises(UnavailableError) as caught:
        connect(odoo, **OLD).fetch("5")
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert NUMBER not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (failing(401), RejectedError),
        (failing(500), UnavailableError),
        (throttled(), ThrottledError),
        (answering(b"null"), UnavailableError),
        (answering(b'[{"id": "5"}]'), UnavailableError),
    ],
)
@pytest.mark.parametrize("account", [{}, OLD], ids=["json2", "xmlrpc"])
def test_what_was_archived_is_never_taken_for_nothing(
    odoo: FakeOdoo, fault: Fault, kind: type[UnavailableError], account: dict[str, str]
) -> None:
    odoo.fault = fault
    with pytest.raises(UnavailableError) as caught:
        connect(odoo, **account).deleted_since(0)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "body",
    [
        b"<methodResponse><params>",
        b"<methodResponse></methodResponse>",
        ANSWER % b"x",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "7">]>' + ANSWER % b"&x;",
        b"<html>sorry</html>",
    ],
)
def test_an_answer_in_xml_that_is_none_is_malformed(odoo: FakeOdoo, body: bytes) -> None:
    odoo.fault = answering(body)
    with pytest.raises(UnavailableError) as caught:
        connect(odoo, **OLD).check()
    assert caught.value.reason == "malformed"


def test_a_server_that_does_not_know_json_2_is_told_from_one_that_is_down() -> None:
    with FakeOdoo(json2=False) as odoo, pytest.raises(PayloadError) as caught:
        connect(odoo).check()
    assert caught.value.field == "account.protocol"
    assert "xmlrpc" in caught.value.expected


def test_a_server_with_several_databases_is_told_which() -> None:
    with FakeOdoo(databases=2) as odoo:
        with pytest.raises(PayloadError) as caught:
            connect(odoo).check()
        assert "account.database" in caught.value.expected
        assert connect(odoo, database=DATABASE).check() == "0 contacts, with phone, at 127.0.0.1"


@pytest.mark.parametrize(
    ("account", "field"),
    [
        ({"base_url": "odoo.example.com"}, "account.base_url"),
        ({"base_url": "https://odoo.example.com", "protocol": "rest"}, "account.protocol"),
        ({**OLD, "base_url": "https://odoo.example.com", "database": ""}, "account.database"),
        ({**OLD, "base_url": "https://odoo.example.com", "login": ""}, "account.login"),
    ],
)
def test_a_setting_that_can_not_be_right_is_named(account: dict[str, str], field: str) -> None:
    with pytest.raises(PayloadError) as caught:
        Adapter(Connection("odoo", account, {"api_key": KEY}), LoopbackWeb()).check()
    assert caught.value.field == field


def test_verifying_takes_every_secret_for_text() -> None:
    crm = Adapter(Connection("odoo", {}, {"webhook_secrets": [12345, "\ud800"]}))
    crm.verify(delivery(b"{}", "?secret=12345"))
    with pytest.raises(CredentialsError):
        crm.verify(delivery(b"{}", "?secret=%ed%a0%80"))


def test_a_body_of_the_recorded_shape_holds_no_more_than_a_hint() -> None:
    crm = Adapter(Connection("odoo", {}, {}))
    body = {"_model": "res.partner", "_id": 5, "phone": NUMBER, "write_date": False}
    [hint] = crm.parse(delivery(json.dumps(body).encode(), "")).hints
    assert hint == ("5", "changed", 0, "", None, 0)


def test_before_19_a_webhook_is_sent_before_the_save_is_committed() -> None:
    # `requests.post` in the middle of the transaction, or in `cr.postcommit` from 19 on.
    assert Adapter(Connection("odoo", {"protocol": "xmlrpc"}, {})).settle_s == 10
    assert Adapter(Connection("odoo", {}, {})).settle_s == 0
    body = {"_model": "res.partner", "_id": 5, "write_date": "2026-11-21 10:00:00.999999"}
    for event, as_of_ms in (("save", NOW_MS), ("unarchive", NOW_MS), ("archive", 0), ("delete", 0)):
        sent = delivery(json.dumps(body).encode(), "", event=event)
        for account, expected in ({"protocol": "xmlrpc"}, as_of_ms), ({}, 0):
            [hint] = Adapter(Connection("odoo", account, {})).parse(sent).hints
            assert hint.as_of_ms == expected


def test_what_is_read_after_the_save_is_as_new_as_the_webhook_said(odoo: FakeOdoo) -> None:
    odoo.put(5, NOW_MS + 999, name="Ada", phone=NUMBER)
    body = {"_model": "res.partner", "_id": 5, "write_date": "2026-11-21 10:00:00.999000"}
    crm = connect(odoo, **OLD)
    [hint] = crm.parse(delivery(json.dumps(body).encode(), "")).hints
    contact = crm.fetch("5")
    assert contact
    assert contact.version == hint.as_of_ms == NOW_MS
