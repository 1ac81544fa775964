"""Whether a line's rule, or a pattern of extensions, may be saved.

Python's matcher backtracks, so a pattern can take longer than the caller waits. Linters for that
(redoctor, redos-linter) guess from the pattern's shape; here the text's length is known, so the
worst case can be counted instead: the number of ways in which the matcher can go through the
pattern on a text of `number.MAX_TEXT` characters, from every place where it can start.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from centralino.domain.errors import PayloadError
from centralino.domain.number import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.domain.settings import Rule

MAX_PATTERN = 200
MAX_REPLACEMENT = 60
# Each way costs at most `MAX_TEXT` steps of some nanoseconds: together far below a deadline.
MAX_WAYS = 100_000

_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "GROUPREF", "RANGE", "CATEGORY")

# Where the parser keeps the body of a group.
_BODY_AT = {"SUBPATTERN": 3, "ASSERT": 1, "ASSERT_NOT": 1}


def check_rule(rule: Rule, field: str = "rules") -> None:
    """Refuse a rule whose regex or replacement is invalid, or that can hold up a call.

    Args:
        rule: the rule as it is to be saved.
        field: how the caller spells the rule's place (`line.rules[0]`), for the error.

    Raises:
        PayloadError: naming `<field>.pattern` or `<field>.replacement`.
    """
    compiled = check_pattern(rule.pattern, f"{field}.pattern")
    if len(rule.replacement) > MAX_REPLACEMENT:
        raise PayloadError(f"{field}.replacement", f"at most {MAX_REPLACEMENT} characters")
    try:
        # The replacement is read before anything is matched, so any text will do.
        compiled.sub(rule.replacement, "")
    except (re.error, IndexError) as error:
        raise PayloadError(f"{field}.replacement", f"a valid replacement ({error})") from error


def check_pattern(pattern: str, field: str) -> re.Pattern[str]:
    """Refuse a regex that is invalid or that can hold up a call; return it compiled.

    Raises:
        PayloadError: naming the field.
    """
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise PayloadError(field, f"a regular expression of 1 to {MAX_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
        tree = import_module("re._parser").parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise PayloadError(field, f"a valid regular expression ({error})") from error
    if count_ways(tree) * _starts(tree) > MAX_WAYS:
        raise PayloadError(
            field,
            "a regular expression that is quick on every text: no repeat within a repeat, few"
            " repeats side by side, and ^ at the beginning",
        )
    return compiled


def count_ways(tree: Sequence[Any]) -> int:
    """Count, from above, the ways a matcher can go through a parsed pattern from one place."""
    ways = 1
    for name, argument in tree:
        ways *= _ways(str(name), argument)
        if ways > MAX_WAYS:
            break
    return min(ways, MAX_WAYS + 1)


def _ways(name: str, argument: Any) -> int:  # noqa: ANN401 - the parser's own tree
    if name in _SINGLE:
        return 1
    if name in _REPEATS:
        low, high, body = argument
        return _repeat_ways(int(low), min(int(high), MAX_TEXT), count_ways(body))
    if name == "BRANCH":
        return sum(count_ways(branch) for branch in argument[1])
    if name in _BODY_AT:
        return count_ways(argument[_BODY_AT[name]])
    # A kind of node that this Python's parser has and we don't know.
    return MAX_WAYS + 1


def _repeat_ways(low: int, high: int, body: int) -> int:
    """Count the ways of low to high repeats: each number of them, times the body's ways in each."""
    ways = 0
    for times in range(min(low, high), high + 1):
        ways += body**times
        if ways > MAX_WAYS:
            break
    return ways


def _starts(tree: Sequence[Any]) -> int:
    """Return from how many places a search can start: one if the pattern begins with `^`."""
    for name, argument in tree:
        anchored = str(name) == "AT" and str(argument) in {"AT_BEGINNING", "AT_BEGINNING_STRING"}
        return 1 if anchored else MAX_TEXT
    return 1
