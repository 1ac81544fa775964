"""An outage of ours as each CRM lives through it: the senders, and the receiver that they post to.

The senders are those of `senders.py`, the deliveries are signed as the products sign them, and the
receiver is the real one; only the clock is simulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from centralino import bootstrap
from centralino.adapters.secrets import KeptSecrets
from centralino.domain.errors import UnavailableError
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.entry.receive import KEY_S, Inbox, receive
from centralino.ports.connections import StoredConnection
from tests.support.calls import Clock, ScriptedStore, http_event
from tests.support.crm import Person
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


class Service:
    """A receiver whose containers never live long, and what is behind it, broken for a while.

    Attributes:
        kept: the bodies that the queue has, in order.
        statuses: the answers.
    """

    max_bytes = 1_000_000
    key = KEY

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
        given = receive(
            http_event(
                url.query,
                method=delivery.method,
                path=url.path,
                headers={"x-api-key": self.key, "host": url.netloc, **delivery.headers},
                body=delivery.body,
                epoch_ms=int(1000 * now),
            ),
            self.door(),
            Inbox(
                bootstrap.crm_class,
                self.connections,
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
        if self.is_down("queue"):
            raise UnavailableError("timeout")
        self.kept.append(message["body"])

    def get(self, provider: str, timeout_s: float) -> StoredConnection:
        """Be the store of connections."""
        assert timeout_s > 0
        if self.is_down("connections"):
            raise UnavailableError("timeout")
        return StoredConnection("acme", provider, self.connection.account)

    def door(self) -> Door:
        """Return what lets requests in, and whether it can."""
        self.store.fault = UnavailableError("timeout") if self.is_down("keys") else None
        return Door(self.store, self.clock, 30, KEY_S)

    def connections(self, tenant: str) -> ConnectionStore:
        assert tenant == "acme"
        return self  # type: ignore[return-value]  # the receiver only gets

    def _secrets(self, name: str, timeout_s: float) -> Mapping[str, object]:
        assert name == f"acme/crm/{self.contract.slug()}"
        assert timeout_s > 0
        if self.is_down("secrets"):
            raise UnavailableError("timeout")
        return self.connection.secrets

    def is_down(self, part: str) -> bool:
        """Tell whether a part of ours is down now."""
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


def outlived(provider: str, sender: Sender, service: Service, every_s: float = EVERY_S) -> Service:
    """Let a CRM post through an outage, in which something changes every so many seconds."""
    contract = contract_of(provider)
    with contract.server() as crm:
        events = changes(contract, crm, every_s)
    sender.run(events, service.post)
    # Whatever a CRM takes for arrived is in the queue, and only that.
    assert sorted(service.kept) == sorted(event.body.decode() for event in sender.arrived)
    assert len(sender.arrived) + len(sender.lost) == len(events)
    return service
