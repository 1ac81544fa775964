"""What a deployment makes of the functions and layers."""

from __future__ import annotations

import hashlib
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from pack_artifact import pack
from tests.support.template import ROOT, Stack, declared, references

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS = (
    "AdminFunction",
    "AnswerPreflightFunction",
    "ApplyCrmFunction",
    "AuthorizePbxFunction",
    "LinkPbxFunction",
    "LookupFunction",
    "OriginateFunction",
    "ReceiveCrmFunction",
    "RouteCallFunction",
    "SearchCrmFunction",
    "SyncCrmFunction",
)
# What somebody waits for with a time limit of seconds: no layer but our code.
LIGHT = {"AuthorizePbxFunction", "LinkPbxFunction", "LookupFunction", "ReceiveCrmFunction"}
# What reads the table, and so is told of it.
READERS = set(FUNCTIONS) - {"AnswerPreflightFunction"}
# What keeps keys or settings in memory.
REMEMBERING = {
    "AdminFunction",
    "ApplyCrmFunction",
    "AuthorizePbxFunction",
    "LookupFunction",
    "ReceiveCrmFunction",
    "RouteCallFunction",
}
# What talks to CRMs and PBXs, or checks their signatures.
SECRET_READERS = {
    "AdminFunction",
    "ApplyCrmFunction",
    "OriginateFunction",
    "ReceiveCrmFunction",
    "RouteCallFunction",
    "SearchCrmFunction",
}
CODE = ROOT / "layers" / "centralino" / "python"


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def _folder(function: str) -> str:
    words = re.findall("[A-Z][a-z]*", function.removesuffix("Function"))
    return "_".join(words).lower()


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def _packed_code(source: Path, target: Path) -> str:
    """Pack our layer as the build does and return the digest by which SAM would name it."""
    pack(target / "python", [source], "/opt/python", pure=True, bytecode=False)
    return _digest(target)


def test_every_function_in_functions_is_in_the_template_and_the_other_way_round(
    stack: Stack,
) -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert {_folder(name) for name in stack.of_type("AWS::Lambda::Function")} == folders
    assert set(stack.of_type("AWS::Lambda::Function")) == set(FUNCTIONS)


def test_a_functions_handler_is_where_the_template_says(stack: Stack, function: str) -> None:
    module, name = stack.properties(function)["Handler"].split(".")
    source = (ROOT / "functions" / _folder(function) / f"{module}.py").read_text()
    assert re.search(rf"^def {name}\(", source, re.MULTILINE)


def test_functions_run_on_python_3_13_and_on_the_processor_of_the_parameter(function: str) -> None:
    for architecture in ("arm64", "x86_64"):
        properties = Stack({"Architecture": architecture}).properties(function)
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == [architecture]


def test_every_function_logs_json_to_a_group_of_its_own_that_forgets(function: str) -> None:
    stack = Stack({"LogLevel": "DEBUG", "LogRetentionDays": 7})
    logging = stack.properties(function)["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    assert logging["ApplicationLogLevel"] == "DEBUG"
    group = stack.resources[logging["LogGroup"]["Ref"]]
    assert group["Properties"]["RetentionInDays"] == 7
    name = group["Properties"]["LogGroupName"]["Fn::Sub"]
    assert name == "/aws/lambda/${AWS::StackName}/" + _folder(function)


def test_every_log_group_forgets(stack: Stack) -> None:
    for group in stack.of_type("AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] == 30


def test_the_call_path_loads_no_layer_but_our_code(stack: Stack) -> None:
    assert list(stack.layers("LookupFunction")) == ["CentralinoLayer"]
    # Codes that are typed are checked by a wheel; it is pure Python, and read when one is typed.
    assert list(stack.layers("RouteCallFunction")) == ["CentralinoLayer", "HotLayer"]
    for name in READERS - LIGHT - {"RouteCallFunction"}:
        assert list(stack.layers(name)) == ["CentralinoLayer", "DepsLayer"]
    assert not stack.layers("AnswerPreflightFunction")


def test_the_receiver_loads_as_little_as_the_call_path_for_a_crm_may_wait_for_one_second(
    stack: Stack,
) -> None:
    assert list(stack.layers("ReceiveCrmFunction")) == ["CentralinoLayer"]


def test_what_an_asterisk_waits_for_while_it_connects_loads_as_little(stack: Stack) -> None:
    for name in ("AuthorizePbxFunction", "LinkPbxFunction"):
        assert list(stack.layers(name)) == ["CentralinoLayer"]


def test_a_changed_file_in_a_layer_reaches_the_alias_of_each_function_that_has_the_layer(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    shutil.copytree(CODE, source)
    before = Stack(packages={"CentralinoLayer": _packed_code(source, tmp_path / "before")})
    again = Stack(packages={"CentralinoLayer": _packed_code(source, tmp_path / "again")})
    with (source / "centralino" / "__init__.py").open("a") as module:
        module.write("\nCHANGED = True\n")
    after = Stack(packages={"CentralinoLayer": _packed_code(source, tmp_path / "after")})

    assert again.resources.keys() == before.resources.keys()
    for name in READERS:
        assert after.layers(name)["CentralinoLayer"] != before.layers(name)["CentralinoLayer"]
        assert after.version(name) != before.version(name)
    untouched = "AnswerPreflightFunction"
    assert after.version(untouched) == before.version(untouched)


@pytest.mark.parametrize("layer", ["CentralinoLayer", "DepsLayer", "HotLayer"])
def test_every_layer_makes_new_versions_of_the_functions_that_have_it(
    stack: Stack, layer: str
) -> None:
    after = Stack(packages={layer: "changed"})
    for name in FUNCTIONS:
        has_it = layer in stack.layers(name)
        assert (after.version(name) != stack.version(name)) == has_it, name


def test_a_changed_function_reaches_its_alias_and_no_other(stack: Stack, function: str) -> None:
    after = Stack(packages={function: "changed"})
    changed = {name for name in FUNCTIONS if after.version(name) != stack.version(name)}
    assert changed == {function}


@pytest.mark.parametrize(
    ("changed", "by"),
    [
        ({"CacheSeconds": 0}, REMEMBERING),
        ({"MemorySize": 512}, READERS),
        ({"ExistingTableName": "restored"}, READERS),
        ({"SecretStore": "secretsmanager"}, SECRET_READERS),
        ({"Architecture": "x86_64"}, set(FUNCTIONS)),
        ({"LogLevel": "DEBUG"}, set(FUNCTIONS)),
        ({"ThrottleRate": 1}, set()),
    ],
)
def test_a_changed_parameter_reaches_the_alias_of_each_function_that_it_is_for(
    stack: Stack, changed: dict[str, object], by: set[str]
) -> None:
    after = Stack(changed)
    assert {name for name in FUNCTIONS if after.version(name) != stack.version(name)} == by


def test_a_versions_description_is_as_short_as_lambda_wants_it(stack: Stack) -> None:
    longest = max(len(stack.version(name)[1]) for name in FUNCTIONS)
    pattern = declared()["Parameters"]["ExistingTableName"]["AllowedPattern"]
    (table_name,) = re.findall(r",(\d+)}", pattern)
    assert longest + int(table_name) <= 256


def test_the_versions_and_layers_that_a_rollback_needs_are_kept(stack: Stack) -> None:
    for kind in ("AWS::Lambda::Version", "AWS::Lambda::LayerVersion"):
        for resource in stack.of_type(kind).values():
            assert resource["DeletionPolicy"] == "Retain"


def test_by_default_no_container_is_kept_warm_and_nothing_is_paid_for_it(stack: Stack) -> None:
    alias = stack.resources[stack.alias("LookupFunction")]
    assert "ProvisionedConcurrencyConfig" not in alias["Properties"]
    assert "UpdatePolicy" not in alias
    kinds = {resource["Type"].split("::")[1] for resource in stack.resources.values()}
    assert not kinds & {"ApplicationAutoScaling", "CodeDeploy"}


def test_warm_containers_are_kept_for_the_alias_and_scale_with_the_calls() -> None:
    stack = Stack({"LookupProvisionedConcurrency": 2})
    alias = stack.alias("LookupFunction")
    assert stack.properties(alias)["ProvisionedConcurrencyConfig"] == {
        "ProvisionedConcurrentExecutions": 2
    }
    (target,) = stack.of_type("AWS::ApplicationAutoScaling::ScalableTarget").values()
    assert target["Properties"]["MinCapacity"] == 2
    most = {"Fn::FindInMap": ["WarmContainers", 2, "Most"]}
    assert target["Properties"]["MaxCapacity"] == most
    # Refers to the alias, so it is made after it.
    assert references(target["Properties"]["ResourceId"]) >= {"LookupFunction", alias}
    (policy,) = stack.of_type("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    assert references(policy["Properties"]["ScalingTargetId"]) == {"LookupScalableTarget"}


def test_a_deployment_to_warm_containers_moves_all_calls_at_once_and_back_on_an_alarm() -> None:
    stack = Stack({"LookupProvisionedConcurrency": 1})
    (group_name,) = stack.of_type("AWS::CodeDeploy::DeploymentGroup")
    group = stack.properties(group_name)
    assert group["DeploymentConfigName"]["Fn::Sub"] == [
        "CodeDeployDefault.Lambda${ConfigName}",
        {"ConfigName": "AllAtOnce"},
    ]
    alarms = {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    # A lookup that breaks still answers 200, so the function's own errors would not show it.
    assert alarms == {
        "LookupErrorsAlarm",
        "DecodeErrorsAlarm",
        "DecodesDegradedAlarm",
        "DecodeTimeoutsAlarm",
    }
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    policy = stack.resources[stack.alias("LookupFunction")]["UpdatePolicy"]
    assert group_name in references(policy)


def test_every_number_of_warm_containers_that_may_be_asked_for_decides_how_it_is_deployed() -> None:
    template = declared()
    allowed = template["Parameters"]["LookupProvisionedConcurrency"]["AllowedValues"]
    rows = template["Mappings"]["WarmContainers"]
    assert {name: row["Watched"] for name, row in rows.items()} == {
        number: number != "0" for number in allowed
    }
    assert all(row["Most"] > int(name) for name, row in rows.items() if name != "0")


def test_the_call_path_shares_the_accounts_concurrency_unless_some_is_reserved(
    stack: Stack,
) -> None:
    assert "ReservedConcurrentExecutions" not in stack.properties("LookupFunction")
    reserved = Stack({"LookupReservedConcurrency": 50})
    assert reserved.properties("LookupFunction")["ReservedConcurrentExecutions"] == 50
