"""`GET /dial`: a page of ours that asks whether to call a number, and calls it.

The number comes in the fragment (`/dial#0244556677`), which no browser sends: it is in no access
log. The page is one file without anything from elsewhere; its policy lets it talk to its own origin
and nobody else, and lets nobody frame it, so that no other page can have it clicked.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from pathlib import Path

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@functools.cache
def _page() -> tuple[str, str]:
    """Return the page and the policy that goes with it."""
    text = Path(__file__).with_name("dial_page.html").read_text(encoding="utf-8")
    allowed = {kind: _hash(inline) for kind, inline in _INLINE.findall(text)}
    policy = (
        "default-src 'none'",
        f"script-src {allowed['script']}",
        f"style-src {allowed['style']}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    return text, "; ".join(policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def dial_page() -> tuple[dict[str, str], str]:
    """Return the headers, names in lower case, and the HTML of the page."""
    text, policy = _page()
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }, text
