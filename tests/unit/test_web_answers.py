from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.ports.web import Answer, expect_success


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_good_answer_is_handed_on(status: int) -> None:
    answer = Answer(status, {}, b"")
    assert expect_success(answer) is answer


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (301, RejectedError, "redirect"),
        (400, RejectedError, "request"),
        (401, RejectedError, "credentials"),
        (403, RejectedError, "permissions"),
        (404, RejectedError, "request"),
        (408, UnavailableError, "server"),
        (429, ThrottledError, "throttled"),
        (500, UnavailableError, "server"),
        (503, UnavailableError, "server"),
    ],
)
def test_each_other_status_says_whether_to_come_back(
    status: int, kind: type[UnavailableError], reason: str
) -> None:
    with pytest.raises(UnavailableError) as caught:
        expect_success(Answer(status, {}, b"secret"))
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("7", 7), ("0.2", 1), ("-5", 1), ("86400", 3600), ("soon", 30), ("", 30), ("nan", 30)],
)
def test_a_busy_service_says_when_to_come_back(written: str, seconds: float) -> None:
    for status in (429, 503):
        with pytest.raises(ThrottledError) as caught:
            expect_success(Answer(status, {"retry-after": written}, b""))
        assert caught.value.retry_after_s == seconds


def test_a_busy_service_may_name_a_date() -> None:
    at = datetime.now(UTC) + timedelta(minutes=10)
    with pytest.raises(ThrottledError) as caught:
        expect_success(Answer(429, {"retry-after": format_datetime(at, usegmt=True)}, b""))
    assert 500 < caught.value.retry_after_s <= 600
    past = Answer(429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"")
    with pytest.raises(ThrottledError) as caught:
        expect_success(past)
    assert caught.value.retry_after_s == 1
