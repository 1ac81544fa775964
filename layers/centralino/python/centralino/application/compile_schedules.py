"""Work a tenant's schedules out when routing is saved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from centralino.application.compile_schedule import compile_schedule
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SCHEDULES = 50
# What JMESPath takes as a name without quotes: rules say `now.open.office`.
NAME_PATTERN = r"[a-z][a-z0-9_]{0,19}"
NAME_EXPECTED = "a schedule's name: a-z, 0-9 and _, a letter first, at most 20"
_NAME = re.compile(NAME_PATTERN, re.ASCII)


def compile_schedules(
    schedules: Mapping[str, Mapping[str, Any]], country: str, *, now_s: float
) -> dict[str, dict[str, Any]]:
    """Compile schedules, name by name; see `compile_schedule`.

    Args:
        schedules: name -> schedule as it was written.
        country: the tenant's, ISO 3166 alpha-2, whose holidays a schedule has by default.
        now_s: seconds since 1970.

    Raises:
        PayloadError: naming the field, as `schedules.office.open.mon[0]`.
    """
    if len(schedules) > MAX_SCHEDULES:
        raise PayloadError("schedules", f"at most {MAX_SCHEDULES}")
    for name in schedules:
        if not _NAME.fullmatch(name):
            raise PayloadError("schedules", NAME_EXPECTED)
    return {
        name: compile_schedule(schedule, country, now_s=now_s, field=f"schedules.{name}")
        for name, schedule in schedules.items()
    }
