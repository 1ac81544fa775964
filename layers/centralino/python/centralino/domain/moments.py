"""Times as milliseconds since 1970, to the millisecond: a float would lose one now and then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_milliseconds(at: datetime) -> int:
    """Return an aware time as whole milliseconds since 1970; what is finer is cut off."""
    return (at - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the time, in UTC, that is some milliseconds after 1970 began.

    Raises:
        OverflowError: it is beyond the year 9999.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds)
