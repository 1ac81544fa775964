"""The table that the template declares is the one that the code knows."""

from __future__ import annotations

import pytest

from centralino.adapters.store import table
from tests.support.template import Stack

# Of the table's properties, what a CreateTable request has no word for.
BESIDE_THE_REQUEST = {
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "TimeToLiveSpecification",
}


def test_the_table_is_the_one_that_the_store_asks_for(stack: Stack) -> None:
    declared = stack.properties("Table")
    requested = table.create_table_request("any")
    del requested["TableName"]
    assert {
        name: value for name, value in declared.items() if name not in BESIDE_THE_REQUEST
    } == requested


def test_the_table_can_go_back_to_any_second_of_35_days(stack: Stack) -> None:
    assert stack.properties("Table")["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 35,
    }


def test_the_table_drops_what_has_expired(stack: Stack) -> None:
    setting = stack.properties("Table")["TimeToLiveSpecification"]
    assert setting == {"AttributeName": "expires_at", "Enabled": True}
    assert "**TTL** is the attribute `expires_at`" in str(table.__doc__)


def test_the_table_outlives_the_stack_and_every_mistake(stack: Stack) -> None:
    assert stack.properties("Table")["DeletionProtectionEnabled"] is True
    assert stack.resources["Table"]["DeletionPolicy"] == "Retain"
    assert stack.resources["Table"]["UpdateReplacePolicy"] == "Retain"


def test_a_restored_table_takes_the_place_of_ours_everywhere() -> None:
    stack = Stack({"ExistingTableName": "restored"})
    assert not stack.of_type("AWS::DynamoDB::Table")
    assert stack.outputs["TableName"] == "restored"
    for alarm in ("TableThrottlesAlarm", "TableSystemErrorsAlarm"):
        for metric in stack.properties(alarm)["Metrics"]:
            if "MetricStat" in metric:
                dimensions = metric["MetricStat"]["Metric"]["Dimensions"]
                assert {"Name": "TableName", "Value": "restored"} in dimensions
    names = stack.properties("Dashboard")["DashboardBody"]["Fn::Sub"][1]
    assert names["TableName"] == "restored"


@pytest.mark.parametrize("key", ["", "arn:aws:kms:eu-south-1:111122223333:key/1"])
def test_the_table_is_encrypted_with_the_users_key_if_there_is_one_else_with_the_one_aws_owns(
    key: str,
) -> None:
    encryption = Stack({"KmsKeyArn": key}).properties("Table").get("SSESpecification")
    own = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    assert encryption == (own if key else None)
