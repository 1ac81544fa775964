"""`dialling show|set|allow|forbid|block|unblock|list-blocked`: how calls are placed, and which."""

# Typer reads the annotations at run time.
from pathlib import Path
from typing import Annotated, Any

import typer

from centralino_cli.desk import USAGE, CommandError, find_desk, say
from centralino_cli.options import AsJson, Key, Url
from centralino_cli.patch import field_of, put_field, read_object, without
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_line, print_table

app = typer.Typer(help="Say how calls are placed, and which are not.", no_args_is_help=True)
_READ_ONLY = ("country",)
_PATH = path_of("dialling")
_BLOCKED = path_of("do-not-call")

Countries = Annotated[
    list[str] | None,
    typer.Option(
        "--country", help="ISO 3166 alpha-2; 001 for +800. May be repeated.", metavar="CC"
    ),
]
Shorts = Annotated[
    list[str] | None,
    typer.Option("--short", help="A short number. May be repeated.", metavar="NUMBER"),
]
CallerIds = Annotated[
    list[str] | None,
    typer.Option("--caller-id", help="A DID to be shown. May be repeated.", metavar="NUMBER"),
]
Blocked = Annotated[
    str, typer.Argument(help="A number in any spelling, or a block of them, as +39024455*.")
]


@app.command("show")
def show(
    context: typer.Context,
    field: Annotated[
        str, typer.Argument(help="One field, as budget.agent_day; all of them without.")
    ] = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Print the dialling options, or one of them, as JSON; a text without its quotes."""
    with find_desk(context).service(url, key) as service:
        value = field_of(service.get(_PATH), field, "the dialling options")
    if isinstance(value, str):
        print_line(value)
    else:
        print_json(value)


@app.command("set")
def set_options(
    context: typer.Context,
    change: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="As pbx=asterisk or budget.agent_day=100; null brings a default back.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="JSON with what to change, laid out as `dialling show` prints it."),
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Change some options and leave the rest; the next call counts on them.

    Rules, one for each line of the PBX, are a list, and replaced as a whole.
    """
    if not change and not file:
        raise CommandError("expected FIELD=VALUE or --file", USAGE)
    patch: dict[str, Any] = {}
    if file:
        patch = without(
            read_object(file, "a JSON object, as `dialling show` prints it"), _READ_ONLY
        )
    with find_desk(context).service(url, key) as service:
        before = service.get(_PATH)
        for text in change or []:
            _put(patch, text, before)
        # What was read is what is changed, not what somebody else made of it meanwhile.
        patch.setdefault("version", before["version"])
        after = service.send("PATCH", _PATH, patch)
    print_line(f"saved, version {after['version']}")


@app.command("allow")
def allow(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    country: Countries = None,
    short: Shorts = None,
    caller_id: CallerIds = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Let countries and short numbers be called, and DIDs be shown; the rest stays as it is."""
    given = {"countries": country, "short_numbers": short, "caller_ids": caller_id}
    _change(context, given, url, key, allowed=True)


@app.command("forbid")
def forbid(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    country: Countries = None,
    short: Shorts = None,
    caller_id: CallerIds = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Take back what was allowed; a country stays as long as routing sends calls there."""
    given = {"countries": country, "short_numbers": short, "caller_ids": caller_id}
    _change(context, given, url, key, allowed=False)


@app.command("block")
def block(
    context: typer.Context,
    number: Blocked,
    reason: Annotated[str, typer.Option(help="For whoever looks at the list.")] = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Put a number, or a block, on the do-not-call list."""
    with find_desk(context).service(url, key) as service:
        saved = service.send("PUT", path_of("do-not-call", number), {"reason": reason})
    say(f"nobody calls {saved['number']}")


@app.command("unblock")
def unblock(context: typer.Context, number: Blocked, url: Url = "", key: Key = "") -> None:
    """Take a number, or a block, off the do-not-call list; blocks that it lies in stay."""
    with find_desk(context).service(url, key) as service:
        service.send("DELETE", path_of("do-not-call", number))
    say(f"{number} is off the list")


@app.command("list-blocked")
def list_blocked(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the do-not-call list, by number."""
    found: list[dict[str, str]] = []
    with find_desk(context).service(url, key) as service:
        cursor = ""
        while True:
            page = service.get(_BLOCKED, {"limit": "100", **({"cursor": cursor} if cursor else {})})
            found += page["numbers"]
            cursor = page["cursor"]
            if not cursor:
                break
    found.sort(key=lambda one: one["number"])
    if as_json:
        print_json(found)
    else:
        print_table(["NUMBER", "REASON"], [[one["number"], one["reason"]] for one in found])


def _put(patch: dict[str, Any], text: str, before: dict[str, Any]) -> None:
    # A country or a prefix that has no limit or price yet is to get a number.
    field = text.partition("=")[0]
    alike = {field.rpartition(".")[2]: 0} if field.startswith("budget.") else {}
    put_field(patch, text, before, example="budget.agent_day=100", alike=alike)


def _change(
    context: typer.Context,
    given: dict[str, list[str] | None],
    url: str,
    key: str,
    *,
    allowed: bool,
) -> None:
    if not any(given.values()):
        raise CommandError("expected --country, --short or --caller-id", USAGE)
    with find_desk(context).service(url, key) as service:
        before = service.get(_PATH)
        patch: dict[str, Any] = {"version": before["version"]}
        for field, values in given.items():
            if values:
                kept = [value for value in before[field] if value not in values]
                patch[field] = [*kept, *values] if allowed else kept
        after = service.send("PATCH", _PATH, patch)
    for field, values in given.items():
        if values:
            print_line(f"{field}: {', '.join(after[field]) or 'none'}")
