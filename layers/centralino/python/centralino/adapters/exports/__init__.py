"""Contact exports of CRMs and address books: a file here is a kind of export that we recognise.

Each has `NAME` for people, `MARKS` (a file is of that kind if its header holds all columns of one
of these sets) and `COLUMNS`. Columns are in lower case; JSON records are flattened to such names:
`account.name`, `phonenumbers.0.value`.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from centralino.application.map_row import RowMap


class Export(NamedTuple):
    """A kind of export.

    Attributes:
        name: as its maker spells it.
        marks: sets of columns, any of which tells it from the others.
        columns: which column is what.
    """

    name: str
    marks: tuple[frozenset[str], ...]
    columns: RowMap


@cache
def known_exports() -> Mapping[str, Export]:
    """Return the kinds of export that there are, by their files' names."""
    exports = {}
    for found in pkgutil.iter_modules(__path__):
        module = import_module(f"{__name__}.{found.name}")
        marks = tuple(frozenset(mark) for mark in module.MARKS)
        exports[found.name] = Export(module.NAME, marks, module.COLUMNS)
    return exports


def recognise(header: Collection[str]) -> Export | None:
    """Return the kind of export that a file is by its columns; None if it is none of ours.

    Args:
        header: its columns, in lower case.
    """
    columns = set(header)
    found = [
        (len(mark), export)
        for export in known_exports().values()
        for mark in export.marks
        if mark <= columns
    ]
    # The more columns a mark has the less it is chance.
    return max(found, key=lambda match: match[0])[1] if found else None
