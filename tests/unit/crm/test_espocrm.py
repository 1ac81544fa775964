"""EspoCRM."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode

import pytest

from centralino.adapters.crm.espocrm import Adapter
from centralino.domain.errors import CredentialsError, PayloadError, RejectedError, UnavailableError
from centralino.ports.crm import Connection, Delivery
from tests.support.crm import Fault, LoopbackWeb, Person, Reply, failing
from tests.support.crm.contract import NOW_MS, NOW_S, NUMBER, URL, CrmContract, search, verified
from tests.support.crm.espocrm import API_KEY, FakeEspo

SECRET = "c0ffee00c0ffee00c0ffee00c0ffee00"
OTHER = "beefbeefbeefbeefbeefbeefbeefbeef"
WEBHOOK = b"66f1e2d3c4b5a0001"


def signed(body: bytes, secret: str = SECRET, event: str = "Contact.update") -> Delivery:
    """Sign as Espo does since 9.0."""
    digest = hmac.new(secret.encode(), body, "sha256").hexdigest().encode()
    headers = {"signature": b64encode(WEBHOOK + b":" + digest).decode()}
    return Delivery("POST", f"{URL}/espocrm/{event}", headers, body, event, NOW_S)


def signed_before_9(body: bytes, secret: str = SECRET) -> Delivery:
    """Sign as Espo does until 11.0."""
    digest = hmac.new(secret.encode(), body, "sha256").digest()
    headers = {"x-signature": b64encode(WEBHOOK + b":" + digest).decode()}
    return signed(body)._replace(headers=headers)


def provider(*secrets: str, **account: str) -> Adapter:
    given = {"webhook_secrets": list(secrets or (SECRET,)), "api_key": API_KEY}
    return Adapter(Connection("espocrm", account, given), LoopbackWeb())


class TestEspocrm(CrmContract):
    adapter = Adapter
    secret = SECRET
    other_secret = OTHER
    secrets = {"api_key": API_KEY}  # noqa: RUF012 - a table
    signature_headers = ("signature",)
    step_ms = 1000
    spellings = (NUMBER, "+39 02 4455 6677", "0244556677", "02/44556677", "0039 02 44556677")

    def sign(self, body: bytes, secret: str, *, at_s: float = NOW_S, event: str = "") -> Delivery:
        del at_s
        return signed(body, secret, event)

    def server(self) -> FakeEspo:
        return FakeEspo()

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str]:
        del at_ms
        word = {"created": "create", "changed": "update", "deleted": "delete"}[kind]
        return json.dumps([{"id": person.record}]).encode(), f"Contact.{word}"

    def batch_with_a_bad_entry(self) -> tuple[bytes, tuple[str, ...]]:
        entries = [{"id": "a1"}, {"id": "../App/user"}, None, {"id": "company-1"}, {"id": "a2"}]
        return json.dumps(entries).encode(), ("a1", "a2")

    # Signatures ----------------------------------------------------------------------------------

    def test_a_signature_as_espo_made_them_before_9_is_accepted(self) -> None:
        provider().verify(signed_before_9(b"[]"))
        for forged in (signed_before_9(b"[]", OTHER), signed_before_9(b"[]")._replace(body=b"[ ]")):
            with pytest.raises(CredentialsError):
                provider().verify(forged)

    def test_a_delivery_with_both_signatures_is_judged_by_the_new_one(self) -> None:
        both = {**signed_before_9(b"[]").headers, **signed(b"[]", OTHER).headers}
        with pytest.raises(CredentialsError):
            provider().verify(signed(b"[]")._replace(headers=both))
        both = {**signed_before_9(b"[]", OTHER).headers, **signed(b"[]").headers}
        provider().verify(signed(b"[]")._replace(headers=both))

    def test_the_bytes_of_one_kind_are_no_signature_of_the_other(self) -> None:
        new, old = signed(b"[]").headers["signature"], signed_before_9(b"[]").headers["x-signature"]
        for headers in ({"signature": old}, {"x-signature": new}):
            with pytest.raises(CredentialsError):
                provider().verify(signed(b"[]")._replace(headers=headers))

    def test_a_signature_without_the_webhooks_id_is_refused(self) -> None:
        bare = b64decode(signed(b"[]").headers["signature"]).partition(b":")[2]
        for sent in (bare, WEBHOOK, WEBHOOK + b":", b":"):
            headers = {"signature": b64encode(sent).decode()}
            with pytest.raises(CredentialsError):
                provider().verify(signed(b"[]")._replace(headers=headers))

    def test_each_of_its_webhooks_has_a_secret_of_its_own(self) -> None:
        secrets = [f"{place:032x}" for place in range(1, 10)]
        for secret in secrets:
            provider(*secrets).verify(signed(b"[]", secret))

    # Events --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "event",
        [
            "",
            "update",
            "Contact",
            "Contact.",
            "Contact.remove",
            "Opportunity.update",
            "contact.update",
            "Contact.updated",
            "Contact.update.",
            "Contact.fieldUpdate.",
            "x/Contact.update",
        ],
    )
    def test_a_url_that_names_no_event_of_ours_is_refused(self, event: str) -> None:
        with pytest.raises(PayloadError) as caught:
            provider().parse(signed(b'[{"id":"a1"}]', event=event))
        assert caught.value.field == "event"

    # The API -------------------------------------------------------------------------------------

    def test_every_number_of_a_contact_is_read(self, fake: FakeEspo, asking: Adapter) -> None:
        record = fake.record(1)
        fake.put(
            "Contact",
            record,
            NOW_MS,
            {"phoneNumber": "02 1", "primary": False, "type": "Office"},
            {"phoneNumber": "347 1", "primary": True, "type": "Mobile"},
            {"phoneNumber": "06 1", "primary": False, "type": "Home"},
            {"phoneNumber": "06 2", "primary": False, "type": "Fax"},
            {"phoneNumber": "06 3", "primary": False, "type": "Summer house"},
            {"phoneNumber": "06 4", "primary": False, "type": "Home", "invalid": True},
            lastName="Rossi",
        )
        contact = asking.fetch(record)
        assert contact is not None
        assert [(n.number, n.kind, n.primary) for n in contact.numbers] == [
            ("02 1", "work", False),
            ("347 1", "mobile", True),
            ("06 1", "home", False),
            ("06 2", "fax", False),
            ("06 3", "other", False),
        ]
        assert contact.url == f"{fake.url}/#Contact/view/{record}"

    def test_leads_and_accounts_are_read_searched_and_listed(
        self, fake: FakeEspo, asking: Adapter
    ) -> None:
        number = {"phoneNumber": NUMBER, "primary": True, "type": "Office"}
        fake.put("Lead", "a1", NOW_MS, number, firstName="Ada", lastName="Neri", status="New")
        fake.put("Account", "a1", NOW_MS, number, name="Neri S.p.A.")
        lead, company = asking.fetch("lead-a1"), asking.fetch("company-a1")
        assert lead is not None
        assert company is not None
        assert (lead.id, lead.last_name, lead.status) == ("espocrm:lead-a1", "Neri", "New")
        assert (company.id, company.company) == ("espocrm:company-a1", "Neri S.p.A.")
        assert (lead.numbers[0].kind, company.numbers[0].kind) == ("work", "switchboard")
        assert asking.fetch("a1") is None
        assert search(asking, NUMBER) == (lead, company)
        assert self.read_all(fake, NOW_MS)[0] == [lead, company]

    def test_a_caller_is_found_by_any_number_of_a_contact(
        self, fake: FakeEspo, asking: Adapter
    ) -> None:
        other = {"phoneNumber": "347 1", "primary": True, "type": "Mobile"}
        second = {"phoneNumber": "02-4455-6677", "primary": False, "type": "Office"}
        fake.put("Contact", "a1", NOW_MS, other, second, lastName="Rossi")
        assert len(verified(search(asking, NUMBER), NUMBER)) == 1

    def test_a_caller_who_was_found_is_not_lost_when_the_leads_do_not_answer(
        self, fake: FakeEspo, asking: Adapter
    ) -> None:
        fake.save(Person("a1", NUMBER, NOW_MS))
        fake.faults = [Fault(), failing(500)]
        assert [contact.id for contact in search(asking, NUMBER)] == ["espocrm:a1"]

    def test_nobody_who_was_found_does_not_hide_that_the_leads_do_not_answer(
        self, fake: FakeEspo, asking: Adapter
    ) -> None:
        fake.faults = [Fault(), failing(500)]
        with pytest.raises(UnavailableError, match="server"):
            search(asking, NUMBER)

    def test_a_list_that_shows_only_the_first_number_loses_none_of_the_others(self) -> None:
        numbers = [{"phoneNumber": f"02 {n}", "primary": n == 1} for n in (1, 2)]
        with FakeEspo(lists_data=False) as fake:
            fake.put("Contact", "a1", NOW_MS, *numbers, lastName="Rossi")
            crm = provider(base_url=fake.url)
            [contact] = crm.modified_since(0).contacts
            assert [number.number for number in contact.numbers] == ["02 1", "02 2"]

    def test_only_the_entities_that_are_wanted_are_asked_for(self) -> None:
        with FakeEspo(forbidden=("Lead",)) as fake:
            fake.save(Person("a1", NUMBER, NOW_MS))
            with pytest.raises(RejectedError, match="permissions"):
                provider(base_url=fake.url).check()
            crm = provider(base_url=fake.url, entities="Contact, Account")
            assert crm.check() == "EspoCRM user centralino"
            assert len(search(crm, NUMBER)) == 1

    @pytest.mark.parametrize(
        ("account", "field"),
        [
            ({"base_url": "crm.example.com"}, "account.base_url"),
            ({"entities": "Contact,User"}, "account.entities"),
        ],
    )
    def test_a_setting_that_makes_no_sense_is_named(
        self, fake: FakeEspo, account: dict[str, str], field: str
    ) -> None:
        with pytest.raises(PayloadError) as caught:
            provider(**{"base_url": fake.url, **account}).check()
        assert caught.value.field == field

    @pytest.mark.parametrize(
        "answer",
        [
            Reply(404, b'{"message":"no Route matched"}'),
            Reply(404, b"{}"),
            Reply(404, b" <h1>404 Page Not Found</h1>", headers={"X-Status-Reason": "no"}),
        ],
        ids=["a gateway's", "an object", "a page of its own"],
    )
    def test_only_the_apis_own_404_says_that_a_record_is_gone(
        self, fake: FakeEspo, asking: Adapter, answer: Reply
    ) -> None:
        fake.fault = Fault(answer)
        for record in ("a1", "lead-a1", "company-a1"):
            with pytest.raises(UnavailableError, match="malformed"):
                asking.fetch(record)
        fake.fault = None
        for record in ("a1", "lead-a1", "company-a1"):
            assert asking.fetch(record) is None
