"""From a CRM's webhook to the name that a call shows: receiver, queue, worker, index, and the CRM.

Two products that can sign nothing: what they show instead has to get through the front door. The
CRM is asked through the real `adapters/web.py`.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino import bootstrap
from centralino.adapters.crm.salesforce import ACK
from centralino.adapters.queue import SqsQueue
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.tokens import MemoryTokens
from centralino.adapters.web import HttpWeb, Reach
from centralino.domain.settings import Line, Settings
from centralino.entry.access import Door
from centralino.entry.apply import Deliveries
from centralino.entry.receive import KEY_S, Inbox, receive
from centralino.ports.crm import Connection
from tests.support.calls import http_event
from tests.support.crm import Person
from tests.support.crm.pipedrive import FakePipedrive
from tests.support.crm.pipedrive import written as written_there
from tests.support.crm.salesforce import ORGANISATION, FakeSalesforce
from tests.support.fake_sqs import URL as QUEUE_URL
from tests.support.fake_sqs import FakeSqs
from tests.support.memory_store import MemoryStores
from tests.support.store_model import assert_cards_follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.entry.apply import Report
    from centralino.ports.crm import Crm
    from centralino.ports.queue import Claim

SECRET = "zazzera-opens-with-this"
NOW_S = 1_795_255_200.0  # 2026-11-21T10:00:00Z
NOW_MS = int(NOW_S * 1000)
ROSSI, VERDI = "+390244556677", "+390612345678"
LEAD = "00QDn0000000002MAA"


class Vault:
    """The secrets of the one connection."""

    def __init__(self, secrets: Mapping[str, object]) -> None:
        self.secrets = secrets

    def read(self, tenant: str, provider: str, timeout_s: float = 1.0) -> Mapping[str, object]:
        assert (tenant, bool(provider), timeout_s > 0) == ("acme", True, True)
        return self.secrets

    refresh = read


class Firm:
    """A tenant that is connected to one CRM, and everything that its webhooks go through."""

    def __init__(
        self, provider: str, account: Mapping[str, str], secrets: Mapping[str, object]
    ) -> None:
        self.provider = provider
        self.stores = MemoryStores()
        self.stores.now_s = NOW_S
        self.keys = self.stores.create_tenant("acme", Settings("acme", line=Line("IT", "02")))
        links = DynamoConnectionStore(self.stores.dynamo, self.stores.table, "acme")
        links.save(provider, account, now_s=NOW_S)
        self.account = account
        self.secrets = {"webhook_secrets": [SECRET], **secrets}
        self.sqs = FakeSqs(now_s=NOW_S)
        self.door = Door(self.stores.calls, lambda: NOW_S, 30, KEY_S)
        self.inbox = Inbox(
            bootstrap.crm_class,
            lambda _: links,
            Vault(self.secrets),
            SqsQueue(self.sqs, QUEUE_URL),
            self._claims,
            lambda: NOW_S,
            lambda: "0" * 32,
        )
        self.web = HttpWeb(Reach(private=True))
        self.tokens = MemoryTokens()
        self.deliveries = Deliveries(
            settings=lambda tenant: self.stores.tenants(tenant).settings(),
            contacts=self.stores.contacts,
            crm=self._crm,
            refresh=lambda *_: None,
            take=self._take,
            cache_s=30,
            now=lambda: NOW_S,
        )

    def _claims(self) -> Any:  # noqa: ANN401 - never asked
        raise AssertionError

    def _take(self, claim: Claim) -> bytes:
        raise AssertionError(claim)

    def _crm(self, tenant: str, provider: str, country: str) -> Crm:
        assert (tenant, provider) == ("acme", self.provider)
        connection = Connection(provider, self.account, self.secrets, country)
        return bootstrap.crm_class(provider)(connection, self.web, self.tokens)

    def tell(
        self, body: bytes, *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a webhook; return the answer as the gateway gets it."""
        path = f"/v1/k/{self.keys['crm']}/crm/{self.provider}"
        event = http_event(
            query, method="POST", path=path, headers=headers, body=body, epoch_ms=NOW_MS
        )
        return receive(event, self.door, self.inbox)

    def work(self) -> list[Report]:
        """Let the worker apply what is in the queue."""
        messages = [json.loads(body) for body in self.waiting()]
        self.sqs.messages.clear()
        return [self.deliveries(message, lambda: True) for message in messages]

    def waiting(self) -> list[str]:
        """Return what is in the queue."""
        return [message.body for message in self.sqs.messages.values()]

    def name_of(self, number: str) -> str:
        """Return the names on a number's card."""
        cards = self.stores.calls.read("acme", [number], timeout_s=5).cards
        return ", ".join(sorted(h.name for h in cards[number].holders)) if cards else ""


@pytest.fixture
def pipedrive() -> Iterator[FakePipedrive]:
    with FakePipedrive("token-of-zazzera") as fake:
        yield fake


@pytest.fixture
def salesforce() -> Iterator[FakeSalesforce]:
    with FakeSalesforce("id", "of-zazzera", now_ms=NOW_MS) as fake:
        yield fake


def basic(password: str) -> dict[str, str]:
    shown = base64.b64encode(f"centralino:{password}".encode()).decode()
    return {"Authorization": f"Basic {shown}"}


def person_event(action: str, record: str, word: str, **meta: Any) -> bytes:  # noqa: ANN401 - as JSON has it
    return json.dumps(
        {
            "meta": {
                "action": action,
                "entity": "person",
                "entity_id": record,
                "id": word,
                "timestamp": written_there(NOW_MS),
                "version": "2.0",
                **meta,
            },
            "data": None,
            "previous": None,
        }
    ).encode()


def test_a_person_saved_in_pipedrive_shows_on_the_next_call_until_a_merge_takes_it(
    pipedrive: FakePipedrive, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = {"api_token": "token-of-zazzera"}
    firm = Firm("pipedrive", {"base_url": pipedrive.url}, secrets)
    pipedrive.save(Person("101", "+39 02 4455 6677", NOW_MS - 60_000, "Ada", "Rossi"))
    pipedrive.save(Person("102", "06 1234567 8", NOW_MS - 60_000, "Ida", "Verdi"))

    for record, word in (("101", "w1"), ("102", "w2")):
        given = firm.tell(person_event("create", record, word), headers=basic(SECRET))
        assert given["statusCode"] == 200
    firm.work()
    assert (firm.name_of(ROSSI), firm.name_of(VERDI)) == ("Ada Rossi", "Ida Verdi")

    # 102 is merged into 101: the winner's half comes first, and twice.
    pipedrive.delete("102", NOW_MS)
    pipedrive.save(Person("101", "+39 02 4455 6677", NOW_MS, "Ada", "Rossi"))
    pipedrive.persons[101]["phones"].append({"value": "06 12345678", "label": "work"})
    halves = [
        person_event("change", "101", "w3", merged_from_id="102"),
        person_event("change", "101", "w3", merged_from_id="102", attempt=2),
        person_event("delete", "102", "w4", merged_to_id="101"),
    ]
    for half in halves:
        assert firm.tell(half, headers=basic(SECRET))["statusCode"] == 200
    firm.work()
    assert (firm.name_of(ROSSI), firm.name_of(VERDI)) == ("Ada Rossi", "Ada Rossi")
    assert_cards_follow("acme", firm.stores.dynamo.all_items())

    # The creation of 102 comes once more, much too late: it brings nobody back.
    assert (
        firm.tell(person_event("create", "102", "w2"), headers=basic(SECRET))["statusCode"] == 200
    )
    firm.work()
    assert firm.name_of(VERDI) == "Ada Rossi"
    said = capsys.readouterr().out
    for word in ("Rossi", "4455", SECRET, "token-of-zazzera", firm.keys["crm"]):
        assert word not in said


def test_pipedrive_is_told_200_for_all_that_is_authentic_so_that_it_bans_nobody(
    pipedrive: FakePipedrive,
) -> None:
    firm = Firm("pipedrive", {"base_url": pipedrive.url}, {"api_token": "token-of-zazzera"})
    bodies = [
        b'{"meta":{"action":"create","entity":"deal"}}',
        b'{"meta":{"action":"teleport","entity":"person"}}',
        b"not even JSON",
        b"",
    ]
    for body in bodies:
        assert firm.tell(body, headers=basic(SECRET))["statusCode"] == 200
        assert firm.tell(body, headers=basic("wrong"))["statusCode"] == 401
        assert firm.tell(body)["statusCode"] == 401
    assert len(firm.waiting()) == len(bodies)


def test_a_password_that_is_no_secret_of_pipedrives_does_not_pass_for_a_key(
    pipedrive: FakePipedrive,
) -> None:
    firm = Firm("pipedrive", {"base_url": pipedrive.url}, {"api_token": "token-of-zazzera"})
    given = firm.tell(b"{}", headers=basic(firm.keys["crm"]))
    assert given["statusCode"] == 401
    assert firm.waiting() == []


def message(*notifications: tuple[str, str, str], organisation: str = ORGANISATION) -> bytes:
    """Return an Outbound Message; a notification is its id, its record's kind and id."""
    told = "".join(
        f'<Notification><Id>{word}</Id><sObject xsi:type="sf:{kind}" '
        f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{record}</sf:Id></sObject>'
        "</Notification>"
        for word, kind, record in notifications
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organisation}</OrganizationId>{told}</notifications></soapenv:Body>"
        "</soapenv:Envelope>"
    ).encode()


def test_a_lead_saved_in_salesforce_shows_on_the_next_call_and_as_a_contact_once_converted(
    salesforce: FakeSalesforce, capsys: pytest.CaptureFixture[str]
) -> None:
    account = {"base_url": salesforce.url, "organization_id": ORGANISATION}
    secrets = {"client_id": "id", "client_secret": "of-zazzera"}
    firm = Firm("salesforce", account, secrets)
    lead = ("04lxx00000002nrAAA", "Lead", LEAD)
    salesforce.put(LEAD, NOW_MS - 60_000, FirstName="Ida", LastName="Verdi", Phone="06 12345678")

    given = firm.tell(message(lead), query=f"secret={SECRET}")
    assert (given["statusCode"], given["body"]) == (200, ACK)
    assert given["headers"]["content-type"].startswith("text/xml")
    # What waits in the queue opens nothing.
    assert SECRET not in "".join(firm.waiting())
    firm.work()
    assert firm.name_of(VERDI) == "Ida Verdi"

    contact = salesforce.record(1)
    salesforce.save(Person(contact, "06 12345678", NOW_MS, "Ida", "Verdi", "Verdi snc"))
    salesforce.put(LEAD, NOW_MS, LastName="Verdi", Phone="06 12345678", IsConverted=True)
    both = [("04lxx00000002nsAAA", "Contact", contact), ("04lxx00000002ntAAA", "Lead", LEAD)]
    for _ in range(2):
        firm.tell(message(*both), query=f"secret={SECRET}")
    firm.work()
    assert firm.name_of(VERDI) == "Ida Verdi"
    stored = firm.stores.contacts("acme").page(limit=10).contacts
    assert [kept.id for kept in stored] == [f"salesforce:{contact}"]
    assert_cards_follow("acme", firm.stores.dynamo.all_items())
    said = capsys.readouterr().out
    for word in ("Verdi", "1234567", SECRET, "of-zazzera", firm.keys["crm"]):
        assert word not in said
    assert salesforce.renewals == 1


def test_salesforce_without_the_secret_or_of_another_organisation_is_refused(
    salesforce: FakeSalesforce,
) -> None:
    account = {"base_url": salesforce.url, "organization_id": ORGANISATION}
    firm = Firm("salesforce", account, {"client_id": "id", "client_secret": "of-zazzera"})
    lead = ("04lxx00000002nrAAA", "Lead", LEAD)
    assert firm.tell(message(lead))["statusCode"] == 401
    assert firm.tell(message(lead), query="secret=wrong")["statusCode"] == 401
    other = message(lead, organisation="00Dxx0000001gPEEAY")
    assert firm.tell(other, query=f"secret={SECRET}")["statusCode"] == 401
    assert firm.waiting() == []
