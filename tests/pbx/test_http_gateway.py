"""The gateway that stands between a real PBX and a handler in the tests says what Amazon's says."""

from __future__ import annotations

import base64
import http.client
from contextlib import closing
from typing import Any

from tests.support.http_gateway import HttpGateway


def _send(
    handler: Any,  # noqa: ANN401 - answers anything, right or wrong
    method: str,
    target: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[dict[str, Any], int, bytes]:
    seen: list[dict[str, Any]] = []

    def observed(event: dict[str, Any], context: object) -> object:
        seen.append(event)
        return handler(event, context)

    with closing(HttpGateway(observed)) as gateway:
        host = gateway.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return seen[0], answer.status, answer.read()


def _empty(_event: object, _context: object) -> dict[str, Any]:
    return {"statusCode": 200, "body": ""}


def test_the_query_arrives_raw_and_decoded() -> None:
    event, _, _ = _send(_empty, "GET", "/v1/lookup?number=%2B39%2002&name=a&name=b&empty=")
    assert event["rawQueryString"] == "number=%2B39%2002&name=a&name=b&empty="
    assert event["queryStringParameters"] == {"number": "+39 02", "name": "a,b", "empty": ""}


def test_a_double_slash_in_the_path_stays() -> None:
    event, _, _ = _send(_empty, "GET", "//v1/lookup")
    assert event["rawPath"] == "//v1/lookup"


def test_header_names_are_in_lower_case() -> None:
    event, _, _ = _send(_empty, "GET", "/", headers={"X-Api-Key": "k"})
    assert event["headers"]["x-api-key"] == "k"


def test_a_form_arrives_base64_encoded_and_json_as_text() -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    event, _, _ = _send(_empty, "POST", "/v1/lookup", b"number=1", form)
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == b"number=1"
    event, _, _ = _send(_empty, "POST", "/v1/lookup", b"{}", {"content-type": "application/json"})
    assert (event["isBase64Encoded"], event["body"]) == (False, "{}")


def test_a_base64_answer_is_decoded() -> None:
    body = base64.b64encode("Zoë".encode("latin-1")).decode()
    given = {"statusCode": 200, "body": body, "isBase64Encoded": True}
    assert _send(lambda *_: given, "GET", "/")[2] == b"Zo\xeb"


def test_a_handler_that_dies_is_an_internal_server_error_in_json() -> None:
    def dies(_event: object, _context: object) -> object:
        raise RuntimeError("out of luck")

    _, status, body = _send(dies, "GET", "/")
    assert (status, body) == (500, b'{"message":"Internal Server Error"}')


def test_the_event_says_when_the_gateway_took_the_request() -> None:
    event, _, _ = _send(_empty, "GET", "/")
    assert event["requestContext"]["timeEpoch"] > 1_700_000_000_000
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
