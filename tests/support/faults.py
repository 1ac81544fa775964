"""What can go wrong between us and DynamoDB, for `FaultProxy.fault`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.fault_proxy import Answer, Fault

if TYPE_CHECKING:
    from tests.support.fault_proxy import Exchange

NAMESPACE = "com.amazonaws.dynamodb.v20120810#"
# The single-item writes that a transaction at work on the same item makes fail.
WRITES = {"PutItem", "UpdateItem", "DeleteItem"}


def first(times: int, fault: Fault) -> Fault:
    """Let a fault happen to the next requests only, and pass on those after them."""
    left = [None] * times

    def handle(exchange: Exchange) -> None:
        if left:
            left.pop()
            fault.handle(exchange)
        else:
            exchange.send(exchange.forward())

    return Fault(f"{fault.name}, {times} times", handle)


def black_hole() -> Fault:
    """Take requests and never answer."""
    return Fault("black hole", lambda exchange: exchange.wait())


def deaf() -> Fault:
    """Accept connections and never read from them: not even TLS gets an answer."""
    return Fault("deaf", lambda exchange: exchange.wait(), deaf=True)


def delay(seconds: float) -> Fault:
    """Answer as ever, but late."""

    def handle(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.wait(seconds)
        exchange.send(answer)

    return Fault(f"delay of {seconds} s", handle)


def reset_mid_body() -> Fault:
    """Break the connection off (RST) after half of the answer."""

    def handle(exchange: Exchange) -> None:
        answer = exchange.forward().encode()
        exchange.send_bytes(answer[: -len(answer) // 4])
        exchange.wait(0.05)  # RST discards what the client hasn't read
        exchange.reset()

    return Fault("reset in the body", handle)


def truncated() -> Fault:
    """Close the connection in good order after half of the answer."""

    def handle(exchange: Exchange) -> None:
        answer = exchange.forward().encode()
        exchange.send_bytes(answer[: -len(answer) // 4])
        exchange.close()

    return Fault("truncated", handle)


def closed() -> Fault:
    """Close the connection instead of answering."""
    return Fault("closed", lambda exchange: exchange.close())


def lost_answer() -> Fault:
    """Carry requests out and close the connection instead of answering."""

    def handle(exchange: Exchange) -> None:
        exchange.forward()
        exchange.close()

    return Fault("lost answer", handle)


def malformed(body: bytes = b'{"Item":{"pk"') -> Fault:
    """Answer 200 with something that isn't JSON."""
    return Fault("malformed JSON", lambda exchange: exchange.send(Answer(200, body)))


def garbage() -> Fault:
    """Answer with something that isn't HTTP."""

    def handle(exchange: Exchange) -> None:
        exchange.send_bytes(b"\x15\x03\x03\x00\x02\x02\x50\r\n\r\n")
        exchange.close()

    return Fault("not HTTP", handle)


def error(status: int, code: str, message: str = "", **fields: object) -> Fault:
    """Answer as DynamoDB does when it refuses.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    """
    answer = _error(status, code, message, fields)
    return Fault(code, lambda exchange: exchange.send(answer))


def _error(status: int, code: str, message: str, fields: dict[str, Any]) -> Answer:
    return Answer.of(status, {"__type": NAMESPACE + code, "message": message, **fields})


def server_error(status: int = 500) -> Fault:
    """Answer that something broke inside the service."""
    return error(status, "InternalServerError", "The request processing has failed")._replace(
        name=str(status)
    )


def throttling(code: str = "ProvisionedThroughputExceededException") -> Fault:
    """Ask the client to slow down."""
    return error(400, code, "The level of configured provisioned throughput was exceeded")


def expired_credentials() -> Fault:
    """Refuse a session token as too old."""
    return error(400, "ExpiredTokenException", "The security token included is expired")


def unknown_credentials() -> Fault:
    """Refuse an access key as unknown."""
    return error(400, "UnrecognizedClientException", "The security token included is invalid")


def missing_table() -> Fault:
    """Say that there is no such table."""
    return error(400, "ResourceNotFoundException", "Requested resource not found")


def transaction_conflict() -> Fault:
    """Let writes meet a transaction at work on the same item; reads pass.

    A transaction is cancelled with a reason for each of its items (here the first conflicts), and
    a write of one item has an error of its own.
    """

    def handle(exchange: Exchange) -> None:
        operation, payload = exchange.request.operation, exchange.request.payload
        if operation == "TransactWriteItems":
            calm = [{"Code": "None"} for _ in payload["TransactItems"][1:]]
            reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing"}, *calm]
            text = "Transaction cancelled, please refer cancellation reasons"
            fields = {"CancellationReasons": reasons}
            exchange.send(_error(400, "TransactionCanceledException", text, fields))
        elif operation in WRITES:
            exchange.send(_error(400, "TransactionConflictException", "ongoing for the item", {}))
        else:
            exchange.send(exchange.forward())

    return Fault("TransactionConflict", handle)


def unprocessed_keys(answered: int = 0) -> Fault:
    """Answer only the first keys of each BatchGetItem and give the others back as unprocessed.

    Args:
        answered: how many keys of each table are read.
    """

    def handle(exchange: Exchange) -> None:
        asked: dict[str, Any] = exchange.request.payload.get("RequestItems", {})
        if not exchange.request.reads:
            exchange.send(exchange.forward())
            return
        kept = {
            table: {**wanted, "Keys": wanted["Keys"][:answered]}
            for table, wanted in asked.items()
            if wanted["Keys"][:answered]
        }
        left = {
            table: {**wanted, "Keys": wanted["Keys"][answered:]}
            for table, wanted in asked.items()
            if wanted["Keys"][answered:]
        }
        found = (
            exchange.forward({**exchange.request.payload, "RequestItems": kept}) if kept else None
        )
        payload = found.payload if found else {"Responses": {table: [] for table in asked}}
        exchange.send(Answer.of(200, {**payload, "UnprocessedKeys": left}))

    return Fault("UnprocessedKeys", handle)
