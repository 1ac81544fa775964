"""What connecting to a CRM and to a PBX have in common: settings, secrets, shared tokens."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from centralino.adapters.secret_keeper import TokenPlace, open_keeper
from centralino.adapters.store.token_claims import DynamoTokenClaims
from centralino.adapters.tokens import SharedPlace, SharedTokens
from centralino.ports.tokens import origin_of
from centralino_cli.desk import USAGE, CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.adapters.store.sender import Sender
    from centralino.ports.secrets import SecretKeeper
    from centralino_cli.desk import Desk


def find_keeper(desk: Desk, place: str) -> SecretKeeper:
    """Find where secrets are kept: the option, else the environment's.

    Raises:
        CommandError: nothing says where.
    """
    return open_keeper(_secret_place(desk, place), desk.aws)


def find_table(desk: Desk, table: str) -> str:
    """Return the table's name.

    Raises:
        CommandError: nothing says it.
    """
    name = desk.table(table)
    if not name:
        raise CommandError("--table or CENTRALINO_TABLE: expected the DynamoDB table's name", USAGE)
    return name


def shared_tokens(  # noqa: PLR0913, PLR0917 - where tokens are, and whose
    desk: Desk,
    client: Sender,
    table: str,
    place: str,
    tenant: str,
    name: str,
    account: Mapping[str, str],
    secrets: Mapping[str, object],
) -> SharedTokens:
    """Build the access token that the functions use as well.

    Args:
        desk: what is around.
        client: of DynamoDB.
        table: the table's name.
        place: where secrets are; the environment's if empty.
        tenant: the tenant's id.
        name: of the connection among the tenant's secrets.
        account: the connection's, what is no secret.
        secrets: what is.
    """
    kept = TokenPlace(_secret_place(desk, place), desk.aws, tenant, name)
    claims = DynamoTokenClaims(client, table, tenant, now=desk.now, pause=desk.sleep)
    shared = SharedPlace(kept, claims, name, threading.Lock())
    return SharedTokens(shared, origin_of(account, secrets), now=desk.now, pause=desk.sleep)


def given_settings(given: list[str] | None) -> dict[str, str]:
    """Read `--set NAME=VALUE`.

    Raises:
        CommandError: one is something else.
    """
    account: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandError("--set: expected NAME=VALUE, as base_url=https://…", USAGE)
        account[name] = value.strip()
    return account


def given_secrets(place: str) -> dict[str, object]:
    """Read the JSON object of `--secrets`.

    Args:
        place: a file, `-` for stdin, empty for none.

    Raises:
        CommandError: it can't be read, or is something else.
    """
    if not place:
        return {}
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8-sig")
        value = json.loads(text)
    except OSError as error:
        raise CommandError(f"--secrets: {error.strerror}: {place}", USAGE) from error
    except ValueError:
        value = None  # its text is a secret, so not even a part of it is told
    if not isinstance(value, dict):
        raise CommandError('--secrets: expected a JSON object, as {"api_key": "…"}', USAGE)
    return value


def ask_for(
    needs: Mapping[str, str],
    account: dict[str, str],
    given: dict[str, object],
    secrets: Mapping[str, object],
    *,
    spares: Callable[[str], bool] = lambda _name: False,
) -> None:
    """Ask a person for what is missing; without one, connecting says what it is.

    Args:
        needs: the provider's.
        account: what is no secret; what is asked for is added.
        given: the secrets that were given; what is asked for is added.
        secrets: those, and those that are known already.
        spares: tells whether a secret may be left out this time.
    """
    if not sys.stdin.isatty():
        return
    for name, meaning in needs.items():
        part, _, field = name.partition(".")
        if part == "account" and not name.endswith("?") and not account.get(field):
            account[field] = typer.prompt(f"{field} ({meaning})", err=True)
        if spares(name):
            continue
        if part == "secrets" and not name.endswith("?") and not secrets.get(field):
            answer = typer.prompt(f"{field} ({meaning})", hide_input=True, err=True)
            given[field] = [answer] if field == "webhook_secrets" else answer


def _secret_place(desk: Desk, place: str) -> str:
    place = place or desk.env.get("CENTRALINO_SECRETS", "")
    if not place:
        raise CommandError(
            "--secret-store or CENTRALINO_SECRETS: expected where secrets are, as "
            "/centralino/NAME-OF-THE-STACK",
            USAGE,
        )
    return place
