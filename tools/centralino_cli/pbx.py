"""`pbx list|options|secret`: the PBXs that there are, and the secrets of those that sign."""

# Typer reads the annotations at run time.
import pkgutil
import sys
from importlib import import_module
from typing import Annotated

import typer

from centralino import bootstrap
from centralino.adapters import pbx as providers
from centralino.domain.errors import NotFoundError
from centralino.ports.pbx import Pbx
from centralino_cli.crm import find_keeper
from centralino_cli.desk import USAGE, CommandError, find_desk, say
from centralino_cli.options import AsJson, Secrets, Tenant
from centralino_cli.show import print_json, print_line, print_table

app = typer.Typer(help="The PBXs that there are; docs/pbx.md has them all.", no_args_is_help=True)
Provider = Annotated[str, typer.Argument(metavar="PBX", help="As twilio, kalliope, generic.")]
# A secret has no line end; nobody types one this long.
MAX_SECRET = 500


@app.command("list")
def list_pbxs(as_json: AsJson = False) -> None:  # noqa: FBT002 - an option
    """Show every PBX, what it can ask, and the secrets of its signature."""
    kinds = [bootstrap.pbx_class(name) for name in known_pbxs()]
    if as_json:
        print_json(
            [
                {"pbx": kind.slug, "asks": list(kind.asks), "secrets": list(kind.secrets)}
                for kind in kinds
            ]
        )
        return
    rows = [(kind.slug, ", ".join(kind.asks), ", ".join(kind.secrets)) for kind in kinds]
    print_table(("pbx", "asks", "signs with"), rows)


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


def known_pbxs() -> list[str]:
    """Return the PBXs that ask us, by their names in commands and URLs; others only place calls."""
    files = (module.name for module in pkgutil.iter_modules(providers.__path__))
    return sorted(
        name for name in files if hasattr(import_module(f"{providers.__name__}.{name}"), "Adapter")
    )


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
