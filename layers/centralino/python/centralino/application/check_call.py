"""The guard: whether a call may be placed, and what exactly is dialled then."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from centralino.domain.keys import ApiKey
    from centralino.domain.originate import Order
    from centralino.domain.settings import Settings
    from centralino.ports.dialling import Desk


class Asked(NamedTuple):
    """A call as it was asked for.

    Attributes:
        number: whom, in any spelling (`0244556677`, `+39 02 4455-6677`, `tel:…`), or a contact's
            primary number; an exten for an internal call.
        exten: whose phone is to ring first.
        name: what that phone shows; of a contact, empty for a number.
        caller_id: what the called party is to see, in any spelling; empty for the PBX's choice.
        auto_answer: the agent's phone is to answer by itself.
        timeout_s: how long it rings, 5 to 120.
    """

    number: str
    exten: str
    name: str = ""
    caller_id: str = ""
    auto_answer: bool = False
    timeout_s: int = 30


def block_keys(number: str, settings: Settings) -> tuple[str, ...]:
    """Return the keys of the do-not-call list that would stand against a number.

    Args:
        number: as it was asked for, in any spelling.
        settings: the tenant's.

    Returns:
        The number in E.164 and the blocks that it may lie in; nothing for what can't be read.
    """
    raise NotImplementedError


def check_call(asked: Asked, desk: Desk, settings: Settings, key: ApiKey, call_id: str) -> Order:
    """Return the order to place a call, or refuse it.

    Args:
        asked: what was asked for.
        desk: what was read for it: `store.desk(exten, block_keys(number, settings), call_id)`.
        settings: the tenant's.
        key: the key that asks.
        call_id: the call's id.

    Raises:
        RefusedCallError: the call is not placed; it says why, and what would allow it.
        PayloadError: `timeout_s` is not what it has to be.
    """
    raise NotImplementedError
