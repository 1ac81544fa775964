"""Webhooks through the local stack: the gateway, the receiver, SQS, S3, SSM and the worker."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber
from standardwebhooks import Webhook

from centralino.adapters.aws import Client
from centralino.adapters.claims import PREFIX, S3Claims
from centralino.adapters.queue import MAX_BYTES, SqsQueue
from centralino.adapters.secrets import KeptSecrets, managed_secrets, parameters
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.ports.queue import Claim
from local_stack.deploy import STACK_NAME
from tests.support.local_stack import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_stack import Stack

HTTP_OK = 200
LATE = "2026-11-21T10:00:00Z"


def outputs(stack: Stack) -> dict[str, str]:
    client = stack.emulator.client("cloudformation")
    (found,) = client.describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def post(
    stack: Stack, event: object, *, secret: str = "", path: str = "/v1/crm/generic", pad: int = 0
) -> int:
    """Post an event as the demo tenant's own CRM does; returns the status."""
    body = json.dumps(event) + " " * pad
    message_id, now = f"msg-{uuid.uuid4()}", str(int(time.time()))
    key = base64.b64decode((secret or stack.webhook_secret).removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{now}.{body}".encode(), "sha256")
    signature = "v1," + base64.b64encode(digest).decode()
    return deliver(stack, body, message_id, now, signature, path)


def deliver(  # noqa: PLR0917 - what Standard Webhooks has
    stack: Stack,
    body: str,
    message_id: str,
    timestamp: str,
    signature: str,
    path: str = "/v1/crm/generic",
) -> int:
    """Hand in what was signed; returns the status."""
    headers = {
        "x-api-key": stack.keys["crm"],
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }
    connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=60)
    with closing(connection):
        connection.request("POST", path, body=body.encode(), headers=headers)
        return connection.getresponse().status


def shown(stack: Stack, number: str) -> str:
    connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=60)
    with closing(connection):
        headers = {"x-api-key": stack.keys["pbx"]}
        connection.request("GET", f"/v1/lookup?number={number}", headers=headers)
        response = connection.getresponse()
        assert response.status == HTTP_OK
        return response.read().decode()


def contact(record: str, last_name: str, number: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    data = {"id": record, "last_name": last_name, "numbers": [{"number": number, "kind": "work"}]}
    return {"type": "contact.updated", "timestamp": LATE, "data": {**data, **more}}


def test_who_is_saved_in_the_crm_is_known_when_they_call(local_stack: Stack) -> None:
    assert post(local_stack, contact("r-1", "Galli", "02 3310001")) == HTTP_OK
    eventually(lambda: shown(local_stack, "023310001") == "Galli")


def test_who_is_saved_by_a_sender_that_uses_the_standardwebhooks_library_is_known_when_they_call(
    local_stack: Stack,
) -> None:
    webhook = Webhook(local_stack.webhook_secret)
    names = {"023310011": "Però", "023310012": "Šimić"}
    for record, (number, name) in enumerate(names.items(), 11):
        body = json.dumps(contact(f"r-{record}", name, number), ensure_ascii=False)
        message_id, now = f"msg-{uuid.uuid4()}", datetime.now(tz=UTC)
        signature = webhook.sign(message_id, now, body)
        stamp = str(int(now.timestamp()))
        # The second time as after an answer that got lost.
        for _ in range(2):
            assert deliver(local_stack, body, message_id, stamp, signature) == HTTP_OK
        later = str(int(now.timestamp()) + 1)
        assert deliver(local_stack, body, message_id, later, signature) == 401
    for number, name in names.items():
        eventually(lambda number=number, name=name: shown(local_stack, number) == name)  # type: ignore[misc]


def test_who_is_deleted_in_the_crm_is_unknown_when_they_call(local_stack: Stack) -> None:
    assert post(local_stack, contact("r-2", "Fontana", "02 3310002")) == HTTP_OK
    eventually(lambda: shown(local_stack, "023310002") == "Fontana")
    gone = {"type": "contact.deleted", "timestamp": "2026-11-21T11:00:00Z", "data": {"id": "r-2"}}
    assert post(local_stack, gone) == HTTP_OK
    eventually(lambda: shown(local_stack, "023310002") == "")


def test_a_delivery_that_is_too_large_for_the_queue_arrives_all_the_same(
    local_stack: Stack,
) -> None:
    event = contact("r-3", "Marini", "02 3310003")
    assert post(local_stack, event, pad=MAX_BYTES + 100_000) == HTTP_OK
    eventually(lambda: shown(local_stack, "023310003") == "Marini")
    bucket = outputs(local_stack)["BucketName"]
    objects = local_stack.emulator.client("s3").list_objects_v2(Bucket=bucket, Prefix=PREFIX)
    sizes = [item["Size"] for item in objects["Contents"]]
    assert max(sizes) > MAX_BYTES


def test_a_forged_delivery_is_refused_and_changes_nothing(local_stack: Stack) -> None:
    forged = contact("r-4", "Mallory", "02 3310004")
    assert post(local_stack, forged, secret="whsec_" + "B" * 32) == 401
    assert post(local_stack, contact("r-5", "Serra", "02 3310005")) == HTTP_OK
    # What came after it is there; so would it be.
    eventually(lambda: shown(local_stack, "023310005") == "Serra")
    assert shown(local_stack, "023310004") == ""


def test_a_delivery_that_nobody_understands_waits_for_an_operator(local_stack: Stack) -> None:
    word = f"contact.{uuid.uuid4()}"
    assert post(local_stack, {"type": word, "timestamp": LATE, "data": {}}) == HTTP_OK
    sqs = local_stack.emulator.client("sqs")
    url = outputs(local_stack)["DeadLettersUrl"]
    bodies: list[str] = []

    def has_come() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        bodies.extend(item["Body"] for item in answer.get("Messages", []))
        return any(word in body for body in bodies)

    eventually(has_come)


@pytest.mark.parametrize("path", ["/v1/crm/none", "/v1/crm/generic/one/two", "/v1/crm"])
def test_a_path_that_leads_nowhere_is_not_found(local_stack: Stack, path: str) -> None:
    # The last two reach the function that takes what no route does, which wants another role.
    assert post(local_stack, contact("r-6", "Nobody", "02 3310006"), path=path) in {403, 404}


@pytest.fixture
def queue_url(local_stack: Stack) -> Iterator[str]:
    """A queue of its own, which nobody works off."""
    sqs = local_stack.emulator.client("sqs")
    url = sqs.create_queue(QueueName=f"test-{uuid.uuid4()}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def test_a_message_comes_out_of_the_queue_as_it_went_in(local_stack: Stack, queue_url: str) -> None:
    message = {"v": 1, "kind": "webhook", "body": '\x00\x1f\ufffe è 😀 "quoted"', "n": [1, None]}
    with closing(Client("sqs", env=local_stack.emulator.env())) as client:
        SqsQueue(client, queue_url).send(message, timeout_s=30)
        SqsQueue(client, queue_url).send({"body": "x" * (MAX_BYTES - 20)}, timeout_s=30)
    sqs = local_stack.emulator.client("sqs")
    received: list[dict[str, Any]] = []
    while len(received) < 2:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
        received += [json.loads(item["Body"]) for item in answer.get("Messages", [])]
    assert message in received


def test_a_queue_that_is_gone_is_an_operators_business(local_stack: Stack) -> None:
    with closing(Client("sqs", env=local_stack.emulator.env())) as client:
        queue = SqsQueue(client, "http://localhost/000000000000/none")
        with pytest.raises(RejectedError):
            queue.send({}, timeout_s=30)


def test_secrets_are_read_from_ssm_and_secrets_manager_as_aws_keeps_them(
    local_stack: Stack,
) -> None:
    value = {"webhook_secrets": ["one", "two"], "token": "è"}
    prefix = f"centralino/test-{uuid.uuid4()}"
    local_stack.emulator.client("ssm").put_parameter(
        Name=f"/{prefix}/acme/crm/generic", Value=json.dumps(value), Type="SecureString"
    )
    local_stack.emulator.client("secretsmanager").create_secret(
        Name=f"{prefix}/acme/crm/generic", SecretString=json.dumps(value)
    )
    env = local_stack.emulator.env()
    with (
        closing(Client("ssm", env=env)) as ssm,
        closing(Client("secretsmanager", env=env)) as manager,
    ):
        for source in (parameters(ssm, f"/{prefix}"), managed_secrets(manager, prefix)):
            secrets = KeptSecrets(source)
            assert secrets.read("acme", "generic", 30) == value
            assert secrets.read("acme", "odoo", 30) == {}


def test_a_large_body_is_kept_and_taken_as_often_as_its_message_comes(local_stack: Stack) -> None:
    bucket = outputs(local_stack)["BucketName"]
    claims = S3Claims(bucket, local_stack.emulator.client("s3"))
    body = bytes(range(256)) * 8192
    claim = claims.put("acme", "generic", body)
    assert claim.bucket == bucket
    assert claim.key.startswith("claims/acme/generic/")
    assert claims.put("acme", "generic", body) != claim
    assert [claims.take(claim) for _ in range(2)] == [body, body]
    with pytest.raises(RejectedError, match="claim_gone"):
        claims.take(Claim(bucket, "claims/acme/generic/none"))


@pytest.mark.parametrize(
    "claim", [Claim("other", "claims/acme/generic/1"), Claim("bucket", "imports/acme/1.csv")]
)
def test_a_message_can_have_nothing_taken_but_a_claim_of_our_bucket(claim: Claim) -> None:
    with pytest.raises(RejectedError, match="claim_elsewhere"):
        S3Claims("bucket", object()).take(claim)


@pytest.mark.parametrize(
    ("code", "status", "kind", "reason"),
    [
        ("AccessDenied", 403, RejectedError, "permissions"),
        ("ExpiredToken", 400, RejectedError, "credentials"),
        ("NoSuchBucket", 404, RejectedError, "claim_gone"),
        ("SlowDown", 503, ThrottledError, "throttled"),
        ("InternalError", 500, UnavailableError, "server"),
    ],
)
def test_what_s3_refuses_is_told_by_its_kind(
    code: str, status: int, kind: type[UnavailableError], reason: str
) -> None:
    client = boto3.client(
        "s3", region_name="eu-south-1", aws_access_key_id="A", aws_secret_access_key="B"
    )
    with Stubber(client) as stub:
        stub.add_client_error("put_object", code, http_status_code=status)
        with pytest.raises(UnavailableError) as caught:
            S3Claims("bucket", client).put("acme", "generic", b"")
    assert (type(caught.value), caught.value.reason) == (kind, reason)


def test_an_s3_that_does_not_answer_is_told_as_late() -> None:
    class Late:
        def get_object(self, **_: str) -> dict[str, object]:
            raise ReadTimeoutError(endpoint_url="https://bucket.s3.amazonaws.com/claims/secret")

    with pytest.raises(UnavailableError) as caught:
        S3Claims("bucket", Late()).take(Claim("bucket", "claims/acme/generic/1"))
    assert caught.value.reason == "timeout"
    assert "secret" not in str(caught.value)
