"""The one table that the benchmark prints."""

from __future__ import annotations

from typing import Literal, NamedTuple

UNITS = {"ms": 1000.0, "µs": 1_000_000.0}


class Goal(NamedTuple):
    """What a figure has to be: at most, at least or exactly a number.

    Attributes:
        relation: how the figure has to lie to the number.
        number: the number.
        unit: what is written behind it: `x` for a ratio.
    """

    relation: Literal["at most", "at least", "exactly"]
    number: float
    unit: str = "x"

    def is_met(self, value: float) -> bool:
        """Say whether a figure reaches the goal."""
        if self.relation == "exactly":
            return value == self.number
        return value <= self.number if self.relation == "at most" else value >= self.number

    def __str__(self) -> str:
        return f"{self.relation} {self.number:g}{self.unit}"


class Row(NamedTuple):
    """One figure.

    Attributes:
        figure: its number in `docs/performance.md`.
        name: what is measured.
        ours: what was measured of Centralino, with its unit.
        other: the same of what it is compared with; empty if it stands alone.
        value: what the goal is about, usually the ratio of the two; None if it was not measured.
        goal: None for a figure that only explains another.
    """

    figure: int
    name: str
    ours: str
    other: str
    value: float | None
    goal: Goal | None

    @property
    def mark(self) -> str:
        """`ok`, `MISSED`, `not measured`, or nothing without a goal."""
        if self.goal is None:
            return ""
        if self.value is None:
            return "not measured"
        return "ok" if self.goal.is_met(self.value) else "MISSED"


def show_time(seconds: float, unit: str = "ms") -> str:
    """Write a time with one decimal in a unit of `UNITS`."""
    return f"{seconds * UNITS[unit]:.1f} {unit}"


def render(rows: list[Row]) -> str:
    """Return the figures as a Markdown table."""
    head = ("", "figure", "Centralino", "compared with", "result", "target", "")
    lines = [head, ("---",) * len(head)]
    for row in rows:
        unit = row.goal.unit if row.goal else "x"
        value = "" if row.value is None else f"{row.value:.4g}{unit}"
        target = str(row.goal or "")
        lines.append((str(row.figure), row.name, row.ours, row.other, value, target, row.mark))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
