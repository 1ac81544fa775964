"""Rules are data that somebody types in: a bad one is refused when it is saved."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centralino.domain.errors import PayloadError
from centralino.domain.number import MAX_TEXT
from centralino.domain.rules import check_exten_pattern, check_pattern, check_rules, count_ways
from centralino.domain.settings import Line, Rule

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
    check_rules([Rule(pattern, replacement)])


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
        check_rules([Rule(pattern, "")])


def test_rules_that_are_quick_one_by_one_but_not_together_are_refused() -> None:
    # 41 x 41 ways from 40 places each, of 100,000 in all.
    rule = Rule(r"\d*-\d*$", "")
    check_rules([rule])
    check_rules([Rule(r"^\d*-\d*$", "")] * 20, "line.rules")
    with pytest.raises(PayloadError, match=r"^line\.rules: expected .* quick together"):
        check_rules([rule] * 2, "line.rules")


@pytest.mark.parametrize("pattern", ["", "(", "[", "*", "(?<=a+)b", "a" * 201, "a{99999999999}"])
def test_a_rule_that_is_no_regex_is_refused(pattern: str) -> None:
    with pytest.raises(PayloadError, match=r"^rules\[1\]\.pattern: "):
        check_rules([Rule("^9", ""), Rule(pattern, "")])


@pytest.mark.parametrize("replacement", [r"\1", r"\g<name>", "\\", r"\q", "0" * 61])
def test_a_replacement_that_python_cannot_read_is_refused(replacement: str) -> None:
    with pytest.raises(PayloadError, match=r"^rules\[0\]\.replacement: "):
        check_rules([Rule("^9", replacement)])


def test_an_exten_pattern_is_refused_by_its_own_field() -> None:
    assert check_pattern("2[0-9]{2}", "exten_pattern").fullmatch("200")
    with pytest.raises(PayloadError, match=r"^exten_pattern: "):
        check_exten_pattern("(2*)*", [Line()])


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (".*", Line(country="IT")),
        (r"\d+", Line(country="IT")),
        (r"\d{2,8}", Line(country="IT")),
        (r"33\d{8}", Line(country="IT")),
        (r"0[67]\d{8}", Line(country="IT")),
        (r"0030\d+", Line(country="GR")),
        (r"9\d{10}", Line(country="IT", outside_prefix="9")),
        (r"[2-9]\d{6}", Line(country="US", area_code="212")),
        (r"0?8\d{7,9}", Line(country="DE")),
        (r"\d{4}", Line(country="NU")),
    ],
)
def test_an_exten_pattern_that_takes_public_numbers_is_refused(pattern: str, line: Line) -> None:
    with pytest.raises(PayloadError, match=r"^exten_pattern: .* is a public number \(\+\d+\)"):
        check_exten_pattern(pattern, [Line(country="IS"), line])


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (r"\d{2,5}", Line(country="IT")),
        (r"[*#]?[2-7]\d{2}", Line(country="US", area_code="212")),
        (r"8\d{6}", Line(country="US")),
        (r"\d{4}", Line(country="IR")),
        (r"\d{5}", Line(country="NO", outside_prefix="0")),
    ],
)
def test_an_exten_pattern_that_no_public_number_matches_is_accepted(
    pattern: str, line: Line
) -> None:
    assert check_exten_pattern(pattern, [line]).pattern == pattern


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_nobody_makes_a_colleague_of_everybody(country: str) -> None:
    with pytest.raises(PayloadError, match="is a public number"):
        check_exten_pattern(r"\d+", [Line(country=country)])


PARSER = import_module("re._parser")
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
    tree = PARSER.parse(pattern)
    assert _walk(list(tree), "0110", 0) <= count_ways(tree)


def test_a_repeat_has_as_many_ways_as_the_longest_text_allows() -> None:
    tree = PARSER.parse(r"^\d*")
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
