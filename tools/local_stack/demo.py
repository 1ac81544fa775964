"""The demo tenant: its settings, keys and contacts, its CRM, and the PBX that places its calls."""

from __future__ import annotations

import json
import os
import secrets as randomness
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.adapters.aws import Client
from centralino.adapters.secret_keeper import open_keeper
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.lines import DynamoLineStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.connect_crm import new_webhook_secret
from centralino.application.save_contact import save_contact
from centralino.application.use_pbx import use_pbx
from centralino.domain.keys import ROLES, ApiKey, hash_key, new_key
from centralino.domain.settings import LabelStyle, Line, Settings
from centralino.ports.lines import secrets_of
from local_stack.demo_contacts import demo_contacts
from local_stack.demo_pbx import PATH, DemoPbx
from local_stack.demo_routing import load_routing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from local_stack.deploy import Deployment
    from local_stack.emulator import Emulator

TENANT = "demo"
# The CRM of one's own, so that a shell can play it; and the PBX of one's own.
PROVIDER = "generic"
# Whose key the agent's is.
EXTEN = "21"
SETTINGS = Settings(
    tenant=TENANT,
    line=Line(country="IT", area_code="02"),
    label=LabelStyle(max_length=20, flags={"important": "*", "overdue": "!"}),
    extens={"21": "Chiara", "22": "Marco", "23": "Sara"},
)


class Demo(NamedTuple):
    """What a client of the demo tenant needs to know.

    Attributes:
        keys: role -> API key.
        webhook_secret: what its own CRM (`generic`) signs with.
        pbx: what places its calls.
    """

    keys: Mapping[str, str]
    webhook_secret: str
    pbx: DemoPbx


def load_demo(
    emulator: Emulator,
    deployment: Deployment,
    file: Path,
    url: str,
    say: Callable[[str], None],
) -> Demo:
    """Make sure of the demo tenant, and write what a client needs to know of it to a file.

    Keys and secrets are those of the file for as long as the file is there, even if the store is
    new. A contact that somebody changed or deleted stays that way, and so do the connections; but
    the demo's PBX, if it is still the one that places calls, has another port with every start.

    Args:
        emulator: where it is deployed.
        deployment: what is.
        file: `demo.json`.
        url: of the API.
        say: told what takes time.
    """
    before = _read(file)
    known_keys = _keys_of(before)
    keys = {role: known_keys.get(role) or new_key(TENANT) for role in ROLES}
    secret = str(before.get("webhook_secret") or new_webhook_secret())
    token = str(before.get("pbx_token") or randomness.token_urlsafe(16))
    connects, dials = "webhook_secret" not in before, "pbx_token" not in before
    # Written first, so that no key is in the store that nobody knows.
    known = {"webhook_secret": secret, "pbx_token": token}
    _write(file, {"url": url, "tenant": TENANT, "keys": keys, **known})
    table = deployment.table
    with closing(Client("dynamodb", env=emulator.env())) as client:
        tenants = DynamoTenantStore(client, table, TENANT)
        wanted = [
            ApiKey(
                hash=hash_key(key),
                role=role,
                name="make run",
                exten=EXTEN if role == "agent" else "",
            )
            for role, key in keys.items()
        ]
        if tenants.settings() is None:
            say("loading the demo data")
            tenants.create(SETTINGS, wanted[0])
            connects = dials = True
        stored = {key.hash: key for key in tenants.keys()}  # noqa: SIM118 - a store is no dictionary
        for key in wanted:
            # A folder of an older version has an agent's key that is nobody's.
            if key.hash not in stored or stored[key.hash].exten != key.exten:
                tenants.add_key(key)
        contacts = DynamoContactStore(client, table, TENANT)
        there = contacts.known([contact.id for contact in demo_contacts()])
        for contact in demo_contacts():
            if contact.id not in there:
                save_contact(contacts, contact, SETTINGS.line, now_ms=0)
        load_routing(client, table, TENANT, SETTINGS)
        if connects:
            _keep(emulator, deployment.secrets, PROVIDER, {"webhook_secrets": [secret]})
            connections = DynamoConnectionStore(client, table, TENANT)
            connections.save(PROVIDER, {}, now_s=time.time())
        pbx = DemoPbx(token)
        lines = DynamoLineStore(client, table, TENANT)
        line = lines.get(PROVIDER)
        if dials or (line is not None and line.account.get("base_url", "").endswith(PATH)):
            _keep(emulator, deployment.secrets, secrets_of(PROVIDER), {"token": token})
            lines.save(PROVIDER, _account(pbx), now_s=time.time())
        if dials:
            use_pbx(DynamoDialStore(client, table, TENANT), PROVIDER)
    return Demo(keys, secret, pbx)


def _account(pbx: DemoPbx) -> dict[str, str]:
    """Return how the demo's PBX is reached: like any that takes a call by one request."""
    return {
        "base_url": pbx.url,
        "allow_private": "true",
        "success_json": "/status=OK",
        "id_json": "/call_id",
    }


def _keep(emulator: Emulator, place: str, name: str, value: Mapping[str, object]) -> None:
    """Keep a secret of the demo tenant where the functions look for it."""
    with ExitStack() as clients:

        def client(service: str) -> Client:
            return clients.enter_context(closing(Client(service, env=emulator.env())))

        open_keeper(place, client).write(TENANT, name, value)


def _read(file: Path) -> dict[str, Any]:
    try:
        stored = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _keys_of(stored: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys in the file; one of an older version knows fewer roles."""
    keys = stored.get("keys")
    return {str(role): str(key) for role, key in keys.items()} if isinstance(keys, dict) else {}


def _write(file: Path, demo: Mapping[str, object]) -> None:
    """Replace the file in one go; only its owner may read the keys."""
    scratch = file.with_suffix(".tmp")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(json.dumps(demo, indent=2) + "\n")
    scratch.replace(file)
