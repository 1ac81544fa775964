"""The tenant that the files in `events/` speak of: its keys, settings and contacts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from centralino.adapters.store.agents import DynamoAgentStore
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.routing import DynamoRoutingStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.compile_routing import save_parts
from centralino.application.save_contact import save_contact
from centralino.application.save_customer import save_customer
from centralino.domain.agent import Agent
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.customer import Customer
from centralino.domain.keys import ApiKey, hash_key
from centralino.domain.settings import LabelStyle, Line, Settings

if TYPE_CHECKING:
    from centralino.adapters.store.sender import Sender

# Made up, and good for nothing but these events.
KEYS = {
    "pbx": "demo.EventsPbxKeyForTests00",
    "link": "demo.EventsLinkKeyForTest00",
    "crm": "demo.EventsCrmKeyForTests00",
    "admin": "demo.EventsAdminKeyForTest0",
}
# The CRMs that the tenant is connected to: accounts and secrets. Their deliveries have no time
# that would run out; Salesforce's is the one for which XML has to be read.
CRM_ACCOUNTS = {
    "espocrm": {"base_url": "https://crm.example"},
    "salesforce": {
        "base_url": "https://demo.my.salesforce.com",
        "organization_id": "00Dxx0000001gPFEAY",
    },
}
CRM_SECRETS = {
    "espocrm": {"webhook_secrets": ["EventsSecretOfEspoCrm"]},
    "salesforce": {"webhook_secrets": ["EventsSecretOfSalesforce"]},
}
SETTINGS = Settings(
    tenant="demo",
    line=Line(country="IT", area_code="02"),
    label=LabelStyle(max_length=20, flags={"important": "*", "overdue": "!"}),
    extens={"21": "Chiara"},
)
# What PBXs sign with.
PBX_SECRETS = {"pbx-twilio": {"auth_token": "EventsTokenOfTwilio"}}
VAT = "IT12345670017"
EXPIRED_VAT = "IT00743110157"
RULES = {
    "destinations": {
        "support": {"to": "queue:600", "omnileads": "1,3"},
        "sales": {"to": "queue:700", "omnileads": "1,4"},
    },
    "fallback": "sales",
    "rules": [
        {"name": "paying", "when": "customer.status == 'active'", "to": "support"},
        {
            "name": "unknown",
            "when": "!(customer.known) && caller.number != ''",
            "to": "identify:vat",
        },
        {"name": "the rest", "to": "sales"},
    ],
}
# Nothing is learned, so that an event is answered the same whatever came before it.
NODES = {
    "vat": {"mode": "check", "codes": ["vat:IT"], "prompt": "vat-number", "teaches": False},
    "check": {"mode": "check", "codes": ["vat:IT"], "teaches": False},
    "where": {"mode": "route", "codes": ["vat:IT"], "yes": "support", "teaches": False},
}
OFFICINE = "Officine Meccaniche Rossi S.r.l."
EDILNORD = "Edilnord S.p.A."


def parameters(prefix: str) -> dict[str, str]:
    """Return the secrets of the CRMs as SSM keeps them, below a prefix."""
    return {
        f"{prefix}/{SETTINGS.tenant}/crm/{provider}": json.dumps(secrets)
        for provider, secrets in {**CRM_SECRETS, **PBX_SECRETS}.items()
    }


def load(client: Sender, table: str) -> None:
    """Put the tenant into an empty table."""
    first, *others = [ApiKey(hash_key(key), role, "events") for role, key in KEYS.items()]
    tenants = DynamoTenantStore(client, table, SETTINGS.tenant)
    tenants.create(SETTINGS, first)
    for key in others:
        tenants.add_key(key)
    connections = DynamoConnectionStore(client, table, SETTINGS.tenant)
    for provider, account in CRM_ACCOUNTS.items():
        connections.save(provider, account, now_s=0)
    contacts = DynamoContactStore(client, table, SETTINGS.tenant)
    for contact in _contacts():
        save_contact(contacts, contact, SETTINGS.line, now_ms=0)
    # Whose phone rings when a call is asked for; nobody is connected to place it.
    DynamoAgentStore(client, table, SETTINGS.tenant).save(Agent("21", "Chiara"))
    _load_routing(client, table)


def _load_routing(client: Sender, table: str) -> None:
    customers = DynamoCustomerStore(client, table, SETTINGS.tenant)
    for code, status in ((VAT, "active"), (EXPIRED_VAT, "expired"), ("C1001", "active")):
        save_customer(
            customers,
            Customer(code, "Officine Rossi", status=status, plan="gold"),
            who="events",
            now_ms=0,
            time_zone="Europe/Rome",
        )
    routing = DynamoRoutingStore(client, table, SETTINGS.tenant)
    version = routing.add_rules(RULES, at=0, by="events").version
    parts = routing.parts()._replace(nodes=NODES, published=version)
    save_parts(routing, parts, SETTINGS, now_s=time.time())


def _contacts() -> tuple[Contact, ...]:
    return (
        Contact(
            id="demo:mario-rossi",
            version=1,
            first_name="Mario",
            last_name="Rossi",
            company=OFFICINE,
            numbers=(
                ContactNumber("02 4455 6677", "direct", primary=True),
                ContactNumber("347 1234567", "mobile"),
            ),
            customer_code="C1001",
            url="https://crm.example/contacts/mario-rossi",
        ),
        _contact("officine", "+39024455*", company=OFFICINE, kind="switchboard")._replace(
            customer_code="C1001"
        ),
        _contact("villa", "02 5501000", ("Sara", "Villa"), EDILNORD, kind="switchboard"),
        _contact("greco", "02 5501000", ("Luca", "Greco"), EDILNORD, kind="switchboard"),
        _contact("anna-ferrari", "02 7712345", ("Anna", "Ferrari")),
        _contact("paolo-ferrari", "02 7712345", ("Paolo", "Ferrari")),
        _contact("de-luca", "335 6001234", ("Francesca", "De Luca"), status="important"),
        _contact("trattoria", "06 4412345", company="Trattoria da Beppe S.n.c.", status="overdue"),
        _contact("lefevre", "+33 1 99 00 12 34", ("François", "Lefèvre")),
        _contact("papadopoulos", "+30 210 1234567", ("Αλέξανδρος", "Παπαδόπουλος")),
        _contact("yamada", "+81 3-3123-4567", ("太郎", "山田")),
        _contact("bruni", "02 55019999", ("Carla", "Bruni"))._replace(customer_code=EXPIRED_VAT),
        _contact("smith", "+44 20 7946 0123", ("Jane", "Smith"), "Smith & Sons Ltd"),
    )


def _contact(
    name: str,
    number: str,
    person: tuple[str, str] = ("", ""),
    company: str = "",
    *,
    kind: str = "work",
    status: str = "",
) -> Contact:
    return Contact(
        id=f"demo:{name}",
        version=1,
        first_name=person[0],
        last_name=person[1],
        company=company,
        numbers=(ContactNumber(number, kind, primary=True),),
        status=status,
        url=f"https://crm.example/contacts/{name}",
    )
