"""`crm connect|status|sync|disconnect`: a tenant's CRMs, with an operator's AWS credentials."""

# Typer reads the annotations at run time.
import pkgutil
import time
import uuid
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from centralino.adapters import crm as providers
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.sender import Sender
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.connect_crm import Connected, connect_crm
from centralino.application.create_key import create_key
from centralino.application.crm_status import CrmStatus, crm_status
from centralino.application.disconnect_crm import disconnect_crm, key_name
from centralino.application.sync_crm import sync_crm
from centralino.domain.errors import NotFoundError, RejectedError, UnavailableError
from centralino.domain.settings import Line
from centralino.ports.connections import SyncState
from centralino.ports.crm import Connection, Crm
from centralino_cli.connecting import (
    ask_for,
    find_keeper,
    find_table,
    given_secrets,
    given_settings,
    shared_tokens,
)
from centralino_cli.desk import USAGE, CommandError, Desk, find_desk, on_terminal, say
from centralino_cli.options import AccountSettings, AsJson, Secrets, SecretsFile, Table, Tenant, Url
from centralino_cli.show import print_fields, print_json, print_line, print_table

app = typer.Typer(
    help="Connect CRMs and watch them. Needs AWS credentials: goes straight to the table.",
    no_args_is_help=True,
)
Provider = Annotated[str, typer.Argument(metavar="CRM", help="As hubspot, odoo, pipedrive.")]
COUNTS = ("read", "imported", "missed", "late", "repaired", "removed", "rejected")
# What is wrong, as the adapters say it in a word, and what to do about it.
ADVICE = {
    "certificate": "its certificate is not good for that name: is account.base_url right?",
    "connection": "nobody answers at its address: is account.base_url right, is it reachable?",
    "credentials": "it refuses our credentials: make new ones there and connect again with them",
    "forbidden_address": "its address is in a private network; if that is meant: "
    "--set allow_private=true",
    "malformed": "it answers something else than its API does: is account.base_url right?",
    "permissions": "our user there may not read contacts: grant it that",
    "redirect": "it sends us to another address: use that one as account.base_url",
    "request": "it does not understand what we ask: is account.base_url that of its API?",
    "server": "it fails by itself (5xx): ask whoever runs it",
    "throttled": "it asks us to slow down: nothing to do but to wait",
    "timeout": "it does not answer in time: is it reachable from here?",
    "too_large": "its answer is too large to be one of its API",
}


class Office(NamedTuple):
    """One tenant, as an operator reaches it."""

    desk: Desk
    tenant: str
    client: Sender
    table: str
    links: DynamoConnectionStore
    tenants: DynamoTenantStore
    contacts: DynamoContactStore


@app.command("connect")
def connect(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    provider: Provider,
    settings: AccountSettings = None,
    secrets: SecretsFile = "",
    new_key: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--new-key", help="Make another webhook URL, beside those there are.")
    ] = False,
    url: Url = "",
    table: Table = "",
    tenant: Tenant = "",
    place: Secrets = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Connect to a CRM, or change a connection, and print what to paste into the CRM.

    The CRM is tried first: nothing is kept unless it lets us in. The webhook URL holds a key that
    is shown this once.
    """
    desk = find_desk(context)
    kind = _kind(desk, provider)
    office = _office(desk, table, tenant)
    keeper = find_keeper(desk, place)
    before = office.links.get(provider)
    account = {**(before.account if before else {}), **given_settings(settings)}
    given = given_secrets(secrets)
    known = keeper.read(office.tenant, provider) if before else {}
    both = {**known, **given}
    ask_for(kind.needs, account, given, both, spares=lambda name: kind.spares(name, both))
    try:
        made = connect_crm(
            office.links,
            office.tenants,
            keeper,
            kind,
            lambda connection: _crm(office, kind, connection, place),
            account,
            given,
            now_s=desk.now(),
        )
    except UnavailableError as error:
        raise _failure(provider, error) from error
    webhook = _webhook_url(office, provider, url, new_key=new_key)
    kept = keeper.read(office.tenant, provider).get("webhook_secrets")
    secret = made.webhook_secret or (str(kept[0]) if isinstance(kept, list) and kept else "")
    if as_json:
        fields = {
            "provider": provider,
            "who": made.who,
            "webhook_url": webhook,
            "again": made.again,
        }
        print_json({**fields, "webhook_secret": made.webhook_secret})
        return
    _tell_connected(kind, made, webhook, secret)


@app.command("status")
def status(
    context: typer.Context,
    table: Table = "",
    tenant: Tenant = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Show how each connection is: in step, under way, or what is wrong with it."""
    office = _office(find_desk(context), table, tenant)
    found = crm_status(office.links, office.tenants)
    if as_json:
        print_json(
            [
                {
                    **link._asdict(),
                    "state": link.state._asdict(),
                    "advice": _advice(link.state.problem),
                }
                for link in found
            ]
        )
        return
    if not found:
        say(f"tenant {office.tenant} is connected to no CRM; see `centralino crm connect --help`")
        return
    header = ("crm", "asked live", "condition", "since (UTC)", *COUNTS)
    print_table(header, [_row(link) for link in found])
    for link in found:
        if link.state.problem:
            say(f"{link.provider}: {_advice(link.state.problem)}")


@app.command("sync")
def sync(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    provider: Provider,
    full: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--full", help="Read everything again, not only the news.")
    ] = False,
    table: Table = "",
    tenant: Tenant = "",
    place: Secrets = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Reconcile with a CRM now, from here, and show how far it is.

    It goes on with a run that is under way. Interrupted, it is taken up by the next run, here or
    by the schedule.
    """
    desk = find_desk(context)
    kind = _kind(desk, provider)
    office = _office(desk, table, tenant)
    link = office.links.get(provider)
    if link is None:
        raise NotFoundError(f"tenant {office.tenant} is not connected to {provider}")
    settings = office.tenants.settings()
    if settings is None:
        raise NotFoundError(f"there is no tenant {office.tenant}")
    if full:
        office.links.save_state(provider, SyncState(version=link.state.version))
    run = "" if full else link.state.run
    secrets = find_keeper(desk, place).read(office.tenant, provider)
    connection = Connection(provider, link.account, secrets, settings.line.country)
    crm = _crm(office, kind, connection, place)
    if not crm.reads:
        raise CommandError(f"{provider} sends webhooks and can't be read: there is nothing to sync")
    state = _run(desk, office, crm, run or uuid.uuid4().hex, settings.line)
    if as_json:
        print_json({name: getattr(state, name) for name in (*COUNTS, "full", "problem")})
    else:
        print_fields([(name, getattr(state, name) or "") for name in COUNTS] or [])
    if state.problem:
        raise _failure(provider, RejectedError(state.problem))


@app.command("disconnect")
def disconnect(
    context: typer.Context,
    provider: Provider,
    table: Table = "",
    tenant: Tenant = "",
    place: Secrets = "",
) -> None:
    """Disconnect from a CRM: it is asked no more, and its webhooks are refused.

    Contacts that came from it stay. Its secrets are removed, and the keys of its webhook URLs.
    """
    desk = find_desk(context)
    office = _office(desk, table, tenant)
    if disconnect_crm(office.links, office.tenants, find_keeper(desk, place), provider):
        print_line(f"{provider} is disconnected; its contacts stay")
    else:
        raise NotFoundError(f"tenant {office.tenant} is not connected to {provider}")


def known_crms() -> list[str]:
    """Return the CRMs that there are, by their names in commands and URLs."""
    return sorted(module.name for module in pkgutil.iter_modules(providers.__path__))


def _crm(office: Office, kind: type[Crm], connection: Connection, place: str) -> Crm:
    """Build a connection; its access token is the one that the functions use."""
    known = (connection.account, connection.secrets)
    tokens = shared_tokens(
        office.desk,
        office.client,
        office.table,
        place,
        office.tenant,
        connection.provider,
        *known,
    )
    return kind(connection, office.desk.web(connection.account), tokens)


def _office(desk: Desk, table: str, tenant: str) -> Office:
    """Reach a tenant.

    Raises:
        CommandError: something isn't said.
    """
    name = find_table(desk, table)
    tenant = desk.tenant(tenant)
    client = desk.client()
    return Office(
        desk,
        tenant,
        client,
        name,
        DynamoConnectionStore(client, name, tenant, now=desk.now, pause=desk.sleep),
        DynamoTenantStore(client, name, tenant, now=desk.now),
        DynamoContactStore(client, name, tenant, now=desk.now, pause=desk.sleep),
    )


def _kind(desk: Desk, provider: str) -> type[Crm]:
    try:
        return desk.crm_class(provider)
    except NotFoundError:
        raise CommandError(f"CRM: expected one of {', '.join(known_crms())}", USAGE) from None


def _webhook_url(office: Office, provider: str, url: str, *, new_key: bool) -> str:
    """Return the URL that the CRM calls; empty if there is one already, which can't be shown."""
    name = key_name(provider)
    there = any(key.role == "crm" and key.name == name for key in office.tenants.keys())  # noqa: SIM118 - a store is no dictionary
    if there and not new_key:
        return ""
    demo = office.desk.find_demo()
    base = url or office.desk.env.get("CENTRALINO_URL", "") or (demo.url if demo else "")
    made = create_key(office.tenants, "crm", now_s=office.desk.now(), name=name)
    return f"{base.rstrip('/') or 'https://ADDRESS-OF-THE-SERVICE'}/v1/k/{made.text}/crm/{provider}"


def _tell_connected(kind: type[Crm], made: Connected, webhook: str, secret: str) -> None:
    print_fields(
        [
            ("connected", f"{kind.slug}, {made.who}"),
            ("asked during calls", "yes" if made.searches else "no: it can't be searched"),
            ("webhook URL", webhook or "as before (--new-key makes another)"),
            ("webhook secret", made.webhook_secret),
        ]
    )
    for place, step in enumerate(kind.setup, 1):
        text = step.replace("{url}", webhook or "the webhook URL").replace("{secret}", secret)
        print_line(f"{place}. {text}")
    if made.webhook_secret or webhook:
        say("the URL and the secret are not shown again; what to do with them: docs/crm.md")
    if made.reads:
        say(
            f"its contacts come with the next run of the schedule, or at once: "
            f"centralino crm sync {kind.slug}"
        )


def _run(desk: Desk, office: Office, crm: Crm, run: str, line: Line) -> SyncState:
    """Take a run to its end, and show how far it is."""
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not on_terminal(),
        transient=True,
    )
    with progress:
        task = progress.add_task(f"{crm.slug}: asking")

        def report(state: SyncState) -> None:
            done = sum(getattr(state, name) for name in COUNTS[1:])
            what = f", {state.stage}" if state.stage else ""
            progress.update(
                task, description=f"{crm.slug}{what}: {state.read:,} read, {done:,} to mend"
            )

        while True:
            part = sync_crm(
                office.links,
                office.contacts,
                crm,
                line,
                run,
                now=desk.now,
                until_s=float("inf"),
                report=report,
            )
            if part.after is None:
                raise CommandError(
                    f"{crm.slug}: the worker is at this run already; `centralino crm status` shows "
                    "how far it is"
                )
            if part.done:
                return part.after
            wait = f"{crm.slug}: {_advice(part.after.problem)}; on in {part.again_s:.0f} s"
            progress.update(task, description=wait)
            if progress.disable:
                say(wait)
            desk.sleep(part.again_s)


def _row(link: CrmStatus) -> tuple[str, ...]:
    state = link.state
    since_ms = state.finished_ms or 1000 * link.connected_at
    since = time.strftime("%Y-%m-%d %H:%M", time.gmtime(since_ms / 1000))
    counts = (f"{getattr(state, name):,}" if getattr(state, name) else "" for name in COUNTS)
    live = "yes" if link.asked_live else "no"
    return (link.provider, live, link.condition, since, *counts)


def _advice(problem: str) -> str:
    """Say in one line what is wrong and what to do; empty if nothing is."""
    return ADVICE.get(problem, problem)


def _failure(provider: str, error: UnavailableError) -> CommandError:
    return CommandError(f"{provider}: {_advice(error.reason)}")
