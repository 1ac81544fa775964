"""The tenant's time and its schedules, held against Python's own library of time zones."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from centralino.application.compile_schedule import WEEKDAYS, compile_schedule
from centralino.application.compile_schedules import MAX_SCHEDULES, compile_schedules
from centralino.application.compile_zone import compile_zone, time_zone_of
from centralino.domain.clock import LocalTime, date_of, day_number, days_between, local
from centralino.domain.errors import PayloadError
from centralino.domain.schedule import holiday_at, open_at

# Half an hour of summer time, whole days skipped, quarters of an hour, the other half of the year.
ZONES = (
    "Europe/Rome",
    "Europe/Lisbon",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
    "Asia/Kathmandu",
)
DAY_S = 86_400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOW_S = at("2026-11-22T08:00")
# Apia had no 30 December 2011, Kiritimati no 31 December 1994.
YEARS = (at("1994-06-01"), at("2011-06-01"), at("2026-11-22"))


def compiled(**schedule: Any) -> dict[str, Any]:  # noqa: ANN401 - as it is written
    return compile_schedule({"holidays": "none", **schedule}, "IT", now_s=NOW_S)


def rome(text: str) -> LocalTime:
    """The time of Rome's clocks, without summer time."""
    return local([[0, 3600]], at(text) - 3600)


# --- the clock ----------------------------------------------------------------------------------


@st.composite
def instants(draw: st.DrawFn) -> tuple[str, list[list[int]], int]:
    """A zone, compiled, and an instant: any, or one near a change of its clocks."""
    name = draw(st.sampled_from(ZONES))
    year = draw(st.sampled_from(YEARS))
    zone = compile_zone(name, now_s=year)
    changes = [pair[0] for pair in zone[1:]]
    if draw(st.booleans()) and changes:
        near = draw(st.sampled_from(changes))
        return name, zone, near + draw(st.integers(-2 * DAY_S, 2 * DAY_S))
    return name, zone, year + draw(st.integers(-300 * DAY_S, 19 * 365 * DAY_S))


def shown(name: str, now_s: float) -> LocalTime:
    """What Python's library says."""
    there = datetime.fromtimestamp(now_s, ZoneInfo(name))
    offset = there.utcoffset()
    assert offset is not None
    return LocalTime(
        f"{there:%Y-%m-%d}",
        f"{there:%H:%M}",
        there.isoweekday(),
        there.hour,
        60 * there.hour + there.minute,
        int(offset.total_seconds()),
    )


@given(instants())
def test_a_call_knows_the_time_of_the_tenants_clocks(
    instant: tuple[str, list[list[int]], int],
) -> None:
    name, zone, now_s = instant
    assert local(zone, now_s) == shown(name, now_s)
    assert local(json.loads(json.dumps(zone)), now_s + 0.25) == shown(name, now_s)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", YEARS)
def test_the_clocks_of_a_call_change_at_the_very_second(name: str, year: int) -> None:
    zone = compile_zone(name, now_s=year)
    for change, offset in zone[1:]:
        assert local(zone, change).offset_s == offset
        assert local(zone, change) == shown(name, change)
        assert local(zone, change - 1) == shown(name, change - 1)


def test_clocks_are_known_for_a_year_back_and_twenty_years_on() -> None:
    zone = compile_zone("Europe/Rome", now_s=NOW_S)
    assert len(zone) == 44
    for day in range(-400, 20 * 365):
        assert local(zone, NOW_S + day * DAY_S) == shown("Europe/Rome", NOW_S + day * DAY_S)


def test_a_zone_that_is_not_compiled_yet_is_utc() -> None:
    assert local(((0, 0),), at("2026-11-22T08:05")) == LocalTime(
        "2026-11-22", "08:05", 7, 8, 485, 0
    )


@given(st.dates(date(1970, 1, 1), date(2399, 12, 31)), st.dates(date(1970, 1, 1)))
@example(date(2024, 2, 29), date(2025, 2, 28))
def test_days_are_counted_as_the_calendar_counts_them(first: date, last: date) -> None:
    assert days_between(first.isoformat(), last.isoformat()) == (last - first).days
    assert date_of(day_number(first.isoformat())) == first.isoformat()


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../../etc/passwd", "Europe", "rome"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(PayloadError, match="time_zone: expected a time zone of the IANA database"):
        compile_zone(name, now_s=NOW_S)


@pytest.mark.parametrize(
    ("country", "name"),
    [
        ("IT", "Europe/Rome"),
        ("GB", "Europe/London"),
        ("DE", "Europe/Berlin"),  # Büsingen has its own, and the same time
        ("ES", ""),  # the Canary Islands are an hour behind
        ("US", ""),
        ("XX", ""),
    ],
)
def test_a_country_with_one_time_has_it_by_itself(country: str, name: str) -> None:
    assert time_zone_of(country, now_s=NOW_S) == name


# --- opening hours ------------------------------------------------------------------------------

quarters = st.integers(0, 95)


def clock_text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@st.composite
def hours(draw: st.DrawFn) -> list[str]:
    """Some spans of a day in their order; the last one may go on over midnight."""
    marks = sorted(draw(st.sets(quarters, max_size=6)))
    spans = [
        f"{clock_text(15 * start)}-{clock_text(15 * end)}"
        for start, end in zip(marks[::2], marks[1::2], strict=False)
    ]
    if len(marks) % 2:
        end = draw(st.integers(0, marks[-1] - 1)) if marks[-1] else 96
        spans.append(f"{clock_text(15 * marks[-1])}-{clock_text(15 * end)}")
    return spans


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    """A schedule as somebody writes it, with special days where the zones above are strange."""
    strange = ["1994-12-30", "1994-12-31", "2011-12-29", "2011-12-30", "2011-12-31", "2027-03-28"]
    return {
        "open": draw(st.dictionaries(st.sampled_from(WEEKDAYS), hours())),
        "days": draw(st.dictionaries(st.sampled_from([*strange, "10-25", "12-30"]), hours())),
        "holidays": "none",
    }


def is_open(written: dict[str, Any], name: str, now_s: int) -> bool:
    """What a person with a calendar says, who begins with today and goes on with yesterday."""
    there = datetime.fromtimestamp(now_s, ZoneInfo(name)).replace(tzinfo=None)
    for day in (there.date(), there.date() - timedelta(days=1)):
        spans = written["days"].get(day.isoformat())
        if spans is None:
            spans = written["days"].get(f"{day:%m-%d}")
        if spans is None:
            spans = written["open"].get(WEEKDAYS[day.weekday()], [])
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a clock on the wall
        for span in spans:
            start, end = (
                midnight + timedelta(hours=int(text[:2]), minutes=int(text[3:]))
                for text in span.split("-")
            )
            if start <= there < (end if start < end else end + timedelta(days=1)):
                return True
    return False


@given(schedules(), instants())
def test_a_schedule_is_open_when_a_clock_on_the_wall_says_so(
    written: dict[str, Any], instant: tuple[str, list[list[int]], int]
) -> None:
    name, zone, now_s = instant
    it = compile_schedule(written, "IT", now_s=zone[1][0] if len(zone) > 1 else now_s)
    now = local(zone, now_s)
    known = int(it["until"][:4])
    if known - 11 <= int(now.date[:4]) <= known:
        assert open_at(json.loads(json.dumps(it)), now) is is_open(written, name, now_s)


def test_the_hour_that_clocks_go_through_twice_is_open_both_times() -> None:
    zone = compile_zone("Europe/Rome", now_s=NOW_S)
    it = compiled(open={"sun": ["02:00-03:00"]})
    first = at("2026-10-25T00:00")  # 02:00 in summer time
    opened = [open_at(it, local(zone, first + 1800 * half)) for half in range(-1, 5)]
    assert opened == [False, True, True, True, True, False]


def test_the_hour_that_clocks_skip_opens_nothing() -> None:
    zone = compile_zone("Europe/Rome", now_s=NOW_S)
    it = compiled(open={"sun": ["02:00-03:00"]})
    change = at("2027-03-28T01:00")
    assert not any(open_at(it, local(zone, change + minute)) for minute in range(-3600, 3600, 60))


def test_a_night_goes_on_after_the_hour_that_clocks_skip() -> None:
    zone = compile_zone("Europe/Rome", now_s=NOW_S)
    it = compiled(open={"sat": ["22:00-06:00"]})
    opened = [
        local(zone, at("2027-03-27T00:00") + 60 * minute).time
        for minute in range(2 * 1440)
        if open_at(it, local(zone, at("2027-03-27T00:00") + 60 * minute))
    ]
    assert (opened[0], opened[-1], len(opened)) == ("22:00", "05:59", 7 * 60)


def test_lunch_is_closed_and_the_end_of_a_span_is_not_open_any_more() -> None:
    it = compiled(open={"mon-fri": ["09:00-13:00", "14:00-18:00"]})
    times = ("08:59", "09:00", "12:59", "13:00", "13:59", "14:00", "17:59", "18:00")
    opened = [open_at(it, rome(f"2026-11-23T{time}")) for time in times]
    assert opened == [False, True, True, False, False, True, True, False]
    assert not open_at(it, rome("2026-11-22T10:00"))  # a Sunday


def test_the_whole_day_is_open_to_its_last_minute() -> None:
    it = compiled(open={"sun": ["00:00-24:00"]})
    assert open_at(it, rome("2026-11-22T00:00"))
    assert open_at(it, rome("2026-11-22T23:59"))
    assert not open_at(it, rome("2026-11-23T00:00"))


def test_the_night_of_sunday_goes_on_into_monday() -> None:
    it = compiled(open={"sun": ["22:00-06:00"]})
    assert open_at(it, rome("2026-11-23T05:59"))
    assert not open_at(it, rome("2026-11-23T06:00"))
    assert not open_at(it, rome("2026-11-22T05:59"))


# --- special days and holidays ------------------------------------------------------------------


def test_national_holidays_are_closed_without_anybody_saying_so() -> None:
    it = compile_schedule({"open": {"mon-sun": ["09:00-18:00"]}}, "IT", now_s=NOW_S)
    for day in ("2026-12-08", "2027-03-29", "2036-12-25"):  # Easter Monday in the middle
        assert holiday_at(it, rome(f"{day}T10:00"))
        assert not open_at(it, rome(f"{day}T10:00"))
    assert open_at(it, rome("2026-12-09T10:00"))
    assert not holiday_at(it, rome("2026-12-09T10:00"))
    assert it["until"] == "2036-12-31"


def test_a_region_has_holidays_of_its_own() -> None:
    whit_monday = rome("2027-05-17T10:00")
    for holidays, expected in (("IT", False), ("IT-BZ", True), ("DE", True), ("none", False)):
        it = compile_schedule({"holidays": holidays}, "IT", now_s=NOW_S)
        assert holiday_at(it, whit_monday) is expected


def test_a_holiday_may_have_hours_of_its_own() -> None:
    it = compile_schedule(
        {"open": {"mon-sun": ["09:00-18:00"]}, "on_holidays": ["10:00-12:00"]}, "IT", now_s=NOW_S
    )
    christmas = [open_at(it, rome(f"2026-12-25T{time}")) for time in ("09:30", "10:30", "12:00")]
    assert christmas == [False, True, False]


def test_the_night_that_begins_on_the_eve_of_a_holiday_is_open_to_its_end() -> None:
    it = compile_schedule({"open": {"mon-sun": ["22:00-06:00"]}}, "IT", now_s=NOW_S)
    assert open_at(it, rome("2026-12-25T05:59"))
    assert not open_at(it, rome("2026-12-25T22:30"))
    assert not open_at(it, rome("2026-12-26T05:59"))


def test_a_special_day_beats_the_holiday_that_it_falls_on() -> None:
    it = compile_schedule(
        {"open": {"mon-sun": ["09:00-18:00"]}, "days": {"2026-12-26": ["10:00-11:00"]}},
        "IT",
        now_s=NOW_S,
    )
    assert open_at(it, rome("2026-12-26T10:30"))
    assert holiday_at(it, rome("2026-12-26T10:30"))
    assert not open_at(it, rome("2027-12-26T10:30"))


def test_a_date_beats_a_period_which_beats_a_day_of_every_year() -> None:
    days = {
        "2026-08-12": ["09:00-10:00"],
        "2026-08-10/2026-08-14": [],
        "08-11": ["11:00-12:00"],
        "08-12": ["11:00-12:00"],
    }
    it = compiled(open={"mon-fri": ["08:00-20:00"]}, days=days)
    assert not open_at(it, rome("2026-08-11T11:30"))
    assert open_at(it, rome("2026-08-12T09:30"))
    assert not open_at(it, rome("2026-08-12T11:30"))
    assert open_at(it, rome("2027-08-11T11:30"))  # a Wednesday with hours of its own
    assert not open_at(it, rome("2027-08-11T10:30"))
    assert open_at(it, rome("2026-08-17T08:30"))


def test_a_leap_day_of_every_year_is_one_of_some_years() -> None:
    it = compiled(days={"02-29": ["09:00-10:00"]})
    assert sorted(it["days"]) == ["2028-02-29", "2032-02-29", "2036-02-29"]


def test_a_country_whose_holidays_nobody_knows_has_none_unless_it_is_asked_for() -> None:
    it = compile_schedule({}, "ZZ", now_s=NOW_S)
    assert (it["holidays"], it["until"]) == ({}, "2036-12-31")
    with pytest.raises(PayloadError, match="a country whose holidays are known; ZZ is not"):
        compile_schedule({"holidays": "ZZ"}, "IT", now_s=NOW_S)


def test_a_calendar_that_ends_early_says_so() -> None:
    it = compile_schedule({"holidays": "LK"}, "IT", now_s=NOW_S)
    years = sorted(it["holidays"])
    assert it["until"] == f"{years[-1]}-12-31"
    assert int(years[-1]) < 2036
    assert all(it["holidays"][year] for year in years)


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"opened": {}}, "opened"),
        ({"open": []}, "open"),
        ({"open": {"lun": []}}, "open"),
        ({"open": {"fri-mon": []}}, "open.fri-mon"),
        ({"open": {"mon-fri": [], "fri": []}}, "open.fri"),
        ({"open": {"mon": "09:00-13:00"}}, "open.mon"),
        ({"open": {"mon": ["09:00"]}}, "open.mon[0]"),
        ({"open": {"mon": ["09:00-24:01"]}}, "open.mon[0]"),
        ({"open": {"mon": ["24:00-06:00"]}}, "open.mon[0]"),
        ({"open": {"mon": ["09:60-10:00"]}}, "open.mon[0]"),
        ({"open": {"mon": ["08:00-08:00"]}}, "open.mon[0]"),
        ({"open": {"mon": [9]}}, "open.mon[0]"),
        ({"open": {"mon": ["14:00-18:00", "09:00-13:00"]}}, "open.mon[1]"),
        ({"open": {"mon": ["09:00-13:00", "12:59-18:00"]}}, "open.mon[1]"),
        ({"open": {"mon": ["22:00-06:00", "23:00-23:30"]}}, "open.mon[1]"),
        ({"open": {"mon": ["09:00-10:00"] * 11}}, "open.mon"),
        ({"days": {"Christmas": []}}, "days"),
        ({"days": {"2026-02-29": []}}, "days"),
        ({"days": {"13-01": []}}, "days"),
        ({"days": {"2026-08-20/2026-08-10": []}}, "days.2026-08-20/2026-08-10"),
        ({"days": {"2026-01-01/2027-12-31": []}}, "days.2026-01-01/2027-12-31"),
        (
            {"days": {"2026-08-01/2026-08-10": [], "2026-08-10/2026-08-12": []}},
            "days.2026-08-10/2026-08-12",
        ),
        ({"days": {f"2027-{m:02}-{d:02}": [] for m in range(1, 13) for d in range(1, 19)}}, "days"),
        ({"holidays": "Italy"}, "holidays"),
        ({"holidays": "IT-ZZ"}, "holidays"),
        ({"holidays": "ITA"}, "holidays"),
        ({"holidays": ["IT"]}, "holidays"),
        ({"on_holidays": ["noon"]}, "on_holidays[0]"),
    ],
)
def test_a_schedule_that_nobody_can_read_is_refused_by_the_field(
    schedule: dict[str, Any], field: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        compile_schedule(schedule, "IT", now_s=NOW_S)
    assert refused.value.field == field
    with pytest.raises(PayloadError) as refused:
        compile_schedules({"office": schedule}, "IT", now_s=NOW_S)
    assert refused.value.field == f"schedules.office.{field}"


@pytest.mark.parametrize("name", ["", "Office", "my-office", "1st", "a" * 21, "uffició"])
def test_a_schedule_has_a_name_that_rules_can_spell(name: str) -> None:
    with pytest.raises(PayloadError, match="schedules: expected a schedule's name"):
        compile_schedules({name: {}}, "IT", now_s=NOW_S)


def test_fifty_schedules_fit_and_no_more() -> None:
    many = {f"s{place}": {"holidays": "none"} for place in range(MAX_SCHEDULES)}
    assert list(compile_schedules(many, "IT", now_s=NOW_S)) == list(many)
    with pytest.raises(PayloadError, match="schedules: expected at most 50"):
        compile_schedules({**many, "more": {}}, "IT", now_s=NOW_S)


def test_spans_of_a_day_never_overlap() -> None:
    it = compiled(open={"mon": ["00:00-08:00", "08:00-09:30", "23:00-01:00"]})
    spans = it["week"]["1"]
    assert spans == [[0, 480], [480, 570], [1380, 1500]]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
