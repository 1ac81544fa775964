"""`settings get|set`: how numbers are understood and labels look."""

# Typer reads the annotations at run time.
from pathlib import Path
from typing import Annotated, Any

import typer

from centralino_cli.desk import USAGE, CommandError, find_desk
from centralino_cli.options import Key, Url
from centralino_cli.patch import field_of, put_field, read_object, without
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_line

AS_PRINTED = "a JSON object, as `settings get` prints it"

app = typer.Typer(help="Read and change the tenant's settings.", no_args_is_help=True)


@app.command("get")
def get_settings(
    context: typer.Context,
    field: Annotated[
        str, typer.Argument(help="One field, as line.area_code; all of them without.")
    ] = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Print the settings, or one field of them, as JSON; a text without its quotes."""
    with find_desk(context).service(url, key) as service:
        value = service.get(path_of("settings"))
    value = field_of(value, field, "the settings")
    if isinstance(value, str):
        print_line(value)
    else:
        print_json(value)


@app.command("set")
def set_settings(
    context: typer.Context,
    change: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="As line.area_code=02 or label.flags.overdue=!; null takes an entry away.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="JSON with what to change, laid out as `settings get` prints it."),
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Change some settings and leave the rest; all changes or none are made.

    Functions that are running see them within 30 seconds.
    """
    if not change and not file:
        raise CommandError("expected FIELD=VALUE or --file", USAGE)
    # What `settings get` prints and nobody can set is left out.
    patch = without(read_object(file, AS_PRINTED), ("tenant", "block_lengths")) if file else {}
    with find_desk(context).service(url, key) as service:
        before = service.get(path_of("settings"))
        for text in change or []:
            _put(patch, text, before)
        # What was read is what is changed, not what somebody else made of it meanwhile.
        patch.setdefault("version", before["version"])
        after = service.send("PATCH", path_of("settings"), patch)
    print_line(f"saved, version {after['version']}")


def _put(patch: dict[str, Any], text: str, before: dict[str, Any]) -> None:
    # A trunk or a DID overrides fields of the line, so they are of the same kinds.
    is_override = text.split(".", maxsplit=1)[0] in ("trunks", "dids")
    alike = before["line"] if is_override else {}
    put_field(patch, text, before, example="line.area_code=02", alike=alike)
