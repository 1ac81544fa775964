"""The demo tenant as the files in `events/` expect it: with the keys that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.save_contact import save_contact
from centralino.domain.keys import ApiKey, hash_key
from local_stack.demo import SETTINGS, TENANT
from local_stack.demo_contacts import demo_contacts

if TYPE_CHECKING:
    from centralino.adapters.store.sender import Sender

# Made up, and good for nothing but these events.
KEYS = {"pbx": "demo.EventsPbxKeyForTests00", "admin": "demo.EventsAdminKeyForTest0"}


def load(client: Sender, table: str) -> None:
    """Put the demo tenant into an empty table."""
    first, *others = [ApiKey(hash_key(key), role, "events") for role, key in KEYS.items()]
    tenants = DynamoTenantStore(client, table, TENANT)
    tenants.create(SETTINGS, first)
    for key in others:
        tenants.add_key(key)
    contacts = DynamoContactStore(client, table, TENANT)
    for contact in demo_contacts():
        save_contact(contacts, contact, SETTINGS.line, now_ms=0)
