"""Salesforce: a secret in the URL, SOAP, one shared token, fields that a user may not see."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from defusedxml import ElementTree

from centralino.adapters.crm import salesforce
from centralino.adapters.crm.salesforce import ACK, Adapter, escape, long_id
from centralino.adapters.exports.salesforce import COLUMNS
from centralino.adapters.tokens import MemoryTokens, SharedTokens
from centralino.domain.contact import ContactNumber
from centralino.domain.errors import (
    CredentialsError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.ports.crm import Connection, Delivery
from tests.support.crm import Fault, LoopbackWeb, Person, Reply, hang, reply
from tests.support.crm.contract import (
    HUGE,
    JUNK_HEADERS,
    JUNK_VALUES,
    NOW_MS,
    NOW_S,
    NUMBER,
    URL,
    CrmContract,
    search,
    verified,
)
from tests.support.crm.salesforce import ORGANISATION, VERSION, FakeSalesforce
from tests.support.token_store import MemoryTokenStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.ports.crm import Crm
    from centralino.ports.tokens import TokenCache
    from centralino.ports.web import Answer, Web

LATER_S = NOW_S + 300
CONTACT = "003Dn0000000001IAA"
LEAD = "00QDn0000000002MAA"
ACCOUNT = "001Dn0000000003IAA"


# What XML can hold of the contract's junk.
TEXTS = tuple(
    junk for junk in JUNK_VALUES if isinstance(junk, str) and not set(junk) & {"\x00", "\ud800"}
)


def mutated(body: bytes) -> Iterator[bytes]:
    """Give a message with each element and each type replaced by junk, left out, and doubled."""
    tree = ElementTree.fromstring(body)
    for parent in tree.iter():
        for place, child in enumerate(list(parent)):
            parent.remove(child)
            yield ElementTree.tostring(tree)
            for _ in range(2):
                parent.insert(place, child)
            yield ElementTree.tostring(tree)
            parent.remove(child)
    for element in tree.iter():
        text, attributes, tag = element.text, dict(element.attrib), element.tag
        for junk in TEXTS:
            element.text = junk
            yield ElementTree.tostring(tree)
            element.text = text
            for name, value in attributes.items():
                element.set(name, junk)
                yield ElementTree.tostring(tree)
                element.set(name, value)
        for other in ("Id", "{urn:x}sObject", tag.lower()):
            element.tag = other
            yield ElementTree.tostring(tree)
        element.tag = tag


class Adapter10h05(Adapter):
    """The provider five minutes after `NOW_S`."""

    def __init__(
        self, connection: Connection, web: Web | None = None, tokens: TokenCache | None = None
    ) -> None:
        super().__init__(connection, web, tokens or MemoryTokens(), now=lambda: LATER_S)


class TestSalesforce(CrmContract):
    adapter = Adapter10h05
    secret = "hk3jd92kfmw0q1lzxmc8"
    other_secret = "pq0w9eiruty3n4bvlaks"
    account = {"organization_id": ORGANISATION}  # noqa: RUF012
    secrets = {"client_id": "3MVG9.consumer", "client_secret": "F00DCAFE1234"}  # noqa: RUF012
    signs_body = False
    # By its digits; what stands between them is overlooked.
    spellings = (NUMBER, "+39 02 4455 6677", "(02) 4455-6677", "0039 02 44556677", "390244556677")
    required = (
        "account.base_url",
        "account.organization_id",
        "secrets.client_id",
        "secrets.client_secret",
    )
    step_ms = 1000

    def sign(self, body: bytes, secret: str, *, at_s: float = NOW_S, event: str = "") -> Delivery:  # noqa: ARG002 - no time
        headers = {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}
        url = f"{URL}/salesforce?secret={quote(secret)}"
        return Delivery("POST", url, headers, body, event, NOW_S)

    def server(self) -> FakeSalesforce:
        return FakeSalesforce("3MVG9.consumer", "F00DCAFE1234", now_ms=int(LATER_S * 1000))

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str] | None:
        if kind == "deleted":
            return None  # Salesforce sends no message about it
        body = self.recorded("contact.xml").body
        body = body.replace(b"04lxx00000002nrAAA", f"04lxx{at_ms // 1000:010d}AAA".encode())
        return body.replace(b"003Dn00000ABcdEIAT", person.record.encode()), ""

    def batch_with_a_bad_entry(self) -> tuple[bytes, tuple[str, ...]] | None:
        body = self.recorded("batch.xml").body
        bad = body.replace(b"<sf:Id>00QDn0000000002MAA</sf:Id>", b"")
        return bad, (CONTACT, f"company-{ACCOUNT}")

    def forgeries(self, delivery: Delivery) -> Iterator[tuple[str, Delivery]]:
        for junk in (*JUNK_HEADERS, self.secret[:-1], self.secret + "x", self.secret.upper()):
            for text in (quote(junk, errors="surrogatepass"), junk):
                forged = f"{URL}/salesforce?secret={text}"
                yield f"secret {text[:20]!a}", delivery._replace(url=forged)
        for url in (
            f"{URL}/salesforce",
            f"{URL}/salesforce/{self.secret}",
            f"{URL}/salesforce?Secret={self.secret}",
            f"{URL}/salesforce#secret={self.secret}",
            f"{URL}/salesforce?secret={self.secret}&secret=x",
            f"https://[x?secret={self.secret}",
        ):
            yield url.replace(self.secret, "..."), delivery._replace(url=url)
        yield "another secret", self.sign(delivery.body, self.other_secret)
        organisation = f"<OrganizationId>{ORGANISATION}</OrganizationId>".encode()
        for name, other in {
            "no organisation": b"",
            "an empty one": b"<OrganizationId/>",
            "another": b"<OrganizationId>00Dxx0000001gPEEAY</OrganizationId>",
            "other letters": b"<OrganizationId>00dXX0000001GPf</OrganizationId>",
            "too long": f"<OrganizationId>{ORGANISATION}A</OrganizationId>".encode(),
            "in a comment": b"<!--" + organisation + b"-->",
            "of another namespace": organisation.replace(b"<Org", b'<Org xmlns=""', 1),
            "deeper": b"<x>" + organisation + b"</x>",
            "second": b"<OrganizationId>00Dxx0000001gPEEAY</OrganizationId>" + organisation,
            "second, after ours": organisation
            + b"<OrganizationId>00Dxx0000001gPEEAY</OrganizationId>",
            "ours twice": organisation * 2,
            "in an entity": b"<OrganizationId>&org;</OrganizationId>",
            "and then no XML": organisation + b"<ActionId></OrganizationId>",
        }.items():
            yield name, delivery._replace(body=delivery.body.replace(organisation, other))
        doctype = b'<!DOCTYPE x [<!ENTITY org "' + ORGANISATION.encode() + b'">]>'
        declared = delivery.body.replace(b"?>", b"?>" + doctype, 1)
        yield "with a document type", delivery._replace(body=declared)
        entity = declared.replace(organisation, b"<OrganizationId>&org;</OrganizationId>")
        yield "by an entity", delivery._replace(body=entity)
        # What begins after this is not read for the organisation.
        yield "late", delivery._replace(body=delivery.body.replace(b"?>", b"?>" + b" " * 70_000, 1))

    def test_whatever_a_value_is_replaced_by_the_hints_can_be_worked_with(
        self, crm: Crm, recording: str
    ) -> None:
        tried = 0
        for body in mutated(self.recorded(recording).body):
            tried += 1
            delivery = self.sign(body, self.secret)
            with suppress(CredentialsError):
                crm.verify(delivery)
            self.parse_anything(crm, delivery)
        assert tried > 10 * len(TEXTS)

    @pytest.mark.parametrize("place", range(len(HUGE)))
    def test_ten_megabytes_of_junk_give_no_hint_and_no_other_error(
        self, crm: Crm, place: int
    ) -> None:
        delivery = self.sign(HUGE[place], self.secret)
        # Junk has no organisation, so here it isn't even authentic.
        with pytest.raises(CredentialsError):
            crm.verify(delivery)
        assert self.parse_anything(crm, delivery) == ()


@pytest.fixture(autouse=True)
def _as_in_a_new_container() -> None:
    # Another fake may have had this port.
    salesforce._UNKNOWN.clear()


@pytest.fixture
def contract() -> TestSalesforce:
    return TestSalesforce()


@pytest.fixture
def fake(contract: TestSalesforce) -> Iterator[FakeSalesforce]:
    with contract.server() as server:
        yield server


@pytest.fixture
def asking(contract: TestSalesforce, fake: FakeSalesforce) -> Crm:
    return connected(contract, fake)


def connected(
    contract: TestSalesforce,
    fake: FakeSalesforce,
    tokens: TokenCache | None = None,
    secrets: Mapping[str, object] | None = None,
    **account: str,
) -> Adapter:
    """Return the provider, connected to the fake with some more settings."""
    connection = contract.connection(contract.secret, base_url=fake.url)
    connection = connection._replace(
        account={**connection.account, **account},
        secrets={**connection.secrets, **(secrets or {})},
    )
    return Adapter10h05(connection, LoopbackWeb(), tokens)


def test_an_organisation_is_the_same_with_15_and_with_18_characters(
    contract: TestSalesforce,
) -> None:
    short = contract.sign(contract.recorded("ids_of_15.xml").body, contract.secret)
    long = contract.any_delivery()
    for organisation in (ORGANISATION, ORGANISATION[:15]):
        connection = contract.connection(contract.secret)
        crm = Adapter(connection._replace(account={"organization_id": organisation}))
        crm.verify(short)
        crm.verify(long)


def test_case_counts_in_ids_and_the_last_three_characters_spell_it() -> None:
    # Of Salesforce's own documentation: REST API guide (query, deleted), SOAP API guide.
    for record in (
        "001D000000IRFmaIAH",
        "001D000000IomazIAB",
        "a00D0000008pQRAIA2",
        "04l0800002nrC5BAAU",
    ):
        assert long_id(record[:15]) == record
        assert long_id(record) == record
    assert long_id("003Dn0000000001") != long_id("003dn0000000001")
    for junk in ("", "003", "003Dn000000000!", "003Dn00000000011", "003Dn0000000001IA\u0100"):
        assert long_id(junk) == ""


def test_an_import_and_a_webhook_mean_the_same_contact() -> None:
    assert COLUMNS.prepare
    for record in ("003Dn0000000001", "003Dn00000ABcdE"):
        assert COLUMNS.prepare({"contact id": record})["contact id"] == long_id(record)


def test_the_answer_is_the_one_that_ends_the_retries(contract: TestSalesforce) -> None:
    delivery = contract.any_delivery()
    said = contract.inbound().acknowledge(delivery)
    assert (said.status, said.content_type) == (200, "text/xml; charset=utf-8")
    assert said.body == ACK
    assert ACK == (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.'
        'xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse xmlns="http://soap.'
        'sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body>'
        "</soapenv:Envelope>"
    )


def test_a_hundred_notifications_give_a_hundred_hints_each_with_its_word(
    contract: TestSalesforce,
) -> None:
    one = contract.recorded("one_field.xml").body
    start, rest = one.split(b"<Notification>")
    notification, end = rest.split(b"</Notification>")
    many = b"".join(
        b"<Notification>"
        + notification.replace(b"04lxx00000002nx", b"04lxx0000000%03d" % place).replace(
            b"00QDn0000000002MAA", b"00QDn0000000%03d" % place
        )
        + b"</Notification>"
        for place in range(100)
    )
    parsed = contract.inbound().parse(contract.sign(start + many + end, contract.secret))
    assert len({hint.record for hint in parsed.hints}) == 100
    assert len({hint.delivery for hint in parsed.hints}) == 100
    assert parsed.problems == ()


def test_both_flavours_of_records_are_read(contract: TestSalesforce) -> None:
    body = contract.recorded("contact.xml").body
    partner = body.replace(b"urn:sobject.enterprise.", b"urn:sobject.partner.")
    crm = contract.inbound()
    assert crm.parse(contract.sign(partner, contract.secret)) == crm.parse(contract.any_delivery())


def test_a_record_whose_type_and_id_differ_is_a_problem(contract: TestSalesforce) -> None:
    body = contract.recorded("batch.xml").body.replace(b'"sf:Lead"', b'"sf:Account"')
    parsed = contract.inbound().parse(contract.sign(body, contract.secret))
    assert [hint.record for hint in parsed.hints] == [CONTACT, f"company-{ACCOUNT}"]
    assert len(parsed.problems) == 1


def test_a_message_without_any_good_notification_is_not_lost(contract: TestSalesforce) -> None:
    body = contract.recorded("contact.xml").body.replace(b"<sf:Id>", b"<sf:No>")
    body = body.replace(b"</sf:Id>", b"</sf:No>")
    with pytest.raises(PayloadError):
        contract.inbound().parse(contract.sign(body, contract.secret))


def test_fields_within_fields_are_not_taken_for_the_records_own(contract: TestSalesforce) -> None:
    body = contract.recorded("contact.xml").body
    nested = body.replace(
        b"<sf:Phone>", b"<sf:Account><sf:Id>001Dn0000000003IAA</sf:Id></sf:Account><sf:Phone>"
    )
    parsed = contract.inbound().parse(contract.sign(nested, contract.secret))
    assert [hint.record for hint in parsed.hints] == ["003Dn00000ABcdEIAT"]


@pytest.mark.parametrize("named", [b"", b"<OrganizationId>00Dxx0000001gPEEAY</OrganizationId>"])
def test_the_worker_compares_the_organisation_again(contract: TestSalesforce, named: bytes) -> None:
    organisation = f"<OrganizationId>{ORGANISATION}</OrganizationId>".encode()
    body = contract.recorded("contact.xml").body.replace(organisation, named)
    with pytest.raises(PayloadError, match="OrganizationId"):
        contract.inbound().parse(contract.sign(body, contract.secret))


def test_another_organisation_behind_what_the_receiver_reads_is_found_by_the_worker(
    contract: TestSalesforce,
) -> None:
    end = b"</notifications>"
    late = b"<OrganizationId>00Dxx0000001gPEEAY</OrganizationId>"
    body = contract.recorded("contact.xml").body.replace(end, b" " * salesforce.HEAD + late + end)
    delivery = contract.sign(body, contract.secret)
    crm = contract.inbound()
    crm.verify(delivery)
    with pytest.raises(PayloadError, match="OrganizationId"):
        crm.parse(delivery)


def test_a_message_that_is_longer_than_what_the_receiver_reads_is_this_organisations_all_the_same(
    contract: TestSalesforce,
) -> None:
    one = contract.recorded("one_field.xml").body
    start, rest = one.split(b"<Notification>")
    notification, end = rest.split(b"</Notification>")
    many = (b"<Notification>" + notification + b"</Notification>") * 100
    delivery = contract.sign(start + many + end, contract.secret)
    assert len(delivery.body) > salesforce.HEAD
    crm = contract.inbound()
    crm.verify(delivery)
    assert len(crm.parse(delivery).hints) == 100


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_receiver_and_the_worker_read_the_same_whatever_the_encoding(
    contract: TestSalesforce, encoding: str
) -> None:
    declared = encoding.removesuffix("-sig")
    text = contract.recorded("contact.xml").body.decode().replace("UTF-8", declared)
    delivery = contract.sign(text.encode(encoding), contract.secret)
    crm = contract.inbound()
    crm.verify(delivery)
    assert [hint.record for hint in crm.parse(delivery).hints] == ["003Dn00000ABcdEIAT"]


def test_who_does_not_know_the_secret_has_no_xml_read() -> None:
    # In a process of its own, for here XML is imported long since.
    code = """
import sys
from centralino.adapters.crm.salesforce import Adapter
from centralino.domain.errors import CredentialsError
from centralino.ports.crm import Connection, Delivery
secrets = {"webhook_secrets": ["right"]}
crm = Adapter(Connection("salesforce", {"organization_id": "00Dxx0000001gPFEAY"}, secrets))
try:
    crm.verify(Delivery("POST", "https://x/", {}, b"<a/>", "wrong", 0.0))
except CredentialsError:
    pass
else:
    raise SystemExit("let in")
heavy = {"xml", "defusedxml", "pyexpat", "boto3", "httpx", "pydantic", "phonenumbers", "datetime"}
raise SystemExit(", ".join(heavy & set(sys.modules)) or 0)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_contacts_leads_and_accounts_are_read(fake: FakeSalesforce, asking: Crm) -> None:
    fake.put(
        CONTACT,
        NOW_MS,
        FirstName="Anna",
        LastName="Neri",
        Phone="02 5550 1234",
        MobilePhone="+39 347 5550123",
        HomePhone="02 5550 1234",
        AssistantPhone="02 5550 9999",
        Fax="02 5550 1235",
        Account={"Name": "Neri & C. S.p.A.", "AccountNumber": "IT01234567890"},
        Owner={"Name": "Bruno"},
    )
    fake.put(LEAD, NOW_MS, LastName="Verdi", Company="Verdi snc", Phone="06 1234567")
    fake.put(ACCOUNT, NOW_MS, Name="Neri & C. S.p.A.", Phone="02 5550 1000", AccountNumber="--")
    contact, lead, company = (asking.fetch(r) for r in (CONTACT, LEAD, f"company-{ACCOUNT}"))
    assert contact
    assert contact.numbers == (
        ContactNumber("02 5550 1234", "work", primary=True),
        ContactNumber("+39 347 5550123", "mobile"),
        ContactNumber("02 5550 9999", "other"),
        ContactNumber("02 5550 1235", "fax"),
    )
    assert (contact.company, contact.customer_code) == ("Neri & C. S.p.A.", "IT01234567890")
    assert (contact.owner, contact.url) == ("Bruno", f"{fake.url}/{CONTACT}")
    assert lead
    assert (lead.id, lead.last_name, lead.company) == (f"salesforce:{LEAD}", "Verdi", "Verdi snc")
    assert company
    assert company.id == f"salesforce:company-{ACCOUNT}"
    assert (company.first_name, company.last_name) == ("", "")
    assert (company.company, company.customer_code) == ("Neri & C. S.p.A.", "")
    assert company.numbers == (ContactNumber("02 5550 1000", "switchboard", primary=True),)


def test_a_lead_that_was_converted_is_gone_and_listed_as_deleted(
    fake: FakeSalesforce, asking: Crm
) -> None:
    fake.put(LEAD, NOW_MS, LastName="Verdi", Phone=NUMBER, IsConverted=True)
    assert asking.fetch(LEAD) is None
    assert search(asking, NUMBER) == ()
    assert asking.modified_since(0) == ((), ((LEAD, NOW_MS),), "Account")


def test_all_kinds_are_listed_and_kinds_without_any_are_passed_over(
    fake: FakeSalesforce, asking: Crm
) -> None:
    fake.put(CONTACT, NOW_MS, LastName="Neri")
    fake.put(ACCOUNT, NOW_MS, Name="Neri & C. S.p.A.")
    first = asking.modified_since(0)
    assert [contact.id for contact in first.contacts] == [f"salesforce:{CONTACT}"]
    second = asking.modified_since(0, first.cursor)
    assert [contact.id for contact in second.contacts] == [f"salesforce:company-{ACCOUNT}"]
    assert second.cursor == ""


def test_only_the_kinds_that_are_set_are_asked_for(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    fake.hidden = {"Lead"}
    crm = connected(contract, fake, objects="account, contact")
    fake.put(CONTACT, NOW_MS, LastName="Neri", Phone=NUMBER)
    assert crm.check() == "Acme (Salesforce)"
    assert len(search(crm, NUMBER)) == 1
    crm.deleted_since(NOW_MS)
    with pytest.raises(PayloadError) as caught:
        connected(contract, fake).check()
    assert caught.value.field == "account.objects"
    for objects in ("Opportunity", "Contact,Opportunity", ","):
        with pytest.raises(PayloadError) as caught:
            connected(contract, fake, objects=objects).check()
        assert caught.value.field == "account.objects"


@pytest.mark.parametrize(
    "hidden", [{"HomePhone"}, {"Account.AccountNumber"}, {"AssistantPhone", "Fax", "Owner"}]
)
def test_fields_that_the_user_may_not_see_are_left_out_and_not_asked_for_again(
    contract: TestSalesforce, fake: FakeSalesforce, asking: Crm, hidden: set[str]
) -> None:
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    fake.hidden = hidden
    contact = asking.fetch(CONTACT)
    assert contact
    assert [number.number for number in contact.numbers] == [NUMBER]
    tried = len(fake.requests)
    asking.fetch(CONTACT)
    assert len(fake.requests) == tried + 1
    # A search, by another connection of the same container: a token, and the search.
    tried = len(fake.requests)
    assert len(search(connected(contract, fake), NUMBER)) == 1
    assert len(fake.requests) == tried + 2
    assert len(asking.modified_since(0).contacts) == 1


def test_a_field_that_nothing_works_without_is_for_an_operator(
    fake: FakeSalesforce, asking: Crm
) -> None:
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    fake.hidden = {"SystemModstamp"}
    with pytest.raises(RejectedError) as caught:
        asking.fetch(CONTACT)
    assert caught.value.reason == "permissions"


def test_deletions_of_more_than_a_day_come_in_windows(fake: FakeSalesforce, asking: Crm) -> None:
    day_ms = 24 * 3600 * 1000
    records = {fake.record(n): NOW_MS - n * day_ms for n in range(4)}
    for record, at_ms in records.items():
        fake.delete(record, at_ms)
    fake.delete(ACCOUNT, NOW_MS)
    fake.delete(LEAD, NOW_MS - 20 * day_ms)  # longer ago than Salesforce knows
    found: dict[str, int] = {}
    cursor, pages = "", 0
    while pages == 0 or cursor:
        page = asking.deleted_since(0, cursor)
        found.update(page.deleted)
        cursor, pages = page.cursor, pages + 1
    assert found == {**records, f"company-{ACCOUNT}": NOW_MS}
    assert pages == 3 * 15


def test_what_was_deleted_within_the_last_minute_is_asked_for_the_next_time(
    fake: FakeSalesforce, asking: Crm
) -> None:
    # The fake refuses a span that ends in the future, or where it begins.
    fake.delete(CONTACT, int(LATER_S * 1000) - 100_000)
    page = asking.deleted_since(int(LATER_S * 1000))
    assert [record for record, _ in page.deleted] == [CONTACT]


def test_one_search_asks_for_all_spellings_in_all_kinds(fake: FakeSalesforce, asking: Crm) -> None:
    fake.save(Person(CONTACT, "+39 (02) 4455-6677", NOW_MS))
    fake.put(LEAD, NOW_MS, LastName="Verdi", MobilePhone="0244556677")
    fake.put(ACCOUNT, NOW_MS, Name="Neri", Fax="0039 02 4455 6677")
    found = verified(search(asking, NUMBER), NUMBER)
    assert {contact.id for contact in found} == {
        f"salesforce:{CONTACT}",
        f"salesforce:{LEAD}",
        f"salesforce:company-{ACCOUNT}",
    }
    searches = [request for request in fake.requests if request.path == f"{VERSION}/search"]
    assert len(searches) == 1
    assert searches[0].query["q"].startswith("FIND {0244556677 OR 390244556677 OR 00390244556677")


def test_what_means_something_to_sosl_is_escaped(fake: FakeSalesforce, asking: Crm) -> None:
    assert escape(r"a?&|!{}[]()^~*:\"'+-z") == (r"a\?\&\|\!\{\}\[\]\(\)\^\~\*\:\\\"\'\+\-z")
    assert escape("0244556677") == "0244556677"
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    # The fake refuses a search whose braces don't fit.
    assert asking.find_by_number(("0} IN ALL FIELDS RETURNING User(Id) {", "*31#02"), "", 5.0) == ()
    assert len(asking.find_by_number((NUMBER,), NUMBER, 5.0)) == 1


def test_a_limit_that_is_used_up_is_waited_for(fake: FakeSalesforce, asking: Crm) -> None:
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    asking.fetch(CONTACT)
    error = {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}
    fake.fault = Fault(reply([error], 403))
    with pytest.raises(ThrottledError) as caught:
        asking.fetch(CONTACT)
    assert caught.value.retry_after_s >= 60


def test_an_organisation_without_the_api_is_for_an_operator(
    fake: FakeSalesforce, asking: Crm
) -> None:
    asking.check()
    fake.fault = Fault(reply([{"errorCode": "API_DISABLED_FOR_ORG", "message": "no"}], 403))
    with pytest.raises(RejectedError) as caught:
        asking.fetch(CONTACT)
    assert caught.value.reason == "permissions"


def test_a_query_of_another_record_is_not_an_answer(fake: FakeSalesforce, asking: Crm) -> None:
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    asking.fetch(CONTACT)
    row = {
        "attributes": {"type": "Contact"},
        "Id": "003Dn0000000009IAA",
        "SystemModstamp": "2026-11-21T10:00:00.000+0000",
    }
    for rows in ([row], [{**row, "Id": CONTACT}, row], [{**row, "Id": CONTACT, "attributes": {}}]):
        fake.faults = [Fault(reply({"done": True, "records": rows}))]
        with pytest.raises(UnavailableError):
            asking.fetch(CONTACT)


def test_another_organisations_app_is_noticed_when_connecting(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    for organisation in ("00Dxx0000001gPEEAY", "something else"):
        with pytest.raises(PayloadError) as caught:
            connected(contract, fake, organization_id=organisation).check()
        assert caught.value.field == "account.organization_id"


# One shared token --------------------------------------------------------------------------------


def test_a_token_is_used_until_it_is_refused_and_then_renewed_once(
    fake: FakeSalesforce, asking: Crm
) -> None:
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    for _ in range(3):
        assert asking.fetch(CONTACT)
    assert fake.renewals == 1
    assert len(fake.requests) == 4


def test_a_token_that_has_ended_is_renewed_and_nothing_is_lost(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    times = iter(range(0, 10_000, 1000))
    crm = connected(contract, fake, MemoryTokens(now=lambda: float(next(times))))
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    crm.fetch(CONTACT)
    fake.tokens.clear()
    assert crm.fetch(CONTACT)
    assert fake.renewals == 2


def test_a_new_token_that_is_refused_at_once_is_not_renewed_again_and_again(
    fake: FakeSalesforce, asking: Crm
) -> None:
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    asking.fetch(CONTACT)
    for _ in range(5):
        fake.tokens.clear()
        with pytest.raises(RejectedError) as caught:
            asking.fetch(CONTACT)
        assert caught.value.reason == "credentials"
    assert fake.renewals == 1


def test_the_answer_to_a_token_sends_it_nowhere_else(fake: FakeSalesforce, asking: Crm) -> None:
    # The fake names another server as `instance_url`, and the web here reaches the loopback only.
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    assert asking.fetch(CONTACT)


@pytest.mark.parametrize("token", ["", "a\r\nb", 7, None])
def test_a_token_that_can_be_none_is_malformed(
    fake: FakeSalesforce, asking: Crm, token: object
) -> None:
    fake.fault = Fault(reply({"access_token": token}))
    with pytest.raises(UnavailableError) as caught:
        asking.fetch(CONTACT)
    assert caught.value.reason == "malformed"


def test_wrong_credentials_are_for_an_operator(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    crm = connected(contract, fake, secrets={"client_secret": "wrong"})
    with pytest.raises(RejectedError) as caught:
        crm.fetch(CONTACT)
    assert caught.value.reason == "credentials"


def test_a_refresh_token_that_is_used_up_each_time_is_followed_by_the_next(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    fake.refresh_token, fake.ends_others = "refresh-0", True
    times = iter(range(0, 100_000, 1000))
    tokens = MemoryTokens(now=lambda: float(next(times)))
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    for turn in range(1, 4):
        crm = connected(contract, fake, tokens, secrets={"refresh_token": "refresh-0"})
        fake.tokens.clear()
        assert crm.fetch(CONTACT)
        assert fake.renewals == turn


def test_an_app_that_uses_up_its_refresh_tokens_can_be_connected(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    fake.refresh_token, fake.ends_others = "refresh-0", True
    store = MemoryTokenStore(time.time)
    secrets = {"refresh_token": "refresh-0"}
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    crm = connected(contract, fake, SharedTokens(store, "origin"), secrets)
    assert crm.check() == "Acme (Salesforce)"
    # A container begins with the same secret, which is used up, and with what is shared.
    assert connected(contract, fake, SharedTokens(store, "origin"), secrets).fetch(CONTACT)
    assert fake.renewals == 1


def test_many_at_once_share_one_renewal(contract: TestSalesforce, fake: FakeSalesforce) -> None:
    # A second renewal would end the token of the first, and fail with its refresh token.
    fake.refresh_token, fake.ends_others = "refresh-0", True
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    tokens = MemoryTokens()
    start = threading.Barrier(8)

    def fetch() -> object:
        crm = connected(contract, fake, tokens, secrets={"refresh_token": "refresh-0"})
        start.wait()
        return crm.fetch(CONTACT)

    with ThreadPoolExecutor(8) as threads:
        found = [future.result() for future in [threads.submit(fetch) for _ in range(8)]]
    assert all(found)
    assert fake.renewals == 1


def test_many_whose_token_has_ended_at_once_share_one_renewal(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    fake.refresh_token, fake.ends_others = "refresh-0", True
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    moment = [0.0]
    tokens = MemoryTokens(now=lambda: moment[0])
    crms = [
        connected(contract, fake, tokens, secrets={"refresh_token": "refresh-0"}) for _ in range(8)
    ]
    assert crms[0].fetch(CONTACT)
    fake.tokens.clear()
    moment[0] = 7200.0
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(crm.fetch, CONTACT) for crm in crms]
        assert all(future.result() for future in futures)
    assert fake.renewals == 2


def test_who_waits_for_somebody_elses_renewal_keeps_to_its_own_time(
    contract: TestSalesforce, fake: FakeSalesforce
) -> None:
    renewing = threading.Event()

    class Slow(LoopbackWeb):
        def send(
            self,
            method: str,
            url: str,
            *,
            headers: Mapping[str, str] | None = None,
            body: bytes = b"",
            timeout_s: float | None = None,
        ) -> Answer:
            renewing.set()
            return super().send(method, url, headers=headers, body=body, timeout_s=timeout_s)

    tokens = MemoryTokens()
    connection = contract.connection(contract.secret, base_url=fake.url)
    fake.faults = [hang()]
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(Adapter10h05(connection, Slow(timeout_s=1.0), tokens).fetch, CONTACT)
        renewing.wait(10)
        with pytest.raises(UnavailableError) as caught:
            search(Adapter10h05(connection, LoopbackWeb(), tokens), NUMBER, timeout_s=0.1)
        assert caught.value.reason == "timeout"
        assert isinstance(first.exception(), UnavailableError)
    # Who was given up holds nobody up.
    fake.save(Person(CONTACT, NUMBER, NOW_MS))
    assert Adapter10h05(connection, LoopbackWeb(), tokens).fetch(CONTACT)


def test_a_page_that_ends_early_is_gone_on_with(fake: FakeSalesforce, asking: Crm) -> None:
    for place in range(1, 8):
        fake.save(Person(fake.record(place), NUMBER, NOW_MS))
    first = asking.modified_since(0)
    assert len(first.contacts) == fake.page_size
    assert first.cursor == f"Contact,2026-11-21T10:00:00.000Z,{fake.record(3)}"


def test_an_answer_that_is_a_page_of_a_login_is_malformed(
    fake: FakeSalesforce, asking: Crm
) -> None:
    fake.put(CONTACT, NOW_MS, LastName="Neri")
    asking.fetch(CONTACT)
    fake.fault = Fault(Reply(200, b"<html>login</html>", "text/html"))
    with pytest.raises(UnavailableError) as caught:
        asking.fetch(CONTACT)
    assert caught.value.reason == "malformed"
