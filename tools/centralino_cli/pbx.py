"""`pbx …`: the PBXs that there are, the secrets of those that sign, and those that place calls."""

# Typer reads the annotations at run time.
import pkgutil
import sys
import time
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer

from centralino import bootstrap
from centralino.adapters import pbx as providers
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.lines import DynamoLineStore
from centralino.adapters.store.sender import Sender
from centralino.adapters.store.sockets import DynamoSocketStore
from centralino.application.connect_pbx import CHECK_S, connect_pbx
from centralino.application.disconnect_pbx import disconnect_pbx
from centralino.application.keep_socket import find_clashes
from centralino.domain.errors import CentralinoError, NotFoundError
from centralino.domain.originate import FailedCallError
from centralino.ports.lines import StoredLine, secrets_of
from centralino.ports.originate import Means, Originator, PbxLink
from centralino.ports.pbx import Pbx
from centralino.ports.sockets import Socket, Sockets
from centralino_cli.connecting import (
    ask_for,
    find_keeper,
    find_table,
    given_secrets,
    given_settings,
    shared_tokens,
)
from centralino_cli.desk import USAGE, CommandError, Desk, find_desk, say
from centralino_cli.options import AccountSettings, AsJson, Secrets, SecretsFile, Table, Tenant
from centralino_cli.show import print_fields, print_json, print_line, print_table

app = typer.Typer(help="The PBXs that there are; docs/pbx.md has them all.", no_args_is_help=True)
Provider = Annotated[str, typer.Argument(metavar="PBX", help="As twilio, kalliope, generic.")]
# A secret has no line end; nobody types one this long.
MAX_SECRET = 500
_OPENED = ("site", "open since (UTC)", "from", "says it is", "events", "last answer (UTC)")
# What is wrong, as PBXs say it in a word, and what to do about it.
ADVICE = {
    "credentials": "it refuses our credentials, or what they may do",
    "refused": "it took the question and said no: is account.base_url that of its API?",
    "unknown": "it did not answer in time: is it reachable from here?",
    "unreachable": "nobody answers at its address: is it right, and reachable from here?",
}


@app.command("list")
def list_pbxs(as_json: AsJson = False) -> None:  # noqa: FBT002 - an option
    """Show every PBX: what it asks, the secrets of its signature, whether it places calls."""
    found: list[dict[str, Any]] = []
    for name in _files():
        module = import_module(f"{providers.__name__}.{name}")
        kind = getattr(module, "Adapter", None)
        found.append(
            {
                "pbx": name,
                "asks": list(kind.asks) if kind else [],
                "secrets": list(kind.secrets) if kind else [],
                "places_calls": hasattr(module, "Originate"),
            }
        )
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["pbx"],
            ", ".join(one["asks"]),
            ", ".join(one["secrets"]),
            "yes" if one["places_calls"] else "",
        )
        for one in found
    ]
    print_table(("pbx", "asks", "signs with", "places calls"), rows)


@app.command("options")
def options(provider: Provider, as_json: AsJson = False) -> None:  # noqa: FBT002 - an option
    """Show what a tenant may set of a PBX, under `pbx` of its routing options."""
    kind = _kind(provider)
    if as_json:
        print_json({name: option.what for name, option in kind.options.items()})
    elif kind.options:
        rows = [(name, option.what) for name, option in kind.options.items()]
        print_table(("option", "what it is"), rows)
    else:
        say(f"{provider} has no options")


@app.command("secret")
def secret(
    context: typer.Context,
    provider: Provider,
    only_new: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--only-new", help="Forget the secret before the present one.")
    ] = False,
    tenant: Tenant = "",
    place: Secrets = "",
) -> None:
    """Keep the secret that a PBX signs with: asked for, or read from a pipe.

    The one before stays good until the next change, or until `--only-new`.
    """
    kind = _kind(provider)
    name = next(iter(kind.secrets), "")
    if not name:
        raise CommandError(f"{provider} signs nothing: its key alone lets it in", USAGE)
    desk = find_desk(context)
    tenant = desk.tenant(tenant)
    keeper = find_keeper(desk, place)
    known = keeper.read(tenant, f"pbx-{provider}")
    before = known.get(name)
    if only_new:
        if not before:
            raise NotFoundError(f"tenant {tenant} has no secret for {provider}")
        keeper.write(tenant, f"pbx-{provider}", {name: before})
        print_line(f"{provider}: only the present secret is good now")
        return
    given = _secret(name, kind.secrets[name])
    kept: dict[str, object] = {name: given}
    if before and before != given:
        kept[f"{name}_old"] = before
    elif f"{name}_old" in known:
        kept[f"{name}_old"] = known[f"{name}_old"]
    keeper.write(tenant, f"pbx-{provider}", kept)
    old = "; the one before is still good" if len(kept) > 1 else ""
    print_line(f"{provider}: its {name} is kept{old}")


@app.command("setup")
def setup(
    context: typer.Context,
    provider: Provider,
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Show what a PBX needs to place calls, and what to do at it before it is connected."""
    kind = _placing(find_desk(context), provider)
    if as_json:
        print_json({"needs": dict(kind.needs), "setup": list(kind.setup)})
        return
    print_table(("needs", "what it is"), list(kind.needs.items()))
    _print_steps(kind)


@app.command("connect")
def connect(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    provider: Provider,
    settings: AccountSettings = None,
    secrets: SecretsFile = "",
    table: Table = "",
    tenant: Tenant = "",
    place: Secrets = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Have a tenant's calls placed by a PBX, or change how it is reached.

    The PBX is tried first, and no phone rings: nothing is kept unless it lets us in.
    """
    office = _office(find_desk(context), table, tenant, place)
    kind = _placing(office.desk, provider)
    before = office.lines.get(provider)
    account = {**(before.account if before else {}), **given_settings(settings)}
    given = given_secrets(secrets)
    keeper = find_keeper(office.desk, place)
    known = keeper.read(office.tenant, secrets_of(provider)) if before else {}
    ask_for(kind.needs, account, given, {**known, **given})
    try:
        who = connect_pbx(
            office.lines,
            office.dialling,
            keeper,
            kind,
            lambda link: kind(link, _means(office, kind, link)),
            account,
            given,
            now_s=office.desk.now(),
        )
    except FailedCallError as error:
        raise CommandError(f"{provider}: {_advice(error)}") from error
    if as_json:
        print_json({"pbx": provider, "who": who, "again": before is not None})
        return
    print_fields([("calls are placed by", f"{provider}, {who}")])
    _print_steps(kind)


@app.command("status")
def status(
    context: typer.Context,
    table: Table = "",
    tenant: Tenant = "",
    place: Secrets = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Try each PBX that places a tenant's calls, and show the connections that PBXs opened to us.

    No phone rings.
    """
    office = _office(find_desk(context), table, tenant, place)
    used = office.dialling.options().pbx
    lines = [_try(office, line, used=line.provider == used) for line in office.lines.list()]
    sockets = DynamoSocketStore(office.client, office.table, office.tenant, now=office.desk.now)
    connections = sockets.all()
    opened = [_opened(socket) for socket in connections]
    clashes = sorted(socket.site for socket in find_clashes(connections))
    for site in clashes:
        say(f"{site}: two PBXs connect by this user name; give each its own")
    if as_json:
        print_json({"pbxs": lines, "connections": opened, "clashes": clashes})
        return
    if lines:
        rows = [
            (one["pbx"], "yes" if one["used"] else "no", one["since"], one["condition"])
            for one in lines
        ]
        print_table(("pbx", "used", "since (UTC)", "condition"), rows)
    else:
        say(f"no PBX places calls of tenant {office.tenant}; see `centralino pbx connect --help`")
    if opened:
        print_line("")
        print_table(_OPENED, [_row(one) for one in opened])


@app.command("disconnect")
def disconnect(
    context: typer.Context,
    provider: Provider,
    table: Table = "",
    tenant: Tenant = "",
    place: Secrets = "",
) -> None:
    """Have no calls placed by a PBX any more, and remove what we knew to reach it."""
    office = _office(find_desk(context), table, tenant, place)
    _placing(office.desk, provider)
    keeper = find_keeper(office.desk, place)
    if not disconnect_pbx(office.lines, office.dialling, keeper, provider):
        raise NotFoundError(f"{provider} places no calls of tenant {office.tenant}")
    print_line(f"{provider}: it places no calls any more")


def known_pbxs() -> list[str]:
    """Return the PBXs that ask us, by their names in commands and URLs; others only place calls."""
    return _files_with("Adapter")


def known_originators() -> list[str]:
    """Return the PBXs that place calls, by their names in commands; others only ask us."""
    return _files_with("Originate")


def _files() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(providers.__path__))


def _files_with(role: str) -> list[str]:
    return [
        name for name in _files() if hasattr(import_module(f"{providers.__name__}.{name}"), role)
    ]


class Office(NamedTuple):
    """One tenant, as an operator reaches it."""

    desk: Desk
    tenant: str
    client: Sender
    table: str
    lines: DynamoLineStore
    dialling: DynamoDialStore
    place: str


def _office(desk: Desk, table: str, tenant: str, place: str) -> Office:
    name = find_table(desk, table)
    tenant = desk.tenant(tenant)
    client = desk.client()
    return Office(
        desk,
        tenant,
        client,
        name,
        DynamoLineStore(client, name, tenant, now=desk.now, pause=desk.sleep),
        DynamoDialStore(client, name, tenant, now=desk.now, pause=desk.sleep),
        place,
    )


def _means(office: Office, kind: type[Originator], link: PbxLink) -> Means:
    desk = office.desk
    gateway = desk.sockets() if kind.by_socket else None
    store = DynamoSocketStore(office.client, office.table, office.tenant, now=desk.now)
    return Means(
        desk.web(link.account),
        shared_tokens(
            *(desk, office.client, office.table, office.place, office.tenant),
            *(secrets_of(link.provider), link.account, link.secrets),
        ),
        Sockets(store, gateway) if gateway else None,
    )


def _try(office: Office, line: StoredLine, *, used: bool) -> dict[str, Any]:
    kind = _placing(office.desk, line.provider)
    known = find_keeper(office.desk, office.place).read(office.tenant, secrets_of(line.provider))
    link = PbxLink(office.tenant, line.provider, line.account, known)
    try:
        condition = kind(link, _means(office, kind, link)).check(timeout_s=CHECK_S)
        works = True
    except FailedCallError as error:
        condition, works = _advice(error), False
    except CentralinoError as error:
        condition, works = str(error), False
    return {
        "pbx": line.provider,
        "used": used,
        "since": _moment(line.connected_at),
        "works": works,
        "condition": condition,
    }


def _opened(socket: Socket) -> dict[str, Any]:
    return {
        "site": socket.site,
        "since": _moment(socket.at_ms / 1000),
        "from": socket.source_ip,
        "agent": socket.agent,
        "filtered": socket.filtered,
        "alive": _moment(socket.alive_ms / 1000) if socket.alive_ms else "",
        "unanswered": socket.unanswered,
    }


def _print_steps(kind: type[Originator]) -> None:
    for number, step in enumerate(kind.setup, 1):
        print_line(f"{number}. {step}")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    events = "chosen" if one["filtered"] else "all of them"
    return (one["site"], one["since"], one["from"], one["agent"], events, one["alive"])


def _moment(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at_s))


def _advice(error: FailedCallError) -> str:
    """Say in one line what is wrong, what to do, and what the PBX says of it."""
    text = ADVICE.get(error.reason, error.reason)
    return f"{text} ({error.detail})" if error.detail else text


def _placing(desk: Desk, provider: str) -> type[Originator]:
    try:
        return desk.originator_class(provider)
    except NotFoundError:
        raise CommandError(
            f"PBX: expected one of {', '.join(known_originators())}, which place calls", USAGE
        ) from None


def _kind(provider: str) -> type[Pbx]:
    try:
        return bootstrap.pbx_class(provider)
    except NotFoundError:
        raise CommandError(f"PBX: expected one of {', '.join(known_pbxs())}", USAGE) from None


def _secret(name: str, meaning: str) -> str:
    if sys.stdin.isatty():
        text: str = typer.prompt(f"{name} ({meaning})", hide_input=True, err=True)
    else:
        text = sys.stdin.read(MAX_SECRET + 2)
    text = text.strip()
    if not text or len(text) > MAX_SECRET or not text.isprintable():
        # Nothing of it is told: it may be most of a secret.
        raise CommandError(f"{name}: expected one line of at most {MAX_SECRET} characters", USAGE)
    return text
