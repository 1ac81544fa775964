"""Reading an export: which encoding, which delimiter, CSV or JSON; row by row, never as a whole."""

from __future__ import annotations

import codecs
import csv
import json
import re
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from centralino.application.csv_rows import MAX_CELL, csv_rows, plain_column
from centralino.application.import_contacts import Row
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_CHUNK = 1 << 16
# One record of a JSON file, in characters.
_MAX_RECORD = 1 << 24
_DELIMITERS = ",;\t|"
# Under which name an API's answer has its records: Salesforce, HubSpot, Graph, Google, Odoo.
_LISTS = ("records", "results", "value", "connections", "result", "data")
# How many records of a JSON file are looked at for its columns: empty fields are often left out.
_LOOKED_AT = 50
_DEPTH = 6
_JSON_SPACES = frozenset(" \t\r\n\ufeff")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ExportFile(NamedTuple):
    """A file that is open for reading.

    Attributes:
        encoding: as Python names it.
        delimiter: between cells; empty for JSON.
        header: the columns as they are spelled, as many as `Row.original` has; for JSON one.
        columns: the columns in lower case, as `Row.cells` has them.
        rows: the rows, to be read once.
        position: how many bytes were read so far.
    """

    encoding: str
    delimiter: str
    header: Sequence[str]
    columns: Sequence[str]
    rows: Iterator[Row]
    position: Callable[[], int]


@contextmanager
def open_export(path: Path, encoding: str = "") -> Iterator[ExportFile]:
    """Open an export and read its header.

    Args:
        path: CSV (comma, semicolon, tab or bar) or JSON (a list, records one a line, or an API's
            answers).
        encoding: if it is known; else it is found out.

    Raises:
        PayloadError: it is none of these, or not in that encoding; also while rows are read.
        OSError: it can't be read.
    """
    encoding = encoding or find_encoding(path)
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise PayloadError("--encoding", "an encoding, as utf-8 or cp1252") from error
    # `newline=""`: the csv module wants line ends as they are, those inside cells too.
    with path.open("rb") as raw, TextIOWrapper(raw, encoding, newline="") as text:
        try:
            start = text.read(_CHUNK).lstrip("\ufeff \t\r\n")
            text.seek(0)
            if start[:1] in ("[", "{"):
                yield _open_json(text, encoding, raw.tell)
            else:
                yield _open_csv(text, start, encoding, raw.tell)
        except UnicodeError as error:
            expected = f"text in {encoding}; say --encoding if it is in another"
            raise PayloadError(path.name, expected) from error
        except csv.Error as error:
            raise PayloadError(path.name, f"CSV: {error}; is a quote never closed?") from error


def find_encoding(path: Path) -> str:
    """Return a file's encoding: what its first bytes say, UTF-8 if all of it is, else cp1252."""
    with path.open("rb") as file:
        start = file.read(_CHUNK)
        for bom, encoding in _BOMS:
            if start.startswith(bom):
                return encoding
        # A header begins with a Latin letter, and one of its two bytes is a zero.
        if start[1:2] == b"\0":
            return "utf-16-le"
        if start[:1] == b"\0":
            return "utf-16-be"
        return next(name for name in ("utf-8", "cp1252", "latin-1") if _is_in(file, name))


def _is_in(file: IO[bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


# --- CSV ------------------------------------------------------------------------------------------


def _open_csv(
    text: TextIOWrapper, start: str, encoding: str, position: Callable[[], int]
) -> ExportFile:
    csv.field_size_limit(MAX_CELL)
    first = _QUOTED.sub("", start).partition("\n")[0].rstrip("\r")
    # Excel can be told which delimiter it is: https://support.microsoft.com, "sep=".
    said = first[4:5] if first.lower().startswith("sep=") else ""
    if said:
        text.readline()
    delimiter = said or max(_DELIMITERS, key=first.count)
    numbered = enumerate(csv.reader(text, delimiter=delimiter), 2 if said else 1)
    header = next((cells for _, cells in numbered if any(map(str.strip, cells))), [])
    columns = [plain_column(column) for column in header]
    if not any(columns):
        raise PayloadError("file", "CSV with a header, or JSON; it is empty")
    return ExportFile(encoding, delimiter, header, columns, csv_rows(numbered, columns), position)


# --- JSON -----------------------------------------------------------------------------------------


def _open_json(text: TextIOWrapper, encoding: str, position: Callable[[], int]) -> ExportFile:
    rows = (_json_row(number, record) for number, record in enumerate(_Json(text).records(), 1))
    first = list(islice(rows, _LOOKED_AT))
    if not first:
        raise PayloadError("file", "JSON with records; there are none")
    columns = list(dict.fromkeys(chain.from_iterable(row.cells for row in first)))
    return ExportFile(encoding, "", ("record",), columns, chain(first, rows), position)


def _json_row(number: int, record: object) -> Row:
    original = (json.dumps(record, ensure_ascii=False),)
    if not isinstance(record, dict):
        return Row(number, {}, original, "record: expected a JSON object")
    return Row(number, dict(_flat(record)), original)


def _flat(record: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Flatten a record to column -> text: `account.name`, `phonenumbers.0.value`.

    A list of texts is one cell as well, separated by `;`.
    """
    for key, value in record.items():
        name = f"{before}{plain_column(str(key))}"
        if isinstance(value, list):
            if value and all(isinstance(entry, str) for entry in value):
                yield name, ";".join(value)
            value = {str(place): entry for place, entry in enumerate(value)}  # noqa: PLW2901
        if isinstance(value, dict):
            if depth < _DEPTH:
                yield from _flat(value, f"{name}.", depth + 1)
        elif value is True:
            yield name, "true"
        elif value is not None and value is not False:
            yield name, str(value)
        else:
            yield name, ""


class _Json:
    """Reads records from JSON one after the other, however they are wrapped."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._at = 0
        self._found = 0

    def records(self) -> Iterator[object]:
        """Return the records of a list, of an API's answer, or one after the other."""
        while self._peek():
            yield from self._part()

    def _part(self) -> Iterator[object]:
        if self._peek() == "[":
            yield from self._list()
        elif self._peek() == "{":
            yield from self._object()
        else:
            self._fail()

    def _list(self) -> Iterator[object]:
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            yield self._value()
            if self._take(",]") == "]":
                return

    def _object(self) -> Iterator[object]:
        """Return the records that an object wraps; if it wraps none it is one."""
        self._take("{")
        fields: dict[str, object] = {}
        wraps = False
        while self._peek() != "}":
            key = self._value()
            self._take(":")
            if key in _LISTS and self._peek() in ("[", "{"):
                wraps = True
                yield from self._part()
            else:
                fields[str(key)] = self._value()
            if self._peek() == ",":
                self._take(",")
        self._take("}")
        if fields and not wraps:
            yield fields

    def _value(self) -> object:
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except ValueError:
                if len(self._buffer) - self._at > _MAX_RECORD or not self._more():
                    self._fail()
            else:
                # At the end of what was read, half a number looks like a whole one.
                ends = end < len(self._buffer)
                read = end - self._at
                if ends or not self._more():
                    self._at += read
                    self._found += 1
                    return value

    def _peek(self) -> str:
        """Skip spaces and return the next character, nothing at the end."""
        while True:
            while self._buffer[self._at : self._at + 1] in _JSON_SPACES:
                self._at += 1
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def _take(self, expected: str) -> str:
        found = self._peek()
        if not found or found not in expected:
            self._fail()
        self._at += 1
        return found

    def _more(self) -> bool:
        """Read on; twice as much each time for as long as a value does not end."""
        chunk = self._text.read(max(_CHUNK, len(self._buffer) - self._at))
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _fail(self) -> NoReturn:
        near = self._buffer[self._at : self._at + 20]
        raise PayloadError("file", f"JSON; it breaks off after {self._found} values, near {near!r}")
