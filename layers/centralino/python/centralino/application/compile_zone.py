"""Work a time zone out when routing is saved, so that a call needs no library of time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from centralino.domain.clock import DAY_S
from centralino.domain.errors import PayloadError

# Clocks change at most once a day, so looking at each day misses none.
DAYS_BACK = 400
DAYS_AHEAD = 20 * 366
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def compile_zone(name: str, *, now_s: float, field: str = "time_zone") -> list[list[int]]:
    """Compile a time zone; see `domain/clock.py`.

    Args:
        name: of the IANA database, as `Europe/Rome`.
        now_s: seconds since 1970: changes of the clock are worked out from a year before to twenty
            years after.
        field: how the caller spells the zone's place, for the error.

    Raises:
        PayloadError: there is no such zone.
    """
    if name not in _names():
        raise PayloadError(field, "a time zone of the IANA database, as Europe/Rome")
    return [[*pair] for pair in _pairs(name, int(now_s) // DAY_S)]


def time_zone_of(country: str, *, now_s: float) -> str:
    """Return a country's time zone; empty if it has none, or several that differ.

    Args:
        country: ISO 3166 alpha-2.
        now_s: seconds since 1970: zones that are alike from last year on count as one.
    """
    first, *others = _zones().get(country, ("",))
    if not first:
        return ""
    pairs = compile_zone(first, now_s=now_s)
    return first if all(compile_zone(other, now_s=now_s) == pairs for other in others) else ""


# Routing that is saved once has its zone asked for several times: 7,700 days each.
@lru_cache(maxsize=64)
def _pairs(name: str, today: int) -> tuple[tuple[int, int], ...]:
    """Return the instants at which a zone's offset changes, each with the new one."""
    zone = ZoneInfo(name)
    at = max(today - DAYS_BACK, 0) * DAY_S
    end = (today + DAYS_AHEAD) * DAY_S
    offset = _offset(zone, at)
    pairs = [(0, offset)]
    while at < end:
        following = at + DAY_S
        if _offset(zone, following) != offset:
            change = _change(zone, at, following)
            offset = _offset(zone, change)
            pairs.append((change, offset))
            # There may be another one before the day is over.
            following = change
        at = following
    return tuple(pairs)


def _offset(zone: ZoneInfo, at: int) -> int:
    """Return how far a zone is ahead of UTC at an instant, seconds."""
    offset = (_EPOCH + timedelta(seconds=at)).astimezone(zone).utcoffset()
    return int((offset or timedelta()).total_seconds())


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """Return the first instant after `before` at which the offset is another one."""
    offset = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


@cache
def _names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def _zones() -> dict[str, list[str]]:
    """Return the zones of each country."""
    zones: dict[str, list[str]] = {}
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            zones.setdefault(country, []).append(name)
    return zones
