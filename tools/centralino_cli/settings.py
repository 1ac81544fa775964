"""`settings get|set`: how numbers are understood and labels look."""

# Typer reads the annotations at run time.
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from centralino.domain.errors import PayloadError
from centralino_cli.desk import USAGE, CommandError, find_desk
from centralino_cli.options import Key, Url
from centralino_cli.service import path_of
from centralino_cli.show import print_json, print_line

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
    for place, name in enumerate(field.split(".") if field else []):
        if not isinstance(value, dict) or name not in value:
            known = ", ".join(value) if isinstance(value, dict) and value else "nothing below it"
            path = ".".join(field.split(".")[: place + 1])
            raise PayloadError(path, f"a field of the settings: {known}")
        value = value[name]
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
    patch = _read_patch(file) if file else {}
    with find_desk(context).service(url, key) as service:
        before = service.get(path_of("settings"))
        for text in change or []:
            _put(patch, text, before)
        # What was read is what is changed, not what somebody else made of it meanwhile.
        patch.setdefault("version", before["version"])
        after = service.send("PATCH", path_of("settings"), patch)
    print_line(f"saved, version {after['version']}")


def _read_patch(file: Path) -> dict[str, Any]:
    try:
        patch = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CommandError(f"--file: {error.strerror}: {file}", USAGE) from error
    except ValueError as error:
        raise PayloadError("--file", f"JSON: {error}") from error
    if not isinstance(patch, dict):
        raise PayloadError("--file", "a JSON object, as `settings get` prints it")
    # What `settings get` prints and nobody can set.
    for field in ("tenant", "block_lengths"):
        patch.pop(field, None)
    return patch


def _put(patch: dict[str, Any], text: str, before: dict[str, Any]) -> None:
    field, equals, value = text.partition("=")
    if not equals or not all(field.split(".")):
        raise PayloadError(text, "FIELD=VALUE, as line.area_code=02")
    *parents, name = field.split(".")
    known: Any = before
    for parent in parents:
        patch = patch.setdefault(parent, {})
        known = known.get(parent) if isinstance(known, dict) else None
        if not isinstance(patch, dict):
            raise PayloadError(field, f"a value for {parent} or for what is below it, not both")
    # A trunk or a DID overrides fields of the line, so they are of the same kinds.
    overrides = before["line"] if parents[:1] in (["trunks"], ["dids"]) else {}
    now = known.get(name) if isinstance(known, dict) and name in known else overrides.get(name, "")
    patch[name] = _value(field, value, now)


def _value(field: str, text: str, now: object) -> Any:  # noqa: ANN401 - JSON
    """Read a value as what the field is now: a text to the letter, all else as JSON."""
    if text == "null":
        return None
    if isinstance(now, str) and not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        expected = {int: "a whole number", float: "a number", list: "a JSON list"}
        raise PayloadError(field, expected.get(type(now), "JSON")) from error
