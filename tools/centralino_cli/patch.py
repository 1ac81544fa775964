"""`FIELD=VALUE` on the command line, and files with the same: what to change, as a merge patch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from centralino.domain.errors import PayloadError
from centralino_cli.desk import USAGE, CommandError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


def read_object(file: Path, expected: str) -> dict[str, Any]:
    """Read a JSON object from a file.

    Args:
        file: its path.
        expected: what it has to be, for the error.

    Raises:
        CommandError: the file can't be read.
        PayloadError: it is no JSON object.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CommandError(f"--file: {error.strerror}: {file}", USAGE) from error
    except ValueError as error:
        raise PayloadError("--file", f"JSON: {error}") from error
    if not isinstance(content, dict):
        raise PayloadError("--file", expected)
    return content


def put_field(
    patch: dict[str, Any],
    text: str,
    before: Mapping[str, Any],
    *,
    example: str,
    alike: Mapping[str, Any],
) -> None:
    """Put `FIELD=VALUE` into a patch, the value as what the field is now.

    Args:
        patch: the changes so far.
        text: as it was typed, the field with a dot for each level.
        before: all fields as they are.
        example: a change that makes sense here, for the error.
        alike: fields that have the same kinds as those that are not there yet.

    Raises:
        PayloadError: it can't be read, or contradicts the changes so far.
    """
    field, equals, value = text.partition("=")
    if not equals or not all(field.split(".")):
        raise PayloadError(text, f"FIELD=VALUE, as {example}")
    *parents, name = field.split(".")
    known: Any = before
    for parent in parents:
        patch = patch.setdefault(parent, {})
        known = known.get(parent) if isinstance(known, dict) else None
        if not isinstance(patch, dict):
            raise PayloadError(field, f"a value for {parent} or for what is below it, not both")
    now = known.get(name) if isinstance(known, dict) and name in known else alike.get(name, "")
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


def without(content: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return an object without the fields that nobody can set."""
    return {name: value for name, value in content.items() if name not in names}


def field_of(value: Any, field: str, whole: str) -> Any:  # noqa: ANN401 - JSON
    """Return one field of an object, `line.area_code`; all of it for an empty one.

    Args:
        value: the object.
        field: with a dot for each level.
        whole: what the object is, for the error.

    Raises:
        PayloadError: there is no such field.
    """
    names = field.split(".") if field else []
    for place, name in enumerate(names):
        if not isinstance(value, dict) or name not in value:
            known = ", ".join(value) if isinstance(value, dict) and value else "nothing below it"
            raise PayloadError(".".join(names[: place + 1]), f"a field of {whole}: {known}")
        value = value[name]
    return value
