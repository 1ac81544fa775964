"""Where deliveries wait: the queue, what is behind it, and the bucket of large bodies."""

from __future__ import annotations

from centralino.adapters import claims, queue
from centralino.application import sync_crm
from centralino.entry import apply, sync
from tests.support.template import Stack, references

DAY_S = 86_400
RECEIVES = 5


def test_work_that_failed_five_times_waits_for_an_operator_for_two_weeks(stack: Stack) -> None:
    policy = stack.properties("CrmQueue")["RedrivePolicy"]
    assert policy == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["CrmDeadLetters", "Arn"]},
        "maxReceiveCount": RECEIVES,
    }
    assert apply.MAX_RECEIVES == RECEIVES
    for name in ("CrmQueue", "CrmDeadLetters"):
        assert stack.properties(name)["MessageRetentionPeriod"] == 14 * DAY_S


def test_a_message_of_the_size_that_the_receiver_sends_has_room_in_both_queues(
    stack: Stack,
) -> None:
    for properties in (stack.properties("CrmQueue"), stack.properties("CrmDeadLetters")):
        assert queue.MAX_BYTES < properties["MaximumMessageSize"] == 1024 * 1024


def test_both_queues_are_encrypted_and_take_nothing_in_the_clear(stack: Stack) -> None:
    for name in ("CrmQueue", "CrmDeadLetters"):
        assert stack.properties(name)["SqsManagedSseEnabled"] is True
    policy = stack.properties("CrmQueuesPolicy")
    assert policy["Queues"] == [{"Ref": "CrmQueue"}, {"Ref": "CrmDeadLetters"}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_large_body_outlives_every_message_about_it_and_then_goes(stack: Stack) -> None:
    rules = {
        rule["Id"]: rule for rule in stack.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    }
    assert rules["claims"]["Prefix"] == claims.PREFIX
    assert rules["claims"]["Status"] == "Enabled"
    kept_s = rules["claims"]["ExpirationInDays"] * DAY_S
    # Sent anew for a while, kept until the last day, and so once more after a redrive.
    longest_s = apply.PUT_OFF_S + 2 * stack.properties("CrmDeadLetters")["MessageRetentionPeriod"]
    assert kept_s > longest_s


def test_the_bucket_is_nobodys_but_ours_encrypted_and_by_tls_alone(stack: Stack) -> None:
    bucket = stack.properties("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (statement,) = stack.properties("BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {"Fn::Sub": "${Bucket.Arn}/*"} in statement["Resource"]


def test_the_receiver_is_told_of_the_queue_the_bucket_and_the_secrets(stack: Stack) -> None:
    variables = stack.properties("ReceiveCrmFunction")["Environment"]["Variables"]
    assert variables["CENTRALINO_QUEUE_URL"] == {"Ref": "CrmQueue"}
    assert variables["CENTRALINO_BUCKET"] == {"Ref": "Bucket"}
    assert variables["CENTRALINO_SECRETS"] == {"Fn::Sub": "/centralino/${AWS::StackName}"}
    other = Stack({"SecretStore": "secretsmanager"}).properties("ReceiveCrmFunction")
    assert other["Environment"]["Variables"]["CENTRALINO_SECRETS"] == {
        "Fn::Sub": "secretsmanager:centralino/${AWS::StackName}"
    }


def test_routing_is_told_of_the_queue_for_numbers_that_were_learned(stack: Stack) -> None:
    variables = stack.properties("RouteCallFunction")["Environment"]["Variables"]
    assert variables["CENTRALINO_QUEUE_URL"] == {"Ref": "CrmQueue"}


def test_the_worker_takes_messages_in_batches_of_which_a_part_may_fail(stack: Stack) -> None:
    (mapping,) = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    properties = mapping["Properties"]
    assert properties["EventSourceArn"] == {"Fn::GetAtt": ["CrmQueue", "Arn"]}
    assert properties["FunctionName"] == {"Ref": stack.alias("ApplyCrmFunction")}
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_worker_asks_no_more_crms_at_a_time_than_the_parameter_says() -> None:
    stack = Stack({"CrmConcurrency": 7})
    (mapping,) = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 7}


def test_a_message_that_is_being_worked_on_is_nobody_elses_for_six_times_the_workers_time(
    stack: Stack,
) -> None:
    timeout_s = stack.properties("ApplyCrmFunction")["Timeout"]
    assert stack.properties("CrmQueue")["VisibilityTimeout"] == 6 * timeout_s
    # A message that is begun has the margin, and the longest part of a run more than that.
    assert timeout_s > apply.MARGIN_S + sync.PART_S
    # What is begun has the time that a page takes, and that is enough to save something of it.
    assert apply.MARGIN_S >= sync_crm.PAGE_S > sync_crm.SAVE_S


def test_the_dispatcher_looks_as_often_as_the_parameter_says_and_once_each_time() -> None:
    stack = Stack({"SyncMinutes": 30})
    (rule,) = [
        rule
        for rule in stack.of_type("AWS::Events::Rule").values()
        if references(rule["Properties"]["Targets"]) == {stack.alias("SyncCrmFunction")}
    ]
    assert rule["Properties"]["ScheduleExpression"] == {"Fn::Sub": "rate(30 minutes)"}
    (target,) = rule["Properties"]["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0}


def test_a_refresh_a_dispatch_or_a_ping_that_fails_is_not_repeated_for_the_next_one_does_it(
    stack: Stack,
) -> None:
    configs = [
        rule["Properties"] for rule in stack.of_type("AWS::Lambda::EventInvokeConfig").values()
    ]
    assert {config["FunctionName"]["Ref"] for config in configs} == {
        "LinkPbxFunction",
        "SearchCrmFunction",
        "SyncCrmFunction",
    }
    assert {config["MaximumRetryAttempts"] for config in configs} == {0}
    assert {config["Qualifier"] for config in configs} == {"live"}
