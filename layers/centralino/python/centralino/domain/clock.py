"""The tenant's own time, without the library of time zones: a caller would wait for its import.

A zone comes compiled (`application/compile_schedules.py`): `(from, offset)` pairs in order, both
in seconds, the first from 0. An offset holds from its instant on until the next pair's.
"""

from __future__ import annotations

from bisect import bisect_right
from time import gmtime

from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY_S = 86_400
# From 0000-03-01, which `day_number` counts from, to 1970-01-01.
_EPOCH = 719_469
_MARCH = 3


class LocalTime(NamedTuple):
    """An instant as the clock on the tenant's wall shows it.

    Attributes:
        date: `YYYY-MM-DD`.
        time: `HH:MM`.
        weekday: 1 (Monday) to 7.
        hour: 0 to 23.
        minute_of_day: 0 to 1439.
        offset_s: ahead of UTC, seconds.
    """

    date: str
    time: str
    weekday: int
    hour: int
    minute_of_day: int
    offset_s: int


def local(zone: Sequence[Sequence[int]], now_s: float) -> LocalTime:
    """Return an instant in a zone.

    Args:
        zone: the compiled zone; beyond its last pair that pair's offset goes on.
        now_s: seconds since 1970, not negative.
    """
    place = bisect_right(zone, now_s, key=_begins) - 1
    offset = zone[max(place, 0)][1]
    year, month, day, hour, minute, _, weekday, _, _ = gmtime(now_s + offset)
    return LocalTime(
        f"{year:04}-{month:02}-{day:02}",
        f"{hour:02}:{minute:02}",
        weekday + 1,
        hour,
        60 * hour + minute,
        offset,
    )


def day_number(date: str) -> int:
    """Return how many days after 1970-01-01 a date is.

    Args:
        date: `YYYY-MM-DD`; more may follow.
    """
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:10])
    # A year that begins in March has its leap day at the end.
    if month < _MARCH:
        year -= 1
        month += 12
    leap_days = year // 4 - year // 100 + year // 400
    return 365 * year + leap_days + (153 * (month - _MARCH) + 2) // 5 + day - _EPOCH


def date_of(day: int) -> str:
    """Return the date, `YYYY-MM-DD`, that is some days after 1970-01-01."""
    year, month, day_of_month, *_ = gmtime(day * DAY_S)
    return f"{year:04}-{month:02}-{day_of_month:02}"


def days_between(first: str, last: str) -> int:
    """Return how many days a date is after another one; negative if it is before.

    Args:
        first: `YYYY-MM-DD`.
        last: the same.
    """
    return day_number(last) - day_number(first)


def _begins(pair: Sequence[int]) -> int:
    return pair[0]
