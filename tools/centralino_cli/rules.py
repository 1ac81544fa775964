"""`rules show|versions|check|test|publish|rollback`, `explain-route`: where calls go, and why."""

# Typer reads the annotations at run time.
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from centralino.domain.errors import PayloadError
from centralino_cli.desk import USAGE, CommandError, Desk, find_desk, say
from centralino_cli.options import AsJson, Did, Key, Trunk, Url
from centralino_cli.service import Service, path_of
from centralino_cli.show import print_fields, print_json, print_line, print_table

app = typer.Typer(help="Say where calls go, and try it before it counts.", no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(help="The rules as JSON, as `rules show` prints them.", metavar="FILE")
]
Version = Annotated[int, typer.Argument(help="From `rules versions`; 0 for the defaults.", min=0)]


@app.command("show")
def show(
    context: typer.Context,
    version: Annotated[
        int, typer.Option(help="From `rules versions`; else those in force.", min=0)
    ] = 0,
    url: Url = "",
    key: Key = "",
) -> None:
    """Print rules as JSON; `check`, `test` and `publish` take the same."""
    path = path_of("rules", "versions", str(version)) if version else path_of("rules")
    with find_desk(context).service(url, key) as service:
        print_json(service.get(path)["document"])


@app.command("versions")
def versions(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the versions of the rules, the newest first."""
    with find_desk(context).service(url, key) as service:
        found = service.get(path_of("rules", "versions"))["versions"]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            str(it["version"]),
            "in force" if it["published"] else "",
            it["saved_at"],
            it["saved_by"],
            it["note"],
        )
        for it in found
    ]
    print_table(("VERSION", "STATE", "SAVED", "BY", "NOTE"), rows)


@app.command("check")
def check(context: typer.Context, file: File, url: Url = "", key: Key = "") -> None:
    """Say what is wrong with rules, and what can hardly be meant; nothing is saved."""
    desk = find_desk(context)
    with desk.service(url, key) as service:
        trial = _try(service, _read(desk, file), 0)
    _warn(trial["warnings"])
    rules = len([it for it in trial["decided"] if it["rule"]])
    print_line(f"{rules} rule{'' if rules == 1 else 's'}, nothing wrong with them")


@app.command("test")
def try_file(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    file: File,
    days: Annotated[int, typer.Option(help="How many days back.", min=1, max=90)] = 7,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Run the last days' real calls through rules: who would have gone elsewhere?

    Nothing is saved. Each call is decided again from the facts that are kept with its decision.
    """
    desk = find_desk(context)
    with desk.service(url, key) as service:
        trial = _try(service, _read(desk, file), days)
    if as_json:
        print_json(trial)
        return
    _warn(trial["warnings"])
    rows = [(it["rule"] or "(fallback)", str(it["calls"])) for it in trial["decided"]]
    print_table(("RULE", "CALLS"), rows)
    print_line("")
    moved = [
        (it["at"], it["number"], _place(it["before"]), _place(it["after"]), it["after"]["rule"])
        for it in trial["moved"]
    ]
    if moved:
        print_table(("CALL", "NUMBER", "WENT TO", "WOULD GO TO", "RULE"), moved)
    say(
        f"{trial['moved_count']} of {trial['calls']} calls would have gone elsewhere"
        + (f"; {trial['asked']} asked at a node first, counted twice" if trial["asked"] else "")
        + (f"; {trial['skipped']} were not decided by rules" if trial["skipped"] else "")
        + ("" if trial["complete"] else "; only the newest were tried")
    )


@app.command("publish")
def publish(
    context: typer.Context,
    file: File,
    note: Annotated[str, typer.Option(help="What they are for.")] = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Save rules as a new version and put it in force; calls go by it within 30 seconds."""
    desk = find_desk(context)
    with desk.service(url, key) as service:
        body = {"document": _read(desk, file), "note": note}
        saved = service.send("POST", path_of("rules"), body)
        _warn(saved["warnings"])
        _publish(service, saved["version"])


@app.command("rollback")
def rollback(context: typer.Context, version: Version, url: Url = "", key: Key = "") -> None:
    """Put a version in force again; calls go by it within 30 seconds."""
    with find_desk(context).service(url, key) as service:
        _publish(service, version)


def explain_route(  # noqa: PLR0913, PLR0917 - what a call is made of
    context: typer.Context,
    number: Annotated[str, typer.Option(help="The CLI of a call that nobody makes.")] = "",
    call_id: Annotated[str, typer.Option(help="A call that was made, as the PBX calls it.")] = "",
    code: Annotated[str, typer.Option(help="The customer code that the caller types.")] = "",
    at: Annotated[str, typer.Option(help="When, as 2026-12-25T11:00:00+01:00; else now.")] = "",
    did: Did = "",
    trunk: Trunk = "",
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Say where a call went, or would go, and why the rules before did not decide."""
    if bool(number) == bool(call_id):
        raise CommandError("expected either --number or --call-id", USAGE)
    query = {"call_id": call_id, "number": number, "code": code, "did": did, "trunk": trunk}
    if at:
        query["at"] = at
    with find_desk(context).service(url, key) as service:
        told = service.get(path_of("route", "explain"), query)
    if as_json:
        print_json(told)
        return
    decision, facts = told["decision"], told["facts"]
    print_fields(
        [
            ("goes to", _place(decision)),
            ("rule", decision["rule"]),
            ("fallback", decision["fallback"]),
            ("node", told["node"]),
            ("priority", decision["priority"] or ""),
            ("language", decision["language"]),
            ("label", told["label"]),
            ("number", facts["caller"]["number"]),
            ("customer", f"{facts['customer']['code']} {facts['customer']['status']}".strip()),
            ("at", told["at"]),
            ("version", told["version"]),
        ]
    )
    if told["passed"]:
        print_line("")
        print_table(("RULE", "DID NOT DECIDE"), [(it["rule"], it["why"]) for it in told["passed"]])
    if not told["repeated"]:
        say("these rules would not come to the same today: something that they name was changed")


def _place(decision: dict[str, Any]) -> str:
    agents = ", ".join(decision["agents"])
    name = decision["name"]
    text = f"{decision['destination']} ({name})" if name else str(decision["destination"])
    return f"agents {agents}" if agents else text


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}")


def _try(service: Service, document: dict[str, Any], days: int) -> dict[str, Any]:
    body = {"document": document, "days": days}
    trial: dict[str, Any] = service.send("POST", path_of("rules", "test"), body)
    return trial


def _publish(service: Service, version: int) -> None:
    done = service.send("POST", path_of("rules", "versions", str(version), "publish"), {})
    print_line(f"version {done['version']} is in force, and was {done['before']} before")


def _read(desk: Desk, file: Path) -> dict[str, Any]:
    """Read rules from a file."""
    try:
        document = json.loads((desk.folder / file).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CommandError(f"FILE: {error.strerror}: {file}", USAGE) from error
    except ValueError as error:
        raise PayloadError("FILE", f"JSON: {error}") from error
    if not isinstance(document, dict):
        raise PayloadError("FILE", "an object, as `rules show` prints it")
    return document
