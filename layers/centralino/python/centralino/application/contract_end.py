"""When a contract ends: from a day or an instant, as people write it, to seconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from centralino.domain.errors import PayloadError

EXPECTED = "a day (2026-12-31) or a time with its offset (2026-12-31T12:00:00+01:00)"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_SECOND = timedelta(seconds=1)


def contract_end(valid_until: str, time_zone: str, *, field: str = "valid_until") -> int:
    """Return the first instant that a contract doesn't cover.

    A day is covered whole, as the clocks in the tenant's time zone have it: to the last of its
    midnights where clocks are turned back across it, and to the moment that skips it where they are
    turned forward.

    Args:
        valid_until: a day or an instant; empty for no end.
        time_zone: the tenant's, of the IANA's list.
        field: how the caller spells what `valid_until` is, for errors.

    Returns:
        Seconds since 1970; 0 for no end.

    Raises:
        PayloadError: it is neither, or the time zone is unknown.
    """
    if not valid_until:
        return 0
    try:
        if _DAY.fullmatch(valid_until):
            day = datetime.fromisoformat(valid_until)
            end = _end_of_day(day, _zone(time_zone))
        else:
            end = datetime.fromisoformat(valid_until)
            if end.tzinfo is None:
                raise PayloadError(field, EXPECTED)
            end = end.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PayloadError(field, EXPECTED) from None
    if not _FIRST_YEAR <= end.year <= _LAST_YEAR:
        raise PayloadError(field, EXPECTED)
    # Without its fraction: a float has no room for that of a far year.
    seconds = int(end.replace(microsecond=0).timestamp())
    # 0 is no end at all, and a fraction of a second more is covered as well.
    return max(1, seconds + (end.microsecond > 0))


def _end_of_day(day: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant after which no clock of the zone shows the day any more."""
    midnight = (day + timedelta(days=1)).replace(tzinfo=zone)
    first, second = (midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    # A midnight that comes twice: between the two, clocks may show the old day once more.
    if first < second and (second - _SECOND).astimezone(zone).date() <= day.date():
        return second
    return first


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PayloadError("time_zone", "a name as Europe/Rome") from None
