"""The tenant that the files in `events/` speak of: its keys, settings and contacts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.save_contact import save_contact
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.keys import ApiKey, hash_key
from centralino.domain.settings import LabelStyle, Line, Settings

if TYPE_CHECKING:
    from centralino.adapters.store.sender import Sender

# Made up, and good for nothing but these events.
KEYS = {
    "pbx": "demo.EventsPbxKeyForTests00",
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
OFFICINE = "Officine Meccaniche Rossi S.r.l."
EDILNORD = "Edilnord S.p.A."


def parameters(prefix: str) -> dict[str, str]:
    """Return the secrets of the CRMs as SSM keeps them, below a prefix."""
    return {
        f"{prefix}/{SETTINGS.tenant}/crm/{provider}": json.dumps(secrets)
        for provider, secrets in CRM_SECRETS.items()
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
