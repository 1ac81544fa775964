"""Whether a schedule is open: opening hours, special days and holidays, all worked out already.

The compiled form, plain JSON, is made by `application/compile_schedules.py`::

    {
        "week": {"1": [[540, 780], [840, 1080]], ...},   weekday, Monday is 1 -> spans
        "days": {"2026-12-24": [[540, 720]], "2026-08-14": []},   special days -> spans
        "holidays": {"2026": ["01-01", "01-06", ...], ...},   year -> month and day
        "on_holidays": [],   the spans of every holiday
        "until": "2036-12-31",   the last day that special days and holidays are known for
    }

A span is `[from, to]` in minutes of the day on which it begins, `to` not included; over midnight
`to` is beyond 1440. It belongs to the day on which it begins: the night that begins on the eve of a
holiday is open to its end. Minutes are the wall clock's: an hour that clocks go through twice is
open, or closed, both times.
"""

from __future__ import annotations

from centralino.domain.clock import date_of, day_number
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from centralino.domain.clock import LocalTime

DAY_MINUTES = 1440


def open_at(schedule: Mapping[str, Any], local: LocalTime) -> bool:
    """Return whether a schedule is open.

    Args:
        schedule: compiled; what is missing is closed.
        local: the tenant's time.
    """
    minute = local.minute_of_day
    for start, end in _spans(schedule, local.date, local.weekday):
        if start <= minute < end:
            return True
    before = date_of(day_number(local.date) - 1)
    minute += DAY_MINUTES
    for start, end in _spans(schedule, before, local.weekday - 1 or 7):
        if start <= minute < end:
            return True
    return False


def holiday_at(schedule: Mapping[str, Any], local: LocalTime) -> bool:
    """Return whether it is a holiday of a schedule, whatever is open on it."""
    return _is_holiday(schedule, local.date)


def _spans(schedule: Mapping[str, Any], date: str, weekday: int) -> Sequence[Sequence[int]]:
    spans: Sequence[Sequence[int]] | None = schedule.get("days", {}).get(date)
    if spans is None and _is_holiday(schedule, date):
        spans = schedule.get("on_holidays", ())
    if spans is None:
        spans = schedule.get("week", {}).get(str(weekday), ())
    return spans


def _is_holiday(schedule: Mapping[str, Any], date: str) -> bool:
    return date[5:] in schedule.get("holidays", {}).get(date[:4], ())
