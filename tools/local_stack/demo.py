"""The demo tenant: its settings, its keys and its contacts."""

from __future__ import annotations

import json
import os
from contextlib import closing
from typing import TYPE_CHECKING

from centralino.adapters.aws import Client
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.save_contact import save_contact
from centralino.domain.keys import ROLES, ApiKey, hash_key, new_key
from centralino.domain.settings import LabelStyle, Line, Settings
from local_stack.demo_contacts import demo_contacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from local_stack.emulator import Emulator

TENANT = "demo"
SETTINGS = Settings(
    tenant=TENANT,
    line=Line(country="IT", area_code="02"),
    label=LabelStyle(max_length=20, flags={"important": "*", "overdue": "!"}),
    extens={"21": "Chiara", "22": "Marco"},
)


def load_demo(
    emulator: Emulator, table: str, file: Path, url: str, say: Callable[[str], None]
) -> Mapping[str, str]:
    """Make sure of the demo tenant, and write what a client needs to know of it to a file.

    The keys are those of the file for as long as the file is there, even if the store is new. A
    contact that somebody changed or deleted stays that way.

    Args:
        emulator: where the table is.
        table: its name.
        file: `demo.json`.
        url: of the API.
        say: told what takes time.

    Returns:
        Role -> API key.
    """
    keys = _read_keys(file) or {role: new_key(TENANT) for role in ROLES}
    # Written first, so that no key is in the store that nobody knows.
    _write(file, {"url": url, "tenant": TENANT, "keys": keys})
    with closing(Client("dynamodb", env=emulator.env())) as client:
        tenants = DynamoTenantStore(client, table, TENANT)
        wanted = [
            ApiKey(hash=hash_key(key), role=role, name="make run") for role, key in keys.items()
        ]
        if tenants.settings() is None:
            say("loading the demo data")
            tenants.create(SETTINGS, wanted[0])
        stored = tenants.keys()
        for key in wanted:
            if not any(key.hash == other.hash for other in stored):
                tenants.add_key(key)
        contacts = DynamoContactStore(client, table, TENANT)
        known = contacts.known([contact.id for contact in demo_contacts()])
        for contact in demo_contacts():
            if contact.id not in known:
                save_contact(contacts, contact, SETTINGS.line, now_ms=0)
    return keys


def _read_keys(file: Path) -> dict[str, str]:
    try:
        stored = json.loads(file.read_text())
        return {role: stored["keys"][role] for role in ROLES}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write(file: Path, demo: Mapping[str, object]) -> None:
    """Replace the file in one go; only its owner may read the keys."""
    scratch = file.with_suffix(".tmp")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(json.dumps(demo, indent=2) + "\n")
    scratch.replace(file)
