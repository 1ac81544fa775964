"""`--map`: which column of a file is what, for files that are none of the exports we recognise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from centralino.application.map_row import NumberColumn, RowMap, TimeColumn
from centralino.domain.contact import NUMBER_KINDS
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The field's name on the command line -> in `RowMap`.
_FIELDS = {
    "id": "record_id",
    "first_name": "first_name",
    "last_name": "last_name",
    "full_name": "full_name",
    "company": "company",
    "modified": "modified",
    "customer_code": "customer_code",
    "owner": "owner",
    "tags": "tags",
    "status": "status",
    "url": "url",
}
FIELDS = (*_FIELDS, *NUMBER_KINDS)
DEFAULT_SOURCE = "import"
_SOURCE = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)


def build_map(
    given: Sequence[str], source: str, base: RowMap | None, columns: Sequence[str]
) -> RowMap:
    """Build the map of a file, or add to a recognised export's.

    Args:
        given: `field=Column` each, or the name of a JSON file that holds such pairs; a column in
            the file may be a list of columns.
        source: the source's name; empty for the export's own.
        base: the recognised export's; None for a file that is none.
        columns: the file's columns, in lower case.

    Raises:
        PayloadError: a field or column that there isn't.
    """
    if source and not _SOURCE.fullmatch(source):
        raise PayloadError("--source", "1 to 32 of a-z, 0-9, _ and -")
    result = base or RowMap(DEFAULT_SOURCE)
    if source:
        result = result._replace(source=source)
    # What is said on the command line comes before what is usual.
    said: dict[str, tuple[Any, ...]] = {}
    numbers: list[NumberColumn] = []
    for field, column in _pairs(given):
        if field not in FIELDS:
            raise PayloadError(f"--map {field}", f"one of the fields {', '.join(FIELDS)}")
        name = " ".join(column.split()).lower()
        if name not in columns:
            raise PayloadError(f"--map {field}", f"a column, not {column!r}; {listed(columns)}")
        if field in NUMBER_KINDS:
            numbers.append(NumberColumn(name, field, primary=not numbers))
        else:
            place = _FIELDS[field]
            said[place] = (*said.get(place, ()), TimeColumn(name) if field == "modified" else name)
    changed: dict[str, Any] = {
        place: (*names, *getattr(result, place)) for place, names in said.items()
    }
    taken = {column.name for column in numbers}
    others = (column for column in result.numbers if column.name not in taken)
    return result._replace(**changed, numbers=(*numbers, *others))


def listed(columns: Sequence[str]) -> str:
    """Say which columns a file has."""
    shown = ", ".join(repr(column) for column in columns if column)
    return f"it has {shown[:600]}{' ...' if len(shown) > 600 else ''}"  # noqa: PLR2004 - a screen


def _pairs(given: Sequence[str]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for text in given:
        field, equals, column = text.partition("=")
        if equals:
            pairs.append((field.strip(), column))
        else:
            pairs.extend(_read_pairs(Path(text)))
    return pairs


def _read_pairs(file: Path) -> list[tuple[str, str]]:
    expected = '"field=Column", or a JSON file as {"id": "Code", "mobile": ["Cell", "Cell 2"]}'
    try:
        content: Mapping[str, object] = json.loads(file.read_text(encoding="utf-8-sig"))
        return [
            (field, str(column))
            for field, value in content.items()
            for column in (value if isinstance(value, list) else [value])
        ]
    except (OSError, ValueError, AttributeError) as error:
        raise PayloadError(f"--map {file}", expected) from error
