"""The dispatcher of reconciliation: on a schedule, one message for each connection that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.entry.sync import dispatch

if TYPE_CHECKING:
    from collections.abc import Mapping


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Ask the worker for what is due; the answer is for who invokes it by hand."""
    return {"due": dispatch()}
