"""The signed client's signatures are those of Amazon's own library."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from centralino.adapters.aws import PROTOCOLS, Client
from centralino.domain.errors import RejectedError

# Environment variables hold anything but NUL; AWS itself uses far less.
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
SECRETS = PRINTABLE | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
)
TOKENS = st.none() | st.just("") | SECRETS | st.text("abcXYZ019+/=", min_size=700, max_size=1500)
ENDPOINTS = st.none() | st.sampled_from(
    [
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://localhost:80",
        "https://localhost:443/",
        "https://vpce-0a1b-dynamodb.eu-south-1.vpce.amazonaws.com",
        "http://[::1]:8000",
    ]
)
MOMENTS = st.integers(min_value=1_420_000_000, max_value=4_100_000_000)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters())  # the control characters and lone surrogates too
    | st.just(""),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def read_request(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(":", 1) for line in lines)
    assert len(headers) == len(lines)
    return first, headers, body


def sign_with_botocore(
    service: str, at: int, env: dict[str, str], *, url: str, headers: dict[str, str], body: bytes
) -> dict[str, str]:
    credentials = Credentials(
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN") or None
    )
    request = AWSRequest("POST", url, headers, body)
    with time_machine.travel(at, tick=False):
        SigV4Auth(credentials, service, env["AWS_REGION"]).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@st.composite
def environments(draw: st.DrawFn) -> dict[str, str]:
    """What a container finds in its environment."""
    regions = ["eu-south-1", "us-east-1", "cn-north-1", "us-gov-west-1"]
    env = {
        "AWS_ACCESS_KEY_ID": draw(PRINTABLE),
        "AWS_SECRET_ACCESS_KEY": draw(SECRETS),
        "AWS_SESSION_TOKEN": draw(TOKENS),
        "AWS_ENDPOINT_URL": draw(ENDPOINTS),
        "AWS_REGION": draw(st.sampled_from(regions)),
    }
    return {name: value for name, value in env.items() if value is not None}


@given(
    service=st.sampled_from(sorted(PROTOCOLS)),
    env=environments(),
    operation=st.from_regex(r"[A-Za-z]{1,30}", fullmatch=True),
    body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
    at=MOMENTS,
)
def test_any_request_is_signed_as_amazons_library_signs_it(
    service: str, env: dict[str, str], operation: str, body: bytes, at: int
) -> None:
    client = Client(service, env=env, clock=lambda: at)

    first, headers, sent = read_request(client._sign(operation, body))

    target, content_type = PROTOCOLS[service]
    theirs = sign_with_botocore(
        service,
        at,
        env,
        url=env.get("AWS_ENDPOINT_URL", f"https://{client.endpoint.host}").rstrip("/") + "/",
        headers={"X-Amz-Target": f"{target}.{operation}", "Content-Type": content_type},
        body=body,
    )
    assert headers["authorization"] == theirs["authorization"]
    assert headers["x-amz-date"] == theirs["x-amz-date"]
    token = env.get("AWS_SESSION_TOKEN", "")
    assert headers.get("x-amz-security-token", "").split() == token.split()
    assert (first, sent) == ("POST / HTTP/1.1", body)
    assert headers["content-length"] == str(len(body))


@given(st.lists(st.tuples(SECRETS, TOKENS, MOMENTS), min_size=2, max_size=6))
def test_keys_that_change_between_calls_are_used_at_once(
    moments: list[tuple[str, str | None, int]],
) -> None:
    env = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_REGION": "eu-south-1"}
    now = [0]
    client = Client("dynamodb", env=env, clock=lambda: now[0])
    for secret, token, at in moments:
        env["AWS_SECRET_ACCESS_KEY"] = secret
        env["AWS_SESSION_TOKEN"] = token or ""
        now[0] = at

        _, headers, _ = read_request(client._sign("GetItem", b"{}"))

        theirs = sign_with_botocore(
            "dynamodb",
            at,
            env,
            url="https://dynamodb.eu-south-1.amazonaws.com/",
            headers={
                "X-Amz-Target": headers["x-amz-target"],
                "Content-Type": headers["content-type"],
            },
            body=b"{}",
        )
        assert headers["authorization"] == theirs["authorization"]


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("dynamodb", "get_item", {"TableName": "calls", "Key": {"pk": {"S": "a"}}}),
        ("sqs", "send_message", {"QueueUrl": "https://queue.test/1/calls", "MessageBody": "a"}),
        ("ssm", "get_parameter", {"Name": "/centralino/pepper"}),
    ],
)
def test_a_services_target_and_content_type_are_those_of_amazons_library(
    service: str, operation: str, parameters: dict[str, Any]
) -> None:
    env = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-south-1",
    }
    theirs = boto3.client(
        cast("Any", service),
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
    requests: list[Any] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        raw = SimpleNamespace(stream=lambda: iter([b"{}"]))
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    theirs.meta.events.register("before-send", answer)
    getattr(theirs, operation)(**parameters)
    sent = {name.lower(): value for name, value in requests[0].headers.items()}
    named = sent["x-amz-target"].decode().rpartition(".")[2]

    _, ours, _ = read_request(Client(service, env=env)._sign(named, requests[0].body))

    assert ours["x-amz-target"] == sent["x-amz-target"].decode()
    assert ours["content-type"] == sent["content-type"].decode()
    assert f"https://{ours['host']}/" == requests[0].url


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_credentials_nothing_is_sent(missing: str) -> None:
    env = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-south-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    del env[missing]

    with pytest.raises(RejectedError, match="credentials"):
        Client("dynamodb", env=env).call("GetItem", {}, timeout_s=1)
