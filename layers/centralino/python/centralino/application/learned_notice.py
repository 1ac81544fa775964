"""A number that was learned as it waits in the queue: written by the call, read by the worker.

::

    {"v": 1, "kind": "notice", "tenant": "acme", "id": 32 hexadecimal digits,
     "lesson": "learned", "number": "+390244556677", "code": "IT01234567897", "node": "vat",
     "at": seconds since 1970}

Whom the code belongs to, and where the owner is told, is looked up when it is sent.
"""

from __future__ import annotations

import os
from typing import Any

VERSION = 1
KIND = "notice"


def notice_message(  # noqa: PLR0913 - what is in it
    *, tenant: str, lesson: str, number: str, code: str, node: str, at: int
) -> dict[str, Any]:
    """Build the message of one number that was learned.

    Args:
        tenant: the tenant's id.
        lesson: `learned` or `conflict`.
        number: the caller's, E.164.
        code: the customer code that it leads to.
        node: the node that asked for the code.
        at: when, seconds since 1970.
    """
    return {
        "v": VERSION,
        "kind": KIND,
        "tenant": tenant,
        # Whoever is told twice of the same knows it by this.
        "id": os.urandom(16).hex(),
        "lesson": lesson,
        "number": number,
        "code": code,
        "node": node,
        "at": at,
    }
