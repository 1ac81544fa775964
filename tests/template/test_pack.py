"""What goes into the zip of a function or layer, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pack_artifact import PackError, main, pack

if TYPE_CHECKING:
    from pathlib import Path

ELF = b"\x7fELF" + bytes(14)
X86_64 = ELF + b"\x3e\x00"
AARCH64 = ELF + b"\xb7\x00"


def _folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def _packed(target: Path, *sources: Path, pure: bool = False) -> set[str]:
    pack(target, list(sources), "/opt/python", pure=pure, bytecode=False)
    return {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}


def test_what_no_call_reads_stays_out(tmp_path: Path) -> None:
    source = _folder(
        tmp_path / "source",
        {
            "package/module.py": b"",
            "package/roots.pem": b"",
            "package/__pycache__/module.cpython-311.pyc": b"",
            "package/tests/test_module.py": b"",
            "package/module.pyi": b"",
            "package/py.typed": b"",
            "package-1.0.dist-info/RECORD": b"",
            "bin/program": b"",
        },
    )
    assert _packed(tmp_path / "target", source) == {"package/module.py", "package/roots.pem"}


def test_a_package_that_asks_for_its_own_version_keeps_what_says_it(tmp_path: Path) -> None:
    info = "holidays-0.108.dist-info"
    source = _folder(tmp_path / "source", {f"{info}/METADATA": b"", f"{info}/RECORD": b""})
    assert _packed(tmp_path / "target", source) == {f"{info}/METADATA"}


def test_the_compiled_modules_of_both_processors_lie_side_by_side(tmp_path: Path) -> None:
    arm = _folder(tmp_path / "arm", {"one.py": b"", "fast.abi3.so": AARCH64})
    x86 = _folder(tmp_path / "x86", {"one.py": b"", "fast.abi3.so": X86_64})
    assert _packed(tmp_path / "target", arm, x86) == {
        "one.py",
        "fast.cpython-313-aarch64-linux-gnu.so",
        "fast.cpython-313-x86_64-linux-gnu.so",
    }


def test_a_file_that_differs_between_the_processors_is_refused(tmp_path: Path) -> None:
    arm = _folder(tmp_path / "arm", {"one.py": b"a = 1"})
    x86 = _folder(tmp_path / "x86", {"one.py": b"a = 2"})
    with pytest.raises(PackError, match=r"one\.py is not the same on every platform"):
        _packed(tmp_path / "target", arm, x86)


def test_a_compiled_module_is_refused_on_the_call_path(tmp_path: Path) -> None:
    source = _folder(tmp_path / "source", {"fast.abi3.so": AARCH64})
    with pytest.raises(PackError, match="has to be pure Python"):
        _packed(tmp_path / "target", source, pure=True)


def test_a_folder_that_is_not_there_fails_the_build_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    arguments = [str(tmp_path / "target"), str(missing), "--runs-at", "/x", "--bytecode", "none"]
    assert main(arguments) == 1
    assert str(missing) in capsys.readouterr().err
