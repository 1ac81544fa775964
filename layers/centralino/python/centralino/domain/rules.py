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
from centralino.domain.number import MAX_TEXT, is_valid
from centralino.domain.plans import PLANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from centralino.domain.settings import Line, Rule

MAX_PATTERN = 200
MAX_REPLACEMENT = 60
# For all the rules of a line, and for the pattern of extensions. Each way costs at most `MAX_TEXT`
# steps of some nanoseconds: together far below a deadline.
MAX_WAYS = 100_000

_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "GROUPREF", "RANGE", "CATEGORY")

# How many digits of an example number are replaced to build others like it.
_BEGINNING = 3
_BEGINNINGS = 10**_BEGINNING
_FILLER = "345678345678345"
# A special number may have as few digits as an extension.
_MIN_PUBLIC = 7

# Where the parser keeps the body of a group.
_BODY_AT = {"SUBPATTERN": 3, "ASSERT": 1, "ASSERT_NOT": 1}


def check_rules(rules: Sequence[Rule], field: str = "rules") -> None:
    """Refuse a line's rules if one is invalid, or if they can hold up a call, alone or together.

    Args:
        rules: the rules of one line as they are to be saved, in their order.
        field: how the caller spells their place (`line.rules`), for the error.

    Raises:
        PayloadError: naming `<field>[0].pattern`, `<field>[0].replacement`, or the field for all.
    """
    ways = sum(_check_rule(rule, f"{field}[{place}]") for place, rule in enumerate(rules))
    if ways > MAX_WAYS:
        raise PayloadError(
            field, "rules that are quick together: fewer of them, fewer repeats, ^ at the beginning"
        )


def check_exten_pattern(
    pattern: str, lines: Iterable[Line], field: str = "exten_pattern"
) -> re.Pattern[str]:
    """Refuse a pattern of extensions that is invalid or slow, or that takes public numbers.

    Whoever matches it is shown as a colleague. So it is tried on the example numbers of each
    line's country and on numbers built like them, as they are dialled; see `_public_numbers`.

    Args:
        pattern: a regex that extensions match in full.
        lines: the tenant's lines.
        field: how the caller spells its place, for the error.

    Raises:
        PayloadError: naming the field, with the number that the pattern takes.
    """
    compiled = check_pattern(pattern, field)
    ways: dict[str, tuple[set[str], set[str]]] = {}
    for line in lines:
        areas, prefixes = ways.setdefault(line.country, (set(), {""}))
        areas.add(line.area_code)
        prefixes.add(line.outside_prefix)
    for country, (areas, prefixes) in ways.items():
        for text, number in _public_numbers(country, areas - {""}, prefixes):
            # The pattern first: hardly any gets as far as the numbering plan.
            if compiled.fullmatch(text) and is_valid(number):
                raise PayloadError(
                    field,
                    f"a pattern that only extensions match; {text} is a public number ({number})",
                )
    return compiled


def check_pattern(pattern: str, field: str) -> re.Pattern[str]:
    """Refuse a regex that is invalid or that can hold up a call; return it compiled.

    Raises:
        PayloadError: naming the field.
    """
    return _check_pattern(pattern, field)[0]


def _check_rule(rule: Rule, field: str) -> int:
    """Check one rule alone; return the ways through its pattern."""
    compiled, ways = _check_pattern(rule.pattern, f"{field}.pattern")
    if len(rule.replacement) > MAX_REPLACEMENT:
        raise PayloadError(f"{field}.replacement", f"at most {MAX_REPLACEMENT} characters")
    try:
        # The replacement is read before anything is matched, so any text will do.
        compiled.sub(rule.replacement, "")
    except (re.error, IndexError) as error:
        raise PayloadError(f"{field}.replacement", f"a valid replacement ({error})") from error
    return ways


def _check_pattern(pattern: str, field: str) -> tuple[re.Pattern[str], int]:
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise PayloadError(field, f"a regular expression of 1 to {MAX_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
        tree = import_module("re._parser").parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise PayloadError(field, f"a valid regular expression ({error})") from error
    ways = count_ways(tree) * _starts(tree)
    if ways > MAX_WAYS:
        raise PayloadError(
            field,
            "a regular expression that is quick on every text: no repeat within a repeat, few"
            " repeats side by side, and ^ at the beginning",
        )
    return compiled, ways


def _public_numbers(country: str, areas: set[str], prefixes: set[str]) -> Iterator[tuple[str, str]]:
    """Yield texts as which numbers of a country arrive, each with the number in E.164.

    The numbers are libphonenumber's examples, and others built like them: of each length that the
    plan has, with each of 1,000 beginnings, and behind the lines' area codes. Not all of them
    exist. Special numbers of few digits (Iran's 9601) are left out: they don't call.
    """
    import phonenumbers  # noqa: PLC0415 - the tables hold no examples

    code, trunk = (str(PLANS[country][place]) for place in (0, 2))
    kinds = phonenumbers.PhoneNumberType
    sizes = {n for n in PLANS[country][6] if n >= _MIN_PUBLIC}  # type: ignore[attr-defined]  # generated to fit
    examples: list[str] = []
    for kind in kinds.values():
        example = phonenumbers.example_number_for_type(country, kind)
        if example is not None:
            national = phonenumbers.national_significant_number(example)
            if len(national) >= _MIN_PUBLIC or kind in {kinds.FIXED_LINE, kinds.MOBILE}:
                examples.append(national)
                sizes.add(len(national))
                yield from _spellings(national, code, trunk, prefixes)
    for size in sorted(sizes):
        tail = (max(examples, key=len) + _FILLER)[_BEGINNING:size]
        for start in range(_BEGINNINGS):
            built = f"{start:0{_BEGINNING}}{tail}"
            yield from _spellings(built, code, trunk, prefixes)
        for area in areas:
            local = (examples[0] + _FILLER)[len(area) : size]
            yield local, f"+{code}{area}{local}"
            yield from _spellings(area + local, code, trunk, prefixes)


def _spellings(
    national: str, code: str, trunk: str, prefixes: set[str]
) -> Iterator[tuple[str, str]]:
    number = f"+{code}{national}"
    for prefix in prefixes:
        for text in (national, trunk + national, code + national, f"00{code}{national}"):
            yield prefix + text, number


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
