"""What `make run` prints to try: commands that a test plays as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_stack.stack import Stack

NEW_CONTACT = {
    "first_name": "Ada",
    "last_name": "Neri",
    "numbers": [{"number": "02 1234567", "kind": "direct"}],
}


def sample_commands(stack: Stack) -> tuple[tuple[str, str], ...]:
    """Return what to try first: what it shows, and the command."""

    def curl(role: str, path: str, *options: str) -> str:
        key = f"-H 'x-api-key: {stack.keys[role]}'"
        return " ".join(["curl", key, *options, f"'{stack.url}/v1/{path}'"])

    body = ("-X PUT", "-H 'content-type: application/json'", f"-d '{json.dumps(NEW_CONTACT)}'")
    return (
        ("Who is calling?", curl("pbx", "lookup?number=%2B390244556677")),
        ("The same, as dialled in Milan", curl("pbx", "lookup?number=44556677")),
        ("Somebody else in that company", curl("pbx", "lookup?number=0244551234")),
        ("A customer who has not paid", curl("pbx", "lookup?number=064412345")),
        ("All that a screen pop needs", curl("pbx", "lookup?number=3356001234&format=json")),
        ("A stranger, named by the carrier", curl("pbx", "lookup?number=0299999999&name=ACME")),
        ("How a number is understood", curl("admin", "explain?number=0244551234")),
        ("Save a contact ...", curl("admin", "contacts/api:ada", *body)),
        ("... and let it call", curl("pbx", "lookup?number=021234567")),
    )
