"""How results are printed: JSON for programs, plain lines and tables for people."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_json(value: Any) -> None:  # noqa: ANN401 - JSON
    """Print a value as JSON that people can read as well."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_line(text: str) -> None:
    """Print a line; what could move a terminal's cursor is left out."""
    typer.echo("".join(c for c in text if unicodedata.category(c) != "Cc"))


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Print names and values, aligned; those without a value are left out."""
    shown = [(name, str(value)) for name, value in fields if value not in ("", None, [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print_line(f"{name:<{width}}  {value}")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the columns aligned by spaces so that other tools can cut it."""
    lines = [list(header), *([cell or "-" for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(header))]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        print_line("  ".join(cells).rstrip())
