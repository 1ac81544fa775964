"""Conditions, facts and rules as Hypothesis makes them up: any that a tenant could write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from centralino.application.compile_sample import compile_sample
from centralino.domain.fact_table import FACTS, SCALARS, shape_of_facts

if TYPE_CHECKING:
    from centralino.domain.fact_table import Shape

# Few words, so that what is compared is often the same.
WORDS = ("", "active", "expired", "truck", "vip", "gold", "21", "22", "0244", "it", "a'b", "é")
NUMBERS = (0, 1, -1, 2, 5, 30, 1.5)
SCHEDULES = ("office", "night")
SKILLS = ("trucks", "german")
PATHS = sorted(
    fact.path.replace("*", name)
    for fact in FACTS
    for name in (SCHEDULES if fact.path.startswith("now.") else SKILLS)
    if "[]" not in fact.path
)
TEXT_PATHS = [fact.path for fact in FACTS if fact.type == "text" and "[]" not in fact.path]
TEXTS_PATHS = [fact.path for fact in FACTS if fact.type == "texts" and "[]" not in fact.path]

words = st.sampled_from(WORDS)
numbers = st.sampled_from(NUMBERS)


def quoted(word: str) -> str:
    """A text as JMESPath writes it."""
    return "'" + word.replace("'", "\\'") + "'"


def literal(value: object) -> str:
    """Any JSON as JMESPath writes it."""
    return "`" + json.dumps(value).replace("`", "\\`") + "`"


def _facts(shape: Shape) -> st.SearchStrategy[Any]:
    if shape.type in SCALARS:
        return {
            "text": words,
            "number": numbers,
            "number or null": st.none() | numbers,
            "true or false": st.booleans(),
        }[shape.type]
    if shape.element is not None:
        return st.lists(_facts(shape.element), max_size=3)
    fields = {name: _facts(inner) for name, inner in shape.fields.items() if name != "*"}
    if "*" in shape.fields:
        return st.dictionaries(st.sampled_from(SKILLS), _facts(shape.fields["*"]))
    return st.fixed_dictionaries(fields)


def _sparse(shape: Shape) -> st.SearchStrategy[Any]:
    """Some of the facts; the rest is left empty."""
    groups = {name: _facts(inner) for name, inner in shape.fields.items()}
    return st.fixed_dictionaries({}, optional=groups).map(lambda it: compile_sample(it, "sample"))


# Facts as a call has them.
facts = _sparse(shape_of_facts(SCHEDULES))

_ELEMENT_PATHS = {
    "agents": ["exten", "name", "available", "load", "skills.trucks", "customers"],
    "customer.purchases": ["what", "on", "tags", "days_ago"],
}
_ODD: tuple[object, ...] = (True, False, None, [], {}, ["truck", "vip"])
_LITERALS = st.one_of(
    words.map(quoted), numbers.map(literal), st.sampled_from(list(map(literal, _ODD)))
)
_SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def _lists() -> st.SearchStrategy[str]:
    """What is a list."""

    def of(group: str) -> st.SearchStrategy[str]:
        path = st.sampled_from(_ELEMENT_PATHS[group])
        inner = st.tuples(path, _SIGNS, _LITERALS).map(" ".join) | path
        return st.one_of(
            st.just(group),
            path.map(lambda it: f"{group}[].{it}"),
            path.map(lambda it: f"{group}[*].{it}"),
            inner.map(lambda it: f"{group}[?{it}]"),
            st.tuples(inner, path).map(lambda it: f"{group}[?{it[0]}].{it[1]}"),
            path.map(lambda it: f"{group}[:2].{it}"),
            path.map(lambda it: f"map(&{it}, {group})"),
            path.map(lambda it: f"sort_by({group}, &{it})"),
            path.map(lambda it: f"{group}[].{{x: {it}, y: @}} | [*].x"),
        )

    return st.one_of(
        of("agents"),
        of("customer.purchases"),
        st.sampled_from(TEXTS_PATHS),
        st.sampled_from(["now.open.*", "agents[].skills | [*].*", "customer.purchases[].tags[]"]),
        st.lists(st.sampled_from(PATHS), min_size=1, max_size=3).map(
            lambda paths: f"[{', '.join(paths)}]"
        ),
    )


def _values(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = _lists()
    text = st.sampled_from(TEXT_PATHS)
    one = st.sampled_from(
        [
            *("length", "type", "to_string", "to_number", "to_array", "reverse", "sort", "max"),
            *("min", "sum", "avg", "abs", "ceil", "floor", "keys", "values", "not_null"),
        ]
    )
    return st.one_of(
        st.sampled_from(PATHS),
        _LITERALS,
        lists,
        st.tuples(one, inner | lists).map(lambda it: f"{it[0]}({it[1]})"),
        st.tuples(lists, _LITERALS).map(lambda it: f"contains({it[0]}, {it[1]})"),
        st.tuples(text, words).map(lambda it: f"starts_with({it[0]}, {quoted(it[1])})"),
        st.tuples(text, words).map(lambda it: f"ends_with({it[0]}, {quoted(it[1])})"),
        lists.map(lambda it: f"join('-', {it})"),
        st.sampled_from(["max_by", "min_by"]).map(lambda it: f"{it}(agents, &load).exten"),
        st.tuples(lists, st.integers(-3, 3)).map(lambda it: f"{it[0]} | [{it[1]}]"),
        st.tuples(inner, _SIGNS, inner).map(lambda it: f"({it[0]}) {it[1]} ({it[2]})"),
        st.tuples(st.sampled_from(PATHS), _SIGNS, _LITERALS).map(" ".join),
        inner.map(lambda it: f"!({it})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            lambda it: f"({it[0]}) {it[1]} ({it[2]})"
        ),
    )


# Any condition, most of them of no use.
expressions = st.recursive(st.sampled_from(PATHS) | _LITERALS, _values, max_leaves=6)


def _usual() -> st.SearchStrategy[str]:
    """A part of a condition as people write it; many of them can be guards."""
    text = st.sampled_from(TEXT_PATHS)
    texts = st.sampled_from(TEXTS_PATHS)
    some = st.lists(words.map(quoted), min_size=1, max_size=3)
    truth = st.sampled_from([it.path for it in FACTS if it.type == "true or false"])
    return st.one_of(
        st.tuples(text, words).map(lambda it: f"{it[0]} == {quoted(it[1])}"),
        st.tuples(words, text).map(lambda it: f"{quoted(it[0])} == {it[1]}"),
        st.tuples(text, words).map(lambda it: f"{it[0]} != {quoted(it[1])}"),
        st.tuples(text, words, words).map(
            lambda it: f"({it[0]} == {quoted(it[1])} || {it[0]} == {quoted(it[2])})"
        ),
        st.tuples(some, text).map(lambda it: f"contains([{', '.join(it[0])}], {it[1]})"),
        st.tuples(st.lists(words), text).map(lambda it: f"contains({literal(it[0])}, {it[1]})"),
        st.tuples(texts, words).map(lambda it: f"contains({it[0]}, {quoted(it[1])})"),
        st.tuples(texts, words, words).map(
            lambda it: f"(contains({it[0]}, {quoted(it[1])}) || contains({it[0]}, {quoted(it[2])}))"
        ),
        truth.filter(lambda it: "[]" not in it and "*" not in it),
        st.sampled_from(["now.open.office", "!(now.holiday.office)", "caller.withheld"]),
        st.just("history.minutes_since_last <= `30`"),
    )


# Conditions as tenants write them: mostly a few plain parts, now and then anything at all.
conditions = st.lists(_usual(), max_size=3).map(" && ".join) | st.tuples(_usual(), expressions).map(
    lambda it: f"{it[0]} && ({it[1]})"
)
