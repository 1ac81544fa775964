"""What each function may do, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.template import Piece, Stack, references, strings

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
KEY = "arn:aws:kms:eu-south-1:111122223333:key/1"


def _role(stack: Stack, function: str) -> str:
    name: str = stack.properties(function)["Role"]["Fn::GetAtt"][0]
    return name


def _statements(stack: Stack, role: str) -> Iterator[dict[str, Any]]:
    for policy in stack.properties(role)["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def _listed(value: Piece) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _actions(stack: Stack, function: str) -> set[str]:
    return {
        action
        for statement in _statements(stack, _role(stack, function))
        for action in _listed(statement["Action"])
    }


def test_the_call_path_may_read_cards_and_write_its_log(stack: Stack) -> None:
    assert _actions(stack, "LookupFunction") == LOGGING | {"dynamodb:BatchGetItem"}


def test_the_admin_api_may_do_everything_to_items_but_scan(stack: Stack) -> None:
    assert _actions(stack, "AdminFunction") == LOGGING | {
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    }


def test_the_preflight_function_may_write_its_log(stack: Stack) -> None:
    assert _actions(stack, "AnswerPreflightFunction") == LOGGING


def test_no_role_may_scan(stack: Stack) -> None:
    assert not [text for text in strings(stack.resources) if "Scan" in text]


def test_no_role_has_a_wildcard_in_what_it_may_do_or_to_what() -> None:
    stack = Stack({"KmsKeyArn": KEY})
    for role in stack.of_type("AWS::IAM::Role"):
        for statement in _statements(stack, role):
            assert statement["Effect"] == "Allow"
            assert not {"NotAction", "NotResource", "NotPrincipal"} & statement.keys()
            assert not [text for text in strings(statement) if "*" in text], role


def test_a_role_may_touch_one_table_and_its_index_and_its_own_log(stack: Stack) -> None:
    for function in stack.of_type("AWS::Lambda::Function"):
        log = stack.properties(function)["LoggingConfig"]["LogGroup"]["Ref"]
        for statement in _statements(stack, _role(stack, function)):
            for resource in _listed(statement["Resource"]):
                if set(_listed(statement["Action"])) <= LOGGING:
                    assert resource == {"Fn::GetAtt": [log, "Arn"]}
                else:
                    arn, names = resource["Fn::Sub"]
                    assert names == {"Name": {"Ref": "Table"}}
                    assert arn.split(":table/")[1] in {"${Name}", "${Name}/index/list"}


def test_no_two_functions_share_a_role_and_none_has_a_managed_policy(stack: Stack) -> None:
    functions = stack.of_type("AWS::Lambda::Function")
    roles = {_role(stack, function) for function in functions}
    assert len(roles) == len(functions)
    assert roles == set(stack.of_type("AWS::IAM::Role"))
    for role in roles:
        assert "ManagedPolicyArns" not in stack.properties(role)
        (trust,) = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_only_with_an_own_key_may_the_functions_that_read_the_table_use_it() -> None:
    stack = Stack({"KmsKeyArn": KEY})
    with_key = {
        function
        for function in stack.of_type("AWS::Lambda::Function")
        if "kms:Decrypt" in _actions(stack, function)
    }
    assert with_key == {"LookupFunction", "AdminFunction"}
    for function in with_key:
        (statement,) = [
            statement
            for statement in _statements(stack, _role(stack, function))
            if statement["Action"] == "kms:Decrypt"
        ]
        assert statement["Resource"] == KEY
        assert "kms:ViaService" in statement["Condition"]["StringEquals"]
    assert "kms:Decrypt" not in _actions(Stack(), "LookupFunction")


def test_a_role_reaches_the_table_that_the_function_is_told_of() -> None:
    stack = Stack({"ExistingTableName": "restored"})
    for function in ("LookupFunction", "AdminFunction"):
        variables = stack.properties(function)["Environment"]["Variables"]
        assert variables["CENTRALINO_TABLE"] == "restored"
        names = {
            resource["Fn::Sub"][1]["Name"]
            for statement in _statements(stack, _role(stack, function))
            for resource in _listed(statement["Resource"])
            if "Fn::Sub" in resource
        }
        assert names == {"restored"}
    assert "Table" not in references(stack.resources)
