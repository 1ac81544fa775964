"""`schedules list|set|show|delete`: opening hours, special days and holidays."""

# Typer reads the annotations at run time.
from pathlib import Path
from typing import Annotated, Any

import typer

from centralino.domain.errors import PayloadError
from centralino_cli.desk import USAGE, CommandError, find_desk, say
from centralino_cli.options import AsJson, Key, Url
from centralino_cli.patch import read_object, without
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_table

app = typer.Typer(help="Say when somebody answers.", no_args_is_help=True)
_READ_ONLY = ("name", "open_now", "holiday_now", "known_until")

Name = Annotated[str, typer.Argument(help="What rules and agents call it.", metavar="NAME")]


@app.command("list")
def list_schedules(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the schedules and whether they are open now."""
    with find_desk(context).service(url, key) as service:
        schedules = service.get(path_of("schedules"))["schedules"]
    if as_json:
        print_json(schedules)
        return
    rows = [
        (
            it["name"],
            "open" if it["open_now"] else "closed",
            "yes" if it["holiday_now"] else "no",
            it["holidays"] or "the country's",
            str(len(it["days"])),
            it["known_until"],
        )
        for it in schedules
    ]
    header = ("NAME", "NOW", "HOLIDAY", "HOLIDAYS", "SPECIAL DAYS", "KNOWN UNTIL")
    print_table(header, rows)


@app.command("show")
def show_schedule(context: typer.Context, name: Name, url: Url = "", key: Key = "") -> None:
    """Print a schedule as JSON; `schedules set NAME --file` takes the same."""
    with find_desk(context).service(url, key) as service:
        print_json(service.get(path_of("schedules", name)))


@app.command("set")
def set_schedule(  # noqa: PLR0913, PLR0917 - what a schedule is made of
    context: typer.Context,
    name: Name,
    opened: Annotated[
        list[str] | None,
        typer.Option(
            "--open",
            help="Days and their hours, as 'mon-fri 09:00-13:00 14:00-18:00'; may be repeated.",
            metavar="HOURS",
        ),
    ] = None,
    day: Annotated[
        list[str] | None,
        typer.Option(
            help="A special day and its hours, none for closed: 2026-12-24, '12-24 09:00-12:00' "
            "every year, 2026-08-10/2026-08-21; may be repeated.",
            metavar="DAY",
        ),
    ] = None,
    holidays: Annotated[
        str, typer.Option(help="IT, IT-BZ, none; else the tenant's country.", metavar="WHOSE")
    ] = "",
    on_holidays: Annotated[
        str, typer.Option(help="Hours of holidays; else they are closed.", metavar="HOURS")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(help="The same as JSON, laid out as `schedules show` prints it.")
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Create a schedule, or replace it as a whole; calls see it within 30 seconds."""
    if file and (opened or day or holidays or on_holidays):
        raise CommandError("expected --file or the other options, not both", USAGE)
    if file:
        body = without(
            read_object(file, "a JSON object, as `schedules show` prints it"), _READ_ONLY
        )
    else:
        body = {
            "open": _hours("--open", opened or []),
            "days": _hours("--day", day or []),
            "holidays": holidays,
            "on_holidays": on_holidays.split(),
        }
    with find_desk(context).service(url, key) as service:
        saved = service.send("PUT", path_of("schedules", name), body)
    now = "open" if saved["open_now"] else "closed"
    say(f"saved schedule {name}; it is {now} now and known until {saved['known_until']}")


@app.command("delete")
def delete_schedule(context: typer.Context, name: Name, url: Url = "", key: Key = "") -> None:
    """Delete a schedule that no agent works by and no rule names."""
    with find_desk(context).service(url, key) as service:
        service.send("DELETE", path_of("schedules", name))
    say(f"deleted schedule {name}")


def _hours(option: str, given: list[str]) -> dict[str, Any]:
    hours: dict[str, Any] = {}
    for text in given:
        days, *spans = text.split() or [""]
        if not days or days in hours:
            raise PayloadError(option, "each days once, and their hours, with spaces between")
        hours[days] = spans
    return hours
