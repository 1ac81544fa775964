"""`import FILE`: contacts from an export, over the service or straight to the table."""

# Typer reads the annotations at run time.
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from centralino.adapters.exports import Export, known_exports, recognise
from centralino.adapters.store.bulk import DryWriter, ReadOnly, StoreWriter
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.import_contacts import import_contacts
from centralino.application.map_row import Calendar, RowMap
from centralino.domain.errors import NotFoundError, PayloadError
from centralino.domain.settings import read_settings
from centralino.ports.bulk import BulkWriter
from centralino_cli.desk import USAGE, Access, CommandError, Desk, find_desk, say
from centralino_cli.export_file import ExportFile, open_export
from centralino_cli.http_writer import HttpWriter
from centralino_cli.import_map import build_map, listed
from centralino_cli.import_report import OUTCOMES, Report
from centralino_cli.options import AsJson, Key, Table, Url
from centralino_cli.s3_import import Place, find_place, import_via_s3, local_copy, manifest_of
from centralino_cli.service import path_of
from centralino_cli.show import print_fields, print_json

REJECTED = 3
TABLE_THREADS = 8
# The service shares its throttling with the phones' lookups.
SERVICE_THREADS = 2
MAX_THREADS = 64
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "": "JSON"}


class Goal(NamedTuple):
    """Where contacts go: the writers, one for each thread, and how to say it."""

    writers: Sequence[BulkWriter]
    name: str
    dry_says: str = ""


def import_file(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(help="A CSV or JSON export, or s3://BUCKET/KEY.", metavar="FILE")
    ],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN",
            help="Which column is what, or a JSON file that says so; may be repeated. Needed for "
            "a file that is not recognised, and adds to one that is.",
        ),
    ] = None,
    export: Annotated[
        str,
        typer.Option(
            "--from", metavar="PRODUCT", help="Which product's export it is, if not recognised."
        ),
    ] = "",
    source: Annotated[
        str, typer.Option(metavar="NAME", help="The source's name, first part of contacts' ids.")
    ] = "",
    dry_run: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--dry-run", help="Write nothing; say what would be done.")
    ] = False,
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="What 03/04/2026 means in this file."),
    ] = None,
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Of times that name none, as Europe/Rome.")
    ] = "UTC",
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="The file's, if it is not found out rightly.")
    ] = "",
    threads: Annotated[
        int, typer.Option(min=0, max=MAX_THREADS, help="Requests at a time; 0 for the usual.")
    ] = 0,
    url: Url = "",
    key: Key = "",
    table: Table = "",
    tenant: Annotated[
        str, typer.Option(metavar="ID", help="With --table; else CENTRALINO_TENANT.")
    ] = "",
    via_s3: Annotated[  # noqa: FBT002 - an option
        bool,
        typer.Option("--via-s3", help="Let the worker do it, piece by piece; for large files."),
    ] = False,
    wait: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--wait/--no-wait", help="With --via-s3: wait for the worker.")
    ] = True,
    bucket: Annotated[
        str, typer.Option(metavar="NAME", help="With --via-s3; else CENTRALINO_BUCKET.")
    ] = "",
    queue: Annotated[
        str, typer.Option(metavar="URL", help="With --via-s3; else CENTRALINO_QUEUE_URL.")
    ] = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """Import contacts from an export of HubSpot, Odoo, Salesforce, Google Contacts or Outlook.

    With a key it goes through the service; with --table and AWS credentials straight to the
    table, which is faster. Running it again writes nothing that is unchanged. Rejected rows are in
    FILE.rejected.csv, numbers that can't be looked up in FILE.numbers.csv. Exit code 3: some rows
    were rejected.

    With --via-s3, and for a file that lies in S3, the stack's worker does it, so it goes on when
    this machine is off; what was rejected is then in the bucket. Such rows need a record id.
    """
    desk = find_desk(context)
    zone = _zone(timezone)
    calendar = Calendar(datetime.fromtimestamp(desk.now(), UTC), zone, day_first)
    if via_s3 or file.startswith("s3://"):
        if dry_run:
            raise CommandError("--dry-run: a trial reads the file here: leave --via-s3 out", USAGE)
        way = _Way(mapping or [], export, source, timezone, day_first, encoding, wait)
        _through_s3(desk, file, way, find_place(desk, bucket, queue), (table, tenant), as_json)
        return
    path = Path(file)
    with ExitStack() as resources:
        try:
            opened = resources.enter_context(open_export(path, encoding))
        except OSError as error:
            raise CommandError(f"FILE: {error.strerror}: {file}", USAGE) from error
        kind, columns = _columns(opened, mapping or [], export, source)
        goal = _goal(desk, resources, (url, key), (table, tenant), threads, dry=dry_run)
        say(
            f"{path.name}: {kind.name if kind else 'mapped'}, source {columns.source}, "
            f"{opened.encoding}, {_DELIMITER_NAMES.get(opened.delimiter, opened.delimiter)}"
            f"; {'a trial, nothing is written' if dry_run else f'to {goal.name}'}"
        )
        report = resources.enter_context(
            Report(path, opened.header, opened.delimiter, opened.position, dry=dry_run)
        )
        try:
            import_contacts(opened.rows, columns, calendar, goal.writers, report)
        except BaseException:
            done = report.counts.total()
            say(f"stopped after {done} rows; run it again, it goes on with what is missing")
            raise
    _tell(report, goal, dry_run=dry_run, as_json=as_json)
    if report.counts["rejected"]:
        raise typer.Exit(REJECTED)


class _Way(NamedTuple):
    """How a file is to be read, as the options say it."""

    mapping: Sequence[str]
    export: str
    source: str
    zone: str
    day_first: bool | None
    encoding: str
    wait: bool


def _through_s3(  # noqa: PLR0913, PLR0917 - options
    desk: Desk,
    file: str,
    way: _Way,
    place: Place,
    where: tuple[str, str],
    as_json: bool,  # noqa: FBT001 - an option
) -> None:
    """Let the worker import a file."""
    table, tenant = desk.table(where[0]), desk.tenant(where[1])
    if not table:
        raise CommandError("--table or CENTRALINO_TABLE: expected the DynamoDB table's name", USAGE)
    if DynamoTenantStore(desk.client(), table, tenant).settings() is None:
        raise NotFoundError(f"there is no tenant {tenant} in the table {table}")
    with local_copy(place, file, way.encoding) as path, open_export(path, "utf-8") as opened:
        kind, columns = _columns(opened, way.mapping, way.export, way.source)
        exports = known_exports()
        slug = next((name for name, export in exports.items() if export is kind), "")
        manifest = manifest_of(
            opened, slug, columns, zone=way.zone, day_first=way.day_first, now_s=desk.now()
        )
        say(f"{file}: {kind.name if kind else 'mapped'}, source {columns.source}")
        result = import_via_s3(desk, place, tenant, path, opened, manifest, wait=way.wait)
    if as_json:
        print_json(result)
    else:
        names = ("import", "pieces", "sent", *OUTCOMES)
        print_fields(
            [
                *((name, result.get(name) or "") for name in names),
                ("numbers that can't be looked up", result.get("unindexed_numbers") or ""),
                ("rejected rows are in", result.get("rejected_file", "")),
                ("those numbers are in", result.get("numbers_file", "")),
            ]
        )
    if result.get("rejected"):
        raise typer.Exit(REJECTED)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PayloadError("--timezone", "a time zone, as Europe/Rome") from error


def _columns(
    opened: ExportFile, mapping: Sequence[str], export: str, source: str
) -> tuple[Export | None, RowMap]:
    """Find out which column is what.

    Raises:
        PayloadError: nobody says it.
    """
    exports = known_exports()
    if export and export not in exports:
        raise PayloadError("--from", f"one of {', '.join(exports)}")
    kind = exports[export] if export else recognise(opened.columns)
    if kind is None and not mapping:
        names = ", ".join(kind.name for kind in exports.values())
        raise PayloadError(
            "FILE", f"an export of {names}, or --map FIELD=COLUMN; {listed(opened.columns)}"
        )
    return kind, build_map(mapping, source, kind.columns if kind else None, opened.columns)


def _goal(  # noqa: PLR0913 - options
    desk: Desk,
    resources: ExitStack,
    access: tuple[str, str],
    place: tuple[str, str],
    threads: int,
    *,
    dry: bool,
) -> Goal:
    """Decide where it goes: the table if the options say so, else the service, else the table."""
    table, tenant = place
    if not table:
        found = desk.find_access(*access)
        # A local stack that happens to lie in this folder is not meant by who names a table.
        if found and not (found.note and desk.table()):
            return _service_goal(desk, resources, found, threads, dry=dry)
    if not desk.table(table):
        desk.service(*access)  # says what is missing
    tenant = tenant or desk.env.get("CENTRALINO_TENANT", "")
    if not tenant:
        raise CommandError("--tenant or CENTRALINO_TENANT: expected the tenant's id", USAGE)
    return _table_goal(desk, desk.table(table), tenant, threads or TABLE_THREADS, dry=dry)


def _service_goal(
    desk: Desk, resources: ExitStack, access: Access, threads: int, *, dry: bool
) -> Goal:
    service = resources.enter_context(desk.service(access.url, access.key))
    if access.note:
        say(access.note)
    settings = service.get(path_of("settings"))
    line = read_settings(settings["tenant"], settings).line
    name = f"tenant {settings['tenant']} at {access.url}"
    if dry:
        return Goal([DryWriter(line)], name, "could be sent")
    count = threads or SERVICE_THREADS
    return Goal([HttpWriter(service, line, desk.sleep) for _ in range(count)], name)


def _table_goal(desk: Desk, table: str, tenant: str, threads: int, *, dry: bool) -> Goal:
    settings = DynamoTenantStore(desk.client(), table, tenant).settings()
    if settings is None:
        raise NotFoundError(f"there is no tenant {tenant} in the table {table}")
    clients = [ReadOnly(desk.client()) if dry else desk.client() for _ in range(threads)]
    stores = [
        DynamoContactStore(
            client, table, tenant, now=desk.now, block_lengths=settings.block_lengths
        )
        for client in clients
    ]
    writers = [StoreWriter(store, settings.line, desk.sleep) for store in stores]
    return Goal(writers, f"tenant {tenant} in the table {table}")


def _tell(report: Report, goal: Goal, *, dry_run: bool, as_json: bool) -> None:
    result = report.result()
    if as_json:
        print_json({**result, "dry_run": dry_run})
        return
    names = {"checked": goal.dry_says or "checked"}
    print_fields(
        [
            ("rows", result["rows"]),
            *((names.get(name, name), result[name] or "") for name in OUTCOMES),
            ("numbers that can't be looked up", report.numbers or ""),
            ("rejected rows are in", result["rejected_file"]),
            ("those numbers are in", result["numbers_file"]),
        ]
    )
