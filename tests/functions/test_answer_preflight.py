from __future__ import annotations

import pytest

from functions.answer_preflight.app import handler
from tests.support.calls import http_event


def test_a_page_on_https_may_call_the_api_without_credentials() -> None:
    event = http_event(method="OPTIONS", headers={"origin": "https://crm.example"})

    answer = handler(event, None)

    assert answer["statusCode"] == 204
    assert answer["headers"]["access-control-allow-origin"] == "https://crm.example"
    assert "access-control-allow-credentials" not in answer["headers"]


@pytest.mark.parametrize("headers", [{}, {"origin": "http://crm.example"}, {"origin": "null"}])
def test_any_other_page_gets_no_permission(headers: dict[str, str]) -> None:
    answer = handler(http_event(method="OPTIONS", headers=headers), None)

    assert answer["statusCode"] == 204
    assert not [name for name in answer["headers"] if name.startswith("access-control")]
