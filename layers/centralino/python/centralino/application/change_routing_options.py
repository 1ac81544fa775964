"""Change the options of a tenant's routing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from centralino.application.check_pbx_options import check_pbx_options
from centralino.application.compile_routing import COUNTRIES
from centralino.application.compile_zone import compile_zone
from centralino.application.edit_routing import edit_routing
from centralino.domain.errors import PayloadError
from centralino.domain.learning import (
    ATTESTATIONS,
    MOST_DAYS,
    MOST_PER_CUSTOMER,
    TRUSTS,
    LearningOptions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.domain.settings import Settings
    from centralino.ports.pbx import Pbx
    from centralino.ports.routing import RoutingParts, RoutingStore

OPTIONS = ("time_zone", "learning", "pbx", "keep_days")
MAX_KEEP_DAYS = 90
LEARNING = (*LearningOptions._fields, "webhook")
MAX_URL = 500
# Whether it leads to where we may go is seen when something is sent.
_HTTPS = re.compile(r"https://[a-z0-9.-]+(:[0-9]{1,5})?([/?][!-~]*)?", re.ASCII | re.IGNORECASE)


def change_routing_options(  # noqa: PLR0913 - all that they are checked with
    routing: RoutingStore,
    settings: Settings,
    changes: Mapping[str, Any],
    find: Callable[[str], type[Pbx]],
    *,
    now_s: float,
    edition: int | None = None,
) -> RoutingParts:
    """Change some options and leave the rest; all parts of routing are compiled anew.

    Args:
        routing: the tenant's.
        settings: the tenant's.
        changes: option -> its new value, None for the default; `learning` and `pbx` are merged
            field by field.
        find: the class of a PBX provider, which checks its own options.
        now_s: seconds since 1970.
        edition: the edition that was read; None for whatever there is.

    Returns:
        The parts as they were saved.

    Raises:
        PayloadError: naming the field, as `learning.days`.
        ConflictError: another edition is stored, or others changed routing again and again.
    """
    if COUNTRIES in changes:
        raise PayloadError(COUNTRIES, "no such option: the dialling options say what may be called")

    def edit(parts: RoutingParts) -> RoutingParts:
        options = _merged(parts.options, changes)
        _check(options, now_s)
        check_pbx_options(options.get("pbx", {}), find)
        return parts._replace(options=options)

    return edit_routing(routing, settings, edit, now_s=now_s, edition=edition)


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a merge patch (RFC 7396): None takes away, objects are merged, all else replaces."""
    merged = dict(before)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            known = merged.get(name)
            merged[name] = _merged(known if isinstance(known, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _check(options: Mapping[str, Any], now_s: float) -> None:
    unknown = sorted(set(options) - {*OPTIONS, COUNTRIES})
    if unknown:
        raise PayloadError(unknown[0], f"one of {', '.join(OPTIONS)}")
    zone = options.get("time_zone", "")
    if zone != "":
        if not isinstance(zone, str):
            raise PayloadError("time_zone", "a time zone of the IANA database, as Europe/Rome")
        compile_zone(zone, now_s=now_s)
    _check_whole(options.get("keep_days", 1), MAX_KEEP_DAYS, "keep_days")
    _check_learning(options.get("learning", {}))


def _check_learning(learning: Any) -> None:  # noqa: ANN401 - JSON as it was written
    if not isinstance(learning, dict):
        raise PayloadError("learning", "an object")
    unknown = sorted(set(learning) - set(LEARNING))
    if unknown:
        expected = f"one of {', '.join(LEARNING)}"
        raise PayloadError(f"learning.{unknown[0]}", expected)
    most = learning.get("max_per_customer", 1)
    _check_whole(most, MOST_PER_CUSTOMER, "learning.max_per_customer")
    _check_whole(learning.get("days", 1), MOST_DAYS, "learning.days")
    for name, words in (("trust", TRUSTS), ("min_attestation", ATTESTATIONS)):
        if name in learning and learning[name] not in words:
            raise PayloadError(
                f"learning.{name}", f"one of {', '.join(repr(word) for word in words)}"
            )
    url = learning.get("webhook", "")
    if not isinstance(url, str) or (url and not _HTTPS.fullmatch(url)) or len(url) > MAX_URL:
        raise PayloadError("learning.webhook", "an https URL of at most 500 characters, or nothing")


def _check_whole(value: Any, most: int, field: str) -> None:  # noqa: ANN401 - JSON
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise PayloadError(field, f"a whole number of 1 to {most}")
