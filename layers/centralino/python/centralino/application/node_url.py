"""The URL of an identify node, to be typed into OMniLeads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.domain.destination import TYPES
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.domain.destination import Destination
    from centralino.domain.routing import Node

# Its field for the URL has so many characters (`CharField(max_length=128)`), and its dialplan hands
# the URL to CURL(), which takes a comma for the end of it.
MAX_URL = 128
_UNSAFE = re.compile(r"[^!-~]")
_WHOLE = re.compile(r"\d{1,10}", re.ASCII)


def node_url(base: str, key: str, name: str) -> str:
    """Return a node's URL, with the key in it.

    Args:
        base: the service's URL, as `https://abc123.execute-api.eu-south-1.amazonaws.com`; what
            follows `/v1` there is left out.
        key: a key of role pbx.
        name: the node's.

    Raises:
        PayloadError: the URL is one that OMniLeads can't be given.
    """
    url = f"{base.rstrip('/').removesuffix('/v1')}/v1/k/{key}/identify/{name}"
    if "," in url:
        raise PayloadError("url", "a URL without a comma, which ends it in OMniLeads' dialplan")
    if _UNSAFE.search(url):
        raise PayloadError("url", "a URL without spaces, and of ASCII characters")
    if len(url) > MAX_URL:
        raise PayloadError(
            "url",
            f"at most {MAX_URL} characters, OMniLeads' limit; this one has {len(url)}: a custom"
            " domain name is shorter",
        )
    return url


def unspoken(node: Node) -> Iterator[str]:
    """Yield a node's destinations that OMniLeads has no `X,Y` for; it takes them for `no`."""
    if node.mode == "route":
        for to in (*(to for _, to in node.by), node.yes, node.no):
            if to and not _is_spoken(to):
                yield to.text


def _is_spoken(to: Destination) -> bool:
    if to.omnileads or to.type == "hangup":
        return True
    return bool(TYPES[to.type]) and _WHOLE.fullmatch(to.id) is not None
