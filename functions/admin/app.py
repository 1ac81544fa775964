"""The admin API; until its routes are written it answers 501."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Say that nothing is here yet."""
    return {
        "statusCode": 501,
        "headers": {"content-type": "application/problem+json"},
        "body": '{"type":"about:blank","title":"Not implemented","status":501}',
    }
