"""`keys create|list|revoke`: who may ask, and as what."""

# Typer reads the annotations at run time.
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from centralino.domain.errors import PayloadError
from centralino_cli.desk import find_desk, say
from centralino_cli.options import AsJson, Key, Url
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_line, print_table

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)


class Role(StrEnum):
    """What a key may do."""

    pbx = "pbx"
    link = "link"
    crm = "crm"
    agent = "agent"
    supervisor = "supervisor"
    admin = "admin"


@app.command("create")
def create_key(  # noqa: PLR0913, PLR0917 - what a key is made of
    context: typer.Context,
    role: Annotated[Role, typer.Option(help="What it may do.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    expires: Annotated[
        str, typer.Option(help="When it ends: 90d, or a date as 2027-01-31.", metavar="WHEN")
    ] = "",
    network: Annotated[
        list[str] | None,
        typer.Option(help="Where it may be used from, as 192.0.2.0/24; may be repeated."),
    ] = None,
    exten: Annotated[str, typer.Option(help="The extension that an agent's key is for.")] = "",
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Make a key and print it: this is the only time that it is shown."""
    desk = find_desk(context)
    body: dict[str, object] = {"role": role.value, "name": name, "exten": exten}
    body["networks"] = network or []
    if expires:
        body["expires_at"] = _moment(expires, desk.now())
    with desk.service(url, key) as service:
        made = service.send("POST", path_of("keys"), body)
    if as_json:
        print_json(made)
        return
    print_line(made["key"])
    say(f"a key of role {made['role']}, id {made['id']}; it is not shown again")


@app.command("list")
def list_keys(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the keys that have not expired; `*` marks the one in use here."""
    with find_desk(context).service(url, key) as service:
        keys = service.get(path_of("keys"))["keys"]
    if as_json:
        print_json(keys)
        return
    rows = [
        (
            f"{listed['id']}{'*' if listed['current'] else ''}",
            listed["role"],
            listed["name"],
            listed["created_at"][:10],
            (listed["expires_at"] or "")[:10],
            ",".join(listed["networks"]),
            listed["exten"],
        )
        for listed in keys
    ]
    print_table(("ID", "ROLE", "NAME", "CREATED", "EXPIRES", "NETWORKS", "EXTEN"), rows)


@app.command("revoke")
def revoke_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="From `centralino keys list`.")],
    url: Url = "",
    key: Key = "",
) -> None:
    """Revoke a key; functions that are running believe it for up to 30 seconds more."""
    with find_desk(context).service(url, key) as service:
        service.send("DELETE", path_of("keys", key_id))
    say(f"revoked {key_id}")


def _moment(text: str, now: float) -> str:
    """Return when a key ends: the end of that day, in UTC."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if days := _DAYS.fullmatch(text):
        day = today + timedelta(days=int(days[1]))
    else:
        try:
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise PayloadError("--expires", "90d, or a date as 2027-01-31") from error
    return (day + timedelta(days=1)).isoformat()
