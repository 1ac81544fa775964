"""Times go to milliseconds and back, and none is lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given, settings
from hypothesis import strategies as st

from centralino.domain.moments import from_milliseconds, to_milliseconds

LAST = 253_402_300_799_999  # the year 9999's last millisecond
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(deadline=None)
@given(st.integers(0, LAST))
@example(1_094_095_851_314)  # as a float of seconds it would be 313
def test_every_millisecond_comes_back_as_it_was(milliseconds: int) -> None:
    assert to_milliseconds(from_milliseconds(milliseconds)) == milliseconds


@settings(deadline=None)
@given(st.integers(86_400_000, LAST - 86_400_000), st.integers(0, 999), ZONES)
def test_a_time_is_the_same_millisecond_in_every_zone_and_what_is_finer_is_cut_off(
    milliseconds: int, microseconds: int, zone: timezone
) -> None:
    at = from_milliseconds(milliseconds) + timedelta(microseconds=microseconds)
    assert to_milliseconds(at.astimezone(zone)) == milliseconds


def test_milliseconds_are_counted_from_1970_in_utc() -> None:
    assert from_milliseconds(1) == datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)
