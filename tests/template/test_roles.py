"""What each function may do, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.template import Piece, Stack, references, strings

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
READERS = {
    "AdminFunction",
    "ApplyCrmFunction",
    "AuthorizePbxFunction",
    "LinkPbxFunction",
    "LookupFunction",
    "OriginateFunction",
    "ReceiveCrmFunction",
    "RouteCallFunction",
    "SearchCrmFunction",
    "SyncCrmFunction",
}
ITEMS = {
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
}
READING = {"ssm:GetParameter", "secretsmanager:GetSecretValue"}
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


def test_the_call_path_may_read_cards_and_have_crms_asked_and_write_its_log(
    stack: Stack,
) -> None:
    assert _actions(stack, "LookupFunction") == LOGGING | {
        "dynamodb:BatchGetItem",
        "lambda:InvokeFunction",
    }
    (statement,) = [
        statement
        for statement in _statements(stack, "LookupRole")
        if statement["Action"] == "lambda:InvokeFunction"
    ]
    alias = {"Ref": stack.alias("SearchCrmFunction")}
    assert statement["Resource"] == alias
    variables = stack.properties("LookupFunction")["Environment"]["Variables"]
    assert variables["CENTRALINO_SEARCH_FUNCTION"] == alias


def test_routing_may_read_and_write_items_read_what_pbxs_sign_with_have_crms_asked_and_owners_told(
    stack: Stack,
) -> None:
    assert _actions(stack, "RouteCallFunction") == LOGGING | {
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "lambda:InvokeFunction",
        "sqs:SendMessage",
        "ssm:GetParameter",
    }
    (secrets,) = [
        statement
        for statement in _statements(stack, "RouteCallRole")
        if statement["Sid"] == "ReadSecretsOfPbxs"
    ]
    # Not those of CRMs.
    assert secrets["Resource"]["Fn::Sub"].endswith("/*/crm/pbx-*")


def test_the_worker_may_write_items_take_messages_and_send_some(stack: Stack) -> None:
    assert _actions(stack, "ApplyCrmFunction") == LOGGING | ITEMS | {
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
        "ssm:GetParameter",
        "ssm:PutParameter",
    }


def test_live_search_may_write_items_read_secrets_and_share_a_token(stack: Stack) -> None:
    assert _actions(stack, "SearchCrmFunction") == LOGGING | ITEMS | {
        "ssm:GetParameter",
        "ssm:PutParameter",
    }


def test_the_dispatcher_may_list_connections_and_send_messages(stack: Stack) -> None:
    assert _actions(stack, "SyncCrmFunction") == LOGGING | {
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "sqs:SendMessage",
    }


@pytest.mark.parametrize("store", ["ssm", "secretsmanager"])
def test_nobody_may_write_a_secret_but_the_access_token_that_all_share(store: str) -> None:
    stack = Stack({"SecretStore": store})
    sharing = {
        "ssm": {"ssm:PutParameter"},
        "secretsmanager": {"secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"},
    }[store]
    for function in stack.of_type("AWS::Lambda::Function"):
        for statement in _statements(stack, _role(stack, function)):
            rights = {a for a in _listed(statement["Action"]) if a.startswith(store)} - READING
            if not rights:
                continue
            assert function in {"ApplyCrmFunction", "OriginateFunction", "SearchCrmFunction"}
            assert rights == sharing
            (resource,) = statement["Resource"].values()
            whose = "dial-*" if function == "OriginateFunction" else "*"
            assert resource.endswith((f"/*/crm/{whose}/token", f"/*/crm/{whose}/token-??????"))


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
        "ssm:GetParameter",
    }


def test_the_receiver_may_read_keys_connections_and_secrets_and_keep_deliveries(
    stack: Stack,
) -> None:
    expected = LOGGING | {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "s3:PutObject",
        "sqs:SendMessage",
    }
    assert _actions(stack, "ReceiveCrmFunction") == expected | {"ssm:GetParameter"}
    other = Stack({"SecretStore": "secretsmanager"})
    assert _actions(other, "ReceiveCrmFunction") == expected | {"secretsmanager:GetSecretValue"}


def test_what_places_calls_may_write_items_send_over_sockets_and_read_what_pbxs_want_to_know(
    stack: Stack,
) -> None:
    assert _actions(stack, "OriginateFunction") == LOGGING | ITEMS | {
        "execute-api:ManageConnections",
        "ssm:GetParameter",
        "ssm:PutParameter",
    }
    (secrets,) = [
        statement
        for statement in _statements(stack, "OriginateRole")
        if statement["Sid"] == "ReadSecretsOfPbxs"
    ]
    # Not those of CRMs.
    assert secrets["Resource"]["Fn::Sub"].endswith("/*/crm/dial-*")


def test_whoever_lets_a_pbx_in_may_read_keys_and_nothing_else(stack: Stack) -> None:
    assert _actions(stack, "AuthorizePbxFunction") == LOGGING | {"dynamodb:BatchGetItem"}


def test_whoever_hears_from_pbxs_may_write_items_answer_them_and_go_on_later_but_read_no_secret(
    stack: Stack,
) -> None:
    assert _actions(stack, "LinkPbxFunction") == LOGGING | ITEMS | {
        "execute-api:ManageConnections",
        "lambda:InvokeFunction",
    }
    properties = stack.properties("LinkPbxFunction")
    (statement,) = [
        statement
        for statement in _statements(stack, "LinkPbxRole")
        if statement["Action"] == "lambda:InvokeFunction"
    ]
    # It may invoke itself, by the name that it is told and that it has.
    name, alias = properties["FunctionName"]["Fn::Sub"], "live"
    assert statement["Resource"] == {"Fn::Sub": FUNCTION + f"{name}:{alias}"}
    told = properties["Environment"]["Variables"]["CENTRALINO_LINK_FUNCTION"]
    assert told == {"Fn::Sub": f"{name}:{alias}"}
    assert stack.properties(stack.alias("LinkPbxFunction"))["Name"] == alias


def test_the_preflight_function_may_write_its_log(stack: Stack) -> None:
    assert _actions(stack, "AnswerPreflightFunction") == LOGGING


def test_no_role_may_scan(stack: Stack) -> None:
    assert not [text for text in strings(stack.resources) if "Scan" in text]


# What may be behind a slash: everything below one folder of our own.
FOLDERS = {
    "ssm": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:"
    "parameter/centralino/${AWS::StackName}/*",
    "secretsmanager": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:"
    "secret:centralino/${AWS::StackName}/*",
}
# What PBXs sign with.
SIGNED = {
    "ssm": FOLDERS["ssm"] + "/crm/pbx-*",
    "secretsmanager": FOLDERS["secretsmanager"] + "/crm/pbx-*",
}
# What the company's site signs registrations with.
REGISTRATIONS = {
    "ssm": FOLDERS["ssm"] + "/crm/registrations",
    "secretsmanager": FOLDERS["secretsmanager"] + "/crm/registrations-*",
}
TOKENS = {
    "ssm": FOLDERS["ssm"] + "/crm/*/token",
    "secretsmanager": FOLDERS["secretsmanager"] + "/crm/*/token-??????",
}
# What calls are placed with.
DIALLED = {
    "ssm": FOLDERS["ssm"] + "/crm/dial-*",
    "secretsmanager": FOLDERS["secretsmanager"] + "/crm/dial-*",
}
DIAL_TOKENS = {
    "ssm": DIALLED["ssm"] + "/token",
    "secretsmanager": DIALLED["secretsmanager"] + "/token-??????",
}
# Every connection of our own WebSocket API, and of its one stage.
SOCKETS = (
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
    "${SocketApi}/ari/*/@connections/*"
)
FUNCTION = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
CLAIMS = "${Bucket.Arn}/claims/*"
IMPORTS = "${Bucket.Arn}/imports/*"
PREFIXES = {"s3:prefix": ["claims/*", "imports/*"]}


@pytest.mark.parametrize("store", ["ssm", "secretsmanager"])
def test_no_role_has_a_wildcard_in_what_it_may_do_or_to_what_but_below_a_folder_of_ours(
    store: str,
) -> None:
    stack = Stack({"KmsKeyArn": KEY, "SecretStore": store})
    for role in stack.of_type("AWS::IAM::Role"):
        for statement in _statements(stack, role):
            assert statement["Effect"] == "Allow"
            assert not {"NotAction", "NotResource", "NotPrincipal"} & statement.keys()
            wild = {text for text in strings(statement) if "*" in text}
            assert wild <= {
                FOLDERS[store],
                TOKENS[store],
                SIGNED[store],
                REGISTRATIONS[store],
                DIALLED[store],
                DIAL_TOKENS[store],
                SOCKETS,
                CLAIMS,
                IMPORTS,
                *PREFIXES["s3:prefix"],
            }, role
            if "s3:ListBucket" in statement["Action"]:
                assert statement["Condition"] == {"StringLike": PREFIXES}


def test_a_role_may_touch_one_table_and_its_index_its_own_log_and_what_is_the_crms(
    stack: Stack,
) -> None:
    for function in stack.of_type("AWS::Lambda::Function"):
        log = stack.properties(function)["LoggingConfig"]["LogGroup"]["Ref"]
        for statement in _statements(stack, _role(stack, function)):
            for resource in _listed(statement["Resource"]):
                _check(_listed(statement["Action"]), resource, log)


def _check(actions: list[str], resource: dict[str, Any], log: str) -> None:
    (service,) = {action.split(":")[0] for action in actions}
    if service == "logs":
        assert set(actions) <= LOGGING
        assert resource == {"Fn::GetAtt": [log, "Arn"]}
    elif service == "dynamodb":
        arn, names = resource["Fn::Sub"]
        assert names == {"Name": {"Ref": "Table"}}
        assert arn.split(":table/")[1] in {"${Name}", "${Name}/index/list"}
    elif service == "sqs":
        assert resource == {"Fn::GetAtt": ["CrmQueue", "Arn"]}
    elif actions == ["s3:ListBucket"]:
        assert resource == {"Fn::GetAtt": ["Bucket", "Arn"]}
    elif service == "s3":
        assert resource in ({"Fn::Sub": CLAIMS}, {"Fn::Sub": IMPORTS})
    elif service == "lambda":
        itself = {"Fn::Sub": FUNCTION + "${AWS::StackName}-link_pbx:live"}
        mine = {"Ref": "SearchCrmFunctionAliaslive"} if log != "LinkPbxLogGroup" else itself
        assert resource == mine
    elif service == "execute-api":
        assert resource == {"Fn::Sub": SOCKETS}
    else:
        read = [FOLDERS, SIGNED, REGISTRATIONS, DIALLED]
        folders = read if set(actions) <= READING else [TOKENS, DIAL_TOKENS]
        assert resource in [{"Fn::Sub": folder[service]} for folder in folders]


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
    assert with_key == READERS
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
    for function in READERS:
        variables = stack.properties(function)["Environment"]["Variables"]
        assert variables["CENTRALINO_TABLE"] == "restored"
        names = {
            resource["Fn::Sub"][1]["Name"]
            for statement in _statements(stack, _role(stack, function))
            for resource in _listed(statement["Resource"])
            if isinstance(resource.get("Fn::Sub"), list)
        }
        assert names == {"restored"}
    assert "Table" not in references(stack.resources)
