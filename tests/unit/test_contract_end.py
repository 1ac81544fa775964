"""A contract's end, in the tenant's time zone, also where clocks are turned."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from centralino.application.contract_end import contract_end
from centralino.domain.customer import Customer, status_at
from centralino.domain.errors import PayloadError

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def shown(instant: int, zone: str) -> date:
    return datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(zone)).date()


def test_no_end_is_no_end() -> None:
    assert contract_end("", "Europe/Rome") == 0


def test_a_day_is_covered_whole() -> None:
    assert contract_end("2026-12-31", "Europe/Rome") == at("2027-01-01T00:00:00+01:00")
    assert contract_end("2026-12-31", "UTC") == at("2027-01-01T00:00:00+00:00")


def test_an_instant_is_that_instant_whatever_the_zone() -> None:
    for zone in ("Europe/Rome", "America/Lima"):
        assert contract_end("2026-12-31T12:00:00+01:00", zone) == at("2026-12-31T11:00:00Z")
        assert contract_end("2026-12-31T11:00:00Z", zone) == at("2026-12-31T11:00:00Z")
        assert contract_end("2026-12-31T11:00:00.5Z", zone) == at("2026-12-31T11:00:01Z")
        assert contract_end("4148-01-01T00:00:00.999993Z", zone) == at("4148-01-01T00:00:01Z")


@pytest.mark.parametrize(
    ("day", "zone", "end"),
    [
        # Rome turns its clocks at 2 and at 3: a day of 23 hours, and one of 25.
        ("2026-03-29", "Europe/Rome", "2026-03-30T00:00:00+02:00"),
        ("2026-10-25", "Europe/Rome", "2026-10-26T00:00:00+01:00"),
        # Midnight is skipped: the next day begins at one.
        ("2018-11-03", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00"),
        ("2023-04-27", "Africa/Cairo", "2023-04-28T01:00:00+03:00"),
        # At midnight it is eleven once more, and still the day.
        ("2018-02-17", "America/Sao_Paulo", "2018-02-18T00:00:00-03:00"),
        # At one it is midnight once more: the day was over by then.
        ("2025-11-01", "America/Havana", "2025-11-02T00:00:00-04:00"),
        # At a minute past midnight it is the day before once more, for almost an hour.
        ("2010-11-06", "America/St_Johns", "2010-11-07T00:00:00-03:30"),
        # A whole day that never was.
        ("2011-12-29", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),
        ("2011-12-30", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_a_day_ends_when_no_clock_shows_it_any_more(day: str, zone: str, end: str) -> None:
    assert contract_end(day, zone) == at(end)


@given(st.dates(date(1970, 1, 3), date(2037, 12, 30)), st.sampled_from(ZONES))
@example(date(2010, 11, 6), "America/St_Johns")
@example(date(1987, 10, 24), "America/St_Johns")
def test_before_the_end_it_is_the_day_and_from_it_on_it_never_is_again(
    day: date, zone: str
) -> None:
    end = contract_end(day.isoformat(), zone)
    assert shown(end - 1, zone) <= day
    assert shown(end, zone) > day
    # No clock is turned back by more than a day.
    for minutes in range(0, 26 * 60, 15):
        assert shown(end + 60 * minutes, zone) > day


@given(st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 - made aware below
def test_an_instant_comes_out_as_it_went_in(moment: datetime, zone: str) -> None:
    aware = moment.replace(tzinfo=UTC)
    end = contract_end(aware.isoformat(), zone)
    assert timedelta(0) <= datetime.fromtimestamp(end, UTC) - aware < timedelta(seconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "tomorrow",
        "2026-12-31T12:00:00",
        "31.12.2026",
        "2026-W01-1",
        "20261231",
        "9999-12-31",
        "1969-12-01",
        "2026-12-31 ",
        "\uff12\uff10\uff12\uff16-12-31",
    ],
)
def test_what_is_no_day_and_no_instant_is_refused_and_named(text: str) -> None:
    with pytest.raises(PayloadError) as caught:
        contract_end(text, "Europe/Rome", field="until")
    assert caught.value.field == "until"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "\0", "Europe"])
def test_a_time_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(PayloadError) as caught:
        contract_end("2026-12-31", zone)
    assert caught.value.field == "time_zone"


@given(st.sampled_from(["prospect", "pending", "active", "expired", "suspended"]), st.integers())
def test_only_an_active_contract_runs_out_and_it_does_so_by_itself(
    status: str, offset: int
) -> None:
    end = contract_end("2026-12-31", "Europe/Rome")
    customer = Customer("A1", status=status, ends_at=end)
    expected = "expired" if status == "active" and offset >= 0 else status
    assert status_at(customer, end + offset) == expected
    assert status_at(customer._replace(ends_at=0), end + offset) == status
