"""Conditions come to what JMESPath's own package makes of them."""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any

import jmespath
import pytest
from hypothesis import assume, given, settings
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from centralino.application.compile_condition import (
    MAX_LENGTH,
    compile_condition,
    pack_condition,
)
from centralino.application.condition_cost import MAX_STEPS
from centralino.domain.condition import FUNCTIONS, build, holds
from centralino.domain.errors import PayloadError
from centralino.domain.fact_table import shape_of_facts
from tests.support import conditions
from tests.support.conditions import literal

SCHEDULES = ("office", "night")
FACTS = shape_of_facts(SCHEDULES)
ERROR = object()


def outcome(evaluate: Any, facts: Any) -> Any:  # noqa: ANN401 - whatever it comes to
    """What an evaluation comes to, in a form in which 1 is not true; any error is one error."""
    try:
        return spelled(evaluate(facts))
    except (ArithmeticError, JMESPathError, TypeError, ValueError):
        return ERROR


def spelled(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: spelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spelled(inner) for inner in value]
    return type(value).__name__, repr(value)


def ours(text: str, facts: Any) -> Any:  # noqa: ANN401 - any of both
    """What our functions make of a whole condition: its parts joined again."""
    parts = [build(part.node) for part in pack_condition(text, "when")]

    def evaluate(value: Any) -> Any:  # noqa: ANN401 - the same
        found: Any = None
        for part in parts:
            found = part(value)
            if not holds(found):
                break
        return found

    return outcome(evaluate, facts)


@settings(max_examples=600, deadline=None)
@given(conditions.expressions, conditions.facts)
def test_a_condition_comes_to_what_jmespath_makes_of_it(text: str, facts: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theirs = outcome(jmespath.compile(text).search, facts)
    try:
        found = ours(text, facts)
    except PayloadError as error:
        # Refused before it is ever tried: there is too much of it.
        assume(("at most" in error.expected or "quick" in error.expected) is False)
        raise
    assert found == theirs


GIVEN = {
    "n": None,
    "t": True,
    "f": False,
    "zero": 0,
    "one": 1,
    "half": 0.5,
    "s": "text",
    "e": "",
    "a": [3, 1, 2],
    "w": ["b", "a"],
    "m": [1, "a", None, True],
    "o": {"x": 1, "y": [1, [2, 3]], "z": None},
    "r": [{"k": 2, "v": "b"}, {"k": 1, "v": "a"}, {"v": "c"}],
    "q": [{"k": 2, "v": "b"}, {"k": 1, "v": "a"}],
    "é x": {"a-b": 7},
}


@pytest.mark.parametrize(
    "text",
    re.split(
        r"\n|(?<=\S)\|(?=\S)",
        """\
zero == f|one == t|t == one|f == zero|half == t|`1` == `1.0`|s == 'text'|n == n|e == n|a == a
zero < one|one < s|s < e|t < one|n < one|a < one|s >= 'text'|half > zero|one <= `1`|w[0] > w[1]
!zero|!one|!e|!n|!a|!o|!`[]`|!`{}`|!!s|zero && s|e || one|`[]` || n|n && s|f || e
a[0]|a[-1]|a[9]|a[-4]|s[0]|o[0]|a[1:]|a[::-1]|a[:1]|a[5:]|a[::0]|s[1:]|a[::2][0]
r[*].k|r[].k|r[?k]|r[?k > `1`].v|r[?!k].v | [0]|o.*|o.y[]|o.y[][]|m[]|n[*]|s[*]|o[*]|o.*[0]
a | [0]|r[0] | k|r[*].k | [0]|(r[*].k)[0]|o.y[1][0]|o.{p: x, q: y}|o.[x, z]|n.[x]|n.{p: x}|@.s|@
abs(half)|abs(s)|avg(a)|avg(`[]`)|avg(w)|ceil(half)|floor(half)|sum(a)|sum(`[]`)|sum(m)
contains(s, 'ex')|contains(a, `1`)|contains(n, `1`)|contains(s, one)|contains(m, t)|contains(a, s)
ends_with(s, 't')|starts_with(s, 't')|starts_with(n, 't')|starts_with(s, one)|length(s)|length(o)
length(one)|length(n)|join('-', w)|join('-', a)|join('-', m)|join('-', `[]`)|keys(o)|keys(a)
values(o)|values(s)|max(a)|max(w)|max(m)|max(`[]`)|min(a)|min(w)|min(`[true]`)|max(s)
max_by(r, &k)|max_by(q, &k)|min_by(q, &v).k|min_by(`[]`, &k)|max_by(q, &n)|max_by(o, &k)
map(&k, r)|map(&k, `[]`)|map(&[k, v], q)|map(&k, s)|sort(a)|sort(w)|sort(m)|sort(`[]`)
sort_by(q, &k)|sort_by(r, &k)|sort_by(q, &v)[0].k|sort_by(`[]`, &k)|sort_by(q, &@)|reverse(a)
reverse(s)|reverse(n)|to_array(s)|to_array(a)|to_string(a)|to_string(s)|to_string(`1.5`)
to_string(o)|to_string(`"é"`)|to_number('1.5')|to_number('x')|to_number(t)|to_number(' 12 ')
to_number('1_0')|to_number(n)|to_number(half)|to_number('nan')|type(n)|type(t)|type(one)|type(s)
type(half)|type(a)|type(o)|not_null(n, s)|not_null(n, n)|merge(o, `{"x": 2}`)|merge(o, n)
"é x"."a-b"|o."x"|a[?@ > `1`]|a[?@ > `1`] | [0]|length(r[?k == `1`]) == `1`|m[?@]|m[*]""",
    ),
)
def test_each_corner_of_the_language_is_jmespaths(text: str) -> None:
    assert ours(text, GIVEN) == outcome(jmespath.compile(text).search, GIVEN)


def test_every_function_of_the_language_is_there_and_none_else() -> None:
    assert set(FUNCTIONS) == set(Functions.FUNCTION_TABLE)


# --- what is refused ------------------------------------------------------------------------------


ONES = literal([1] * 50)


def over_and_over(width: int, depth: int) -> str:
    """A list gone through for each element of another, and so on: the facts don't matter."""
    return f"map(&{over_and_over(width, depth - 1)}, {literal([1] * width)})" if depth else "@"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("customer.status = 'x'", "rules[3].when: expected JMESPath, at column 17:"),
        ("customer.status == 'active' && (", "rules[3].when: expected JMESPath, at column 33:"),
        ("call.did == 'x' && customer.statu", "at column 29: a fact, and customer.statu is none"),
        ("customer.code == now.code", "at column 22: a fact, and now.code is none"),
        ("custommer.code", "at column 1: a fact, and custommer is none; there are call, caller,"),
        ("agents.exten", "agents is a list, as in agents[].exten"),
        ("agents[].extn", "at column 10: a fact, and extn is none; there are exten, name,"),
        ("call.did.x", "at column 10: a fact, and call.did.x is none; call.did is text"),
        ("now.open.lunch", "now.open.lunch is none; there are office, night"),
        ("contains(customer.tags)", "2 arguments of contains(), not 1"),
        ("upper(call.did)", "a function of JMESPath; upper() is none"),
        ("starts_with(customer.tags, 'a')", "starts_with() of string, not of texts"),
        ("sum(customer.tags)", "sum() of array-number, not of texts"),
        ("call[0]", "a list before [...], not object"),
        ("customer.code[*]", "a list before [...], not text"),
        ("map(exten, agents)", "& before what map() is to do with each element"),
        ("&call", "& only before"),
        ("!caller.valid", "parentheses behind !, as !(caller.valid)"),
        ("call.did == `x`", "JMESPath (deprecated string literal syntax)"),
        ("join(call.did, customer.tags)", "join() with a written out text"),
        ("x" * (MAX_LENGTH + 1), f"at most {MAX_LENGTH} characters"),
        ("!" * 900 + "call.asked", "JMESPath, at column 1"),
        ("!" * 30 + "call.asked", "at most 20 expressions inside of each other"),
        (" || ".join(["call.asked"] * 60), "at most 20 expressions inside of each other"),
        ("&&".join(["call.id==''"] * 60), "at most 150 names, values and signs"),
        (" | ".join(["[@, @][]"] * 9), "quick for any facts"),
        ("map(&map(&map(&@, @), @), [[[call]]])" + " | [@, @][]" * 8, "quick for any facts"),
        (f"{over_and_over(50, 4)} == `1`", "quick for any facts"),
        (f"{over_and_over(45, 5)} == `1`", "quick for any facts"),
        (f"{over_and_over(50, 2)} == `1` && {over_and_over(50, 2)} == `2`", "quick for any facts"),
        (f"contains({ONES}[].[{ONES}][][].[{ONES}][][].[{ONES}][][], call.id)", "quick for any"),
        (f"{ONES}[?{ONES}[?{ONES}[?{ONES}[?@ == `2`]]]]", "quick for any facts"),
    ],
)
def test_a_condition_that_nobody_should_save_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(PayloadError) as caught:
        compile_condition(text, "rules[3].when", FACTS)
    assert complaint in str(caught.value)
    assert caught.value.field == "rules[3].when"


@pytest.mark.parametrize("depth", range(1, 8))
def test_a_condition_that_is_taken_has_few_steps_in_it_whatever_is_written_out(depth: int) -> None:
    taken = []
    for width in (1, 2, 3, 5, 10, 20, 40, 80):
        text = f"{over_and_over(width, depth)} == `1`"
        try:
            [part] = pack_condition(text, "when")
        except PayloadError:
            continue
        taken.append(steps_of(build(part.node)))
    assert taken
    assert max(taken) < 2 * MAX_STEPS


def steps_of(condition: Any) -> int:  # noqa: ANN401 - a condition
    """How many functions a condition calls."""
    calls: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, _argument: calls.append(event))
    try:
        condition({})
    finally:
        sys.setprofile(before)
    return len(calls) // 2


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("customer.status == 'activ'", 'customer.status is never "activ", it is one of prospect'),
        ("contains(['activ', 'expired'], customer.status)", 'customer.status is never "activ"'),
        ("customer.code == `123`", "customer.code is text, never 123"),
        ("'vip' == customer.tags", 'customer.tags is texts, never "vip"'),
        ("customer.priority", "a number counts as true, 0 as well"),
    ],
)
def test_what_can_hardly_be_meant_is_told(text: str, doubt: str) -> None:
    [told] = compile_condition(text, "rules[0].when", FACTS).warnings
    assert told.startswith("rules[0].when: ")
    assert doubt in told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "customer.status != 'active'",
        "customer.status == ''",
        "history.minutes_since_last <= `30`",
        "length(agents[?available && skills.trucks >= `5`]) > `1`",
        "max_by(agents[?available], &idle_s).exten == '21'",
        "customer.purchases[?contains(tags, 'heavy') && days_ago < `365`]",
        "contains(customer.purchases[].what, 'truck')",
        "customer.purchases[].tags[] | contains(@, 'heavy')",
        "agents[0].name == 'Anna'",
        "now.open.office && !(now.holiday.office)",
        "sort_by(agents, &load)[0].exten == '21'",
        "not_null(history.last_agent, customer.owner) == '21'",
        "[call.did, call.trunk] | contains(@, 'x')",
        "{a: call.did}.a == 'x'",
    ],
)
def test_a_sensible_condition_is_taken_without_a_word(text: str) -> None:
    assert compile_condition(text, "rules[0].when", FACTS).warnings == ()
