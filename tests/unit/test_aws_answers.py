"""What the signed client makes of answers, well formed and not."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from botocore.retries.standard import ThrottledRetryableChecker

from centralino.adapters.aws import _REJECTED, _THROTTLED, AwsError, Client
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from tests.support import faults
from tests.support.fault_proxy import Answer, Fault, FaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fault_proxy import Exchange

ENV = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-south-1",
}
ITEM = {"Item": {"name": {"S": "Rossi"}}}
BODY = json.dumps(ITEM).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
HUGE = json.dumps({"Item": {"name": {"S": "è" * 300_000}}}).encode()


@pytest.fixture
def service() -> Iterator[FaultProxy]:
    """A service that answers just what a test says."""
    with FaultProxy("http://127.0.0.1:9") as service:
        yield service


@pytest.fixture
def client(service: FaultProxy) -> Iterator[Client]:
    with closing(Client("dynamodb", env={**ENV, **service.env})) as client:
        yield client


def in_pieces(*pieces: bytes) -> Fault:
    def handle(exchange: Exchange) -> None:
        first, *others = pieces
        exchange.send_bytes(first)
        for piece in others:
            exchange.wait(0.001)  # or the system might join them
            exchange.send_bytes(piece)

    return Fault("pieces", handle)


def one_by_one(data: bytes) -> Fault:
    return in_pieces(*(data[index : index + 1] for index in range(len(data))))


WELL_FORMED = {
    "a length": in_pieces(b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY),
    "other letter cases": in_pieces(b"HTTP/1.1 200 ok\r\n" + LENGTH.upper() + b"\r\n" + BODY),
    "no reason phrase": in_pieces(b"HTTP/1.1 200\r\n" + LENGTH + b"\r\n" + BODY),
    "a byte at a time": one_by_one(b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY),
    "chunks": in_pieces(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"5\r\n" + BODY[:5] + b"\r\n",
        b"%X;name=value\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n",
        b"0\r\nx-trailer: a\r\nx-other: b\r\n\r\n",
    ),
    "chunks a byte at a time": one_by_one(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    ),
    "a closing service": in_pieces(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + LENGTH + b"\r\n" + BODY
    ),
    "more than was announced": in_pieces(
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY + b"HTTP/1.1 200 OK"
    ),
    "more than was announced, in two parts": in_pieces(
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY[:9], BODY[9:] + b"HTTP/1.1 200 OK"
    ),
}


@pytest.mark.parametrize("answer", WELL_FORMED.values(), ids=WELL_FORMED)
def test_an_answer_is_read_whatever_its_framing_and_so_is_the_next(
    service: FaultProxy, client: Client, answer: Fault
) -> None:
    service.fault = answer
    assert client.call("GetItem", {}, timeout_s=5) == ITEM
    assert client.call("GetItem", {}, timeout_s=5) == ITEM
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    "name",
    ["a closing service", "more than was announced", "more than was announced, in two parts"],
)
def test_a_connection_that_cannot_be_trusted_any_more_is_not_kept(
    service: FaultProxy, client: Client, name: str
) -> None:
    service.fault = WELL_FORMED[name]
    client.call("GetItem", {}, timeout_s=5)
    assert client._socket is None


@pytest.mark.parametrize("name", ["a length", "chunks", "a byte at a time"])
def test_a_connection_is_kept_between_calls(service: FaultProxy, client: Client, name: str) -> None:
    service.fault = WELL_FORMED[name]
    for _ in range(3):
        client.call("GetItem", {}, timeout_s=5)
    assert service.connections == 1


def test_an_answer_of_megabytes_is_read_whole(service: FaultProxy, client: Client) -> None:
    service.fault = Fault("huge", lambda exchange: exchange.send(Answer(200, HUGE)))
    assert client.call("GetItem", {}, timeout_s=5) == json.loads(HUGE)


def test_an_empty_answer_is_one_without_fields(service: FaultProxy, client: Client) -> None:
    service.fault = Fault("empty", lambda exchange: exchange.send(Answer(200, b"")))
    assert client.call("DeleteMessage", {}, timeout_s=5) == {}


MALFORMED = {
    "half a JSON object": faults.malformed(),
    "a JSON array": faults.malformed(b"[]"),
    "bytes that are no text": faults.malformed(b'{"a":"\xff"}'),
    "not HTTP": faults.garbage(),
    "a refusal without a reason": Fault(
        "400", lambda exchange: exchange.send(Answer(400, b'{"message":"no"}'))
    ),
    "a refusal by somebody else": Fault(
        "403", lambda exchange: exchange.send(Answer(403, b"<html>Forbidden</html>"))
    ),
    "a redirect": Fault("302", lambda exchange: exchange.send(Answer(302, b""))),
    "a status of letters": in_pieces(b"HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n"),
    "a length of letters": in_pieces(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n"),
    "neither length nor chunks": in_pieces(b"HTTP/1.1 200 OK\r\n\r\n" + BODY),
    "a length below zero": in_pieces(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
    "a chunk of letters": in_pieces(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
    ),
    "a chunk below zero": in_pieces(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
    "a head without an end": in_pieces(b"HTTP/1.1 200 OK\r\n" + b"x-padding: 0\r\n" * 10_000),
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
def test_an_answer_that_makes_no_sense_is_asked_for_once_more(
    service: FaultProxy, client: Client, answer: Fault
) -> None:
    service.fault = answer
    with pytest.raises(UnavailableError) as caught:
        client.call("GetItem", {}, timeout_s=5)
    assert caught.value.reason == "malformed"
    assert type(caught.value) is UnavailableError
    assert len(service.requests) == 2

    service.fault = WELL_FORMED["a length"]
    assert client.call("GetItem", {}, timeout_s=5) == ITEM


@pytest.mark.parametrize("code", sorted(_THROTTLED))
def test_a_service_that_throttles_is_asked_once_more(
    service: FaultProxy, client: Client, code: str
) -> None:
    service.fault = faults.throttling(code)
    with pytest.raises(ThrottledError) as caught:
        client.call("PutItem", {}, timeout_s=5)
    assert caught.value.reason == "throttled"
    assert len(service.requests) == 2


def test_what_we_call_throttling_amazons_library_calls_so_too() -> None:
    theirs = ThrottledRetryableChecker._THROTTLED_ERROR_CODES  # type: ignore[attr-defined]
    assert set(theirs) >= _THROTTLED


def test_too_many_requests_is_throttling_whoever_says_it(
    service: FaultProxy, client: Client
) -> None:
    service.fault = Fault("429", lambda exchange: exchange.send(Answer(429, b"slow down")))
    with pytest.raises(ThrottledError):
        client.call("PutItem", {}, timeout_s=5)


@pytest.mark.parametrize(("code", "reason"), sorted(_REJECTED.items()))
def test_a_service_that_refuses_us_for_good_is_asked_once(
    service: FaultProxy, client: Client, code: str, reason: str
) -> None:
    service.fault = faults.error(400, code)
    with pytest.raises(RejectedError) as caught:
        client.call("GetItem", {}, timeout_s=5)
    assert caught.value.reason == reason
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_service_that_fails_is_asked_once_more(
    service: FaultProxy, client: Client, status: int
) -> None:
    service.fault = Fault("5xx", lambda exchange: exchange.send(Answer(status, b"<html>")))
    with pytest.raises(UnavailableError) as caught:
        client.call("GetItem", {}, timeout_s=5)
    assert caught.value.reason == "server"
    assert len(service.requests) == 2


@pytest.mark.parametrize("spelling", ["{}", "com.amazonaws.dynamodb.v20120810#{}"])
@pytest.mark.parametrize("field", ["message", "Message"])
def test_a_refused_request_tells_the_caller_what_the_service_said(
    service: FaultProxy, client: Client, spelling: str, field: str
) -> None:
    code = "ConditionalCheckFailedException"
    answer = Answer.of(400, {"__type": spelling.format(code), field: "no", "Item": {"a": 1}})
    service.fault = Fault("refused", lambda exchange: exchange.send(answer))
    with pytest.raises(AwsError, match=r"^ConditionalCheckFailedException: no$") as caught:
        client.call("PutItem", {}, timeout_s=5)
    assert caught.value.code == code
    assert caught.value.body["Item"] == {"a": 1}
    assert caught.value.reasons == ()
    assert len(service.requests) == 1


def test_the_time_of_a_second_attempt_is_signed_anew(service: FaultProxy) -> None:
    service.fault = faults.closed()
    times = iter([1_800_000_000, 1_800_003_600])
    env = {**ENV, **service.env}
    client = Client("dynamodb", env=env, clock=lambda: next(times))
    with pytest.raises(UnavailableError):
        client.call("GetItem", {}, timeout_s=5)
    dates = [request.headers["x-amz-date"] for request in service.requests]
    assert dates == ["20270115T080000Z", "20270115T090000Z"]


def test_without_time_nothing_is_sent(service: FaultProxy, client: Client) -> None:
    with pytest.raises(UnavailableError) as caught:
        client.call("GetItem", {}, timeout_s=0)
    assert caught.value.reason == "timeout"
    assert service.connections == 0


def test_a_call_that_is_interrupted_leaves_nothing_for_the_next(
    service: FaultProxy, client: Client
) -> None:
    class StopError(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise StopError

    def handle(exchange: Exchange) -> None:
        os.kill(os.getpid(), signal.SIGALRM)
        exchange.wait(0.2)
        exchange.send(Answer.of(200, {"late": True}))

    service.fault = Fault("interrupted", handle)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(StopError):
            client.call("GetItem", {}, timeout_s=5)
    finally:
        signal.signal(signal.SIGALRM, before)

    service.fault = WELL_FORMED["a length"]
    assert client.call("GetItem", {}, timeout_s=5) == ITEM


def test_a_host_is_reached_at_whichever_of_its_addresses_answers(service: FaultProxy) -> None:
    service.fault = WELL_FORMED["a length"]
    port = service.endpoint.rpartition(":")[2]
    # Where the name has an IPv6 address too, it comes first, and nobody listens there.
    env = {**ENV, "AWS_ENDPOINT_URL": f"http://localhost:{port}"}
    with closing(Client("dynamodb", env=env)) as client:
        assert client.call("GetItem", {}, timeout_s=5) == ITEM


def test_nobody_at_the_address_is_a_failed_connection() -> None:
    env = {**ENV, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    client = Client("dynamodb", env=env)
    client.connect(1)
    with pytest.raises(UnavailableError) as caught:
        client.call("GetItem", {}, timeout_s=5)
    assert caught.value.reason == "connection"
