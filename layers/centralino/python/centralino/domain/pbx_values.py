"""Write text into what PBXs read (forms, XML), and read what they write; nothing is an error.

Names, codes and labels come from CRMs and callers: anything may be in them. Here they lose what no
format can hold and are escaped, without `urllib.parse` or an XML library, which take longer to
import than all the rest of an answer takes to make.
"""

from __future__ import annotations

import hmac
import re

from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Longer texts are no names; URLs may be up to here.
MAX_TEXT = 1000
# Control characters, line ends of Unicode, bidirectional controls, halves of surrogate pairs and
# what is no character at all. XML 1.0 can't hold most of them, and no phone shows any.
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PASSED = "TN-VALIDATION-PASSED-"
_ATTESTATIONS = ("A", "B", "C")


def plain(text: object, limit: int = MAX_TEXT) -> str:
    """Return a text without what no format can hold, cut to a length.

    Args:
        text: a text or a number; None, and anything but these, is empty text.
        limit: in characters.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        return ""
    if isinstance(text, int):
        # Python refuses to write a number of thousands of digits.
        return str(text) if abs(text) < 10**20 else ""
    text = text[:limit]
    return text if text.isascii() and text.isprintable() else _UNFIT.sub("", text)


def percent(text: object) -> str:
    """Return a text with everything but unreserved characters as `%XX` of its UTF-8."""
    text = plain(text)
    return "".join(
        chr(byte) if byte in _LITERAL else f"%{byte:02X}" for byte in text.encode("utf-8")
    )


def form(fields: Iterable[tuple[str, object]]) -> str:
    """Return fields as `application/x-www-form-urlencoded`; a blank is `%20`, never `+`."""
    return "&".join(f"{percent(name)}={percent(value)}" for name, value in fields)


def xml(text: object) -> str:
    """Return a text as it stands in XML, between tags or between quotes."""
    return plain(text).translate(_XML)


def attestation(text: str) -> str:
    """Return STIR/SHAKEN's `A`, `B` or `C` of a PBX's word for it; empty if it didn't pass.

    Either the letter alone or the carriers' `verstat` (`TN-Validation-Passed-A`).
    """
    word = text.strip().upper().removeprefix(_PASSED)
    return word if word in _ATTESTATIONS else ""


def is_among(given: str, good: Iterable[bytes]) -> bool:
    """Tell whether a signature is one of the good ones, in a time that says nothing.

    Args:
        given: as it came; any text.
        good: none of them is empty.
    """
    sent = given.encode("utf-8", "surrogatepass")
    return bool(sum(hmac.compare_digest(sent, one) for one in good))
