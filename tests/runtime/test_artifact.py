"""What the call path's artifact is made of, after SAM's zip with its dates of 1980."""

from __future__ import annotations

import importlib.util
import json
import os
import py_compile
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_stack.toolchain import architecture
from tests.support.lambda_emulator import runtime_python, sam_build, unzip, zip_as_sam_does

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.runtime.conftest import Running
    from tests.support.lambda_emulator import Artifact

pytestmark = pytest.mark.runtime

EVENTS = Path(__file__).parents[2] / "events" / "lookup"
MAX_ZIPPED_BYTES = 3 * 1024 * 1024
# Of each, one import costs more than a whole decode may.
FORBIDDEN = {
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "dataclasses",
    "datetime",
    "http.client",
    "httpx",
    "inspect",
    "ipaddress",
    "pydantic",
    "requests",
    "urllib.request",
    "urllib3",
    "zoneinfo",
}
# Calls the handler in this process and tells what was imported, and what was compiled from source.
PROBE = """
import json, sys
before = set(sys.modules)
compiled = []
sys.addaudithook(
    lambda name, values: compiled.append(str(values[1])) if name == "compile" else None
)
import app
print(json.dumps({
    "returned": [app.handler(json.loads(event), None) for event in sys.argv[1:]],
    "modules": sorted(set(sys.modules) - before),
    # Named tuples and the like compile a line or two of their own; those have no file.
    "compiled": [name for name in compiled if name.endswith(".py")],
}))
"""


def _files(artifact: Artifact) -> Iterator[Path]:
    for folder in (artifact.task, artifact.opt):
        yield from (path for path in folder.rglob("*") if path.is_file())


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _bytecode_of(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"


def _probe(task: Path, opt: Path, env: Mapping[str, str], *cases: str) -> dict[str, Any]:
    events = [(EVENTS / f"{case}.json").read_text() for case in cases]
    # Without `site`: nothing but what the artifact brings may be imported.
    done = subprocess.run(
        [runtime_python(), "-S", "-c", PROBE, *events],
        cwd=task,
        env={
            **env,
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{task}{os.pathsep}{opt / 'python'}",
        },
        check=True,
        capture_output=True,
        text=True,
    )
    # The handler's own log line comes first.
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_every_file_of_the_artifact_is_dated_1980(lookup_artifact: Artifact) -> None:
    years = {time.gmtime(path.stat().st_mtime).tm_year for path in _files(lookup_artifact)}
    assert years == {1980}


def test_every_module_has_bytecode_that_is_taken_as_it_is_whatever_its_date(
    lookup_artifact: Artifact,
) -> None:
    sources = [path for path in _files(lookup_artifact) if path.suffix == ".py"]
    assert len(sources) > 50
    kept = {_bytecode_of(source) for source in sources}
    assert kept == {path for path in _files(lookup_artifact) if path.suffix == ".pyc"}
    for bytecode in kept:
        magic, flags = bytecode.read_bytes()[:4], bytecode.read_bytes()[4:8]
        assert magic == importlib.util.MAGIC_NUMBER
        # Bit 0: by hash, bit 1: compared with the source. https://peps.python.org/pep-0552/
        assert int.from_bytes(flags, "little") == 0b01, bytecode


def test_no_module_is_compiled_while_a_call_is_answered(
    lookup_artifact: Artifact, function_env: Mapping[str, str]
) -> None:
    report = _probe(
        lookup_artifact.task, lookup_artifact.opt, function_env, "hit_e164", "hit_national"
    )
    assert [answer["body"] for answer in report["returned"]] == ["Mario Rossi", "Mario Rossi"]
    assert not report["compiled"]


def test_the_probe_sees_a_module_compiled_whose_bytecode_goes_by_date(
    function_env: Mapping[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "built"
    folder.mkdir()
    source = folder / "app.py"
    source.write_text("def handler(event, context):\n    return 1\n")
    py_compile.compile(
        str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP, doraise=True
    )
    zip_as_sam_does(folder)
    unzip([folder.with_suffix(".zip")], tmp_path / "task")
    report = _probe(tmp_path / "task", tmp_path, function_env, "hit_e164")
    assert report["returned"] == [1]
    assert report["compiled"] == [str(tmp_path / "task" / "app.py")]


def test_nothing_heavy_is_imported_to_answer_a_call(
    lookup_artifact: Artifact, function_env: Mapping[str, str]
) -> None:
    report = _probe(
        lookup_artifact.task,
        lookup_artifact.opt,
        function_env,
        "hit_e164",
        "hit_national",
        "hit_xml_answer_block",
        "hit_form_post_base64",
        "refused_unknown_key",
        "withheld",
    )
    assert report["returned"][0]["body"] == "Mario Rossi"
    assert not FORBIDDEN & set(report["modules"])


def test_a_cli_in_e164_is_decoded_without_the_number_library(
    lookup_artifact: Artifact, function_env: Mapping[str, str]
) -> None:
    report = _probe(lookup_artifact.task, lookup_artifact.opt, function_env, "hit_e164")
    assert report["returned"][0]["body"] == "Mario Rossi"
    assert not [name for name in report["modules"] if name.startswith("phonenumbers")]


def test_a_national_cli_is_decoded_with_the_metadata_of_its_line_s_country_alone(
    lookup_artifact: Artifact, function_env: Mapping[str, str]
) -> None:
    report = _probe(lookup_artifact.task, lookup_artifact.opt, function_env, "hit_national")
    assert report["returned"][0]["body"] == "Mario Rossi"
    regions = [name for name in report["modules"] if name.startswith("phonenumbers.data.region_")]
    assert regions in ([], ["phonenumbers.data.region_IT"])


def test_the_call_path_s_artifact_is_at_most_3_mb_zipped(lookup_artifact: Artifact) -> None:
    assert lookup_artifact.zipped_bytes <= MAX_ZIPPED_BYTES


def test_the_call_path_brings_python_alone_and_no_tests_or_metadata_of_packages(
    lookup_artifact: Artifact,
) -> None:
    for path in _files(lookup_artifact):
        assert path.suffix in {".py", ".pyc", ".pem", ".html"}, path
        assert not {"tests", "bin"} & set(path.parts[len(lookup_artifact.task.parent.parts) :])
        assert ".dist-info" not in str(path)


def test_answering_writes_nothing_where_the_artifact_lies(
    lookup_artifact: Artifact, running: Running
) -> None:
    before = set(_files(lookup_artifact))
    running("lookup").invoke(json.loads((EVENTS / "hit_e164.json").read_text()))
    assert set(_files(lookup_artifact)) == before


def test_the_build_for_the_other_processor_is_the_same_to_the_byte(
    lookup_artifact: Artifact, tmp_path: Path
) -> None:
    # So a layer for the wrong processor can't be deployed, and building again deploys nothing.
    (other,) = {"arm64", "x86_64"} - {architecture()}
    sam_build(lookup_artifact.source, tmp_path / "build", other)
    for name in ("CentralinoLayer", "DepsLayer", "LookupFunction", "AdminFunction"):
        here, there = (
            _contents(folder / name) for folder in (lookup_artifact.build, tmp_path / "build")
        )
        assert here.keys() == there.keys()
        assert [path for path in here if here[path] != there[path]] == []


def test_the_deps_layer_has_every_compiled_module_for_both_processors(
    lookup_artifact: Artifact,
) -> None:
    layer = lookup_artifact.build / "DepsLayer"
    modules: dict[str, set[str]] = {}
    for path in layer.rglob("*.so"):
        name, tag, _ = path.name.split(".")
        modules.setdefault(str(path.parent / name), set()).add(tag)
    assert modules
    both = {f"cpython-313-{machine}-linux-gnu" for machine in ("aarch64", "x86_64")}
    assert {module: tags for module, tags in modules.items() if tags != both} == {}
