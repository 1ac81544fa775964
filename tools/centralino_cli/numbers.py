"""`numbers list|forget|notice-secret`: which numbers taught which customer code."""

# Typer reads the annotations at run time.
from typing import Annotated, Any

import typer

from centralino.application.signing_secret import NOTICES, renew_signing_secret
from centralino_cli.connecting import find_keeper
from centralino_cli.desk import find_desk, say
from centralino_cli.options import AsJson, Key, Secrets, Tenant, Url
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_line, print_table

app = typer.Typer(help="See and forget the numbers that were learned.", no_args_is_help=True)


@app.command("list")
def list_numbers(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    number: Annotated[str, typer.Option(help="Only of this number.")] = "",
    code: Annotated[str, typer.Option(help="Only of this customer.")] = "",
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the learned numbers, by number; those that ran out are marked with `-`."""
    asked = {name: value for name, value in (("number", number), ("code", code)) if value}
    found: list[dict[str, Any]] = []
    cursor = ""
    with find_desk(context).service(url, key) as service:
        while True:
            query = {"limit": "100", **asked, **({"cursor": cursor} if cursor else {})}
            page = service.get(path_of("associations"), query)
            found += page["associations"]
            cursor = page["cursor"]
            if not cursor:
                break
    found.sort(key=lambda one: (one["number"], one["code"]))
    if as_json:
        print_json(found)
        return
    rows = [
        [
            f"{'-' if one['expired'] else ''}{one['number']}",
            one["code"],
            one["learned_at"][:10],
            one["used_at"][:10],
            one["node"],
            one["attestation"],
        ]
        for one in found
    ]
    print_table(["NUMBER", "CODE", "LEARNED", "USED", "NODE", "ATTESTED"], rows)


@app.command("forget")
def forget(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="In any spelling.")],
    code: Annotated[str, typer.Argument(help="The customer code that it leads to.")],
    url: Url = "",
    key: Key = "",
) -> None:
    """Forget that a number is a customer's; the next call from it is asked again."""
    with find_desk(context).service(url, key) as service:
        service.send("DELETE", path_of("associations", number, code))
    say(f"{number} leads to {code} no more")


@app.command("notice-secret")
def notice_secret(context: typer.Context, tenant: Tenant = "", place: Secrets = "") -> None:
    """Make the secret that we sign notices of learned numbers with, and print it: the only time.

    Needs AWS credentials. Notices are signed with the one before as well until another one is made.
    """
    desk = find_desk(context)
    name = desk.tenant(tenant)
    print_line(renew_signing_secret(find_keeper(desk, place), name, NOTICES))
    say(f"verify the Standard Webhooks of {name} with it; it is not shown again")
