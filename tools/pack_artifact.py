"""Pack what Lambda gets: files without ballast, with bytecode that is still valid after SAM's zip.

SAM's zip dates every file 1980, so Python would find bytecode that is checked by date stale and
compile every module at every cold start. Bytecode of the kind `unchecked-hash` is taken as it is.
https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode

Called by functions/Makefile and layers/Makefile, with nothing but the standard library.
"""

from __future__ import annotations

import argparse
import compileall
import filecmp
import py_compile
import shutil
import sys
from pathlib import Path

RUNTIME = (3, 13)
# Nothing of this is read when a function runs; metadata of wheels also differs from build to build.
BALLAST_DIRECTORIES = ("__pycache__", "tests", "bin")
BALLAST_SUFFIXES = (".dist-info", ".pyi", ".pyc", ".pth")
BALLAST_FILES = ("py.typed", ".lock")
# These packages ask for their own version when they are imported, and read it here.
READ_AT_IMPORT = ("holidays-*.dist-info/METADATA",)
# The name of a compiled module for any Python 3 lacks the platform; Python finds it with one too.
ABI3 = ".abi3.so"
# Field e_machine of the ELF header. https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}


class PackError(Exception):
    """What was given can't be packed; the message says why and what to do."""


def pack(
    target: Path, sources: list[Path], runs_at: str, *, pure: bool = False, bytecode: bool = True
) -> None:
    """Merge folders into one and compile it.

    Args:
        target: the folder to fill; made if it isn't there.
        sources: the folders to take; one for each platform. A file that is in several has to be
            the same in all.
        runs_at: where the folder is when it runs, such as `/opt/python`; tracebacks show it.
        pure: refuse compiled modules.
        bytecode: compile; needs the Python that the functions run on.

    Raises:
        PackError: the sources aren't there, disagree, aren't pure or don't compile, or this is
            another Python than the functions'.
    """
    if bytecode and sys.version_info[:2] != RUNTIME:
        raise PackError(
            f"the functions run on Python {RUNTIME[0]}.{RUNTIME[1]} and only that one makes their"
            f" bytecode; this is {sys.version.split()[0]} at {sys.executable}. Install Python 3.13"
            " (`uv python install 3.13` will do), or set BYTECODE=none for a slow local build"
        )
    for source in sources:
        _merge(source, target)
    if pure and (compiled := sorted(path.name for path in target.rglob("*.so"))):
        raise PackError(f"this has to be pure Python, and holds {', '.join(compiled)}")
    if bytecode:
        _compile(target, runs_at)


def _merge(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise PackError(f"there is no folder {source}")
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        kept = any(map(relative.match, READ_AT_IMPORT))
        if path.is_dir() or (any(map(_is_ballast, relative.parts)) and not kept):
            continue
        copy = target / relative.with_name(_named_by_platform(path))
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        elif not filecmp.cmp(path, copy, shallow=False):
            raise PackError(f"{relative} is not the same on every platform, so one layer can't do")


def _named_by_platform(path: Path) -> str:
    if not path.name.endswith(ABI3):
        return path.name
    with path.open("rb") as module:
        machine = MACHINES[int.from_bytes(module.read(20)[18:], "little")]
    module_name = path.name.removesuffix(ABI3)
    return f"{module_name}.cpython-{RUNTIME[0]}{RUNTIME[1]}-{machine}-linux-gnu.so"


def _is_ballast(part: str) -> bool:
    return part in BALLAST_DIRECTORIES + BALLAST_FILES or part.endswith(BALLAST_SUFFIXES)


def _compile(target: Path, runs_at: str) -> None:
    done = compileall.compile_dir(
        target,
        quiet=1,
        force=True,
        maxlevels=50,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        stripdir=str(target),
        prependdir=runs_at,
    )
    if not done:
        raise PackError(f"not all of {target} compiles")


def main(arguments: list[str] | None = None) -> int:
    """Run as a command; see `pack`."""
    parser = argparse.ArgumentParser(description="Pack what Lambda gets.")
    parser.add_argument("target", type=Path)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--runs-at", required=True, help="the folder's place when it runs")
    parser.add_argument("--pure", action="store_true", help="refuse compiled modules")
    parser.add_argument("--bytecode", choices=("hash", "none"), default="hash")
    given = parser.parse_args(arguments)
    try:
        pack(
            given.target,
            given.sources,
            given.runs_at,
            pure=given.pure,
            bytecode=given.bytecode == "hash",
        )
    except PackError as error:
        sys.stderr.write(f"pack: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
