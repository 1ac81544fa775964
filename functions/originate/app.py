"""`/v1/originate`: calls that somebody asks for, and what became of them; `/dial`: the page.

See `centralino.entry.originate`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from centralino import bootstrap
from centralino.entry.access import Door
from centralino.entry.originate import KEY_S, Exchange, originate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.ports.once import RunTime


def _page() -> tuple[dict[str, str], str]:
    from centralino.entry.dial_page import dial_page  # noqa: PLC0415 - few requests ask for it

    return dial_page()


bootstrap.prepare_originate()
exchange = Exchange(
    # Keys are read each time: a call costs more than a read.
    Door(bootstrap.call_store(), time.time, 0.0, KEY_S),
    bootstrap.dial_store,
    bootstrap.contact_store,
    bootstrap.originator,
    bootstrap.once,
    os.urandom,
    _page,
)


def handler(event: Mapping[str, Any], context: RunTime) -> dict[str, Any]:
    """Answer one request."""
    return originate(event, context, exchange)
