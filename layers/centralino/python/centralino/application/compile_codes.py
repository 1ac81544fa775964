"""Check what kinds of codes a node takes, and work out what of a pattern a keypad can type."""

from __future__ import annotations

import re
from importlib import import_module
from string import ascii_uppercase, digits
from typing import TYPE_CHECKING, Any

from centralino.domain.codes import COUNTRIES
from centralino.domain.errors import PayloadError
from centralino.domain.rules import MAX_PATTERN, MAX_WAYS, count_ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_KINDS = 10
EXPECTED = "any, vat, vat:<country>, tax:IT or pattern:<regex>"

# What a code keeps when it is compared (`domain/customer.py`), and what only helps to read it.
_KEPT = digits + ascii_uppercase + "_"
_SEPARATORS = " ./-"
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda c: not c.isdigit(),
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_NOT_SPACE": lambda c: not c.isspace(),
    "CATEGORY_WORD": lambda c: c.isalnum() or c == "_",
    "CATEGORY_NOT_WORD": lambda c: not (c.isalnum() or c == "_"),
}
_ENDS = ("AT_BEGINNING", "AT_BEGINNING_STRING", "AT_END", "AT_END_STRING")


def compile_codes(kinds: Sequence[str], field: str) -> tuple[str, ...]:
    r"""Check kinds of codes and return them as the call path reads them.

    A pattern is rewritten without separators, and beside it stands what it leaves on a keypad,
    which has no letters: of `C-\d{6}` that is `pattern:C[0-9]{6}` and `digits:[0-9]{6}`.

    Args:
        kinds: as somebody wrote them.
        field: how the caller spells their place (`nodes.vat.codes`), for the error.

    Raises:
        PayloadError: naming `<field>[0]`, or the field.
    """
    if not 0 < len(kinds) <= MAX_KINDS:
        raise PayloadError(field, f"1 to {MAX_KINDS} kinds of codes")
    compiled: list[str] = []
    for place, kind in enumerate(kinds):
        compiled.extend(_compiled(kind, f"{field}[{place}]"))
    if sum(_ways(kind.partition(":")[2]) for kind in compiled) > MAX_WAYS:
        raise PayloadError(field, "patterns that are quick together: fewer of them, fewer repeats")
    return tuple(dict.fromkeys(compiled))


def _compiled(kind: str, field: str) -> Iterator[str]:
    word, colon, rest = kind.partition(":")
    if word == "pattern" and colon:
        yield from _patterns(rest, field)
    elif kind in {"any", "vat", "tax:IT"}:
        yield kind
    elif word == "vat" and colon:
        if rest not in COUNTRIES:
            raise PayloadError(field, f"vat: and one of {', '.join(COUNTRIES)}")
        yield kind
    else:
        raise PayloadError(field, EXPECTED)


def _patterns(regex: str, field: str) -> Iterator[str]:
    if not 0 < len(regex) <= MAX_PATTERN:
        raise PayloadError(field, f"a regular expression of 1 to {MAX_PATTERN} characters")
    try:
        re.compile(regex)
        tree = import_module("re._parser").parse(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise PayloadError(field, f"a valid regular expression ({error})") from error
    if count_ways(tree) > MAX_WAYS:
        raise PayloadError(
            field,
            "a regular expression that is quick on every text: no repeat within a repeat, and few"
            " side by side",
        )
    whole = _Rewriter(_KEPT, _SEPARATORS, field).rewrite(tree)
    typed = _Rewriter(digits, _SEPARATORS + _KEPT.replace(digits, ""), field).rewrite(tree)
    if not whole:
        raise PayloadError(field, "a pattern that letters or digits match")
    yield f"pattern:{whole}"
    if typed and typed != whole:
        yield f"digits:{typed}"


def _ways(regex: str) -> int:
    return count_ways(import_module("re._parser").parse(regex))


class _Rewriter:
    """Rewrites a parsed pattern into one for texts of which only some characters are left.

    Args:
        kept: the characters that are left.
        dropped: those that are not: what may be one of either is optional then.
        field: for errors.
    """

    def __init__(self, kept: str, dropped: str, field: str) -> None:
        self._kept = kept
        self._dropped = dropped
        self._field = field

    def rewrite(self, tree: Any) -> str:  # noqa: ANN401 - the parser's own tree
        """Return the pattern; empty if nothing of it is left."""
        return "".join(self._node(str(name), argument) for name, argument in tree)

    def _node(self, name: str, argument: Any) -> str:  # noqa: ANN401 - the parser's own tree
        if name in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
            kept, optional = self._character(name, argument)
            return kept + ("?" if kept and optional else "")
        if name == "AT" and str(argument) in _ENDS:
            # It is matched in full anyway.
            return ""
        if name == "SUBPATTERN":
            return _group(self.rewrite(argument[3]))
        if name == "BRANCH":
            branches = dict.fromkeys(self.rewrite(branch) for branch in argument[1])
            return f"(?:{'|'.join(branches)})" if any(branches) else ""
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            return self._repeat(*argument)
        raise PayloadError(
            self._field, "a pattern of characters, classes, groups, alternatives and repeats"
        )

    def _repeat(self, low: Any, high: Any, body: Any) -> str:  # noqa: ANN401 - the parser's own
        most = "" if str(high) == "MAXREPEAT" else str(int(high))
        if len(body) == 1 and str(body[0][0]) in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
            kept, optional = self._character(str(body[0][0]), body[0][1])
            least = 0 if optional else int(low)
        else:
            kept, least = _group(self.rewrite(body)), int(low)
        if not kept:
            return ""
        return kept + (f"{{{least}}}" if most == str(least) else f"{{{least},{most}}}")

    def _character(self, name: str, argument: Any) -> tuple[str, bool]:  # noqa: ANN401 - the same
        """Return a class of the characters that are left, and whether there may be none."""
        matches = _matcher(name, argument)
        kept = "".join(c for c in self._kept if matches(c) or matches(c.lower()))
        return _class(kept), any(matches(c) or matches(c.lower()) for c in self._dropped)


def _matcher(name: str, argument: Any) -> Callable[[str], bool]:  # noqa: ANN401 - the parser's own
    if name == "ANY":
        return lambda _c: True
    if name == "LITERAL":
        return lambda c: ord(c) == argument
    if name == "NOT_LITERAL":
        return lambda c: ord(c) != argument
    negated = str(argument[0][0]) == "NEGATE"
    items = [(str(kind), value) for kind, value in argument[negated:]]
    return lambda c: any(_is_in(c, kind, value) for kind, value in items) != negated


def _is_in(c: str, kind: str, value: Any) -> bool:  # noqa: ANN401 - the parser's own
    if kind == "RANGE":
        return bool(value[0] <= ord(c) <= value[1])
    if kind == "LITERAL":
        return bool(ord(c) == value)
    return _CATEGORIES[str(value)](c)


def _class(characters: str) -> str:
    """Return a regex of one of some characters, each a letter, a digit or `_`."""
    if len(characters) <= 1:
        return characters
    runs: list[str] = []
    for c in sorted(characters):
        if runs and ord(c) == ord(runs[-1][-1]) + 1:
            runs[-1] = runs[-1][0] + c
        else:
            runs.append(c)
    return "[" + "".join(r if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs) + "]"


def _group(regex: str) -> str:
    return f"(?:{regex})" if regex else ""
