"""A CRM of one's own, with Standard Webhooks and our contact JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine
from standardwebhooks import Webhook

from centralino.adapters.crm.generic import Adapter
from centralino.domain.contact import ContactNumber
from centralino.domain.errors import CredentialsError, PayloadError, UnavailableError
from centralino.ports.crm import Connection, Delivery
from tests.support.crm import Fault, LoopbackWeb, Person, Reply, failing
from tests.support.crm.contract import DATA, NOW_MS, NOW_S, NUMBER, URL, CrmContract
from tests.support.crm.generic import ACCOUNT, TOKEN, FakeErp

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "whsec_" + b64encode(b"the first secret, 24 bytes").decode()
OTHER = "whsec_" + b64encode(bytes(range(64))).decode()
AT = "2026-11-21T10:00:00Z"


def deliver(body: bytes, headers: Mapping[str, str]) -> Delivery:
    return Delivery("POST", f"{URL}/generic", headers, body, "", NOW_S)


def signed(
    body: bytes, secret: str = SECRET, *, at_s: float = NOW_S, word: str = "msg_1"
) -> Delivery:
    """Sign as the specification says, also what the library refuses to sign."""
    key = b64decode(secret.removeprefix("whsec_"))
    at = str(int(at_s))
    digest = hmac.digest(key, f"{word}.{at}.".encode() + body, "sha256")
    return deliver(
        body,
        {
            "webhook-id": word,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{b64encode(digest).decode()}",
        },
    )


def sent_by_the_library(body: str, secret: str = SECRET, word: str = "msg_2b9QX") -> Delivery:
    """Send as the `standardwebhooks` library does."""
    at = datetime.fromtimestamp(NOW_S, UTC)
    return deliver(
        body.encode(),
        {
            "webhook-id": word,
            "webhook-timestamp": str(int(NOW_S)),
            "webhook-signature": Webhook(secret).sign(word, at, body),
        },
    )


def event(kind: str = "contact.updated", /, **data: object) -> bytes:
    return json.dumps({"type": kind, "timestamp": AT, "data": {"id": "1", **data}}).encode()


def provider(*secrets: str, **account: str) -> Adapter:
    return Adapter(
        Connection("generic", account, {"webhook_secrets": list(secrets or (SECRET,))}),
        LoopbackWeb(),
    )


class TestGeneric(CrmContract):
    adapter = Adapter
    secret = SECRET
    other_secret = OTHER
    account = ACCOUNT
    secrets = {"token": TOKEN}  # noqa: RUF012 - a table
    signature_headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    window_s = 300.0
    spellings = (NUMBER, "+39 02 4455 6677", "0244556677", "02/44556677", "0039 02 44556677")

    def sign(self, body: bytes, secret: str, *, at_s: float = NOW_S, event: str = "") -> Delivery:
        # Each body is a message of its own.
        word = f"msg_{hashlib.sha256(body).hexdigest()[:20]}"
        return signed(body, secret, at_s=at_s, word=word)._replace(event=event)

    def server(self) -> FakeErp:
        return FakeErp()

    def inbound(self, *webhook_secrets: object) -> Adapter:
        # Recorded deliveries are read as by a CRM that can't be read.
        secrets = {"webhook_secrets": list(webhook_secrets or (self.secret,))}
        return Adapter(Connection("generic", {}, secrets))

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str]:
        event = {
            "type": {"changed": "contact.updated"}.get(kind, f"contact.{kind}"),
            "timestamp": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(),
            "data": {
                "id": person.record,
                "first_name": person.first_name,
                "last_name": person.last_name,
                "numbers": [person.number],
            },
        }
        return json.dumps(event).encode(), ""

    def batch_with_a_bad_entry(self) -> tuple[bytes, tuple[str, ...]]:
        def one(record: object, **data: object) -> dict[str, object]:
            return {"type": "contact.updated", "timestamp": AT, "data": {"id": record, **data}}

        events = [
            one("1"),
            one("a#b"),
            None,
            one("2", numbers="02 44"),
            one("3", numbers=[{"number": "02 44", "kind": "phone"}]),
            {**one("4"), "timestamp": "yesterday"},
            {**one("5"), "type": "invoice.paid"},
            one("6", updated_at="Zazzera"),
            one(7),
        ]
        return json.dumps(events).encode(), ("1", "7")

    # Signatures ----------------------------------------------------------------------------------

    def test_what_the_standardwebhooks_library_sends_is_accepted(self) -> None:
        provider().verify(sent_by_the_library('{"type":"contact.updated","data":"\u00e8"}'))

    @time_machine.travel(NOW_S, tick=False)
    def test_what_we_accept_the_standardwebhooks_library_accepts(self) -> None:
        delivery = signed(event())
        provider().verify(delivery)
        assert Webhook(SECRET).verify(delivery.body, dict(delivery.headers))["timestamp"] == AT

    def test_one_good_signature_among_several_is_enough(self) -> None:
        delivery = sent_by_the_library("{}")
        good = delivery.headers["webhook-signature"]
        old = Webhook(OTHER).sign("msg_2b9QX", datetime.fromtimestamp(NOW_S, UTC), "{}")
        for several in (f"{old} {good}", f"{good} {old}", f"v1a,AAAA {good}", f" {good} "):
            headers = {**delivery.headers, "webhook-signature": several}
            provider().verify(delivery._replace(headers=headers))

    @pytest.mark.parametrize("version", ["v1a,", "v2,", "V1,", "", "v1", "v1:"])
    def test_a_signature_of_another_version_is_refused(self, version: str) -> None:
        delivery = sent_by_the_library("{}")
        bare = delivery.headers["webhook-signature"].removeprefix("v1,")
        headers = {**delivery.headers, "webhook-signature": f"{version}{bare}"}
        with pytest.raises(CredentialsError):
            provider().verify(delivery._replace(headers=headers))

    def test_the_same_signature_under_another_id_is_refused(self) -> None:
        delivery = signed(event(), word="msg_1")
        headers = {**delivery.headers, "webhook-id": "msg_2"}
        with pytest.raises(CredentialsError):
            provider().verify(delivery._replace(headers=headers))

    def test_a_secret_without_its_prefix_or_padding_is_the_same_secret(self) -> None:
        bare = SECRET.removeprefix("whsec_")
        for spelling in (bare, bare.rstrip("="), SECRET.rstrip("=")):
            provider(spelling).verify(signed(event()))

    def test_a_secret_that_can_be_guessed_is_none(self) -> None:
        short = "whsec_" + b64encode(b"23 bytes are too few ..").decode()
        with pytest.raises(CredentialsError):
            provider(short).verify(signed(event(), short))
        with pytest.raises(PayloadError, match="webhook_secrets"):
            provider(short).check()

    # Events --------------------------------------------------------------------------------------

    def test_a_contact_is_taken_from_the_event_itself(self) -> None:
        body = (DATA / "generic" / "created.json").read_bytes()
        [hint] = provider().parse(signed(body)).hints
        contact = hint.contact
        assert contact is not None
        assert contact == contact._replace(
            id="generic:C-17",
            version=NOW_MS - 60_000,
            updated_at_ms=NOW_MS - 60_000,
            first_name="Ada",
            last_name="Bianchi",
            company="Bianchi Impianti S.r.l.",
            customer_code="IT01234567890",
            owner="m.verdi",
            tags=("premium",),
            status="active",
            url="https://erp.example.com/contacts/C-17",
        )
        assert contact.numbers == (
            ContactNumber("+39 02 4455 6688", "work", primary=True),
            ContactNumber("347 7654321", "mobile"),
        )

    def test_without_a_time_of_its_own_a_contact_is_as_old_as_the_event(self) -> None:
        [hint] = provider().parse(signed(event(company="Neri"))).hints
        assert hint.contact is not None
        assert hint.contact.version == NOW_MS

    def test_a_number_may_be_a_plain_text(self) -> None:
        [hint] = provider().parse(signed(event(numbers=["02 44", 347]))).hints
        assert hint.contact is not None
        assert [number.number for number in hint.contact.numbers] == ["02 44", "347"]

    def test_a_contact_without_numbers_has_none(self) -> None:
        for none in (
            "null",
            "[]",
            '[""]',
            "[null]",
            '[{"number":""}]',
            '[{"number":null}]',
            "[{}]",
        ):
            body = event(numbers="NONE").replace(b'"NONE"', none.encode())
            [hint] = provider().parse(signed(body)).hints
            assert hint.contact is not None
            assert hint.contact.numbers == ()

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"id": ""}, "data.id"),
            ({"id": "a#b"}, "data.id"),
            ({"id": "x" * 201}, "data.id"),
            ({"id": None}, "data.id"),
            ({"numbers": "02 44"}, "data.numbers"),
            ({"numbers": ["1"] * 41}, "data.numbers"),
            ({"numbers": [{"number": ["1"]}]}, "data.numbers[0].number"),
            ({"numbers": ["1", True]}, "data.numbers[1].number"),
            ({"numbers": ["1", ["2"]]}, "data.numbers[1].number"),
            ({"numbers": [{"number": "1", "kind": "phone"}]}, "data.numbers[0].kind"),
            ({"updated_at": "21/11/2026"}, "data.updated_at"),
            ({"updated_at": None}, "data.updated_at"),
        ],
    )
    def test_what_is_wrong_with_an_event_is_named(
        self, data: dict[str, object], field: str
    ) -> None:
        with pytest.raises(PayloadError) as caught:
            provider().parse(signed(event(**data)))
        assert caught.value.field == field

    def test_what_is_wrong_in_a_batch_is_named_with_its_place(self) -> None:
        body, _ = self.batch_with_a_bad_entry()
        assert [
            problem.partition(":")[0] for problem in provider().parse(signed(body)).problems
        ] == [
            "[1].data.id",
            "[2].body",
            "[3].data.numbers",
            "[4].data.numbers[0].kind",
            "[5].timestamp",
            "[6].type",
            "[7].data.updated_at",
        ]

    def test_the_winner_of_a_merge_is_read_where_it_can_be(self) -> None:
        body = event("contact.merged", merged_ids=["2", "1"])
        account = {**ACCOUNT, "base_url": "https://erp.example.com"}
        hints = provider(**account).parse(signed(body)).hints
        assert [(hint.record, hint.operation) for hint in hints] == [
            ("2", "deleted"),
            ("1", "changed"),
        ]
        assert hints[1].contact is None
        assert [hint.record for hint in provider().parse(signed(body)).hints] == ["2"]

    def test_the_senders_word_for_a_delivery_is_kept(self) -> None:
        [hint] = provider().parse(signed(event(), word="msg_9")).hints
        assert hint.delivery == "msg_9"
        assert Adapter.kept_headers == ("webhook-id",)

    # The API -------------------------------------------------------------------------------------

    def test_without_addresses_it_only_listens(self) -> None:
        crm = provider()
        assert (crm.searches, crm.reads, crm.lists_deletions) == (False, False, False)
        assert crm.check() == "webhooks only"
        assert crm.deleted_since(0) == ((), (), "")

    def test_with_addresses_it_reads_and_searches(self, asking: Adapter) -> None:
        assert (asking.searches, asking.reads, asking.lists_deletions) == (True, True, True)

    @pytest.mark.parametrize(
        ("account", "field"),
        [
            ({"search_path": "/s?n={number}"}, "account.base_url"),
            ({"base_url": "erp.example.com"}, "account.base_url"),
            ({"base_url": "ftp://a", "search_path": "/s?n={number}"}, "account.base_url"),
            ({"base_url": "https://a", "search_path": "/s"}, "account.search_path"),
            ({"base_url": "https://a", "contact_path": "/c/{id}"}, "account.changes_path"),
            ({"base_url": "https://a", "changes_path": "/c?{since}"}, "account.contact_path"),
        ],
    )
    def test_a_setting_that_makes_no_sense_is_named(
        self, account: dict[str, str], field: str
    ) -> None:
        with pytest.raises(PayloadError) as caught:
            provider(**account).check()
        assert caught.value.field == field

    def test_no_token_is_shown_where_none_is_known(self) -> None:
        with FakeErp() as fake:
            crm = provider(**ACCOUNT, base_url=fake.url)
            with pytest.raises(UnavailableError):
                crm.fetch("1")
            assert "authorization" not in fake.requests[0].headers

    def test_a_contact_that_can_not_be_read_does_not_hide_the_others(
        self, fake: FakeErp, asking: Adapter, caplog: pytest.LogCaptureFixture
    ) -> None:
        fake.save(Person("1", NUMBER, NOW_MS))
        fake.save(Person("a#b", NUMBER, NOW_MS))
        assert [contact.id for contact in asking.modified_since(0).contacts] == ["generic:1"]
        assert "id: expected an id" in caplog.text

    def test_another_contact_than_the_one_asked_for_is_not_taken_for_it(
        self, fake: FakeErp, asking: Adapter
    ) -> None:
        fake.people["2"] = Person("1", NUMBER, NOW_MS)
        assert asking.fetch("2") is None

    @pytest.mark.parametrize("answer", [Reply(410), Reply(404, b"{}")], ids=["410", "404"])
    def test_a_contact_is_gone_by_410_or_by_404_with_json(
        self, fake: FakeErp, asking: Adapter, answer: Reply
    ) -> None:
        fake.fault = Fault(answer)
        assert asking.fetch("1") is None

    def test_an_address_that_answers_404_with_a_page_is_told_when_connecting(
        self, fake: FakeErp, asking: Adapter
    ) -> None:
        fake.faults = [Fault(), failing(404)]
        with pytest.raises(PayloadError) as caught:
            asking.check()
        assert caught.value.field == "account.contact_path"
