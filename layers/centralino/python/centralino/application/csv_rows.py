"""Rows of a CSV file, read wherever the file is: on a desk as a whole, in the worker a piece."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from centralino.application.import_contacts import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# One cell in characters: notes are long, but a quote that is never closed would take in the file.
MAX_CELL = 1 << 20


def plain_column(column: str) -> str:
    """Return a column's name as maps of columns have it: lower case, single spaces."""
    return " ".join(column.lstrip("\ufeff").split()).lower()


def csv_rows(
    numbered: Iterable[tuple[int, Sequence[str]]], columns: Sequence[str]
) -> Iterator[Row]:
    """Name the cells of rows; rows without anything in them are left out.

    Args:
        numbered: each row's place in the file, and its cells.
        columns: the file's, in lower case.
    """
    width = len(columns)
    once = len(set(columns)) == width
    for number, cells in numbered:
        if not any(cells):
            continue
        problem = ""
        if len(cells) > width and any(cells[width:]):
            problem = (
                f"row: expected {width} cells as the header has, not {len(cells)}; is there a "
                "delimiter in a cell without quotes?"
            )
        # Spreadsheets leave out what is empty at the end of a row.
        pairs = zip(columns, cells, strict=False)
        named = dict(pairs) if once else _first_of_each(pairs)
        yield Row(number, named, cells, problem)


def piece_rows(text: str, delimiter: str, first_row: int, columns: Sequence[str]) -> Iterator[Row]:
    """Read the rows of a piece of a CSV file that was cut between rows.

    Args:
        text: the piece.
        delimiter: between its cells.
        first_row: the place of the piece's first row in the file.
        columns: the file's, in lower case.

    Raises:
        csv.Error: that is no CSV.
    """
    csv.field_size_limit(MAX_CELL)
    # Lines end where the cutting saw them end.
    reader = csv.reader(StringIO(text, newline="\n"), delimiter=delimiter)
    return csv_rows(enumerate(reader, first_row), columns)


def _first_of_each(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return column -> cell; of several columns of one name the first that is not empty."""
    named: dict[str, str] = {}
    for column, cell in pairs:
        named[column] = named.get(column) or cell
    return named
