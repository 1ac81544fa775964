"""A code that was typed is learned, or says why not; the call goes on either way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from centralino.application.learn_number import Taught, learn_number
from centralino.domain.customer import Learned
from centralino.domain.errors import ThrottledError, UnavailableError
from centralino.domain.learning import DAY_S, LearningOptions
from centralino.entry.learned import learned_line

if TYPE_CHECKING:
    from centralino.ports.customers import Lesson

NOW = 1_795_000_000
TYPED = Learned("+390244556677", "C1", node="vat", call_id="call-1")
OPTIONS = LearningOptions(max_per_customer=3, days=10)


class OneLesson:
    """A store that teaches, or fails, as it is told."""

    def __init__(self, lesson: Lesson | UnavailableError) -> None:
        self.lesson = lesson
        self.asked: list[tuple[Learned, int, int, float]] = []

    def learn(
        self, learned: Learned, *, most: int, expired_before: int, timeout_s: float = 5.0
    ) -> Lesson:
        self.asked.append((learned, most, expired_before, timeout_s))
        if isinstance(self.lesson, UnavailableError):
            raise self.lesson
        return self.lesson


@pytest.mark.parametrize("lesson", ["learned", "known", "conflict", "full", "absent"])
def test_what_the_store_says_of_a_code_is_told(lesson: Lesson) -> None:
    store = OneLesson(lesson)
    assert learn_number(store, TYPED, "", OPTIONS, now_s=NOW + 0.5, timeout_s=1.5) == (lesson, "")
    learned = TYPED._replace(learned_at=NOW, used_at=NOW)
    assert store.asked == [(learned, 3, NOW - 10 * DAY_S + 1, 1.5)]


def test_a_number_that_teaches_nothing_costs_no_request() -> None:
    store = OneLesson("learned")
    taught = learn_number(store, TYPED, "premium", OPTIONS, now_s=NOW, timeout_s=1)
    assert taught == ("refused", "premium")
    assert store.asked == []


def test_a_call_that_has_no_time_left_learns_nothing() -> None:
    store = OneLesson("learned")
    taught = learn_number(store, TYPED, "", OPTIONS, now_s=NOW, timeout_s=0)
    assert taught == ("failed", "timeout")
    assert store.asked == []


@pytest.mark.parametrize(
    ("error", "why"),
    [(UnavailableError("connection"), "connection"), (ThrottledError("contention"), "contention")],
)
def test_a_store_that_is_away_fails_the_lesson_and_not_the_call(
    error: UnavailableError, why: str
) -> None:
    store = OneLesson(error)
    taught = learn_number(store, TYPED, "", OPTIONS, now_s=NOW, timeout_s=1)
    assert taught == ("failed", why)


def test_the_owner_is_told_in_a_line_that_is_log_and_metric_and_shows_no_number() -> None:
    text = learned_line(
        NOW + 0.25, Taught("learned"), tenant="acme", number=TYPED.number, code="C1", node="vat"
    )
    line = json.loads(text)
    assert "\n" not in text
    assert TYPED.number not in text
    assert line["_aws"]["Timestamp"] == NOW * 1000 + 250
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Dimensions"] == [["lesson"]]
    assert metrics["Metrics"] == [{"Name": "Learnings", "Unit": "Count"}]
    told = {name: line[name] for name in ("tenant", "number", "customer_code", "lesson", "node")}
    assert told == {
        "tenant": "acme",
        "number": "+39…6677",
        "customer_code": "C1",
        "lesson": "learned",
        "node": "vat",
    }
    assert line["Learnings"] == 1
    assert "why" not in line


def test_a_refusal_says_why() -> None:
    text = learned_line(NOW, Taught("refused", "withheld"), tenant="acme", number="", code="C1")
    line = json.loads(text)
    assert (line["lesson"], line["why"]) == ("refused", "withheld")
    assert "number" not in line
