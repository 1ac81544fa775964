"""WebSocket APIs of the local stack: what the emulator lacks is there, as at the real gateway."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode
from websockets.sync.client import connect

from local_stack.emulator import REGION, start_emulator
from local_stack.gateway import SOCKET_STAGE, Gateway, listen
from tests.support.local_stack import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

    from local_stack.emulator import Emulator

pytestmark = pytest.mark.stack

ROLE = "arn:aws:iam::000000000000:role/any"
KEY = "Basic bWlsYW46a2V5"
# Everything in one function: who may connect, what is answered, and what came, in a bucket.
FUNCTION = """
import json, os, time, uuid
import boto3

def handler(event, context):
    if event.get("type") == "REQUEST":
        good = event["headers"].get("authorization") == %r
        statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if good else "Deny",
                     "Resource": event["methodArn"]}
        return {"principalId": "milan", "policyDocument": {"Statement": [statement]},
                "context": {"tenant": "acme"}}
    about = event["requestContext"]
    seen = {"kind": about["eventType"], "id": about["connectionId"],
            "tenant": about["authorizer"].get("tenant"), "body": event.get("body"),
            "code": about.get("disconnectStatusCode")}
    if event.get("body") == "slow":
        time.sleep(3)
    boto3.client("s3").put_object(Bucket="seen", Key=f"{time.time()}-{uuid.uuid4()}",
                                  Body=json.dumps(seen).encode())
    if about["eventType"] == "CONNECT":
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "ari"}}
    return {"statusCode": 200, "body": "for nobody"}
"""


class Sockets(NamedTuple):
    """A WebSocket API behind a gateway, and what its function saw."""

    port: int
    emulator: Emulator

    @contextmanager
    def connection(self, *protocols: str, key: str = KEY) -> Iterator[ClientConnection]:
        """Connect as an Asterisk does."""
        with connect(
            f"ws://127.0.0.1:{self.port}/{SOCKET_STAGE}",
            subprotocols=protocols or None,  # type: ignore[arg-type]
            additional_headers={"Authorization": key} if key else {},
            compression=None,
            proxy=None,
        ) as connection:
            yield connection

    def seen(self) -> list[dict[str, Any]]:
        """Return what the function was asked so far, in the order in which it was done."""
        s3 = self.emulator.client("s3")
        listed = s3.list_objects_v2(Bucket="seen").get("Contents", ())
        bodies = [s3.get_object(Bucket="seen", Key=entry["Key"])["Body"] for entry in listed]
        return [json.loads(body.read()) for body in bodies]

    def forget(self) -> None:
        """Forget what it saw."""
        s3 = self.emulator.client("s3")
        for entry in s3.list_objects_v2(Bucket="seen").get("Contents", ()):
            s3.delete_object(Bucket="seen", Key=entry["Key"])


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sockets]:
    directory: Path = tmp_path_factory.mktemp("sockets")
    with closing(listen(0)) as listener, (directory / "lock").open("w") as lock:
        port = listener.getsockname()[1]
        emulator = start_emulator(directory, lock, f"http://127.0.0.1:{port}")
        try:
            emulator.client("s3").create_bucket(
                Bucket="seen", CreateBucketConfiguration={"LocationConstraint": REGION}
            )
            gateway = Gateway(listener, emulator, *_make_apis(emulator))
            try:
                yield Sockets(port, emulator)
            finally:
                gateway.stop()
        finally:
            emulator.stop()


@pytest.fixture
def sockets(api: Sockets) -> Iterator[Sockets]:
    yield api

    # What a connection's end leaves behind is not for the next test.
    def over() -> bool:
        kinds = [one["kind"] for one in api.seen()]
        return kinds.count("CONNECT") == kinds.count("DISCONNECT")

    eventually(over)
    api.forget()


def _make_apis(emulator: Emulator) -> tuple[str, str]:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", FUNCTION % KEY)
    function = emulator.client("lambda").create_function(
        FunctionName="sockets",
        Runtime="python3.13",
        Handler="app.handler",
        Role=ROLE,
        Timeout=30,
        Code={"ZipFile": code.getvalue()},
    )
    uri = (
        f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
        f"{function['FunctionArn']}/invocations"
    )
    client = emulator.client("apigatewayv2")
    http = client.create_api(Name="http", ProtocolType="HTTP")["ApiId"]
    api = client.create_api(
        Name="sockets", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    authorizer = client.create_authorizer(
        ApiId=api,
        AuthorizerType="REQUEST",
        Name="key",
        AuthorizerUri=uri,
        IdentitySource=["route.request.header.Authorization"],
    )["AuthorizerId"]
    integration = client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri
    )["IntegrationId"]
    target = f"integrations/{integration}"
    client.create_route(
        ApiId=api,
        RouteKey="$connect",
        AuthorizationType="CUSTOM",
        AuthorizerId=authorizer,
        Target=target,
    )
    for key in ("$disconnect", "$default"):
        client.create_route(ApiId=api, RouteKey=key, Target=target)
    client.create_stage(ApiId=api, StageName=SOCKET_STAGE, AutoDeploy=True)
    return http, api


def test_the_subprotocol_of_the_answer_is_accepted_if_it_was_offered(sockets: Sockets) -> None:
    with sockets.connection("ari") as connection:
        assert connection.subprotocol == "ari"
    with sockets.connection("other", "ari") as connection:
        assert connection.subprotocol == "ari"
    with sockets.connection() as connection:
        assert connection.subprotocol is None


@pytest.mark.parametrize(("key", "status"), [("", 401), ("Basic YTpi", 403)])
def test_who_may_not_connect_is_told_so(sockets: Sockets, key: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, sockets.connection("ari", key=key):
        pass
    assert refused.value.response.status_code == status
    assert sockets.seen() == []


def test_every_route_is_told_what_the_authorizer_said(sockets: Sockets) -> None:
    with sockets.connection("ari") as connection:
        connection.send("hello")
        eventually(lambda: len(sockets.seen()) == 2)
    eventually(lambda: len(sockets.seen()) == 3)
    seen = sockets.seen()
    assert [(one["kind"], one["tenant"]) for one in seen] == [
        ("CONNECT", "acme"),
        ("MESSAGE", "acme"),
        ("DISCONNECT", "acme"),
    ]
    assert seen[1]["body"] == "hello"
    assert len({one["id"] for one in seen}) == 1


def test_a_message_does_not_wait_for_the_one_before_it(sockets: Sockets) -> None:
    with sockets.connection("ari") as connection:
        connection.send("slow")
        connection.send("quick")
        eventually(lambda: len(sockets.seen()) == 3)
        assert [one["body"] for one in sockets.seen()][1:] == ["quick", "slow"]


def test_what_a_function_answers_a_message_is_sent_to_nobody(sockets: Sockets) -> None:
    with sockets.connection("ari") as connection:
        connection.send("hello")
        eventually(lambda: len(sockets.seen()) == 2)
        with pytest.raises(TimeoutError):
            connection.recv(timeout=0.5)


def test_a_message_over_32_kb_closes_the_connection(sockets: Sockets) -> None:
    with sockets.connection("ari") as connection:
        connection.send("x" * 32 * 1024)
        eventually(lambda: len(sockets.seen()) == 2)
        connection.send("x" * (32 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.MESSAGE_TOO_BIG
    eventually(lambda: sockets.seen()[-1]["kind"] == "DISCONNECT")
    assert sockets.seen()[-1]["code"] == CloseCode.MESSAGE_TOO_BIG


def test_a_function_sends_by_way_of_the_gateway_and_a_closed_connection_is_gone(
    sockets: Sockets,
) -> None:
    url = f"http://127.0.0.1:{sockets.port}/{SOCKET_STAGE}/@connections"
    with sockets.connection("ari") as connection:
        eventually(lambda: len(sockets.seen()) == 1)
        which = sockets.seen()[0]["id"]
        assert httpx.post(f"{url}/{which}", content="sent").status_code == 200
        assert connection.recv(timeout=10) == "sent"
        assert "ConnectedAt" in httpx.get(f"{url}/{which}").json()
        assert httpx.delete(f"{url}/{which}").status_code == 204
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=10)
    assert httpx.post(f"{url}/{which}", content="late").status_code == 410


def test_a_client_that_vanishes_is_noticed(sockets: Sockets) -> None:
    with sockets.connection("ari") as connection:
        connection.socket.close()
        eventually(lambda: any(one["kind"] == "DISCONNECT" for one in sockets.seen()))
