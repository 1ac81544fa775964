"""The signed client before a DynamoDB that goes wrong, in the clear and over TLS."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from centralino.adapters.aws import AwsError, Client
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from tests.support import faults
from tests.support.fault_proxy import Fault, FaultProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.dynamodb_local import DynamoDBLocal

PATIENCE_S = 30.0  # far more than any fault here takes: only a client that hangs would use it up
HANG_S = 5.0  # what an answer may be late without being called a hang, on a busy machine


class Expected(NamedTuple):
    """What becomes of a call while a fault lasts."""

    fault: Callable[[], Fault]
    error: type[UnavailableError]
    reason: str
    requests: int  # that the service saw
    timeout_s: float = PATIENCE_S


FAILURES = [
    Expected(faults.black_hole, UnavailableError, "timeout", 2, timeout_s=0.4),
    Expected(faults.deaf, UnavailableError, "timeout", 0, timeout_s=0.4),
    Expected(lambda: faults.delay(10.0), UnavailableError, "timeout", 2, timeout_s=0.4),
    Expected(faults.reset_mid_body, UnavailableError, "connection", 2),
    Expected(faults.truncated, UnavailableError, "connection", 2),
    # The first looks like a kept connection that the service ended while idle: it doesn't count.
    Expected(faults.closed, UnavailableError, "connection", 3),
    Expected(faults.garbage, UnavailableError, "malformed", 2),
    Expected(faults.malformed, UnavailableError, "malformed", 2),
    Expected(faults.server_error, UnavailableError, "server", 2),
    Expected(faults.throttling, ThrottledError, "throttled", 2),
    Expected(faults.expired_credentials, RejectedError, "credentials", 1),
    Expected(faults.unknown_credentials, RejectedError, "credentials", 1),
    Expected(faults.missing_table, RejectedError, "missing_table", 1),
]
PASSING = [failure.fault for failure in FAILURES if failure.requests > 1]


def name(value: object) -> str:
    fault = value.fault if isinstance(value, Expected) else value
    return fault().name if callable(fault) else str(value)


@pytest.fixture(params=["http", "https"])
def proxy(
    request: pytest.FixtureRequest, dynamodb: DynamoDBLocal, tmp_path: Path
) -> Iterator[FaultProxy]:
    with FaultProxy(dynamodb.endpoint, tmp_path if request.param == "https" else None) as proxy:
        yield proxy


def key(number: str) -> dict[str, Any]:
    return {"pk": {"S": f"T#acme#N#{number}"}, "sk": {"S": "N"}}


class Cards:
    """Writes and reads number cards through the client under test."""

    def __init__(self, client: Client, table: str) -> None:
        self.client = client
        self.table = table

    def put(self, number: str, name: str) -> None:
        item = {**key(number), "name": {"S": name}}
        payload = {"TableName": self.table, "Item": item}
        self.client.call("PutItem", payload, timeout_s=PATIENCE_S)

    def get(self, number: str, timeout_s: float = PATIENCE_S) -> str:
        payload = {"TableName": self.table, "Key": key(number)}
        answer = self.client.call("GetItem", payload, timeout_s=timeout_s)
        found: str = answer["Item"]["name"]["S"]
        return found


@pytest.fixture
def cards(client: Client, proxy: FaultProxy, table: str) -> Cards:
    cards = Cards(client, table)
    cards.put("+390244556677", "Rossi")
    cards.put("+390211223344", "Bianchi")
    proxy.clear()
    return cards


@pytest.mark.parametrize("expected", FAILURES, ids=name)
def test_a_fault_that_lasts_ends_in_its_error_within_the_time_and_the_next_call_is_clean(
    cards: Cards, proxy: FaultProxy, expected: Expected
) -> None:
    proxy.fault = expected.fault()
    if proxy.fault.deaf:
        proxy.drop_connections()  # a kept connection would be heard
    begun = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        cards.get("+390244556677", timeout_s=expected.timeout_s)
    assert time.monotonic() - begun < expected.timeout_s + HANG_S
    assert type(caught.value) is expected.error
    assert caught.value.reason == expected.reason
    assert len(proxy.requests) == expected.requests

    proxy.clear()
    assert cards.get("+390211223344") == "Bianchi"
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("fault", PASSING, ids=name)
def test_a_fault_that_passes_goes_unnoticed(
    cards: Cards, proxy: FaultProxy, fault: Callable[[], Fault]
) -> None:
    proxy.fault = faults.first(1, fault())
    assert cards.get("+390244556677", timeout_s=3.0) == "Rossi"
    assert len(proxy.requests) == 2


@pytest.mark.parametrize("seconds", [0.2, 1.0])
def test_a_slow_answer_is_waited_for_while_there_is_time(
    cards: Cards, proxy: FaultProxy, seconds: float
) -> None:
    proxy.fault = faults.delay(seconds)
    assert cards.get("+390244556677") == "Rossi"
    assert len(proxy.requests) == 1


def test_an_answer_that_comes_too_late_is_not_the_answer_to_the_next_call(
    cards: Cards, proxy: FaultProxy
) -> None:
    proxy.fault = faults.delay(0.5)
    with pytest.raises(UnavailableError):
        cards.get("+390244556677", timeout_s=0.4)
    proxy.clear()
    assert cards.get("+390211223344") == "Bianchi"


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_that_the_service_ended_while_idle_costs_no_attempt(
    cards: Cards, proxy: FaultProxy, *, reset: bool
) -> None:
    proxy.drop_connections(reset=reset)
    proxy.fault = faults.first(1, faults.server_error())
    assert cards.get("+390244556677") == "Rossi"
    assert len(proxy.requests) == 2
    assert proxy.connections == 2


def test_a_connection_that_died_without_a_word_is_replaced_in_time(
    cards: Cards, proxy: FaultProxy
) -> None:
    proxy.freeze()
    assert cards.get("+390244556677", timeout_s=3.0) == "Rossi"
    assert proxy.connections == 2
    assert cards.get("+390211223344") == "Bianchi"
    assert proxy.connections == 2


def test_a_connection_opened_ahead_is_the_one_that_calls_use(
    client: Client, proxy: FaultProxy, table: str
) -> None:
    client.connect(PATIENCE_S)
    client.connect(PATIENCE_S)
    Cards(client, table).put("+390244556677", "Rossi")
    assert proxy.connections == 1


def test_a_long_request_does_not_wait_for_the_acknowledgement_of_its_first_part(
    client: Client,
) -> None:
    client.connect(PATIENCE_S)
    assert client._socket is not None
    assert client._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_service_that_is_deaf_while_we_start_is_called_all_the_same(
    client: Client, proxy: FaultProxy, table: str
) -> None:
    proxy.fault = faults.deaf()
    client.connect(0.1)
    client.close()
    proxy.clear()
    Cards(client, table).put("+390244556677", "Rossi")
    assert proxy.operations == ["PutItem"]


def test_nothing_stays_open_after_a_failure(cards: Cards, proxy: FaultProxy) -> None:
    proxy.fault = faults.black_hole()
    with pytest.raises(UnavailableError):
        cards.get("+390244556677", timeout_s=0.2)
    assert cards.client._socket is None


def test_a_failed_condition_says_so(cards: Cards) -> None:
    payload = {
        "TableName": cards.table,
        "Item": key("+390244556677"),
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with pytest.raises(AwsError) as caught:
        cards.client.call("PutItem", payload, timeout_s=PATIENCE_S)
    assert caught.value.code == "ConditionalCheckFailedException"
    assert caught.value.body["Item"]["name"] == {"S": "Rossi"}


def test_a_cancelled_transaction_gives_a_reason_for_each_item(cards: Cards) -> None:
    put = {"TableName": cards.table, "ConditionExpression": "attribute_not_exists(pk)"}
    items = [{"Put": {**put, "Item": key(n)}} for n in ("+390200000000", "+390244556677")]
    with pytest.raises(AwsError) as caught:
        cards.client.call("TransactWriteItems", {"TransactItems": items}, timeout_s=PATIENCE_S)
    assert caught.value.code == "TransactionCanceledException"
    assert caught.value.reasons == ("None", "ConditionalCheckFailed")


def test_a_transaction_conflict_is_the_writers_to_settle(cards: Cards, proxy: FaultProxy) -> None:
    proxy.fault = faults.transaction_conflict()
    put = {"Put": {"TableName": cards.table, "Item": key("+390200000000")}}
    with pytest.raises(AwsError) as caught:
        cards.client.call("TransactWriteItems", {"TransactItems": [put, put]}, timeout_s=PATIENCE_S)
    assert caught.value.reasons == ("TransactionConflict", "None")
    with pytest.raises(AwsError, match="TransactionConflictException"):
        cards.put("+390200000000", "Verdi")
    assert cards.get("+390244556677") == "Rossi"
    assert len(proxy.requests) == 3


@pytest.mark.parametrize("answered", [0, 1])
def test_unprocessed_keys_are_handed_to_the_caller(
    cards: Cards, proxy: FaultProxy, answered: int
) -> None:
    proxy.fault = faults.unprocessed_keys(answered)
    keys = [key("+390244556677"), key("+390211223344")]
    payload = {"RequestItems": {cards.table: {"Keys": keys}}}
    answer = cards.client.call("BatchGetItem", payload, timeout_s=PATIENCE_S)
    assert len(answer["Responses"][cards.table]) == answered
    assert answer["UnprocessedKeys"] == {cards.table: {"Keys": keys[answered:]}}
    assert [request.keys for request in proxy.requests] == [keys]


def test_a_table_that_is_not_there_is_the_operators_affair(client: Client) -> None:
    with pytest.raises(RejectedError, match="missing_table"):
        Cards(client, "nowhere").get("+390244556677")


def test_a_request_that_makes_no_sense_is_refused_with_the_services_words(cards: Cards) -> None:
    with pytest.raises(AwsError, match=r"ValidationException: .*key"):
        cards.client.call("GetItem", {"TableName": cards.table, "Key": {}}, timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    "text", ["", "è", "\N{OLD ITALIC LETTER A}", "\x00\x1f\x7f\u2028", "名" * 100_000]
)
def test_any_text_comes_back_as_it_was_written(cards: Cards, text: str) -> None:
    cards.put("+390200000000", text)
    assert cards.get("+390200000000") == text


def test_an_unknown_certificate_is_refused_and_no_request_leaves(
    dynamodb: DynamoDBLocal, tmp_path: Path
) -> None:
    with FaultProxy(dynamodb.endpoint, tmp_path) as proxy:
        env = {**dynamodb.env, "AWS_ENDPOINT_URL_DYNAMODB": proxy.endpoint}
        client = Client("dynamodb", env=env)
        with pytest.raises(RejectedError, match="certificate"):
            client.call("ListTables", {}, timeout_s=PATIENCE_S)
        assert proxy.requests == []
