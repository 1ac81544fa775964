"""What PBXs answer, in our own words; how requests are sent is in every provider's contract."""

from __future__ import annotations

from base64 import b64encode

import pytest

from centralino.application.ask_pbx import (
    ask_logged_in,
    check_settings,
    judge_login,
    judge_status,
    read_object,
    read_token,
    refuse_settings,
    words,
)
from centralino.domain.errors import PayloadError
from centralino.domain.originate import FailedCallError
from centralino.ports.originate import Means, PbxLink
from centralino.ports.tokens import Token
from centralino.ports.web import Answer
from tests.support.crm import LoopbackWeb

LINK = PbxLink(
    "acme",
    "example",
    {"base_url": "https://pbx.example.com", "line": "7"},
    {"user": "maria", "password": 'p"ss w/rd+9', "list": ["no text"]},
)
NEEDS = {"account.base_url": "the address", "account.line?": "digits", "secrets.password": "that"}
STATUSES = {
    301: ("refused", "refused"),
    307: ("refused", "refused"),
    400: ("refused", "credentials"),
    401: ("credentials", "credentials"),
    403: ("credentials", "credentials"),
    404: ("refused", "refused"),
    408: ("unknown", "unreachable"),
    409: ("refused", "refused"),
    429: ("refused", "unreachable"),
    500: ("unknown", "unreachable"),
    502: ("unknown", "unreachable"),
    503: ("unreachable", "unreachable"),
    504: ("unknown", "unreachable"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_means_less_for_a_call_than_for_a_login(status: int) -> None:
    answer = Answer(status, {}, b"")
    call, login = STATUSES[status]
    with pytest.raises(FailedCallError) as caught:
        judge_status(answer)
    assert (caught.value.reason, caught.value.detail) == (call, f"HTTP status {status}")
    with pytest.raises(FailedCallError) as caught:
        judge_login(answer)
    assert (caught.value.reason, caught.value.detail) == (login, f"the login: HTTP status {status}")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_good_status_is_good_for_both(status: int) -> None:
    answer = Answer(status, {}, b"")
    assert judge_status(answer) is judge_login(answer) is answer


def test_a_pbxs_own_words_come_before_the_status() -> None:
    with pytest.raises(FailedCallError) as caught:
        judge_status(Answer(404, {}, b""), "no such line")
    assert caught.value.detail == "no such line"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (("Busy", 17), "Busy 17"),
        ((None, "", {"a": 1}, ["b"], True, 1.5), ""),
        (("user maria of maria",), "user *** of ***"),
        (('is p"ss w/rd+9 right',), "is *** right"),
        (("is p%22ss%20w%2Frd%2B9 right",), "is *** right"),
        ((r"is p\"ss w/rd+9 right",), "is *** right"),
        (("token Zm9vYmFyYmF6cXV4cXV1eA== ends",), "token *** ends"),
        (("call +390244556677 from 21",), "call +…77 from 21"),
        (("a\r\nb\x00c\u202ed\u2028e\ud800",), "a b c d e"),
    ],
)
def test_a_pbxs_words_are_kept_without_secrets_and_numbers(
    said: tuple[object, ...], kept: str
) -> None:
    assert words(LINK, *said) == kept


def test_whom_a_call_is_to_is_no_business_of_logs() -> None:
    assert words(LINK, "to Zazzera Impianti: busy", name="Zazzera Impianti") == "to ***: busy"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_object_says_nothing(body: bytes) -> None:
    assert read_object(Answer(200, {}, body)) == {}


@pytest.mark.parametrize("token", [None, 1, "", "a b", "a\nb", "\u00e0", "x" * 9000, ["a"]])
def test_what_can_be_no_token_is_none(token: object) -> None:
    with pytest.raises(FailedCallError) as caught:
        read_token({"access_token": token})
    assert caught.value.reason == "unreachable"


def test_a_token_is_read() -> None:
    assert read_token({"access_token": "eyJ.a-b_c~d+/e=="}) == "eyJ.a-b_c~d+/e=="


@pytest.mark.parametrize(
    ("link", "field"),
    [
        (LINK._replace(account={"line": "7"}), "account.base_url"),
        (LINK._replace(account={**LINK.account, "line": "a"}), "account.line"),
        (LINK._replace(account={**LINK.account, "line": "7\n"}), "account.line"),
        (LINK._replace(account={**LINK.account, "base_url": "pbx"}), "account.base_url"),
        (LINK._replace(secrets={"user": "maria"}), "secrets.password"),
        (LINK._replace(secrets={"password": ["a"]}), "secrets.password"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(link: PbxLink, field: str) -> None:
    def check() -> None:
        check_settings(link, NEEDS, {"line": "[0-9]+"})

    with pytest.raises(PayloadError) as named:
        check()
    with pytest.raises(FailedCallError) as failed:
        refuse_settings(check)
    assert named.value.field == field
    assert failed.value.reason == "refused"
    assert failed.value.detail.startswith(field)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://pbx.example.com",
        "https://pbx.example.com:8088/api/",
        "http://10.0.0.5",
        "https://[2001:db8::5]:8089",
    ],
)
def test_settings_that_are_right_are_left_alone(base_url: str) -> None:
    link = LINK._replace(account={"base_url": base_url})
    check_settings(link, NEEDS, {"line": "[0-9]+"})


def test_at_a_desk_that_shares_no_token_there_is_a_login_for_each_request() -> None:
    logins = []

    def renew(before: Token | None) -> Token:
        logins.append(before)
        return Token(f"token{len(logins)}")

    def send(access: str) -> Answer:
        return Answer(200, {}, access.encode())

    means = Means(LoopbackWeb())
    answers = [ask_logged_in(means, renew, send, ends=0.0).body for _ in range(2)]
    assert answers == [b"token1", b"token2"]
    assert logins == [None, None]


@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Basic " + b64encode(b"maria:p'<&w").decode(),
        b64encode(b"p'<&w").decode(),
        "p&#x27;&lt;&amp;w",
        "p'&lt;&amp;w",
        "p%27%3C%26w",
        "key=p%27%3C%26w+x",
    ],
)
def test_a_short_secret_is_not_told_in_any_spelling(said: str) -> None:
    link = LINK._replace(account={"user": "maria"}, secrets={"password": "p'<&w"})
    told = words(link, said)
    assert "***" in told
    assert not any(part in told for part in ("p'<&w", "%3C", "&lt;", "cCc8", "bWFyaWE6"))


def test_numbers_and_names_are_masked_however_they_are_written() -> None:
    told = words(
        LINK, "02 44 55 66 77 (02) 4455-6677 +39.02.44556677 MARIO rossi", name="Mario Rossi"
    )
    assert not any(part in told for part in ("44", "55", "66", "MARIO", "rossi"))
