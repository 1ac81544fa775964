"""A tenant with contacts in a real table, made through the use cases."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.create_key import create_key
from centralino.application.create_tenant import create_tenant
from centralino.application.save_contact import save_contact
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.settings import Line, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.adapters.aws import Client

ITALY = Line(country="IT", area_code="02")


class Tenant(NamedTuple):
    """A tenant that is in the table.

    Attributes:
        keys: role -> the key itself.
    """

    settings: Settings
    contacts: DynamoContactStore
    tenants: DynamoTenantStore
    keys: Mapping[str, str]

    def save(
        self,
        contact_id: str,
        *numbers: str,
        first_name: str = "",
        last_name: str = "",
        company: str = "",
        customer_code: str = "",
    ) -> None:
        """Save a contact with these numbers, by hand."""
        contact = Contact(
            contact_id,
            version=0,
            first_name=first_name,
            last_name=last_name,
            company=company,
            customer_code=customer_code,
            numbers=tuple(ContactNumber(number) for number in numbers),
        )
        save_contact(self.contacts, contact, self.settings.line, now_ms=int(time.time() * 1000))


def make_tenant(
    client: Client, table: str, settings: Settings | None = None, *roles: str
) -> Tenant:
    """Create a tenant, with a key for each role beside the first one.

    Args:
        client: reaches DynamoDB; the tenant's stores go on using it.
        table: the table's name.
        settings: what it begins with; by default tenant `acme` in Milan.
        roles: by default a PBX's.
    """
    settings = settings or Settings("acme", line=ITALY)
    tenants = DynamoTenantStore(client, table, settings.tenant)
    now = time.time()
    keys = {"admin": create_tenant(tenants, settings, now_s=now)}
    keys |= {role: create_key(tenants, role, now_s=now).text for role in roles or ("pbx",)}
    contacts = DynamoContactStore(client, table, settings.tenant)
    return Tenant(settings, contacts, tenants, keys)
