"""An outage of ours, as each CRM lives through it: what comes again, what is lost, who is banned.

The senders are those of `tests/support/crm/senders.py`, the deliveries are signed as the products
sign them, and the receiver is the real one; only the clock is simulated.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from centralino import bootstrap
from centralino.adapters import crm as crm_adapters
from centralino.adapters.crm.salesforce import ACK
from centralino.adapters.secrets import KeptSecrets
from centralino.domain.errors import UnavailableError
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.entry.receive import KEY_S, Inbox, receive
from centralino.ports.connections import StoredConnection
from tests.support.calls import Clock, ScriptedStore, http_event
from tests.support.crm import LoopbackWeb, Person
from tests.support.crm.contract import NOW_S, NUMBER, contract_of
from tests.support.crm.senders import (
    Answered,
    EspocrmSender,
    Event,
    HubspotSender,
    OdooSender,
    PipedriveSender,
    SalesforceSender,
    Sender,
    StandardSender,
    ZendeskSender,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.ports.connections import ConnectionStore
    from tests.support.crm import FakeCrm
    from tests.support.crm.contract import CrmContract

KEY = "acme.crmcrmcrmcrmcrmcrmcrmc"
OUTAGE_S = 170.0
# One after the other, the last of them after the end of the outage.
EVERY_S = 20.0
EVENTS = 12
PATIENT: dict[str, Callable[[], Sender]] = {
    "espocrm": EspocrmSender,
    "generic": StandardSender,
    "hubspot": HubspotSender,
    "pipedrive": PipedriveSender,
    "salesforce": SalesforceSender,
    "zendesk": lambda: ZendeskSender(300),
}
# Those who lose something, and how often something changes then: one try; ten first tries that
# fail; and Zendesk, should it come no oftener than this.
IMPATIENT: dict[str, tuple[Callable[[], Sender], float]] = {
    "odoo": (OdooSender, EVERY_S),
    "pipedrive": (PipedriveSender, EVERY_S / 2),
    "zendesk": (lambda: ZendeskSender(3), EVERY_S),
}
# What the receiver needs and may not get.
BROKEN = ("queue", "secrets", "keys", "connections")


class Service:
    """A receiver whose containers never live long, and what is behind it, broken for a while.

    Attributes:
        kept: the bodies that the queue has, in order.
        statuses: the answers.
    """

    max_bytes = 1_000_000

    def __init__(self, contract: CrmContract, broken: str) -> None:
        self.contract = contract
        self.broken = broken
        self.clock = Clock(NOW_S)
        self.connection = contract.connection(contract.secret)
        self.store = ScriptedStore(self.clock)
        self.store.add_tenant(Settings("acme"), crm=KEY)
        self.kept: list[str] = []
        self.statuses: list[int] = []

    def post(self, event: Event, now: float, signed_at: float) -> Answered:
        """Hand in an event, in a container that remembers nothing."""
        self.clock.now = now
        delivery = self.contract.sign(
            event.body, self.contract.secret, at_s=signed_at, event=event.name
        )
        url = urlsplit(delivery.url)
        self.store.fault = UnavailableError("timeout") if self._is_down("keys") else None
        given = receive(
            http_event(
                url.query,
                method=delivery.method,
                path=url.path,
                headers={"x-api-key": KEY, "host": url.netloc, **delivery.headers},
                body=delivery.body,
                epoch_ms=int(1000 * now),
            ),
            Door(self.store, self.clock, 30, KEY_S),
            Inbox(
                bootstrap.crm_class,
                self._connections,
                KeptSecrets(self._secrets, now=self.clock),
                self,  # type: ignore[arg-type]  # it only sends
                _no_claims,
                self.clock,
                lambda: "message-1",
            ),
        )
        self.statuses.append(given["statusCode"])
        return Answered(given["statusCode"], given["headers"], given["body"])

    def send(self, message: Mapping[str, Any], *, delay_s: int = 0, timeout_s: float = 0) -> None:
        """Be the queue."""
        assert delay_s >= 0
        assert timeout_s > 0
        if self._is_down("queue"):
            raise UnavailableError("timeout")
        self.kept.append(message["body"])

    def get(self, provider: str, timeout_s: float) -> StoredConnection:
        """Be the store of connections."""
        assert timeout_s > 0
        if self._is_down("connections"):
            raise UnavailableError("timeout")
        return StoredConnection("acme", provider, self.connection.account)

    def _connections(self, tenant: str) -> ConnectionStore:
        assert tenant == "acme"
        return self  # type: ignore[return-value]  # the receiver only gets

    def _secrets(self, name: str, timeout_s: float) -> Mapping[str, object]:
        assert name == f"acme/crm/{self.contract.slug()}"
        assert timeout_s > 0
        if self._is_down("secrets"):
            raise UnavailableError("timeout")
        return self.connection.secrets

    def _is_down(self, part: str) -> bool:
        return part == self.broken and 0 <= self.clock.now - NOW_S < OUTAGE_S


def _no_claims() -> Any:  # noqa: ANN401 - never returns
    raise AssertionError("these are small enough for the queue")


def changes(contract: CrmContract, crm: FakeCrm, every_s: float = EVERY_S) -> list[Event]:
    """Change some persons of a CRM; the first as the outage begins."""
    events = []
    for place in range(EVENTS):
        at_s = NOW_S + place * every_s
        person = Person(crm.record(place + 1), NUMBER, int(1000 * at_s))
        crm.save(person)
        told = contract.event_of("changed", person, person.modified_ms)
        assert told is not None
        events.append(Event(*told, at_s))
    return events


def outlived(provider: str, sender: Sender, broken: str) -> Service:
    """Let a CRM post through an outage."""
    contract = contract_of(provider)
    with contract.server() as crm:
        events = changes(contract, crm)
    service = Service(contract, broken)
    sender.run(events, service.post)
    # Whatever a CRM takes for arrived is in the queue, and only that.
    assert sorted(service.kept) == sorted(event.body.decode() for event in sender.arrived)
    assert len(sender.arrived) + len(sender.lost) == len(events)
    return service


def test_each_provider_has_a_sender() -> None:
    slugs = {path.stem for path in Path(crm_adapters.__file__).parent.glob("[!_]*.py")}
    assert slugs == {*PATIENT, *IMPATIENT}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("provider", PATIENT)
def test_nothing_is_lost_in_an_outage_of_minutes_and_no_webhook_is_banned_or_deleted(
    provider: str, broken: str
) -> None:
    sender = PATIENT[provider]()
    service = outlived(provider, sender, broken)

    assert sender.lost == []
    assert (sender.banned, sender.removed) == (False, False)
    # There was an outage, and it was told as our own trouble.
    assert set(service.statuses) == {200, 503}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("provider", IMPATIENT)
def test_what_a_crm_gives_up_in_an_outage_is_found_by_reconciliation(
    provider: str, broken: str
) -> None:
    sender, every_s = IMPATIENT[provider]
    contract = contract_of(provider)
    service = Service(contract, broken)
    with contract.server() as crm:
        events = changes(contract, crm, every_s)
        giving_up = sender()
        giving_up.run(events, service.post)
        # Those that were told too late; what the outage didn't meet arrived.
        assert giving_up.lost
        assert len(giving_up.lost) + len(giving_up.arrived) == len(events)
        assert giving_up.banned == (provider == "pipedrive")
        assert not giving_up.removed
        connection = contract.connection(contract.secret, base_url=crm.url)
        adapter = contract.adapter(connection, LoopbackWeb())
        found, cursor = set(), ""
        while True:
            records = adapter.modified_since(int(1000 * (NOW_S - EVERY_S)), cursor)
            found |= {contact.id for contact in records.contacts}
            cursor = records.cursor
            if not cursor:
                break
        assert {f"{provider}:{crm.record(place + 1)}" for place in range(len(events))} <= found


# What other answers would have done; so that a test above could not pass with any of them.


@pytest.mark.parametrize(
    ("sender", "status"),
    [
        *((EspocrmSender, status) for status in (400, 409, 410, 422, 429, 502, 504)),
        *((lambda: ZendeskSender(300), status) for status in (401, 500, 502, 504)),
        (StandardSender, 410),
    ],
)
def test_another_status_than_ours_would_lose_what_was_told(
    sender: Callable[[], Sender], status: int
) -> None:
    told = sender()
    told.run([Event(b"{}", "", NOW_S)], lambda *_: Answered(status, {"retry-after": ""}, ""))
    assert (len(told.lost), len(told.posts)) == (1, 1)
    assert told.removed == (status == 410)


def test_salesforce_takes_nothing_but_its_ack_and_comes_again_for_a_day() -> None:
    sender = SalesforceSender()
    xml = {"content-type": "text/xml; charset=utf-8"}
    sender.run([Event(b"", "", NOW_S)], lambda *_: Answered(200, xml, ACK.replace("true", "false")))
    assert len(sender.lost) == 1
    assert 22 * 3600 < sender.posts[-1] - NOW_S <= 24 * 3600
    assert max(b - a for a, b in pairwise(sender.posts)) == 7200


def test_espocrm_comes_four_times_and_hubspot_eleven_times_within_a_day() -> None:
    for sender, times in ((EspocrmSender(), 4), (HubspotSender(), 11)):
        sender.run([Event(b"", "", NOW_S)], lambda *_: Answered(503, {}, ""))
        assert (len(sender.posts), len(sender.lost)) == (times, 1)
        assert sender.posts[-1] - NOW_S <= 24 * 3600


def test_pipedrive_deletes_a_webhook_that_fails_for_three_days() -> None:
    sender = PipedriveSender()
    events = [Event(b"", "", NOW_S + hour * 3600) for hour in range(80)]
    sender.run(events, lambda *_: Answered(503, {}, ""))
    assert sender.removed
    assert sender.posts[-1] == NOW_S + 72 * 3600
