"""What became of the rows of an import: counts, a progress bar, and files of what needs a look."""

from __future__ import annotations

import csv
from collections import Counter
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from centralino_cli.desk import on_terminal, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from centralino.application.import_contacts import Fate

OUTCOMES = ("created", "changed", "unchanged", "stale", "repeated", "checked", "rejected")
# More than these of either kind are only in their file.
SHOWN = 5


class Report:
    """Counts the rows, shows how far it is, and keeps what somebody has to look at.

    Args:
        file: that is imported; the two files are written beside it, and the last run's removed.
        header: its columns.
        delimiter: between its cells; empty for JSON.
        position: how many bytes of it were read so far.
        dry: whether this is a trial, so that no file is written.

    Attributes:
        counts: outcome -> rows.
        numbers: how many numbers can't be looked up.
    """

    def __init__(
        self,
        file: Path,
        header: Sequence[str],
        delimiter: str,
        position: Callable[[], int],
        *,
        dry: bool,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.numbers = 0
        self.rejected_file = file.with_name(f"{file.name}.rejected.csv")
        self.numbers_file = file.with_name(f"{file.name}.numbers.csv")
        self._header = header
        self._dialect: dict[str, Any] = {"delimiter": delimiter or ","}
        self._position = position
        self._dry = dry
        self._open: dict[Path, IO[str]] = {}
        self._progress = Progress(
            TextColumn("{task.completed:,.0f} rows"),
            BarColumn(),
            TextColumn("{task.fields[share]:.0%}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not on_terminal(),
            transient=True,
        )
        self._size = max(1, file.stat().st_size)
        self._task = self._progress.add_task("", total=None, share=0.0)

    def __enter__(self) -> Self:
        if not self._dry:
            # What the run before found wrong may be right by now. They are opened when needed.
            for path in (self.rejected_file, self.numbers_file):
                path.unlink(missing_ok=True)
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
        for file in self._open.values():
            file.close()

    def __call__(self, fates: Sequence[Fate]) -> None:
        """Take in what became of some rows."""
        for fate in fates:
            self.counts[fate.outcome] += 1
            if fate.outcome == "rejected":
                self._reject(fate)
            for number, problem in fate.unindexed:
                self._list(fate, number, problem)
        done = self.counts.total()
        share = min(1.0, self._position() / self._size)
        self._progress.update(
            self._task, completed=done, total=done / share if share else None, share=share
        )

    def result(self) -> dict[str, object]:
        """Return the counts and files, for programs."""
        files = {path.name: str(path) for path in self._open}
        return {
            "rows": self.counts.total(),
            **{outcome: self.counts[outcome] for outcome in OUTCOMES},
            "unindexed_numbers": self.numbers,
            "rejected_file": files.get(self.rejected_file.name, ""),
            "numbers_file": files.get(self.numbers_file.name, ""),
        }

    def _reject(self, fate: Fate) -> None:
        if self.counts["rejected"] <= SHOWN:
            self._say(f"row {fate.row.number} rejected: {fate.problem}")
        padding = [""] * (len(self._header) - len(fate.row.original))
        self._write(
            self.rejected_file,
            (*self._header, "rejected row", "rejected because"),
            (*fate.row.original, *padding, str(fate.row.number), fate.problem),
        )

    def _list(self, fate: Fate, number: str, problem: str) -> None:
        self.numbers += 1
        if self.numbers <= SHOWN:
            self._say(f"row {fate.row.number}: {number!r} can't be looked up: {problem}")
        self._write(
            self.numbers_file,
            ("row", "contact", "number", "problem"),
            (str(fate.row.number), fate.contact_id, number, problem),
        )

    def _say(self, text: str) -> None:
        """Say something above the bar."""
        if self._progress.disable:
            say(text)
        else:
            self._progress.console.print(text, markup=False, highlight=False)

    def _write(self, path: Path, header: Sequence[str], cells: Sequence[str]) -> None:
        if self._dry:
            return
        if path not in self._open:
            # With a mark, so that Excel takes it for the UTF-8 that it is.
            self._open[path] = path.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._open[path], **self._dialect).writerow(header)
        csv.writer(self._open[path], **self._dialect).writerow(cells)
