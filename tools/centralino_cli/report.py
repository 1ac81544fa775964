"""`report data-quality`: what of the tenant's data somebody should look at."""

# Typer reads the annotations at run time.
from enum import StrEnum
from typing import Annotated, Any

import typer

from centralino_cli.desk import find_desk, say
from centralino_cli.options import AsJson, Key, Url
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_table

app = typer.Typer(help="Reports on the tenant's data.", no_args_is_help=True)
SHOWN_CONTACTS = 3


class Kind(StrEnum):
    """What may be found."""

    unindexable = "unindexable"
    crowded = "crowded"
    duplicate = "duplicate"
    unknown_caller = "unknown_caller"


@app.callback()
def report() -> None:
    """Group the reports, of which there may be more."""


@app.command("data-quality")
def data_quality(
    context: typer.Context,
    kind: Annotated[Kind | None, typer.Option(help="Findings of this kind alone.")] = None,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List numbers that no call can match, crowded ones, duplicates, and unknown repeat callers."""
    findings: list[dict[str, Any]] = []
    examined = 0
    query = {"kind": kind.value} if kind else {}
    with find_desk(context).service(url, key) as service:
        while True:
            part = service.get(path_of("reports", "data-quality"), query)
            findings += part["findings"]
            examined += part["examined"]
            if not part["cursor"]:
                break
            query["cursor"] = part["cursor"]
    if as_json:
        print_json(findings)
        return
    if findings:
        rows = [_row(finding) for finding in findings]
        print_table(("what", "number", "contacts", "why"), rows)
    count = len(findings) or "nothing"
    say(f"{count} to look at, in {examined} contacts")


def _row(finding: dict[str, Any]) -> tuple[str, str, str, str]:
    why = {
        "unindexable": finding["problem"],
        "crowded": f"{finding['total']} contacts have it",
        "duplicate": "in several sources",
        "unknown_caller": f"called {finding['calls']} times, last on {_day(finding)}",
    }
    contacts = finding["contacts"][:SHOWN_CONTACTS]
    more = len(finding["contacts"]) - len(contacts)
    shown = " ".join(contacts) + (f" +{more}" if more else "")
    return finding["kind"], finding["number"], shown, why[finding["kind"]]


def _day(finding: dict[str, Any]) -> str:
    return (finding["last_at"] or "")[:10]
