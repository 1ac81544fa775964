"""The benchmark's table tells a goal that is reached from one that is missed or not measured."""

from __future__ import annotations

import pytest

from bench.report import Goal, Row, render, show_time

AT_MOST = Goal("at most", 2.0)


def _row(value: float | None, goal: Goal | None = AT_MOST) -> Row:
    return Row(1, "cold start", "60.0 ms", "30.0 ms", value, goal)


@pytest.mark.parametrize(
    ("goal", "met", "missed"),
    [
        (AT_MOST, 2.0, 2.01),
        (Goal("at least", 12), 12.0, 11.9),
        (Goal("exactly", 1, ""), 1.0, 2.0),
    ],
)
def test_a_goal_is_met_up_to_its_number(goal: Goal, met: float, missed: float) -> None:
    assert _row(met, goal).mark == "ok"
    assert _row(missed, goal).mark == "MISSED"


def test_a_figure_that_was_not_measured_is_not_called_reached() -> None:
    assert _row(None).mark == "not measured"


def test_a_figure_that_explains_another_has_no_mark() -> None:
    assert not _row(6.0, None).mark


def test_the_table_shows_both_sides_the_ratio_and_the_goal() -> None:
    *_, line = render([_row(2.1)]).splitlines()
    assert line == "| 1 | cold start | 60.0 ms | 30.0 ms | 2.1x | at most 2x | MISSED |"


def test_times_are_shown_in_milliseconds_or_microseconds() -> None:
    assert (show_time(0.0604), show_time(0.0000734, "µs")) == ("60.4 ms", "73.4 µs")
