"""What wakes an operator."""

from __future__ import annotations

import json
import re

import pytest

import month_cost
from centralino.entry.metrics import metrics_line
from centralino.entry.observability import decode_line
from centralino.entry.originate_line import originate_line
from centralino.entry.route_line import route_line
from tests.support.template import Piece, Stack

# Two stacks in one account must not ring each other's alarms.
METRICS = "Centralino/${AWS::StackName}"
TOPIC = "arn:aws:sns:eu-south-1:111122223333:oncall"


def _watched(stack: Stack) -> set[tuple[str, str, str]]:
    """Namespace, metric and what it is about, of every alarm."""
    found = set()
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        metrics = [
            metric["MetricStat"]["Metric"]
            for metric in properties.get("Metrics", [])
            if "MetricStat" in metric
        ] or [properties]
        for metric in metrics:
            about = [dimension["Value"] for dimension in metric.get("Dimensions", [])] or [""]
            found.add((_name(metric["Namespace"]), metric["MetricName"], _name(about[-1])))
    return found


def _name(value: Piece) -> str:
    if isinstance(value, dict):
        ((_, name),) = value.items()
        return ".".join(name) if isinstance(name, list) else str(name)
    return str(value)


def test_an_alarm_rings_for_whatever_keeps_a_name_from_a_phone(stack: Stack) -> None:
    assert _watched(stack) == {
        (METRICS, "Decodes", "timeout"),
        (METRICS, "Decodes", "degraded"),
        (METRICS, "Decodes", "error"),
        (METRICS, "Routes", "timeout"),
        (METRICS, "Routes", "degraded"),
        (METRICS, "Routes", "error"),
        (METRICS, "Originates", "failed"),
        (METRICS, "Originates", "refused"),
        (METRICS, "Originates", "error"),
        (METRICS, "SocketFramesLost", ""),
        (METRICS, "SocketFramesTooLarge", ""),
        ("AWS/Lambda", "Errors", "${OriginateFunction}:live"),
        ("AWS/Lambda", "Errors", "${AuthorizePbxFunction}:live"),
        ("AWS/Lambda", "Errors", "${LinkPbxFunction}:live"),
        ("AWS/Lambda", "Errors", "${LookupFunction}:live"),
        ("AWS/Lambda", "Errors", "${RouteCallFunction}:live"),
        ("AWS/Lambda", "Throttles", "${RouteCallFunction}:live"),
        ("AWS/Lambda", "Duration", "${RouteCallFunction}:live"),
        ("AWS/Lambda", "Errors", "${AdminFunction}:live"),
        ("AWS/Lambda", "Throttles", "${LookupFunction}:live"),
        ("AWS/Lambda", "Throttles", "${AdminFunction}:live"),
        ("AWS/Lambda", "Duration", "${LookupFunction}:live"),
        ("AWS/ApiGateway", "5xx", "HttpApi"),
        ("AWS/Lambda", "Errors", "${ApplyCrmFunction}:live"),
        ("AWS/Lambda", "Errors", "${SyncCrmFunction}:live"),
        ("AWS/Lambda", "Throttles", "${SearchCrmFunction}:live"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "CrmDeadLetters.QueueName"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "CrmQueue.QueueName"),
        ("AWS/DynamoDB", "ReadThrottleEvents", "Table"),
        ("AWS/DynamoDB", "WriteThrottleEvents", "Table"),
        ("AWS/DynamoDB", "SystemErrors", "BatchGetItem"),
        ("AWS/DynamoDB", "SystemErrors", "TransactWriteItems"),
    }


@pytest.mark.parametrize(
    ("line", "alarms"),
    [
        (
            decode_line(0.0, "timeout", (1.0, 0.5, 0.0), {}),
            ("DecodeTimeoutsAlarm", "DecodesDegradedAlarm", "DecodeErrorsAlarm"),
        ),
        (
            route_line(0.0, "timeout", 1.0),
            ("RouteTimeoutsAlarm", "RoutesDegradedAlarm", "RouteErrorsAlarm"),
        ),
        (
            originate_line(0.0, "failed", 1.0),
            ("OriginatesFailedAlarm", "OriginatesRefusedAlarm", "OriginateErrorsAlarm"),
        ),
        (
            metrics_line(0.0, {"SocketFramesLost": 1, "SocketFramesTooLarge": 1}),
            ("SocketFramesLostAlarm", "SocketFramesTooLargeAlarm"),
        ),
    ],
    ids=["decode", "route", "originate", "sockets"],
)
def test_an_alarm_watches_the_metric_that_a_function_writes(
    stack: Stack, line: str, alarms: tuple[str, ...]
) -> None:
    (written,) = json.loads(line)["_aws"]["CloudWatchMetrics"]
    for name in alarms:
        alarm = stack.properties(name)
        namespace = _name(alarm["Namespace"]).replace("${AWS::StackName}", "local")
        assert namespace == written["Namespace"]
        assert alarm["MetricName"] in {metric["Name"] for metric in written["Metrics"]}
        dimensions = [dimension["Name"] for dimension in alarm.get("Dimensions", [])]
        assert dimensions in written["Dimensions"]


def test_a_function_that_writes_metrics_is_told_the_name_of_the_stack(stack: Stack) -> None:
    for name in ("LookupFunction", "RouteCallFunction", "OriginateFunction", "LinkPbxFunction"):
        variables = stack.properties(name)["Environment"]["Variables"]
        assert _name(variables["CENTRALINO_STACK"]) == "AWS::StackName"


def test_the_dashboard_shows_metrics_that_exist(stack: Stack) -> None:
    body, names = stack.properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    used = set(re.findall(r"\$\{(\w+)(?:\.\w+)?\}", body)) - names.keys()
    assert used <= stack.resources.keys()
    widgets = json.loads(body)["widgets"]
    shown = {
        (metric[0], metric[1])
        for widget in widgets
        for metric in widget["properties"]["metrics"]
        if isinstance(metric[0], str)
    }
    assert _name(names["Namespace"]) == METRICS
    assert ("${Namespace}", "DecodeTime") in shown
    assert {namespace for namespace, _ in shown} == {
        "AWS/ApiGateway",
        "AWS/DynamoDB",
        "AWS/Lambda",
        "AWS/SQS",
        "${Namespace}",
    }


def test_the_slowest_hundredth_counts_and_not_the_average(stack: Stack) -> None:
    alarm = stack.properties("LookupDurationAlarm")
    assert alarm["ExtendedStatistic"] == "p99"
    assert "Statistic" not in alarm


def test_silence_is_no_alarm(stack: Stack) -> None:
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


def test_every_alarm_tells_the_topic_that_the_operator_named_when_it_begins_and_when_it_ends() -> (
    None
):
    for alarm in Stack({"AlarmTopicArn": TOPIC}).of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == [TOPIC]
        assert alarm["Properties"]["OKActions"] == [TOPIC]
    for alarm in Stack().of_type("AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm["Properties"]


def test_the_cost_page_counts_the_alarms_that_there_are(stack: Stack) -> None:
    billed = 0
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        metrics = alarm["Properties"].get("Metrics", [None])
        billed += sum(1 for metric in metrics if metric is None or "MetricStat" in metric)
    assert billed == month_cost.ALARMS
