"""The functions that are compared, each as Lambda lays it out: built, zipped by SAM, unpacked."""

from __future__ import annotations

import compileall
import hashlib
import os
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from local_stack.toolchain import ROOT, environment, exclusive, run
from tests.support.lambda_emulator import artifact, unzip, zip_as_sam_does

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE = ROOT / ".cache" / "bench"
FUNCTIONS = Path(__file__).parent / "functions"


class Sandbox(NamedTuple):
    """A function as Lambda lays it out, every file dated 1980.

    Attributes:
        task: the function's own files, `/var/task` in Lambda.
        opt: its layers, `/opt` in Lambda.
        zipped_bytes: size of the zips of both, as uploaded.
    """

    task: Path
    opt: Path
    zipped_bytes: int


def lookup() -> Sandbox:
    """Return the lookup function as `sam build` makes it from template.yaml, with its layers."""
    found = artifact("LookupFunction")
    return Sandbox(found.task, found.opt, found.zipped_bytes)


def receiver() -> Sandbox:
    """Return the receiver of webhooks, made the same way."""
    found = artifact("ReceiveCrmFunction")
    return Sandbox(found.task, found.opt, found.zipped_bytes)


def routing() -> Sandbox:
    """Return the function that routes calls, made the same way."""
    found = artifact("RouteCallFunction")
    return Sandbox(found.task, found.opt, found.zipped_bytes)


def originating() -> Sandbox:
    """Return the function that places calls, made the same way."""
    found = artifact("OriginateFunction")
    return Sandbox(found.task, found.opt, found.zipped_bytes)


def compared(name: str, *, compiled: bool = False) -> Sandbox:
    """Return a function of tools/bench/functions, built and zipped by SAM with its defaults.

    Args:
        name: its logical id in the template there, `Hello` or `Ordinary`.
        compiled: give it bytecode that is valid, which SAM doesn't.
    """
    with exclusive(CACHE / "functions.lock"):
        home = _built()
        laid_out = home / "laid_out" / (f"{name}-compiled" if compiled else name)
        if not laid_out.exists():
            with tempfile.TemporaryDirectory(dir=home) as folder:
                scratch = Path(folder) / name
                if compiled:
                    shutil.copytree(home / name, scratch / "task")
                    _compile(scratch / "task")
                else:
                    unzip([home / f"{name}.zip"], scratch / "task")
                (scratch / "opt").mkdir()
                laid_out.parent.mkdir(exist_ok=True)
                scratch.rename(laid_out)
    return Sandbox(laid_out / "task", laid_out / "opt", (home / f"{name}.zip").stat().st_size)


def bytecode(found: Sandbox) -> Iterator[tuple[Path, bool]]:
    """Yield each module of an artifact with whether Python takes its bytecode as it is.

    The header tells: this Python's magic number, then flags that say "by hash, unchecked". Such a
    file is valid whatever the date of its source. https://peps.python.org/pep-0552/
    """
    for folder in (found.task, found.opt):
        for source in sorted(folder.rglob("*.py")):
            kept = Path(source.parent, "__pycache__", f"{source.stem}.cpython-313.pyc")
            header = kept.read_bytes()[:8] if kept.exists() else b""
            yield source, header == _magic() + (0b01).to_bytes(4, "little")


def _magic() -> bytes:
    from importlib.util import MAGIC_NUMBER  # noqa: PLC0415 - beside what it explains

    return MAGIC_NUMBER


def _built() -> Path:
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(path for path in FUNCTIONS.rglob("*") if path.is_file()):
        if "__pycache__" not in file.parts:
            digest.update(f"\0{file.relative_to(FUNCTIONS)}\0".encode() + file.read_bytes())
    home = CACHE / f"functions-{digest.hexdigest()[:16]}"
    if not home.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            build = Path(folder) / "build"
            _sam_build(build)
            zip_as_sam_does(*(path for path in build.iterdir() if path.is_dir()))
            build.rename(home)
    return home


def _sam_build(target: Path) -> None:
    """Run `sam build`, which wants a Python 3.13 with pip on the path."""
    programs = (str(Path(sys.base_prefix) / "bin"), os.environ.get("PATH", os.defpath))
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PATH": os.pathsep.join(programs),
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(CACHE / "sam-home"),
        "AWS_DEFAULT_REGION": "eu-south-1",
    }
    where = ("--build-dir", target, "--template-file", FUNCTIONS / "template.yaml")
    run("sam build", environment("sam") / "sam", "build", *where, env=env)


def _compile(folder: Path) -> None:
    compileall.compile_dir(
        folder,
        quiet=2,  # a dependency brings a template of a module, which is none
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
