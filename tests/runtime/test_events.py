"""Every stored event, answered by what `sam build` made, in Lambda's runtime."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lambda_emulator import LambdaEmulator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.runtime.conftest import Running
    from tests.support.fake_aws import FakeAws
    from tests.support.lambda_emulator import Artifact

pytestmark = pytest.mark.runtime

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
EXPECTED = Path(__file__).parent / "expected"


def _cases(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.json"))


def _read(folder: Path, case: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{case}.json").read_text())
    return content


def _same_ids(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the id of a call, which is made up anew each time."""
    body = re.sub(r'"call_id": "[0-9A-Za-z]{22}"', '"call_id": "…"', answer.get("body", ""))
    return {**answer, "body": body}


def test_there_is_an_answer_to_expect_for_every_event() -> None:
    assert _cases(EXPECTED) == _cases(EVENTS)


def test_there_are_events_for_every_function() -> None:
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert {case.split("/")[0] for case in _cases(EVENTS)} == functions


@pytest.mark.parametrize("case", _cases(EVENTS))
def test_a_request_is_answered_as_expected(running: Running, case: str) -> None:
    answered = running(case.split("/", maxsplit=1)[0]).invoke(_read(EVENTS, case))
    assert _same_ids(answered) == _same_ids(_read(EXPECTED, case))


@pytest.mark.parametrize(
    "case",
    [case for case in _cases(EVENTS) if case.startswith(("lookup/", "originate/", "route_call/"))],
)
def test_a_call_s_file_is_named_for_its_outcome(case: str) -> None:
    outcome = _read(EXPECTED, case)["headers"]["x-centralino-outcome"]
    word = case.partition("/")[2].split("_", 1)[0]
    assert word == outcome


def test_what_a_routed_call_leaves_in_the_log_has_neither_its_number_nor_its_name_nor_its_key(
    running: Running,
) -> None:
    routing = running("route_call")
    routing.invoke(_read(EVENTS, "route_call/decided_asterisk_key_in_path"))
    lines = [line for line in routing.log().splitlines() if '"message": "route"' in line]
    assert json.loads(lines[-1])["outcome"] == "decided"
    for secret in ("3471234567", "EventsPbxKeyForTests00", "Rossi"):
        assert not [line for line in lines if secret in line]


def test_what_a_call_leaves_in_the_log_has_neither_its_number_nor_its_name_nor_its_key(
    running: Running,
) -> None:
    lookup = running("lookup")
    lookup.invoke(_read(EVENTS, "lookup/hit_key_in_path"))
    lines = [line for line in lookup.log().splitlines() if '"message": "decode"' in line]
    assert json.loads(lines[-1])["outcome"] == "hit"
    for secret in ("3471234567", "EventsPbxKeyForTests00", "Rossi"):
        assert not [line for line in lines if secret in line]


def test_a_call_whose_store_is_gone_gets_the_carriers_name(
    lookup_artifact: Artifact, function_env: Mapping[str, str]
) -> None:
    # Nobody listens on the discard port of the loopback address.
    env = {**function_env, "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}
    with LambdaEmulator(lookup_artifact.task, lookup_artifact.opt, env) as lookup:
        answer = lookup.invoke(_read(EVENTS, "lookup/miss_shows_the_carriers_name"))
    assert (answer["statusCode"], answer["headers"]["x-centralino-outcome"]) == (200, "degraded")
    assert answer["body"] == "ROSSI MARIO"


RECEIVED = [case for case in _cases(EVENTS) if case.startswith("receive_crm/")]


@pytest.mark.parametrize("case", RECEIVED)
def test_a_webhook_s_file_is_named_for_its_outcome_and_only_one_that_is_accepted_is_kept(
    running: Running, aws: FakeAws, case: str
) -> None:
    receive = running("receive_crm")
    before = len(aws.messages)
    receive.invoke(_read(EVENTS, case))
    kept = aws.messages[before:]

    word = case.removeprefix("receive_crm/").split("_", 1)[0]
    told = [line for line in receive.log().splitlines() if '"message": "webhook"' in line]
    assert json.loads(told[-1])["outcome"] == word
    accepted = [_read(EVENTS, case)["pathParameters"]["provider"]] if word == "accepted" else []
    assert [message["provider"] for message in kept] == accepted


def test_a_delivery_waits_for_the_worker_as_it_came_and_leaves_nothing_of_it_in_the_log(
    running: Running, aws: FakeAws
) -> None:
    receive = running("receive_crm")
    event = _read(EVENTS, "receive_crm/accepted_key_in_path_base64")
    before = len(aws.messages)
    receive.invoke(event)

    (message,) = aws.messages[before:]
    assert message["body"].encode() == base64.b64decode(event["body"])
    assert (message["tenant"], message["event"]) == ("demo", "Contact.create")
    told = [line for line in receive.log().splitlines() if '"message": "webhook"' in line]
    for secret in ("9988776", "Ricci", "EventsCrmKeyForTests00", "EventsSecretOfEspoCrm"):
        assert secret not in "".join(told)
        assert secret not in message["url"]


def test_a_webhook_whose_queue_is_gone_is_to_be_sent_again(
    receive_artifact: Artifact, function_env: Mapping[str, str]
) -> None:
    # Nobody listens on the discard port of the loopback address.
    env = {**function_env, "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9"}
    with LambdaEmulator(receive_artifact.task, receive_artifact.opt, env) as receive:
        answer = receive.invoke(_read(EVENTS, "receive_crm/accepted_key_in_header"))
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "1"
