"""What the WebSockets of PBXs lead to: they open, they bring messages, they close, they are pinged.

It also invokes itself: what a PBX is told after its handshake can't be told inside of it.
"""

from __future__ import annotations

import time

from centralino import bootstrap
from centralino.domain.record import TYPE_CHECKING
from centralino.entry.link_pbx import Desk, link_pbx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

desk = Desk(
    stores=bootstrap.socket_store,
    sockets=bootstrap.socket_list,
    calls=bootstrap.dial_store,
    gateway=bootstrap.socket_gateway,
    keys=lambda tenant: bootstrap.tenant_store(tenant).keys(),
    again=bootstrap.link_again,
    now_s=time.time,
    account=bootstrap.socket_account,
)
bootstrap.prepare_link()


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Take one event of the gateway, the schedule or ourselves; see `centralino.entry.link_pbx`."""
    return link_pbx(event, desk)
