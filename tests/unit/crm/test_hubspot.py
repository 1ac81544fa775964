"""HubSpot."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.crm.hubspot import Adapter
from centralino.adapters.exports.hubspot import COLUMNS
from centralino.application.map_row import Calendar, map_row
from centralino.domain.errors import CredentialsError, PayloadError, RejectedError, UnavailableError
from centralino.ports.crm import Connection, Delivery, Parsed
from tests.support.crm import Fault, LoopbackWeb, Person, answering, failing
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
from tests.support.crm.hubspot import PORTAL, TOKEN, FakeHubspot

if TYPE_CHECKING:
    from centralino.domain.contact import Contact

SECRET = "7c1f3a52-0000-4e5e-8888-aaaabbbbcccc"
# The secret of the vendor's own examples.
VENDORS = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"


def signed_v3(body: bytes, secret: str, *, at_s: float = NOW_S, url: str = "") -> Delivery:
    """Sign as the vendor's documentation of v3 says, for a URL without escapes."""
    url = url or f"{URL}/hubspot"
    at = str(int(at_s * 1000))
    digest = hmac.digest(secret.encode(), f"POST{url}".encode() + body + at.encode(), "sha256")
    headers = {
        "x-hubspot-signature-v3": b64encode(digest).decode(),
        "x-hubspot-request-timestamp": at,
        "content-type": "application/json",
    }
    return Delivery("POST", url, headers, body, "", NOW_S)


def signed_old(version: str, signature: str, body: bytes, *, method: str = "POST") -> Delivery:
    headers = {"x-hubspot-signature": signature, "x-hubspot-signature-version": version}
    return Delivery(method, "https://www.example.com/webhook_uri", headers, body, "", NOW_S)


def provider(**account: str) -> Adapter:
    account = {"portal_id": PORTAL, **account}
    return Adapter(Connection("hubspot", account, {"webhook_secrets": [VENDORS], "token": TOKEN}))


def event(kind: str, record: object, **fields: object) -> dict[str, object]:
    """Return an event of the account that is connected."""
    return {"portalId": int(PORTAL), "subscriptionType": kind, "objectId": record, **fields}


class TestHubspot(CrmContract):
    adapter = Adapter
    secret = SECRET
    other_secret = "9e0d0000-1111-4e5e-9999-ddddeeeeffff"
    account = {"portal_id": PORTAL}  # noqa: RUF012 - a table
    secrets = {"token": TOKEN}  # noqa: RUF012 - a table
    signature_headers = ("x-hubspot-signature-v3", "x-hubspot-request-timestamp")
    window_s = 300.0
    spellings = (NUMBER, "+39 02 4455 6677", "0244556677", "02/44556677", "0039 02 44556677")

    def sign(self, body: bytes, secret: str, *, at_s: float = NOW_S, event: str = "") -> Delivery:
        return signed_v3(body, secret, at_s=at_s)._replace(event=event)

    def server(self) -> FakeHubspot:
        return FakeHubspot()

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str]:
        kinds = {"created": "creation", "changed": "propertyChange", "deleted": "deletion"}
        told = event(f"contact.{kinds[kind]}", int(person.record), occurredAt=at_ms)
        return json.dumps([told]).encode(), ""

    def batch_with_a_bad_entry(self) -> tuple[bytes, tuple[str, ...]]:
        events = [
            event("contact.creation", 1),
            event("contact.creation", "x' OR 1=1"),
            None,
            event("deal.creation", 2),
            event("contact.merge", 3, mergedObjectIds=[4, "5#"]),
            {**event("contact.creation", 5), "portalId": None},
            event("contact.creation", 6),
        ]
        return json.dumps(events).encode(), ("1", "6")

    # Signatures ----------------------------------------------------------------------------------

    def test_the_vendors_own_example_of_v2_is_accepted(self) -> None:
        signature = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
        provider().verify(signed_old("v2", signature, b"", method="GET"))

    def test_the_vendors_own_example_of_v2_with_a_body_is_accepted(self) -> None:
        signature = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
        provider().verify(signed_old("v2", signature, b'{"example_field":"example_value"}'))

    def test_the_vendors_own_example_of_v1_is_accepted(self) -> None:
        body = (DATA / "hubspot" / "creation_v1_vector.json").read_bytes()
        signature = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
        provider().verify(signed_old("v1", signature, body))

    def test_what_the_vendors_own_library_signs_as_v3_is_accepted(self) -> None:
        # hubspot-api-client 12.0.0, `Signature.get_signature`, at 2026-11-21T10:00:00Z.
        body = (DATA / "hubspot" / "creation.json").read_bytes()
        headers = {
            "x-hubspot-signature-v3": "1gqjZXeInG52Ba4b9YORYIqcixpPTSLSa5mfH+QtL3w=",
            "x-hubspot-request-timestamp": "1795255200000",
        }
        self.inbound().verify(signed_v3(body, "")._replace(headers=headers))

    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_an_old_signature_of_another_secret_or_body_is_refused(self, version: str) -> None:
        body = b"[]"
        signed = b"POSThttps://www.example.com/webhook_uri" * (version == "v2") + body
        good = hashlib.sha256(VENDORS.encode() + signed).hexdigest()
        provider().verify(signed_old(version, good, body))
        for signature, sent in ((good, b"[ ]"), (good.upper(), body), ("", body), ("é", body)):
            with pytest.raises(CredentialsError):
                provider().verify(signed_old(version, signature, sent))
        without = hashlib.sha256(signed).hexdigest()
        with pytest.raises(CredentialsError):
            Adapter(Connection("hubspot", {"portal_id": PORTAL}, {})).verify(
                signed_old(version, without, body)
            )

    def test_an_old_signature_is_refused_where_only_v3_is_wanted(self) -> None:
        good = hashlib.sha256(VENDORS.encode() + b"[]").hexdigest()
        with pytest.raises(CredentialsError):
            provider(signature="v3").verify(signed_old("v1", good, b"[]"))
        provider(signature="v3").verify(signed_v3(b"[]", VENDORS))

    def test_a_wrong_v3_signature_is_not_saved_by_a_good_old_one(self) -> None:
        good = hashlib.sha256(VENDORS.encode() + b"[]").hexdigest()
        both = {**signed_v3(b"[]", "other").headers, **signed_old("v1", good, b"[]").headers}
        with pytest.raises(CredentialsError):
            provider().verify(signed_v3(b"[]", VENDORS)._replace(headers=both))

    def test_a_signature_of_an_unknown_version_is_refused(self) -> None:
        for version in ("v4", "", "V1", "v3"):
            with pytest.raises(CredentialsError):
                provider().verify(signed_old(version, "0" * 64, b"[]"))

    @pytest.mark.parametrize(
        ("sent", "signed"),
        [
            ("/v1/crm/hubspot?u=https%3A%2F%2Fa.it%3Fb", "/v1/crm/hubspot?u=https://a.it?b"),
            ("/v1/crm/hubspot?u=a%40b.it", "/v1/crm/hubspot?u=a@b.it"),
            ("/v1/crm/hubspot?u=a%40b%3a%2f", "/v1/crm/hubspot?u=a@b:/"),
            ("/x?a=%21%24%27%28%29%2A%2C%3B", "/x?a=!$'()*,;"),
            # The others stay: a space, a percent sign that was escaped itself, an accent.
            ("/x?a=%20b%25%3A%C3%A8", "/x?a=%20b%25:%C3%A8"),
            ("/x?a=%253A", "/x?a=%253A"),
        ],
    )
    def test_the_vendors_escapes_are_decoded_in_the_address_that_v3_signs(
        self, sent: str, signed: str
    ) -> None:
        delivery = signed_v3(b"[]", VENDORS, url=f"https://api.example.com{signed}")
        provider().verify(delivery._replace(url=f"https://api.example.com{sent}"))

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.example.com/v1/crm/hubspot",
            "https://api.example.com/v1/crm/hubspot?x=1",
            "https://api.example.com/v1/crm/hubspot/",
            "https://evil.example.com/v1/crm/hubspot",
            "https://api.example.com/v1/crm/hubsp\u00f2t",
            "https://api.example.com/\udcff",
        ],
    )
    def test_a_delivery_to_another_address_is_refused(self, url: str) -> None:
        delivery = signed_v3(b"[]", VENDORS)
        with pytest.raises(CredentialsError):
            provider().verify(delivery._replace(url=url))
        with pytest.raises(CredentialsError):
            provider().verify(delivery._replace(method="PUT"))

    # Events --------------------------------------------------------------------------------------

    def test_events_of_another_account_are_left_out_and_are_no_problem(self) -> None:
        # One secret signs for whoever has installed the app.
        for file in ("merge.json", "restore_and_deletions.json"):
            body = (DATA / "hubspot" / file).read_bytes()
            assert provider().parse(signed_v3(body, VENDORS)).hints
            assert provider(portal_id="33").parse(signed_v3(body, VENDORS)) == Parsed(())

    def test_only_our_own_events_of_a_mixed_delivery_count(self) -> None:
        events = [
            {**event("contact.privacyDeletion", 1), "portalId": 33},
            event("contact.deletion", 2, occurredAt=5),
            {**event("contact.deletion", 3), "portalId": 33},
        ]
        parsed = provider().parse(signed_v3(json.dumps(events).encode(), VENDORS))
        assert [(hint.record, hint.operation) for hint in parsed.hints] == [("2", "deleted")]
        assert parsed.problems == ()

    @pytest.mark.parametrize("portal", ["", "mine", "62515 ", "*"])
    def test_without_the_accounts_number_nothing_is_accepted(self, portal: str) -> None:
        delivery = signed_v3(json.dumps([event("contact.deletion", 1)]).encode(), VENDORS)
        provider().verify(delivery)
        with pytest.raises(CredentialsError):
            provider(portal_id=portal).verify(delivery)
        # Nor from the queue, if it was accepted while there was one.
        assert provider(portal_id=portal).parse(delivery) == Parsed(())

    def test_an_event_that_is_sent_again_has_the_same_word(self) -> None:
        first, again = ([event("contact.creation", 1, attemptNumber=attempt)] for attempt in (0, 3))
        words = [
            provider().parse(signed_v3(json.dumps(events).encode(), VENDORS)).hints[0].delivery
            for events in (first, again)
        ]
        assert words[0] == words[1]

    def test_two_properties_that_change_at_one_moment_are_two_events(self) -> None:
        events = [
            event("contact.propertyChange", 1, occurredAt=5, propertyName=name)
            for name in ("phone", "mobilephone")
        ]
        parsed = provider().parse(signed_v3(json.dumps(events).encode(), VENDORS))
        assert len({hint.delivery for hint in parsed.hints}) == 2

    # The API -------------------------------------------------------------------------------------

    def test_every_number_of_a_contact_is_read(self, fake: FakeHubspot, asking: Adapter) -> None:
        fake.put(
            "contacts",
            "101",
            NOW_MS,
            firstname="Ada",
            phone="02 1",
            mobilephone="347 1",
            fax="02 2",
            hs_whatsapp_phone_number="347 2",
        )
        contact = asking.fetch("101")
        assert contact is not None
        assert [(n.number, n.kind, n.primary) for n in contact.numbers] == [
            ("02 1", "work", True),
            ("347 1", "mobile", False),
            ("347 2", "mobile", False),
            ("02 2", "fax", False),
        ]

    def test_a_company_is_read_searched_and_listed(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        fake.put("companies", "101", NOW_MS, name="Bianchi Impianti", phone=NUMBER)
        company = asking.fetch("company-101")
        assert company is not None
        assert (company.id, company.company, company.first_name) == (
            "hubspot:company-101",
            "Bianchi Impianti",
            "",
        )
        assert [number.kind for number in company.numbers] == ["switchboard"]
        assert asking.fetch("101") is None
        assert [contact.id for contact in search(asking, NUMBER)] == [company.id]
        assert self.ids(self.read_all(fake, NOW_MS)[0]) == [company.id]
        assert self.ids(self.read_all(fake, 0)[0]) == [company.id]

    def test_no_record_is_listed_twice(self, fake: FakeHubspot) -> None:
        for place in range(8):
            fake.save(Person(fake.record(place), NUMBER, NOW_MS))
        for since_ms in (0, NOW_MS):
            found = self.ids(self.read_all(fake, since_ms)[0])
            assert found == [f"hubspot:{fake.record(place)}" for place in range(8)]

    def ids(self, contacts: list[Contact]) -> list[str]:
        return sorted(contact.id for contact in contacts)

    @pytest.mark.parametrize("keeps_zero", [True, False])
    def test_a_caller_is_found_whether_or_not_the_zero_is_kept(self, *, keeps_zero: bool) -> None:
        with FakeHubspot(keeps_zero=keeps_zero) as fake:
            fake.save(Person("101", "02 / 4455-6677", NOW_MS))
            crm = Adapter(self.connection(SECRET, base_url=fake.url), LoopbackWeb())
            assert self.ids(verified(search(crm, NUMBER), NUMBER)) == ["hubspot:101"]

    def test_a_caller_is_found_by_the_mobile_number(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        mobile = "+393471234567"
        fake.put("contacts", "101", NOW_MS, lastname="Rossi", mobilephone="347 123 4567")
        assert self.ids(verified(search(asking, mobile), mobile)) == ["hubspot:101"]

    def test_a_caller_who_was_found_is_not_lost_when_the_companies_do_not_answer(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        fake.save(Person("101", NUMBER, NOW_MS))
        fake.faults = [Fault(), failing(500)]
        assert self.ids(list(search(asking, NUMBER))) == ["hubspot:101"]

    def test_somebody_else_who_was_found_does_not_hide_that_the_companies_do_not_answer(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        # The same digits in another country.
        fake.save(Person("101", "+49 244556677", NOW_MS))
        fake.faults = [Fault(), failing(500)]
        with pytest.raises(UnavailableError, match="server"):
            search(asking, NUMBER)

    def test_an_import_and_a_webhook_meet_in_one_contact(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        fake.put("contacts", "101", NOW_MS, firstname="Ada", lastname="Rossi", phone="02 1")
        contact = asking.fetch("101")
        # Somebody saved the same answer in a file.
        answer = json.loads(fake.answer(fake.requests[-1]).body)
        row = {f"properties.{name}": text or "" for name, text in answer["properties"].items()}
        row = {**row, "id": answer["id"], "updatedat": answer["updatedAt"]}
        calendar = Calendar(datetime.fromtimestamp(NOW_S, UTC))
        assert contact is not None
        # The file doesn't say whose account it is from.
        assert map_row(row, COLUMNS, calendar).contact == contact._replace(url="")

    def test_without_the_scope_for_companies_only_contacts_are_asked_for(self) -> None:
        with FakeHubspot(forbidden=("companies",)) as fake:
            fake.save(Person("101", NUMBER, NOW_MS))
            secrets = {"token": TOKEN, "webhook_secrets": [SECRET]}
            account = {"base_url": fake.url, "portal_id": PORTAL}
            both = Adapter(Connection("hubspot", account, secrets), LoopbackWeb())
            with pytest.raises(RejectedError, match="permissions"):
                both.check()
            account["objects"] = "contacts"
            crm = Adapter(Connection("hubspot", account, secrets), LoopbackWeb())
            assert crm.check() == f"HubSpot account {PORTAL}"
            assert len(search(crm, NUMBER)) == 1
            assert crm.modified_since(0).cursor == ""

    def test_a_contact_links_to_its_page(self, fake: FakeHubspot, asking: Adapter) -> None:
        fake.save(Person("101", NUMBER, NOW_MS))
        contact = asking.fetch("101")
        assert contact is not None
        assert contact.url == "https://app.hubspot.com/contacts/62515/record/0-1/101"

    def test_the_token_of_another_account_is_told_in_one_line(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        fake.portal = "33"
        with pytest.raises(PayloadError) as caught:
            asking.check()
        assert caught.value.field == "account.portal_id"
        assert caught.value.expected == "33, the account that the token is of"

    @pytest.mark.parametrize("record", ["101", "company-101"])
    @pytest.mark.parametrize(
        "told",
        [
            {"status": "error", "message": "resource not found", "correlationId": "x"},
            {"status": "error", "message": "Object not found.", "category": "OBJECT_NOT_FOUND"},
        ],
    )
    def test_both_of_hubspots_own_words_say_that_a_record_is_gone(
        self, fake: FakeHubspot, asking: Adapter, record: str, told: dict[str, str]
    ) -> None:
        fake.fault = answering(json.dumps(told).encode(), 404)
        assert asking.fetch(record) is None

    @pytest.mark.parametrize(
        "told",
        [
            {},
            {"message": "resource not found"},
            {"message": "no Route matched with those values"},
            {"status": "error"},
            {"status": "error", "message": "resource not found", "category": "VALIDATION_ERROR"},
        ],
    )
    def test_a_404_of_another_api_does_not_say_that_a_contact_is_gone(
        self, fake: FakeHubspot, asking: Adapter, told: dict[str, str]
    ) -> None:
        fake.fault = answering(json.dumps(told).encode(), 404)
        with pytest.raises(UnavailableError, match="malformed"):
            asking.fetch("101")

    def test_a_search_asks_for_calculated_numbers_one_by_one(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        # The fake refuses any other way, and a sixth group.
        for number, groups in ((NUMBER, 5), ("+393471234567", 4), ("+493012345678", 4)):
            search(asking, number)
            asked = fake.requests[-2].json()["filterGroups"]
            assert len(asked) == groups

    def test_the_id_of_a_merged_contact_is_gone_though_it_answers(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        fake.save(Person("101", NUMBER, NOW_MS))
        fake.merged["102"] = "101"
        assert asking.fetch("102") is None
        assert asking.fetch("101") is not None

    def test_a_record_that_is_locked_is_tried_again_later(
        self, fake: FakeHubspot, asking: Adapter
    ) -> None:
        for status in (423, 477):
            fake.fault = failing(status)
            with pytest.raises(UnavailableError) as caught:
                asking.fetch("101")
            assert type(caught.value) is UnavailableError

    @pytest.mark.parametrize(
        ("account", "field"),
        [
            ({"portal_id": "mine"}, "account.portal_id"),
            ({"portal_id": "33"}, "account.portal_id"),
            ({"objects": "contacts,deals"}, "account.objects"),
        ],
    )
    def test_a_setting_that_makes_no_sense_is_named(
        self, fake: FakeHubspot, account: dict[str, str], field: str
    ) -> None:
        secrets = {"token": TOKEN, "webhook_secrets": [SECRET]}
        account = {"base_url": fake.url, "portal_id": PORTAL, **account}
        connection = Connection("hubspot", account, secrets)
        with pytest.raises(PayloadError) as caught:
            Adapter(connection, LoopbackWeb()).check()
        assert caught.value.field == field
