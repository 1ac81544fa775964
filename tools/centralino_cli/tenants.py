"""`tenants create`, before there is any key, and `tenants erase`, after there is none left."""

# Typer reads the annotations at run time.
import time
from typing import Annotated

import typer

from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.customers import DynamoCustomerStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.adapters.store.traces import DynamoTraceStore
from centralino.application.create_tenant import create_tenant
from centralino.application.erase_tenant import erase_tenant
from centralino.application.signing_secret import PLACES
from centralino.domain.settings import CLI_FORMATS, Line, Settings
from centralino.ports.tokens import token_of
from centralino_cli.connecting import find_keeper
from centralino_cli.crm import known_crms
from centralino_cli.desk import USAGE, CommandError, Desk, find_desk, say
from centralino_cli.options import AsJson, Bucket, Secrets, Table
from centralino_cli.show import print_json, print_line

app = typer.Typer(
    help="Make and erase tenants. Needs AWS credentials: goes straight to the table.",
    no_args_is_help=True,
)


def _table(desk: Desk, option: str) -> str:
    name = desk.table(option)
    if not name:
        raise CommandError("--table or CENTRALINO_TABLE: expected the DynamoDB table's name", USAGE)
    return name


@app.command("create")
def create(  # noqa: PLR0913, PLR0917 - what a tenant begins with
    context: typer.Context,
    tenant: Annotated[
        str, typer.Argument(metavar="ID", help="2 to 12 of a-z, 0-9 and -; it never changes.")
    ],
    country: Annotated[
        str, typer.Option(help="Where its lines are, ISO 3166 alpha-2.", metavar="COUNTRY")
    ] = "IT",
    area_code: Annotated[
        str, typer.Option(help="Of local numbers, as it follows the country code (02, 30).")
    ] = "",
    cli_format: Annotated[
        str, typer.Option(help=f"How the carrier spells numbers: {', '.join(CLI_FORMATS)}.")
    ] = "mixed",
    outside_prefix: Annotated[
        str, typer.Option(help="What the PBX puts before an outside number.")
    ] = "",
    table: Table = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Make a tenant and print its first key, an administrator's: it is shown this once."""
    desk = find_desk(context)
    name = _table(desk, table)
    line = Line(
        country=country.upper(),
        area_code=area_code,
        cli_format=cli_format,  # type: ignore[arg-type] # checked when it is saved
        outside_prefix=outside_prefix,
    )
    store = DynamoTenantStore(desk.client(), name, tenant, now=desk.now)
    key = create_tenant(store, Settings(tenant, line=line), now_s=desk.now())
    if as_json:
        print_json({"tenant": tenant, "role": "admin", "key": key})
        return
    print_line(key)
    say(f"tenant {tenant} in {line.country}; this admin key is not shown again")


@app.command("erase")
def erase(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="ID", help="The tenant's id.")],
    repeated: Annotated[
        str, typer.Option("--yes-erase", metavar="ID", help="The id once more, to be sure.")
    ],
    table: Table = "",
    place: Secrets = "",
    bucket: Bucket = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Erase a tenant: keys, settings, contacts, files, its CRMs' secrets. There is no way back.

    May be run again as often as wanted. It is done once nothing is left and everybody who was at
    work when the tenant was closed has had to end, a quarter of an hour later.
    """
    desk = find_desk(context)
    name = _table(desk, table)
    if repeated != tenant:
        raise CommandError("--yes-erase: expected the tenant's id once more", USAGE)
    client = desk.client()
    tenants = DynamoTenantStore(client, name, tenant, now=desk.now)
    contacts = DynamoContactStore(client, name, tenant, now=desk.now)
    # First of all: whoever is cut off does it again, and then the tenant is still known.
    connected = DynamoConnectionStore(client, name, tenant, now=desk.now).list()
    _remove_secrets(desk, place, tenant, connected=bool(connected))
    _remove_files(desk, bucket, tenant)
    removed = 0
    customers = DynamoCustomerStore(client, name, tenant, now=desk.now)
    traces = DynamoTraceStore(client, name, tenant, now=desk.now)
    stores = (contacts, customers, traces)
    while (part := erase_tenant(tenants, stores, now_s=desk.now())).removed:
        removed += part.removed
    if as_json:
        print_json({"tenant": tenant, "removed": removed, "done": part.done})
    elif part.done:
        print_line(f"tenant {tenant} is erased")
    else:
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(part.again_at))
        print_line(f"tenant {tenant} is closed and empty; run this again after {at} to be sure")


def _remove_files(desk: Desk, option: str, tenant: str) -> None:
    """Remove what imports and large webhooks left in the bucket; it would end by itself later."""
    bucket = option or desk.env.get("CENTRALINO_BUCKET", "")
    if not bucket:
        say("no --bucket or CENTRALINO_BUCKET: files of imports end by themselves within 30 days")
        return
    objects = desk.objects(bucket)
    for kind in ("claims", "imports"):
        for key in list(objects.keys(f"{kind}/{tenant}/")):
            objects.remove(key)


def _remove_secrets(desk: Desk, place: str, tenant: str, *, connected: bool) -> None:
    """Remove the secrets of a tenant's CRMs, also of those that nobody knows of any more."""
    if not connected and not place and not desk.env.get("CENTRALINO_SECRETS"):
        say("no --secret-store or CENTRALINO_SECRETS: if it ever had a CRM, its secrets stay")
        return
    keeper = find_keeper(desk, place)
    for provider in known_crms():
        keeper.remove(tenant, token_of(provider))
        keeper.remove(tenant, provider)
    for own in PLACES:
        keeper.remove(tenant, own)
