"""`customers list|show|set|grant|revoke|extend|ticket|delete|trail|import|recompute`: who pays."""

# Typer reads the annotations at run time.
import csv
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from centralino.application.csv_rows import plain_column
from centralino.application.save_customer import checked_customer
from centralino.domain.customer import STATUSES, Customer, Purchase, normal_code
from centralino.domain.errors import PayloadError
from centralino_cli.desk import USAGE, CommandError, find_desk, say
from centralino_cli.options import AsJson, Key, Url
from centralino_cli.service import Service, ServiceError, path_of
from centralino_cli.show import print_fields, print_json, print_line, print_table

app = typer.Typer(help="Say who pays for what, and until when.", no_args_is_help=True)
REJECTED = 3
COLUMNS = (
    "code",
    "name",
    "status",
    "valid_until",
    "plan",
    "tags",
    "purchases",
    "owner",
    "priority",
    "language",
)
_ABSENT, _CONFLICT, _BUSY = 404, 409, 429
_FAILED = 500
# What the service says of a customer and does not take.
_TOLD = ("code", "status_now", "ends_at", "updated_at")

Code = Annotated[str, typer.Argument(help="The customer code, in any spelling.")]
Reason = Annotated[str, typer.Option(help="For the audit trail.")]
Until = Annotated[
    str,
    typer.Option(
        help="A day, covered whole (2026-12-31), or a time with its offset.", metavar="WHEN"
    ),
]
Status = StrEnum("Status", {status: status for status in STATUSES})  # type: ignore[misc]


@app.command("list")
def list_customers(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the customers, by code."""
    with find_desk(context).service(url, key) as service:
        found = sorted(_all(service, "customers"), key=lambda one: str(one["code"]))
    if as_json:
        print_json(found)
        return
    rows = [
        [one["code"], one["name"], one["status_now"], one["valid_until"], one["plan"], one["owner"]]
        for one in found
    ]
    print_table(["CODE", "NAME", "STATUS", "UNTIL", "PLAN", "OWNER"], rows)


@app.command("show")
def show_customer(
    context: typer.Context,
    code: Code,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Print a customer, with the numbers that were learned."""
    with find_desk(context).service(url, key) as service:
        customer = service.get(path_of("customers", code))
        numbers = service.get(path_of("customers", code, "numbers"))["associations"]
    if as_json:
        print_json({**customer, "numbers": numbers})
        return
    bought = [f"{one['what']} {one['on']}" for one in customer["purchases"]]
    lists = {"tags": ", ".join(customer["tags"]), "purchases": ", ".join(bought)}
    learned = ", ".join(one["number"] for one in numbers if not one["expired"])
    print_fields([*{**customer, **lists}.items(), ("numbers", learned)])


@app.command("set")
def set_customer(  # noqa: PLR0913, PLR0917 - what a customer is made of
    context: typer.Context,
    code: Code,
    name: Annotated[str | None, typer.Option(help="To be shown.")] = None,
    status: Annotated[Status | None, typer.Option(help="What it is.")] = None,
    until: Annotated[str | None, typer.Option(help="As for grant.", metavar="WHEN")] = None,
    plan: Annotated[str | None, typer.Option(help="What the contract is called.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    bought: Annotated[
        list[str] | None,
        typer.Option(help="A purchase, as truck@2026-01-31; may be repeated.", metavar="WHAT@DAY"),
    ] = None,
    owner: Annotated[str | None, typer.Option(help="The dedicated agent's extension.")] = None,
    priority: Annotated[int | None, typer.Option(help="The higher the sooner answered.")] = None,
    language: Annotated[str | None, typer.Option(help="Two letters, as it.")] = None,
    reason: Reason = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Create a customer, or change what is given of one; the next call sees it."""
    given: dict[str, Any] = {
        "name": name,
        "status": status.value if status else None,
        "valid_until": until,
        "plan": plan,
        "tags": tag,
        "purchases": [_purchase(text, "--bought") for text in bought] if bought else None,
        "owner": owner,
        "priority": priority,
        "language": language,
    }
    change = {field: value for field, value in given.items() if value is not None}
    with find_desk(context).service(url, key) as service:
        path = path_of("customers", code)
        try:
            there = service.get(path)
        except ServiceError as error:
            if error.status != _ABSENT:
                raise
            there = {"version": 0}
        body = {field: value for field, value in there.items() if field not in _TOLD}
        saved = service.send("PUT", path, {**body, **change, "note": reason})
    say(f"{saved['code']} is {_words(saved)}")


@app.command("grant")
def grant(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    code: Code,
    until: Until = "",
    reason: Reason = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Make a customer active, until then or without an end; the next call sees it."""
    _change_access(context, code, {"action": "grant", "until": until, "reason": reason}, url, key)


@app.command("revoke")
def revoke(
    context: typer.Context, code: Code, reason: Reason = "", url: Url = "", key: Key = ""
) -> None:
    """Suspend a customer at once; the next call sees it."""
    _change_access(context, code, {"action": "revoke", "reason": reason}, url, key)


@app.command("extend")
def extend(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    code: Code,
    until: Until,
    reason: Reason = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Move the end of a contract that is active or has run out."""
    _change_access(context, code, {"action": "extend", "until": until, "reason": reason}, url, key)


@app.command("ticket")
def ticket(
    context: typer.Context,
    code: Code,
    number: Annotated[
        str, typer.Argument(metavar="[TICKET]", help="In your helpdesk; left out: none is open.")
    ] = "",
    url: Url = "",
    key: Key = "",
) -> None:
    """Note a customer's open ticket, or that there is none; rules see it as history.ticket."""
    with find_desk(context).service(url, key) as service:
        service.send("PUT", path_of("customers", code, "ticket"), {"ticket": number})
    say(f"ticket {number} is open" if number else "no ticket is open")


@app.command("delete")
def delete_customer(context: typer.Context, code: Code, url: Url = "", key: Key = "") -> None:
    """Delete a customer, its learned numbers and its history; the audit trail stays 2 years."""
    with find_desk(context).service(url, key) as service:
        service.send("DELETE", path_of("customers", code))
    say(f"deleted {normal_code(code)}")


@app.command("trail")
def show_trail(
    context: typer.Context,
    code: Code,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Print who changed what of a customer, the newest change first."""
    with find_desk(context).service(url, key) as service:
        changes = service.get(path_of("customers", code, "trail"))["changes"]
    if as_json:
        print_json(changes)
        return
    rows = [
        [one["at"][:19], one["who"], one["what"], one["before"], one["after"], one["note"]]
        for one in changes
    ]
    print_table(["AT (UTC)", "WHO", "WHAT", "FROM", "TO", "NOTE"], rows)


@app.command("import")
def import_customers(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 whose header names the fields.")],
    dry_run: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--dry-run", help="Only say what is wrong with the file.")
    ] = False,
    rejected: Annotated[
        Path | None, typer.Option(help="Where rejected rows go; else FILE.rejected.csv.")
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Save the customers in a CSV file; each row replaces what is stored of that customer.

    Rows that can't be saved go to a file of their own, with the reason in the column `problem`, and
    the exit code is 3.
    """
    rows = _rows(file)
    bad: list[tuple[dict[str, str], str]] = []
    saved = 0
    with find_desk(context).service(url, key) as service:
        for row in rows:
            try:
                body = _body(row)
                if not dry_run:
                    service.send("PUT", path_of("customers", row["code"]), body)
                saved += 1
            except PayloadError as error:
                bad.append((row, str(error)))
            except ServiceError as error:
                # What fails for every row is no row's fault.
                if error.status in (0, 401, 403, _BUSY) or error.status >= _FAILED:
                    raise
                bad.append((row, str(error)))
    if bad:
        place = rejected or file.with_name(f"{file.name}.rejected.csv")
        _write_rejected(place, bad)
        say(f"{len(bad)} rows were rejected: {place}")
    print_line(f"{saved} customers {'are fine' if dry_run else 'saved'}")
    if bad:
        raise typer.Exit(REJECTED)


@app.command("recompute")
def recompute(context: typer.Context, url: Url = "", key: Key = "") -> None:
    """Work out anew when contracts end that end on a day: for after a change of the time zone."""
    with find_desk(context).service(url, key) as service:
        dated = [one for one in _all(service, "customers") if one["valid_until"]]
        moved = sum(_recomputed(service, one) for one in dated)
    print_line(f"{moved} contracts end at another moment, of {len(dated)} that end")


def _recomputed(service: Service, customer: dict[str, Any]) -> bool:
    """Save a customer as it is stored, contract and all; returns whether its end has moved."""
    path = path_of("customers", customer["code"])
    untold = (*_TOLD, "status", "valid_until")
    while True:
        body = {field: value for field, value in customer.items() if field not in untold}
        try:
            saved = service.send("PUT", path, {**body, "note": "recomputed"})
            return bool(saved["ends_at"] != customer["ends_at"])
        except ServiceError as error:
            if error.status != _CONFLICT:
                raise
        try:
            customer = service.get(path)
        except ServiceError as error:
            if error.status != _ABSENT:
                raise
            return False


def _change_access(
    context: typer.Context, code: str, body: dict[str, str], url: str, key: str
) -> None:
    with find_desk(context).service(url, key) as service:
        customer = service.send("POST", path_of("customers", code, "access"), body)
    say(f"{customer['code']} is {_words(customer)}")


def _words(customer: dict[str, Any]) -> str:
    until = f" until {customer['valid_until']}" if customer["valid_until"] else ""
    return f"{customer['status_now']}{until}"


def _all(service: Service, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        query = {"limit": "100", **({"cursor": cursor} if cursor else {})}
        page = service.get(path_of(what), query)
        found += page[what]
        cursor = page["cursor"]
        if not cursor:
            return found


def _rows(file: Path) -> list[dict[str, str]]:
    text = file.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    header = [plain_column(column).replace(" ", "_") for column in next(reader, [])]
    unknown = [column for column in header if column not in COLUMNS]
    if "code" not in header or unknown:
        known = ", ".join(COLUMNS)
        raise CommandError(f"{file}: expected the columns code and, of these, {known}", USAGE)
    return [dict(zip(header, cells, strict=False)) for cells in reader if any(cells)]


def _body(row: dict[str, str]) -> dict[str, Any]:
    """Return a row as the API takes it.

    Raises:
        PayloadError: a cell is not what it has to be.
    """
    cells = {name: cell.strip() for name, cell in row.items()}
    priority = cells.get("priority", "") or "0"
    if not priority.lstrip("-").isdecimal():
        raise PayloadError("priority", "a whole number")
    tags = [tag.strip() for tag in cells.get("tags", "").split("|") if tag.strip()]
    bought = [
        _purchase(text, "purchases") for text in cells.get("purchases", "").split("|") if text
    ]
    fields: dict[str, Any] = {
        name: cells.get(name, "") for name in ("name", "plan", "owner", "language")
    }
    fields["priority"] = int(priority)
    # What a file doesn't say of a contract changes nothing of it.
    if cells.get("status"):
        fields["status"] = cells["status"]
    if "valid_until" in cells:
        fields["valid_until"] = cells["valid_until"]
    customer = Customer(
        cells.get("code", ""),
        **fields,
        tags=tuple(tags),
        purchases=tuple(Purchase(one["what"], one["on"]) for one in bought),
    )
    # Days are days in every zone.
    checked_customer(customer, "UTC")
    return {**fields, "tags": tags, "purchases": bought, "note": "import"}


def _purchase(text: str, field: str) -> dict[str, str]:
    what, at, day = text.strip().rpartition("@")
    if not at:
        raise PayloadError(field, "WHAT@DAY, as truck@2026-01-31")
    return {"what": what, "on": day}


def _write_rejected(place: Path, bad: list[tuple[dict[str, str], str]]) -> None:
    columns = [*dict.fromkeys(column for row, _ in bad for column in row), "problem"]
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({**row, "problem": problem} for row, problem in bad)
