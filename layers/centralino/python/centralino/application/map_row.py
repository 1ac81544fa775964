"""Map one row of an export to a contact."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from centralino.domain.contact import MAX_NUMBERS, Contact, ContactNumber
from centralino.domain.errors import PayloadError
from centralino.domain.moments import from_milliseconds, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_NUMBER = 64  # characters; what is longer is a note, and the admin API takes no more either
# What a spreadsheet makes of a number that it takes for an amount: its last digits are gone.
_MANGLED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
# What a spreadsheet is told so that it leaves a number alone: ="+39…" and '+39…, whatever quotes
# somebody's editor made of these.
_APOSTROPHES = "'\u2019"
_QUOTED = re.compile(
    f'=["\u201c\u201d\u00ab](.*)["\u201c\u201d\u00bb]|[{_APOSTROPHES}](.*)', re.DOTALL
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_DATE = re.compile(
    r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}),?"
    r"(?:\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([AaPp])?\.?[Mm]?\.?)?",
    re.ASCII,
)
_COUNT_DIGITS = 10
_EARLIEST_MS = 10**11  # 1973, in milliseconds; a smaller count is of seconds
# Clocks differ, and a time without a zone may be up to 14 hours off; a day that was read as a
# month is off by more.
_AHEAD = timedelta(days=1)
_NOON = 12


class NumberColumn(NamedTuple):
    """A column that holds numbers.

    Attributes:
        name: the column's header, in lower case.
        kind: the numbers' kind (`domain/contact.py`).
        primary: whether its first number is the one to dial, if nothing before it says so.
    """

    name: str
    kind: str = "other"
    primary: bool = False


class TimeColumn(NamedTuple):
    """A column that holds a date and time.

    Attributes:
        name: the column's header, in lower case.
        day_first: whether 03/04/2026 is in April there; exports write dates as people of the
            header's language do.
    """

    name: str
    day_first: bool = False


class RowMap(NamedTuple):
    """Which column of a row is what.

    Names of columns are in lower case; of several the first that is not empty counts.

    Attributes:
        source: the source's name, the first part of the contacts' ids.
        record_id: what identifies the row at its source.
        first_name: the given name.
        last_name: the family name.
        full_name: the whole name, where the two above are empty.
        company: the company.
        numbers: the columns with numbers.
        modified: when the row changed at its source.
        customer_code: the customer code; what has neither letter nor digit is none.
        owner: who looks after the contact.
        tags: tags, separated as `separator` says or by commas and semicolons.
        status: the customer's status.
        url: the record's page.
        separator: what separates several values in one cell, beside a new line; may be empty.
        prepare: changes the row before it is mapped, for what a table of columns can't say.
    """

    source: str
    record_id: Sequence[str] = ()
    first_name: Sequence[str] = ()
    last_name: Sequence[str] = ()
    full_name: Sequence[str] = ()
    company: Sequence[str] = ()
    numbers: Sequence[NumberColumn] = ()
    modified: Sequence[TimeColumn] = ()
    customer_code: Sequence[str] = ()
    owner: Sequence[str] = ()
    tags: Sequence[str] = ()
    status: Sequence[str] = ()
    url: Sequence[str] = ()
    separator: str = ""
    prepare: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None


class Calendar(NamedTuple):
    """How times in the rows are read.

    Attributes:
        now: the present; what lies ahead of it was not read as it was meant.
        zone: of times that name none.
        day_first: what 03/04/2026 means; None for what is usual in the header's language.
    """

    now: datetime
    zone: tzinfo = UTC
    day_first: bool | None = None


class MappedRow(NamedTuple):
    """What a row says.

    Attributes:
        contact: its numbers not yet indexed.
        made_up_id: whether the row has no record id, so that the contact's is made up.
    """

    contact: Contact
    made_up_id: bool


def map_row(row: Mapping[str, str], columns: RowMap, calendar: Calendar) -> MappedRow:
    """Build a contact from a row.

    A row without a modified time has version 1: it is written when its content differs from what
    is stored at version 1, and never over something that is known to be newer. A row without a
    record id gets one from its names and e-mail address.

    Args:
        row: column -> text, the columns in lower case.
        columns: which column is what.
        calendar: how times are read.

    Raises:
        PayloadError: the row says nothing of anybody, or a cell can't be what it has to be.
    """
    if columns.prepare:
        row = columns.prepare(row)

    def pick(names: Sequence[str]) -> str:
        for name in names:
            if (cell := row.get(name)) and (text := _one_line(cell)):
                return text
        return ""

    first, last = pick(columns.first_name), pick(columns.last_name)
    if not first and not last:
        last = pick(columns.full_name)
    company = pick(columns.company)
    if not (first or last or company):
        raise PayloadError("row", "a name or a company")
    modified = _modified_ms(row, columns, calendar)
    record = pick(columns.record_id)
    return MappedRow(
        Contact(
            id=f"{columns.source}:{record or _made_up_id(first, last, company, row)}",
            version=modified or 1,
            first_name=first,
            last_name=last,
            company=company,
            numbers=_numbers(row, columns),
            customer_code=next(
                (code for name in columns.customer_code if _is_code(code := pick((name,)))), ""
            ),
            owner=pick(columns.owner),
            tags=tuple(_split(pick(columns.tags), columns.separator or ",;")),
            status=pick(columns.status),
            url=pick(columns.url),
            updated_at_ms=modified,
        ),
        made_up_id=not record,
    )


def _numbers(row: Mapping[str, str], columns: RowMap) -> tuple[ContactNumber, ...]:
    numbers: dict[str, ContactNumber] = {}
    primary = False
    for column in columns.numbers:
        if not (cell := row.get(column.name)):
            continue
        for line in cell.splitlines():
            for part in _split(line, columns.separator):
                number = _one_line(part)
                if not number or number in numbers:
                    continue
                _check_number(column.name, number)
                numbers[number] = ContactNumber(number, column.kind, column.primary and not primary)
                primary = primary or column.primary
    if len(numbers) > MAX_NUMBERS:
        raise PayloadError("numbers", f"at most {MAX_NUMBERS}")
    return tuple(numbers.values())


def _check_number(column: str, number: str) -> None:
    if _MANGLED.fullmatch(number):
        raise PayloadError(
            column,
            f"a number, not {number}: a spreadsheet has rounded it and lost its last digits; "
            "export it again and open it as text",
        )
    if len(number) > MAX_NUMBER:
        raise PayloadError(column, f"a number of at most {MAX_NUMBER} characters")


def _one_line(cell: str) -> str:
    """Return what a cell says: no spreadsheet's quoting, no control characters, one line."""
    text = _CONTROL.sub(" ", cell).strip() if not cell.isalnum() else cell
    if text[:1] in f"={_APOSTROPHES}" and (quoted := _QUOTED.fullmatch(text)):
        text = (quoted[1] if quoted[1] is not None else quoted[2]).strip()
    return text


def _split(text: str, separators: str) -> list[str]:
    """Split a text at any of some characters; of three equal ones (Google's) at all three."""
    if not separators or not text:
        return [text] if text else []
    if len(set(separators)) == 1:
        parts = text.split(separators)
    else:
        parts = re.split(f"[{re.escape(separators)}]", text)
    return [stripped for part in parts if (stripped := part.strip())]


def _modified_ms(row: Mapping[str, str], columns: RowMap, calendar: Calendar) -> int:
    """Return when the row changed, milliseconds since 1970; 0 if it does not say."""
    for column in columns.modified:
        text = _one_line(row.get(column.name, ""))
        if not text:
            continue
        try:
            at = _read_time(text, column, calendar)
            if at > calendar.now + _AHEAD:
                raise PayloadError(
                    column.name, f"a time that has been, not {text[:40]}: is its day its month?"
                )
            milliseconds = to_milliseconds(at)
        except (ValueError, OverflowError, OSError) as error:
            expected = f"a date and time, not {text[:40]!r}"
            raise PayloadError(column.name, expected) from error
        if milliseconds <= 0:
            raise PayloadError(column.name, f"a time after 1970, not {text[:40]}")
        return milliseconds
    return 0


def _read_time(text: str, column: TimeColumn, calendar: Calendar) -> datetime:
    """Read a time: a count of seconds or milliseconds, ISO 8601, or as people write it."""
    if text.isascii() and text.isdigit() and len(text) >= _COUNT_DIGITS:
        count = int(text)
        return from_milliseconds(count if count >= _EARLIEST_MS else count * 1000)
    if match := _DATE.fullmatch(text):
        at = _written_time(match, column, calendar)
    else:
        at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=calendar.zone)


def _written_time(match: re.Match[str], column: TimeColumn, calendar: Calendar) -> datetime:
    day_first = column.day_first if calendar.day_first is None else calendar.day_first
    day, month = (match[1], match[2]) if day_first else (match[2], match[1])
    if int(month) > _NOON >= int(day):
        order = "month" if day_first else "day"
        raise PayloadError(
            column.name,
            f"{'day/month' if day_first else 'month/day'}, not {match[0]}: try --{order}-first",
        )
    hour = int(match[4] or 0)
    if match[7]:
        hour = hour % _NOON + (_NOON if match[7] in "pP" else 0)
    minute, second = int(match[5] or 0), int(match[6] or 0)
    return datetime(int(match[3]), int(month), int(day), hour, minute, second)  # noqa: DTZ001 - the caller knows the zone


def _is_code(text: str) -> bool:
    """Tell a customer code from what fills an empty field: Odoo writes `/` for "no VAT number"."""
    return any(character.isalnum() for character in text)


def _made_up_id(first: str, last: str, company: str, row: Mapping[str, str]) -> str:
    mail = next((row[name] for name in sorted(row) if _is_mail(name, row[name])), "")
    seen = "\n".join(" ".join(text.split()).casefold() for text in (first, last, company, mail))
    return hashlib.blake2b(seen.encode(), digest_size=8).hexdigest()


def _is_mail(column: str, text: str) -> bool:
    return "@" in text and ("mail" in column or "posta" in column)
