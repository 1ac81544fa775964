"""Work a schedule out when it is saved, so that a call only looks dates up."""

from __future__ import annotations

import re
from itertools import pairwise
from time import gmtime
from typing import TYPE_CHECKING, Any

from centralino.domain.clock import date_of, day_number
from centralino.domain.errors import PayloadError
from centralino.domain.schedule import DAY_MINUTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIELDS = ("open", "days", "holidays", "on_holidays")
# How far special days and holidays are worked out; a year back, since calls are tried again with
# other rules.
YEARS_AHEAD = 10
YEARS_BACK = 1
NO_HOLIDAYS = "none"
MAX_SPANS = 10
MAX_DAYS = 200
MAX_PERIOD = 366

_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEARLY = re.compile(r"\d\d-\d\d", re.ASCII)
_HOLIDAYS = re.compile(r"(?P<country>[A-Z]{2})(-(?P<region>.{1,40}))?")
_SPAN_EXPECTED = "hours as 09:00-13:00; 22:00-06:00 is over midnight, 00:00-24:00 the whole day"
_DAY_EXPECTED = "a date 2026-12-24, one of every year 12-24, or a period 2026-08-10/2026-08-21"
_HOUR = 60
_HOURS = 24


def compile_schedule(
    schedule: Mapping[str, Any], country: str, *, now_s: float, field: str = ""
) -> dict[str, Any]:
    """Compile a schedule; see `domain/schedule.py`.

    Args:
        schedule: as it was written (docs/agents.md): `open` (days -> hours), `days` (special days
            -> hours), `holidays` (`IT`, `IT-BZ`, `none`; empty for `country`) and `on_holidays`.
        country: the tenant's, ISO 3166 alpha-2; one whose holidays nobody knows has none.
        now_s: seconds since 1970: dates are worked out for this year, the one before and the next
            ten.
        field: how the caller spells the schedule's place (`schedules.office`), for the error.

    Raises:
        PayloadError: naming the field.
    """
    at = f"{field}." if field else ""
    unknown = sorted(set(schedule) - set(FIELDS))
    if unknown:
        raise PayloadError(f"{at}{unknown[0]}", f"one of {', '.join(FIELDS)}")
    year = gmtime(now_s).tm_year
    first, last = year - YEARS_BACK, year + YEARS_AHEAD
    found, known = _holidays(schedule.get("holidays", ""), country, first, last, f"{at}holidays")
    return {
        "week": _week(_mapping(schedule, "open", at), f"{at}open"),
        "days": _days(_mapping(schedule, "days", at), first, last, f"{at}days"),
        "holidays": found,
        "on_holidays": _spans(schedule.get("on_holidays", ()), f"{at}on_holidays"),
        "until": f"{known}-12-31",
    }


def _mapping(schedule: Mapping[str, Any], name: str, at: str) -> Mapping[str, Any]:
    value = schedule.get(name, {})
    if not isinstance(value, dict):
        raise PayloadError(f"{at}{name}", "an object of days and their hours")
    return value


def _week(opened: Mapping[str, Any], field: str) -> dict[str, list[list[int]]]:
    week: dict[str, list[list[int]]] = {}
    for days, hours in opened.items():
        spans = _spans(hours, f"{field}.{days}")
        for day in _weekdays(days, field):
            if str(day) in week:
                raise PayloadError(f"{field}.{days}", f"{WEEKDAYS[day - 1]} only once")
            week[str(day)] = spans
    return week


def _weekdays(text: str, field: str) -> range:
    """Return the weekdays, Monday is 1, that `sat` or `mon-fri` means."""
    first, _, last = text.partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        raise PayloadError(
            field, f"days as {', '.join(WEEKDAYS)} or mon-fri; {text!r} is not one of them"
        )
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    if end < start:
        raise PayloadError(f"{field}.{text}", "days from the earlier to the later of a week")
    return range(start + 1, end + 2)


def _spans(hours: Any, field: str) -> list[list[int]]:  # noqa: ANN401 - JSON as it was written
    if not isinstance(hours, list | tuple) or len(hours) > MAX_SPANS:
        raise PayloadError(field, f"a list of at most {MAX_SPANS} spans of hours, [] for closed")
    spans = [_span(text, f"{field}[{place}]") for place, text in enumerate(hours)]
    for place, (before, after) in enumerate(pairwise(spans)):
        if after[0] < before[1]:
            raise PayloadError(f"{field}[{place + 1}]", "hours after those before them")
    return spans


def _span(text: Any, field: str) -> list[int]:  # noqa: ANN401 - JSON as it was written
    match = _SPAN.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise PayloadError(field, _SPAN_EXPECTED)
    hours = [int(part) for part in match.groups()]
    start, end = _HOUR * hours[0] + hours[1], _HOUR * hours[2] + hours[3]
    good = hours[0] < _HOURS and hours[1] < _HOUR and hours[3] < _HOUR
    if not good or end > DAY_MINUTES or start == end:
        raise PayloadError(field, _SPAN_EXPECTED)
    return [start, end if start < end else end + DAY_MINUTES]


def _days(
    written: Mapping[str, Any], first: int, last: int, field: str
) -> dict[str, list[list[int]]]:
    """Work special days out: a date beats a period, which beats a day of every year."""
    if len(written) > MAX_DAYS:
        raise PayloadError(field, f"at most {MAX_DAYS}")
    yearly: dict[str, list[list[int]]] = {}
    periods: dict[str, list[list[int]]] = {}
    dates: dict[str, list[list[int]]] = {}
    for text, hours in written.items():
        spans = _spans(hours, f"{field}.{text}")
        start, slash, end = text.partition("/")
        if _YEARLY.fullmatch(text):
            _check_date(f"2000-{text}", field, text)  # which has a 29 February
            for year in range(first, last + 1):
                if _is_date(f"{year}-{text}"):
                    yearly[f"{year}-{text}"] = spans
        elif slash:
            for day in _period(start, end, field, text):
                if day in periods:
                    raise PayloadError(f"{field}.{text}", f"a period without {day}, as another has")
                periods[day] = spans
        else:
            _check_date(text, field, text)
            dates[text] = spans
    return {
        day: spans
        for day, spans in sorted({**yearly, **periods, **dates}.items())
        if first <= int(day[:4]) <= last
    }


def _period(start: str, end: str, field: str, text: str) -> list[str]:
    _check_date(start, field, text)
    _check_date(end, field, text)
    days = range(day_number(start), day_number(end) + 1)
    if not 0 < len(days) <= MAX_PERIOD:
        raise PayloadError(f"{field}.{text}", f"a period of 1 to {MAX_PERIOD} days")
    return [date_of(day) for day in days]


def _check_date(date: str, field: str, text: str) -> None:
    if not _DATE.fullmatch(date) or not _is_date(date):
        raise PayloadError(field, f"{_DAY_EXPECTED}; {text!r} is none of them")


def _is_date(date: str) -> bool:
    """Return whether there is such a day: there and back again it is the same."""
    return date_of(day_number(date)) == date


def _holidays(
    written: Any,  # noqa: ANN401 - JSON as it was written
    country: str,
    first: int,
    last: int,
    field: str,
) -> tuple[dict[str, list[str]], int]:
    """Return the holidays, year -> month and day, and the last year they are known for."""
    if not isinstance(written, str):
        raise PayloadError(field, "a country as IT, one of its regions as IT-BZ, or none")
    if written == NO_HOLIDAYS:
        return {}, last
    match = _HOLIDAYS.fullmatch(written or country)
    if not match:
        raise PayloadError(field, "a country as IT, one of its regions as IT-BZ, or none")
    import holidays  # noqa: PLC0415 - a tenth of a second, which other routes need not wait for

    supported: Mapping[str, Sequence[str]] = holidays.list_supported_countries()
    name, region = match["country"], match["region"]
    if name not in supported:
        if not written:
            return {}, last
        raise PayloadError(field, f"a country whose holidays are known; {name} is not")
    if region is not None and region not in supported[name]:
        regions = ", ".join(f"{name}-{one}" for one in supported[name])
        raise PayloadError(field, f"a region of {name}: {regions or 'it has none'}")
    calendar = holidays.country_holidays(name, subdiv=region)
    last = min(last, calendar.end_year)
    years = range(max(first, calendar.start_year), last + 1)
    # A calendar fills itself, year by year, when a date is looked up.
    calendar = holidays.country_holidays(name, subdiv=region, years=years)
    found: dict[str, list[str]] = {str(year): [] for year in years}
    for day in sorted(calendar):
        # Some holidays of a year are taken in the next one, or the one before.
        if day.year in years:
            found[str(day.year)].append(f"{day:%m-%d}")
    return found, last
