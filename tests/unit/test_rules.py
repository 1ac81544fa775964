"""Rules are data that somebody types in: a bad one is refused when it is saved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centralino.domain.errors import PayloadError
from centralino.domain.number import MAX_TEXT
from centralino.domain.rules import check_pattern, check_rule, count_ways
from centralino.domain.settings import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("^9", ""),
        (r"^0(?=0?[1-9])", ""),
        (r"^(\+|00)39(\d+)$", r"0\2"),
        (r"^(?:4|5)(\d{3,12})$", r"+\1"),
        (r"\D+", ""),
        (r"^(\d*)-(\d*)$", r"\1\2"),
        (r"^(?P<rest>[0-9]{5,})$", r"+39\g<rest>"),
    ],
)
def test_a_rule_that_operators_write_is_accepted(pattern: str, replacement: str) -> None:
    check_rule(Rule(pattern, replacement))


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"^(\d+)*$",
        r"^(\d|\d\d)+$",
        r"(.*)(.*)(.*)x",
        r"^(\d?){30}$",
        r"(?=(\d*)*x)",
        r"^(?:(?:0|00)*)*$",
        r"^(\d+\s?)+$",
    ],
)
def test_a_rule_that_can_explode_is_refused(pattern: str) -> None:
    with pytest.raises(PayloadError, match=r"rules\[0\]\.pattern: expected .* quick"):
        check_rule(Rule(pattern, ""), "rules[0]")


@pytest.mark.parametrize("pattern", ["", "(", "[", "*", "(?<=a+)b", "a" * 201, "a{99999999999}"])
def test_a_rule_that_is_no_regex_is_refused(pattern: str) -> None:
    with pytest.raises(PayloadError, match=r"^rules\.pattern: "):
        check_rule(Rule(pattern, ""))


@pytest.mark.parametrize("replacement", [r"\1", r"\g<name>", "\\", r"\q", "0" * 61])
def test_a_replacement_that_python_cannot_read_is_refused(replacement: str) -> None:
    with pytest.raises(PayloadError, match=r"^rules\.replacement: "):
        check_rule(Rule("^9", replacement))


def test_an_exten_pattern_is_refused_by_its_own_field() -> None:
    assert check_pattern("2[0-9]{2}", "exten_pattern").fullmatch("200")
    with pytest.raises(PayloadError, match=r"^exten_pattern: "):
        check_pattern("(2*)*", "exten_pattern")


ENOUGH = 200
_PIECES = st.recursive(
    st.sampled_from(["0", "1", r"\d", "[01]", "."]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{0,3}", "{2}"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(_PIECES)
def test_the_count_is_never_below_the_ways_that_a_matcher_has(pattern: str) -> None:
    """Compare with a matcher that tries every way and counts them, on texts that never match."""
    tree = re._parser.parse(pattern)  # type: ignore[attr-defined]
    assert _walk(list(tree), "0110", 0) <= count_ways(tree)


def test_a_repeat_has_as_many_ways_as_the_longest_text_allows() -> None:
    tree = re._parser.parse(r"^\d*")  # type: ignore[attr-defined]
    assert count_ways(tree) == MAX_TEXT + 1


def _walk(nodes: Sequence[Any], text: str, place: int) -> int:
    """Count the ways through the nodes, a way being a list of choices that reaches the end."""
    return len(_ends(nodes, text, place))


def _ends(nodes: Sequence[Any], text: str, place: int) -> list[int]:
    ends = [place]
    for name, argument in nodes:
        ends = [end for start in ends for end in _ends_of(str(name), argument, text, start)]
        # Enough to compare with; some patterns have more ways than this test has time.
        ends = ends[:ENOUGH]
    return ends


def _ends_of(name: str, argument: Any, text: str, place: int) -> list[int]:  # noqa: ANN401
    match name, argument:
        case "MAX_REPEAT", (low, high, body):
            ends: list[int] = []
            reached = [place]
            for times in range(min(int(high), len(text)) + 1):
                if times >= low:
                    ends += reached
                reached = [e for start in reached for e in _ends(list(body), text, start)]
                reached = reached[:ENOUGH]
            return ends[:ENOUGH]
        case "SUBPATTERN", (_, _, _, body):
            return _ends(list(body), text, place)
        case "BRANCH", (_, branches):
            return [end for branch in branches for end in _ends(list(branch), text, place)]
        case _:
            return [place + 1] if place < len(text) else []
