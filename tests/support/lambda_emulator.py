"""Functions as Lambda gets and runs them: SAM's build and zip, unpacked, in the runtime emulator.

The interface emulator (RIE) is the one that the SAM CLI carries; the runtime is Amazon's own client
(awslambdaric) on Python 3.13. What is missing of Lambda is the sandbox, the network and the limits
of processor and memory. https://docs.aws.amazon.com/lambda/latest/dg/images-test.html
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from calendar import timegm
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from local_stack.toolchain import architecture, environment, run, uv
from tests.support.template import declared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "lambda"
# What the build depends on, and no more: it is made from a copy of these.
SOURCES = (
    "functions",
    "layers",
    "pyproject.toml",
    "template.yaml",
    "tools/pack.inc",
    "tools/pack_artifact.py",
    "uv.lock",
)
PYTHON = (3, 13)
START_LIMIT_S = 30.0
# Another run of the tests may still be busy with an earlier build.
KEPT_S = 3600.0
# SAM zips with its own function, and so do we.
ZIP = """
import sys
from samcli.lib.package.utils import make_zip_with_lambda_permissions
for folder in sys.argv[1:]:
    make_zip_with_lambda_permissions(folder, folder)
"""


class MissingRuntimeError(Exception):
    """What runs the functions is not on this machine."""


class FunctionFailedError(Exception):
    """The function raised an error, or the runtime died; the message is what Lambda said."""


class Artifact(NamedTuple):
    """A function as it lies in its sandbox, read-only, every file dated 1980.

    Attributes:
        task: the function's own files, `/var/task` in Lambda.
        opt: its layers, `/opt` in Lambda.
        zipped_bytes: size of the zips of both, as uploaded.
        build: the folder that `sam build` filled.
        source: the copy of our sources that it was made from.
    """

    task: Path
    opt: Path
    zipped_bytes: int
    build: Path
    source: Path


def artifact(function: str) -> Artifact:
    """Build everything, unless that is done, and lay out one function with its layers.

    Args:
        function: its logical id, such as `LookupFunction`.

    Raises:
        MissingRuntimeError: this isn't Python 3.13, and only that one makes its bytecode.
        LocalStackError: the build failed; the message has SAM's own words.
    """
    if sys.version_info[:2] != PYTHON:
        raise MissingRuntimeError(
            "the functions' runtime is Python 3.13, and the tests run on another"
        )
    with _alone():
        home = _built()
        layers = declared()["Resources"][function]["Properties"].get("Layers", [])
        laid_out = home / "laid_out" / function
        build = home / "build"
        zips = [build / f"{name}.zip" for name in (function, *(layer["Ref"] for layer in layers))]
        if not laid_out.exists():
            with tempfile.TemporaryDirectory(dir=home) as name:
                scratch = Path(name) / function
                unzip(zips[:1], scratch / "task")
                unzip(zips[1:], scratch / "opt")
                laid_out.parent.mkdir(exist_ok=True)
                scratch.rename(laid_out)
    return Artifact(
        task=laid_out / "task",
        opt=laid_out / "opt",
        zipped_bytes=sum(archive.stat().st_size for archive in zips),
        build=build,
        source=home / "source",
    )


def unzip(archives: Sequence[Path], target: Path) -> None:
    """Unpack archives over each other, with the dates that they give, and make all read-only."""
    target.mkdir(parents=True)
    for archive in archives:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                path = Path(content.extract(member, target))
                dated = timegm((*member.date_time, 0, 0, 0))
                os.utime(path, (dated, dated))
                path.chmod(0o444)


def sam_build(source: Path, target: Path, processor: str) -> None:
    """Run the real `sam build`.

    Args:
        source: the folder with template.yaml and all that it needs.
        target: the folder to fill.
        processor: the template's parameter, `arm64` or `x86_64`.

    Raises:
        LocalStackError: it failed; the message has SAM's own words.
    """
    sam = environment("sam")
    foreign = ("AWS_", "MAKE", "MFLAGS", "PYTHON", "BYTECODE", "VIRTUAL_ENV")
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        "UV": str(uv()),
        "RUNTIME_PYTHON": sys.executable,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(CACHE / "sam-home"),
        "AWS_DEFAULT_REGION": "eu-south-1",
    }
    where = ("--build-dir", target, "--template-file", source / "template.yaml")
    what = ("--parameter-overrides", f"Architecture={processor}")
    run("sam build", sam / "sam", "build", *where, *what, env=env)


def zip_as_sam_does(*folders: Path) -> None:
    """Zip each folder into an archive of its name beside it, with the SAM CLI's own function."""
    run("zipping as SAM does", environment("sam") / "python", "-c", ZIP, *folders)


def runtime_python() -> Path:
    """Return the Python that has the runtime client, in an environment without anything else."""
    programs = environment("runtime")
    (library,) = programs.parent.glob("lib/python*/site-packages")
    with _alone():
        if not (library / "awslambdaric" / "__pycache__").exists():
            # In Lambda the runtime client is compiled; here it would be at every start.
            subprocess.run([programs / "python", "-m", "compileall", "-q", library], check=True)
    return programs / "python"


@contextmanager
def _alone() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _built() -> Path:
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        scratch = Path(name) / "scratch"
        home = CACHE / _copy_sources(scratch / "source")
        if home.exists():
            return home
        for other in CACHE.iterdir():
            if other.is_dir() and time.time() - other.stat().st_mtime > KEPT_S:
                _remove(other)
        build = scratch / "build"
        sam_build(scratch / "source", build, architecture())
        zip_as_sam_does(*(path for path in build.iterdir() if path.is_dir()))
        scratch.rename(home)
    return home


def _copy_sources(target: Path) -> str:
    """Copy what the build needs and return a digest of it, of how to build and of this Python."""
    for source in SOURCES:
        path, copy = ROOT / source, target / source
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(path, copy)
    digest = hashlib.sha256(f"{sys.version} {environment('sam')}".encode())
    for file in sorted(path for path in target.rglob("*") if path.is_file()):
        digest.update(f"\0{file.relative_to(target)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _remove(folder: Path) -> None:
    """Remove a folder of an earlier build, which is read-only."""
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


class LambdaEmulator:
    """One execution environment of one function, for the length of a `with` block.

    The function's init phase begins with the first `invoke`, as the emulator has it.

    Args:
        task: the function's folder.
        opt: the folder of its layers.
        env: the function's environment; of this process's own it gets nothing.
        handler: module and function.
        timeout_s: after which the emulator gives up on a call.
    """

    def __init__(
        self,
        task: Path,
        opt: Path,
        env: Mapping[str, str],
        *,
        handler: str = "app.handler",
        timeout_s: int = 10,
    ) -> None:
        self._task = task
        self._handler = handler
        self._timeout_s = timeout_s
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._env = {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(task),
            "PYTHONPATH": f"{task}{os.pathsep}{opt / 'python'}",
            # /var/task and /opt can't be written to.
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
            **env,
        }

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._port, runtime_port = _free_ports()
        (library,) = environment("sam").parent.glob("lib/python*/site-packages")
        emulator = library / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{architecture()}"
        addresses = (
            ("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
            ("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
        )
        command = (runtime_python(), "-m", "awslambdaric", self._handler)
        self._process = subprocess.Popen(
            [emulator, *chain.from_iterable(addresses), *command],
            cwd=self._task,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_until_it_listens(self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def invoke(self, event: object) -> Any:  # noqa: ANN401 - whatever the function returns
        """Call the function and return what it returned.

        Raises:
            FunctionFailedError: it didn't return.
        """
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=self._timeout_s + 20
        )
        try:
            connection.request(
                "POST", "/2015-03-31/functions/function/invocations", json.dumps(event)
            )
            answer = connection.getresponse().read()
        finally:
            connection.close()
        try:
            returned = json.loads(answer)
        except ValueError:
            raise FunctionFailedError(answer.decode(errors="replace")) from None
        if isinstance(returned, dict) and "errorMessage" in returned:
            raise FunctionFailedError(json.dumps(returned))
        return returned

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the function and all of its threads, as Lambda does between two calls."""
        if not self._process:
            raise FunctionFailedError("it is not running")
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def log(self) -> str:
        """Return what the function and the emulator have written so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def _end(self) -> None:
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes]) -> None:
        give_up_at = time.monotonic() + START_LIMIT_S
        while time.monotonic() < give_up_at and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise FunctionFailedError(f"the emulator did not start: {self.log()}")


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
