"""The command `make run`, as a person uses it, for tests that need its output and its signals."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 400.0
STOP_LIMIT_S = 120.0


class MakeRun:
    """A `make run` of its own folder and port; leaving its context presses Ctrl-C."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.output = directory.with_name(f"{directory.name}-{port}.txt")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "run", f"PORT={port}", f"LOCAL_DIR={directory}"],
                cwd=ROOT,
                # As in a terminal: the test's own make is nothing to this one.
                env={k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL"}},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.press_ctrl_c()
        self.process.wait(STOP_LIMIT_S)

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self.output.read_text()

    def wait_until_ready(self) -> None:
        """Wait for its last words before it waits for Ctrl-C."""
        deadline = time.monotonic() + START_LIMIT_S
        while "Ctrl-C" not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    def press_ctrl_c(self) -> None:
        """Do what a terminal does: interrupt the whole group in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def commands(self) -> Iterator[str]:
        """Yield the commands that it prints to try."""
        yield from re.findall(r"^ +(curl .*)$", self.text, re.MULTILINE)


def wait_until_saved(directory: Path) -> None:
    """Wait until the emulator of a stack that was killed has saved its data and ended."""
    deadline = time.monotonic() + STOP_LIMIT_S
    with (directory / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                assert time.monotonic() < deadline, f"somebody still uses {directory}"
                time.sleep(0.1)
            else:
                return


def eventually(holds: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Wait until something holds that a queue or another process brings about."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


def play(command: str, *, fails: bool = False) -> str:
    """Run a printed command in a shell and return what it prints; a failed request fails.

    Args:
        command: as it was printed.
        fails: the request is to fail; what it prints is the error's body.
    """
    options = "--fail-with-body" if fails else "--fail"
    done = subprocess.run(
        ["sh", "-c", command.replace("curl ", f"curl --silent --show-error {options} ", 1)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) != fails, f"{command}: {done.stderr}"
    return done.stdout
