"""The function `originate` in processes that a test can kill.

`python -m tests.support.click_worker` reads jobs from standard input, a JSON object a line, and
forks for each of them, so a container is there in milliseconds. Of each it says a line when the
container is there, its process id; the container begins when it is sent a line more. Then, once it
ended, what it answered: nothing if it was killed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import centralino.adapters.idempotency
import centralino.adapters.pbx.generic
import centralino.adapters.store.dialling
import centralino.adapters.store.lines
import centralino.adapters.store.request_records
import centralino.adapters.web
import centralino.application.originate_template
import centralino.entry.originate  # noqa: F401 - imported once, and not in each container
from tests.support.clicks import Left

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

ROOT = Path(__file__).parents[2]
APP = ROOT / "functions" / "originate" / "app.py"


def work(job: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one event, as a fresh container does."""
    os.environ.update(job["env"])
    spec = importlib.util.spec_from_file_location("app", APP)
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    answer: dict[str, Any] = app.handler(job["event"], Left(job["left_ms"]))
    return answer


class Container:
    """Starts containers, for the length of a `with` block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.click_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def prepare(self, job: Mapping[str, Any]) -> int:
        """Start one that waits; return its process id."""
        self._say(json.dumps(job))
        return int(self._hear())

    def run(self) -> dict[str, Any]:
        """Let it begin; return its answer, nothing if it was killed."""
        self._say("go")
        return self.end()

    def end(self) -> dict[str, Any]:
        """Wait for the end of one that was killed before it began; return nothing."""
        answer: dict[str, Any] = json.loads(self._hear())
        return answer

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


def kill(pid: int) -> None:
    """End a container as a crashed machine would."""
    os.kill(pid, signal.SIGKILL)


def _line() -> bytes:
    """Read a line, and nothing of the next one: that may be for somebody else."""
    line = b""
    while byte := os.read(0, 1):
        if byte == b"\n":
            return line
        line += byte
    return b""


def main() -> None:
    """Fork a container for each job."""
    while line := _line():
        with tempfile.TemporaryFile() as said:
            pid = os.fork()
            if not pid:
                _line()
                # What it logs is not what its parent says.
                os.dup2(2, 1)
                status = 1
                try:
                    said.write(json.dumps(work(json.loads(line))).encode())
                    said.flush()
                    status = 0
                finally:
                    sys.stdout.flush()
                    os._exit(status)
            _say(str(pid))
            _, ended = os.waitpid(pid, 0)
            assert os.waitstatus_to_exitcode(ended) in {0, -signal.SIGKILL}
            said.seek(0)
            _say(said.read().decode() or "{}")


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    main()
