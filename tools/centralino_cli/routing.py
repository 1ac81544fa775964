"""`routing get|set`: the time zone, how numbers are learned, providers' options."""

# Typer reads the annotations at run time.
from pathlib import Path
from typing import Annotated, Any

import typer

from centralino_cli.desk import find_desk, say
from centralino_cli.options import Key, Url
from centralino_cli.patch import field_of, put_field, read_object, without
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_line

app = typer.Typer(help="Read and change the options of routing.", no_args_is_help=True)
_READ_ONLY = ("edition", "published", "time_zone_set", "time")


@app.command("get")
def get_routing(
    context: typer.Context,
    field: Annotated[
        str, typer.Argument(help="One field, as time_zone; all of them without.")
    ] = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Print the options, or one of them, as JSON; a text without its quotes."""
    with find_desk(context).service(url, key) as service:
        value = field_of(service.get(path_of("routing")), field, "the options of routing")
    if isinstance(value, str):
        print_line(value)
    else:
        print_json(value)


@app.command("set")
def set_routing(
    context: typer.Context,
    change: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="As time_zone=Europe/Rome or learning.days=90; null brings the default back.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="JSON with what to change, laid out as `routing get` prints it."),
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Change some options and leave the rest; without any, work everything out anew from today.

    That is what holidays of later years need once in a while. Calls see it within 30 seconds.
    """
    patch: dict[str, Any] = {}
    if file:
        patch = without(read_object(file, "a JSON object, as `routing get` prints it"), _READ_ONLY)
    with find_desk(context).service(url, key) as service:
        before = service.get(path_of("routing"))
        for text in change or []:
            put_field(patch, text, before, example="time_zone=Europe/Rome", alike={})
        # What was read is what is changed, not what somebody else made of it meanwhile.
        patch["edition"] = before["edition"]
        after = service.send("PATCH", path_of("routing"), patch)
    print_line(f"saved, edition {after['edition']}")
    if "time_zone" in patch and after["time_zone"] != before["time_zone"]:
        say("contracts end as they did in the zone before: run `centralino customers recompute`")
