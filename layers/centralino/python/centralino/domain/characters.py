"""Characters: what of a text may reach a phone, how many columns it takes, where it may be cut.

Only the standard library is used here, since names from carriers are cleaned on the call path,
where `domain/label.py` imports this module for the texts that are not plain ASCII. Graphemes are
told apart coarsely: a text is never cut within a grapheme of Unicode's own rules (UAX 29), though
it may be cut a little early, and its columns are never too few.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

# Longer texts are no names; what is behind is not looked at.
MAX_CHARACTERS = 256

_LATIN_1 = 0xFF
_MAX_MARKS = 4

# The letters of Latin, Greek and Cyrillic that are one code point, one column, and plain as they
# are: names made of nothing else need no closer look.
_ORDINARY = re.compile(
    r"[ -~\u00c0-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u01cd-\u01dc\u01e6-\u01ef"
    r"\u01fa-\u021b\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ce\u0400-\u0482\u048a-\u052f]*"
)

_ZWNJ = "\u200c"
_ZWJ = "\u200d"
_WIDE_PRESENTATION = "\ufe0f"
_VIRAMA = 9
_BLACK_FLAG = "\U0001f3f4"
_CANCEL_TAG = "\U000e007f"
# These letters stand before the one that they belong to (Grapheme_Cluster_Break=Prepend).
_PREPENDED = frozenset(
    "\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3\U000113d1\U0001193f\U00011941\U00011a3a"
    "\U00011a84\U00011a85\U00011a86\U00011a87\U00011a88\U00011a89\U00011d46\U00011f02"
)
# Spacing letters that belong to the one before them all the same (Thai and Lao AM).
_APPENDED = frozenset("\u0e33\u0eb3")

# The narrow pictures that emoji are joined of: gender, professions, hearts, flags, sports.
_JOINED_PICTURES = frozenset("♀♂⚕⚖✈❤☠⬛➡↔↕⛓🏳🏋🏌🕵👁🗨")

_BLANK = " "
_TYPOGRAPHIC = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼʹ′＇", "'"),
        **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
        **dict.fromkeys('"“”„‟«»″<>;,{}', _BLANK),
        **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], _BLANK),
        **dict.fromkeys("\\$", ""),
        **dict.fromkeys("\xa0\u2028\u2029", _BLANK),
    }
)
# Forbidden ones have gone before these are looked at.
_GONE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_MARKS = frozenset({"Mn", "Mc", "Me"})
_BLANKS = frozenset({"Zs", "Zl", "Zp"})

# Letters that have no decomposition, and the two alphabets beside the Latin one that carriers use.
_LETTERS = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
        "ħ": "h", "Ħ": "H", "\u0131": "i", "ŋ": "n", "Ŋ": "N", "ŧ": "t", "Ŧ": "T", "ĸ": "k",
        "€": "EUR", "£": "GBP", "·": ".", "•": "-", "©": "(c)", "®": "(r)", "ª": "a", "º": "o",
    }
)  # fmt: skip
# An abbreviation in Hebrew has its mark before the last letter, and a keyboard's is `"`.
_HEBREW_QUOTE = re.compile(r"(?<=[\u05d0-\u05ea])\"(?=[\u05d0-\u05ea])")
_GREEK_AND_CYRILLIC = {
    pair[0]: pair[1:]
    for pair in (
        "αa βv γg δd εe ζz ηi θth ιi κk λl μm νn ξx οo πp ρr σs ςs τt υy φf χch ψps ωo "
        "аa бb вv гg дd еe жzh зz иi кk лl мm нn оo пp рr сs тt уu фf хkh цts чch шsh щshch ъ ыy ь "
        "эe юyu яya іi єie ґg ђdj јj љlj њnj ћc џdz"
    ).split()
}


class Cluster(NamedTuple):
    """Code points that stay together, and the columns that they take."""

    text: str
    columns: int


def clean(text: str, *, trim: bool = True) -> str:
    r"""Keep what may reach a phone of any text at all.

    Control characters, bidirectional controls and other invisible ones go, as do unassigned and
    private ones, lone surrogates and `" < > ; , \ $ { }`; apostrophes, dashes and compatibility
    forms (full-width letters, presentation forms) become plain. Blanks are single.

    Args:
        text: any text; only the first `MAX_CHARACTERS` count.
        trim: whether blanks at both ends go; if not, they stay as they are.

    Returns:
        The text in Unicode's composed form (NFC). Cleaning it again changes nothing.
    """
    text = text[:MAX_CHARACTERS]
    if not is_ordinary(text):
        text = _HEBREW_QUOTE.sub("\u05f4", text)
        text = _visible(_plain_forms(text).translate(_TYPOGRAPHIC)[:MAX_CHARACTERS])
    text = text.translate(_TYPOGRAPHIC)
    words = " ".join(text.split())
    if trim:
        return words
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(text.rstrip()) :] if words else ""
    return before + words + after


def is_ordinary(text: str) -> bool:
    """Tell whether a text is plainly one code point and one column for each grapheme."""
    return text.isascii() or bool(_ORDINARY.fullmatch(text))


def fold(text: str, repertoire: str) -> str:
    """Spell a clean text in a repertoire as well as the standard library can.

    What `domain/naming.py` stores is folded by a library that knows every script; this is for the
    names that carriers send: accents go, Greek and Cyrillic are spelled in Latin letters, and what
    has no spelling goes.

    Args:
        text: a text that is clean.
        repertoire: `utf-8`, `latin-1` or `ascii`.
    """
    if repertoire == "utf-8" or text.isascii():
        return text
    if repertoire == "latin-1":
        try:
            text.encode("latin-1")
        except UnicodeEncodeError:
            pass
        else:
            return text
    plain = (_plain_letter(ch) for ch in text.translate(_LETTERS))
    spelled = clean("".join(plain).encode("ascii", "ignore").decode("ascii"), trim=False)
    return spelled if text[:1].isspace() or text[-1:].isspace() else spelled.strip()


def columns(text: str) -> int:
    """Count the columns of a clean text; never fewer than its graphemes take."""
    if is_ordinary(text):
        return len(text)
    return sum(cluster.columns for cluster in clusters(text))


def cut(text: str, room: int, octets: int) -> str:
    """Keep as much of the beginning of a clean text as fits.

    Args:
        text: a text that is clean.
        room: columns.
        octets: bytes in UTF-8.
    """
    kept = []
    for cluster in clusters(text):
        room -= cluster.columns
        octets -= len(cluster.text.encode())
        if room < 0 or octets < 0:
            break
        kept.append(cluster.text)
    return "".join(kept)


def clusters(text: str) -> list[Cluster]:
    """Split a clean text where it may be cut."""
    found: list[Cluster] = []
    flags = 0
    last = 0
    before = ""
    for ch in text:
        flags = flags + 1 if _is_flag_letter(ch) else 0
        if found and (_joins(before, ch) or (flags and not flags % 2)):
            cluster = found[-1]
            if flags:
                more = last = 2 * (flags % 2)
            elif ch == _WIDE_PRESENTATION:
                # What stands before it is shown as an emoji.
                more, last = int(last == 1), 2
            elif _joins_pictures(cluster.text, ch):
                more, last = 0, 2
            else:
                more = _more_columns(ch)
                last = more or last
            found[-1] = Cluster(cluster.text + ch, cluster.columns + more)
        else:
            last = 2 if flags else _width(ch)
            found.append(Cluster(ch, last))
        before = ch
    return found


def _joins(before: str, ch: str) -> bool:
    """Tell whether a character may belong to the grapheme of the one before it."""
    return (
        _extends(ch)
        or before == _ZWJ
        or before in _PREPENDED
        or (unicodedata.combining(before) == _VIRAMA and ch.isalpha())
        or (_is_jamo(before) and (_is_jamo(ch) or _is_hangul(ch)))
        or (_is_hangul(before) and _is_jamo(ch))
        # A consonant that is linked to the one before: the mark that links is not always last.
        or (before in "\u200c\u200d" and ch.isalpha())
        or (unicodedata.category(before) == "Mn" and _is_indic(before) and ch.isalpha())
    )


def _joins_pictures(before: str, ch: str) -> bool:
    """Tell an emoji that a joiner melts into the one before it: a family, a profession."""
    if not before.endswith(_ZWJ) or not _is_picture(ch):
        return False
    base = before[:-1].rstrip(_WIDE_PRESENTATION)
    while base and _extends_emoji(base[-1]):
        base = base[:-1].rstrip(_WIDE_PRESENTATION)
    return bool(base) and _is_picture(base[-1])


def _is_picture(ch: str) -> bool:
    return ("\U0001f300" <= ch <= "\U0001faff" and _width(ch) > 1) or ch in _JOINED_PICTURES


def _more_columns(ch: str) -> int:
    """Count what a character that joins adds; one too many rather than one too few."""
    category = unicodedata.category(ch)
    if category in {"Mn", "Me"} or ch in "\u200c\u200d" or _extends_emoji(ch):
        return 0
    return _width(ch)


def _extends(ch: str) -> bool:
    return (
        unicodedata.category(ch) in _MARKS
        or ch in {_ZWNJ, _ZWJ}
        or ch in _APPENDED
        or _extends_emoji(ch)
    )


def _extends_emoji(ch: str) -> bool:
    """Tell the skin tones, and the tags that spell the flag of a region."""
    return "\U0001f3fb" <= ch <= "\U0001f3ff" or _is_tag(ch)


def _is_tag(ch: str) -> bool:
    return "\U000e0020" <= ch <= _CANCEL_TAG


def _is_flag_letter(ch: str) -> bool:
    return "\U0001f1e6" <= ch <= "\U0001f1ff"


def _is_jamo(ch: str) -> bool:
    return "\u1100" <= ch <= "\u11ff" or "\ua960" <= ch <= "\ua97c" or "\ud7b0" <= ch <= "\ud7fb"


def _is_hangul(ch: str) -> bool:
    return "\uac00" <= ch <= "\ud7a3"


def _is_indic(ch: str) -> bool:
    return "\u0900" <= ch <= "\u1cff" or "\ua800" <= ch <= "\uabff" or ch >= "\U00010a00"


def _width(ch: str) -> int:
    return 2 if unicodedata.east_asian_width(ch) in {"W", "F"} else 1


def _plain_forms(text: str) -> str:
    """Replace compatibility forms by the plain ones, and compose accents.

    What Latin-1 has stays: `Mª José` is how it is written.
    """
    return unicodedata.normalize(
        "NFC",
        "".join(
            ch if ord(ch) <= _LATIN_1 or ch in _APPENDED else unicodedata.normalize("NFKC", ch)
            for ch in unicodedata.normalize("NFC", text)
        ),
    )


def _visible(text: str) -> str:
    """Drop what can't be seen, and marks that have nothing to stand on."""
    kept: list[str] = []
    marks = 0
    for at, ch in enumerate(text):
        category = unicodedata.category(ch)
        if category in _BLANKS:
            ch = _BLANK  # noqa: PLW2901 - any blank is a blank
        elif category in _MARKS:
            marks += 1
            if marks > _MAX_MARKS or not kept or kept[-1] == _BLANK or _is_selector(ch):
                continue
        elif category in _GONE and not _is_meant(text, at, kept):
            continue
        if category not in _MARKS:
            marks = 0
        kept.append(ch)
    while kept and kept[-1] in {_ZWJ, _ZWNJ}:
        kept.pop()
    return unicodedata.normalize("NFC", "".join(kept))


def _is_selector(ch: str) -> bool:
    """Tell the selectors of glyphs that no phone has; those of emoji are kept."""
    return "\U000e0100" <= ch <= "\U000e01ef" or "\ufe00" <= ch <= "\ufe0d"


def _is_meant(text: str, at: int, kept: list[str]) -> bool:
    """Tell whether an invisible character makes a grapheme or a spelling of its own.

    Joiners do within emoji and in the scripts that need them, tags do in the flag of a region.
    """
    ch = text[at]
    if ch in {_ZWJ, _ZWNJ}:
        after = text[at + 1 : at + 2]
        return bool(
            kept
            and not kept[-1].isascii()
            and kept[-1] not in {_ZWJ, _ZWNJ}
            and after
            and not after.isascii()
            and unicodedata.category(after) not in _GONE | _BLANKS
        )
    if _is_tag(ch):
        flag = text.rfind(_BLACK_FLAG, 0, at)
        end = text.find(_CANCEL_TAG, at)
        return flag >= 0 and end >= 0 and all(map(_is_tag, text[flag + 1 : end]))
    return False


def _plain_letter(ch: str) -> str:
    if ch.isascii():
        return ch
    base = unicodedata.normalize("NFKD", ch)[0]
    spelled = _GREEK_AND_CYRILLIC.get(base.lower())
    if spelled is None:
        return base
    return spelled.capitalize() if base.isupper() else spelled
