"""Zendesk: what every provider has to stand, and what is its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import pytest

from centralino.adapters.crm.zendesk import Adapter, sign
from centralino.domain.errors import CredentialsError, PayloadError, RejectedError, UnavailableError
from centralino.ports.crm import Connection, Delivery
from tests.support.crm import LoopbackWeb, Person, answering
from tests.support.crm.contract import (
    DATA,
    NOW_MS,
    NOW_S,
    NUMBER,
    URL,
    CrmContract,
    search,
    verified,
)
from tests.support.crm.zendesk import EMAIL, TOKEN, FakeZendesk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.domain.contact import Contact
    from tests.support.crm import FakeCrm

SECRET = "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA="
OTHER = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
TEST_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
SIGNATURE = "x-zendesk-webhook-signature"
TIMESTAMP = "x-zendesk-webhook-signature-timestamp"
USER = 6_596_848_315_901


def written(at_s: float) -> str:
    """Return a time as Zendesk writes it; one that no calendar has is the last that it has."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at_s)
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class TestZendesk(CrmContract):
    adapter = Adapter
    secret = SECRET
    other_secret = OTHER
    account: ClassVar[Mapping[str, str]] = {"email": EMAIL}
    secrets: ClassVar[Mapping[str, object]] = {"token": TOKEN}
    signature_headers = (SIGNATURE, TIMESTAMP)
    window_s = 300.0
    spellings: ClassVar[tuple[str, ...]] = (
        NUMBER,
        "+39 02 4455 6677",
        "0039 02 44556677",
        "02 4455 6677",
        "(02) 4455-6677",
        "02/44.55.66.77",
    )
    step_ms = 1000

    def sign(self, body: bytes, secret: str, *, at_s: float = NOW_S, event: str = "") -> Delivery:
        timestamp = written(at_s)
        headers = {
            "content-type": "application/json; charset=utf-8",
            TIMESTAMP: timestamp,
            SIGNATURE: sign(secret, timestamp.encode() + body).decode(),
            "x-zendesk-account-id": "12514403",
            "x-zendesk-webhook-id": "01FC8GHSB6CFGJWJJ8F3KP1RDJ",
        }
        return Delivery("POST", f"{URL}/zendesk", headers, body, event, NOW_S)

    def server(self) -> FakeCrm:
        return FakeZendesk()

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str]:
        event = json.loads(self.recorded("created.json").body)
        word = {"changed": "name_changed"}.get(kind, kind)
        event["type"] = f"zen:event-type:user.{word}"
        event["id"] = f"01JD8A{kind}{person.record}"
        event["time"] = written(at_ms / 1000)
        event["subject"] = f"zen:user:{person.record}"
        event["detail"]["id"] = person.record
        return json.dumps(event).encode(), ""

    def is_person(self, contact: Contact, person: Person) -> None:
        """Zendesk has one field for the whole name."""
        assert contact.last_name == f"{person.first_name} {person.last_name}"
        assert not contact.first_name
        named = contact._replace(first_name=person.first_name, last_name=person.last_name)
        super().is_person(named, person)


class TestZendeskWithoutSideloadedIdentities(TestZendesk):
    secrets: ClassVar[Mapping[str, object]] = {"token": TOKEN}
    account: ClassVar[Mapping[str, str]] = {}

    def server(self) -> FakeCrm:
        return FakeZendesk(sideloads=False)


@pytest.fixture
def zendesk() -> Iterator[FakeZendesk]:
    with FakeZendesk() as server:
        yield server


def connect(server: FakeZendesk, token: str = TOKEN) -> Adapter:
    account = {"base_url": f"{server.url}/", "email": EMAIL}
    secrets = {"token": token, "webhook_secrets": [SECRET]}
    return Adapter(Connection("zendesk", account, secrets), LoopbackWeb())


def inbound(*secrets: str) -> Adapter:
    return Adapter(Connection("zendesk", {}, {"webhook_secrets": list(secrets)}))


def test_the_secret_is_taken_as_it_is_written() -> None:
    # The one signature that Zendesk has published, in an edition of "Verifying" that put the time
    # behind the body. All later editions, and whoever verifies today, have it before the body.
    published = b"tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw="
    assert sign(SECRET, b'{"say": "hello"}' + b"2021-07-25T10:00:00Z") == published


def test_a_signature_of_the_body_before_the_time_is_refused() -> None:
    at = "2021-07-25T10:00:00Z"
    at_s = datetime.fromisoformat(at).timestamp()
    body = b'{"say": "hello"}'
    good = {TIMESTAMP: at, SIGNATURE: sign(SECRET, at.encode() + body).decode()}
    delivery = Delivery("POST", f"{URL}/zendesk", good, body, "", at_s)
    inbound(SECRET).verify(delivery)
    swapped = {**good, SIGNATURE: sign(SECRET, body + at.encode()).decode()}
    with pytest.raises(CredentialsError):
        inbound(SECRET).verify(delivery._replace(headers=swapped))


def test_the_secret_of_zendesk_s_test_requests_is_known_to_everybody() -> None:
    delivery = TestZendesk().sign(b"{}", TEST_SECRET)
    with pytest.raises(CredentialsError):
        inbound(TEST_SECRET, SECRET).verify(delivery)


@pytest.mark.parametrize("at", ["2026-11-21T11:00:00+01:00", "2026-11-21T10:00:00.123456Z"])
def test_a_time_may_be_written_otherwise(at: str) -> None:
    headers = {TIMESTAMP: at, SIGNATURE: sign(SECRET, at.encode() + b"{}").decode()}
    inbound(SECRET).verify(Delivery("POST", URL, headers, b"{}", "", NOW_S))


@pytest.mark.parametrize(
    "at", ["2026-11-21T10:00:00", "2026-11-21", "1795255200", "0001-01-01T00:00:00+23:59"]
)
def test_a_time_without_a_zone_or_calendar_is_refused(at: str) -> None:
    headers = {TIMESTAMP: at, SIGNATURE: sign(SECRET, at.encode() + b"{}").decode()}
    with pytest.raises(CredentialsError):
        inbound(SECRET).verify(Delivery("POST", URL, headers, b"{}", "", NOW_S))


@pytest.mark.parametrize("separator", [":", "/"])
def test_both_spellings_of_a_type_say_the_same(separator: str) -> None:
    body = json.loads((DATA / "zendesk" / "deleted.json").read_text())
    body["type"] = f"zen:event-type{separator}user.deleted"
    delivery = Delivery("POST", URL, {}, json.dumps(body).encode(), "", NOW_S)
    [hint] = inbound().parse(delivery).hints
    assert (hint.record, hint.operation) == (str(USER), "deleted")


def test_an_event_without_details_is_about_its_subject() -> None:
    body = {"type": "zen:event-type:user.name_changed", "subject": f"zen:user:{USER}", "id": "x"}
    delivery = Delivery("POST", URL, {}, json.dumps(body).encode(), "", NOW_S)
    [hint] = inbound().parse(delivery).hints
    assert (hint.record, hint.operation, hint.delivery) == (str(USER), "changed", "x")


def test_an_event_about_nobody_is_a_problem() -> None:
    body = {"type": "zen:event-type:user.name_changed", "subject": "zen:user:", "detail": {}}
    with pytest.raises(PayloadError) as caught:
        inbound().parse(Delivery("POST", URL, {}, json.dumps(body).encode(), "", NOW_S))
    assert caught.value.field == "detail.id"


def test_a_user_s_profile_number_comes_first_and_none_comes_twice(zendesk: FakeZendesk) -> None:
    zendesk.organizations[9] = "Officine Rossi"
    zendesk.put(
        USER,
        NOW_MS,
        name="Mario Rossi",
        phone=NUMBER,
        organization_id=9,
        external_id="K-17",
        tags=["vip", "north"],
        suspended=True,
    )
    zendesk.identities[USER] = ["+393471234567"]
    crm = connect(zendesk)
    contact = crm.fetch(str(USER))
    assert contact
    assert [(n.number, n.primary) for n in contact.numbers] == [
        (NUMBER, True),
        ("+393471234567", False),
    ]
    assert (contact.last_name, contact.company) == ("Mario Rossi", "Officine Rossi")
    assert (contact.customer_code, contact.tags) == ("K-17", ("vip", "north"))
    assert contact.status == "suspended"
    assert contact.url == f"{zendesk.url}/agent/users/{USER}"
    # Whichever way it is read it is the same: an import and a webhook meet in one contact.
    assert crm.modified_since(0).contacts == (contact,)
    assert search(crm, NUMBER) == (contact,)


def test_a_shared_number_counts_though_it_is_no_identity(zendesk: FakeZendesk) -> None:
    zendesk.put(USER, NOW_MS, name="Ada", phone=NUMBER, shared_phone_number=True)
    contact = connect(zendesk).fetch(str(USER))
    assert contact
    assert [number.number for number in contact.numbers] == [NUMBER]


@pytest.mark.parametrize("role", ["agent", "admin"])
def test_who_works_here_is_no_contact(zendesk: FakeZendesk, role: str) -> None:
    zendesk.put(USER, NOW_MS, name="Ada", phone=NUMBER, role=role)
    crm = connect(zendesk)
    assert crm.fetch(str(USER)) is None
    assert crm.modified_since(0).contacts == ()
    assert crm.deleted_since(0).deleted == ((str(USER), NOW_MS),)
    assert search(crm, NUMBER) == ()


def test_a_user_that_goes_away_while_it_is_read_is_gone(zendesk: FakeZendesk) -> None:
    zendesk.put(USER, NOW_MS, name="Ada", phone=NUMBER)
    user = {"id": USER, "role": "end-user", "updated_at": "2026-11-21T10:00:00Z"}
    there = json.dumps({"user": user}).encode()
    zendesk.faults = [answering(there)]
    zendesk.fault = answering(b'{"error": "RecordNotFound"}', 404)
    assert connect(zendesk).fetch(str(USER)) is None


def test_another_user_than_the_one_asked_for_is_an_error(zendesk: FakeZendesk) -> None:
    zendesk.fault = answering(b'{"user": {"id": 5, "role": "agent"}}')
    with pytest.raises(UnavailableError) as caught:
        connect(zendesk).fetch(str(USER))
    assert caught.value.reason == "malformed"


def test_a_search_asks_for_the_last_digits_of_customers(zendesk: FakeZendesk) -> None:
    zendesk.put(USER, NOW_MS, name="Ada", phone="02 4455 6677")
    zendesk.put(USER + 1, NOW_MS, name="Zeno", phone="06 1234567")
    found = search(connect(zendesk), NUMBER)
    assert [contact.id for contact in verified(found, NUMBER)] == [f"zendesk:{USER}"]
    [asked, read] = zendesk.requests
    assert asked.target.endswith("?query=role%3Aend-user%20phone%3A%2A244556677&per_page=10")
    assert read.query["ids"] == str(USER)


def test_a_search_that_finds_nobody_reads_nobody(zendesk: FakeZendesk) -> None:
    assert search(connect(zendesk), NUMBER) == ()
    assert len(zendesk.requests) == 1


def test_five_hundred_users_are_read_a_hundred_at_a_time(zendesk: FakeZendesk) -> None:
    zendesk.page_size = 1000
    for place in range(250):
        zendesk.put(USER + place, NOW_MS, name="Ada", phone=NUMBER)
    page = connect(zendesk).modified_since(NOW_MS)
    assert len(page.contacts) == 250
    assert page.cursor == ""
    shown = [request for request in zendesk.requests if "show_many" in request.path]
    assert [len(request.query["ids"].split(",")) for request in shown] == [100, 100, 50]


def test_a_token_that_is_wrong_is_told_from_nobody_being_asked(zendesk: FakeZendesk) -> None:
    # Zendesk answers 200 to a wrong token here: "Anonymous user".
    with pytest.raises(RejectedError) as caught:
        connect(zendesk, token="another").check()
    assert caught.value.reason == "credentials"


def test_a_token_that_may_not_list_users_is_named() -> None:
    with FakeZendesk(role="agent") as zendesk, pytest.raises(PayloadError) as caught:
        connect(zendesk).check()
    assert caught.value.field == "secrets.token"
    assert "administrator" in caught.value.expected


@pytest.mark.parametrize(
    ("account", "secrets", "field"),
    [
        ({"base_url": "acme.zendesk.com"}, {}, "account.base_url"),
        ({"base_url": "https://acme.zendesk.com", "email": EMAIL}, {}, "secrets.token"),
        (
            {"base_url": "https://acme.zendesk.com"},
            {"token": TOKEN, "webhook_secrets": [TEST_SECRET]},
            "secrets.webhook_secrets",
        ),
    ],
)
def test_a_setting_that_can_not_be_right_is_named(
    account: dict[str, str], secrets: dict[str, object], field: str
) -> None:
    with pytest.raises(PayloadError) as caught:
        Adapter(Connection("zendesk", account, secrets), LoopbackWeb()).check()
    assert caught.value.field == field


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    "body", [b"{}", b'{"message": "no Route matched"}', b"<html>moved</html>", b"null"]
)
def test_only_zendesks_own_words_say_that_a_user_is_gone(
    zendesk: FakeZendesk, status: int, body: bytes
) -> None:
    zendesk.fault = answering(body, status)
    with pytest.raises(UnavailableError) as caught:
        connect(zendesk).fetch(str(USER))
    assert caught.value.reason == "malformed"


def test_an_endpoint_that_is_not_there_does_not_say_that_a_user_is_gone(
    zendesk: FakeZendesk,
) -> None:
    zendesk.fault = answering(b'{"error": "InvalidEndpoint", "description": "Not found"}', 404)
    with pytest.raises(UnavailableError, match="malformed"):
        connect(zendesk).fetch(str(USER))
