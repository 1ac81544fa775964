"""Write text into what PBXs read (forms, XML), and read what they write; nothing is an error.

Names, codes and labels come from CRMs and callers: anything may be in them. Here they lose what no
format can hold and are escaped, without `urllib.parse` or an XML library, which take longer to
import than all the rest of an answer takes to make.
"""

from __future__ import annotations

import re

from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Longer texts are no names; URLs may be up to here.
MAX_TEXT = 1000
# Control characters, line ends of Unicode, bidirectional controls, halves of surrogate pairs and
# what is no character at all. XML 1.0 can't hold most of them, and no phone shows any.
_NO_CHARACTERS = "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    f"{_NO_CHARACTERS}]"
)
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# An exten, a queue, a node: what may stand in a SIP address or a dial string without doing harm.
_WORD = re.compile(r"[A-Za-z0-9_.+*#-]{1,64}")
_E164 = re.compile(r"\+[0-9]{5,15}")
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!&()*+;=%-]{1,990}")
_AUDIO = re.compile(r"[A-Za-z0-9_./:@+-]{1,200}")
_AUDIO_ENDS = (".wav", ".mp3", ".ogg", ".gsm", ".ul", ".alaw", ".g722", ".aiff", ".flac")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
# Where a template has a value: `{label}`, or `{label?}`.
PLACE = re.compile(r"\{([a-z_]+)(\??)\}")
# What a call is attested whose signature is wrong: its number is a lie, whatever was attested.
FAILED = "F"
_PASSED = "TN-VALIDATION-PASSED-"
_FAILED = ("TN-VALIDATION-FAILED", "FAILED", "INVALID")
_ATTESTATIONS = ("A", "B", "C", FAILED)


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


def fill(template: str, words: Mapping[str, str], escape: Callable[[object], str]) -> str:
    """Return a template with its values in their places; what has no value is empty."""
    return PLACE.sub(lambda place: escape(words.get(place[1], "")), template)


def fill_json(template: object, words: Mapping[str, str], whole: Mapping[str, object]) -> object:
    """Return a template that is a JSON value, with the values in the places of its strings.

    Args:
        template: strings with `{label?}` become null where that value is empty.
        words: place -> value.
        whole: what a string that is nothing but a place (`{agents}`) becomes, if not text.
    """
    if isinstance(template, dict):
        return {name: fill_json(value, words, whole) for name, value in template.items()}
    if isinstance(template, list):
        return [fill_json(value, words, whole) for value in template]
    if not isinstance(template, str):
        return template
    if template in whole:
        return whole[template]
    for place in PLACE.finditer(template):
        if place[2] and not words.get(place[1]):
            return None
    return fill(template, words, plain)


def is_word(text: str) -> bool:
    """Tell whether a text is one word that no dial string takes for anything else."""
    return _WORD.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Tell whether a text is a number in E.164."""
    return _E164.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Tell whether a text is an address to fetch, without quotes, `$`, braces and commas."""
    return _URL.fullmatch(text) is not None


def is_audio(text: str) -> bool:
    """Tell whether a prompt is a file of sounds (`custom/vat`, `vat.wav`) rather than words."""
    named = "/" in text or text.endswith(_AUDIO_ENDS)
    return named and _AUDIO.fullmatch(text) is not None


def read_form(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form in their order, names as they were sent; one may come twice."""
    pairs: list[tuple[str, str]] = []
    for pair in body.replace(b"+", b" ").split(b"&") if body else ():
        name, _, value = pair.partition(b"=")
        pairs.append((_unescaped(name), _unescaped(value)))
    return pairs


def _unescaped(text: bytes) -> str:
    if b"%" in text:
        text = _ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), text)
    return text.decode("utf-8", "replace")


def attestation(text: str) -> str:
    """Return STIR/SHAKEN's `A`, `B` or `C` of a PBX's word for it.

    Either the letter alone or the carriers' `verstat` (`TN-Validation-Passed-A`).

    Returns:
        `FAILED` if the signature was looked at and is wrong (`TN-Validation-Failed-A`, or without a
        letter); empty if nothing is said of it (`No-TN-Validation`).
    """
    word = text.strip().upper()
    if word.startswith(_FAILED):
        return FAILED
    word = word.removeprefix(_PASSED)
    return word if word in _ATTESTATIONS else ""


def is_among(given: str, good: Iterable[bytes]) -> bool:
    """Tell whether a signature is one of the good ones, in a time that says nothing.

    Args:
        given: as it came; any text.
        good: none of them is empty.
    """
    import hmac  # noqa: PLC0415 - few PBXs sign

    sent = given.encode("utf-8", "surrogatepass")
    return bool(sum(hmac.compare_digest(sent, one) for one in good))
