"""Build and deploy: the real SAM CLI, AWS_ENDPOINT_URL on the emulator, template.yaml as it is.

As it is but for what the emulator can't do; see `leave_out`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from local_stack.errors import LocalStackError
from local_stack.toolchain import (
    CACHE,
    ROOT,
    architecture,
    environment,
    exclusive,
    run,
    runs_lambda_wheels,
    uv,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from local_stack.emulator import Emulator

STACK_NAME = "centralino"
# What the build depends on. Whatever else changes, what is deployed stays the same.
SOURCES = (
    "template.yaml",
    "uv.lock",
    "functions",
    "layers",
    "tools/local_stack/deploy.py",
    "tools/pack.inc",
    "tools/pack_artifact.py",
)
GONE_STATES = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
GOOD_STATES = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class Deployment(NamedTuple):
    """What the template became.

    Attributes:
        api_id: of the HTTP API.
        socket_api_id: of the WebSocket API.
        table: the name of the DynamoDB table.
        queue_url: the worker's queue.
        bucket: of large bodies and files.
        secrets: where the secrets of CRMs are, as the functions are told.
    """

    api_id: str
    socket_api_id: str
    table: str
    queue_url: str
    bucket: str
    secrets: str


def deploy(
    emulator: Emulator,
    directory: Path,
    parameters: Mapping[str, str],
    say: Callable[[str], None],
) -> Deployment:
    """Deploy the template, unless it is deployed just so.

    Args:
        emulator: where to.
        directory: the stack's folder, which remembers what was deployed last.
        parameters: of the template, beside the architecture.
        say: told what takes time.

    Raises:
        LocalStackError: the build or the deployment failed; the message has SAM's own words.
    """
    wanted = {"Architecture": architecture(), **parameters}
    fingerprint = _fingerprint(wanted)
    note = directory / "deployed.json"
    if not (_read(note) == fingerprint and _is_deployed(emulator)):
        build = _build(say)
        say("deploying to the emulator (sam deploy)")
        note.unlink(missing_ok=True)
        _deploy(emulator, build, wanted, directory / "deploy.log")
        note.write_text(json.dumps(fingerprint))
    return _find(emulator)


def _read(note: Path) -> str:
    try:
        return str(json.loads(note.read_text()))
    except (OSError, ValueError):
        return ""


def _files() -> Iterator[Path]:
    for source in SOURCES:
        path = ROOT / source
        found = path.rglob("*") if path.is_dir() else [path]
        yield from sorted(
            file for file in found if file.is_file() and "__pycache__" not in file.parts
        )


def _fingerprint(parameters: Mapping[str, str]) -> str:
    digest = hashlib.sha256(f"{sys.version} {sorted(parameters.items())}".encode())
    for file in _files():
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _build(say: Callable[[str], None]) -> Path:
    """Build the functions and layers, unless that is done; return the built template."""
    home = CACHE / "build"
    note = CACHE / "built.json"
    with exclusive(CACHE / "build.lock"):
        fingerprint = _fingerprint({})
        if _read(note) != fingerprint:
            say("building the functions and layers (sam build)")
            note.unlink(missing_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            run(
                "sam build",
                *(_sam(), "build", "--template-file", ROOT / "template.yaml"),
                *("--build-dir", home),
                env=_sam_environment(),
            )
            if not runs_lambda_wheels():
                _add_wheels_for_this_machine(home)
            built = yaml.safe_load((home / "template.yaml").read_text())
            # JSON is YAML; beside the built template, whose paths are relative.
            (home / "emulator.yaml").write_text(json.dumps(leave_out(built), indent=1))
            note.write_text(json.dumps(fingerprint))
    return home / "emulator.yaml"


def leave_out(template: dict[str, Any]) -> dict[str, Any]:
    """Return a built template without what the emulator can't do.

    Alarms on metric math: it refuses them, and nothing rings an alarm locally. The most batches at
    a time of a queue's function: the parameter reaches it as text, which it compares to a number.
    """
    resources = {
        name: _without_concurrency(resource)
        for name, resource in template["Resources"].items()
        if not (
            resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
        )
    }
    return {**template, "Resources": resources}


def _without_concurrency(resource: dict[str, Any]) -> dict[str, Any]:
    events = resource.get("Properties", {}).get("Events")
    if not events:
        return resource
    kept = {
        name: {
            **event,
            "Properties": {
                property_name: value
                for property_name, value in event["Properties"].items()
                if property_name != "ScalingConfig"
            },
        }
        for name, event in events.items()
    }
    return {**resource, "Properties": {**resource["Properties"], "Events": kept}}


def _sam() -> Path:
    return environment("sam") / "sam"


def _sam_environment() -> dict[str, str]:
    # The desk's own AWS settings are none of SAM's business here.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_")
        and name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON"}
    }
    local = {
        "PATH": f"{environment('sam')}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "UV": str(uv()),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "1",
        # The CLI's own memory, such as when it last looked for a newer version of itself.
        "__SAM_CLI_APP_DIR": str(CACHE / "sam-home"),
    }
    if sys.version_info[:2] != (3, 13):
        # Bytecode for Lambda takes Lambda's Python; locally it isn't needed.
        local |= {"BYTECODE": "none", "RUNTIME_PYTHON": sys.executable}
    return kept | local


def _add_wheels_for_this_machine(build: Path) -> None:
    """Add compiled modules that this machine can load to those for Lambda, which stay.

    The emulator runs functions in its own Python, whatever `Runtime` says.
    """
    requirements = CACHE / "deps.txt"
    layer = build / "DepsLayer" / "python"
    interpreter = ("--python", sys.executable)
    run(
        "uv export",
        *(uv(), "export", "--quiet", "--frozen", *interpreter),
        *("--only-group", "deps", "--output-file", requirements),
    )
    run(
        "uv pip install",
        *(uv(), "pip", "install", "--quiet", "--no-deps", *interpreter),
        *("--target", layer, "--requirements", requirements),
    )


def _deploy(emulator: Emulator, template: Path, parameters: Mapping[str, str], log: Path) -> None:
    overrides = [f"{name}={value}" for name, value in sorted(parameters.items())]
    run(
        "sam deploy",
        *(_sam(), "deploy", "--template-file", template, "--stack-name", STACK_NAME),
        *("--region", emulator.env()["AWS_REGION"], "--capabilities", "CAPABILITY_IAM"),
        *("--resolve-s3", "--no-confirm-changeset", "--no-fail-on-empty-changeset"),
        *("--no-progressbar", "--on-failure", "DELETE", "--parameter-overrides", *overrides),
        env=_sam_environment() | emulator.env(),
        log=log,
    )


def _is_deployed(emulator: Emulator) -> bool:
    client = emulator.client("cloudformation")
    try:
        stacks = client.describe_stacks(StackName=STACK_NAME)["Stacks"]
    except client.exceptions.ClientError:
        return False
    return bool(stacks[0]["StackStatus"] in GOOD_STATES)


def _find(emulator: Emulator) -> Deployment:
    client = emulator.client("cloudformation")
    resources = client.describe_stack_resources(StackName=STACK_NAME)
    made = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
    }
    (stack,) = client.describe_stacks(StackName=STACK_NAME)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    try:
        return Deployment(
            made["HttpApi"],
            made["SocketApi"],
            outputs["TableName"],
            outputs["QueueUrl"],
            outputs["BucketName"],
            outputs["Secrets"],
        )
    except KeyError as missing:
        raise LocalStackError(f"template.yaml made no {missing}") from None
