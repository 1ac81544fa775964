"""The programs that the local stack runs, each in an environment of its own under `.cache/`.

Neither shares `.venv`: both hold back packages that ours need newer. Their versions, down to the
last dependency, are in `requirements/`, written by `make lock`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local_stack.errors import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "local_stack"
REQUIREMENTS = Path(__file__).parent / "requirements"
# Far more than an installation or a deployment takes on a slow machine and a slow line.
LIMIT_S = 900.0
# Wheels for Lambda only load into the same Python on the same kind of Linux.
LAMBDA_SUFFIXES = (".cpython-313-x86_64-linux-gnu.so", ".cpython-313-aarch64-linux-gnu.so")


def runs_lambda_wheels() -> bool:
    """Say whether this Python loads the compiled modules that are built for Lambda."""
    return sysconfig.get_config_var("EXT_SUFFIX") in LAMBDA_SUFFIXES


def architecture() -> str:
    """Return the machine's architecture as Lambda names it."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def uv() -> Path:
    """Return the path of uv, the one that the Makefile installed or any other.

    Raises:
        LocalStackError: there is none.
    """
    installed = ROOT / ".uv" / "bin" / "uv"
    found = str(installed) if installed.exists() else shutil.which("uv")
    if not found:
        raise LocalStackError("uv is missing: `make dev` installs it")
    return Path(found)


def environment(name: str) -> Path:
    """Return the folder with the programs of an environment, making it the first time.

    Args:
        name: of a file in `requirements/`, without `.txt`.

    Raises:
        LocalStackError: its packages could not be installed.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    home = CACHE / f"{name}-{digest[:12]}"
    with exclusive(CACHE / f"{name}.lock"):
        if not (home / ".ready").exists():
            task = f"installing {name}"
            run(task, uv(), "venv", "--quiet", "--clear", "--python", sys.executable, home)
            run(task, uv(), "pip", "install", "--quiet", "--python", home, "-r", requirements)
            (home / ".ready").touch()
    return home / "bin"


def run(
    task: str,
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> None:
    """Run a program to its end, in a process group of its own that ends with it whatever happens.

    Args:
        task: what it does, for the message when it fails.
        *command: program and arguments.
        env: its environment; ours if it is left out.
        log: a file that its output is added to.

    Raises:
        LocalStackError: it failed; the message ends with what it said.
    """
    with subprocess.Popen(
        [os.fspath(part) for part in command],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise LocalStackError(f"{task} did not end within {LIMIT_S:.0f} s") from None
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    if log:
        with log.open("a") as file:
            file.write(output)
    if process.returncode:
        shown = "\n".join(output.strip().splitlines()[-40:])
        raise LocalStackError(f"{task} failed with exit code {process.returncode}:\n{shown}")


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Keep other processes out of what is shared between them, waiting for one that is inside."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
