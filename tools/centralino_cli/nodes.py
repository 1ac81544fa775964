"""`nodes list|show|set|url|delete`: who is asked for a code, and where that leads."""

# Typer reads the annotations at run time.
from enum import StrEnum
from typing import Annotated, Any

import typer

from centralino.application.node_url import node_url
from centralino.domain.errors import PayloadError
from centralino_cli.desk import USAGE, CommandError, find_desk, say
from centralino_cli.options import AsJson, Key, Url
from centralino_cli.service import ServiceError, path_of
from centralino_cli.show import print_fields, print_json, print_line, print_table

app = typer.Typer(help="Ask callers for a code, and say where that leads.", no_args_is_help=True)
_ABSENT = 404
# What the service says of a node and does not take.
_TOLD = ("name", "path", "unspoken")

Name = Annotated[str, typer.Argument(help="The node's name, of a-z, 0-9 and -.")]


class Mode(StrEnum):
    """What a node answers."""

    check = "check"
    route = "route"
    entered = "entered"


@app.command("list")
def list_nodes(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the nodes, by name."""
    with find_desk(context).service(url, key) as service:
        told = service.get(path_of("nodes"))
    if as_json:
        print_json(told)
        return
    rows = [
        [n["name"], n["mode"], ", ".join(n["codes"]), n["yes"] or "", n["no"] or ""]
        for n in told["nodes"]
    ]
    print_table(["NAME", "MODE", "CODES", "YES", "NO"], rows)


@app.command("show")
def show_node(
    context: typer.Context,
    name: Name,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Print a node."""
    with find_desk(context).service(url, key) as service:
        node = service.get(path_of("nodes", name))
    if as_json:
        print_json(node)
        return
    by = [f"{when}={to}" for when, to in node["by"].items()]
    lists = {"codes": ", ".join(node["codes"]), "by": ", ".join(by)}
    fields = {**node, **lists, "unspoken": ", ".join(node["unspoken"])}
    print_fields([(field, value) for field, value in fields.items() if value is not None])


@app.command("set")
def set_node(  # noqa: PLR0913, PLR0917 - what a node is made of
    context: typer.Context,
    name: Name,
    mode: Annotated[Mode | None, typer.Option(help="What it answers.")] = None,
    code: Annotated[
        list[str] | None,
        typer.Option(help="A kind of code, as vat:IT or pattern:C-\\d{6}; may be repeated."),
    ] = None,
    length: Annotated[int | None, typer.Option(help="The most digits; 0 for no end but #.")] = None,
    attempts: Annotated[int | None, typer.Option(help="How often it asks.")] = None,
    timeout: Annotated[
        float | None, typer.Option(help="How long it waits for digits.", metavar="SECONDS")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="The PBX's audio file to play, or text to say.")
    ] = None,
    again: Annotated[str | None, typer.Option(help="The same from the second time on.")] = None,
    yes: Annotated[
        str | None,
        typer.Option(help='Where who is identified goes; "" to go on with the rules.'),
    ] = None,
    no: Annotated[str | None, typer.Option(help="Where everybody else goes.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Only for route: plan:gold=queue:1, tag:... or status:...; may be repeated.",
            metavar="WHEN=WHERE",
        ),
    ] = None,
    teaches: Annotated[
        bool | None, typer.Option("--teach/--no-teach", help="Learn the number of who types.")
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Create a node, or change what is given of one; calls meet it within 30 seconds."""
    given: dict[str, Any] = {
        "mode": mode.value if mode else None,
        "codes": code or None,
        "length": length,
        "attempts": attempts,
        "timeout_s": timeout,
        "prompt": prompt,
        "again": again,
        "by": _conditions(by) if by else None,
        "teaches": teaches,
    }
    change = {field: value for field, value in given.items() if value is not None}
    change.update({way: to or None for way, to in (("yes", yes), ("no", no)) if to is not None})
    with find_desk(context).service(url, key) as service:
        try:
            before = service.get(path_of("nodes", name))
        except ServiceError as error:
            if error.status != _ABSENT:
                raise
            before = {}
        if change.get("mode", "route") != "route":
            # Only route chooses among destinations: what it chose by is no use any more.
            change.setdefault("by", {})
        kept = {field: value for field, value in before.items() if field not in _TOLD}
        node = service.send("PUT", path_of("nodes", name), {**kept, **change})
    print_line(f"{'changed' if before else 'created'} {name}")
    _warn(node)


@app.command("url")
def print_url(  # noqa: PLR0913, PLR0917 - two services: where we ask, and what the PBX calls
    context: typer.Context,
    name: Name,
    pbx_key: Annotated[
        str,
        typer.Option(
            "--pbx-key", help="The key of role pbx that the URL is to hold.", metavar="KEY"
        ),
    ] = "",
    base: Annotated[
        str,
        typer.Option(help="The service's URL as the PBX reaches it; else --url.", metavar="URL"),
    ] = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Print the URL to type into OMniLeads' identification node; it holds a key."""
    desk = find_desk(context)
    with desk.service(url, key) as service:
        node = service.get(path_of("nodes", name))
        demo = desk.find_demo("pbx")
        if not pbx_key and demo and demo.url == service.url:
            pbx_key = demo.key
        pbx_key = pbx_key or desk.env.get("CENTRALINO_PBX_KEY", "")
        if not pbx_key:
            raise CommandError(
                "--pbx-key or CENTRALINO_PBX_KEY: expected a key of role pbx "
                "(centralino keys create --role pbx)",
                USAGE,
            )
        found = node_url(base or service.url, pbx_key, name)
    print_line(found)
    _warn(node)


@app.command("delete")
def delete_node(context: typer.Context, name: Name, url: Url = "", key: Key = "") -> None:
    """Delete a node that no rule and no other node leads to."""
    with find_desk(context).service(url, key) as service:
        service.send("DELETE", path_of("nodes", name))
    print_line(f"deleted {name}")


def _conditions(texts: list[str]) -> dict[str, str]:
    by = {}
    for text in texts:
        when, equals, to = text.rpartition("=")
        if not equals or not when:
            raise PayloadError("by", "WHEN=WHERE, as plan:gold=queue:1")
        by[when] = to
    return by


def _warn(node: dict[str, Any]) -> None:
    if node["unspoken"]:
        say(
            f"(OMniLeads has no number for {', '.join(node['unspoken'])}: from it, these calls go "
            'to its own second destination; give the destination an "omnileads" number in the '
            "rules, or use ids that are numbers)"
        )
