"""The label: what the phone shows, picked from what `domain/naming.py` worked out beforehand.

A number card keeps a holder's `parts`, plain JSON (`domain/naming.py` makes them)::

    p   the person's rungs, the longest first: ["Mario Rossi", "M. Rossi", "Rossi"]
    c   the company's rungs: ["Officine Meccaniche Rossi", ..., "Off Mecc Rossi", ..., "Rossi"]
    pa  ca  the same in ASCII; only where they differ
    pw  cw  how many columns each rung takes; only where that is not its length
    pr  cr  the last rung's graphemes as runs, flat: how many, of how many code points, of how many
            columns; only where they are not one and one

A column is a grapheme; a wide one (East Asian wide, emoji) takes two. A label has at most
`max_length` columns and 80 bytes of UTF-8 (the buffer of Asterisk's PJSIP for a name).

A template's words in braces are filled in, a part in square brackets goes when one of its fields
is empty, the rest stays: `{flag}{name}[ ({company})]`.

- `{flag}`: what the tenant's settings show for the customer's status. It comes first and is never
  cut; a template without it shows it all the same.
- `{name}`: the person, or the company where there is none.
- `{company}`: the company, where `{name}` is not the company already.
- `{code}`: the customer code.

This module is on the call path: plain ASCII is fitted with a few comparisons, and everything else
goes through `domain/characters.py`, which is imported when it is needed.
"""

from __future__ import annotations

import re
from operator import add

from centralino.domain.errors import PayloadError
from centralino.domain.record import TYPE_CHECKING, NamedTuple, Record
from centralino.domain.settings import REPERTOIRES, LabelStyle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

MIN_COLUMNS = 10
MAX_COLUMNS = 60
MAX_OCTETS = 80
MAX_FLAG_COLUMNS = 4
MAX_FLAGS = 50
MAX_TEMPLATE = 100
FIELDS = ("flag", "name", "company", "code")
FORBIDDEN = '"<>;,\\${}'

# Fewer columns than this say nothing of a name: then the mark and the count behind it go first.
_FEW_COLUMNS = 3
# What is left hanging when the field beside it is empty, or when a name is cut.
_HANGING = " -|/:\u00b7\u2013\u2014"
_HANGING_CUT = " -/(&.'"
_KEPT_IN_MEMORY = 512

_UNSAFE = re.compile(r'[\x00-\x1f\x7f"<>;,\\${}]')
_TO_BLANK = {**dict.fromkeys([*range(0x20), 0x7F, *map(ord, '"<>;,{}')], " "), 0x5C: "", 0x24: ""}
_TOKEN = re.compile(r"\{([^{}]*)\}|(\[)|(\])|([^][{}]+)|(.)", re.DOTALL)
_CHARSETS = {"utf-8": "utf-8", "latin-1": "iso-8859-1", "ascii": "us-ascii"}


class _Piece(NamedTuple):
    """A text that is shown as it is, measured."""

    text: str
    columns: int
    octets: int


class _Item(NamedTuple):
    """One part of a template: a field's name, or a text; `section` 0 is outside of brackets."""

    field: str
    text: _Piece
    section: int


class _Layout(Record):
    """A template made ready; no `items` stand for the name alone.

    Attributes:
        lead: what stands between the flag and the rest, gone without a flag.
    """

    lead: _Piece
    items: tuple[_Item, ...]


class _Ladder(NamedTuple):
    """The ways to write one name, the longest first; see the module for `widths` and `runs`."""

    rungs: Sequence[str]
    widths: Sequence[int] | None = None
    runs: Sequence[int] | None = None


class _Room(NamedTuple):
    """What a name may take."""

    columns: int
    octets: int


_NOTHING = _Piece("", 0, 0)
_pieces: dict[tuple[str, str], _Piece] = {}
_layouts: dict[tuple[str, str], _Layout] = {}


def fit_label(  # noqa: PLR0913 - what a label shows
    parts: Mapping[str, Any],
    style: LabelStyle,
    *,
    status: str = "",
    suffix: str = "",
    uncertain: bool = False,
    code: str = "",
) -> str:
    """Fit a holder's name into a label: the person's, or the company's without one.

    Args:
        parts: the holder's, as `domain/naming.py` made them.
        style: the tenant's.
        status: the customer's status, for the flag.
        suffix: what follows the name, behind a blank: `+2` for two further holders.
        uncertain: whether a `?` follows the name.
        code: the customer code, for a template that shows it.

    Returns:
        The label; empty without any name.
    """
    key = "p" if parts.get("p") else "c"
    if not (status or suffix or uncertain) and (label := _longest(parts, key, style)):
        return label
    tail = ("?" if uncertain else "") + (f" {suffix}" if suffix else "")
    flag = style.flags.get(status, "") if status else ""
    return _fit(parts, key, style, flag=flag, tail=tail, code=code)


def fit_company(  # noqa: PLR0913 - what a label shows
    parts: Mapping[str, Any],
    style: LabelStyle,
    *,
    status: str = "",
    suffix: str = "",
    uncertain: bool = False,
    code: str = "",
) -> str:
    """Fit a holder's company into a label, as several people of one company share a number.

    Takes what `fit_label` takes, and gives its answer for a holder without a company.
    """
    tail = ("?" if uncertain else "") + (f" {suffix}" if suffix else "")
    key = "c" if parts.get("c") else "p"
    flag = style.flags.get(status, "") if status else ""
    return _fit(parts, key, style, flag=flag, tail=tail, code=code)


def clean_name(name: str, style: LabelStyle) -> str:
    """Clean the name that the carrier sent, and cut it to the label's length.

    Never raises, whatever the carrier sent. Nothing is known of how such a name is made up, so it
    is cut on a grapheme; no flag and no template apply.
    """
    columns = min(style.max_length, MAX_OCTETS)
    if columns <= 0:
        return ""
    text = str(name)
    if not text.isascii():
        from centralino.domain import characters  # noqa: PLC0415 - a rare path

        text = characters.fold(characters.clean(text), style.repertoire)
        if not text.isascii():
            return characters.cut(text, columns, MAX_OCTETS).rstrip()
    return " ".join(text.translate(_TO_BLANK).split())[:columns].rstrip()


def encode_label(label: str, repertoire: str) -> tuple[bytes, str]:
    """Encode a label for the wire.

    Args:
        label: a label that was fitted for this repertoire.
        repertoire: `utf-8`, `latin-1` or `ascii`.

    Returns:
        The body, and the charset for its content type. A character outside of the repertoire,
        which no fitted label has, becomes a `?`.
    """
    charset = _CHARSETS.get(repertoire, "utf-8")
    return label.encode(charset, "replace"), charset


def check_style(style: LabelStyle) -> None:
    """Refuse a style that can't be shown, when it is saved.

    Raises:
        PayloadError: names the field, as `label.template`.
    """
    length = style.max_length
    if type(length) is not int or not MIN_COLUMNS <= length <= MAX_COLUMNS:
        raise PayloadError("label.max_length", f"a whole number, {MIN_COLUMNS} to {MAX_COLUMNS}")
    if style.repertoire not in REPERTOIRES:
        raise PayloadError("label.repertoire", "one of " + ", ".join(REPERTOIRES))
    _check_template(style.template, style.repertoire, length)
    if not hasattr(style.flags, "items") or len(style.flags) > MAX_FLAGS:
        raise PayloadError("label.flags", f"at most {MAX_FLAGS} statuses with their flags")
    for status, flag in style.flags.items():
        if not isinstance(status, str) or not status:
            raise PayloadError("label.flags", "a status, in letters, before each flag")
        if not isinstance(flag, str) or not _presentable(flag, style.repertoire):
            raise PayloadError(f"label.flags.{status}", _presentable_means(style.repertoire))
        if not 0 < _piece(flag, style.repertoire).columns <= MAX_FLAG_COLUMNS:
            raise PayloadError(f"label.flags.{status}", f"1 to {MAX_FLAG_COLUMNS} columns")


def _check_template(template: str, repertoire: str, length: int) -> None:
    if not isinstance(template, str) or len(template) > MAX_TEMPLATE:
        raise PayloadError("label.template", f"a text of at most {MAX_TEMPLATE} characters")
    items = _parse(template, repertoire)
    fields = [item.field for item in items if item.field]
    texts = [text for field, _, _, text, _ in _TOKEN.findall(template) if text and not field]
    if not {"name", "company"} & set(fields):
        raise PayloadError("label.template", "{name} or {company} in it")
    if len(fields) != len(set(fields)):
        raise PayloadError("label.template", "each field once")
    if "flag" in fields and items[0].field != "flag":
        raise PayloadError("label.template", "{flag} at its beginning")
    if not all(_presentable(text, repertoire) for text in texts):
        raise PayloadError("label.template", _presentable_means(repertoire))
    if sum(item.text.columns for item in items if not item.section) > length // 2:
        raise PayloadError("label.template", "text that leaves half of the label to the name")


def _presentable(text: str, repertoire: str) -> bool:
    """Tell whether a text of the settings can be shown just as it is."""
    return _piece(text, repertoire).text == text


def _presentable_means(repertoire: str) -> str:
    return f"characters of {repertoire} that a phone can show, none of {' '.join(FORBIDDEN)}"


def _fit(  # noqa: PLR0913 - one label's ingredients
    parts: Mapping[str, Any], key: str, style: LabelStyle, *, flag: str, tail: str, code: str
) -> str:
    repertoire = style.repertoire
    layout = _layouts.get((style.template, repertoire))
    if layout is None:
        layout = _layout(style.template, repertoire)
    name = _ladder(parts, key, repertoire)
    head = _piece(flag, repertoire) if flag else _NOTHING
    if head.text and layout.lead.text:
        head = _Piece(*map(add, head, layout.lead))
    end = _piece(tail, repertoire) if tail else _NOTHING
    columns = style.max_length - head.columns
    octets = MAX_OCTETS - head.octets
    if columns - end.columns < _FEW_COLUMNS:
        end = _NOTHING
    room = _Room(min(columns - end.columns, octets - end.octets), octets - end.octets)
    if room.columns <= 0:
        # A flag as long as the label, which `check_style` refuses.
        return _cut_text(head.text, style.max_length, MAX_OCTETS)
    body = ""
    if layout.items:
        company = _ladder(parts, "c", repertoire) if key == "p" else None
        body = _compose(layout.items, {"name": name, "company": company, "code": _code(code)}, room)
    if not body and name:
        body = _whole(name, room) or _cut(name, room)
        if not body:
            # One grapheme over 80 bytes: its ASCII spelling can be cut.
            folded = _ladder(parts, key, "ascii")
            body = _whole(folded, room) or _cut(folded, room) if folded else ""
    if not body:
        return ""
    label = head.text + body + end.text
    # Parts are clean when they are made. A card that somebody else wrote must not do harm either.
    return " ".join(label.translate(_TO_BLANK).split()) if _UNSAFE.search(label) else label


def _longest(parts: Mapping[str, Any], key: str, style: LabelStyle) -> str:
    """Return the longest rung that fits of a name alone, in plain ASCII and clean: most labels.

    Empty for any other: what it takes is up to `_fit`.
    """
    layout = _layouts.get((style.template, style.repertoire))
    rungs: Sequence[str] = parts.get(key, ())
    if layout is None or layout.items or key + "a" in parts or not "".join(rungs).isascii():
        return ""
    columns = style.max_length
    for rung in rungs:
        if len(rung) <= columns and len(rung) <= MAX_OCTETS:
            clean = "".join(rung.split(" ")).isalnum() or not _UNSAFE.search(rung)
            return rung if clean else ""
    return ""


def _ladder(parts: Mapping[str, Any], key: str, repertoire: str) -> _Ladder | None:
    """Pick the spelling that the repertoire can show; a name is folded as a whole or not at all."""
    rungs = parts.get(key)
    if not rungs:
        return None
    folded = parts.get(key + "a")
    if folded is None and all(map(str.isascii, rungs)):
        return _Ladder(rungs)
    if repertoire == "utf-8":
        return _Ladder(rungs, parts.get(key + "w"), parts.get(key + "r"))
    if repertoire == "latin-1" and _is_latin(rungs):
        return _Ladder(rungs)
    if folded is not None:
        return _Ladder(folded) if folded else None
    from centralino.domain import characters  # noqa: PLC0415 - a card that lacks its spelling

    return _Ladder([characters.fold(rung, repertoire) for rung in rungs])


def _is_latin(rungs: Iterable[str]) -> bool:
    try:
        "".join(rungs).encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _code(code: str) -> _Ladder | None:
    """A customer code is shown whole or not at all; one in other than plain ASCII never."""
    return _Ladder([code]) if code and code.isascii() and not _UNSAFE.search(code) else None


def _whole(ladder: _Ladder, room: _Room) -> str:
    """Return the longest rung that fits; empty if none does."""
    widths = ladder.widths
    for index, rung in enumerate(ladder.rungs):
        if (widths[index] if widths else len(rung)) <= room.columns and (
            rung.isascii() or len(rung.encode()) <= room.octets
        ):
            return rung
    return ""


def _cut(ladder: _Ladder, room: _Room) -> str:
    """Cut the last rung on a grapheme."""
    text = ladder.rungs[-1]
    if ladder.runs is None:
        kept = text[: room.columns]
        while len(kept.encode()) > room.octets:
            kept = kept[:-1]
    else:
        kept = text[: _cut_point(text, ladder.runs, room)]
    return kept.rstrip(_HANGING_CUT) or kept


def _cut_point(text: str, runs: Sequence[int], room: _Room) -> int:
    """Count the code points of as many graphemes as fit."""
    at = columns = octets = 0
    for start in range(0, len(runs), 3):
        count, points, width = runs[start : start + 3]
        for _ in range(count):
            columns += width
            octets += len(text[at : at + points].encode())
            if columns > room.columns or octets > room.octets:
                return at
            at += points
    return at


def _cut_text(text: str, columns: int, octets: int) -> str:
    if text.isascii():
        return text[: max(0, min(columns, octets))].rstrip()
    from centralino.domain import characters  # noqa: PLC0415 - a rare path

    return characters.cut(text, columns, octets).rstrip()


def _piece(text: str, repertoire: str) -> _Piece:
    """Measure a text that is shown as it is, cleaned and in the repertoire."""
    if text.isascii() and not _UNSAFE.search(text):
        return _Piece(text, len(text), len(text))
    piece = _pieces.get((text, repertoire))
    if piece is None:
        from centralino.domain import characters  # noqa: PLC0415 - once for each flag

        shown = characters.fold(characters.clean(text, trim=False), repertoire)
        piece = _Piece(shown, characters.columns(shown), len(shown.encode()))
        if len(_pieces) >= _KEPT_IN_MEMORY:
            _pieces.clear()
        _pieces[text, repertoire] = piece
    return piece


def _layout(template: str, repertoire: str) -> _Layout:
    """Make a template ready and keep it in memory.

    One that is no good, which can only be older than the check on saving, shows the name alone.
    """
    try:
        items = _parse(template, repertoire)
    except PayloadError:
        items = ()
    lead = ""
    if items and items[0].field == "flag":
        items = items[1:]
        if items and not items[0].field and not items[0].section:
            rest = items[0].text.text.lstrip(_HANGING)
            lead = items[0].text.text.removesuffix(rest)
            items = (_Item("", _piece(rest, repertoire), 0), *items[1:])
    items = tuple(item for item in items if item.field or item.text.text)
    if len(items) == 1 and items[0].field == "name":
        items = ()
    if len(_layouts) >= _KEPT_IN_MEMORY:
        _layouts.clear()
    layout = _Layout(_piece(lead, repertoire), items)
    _layouts[template, repertoire] = layout
    return layout


def _parse(template: str, repertoire: str) -> tuple[_Item, ...]:
    """Split a template into its parts; raise `PayloadError` for one that is malformed."""
    items = []
    section = sections = 0
    for field, opening, closing, text, stray in _TOKEN.findall(template):
        if opening and not section:
            sections += 1
            section = sections
        elif closing and section:
            section = 0
        elif opening or closing or stray:
            raise PayloadError("label.template", "brackets and braces in pairs, not nested")
        elif text:
            items.append(_Item("", _piece(text, repertoire), section))
        elif field in FIELDS:
            items.append(_Item(field, _NOTHING, section))
        else:
            fields = ", ".join(f"{{{known}}}" for known in FIELDS)
            raise PayloadError("label.template", f"no fields but {fields}")
    if section:
        raise PayloadError("label.template", "brackets and braces in pairs, not nested")
    return tuple(items)


def _compose(layout: Sequence[_Item], ladders: Mapping[str, _Ladder | None], room: _Room) -> str:
    """Fill in a template with whole rungs; empty if it can't be done.

    The fields give way from the right, the name last; then the bracketed parts go from the right.
    """
    gone = {item.section for item in layout if item.field and not ladders[item.field]} - {0}
    sections = sorted({item.section for item in layout} - gone - {0})
    while True:
        items = [item for item in layout if not item.section or item.section in sections]
        shown = [item.field for item in items if item.field and ladders[item.field]]
        if not shown:
            return ""
        filled = _fill(items, shown, ladders, room)
        if filled or not sections:
            return filled
        sections.pop()


def _fill(
    items: Sequence[_Item],
    shown: Sequence[str],
    ladders: Mapping[str, _Ladder | None],
    room: _Room,
) -> str:
    order = [field for field in reversed(shown) if field != "name"]
    order += ["name"] * ("name" in shown)
    level = dict.fromkeys(shown, 0)
    last = {field: len(rungs.rungs) - 1 for field in shown if (rungs := ladders[field])}
    for field in order:
        while not _fits(items, level, ladders, room) and level[field] < last[field]:
            level[field] += 1
    if not _fits(items, level, ladders, room):
        return ""
    # What gave way in vain, since another gave more, comes back.
    for field in reversed(order):
        for better in range(level[field]):
            if _fits(items, level | {field: better}, ladders, room):
                level[field] = better
                break
    text = "".join(piece.text for piece in _pieces_of(items, level, ladders))
    return " ".join(text.split()).strip(_HANGING)


def _fits(
    items: Iterable[_Item],
    level: Mapping[str, int],
    ladders: Mapping[str, _Ladder | None],
    room: _Room,
) -> bool:
    pieces = _pieces_of(items, level, ladders)
    return (
        sum(piece.columns for piece in pieces) <= room.columns
        and sum(piece.octets for piece in pieces) <= room.octets
    )


def _pieces_of(
    items: Iterable[_Item], level: Mapping[str, int], ladders: Mapping[str, _Ladder | None]
) -> list[_Piece]:
    pieces = []
    for item in items:
        ladder = ladders[item.field] if item.field else None
        if ladder:
            index = level[item.field]
            rung = ladder.rungs[index]
            columns = ladder.widths[index] if ladder.widths else len(rung)
            pieces.append(_Piece(rung, columns, len(rung.encode())))
        elif item.text.text:
            pieces.append(item.text)
    return pieces
