"""Calls through a PBX that a tenant describes by a template."""

from __future__ import annotations

import json

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from centralino.adapters.pbx.generic import Originate
from centralino.application.originate_template import read_template, request_of
from centralino.domain.errors import PayloadError
from centralino.domain.originate import FailedCallError
from centralino.ports.originate import PbxLink
from tests.support.crm import Reply, reply
from tests.support.originate.contract import (
    CALLER_ID,
    DIAL,
    ORDER,
    PLAIN,
    PLENTY_S,
    OriginateContract,
)
from tests.support.originate.generic import (
    PASSWORD,
    TEMPLATE,
    TOKEN,
    USER,
    FakeLongTail,
    FakeVoiceAtWork,
)


class TestVoiceAtWork(OriginateContract):
    originator = Originate
    secrets = {"token": TOKEN}  # noqa: RUF012 - a test's own table
    wrong = "token"
    judges_body = False
    gives_id = False
    refusals = {  # noqa: RUF012
        "who are you": (reply({}, 401), "credentials"),
        "not here": (reply({}, 404), "refused"),
        "too often": (reply({}, 429), "refused"),
        "nobody behind the gateway": (Reply(503, b"<html>", "text/html"), "unreachable"),
        "a slow gateway": (Reply(504, b"<html>", "text/html"), "unknown"),
    }
    bad_settings = {  # noqa: RUF012
        "account.method": ("DELETE", "post", "POST /x"),
        "account.format": ("yaml", "JSON"),
    }

    def server(self) -> FakeVoiceAtWork:
        return FakeVoiceAtWork()

    def test_the_body_is_voice_at_work_s_own_byte_for_byte(
        self, pbx: Originate, fake: FakeVoiceAtWork
    ) -> None:
        order = PLAIN._replace(exten="21", number="+390244556677", dial="0244556677")

        pbx.originate(order, timeout_s=PLENTY_S)

        [request] = fake.dials
        assert (request.method, request.target) == ("POST", "/")
        assert request.body == b'{"number":"0244556677","exten":"21"}'

    def test_a_check_tells_credentials_that_are_refused(self, fake: FakeVoiceAtWork) -> None:
        assert "listens" in self.build(fake).check(timeout_s=PLENTY_S)
        assert [request.method for request in fake.requests] == ["OPTIONS"]


class TestLongTail(OriginateContract):
    originator = Originate
    account = TEMPLATE
    secrets = {"token": TOKEN, "password": PASSWORD}  # noqa: RUF012
    carries = frozenset({"call_id", "caller_id", "name", "auto_answer", "timeout_s"})
    refusals = {  # noqa: RUF012
        "a word": (reply({"result": {"state": "21 is DND"}}), "busy"),
        "a word with a bad status": (reply({"error": "no-such exten"}, 500), "unknown_exten"),
        "a status": (Reply(418), "refused"),
        "not its own success": (reply({"result": {"state": "queued"}}, 201), "unknown"),
        "nothing known": (reply({"result": {"state": "?"}}), "unknown"),
        "who are you": (Reply(401), "credentials"),
    }
    bad_settings = {  # noqa: RUF012
        "account.path": (
            "c2c",
            "@evil.example/",
            ":1@evil",
            "/{nothing}",
            "/a b",
            "/a#b",
            "/\u00e8",
        ),
        "account.check_path": ("status", "/{exten}"),
        "account.headers": (
            "x",
            "[]",
            '{"X": 1}',
            '{"Host": "evil"}',
            '{"X: Y": ""}',
            '{"X": "a\\r\\nb"}',
            '{"X": "{nothing}"}',
            '{"Content-Length": "0"}',
        ),
        "account.body": (
            "<call>{number}",
            "<a>{nothing}</a>",
            "<!--{name}--><a/>",
            "<a><![CDATA[{name}]]></a>",
            "<{exten}/>",
        ),
        "account.content_type": ("a\r\nb", "\u00e8"),
        "account.success_status": ("ok", "2xx", "200;202", "99", "100-599", "299-200", "404"),
        "account.success_json": ("status", "/status", "status=OK"),
        "account.success_match": ("(", "(a+)+$", "x" * 1000),
        "account.failures": ("busy", '{"DND": "tired"}', '{"": "busy"}', "[]"),
        "account.id_json": ("id", "$.id"),
        "account.user": ("a:b", "a b"),
    }

    def server(self) -> FakeLongTail:
        return FakeLongTail()

    def test_the_pbx_s_own_id_is_kept(self, pbx: Originate) -> None:
        assert pbx.originate(ORDER, timeout_s=PLENTY_S).provider_id == "4711"

    def test_a_check_asks_the_path_that_is_there_for_it(
        self, pbx: Originate, fake: FakeLongTail
    ) -> None:
        pbx.check(timeout_s=PLENTY_S)

        assert [(request.method, request.path) for request in fake.requests] == [
            ("GET", "/c2c/status")
        ]


def link(**account: str) -> PbxLink:
    return PbxLink("acme", "generic", {"base_url": "https://pbx.example.com", **account}, {})


def sent(fake: FakeVoiceAtWork, **account: str) -> tuple[str, str, str]:
    """Return the target, content type and body of a call's request."""
    fake.saying = reply({})
    secrets = {"token": TOKEN}
    settings = {"base_url": fake.url, "allow_private": "true", **account}
    case = TestVoiceAtWork()
    pbx = case.build(fake)
    pbx.link = PbxLink("acme", "generic", settings, secrets)
    pbx.originate(ORDER._replace(name='R&B "Rossi" <1>'), timeout_s=PLENTY_S)
    request = fake.requests[-1]
    return request.target, request.headers.get("content-type", ""), request.body.decode()


@pytest.fixture
def fake() -> FakeVoiceAtWork:
    return FakeVoiceAtWork()


def test_values_are_escaped_for_where_they_stand(fake: FakeVoiceAtWork) -> None:
    with fake:
        query = sent(fake, method="GET", path="/call?n={number}&e={exten}&name={name}")
        body = sent(fake, format="form", body="to={international}&name={name}&e={exten}")
        tree = sent(fake, body='{"a":[{"to":"tel:{number}","name":"{name}"}],"n":1,"e":"{exten}"}')

    assert query == ("/call?n=00244556677&e=21&name=R%26B%20%22Rossi%22%20%3C1%3E", "", "")
    assert body[1:] == (
        "application/x-www-form-urlencoded",
        "to=%2B390244556677&name=R%26B%20%22Rossi%22%20%3C1%3E&e=21",
    )
    assert json.loads(tree[2]) == {
        "a": [{"to": "tel:00244556677", "name": 'R&B "Rossi" <1>'}],
        "n": 1,
        "e": "21",
    }


def test_json_has_numbers_and_truth_values_where_a_string_is_nothing_else(
    fake: FakeVoiceAtWork,
) -> None:
    body = (
        '{"n":"{number}","e":"{exten}","ring":"{timeout_s}","auto":"{auto_answer}",'
        '"text":"{timeout_s} s","cli":"{caller_id?}"}'
    )
    with fake:
        told = json.loads(sent(fake, body=body)[2])

    assert told == {
        "n": DIAL,
        "e": "21",
        "ring": 25,
        "auto": True,
        "text": "25 s",
        "cli": CALLER_ID,
    }


def test_a_user_and_password_are_basic_authentication_unless_they_have_a_place() -> None:
    base = link(user=USER)._replace(secrets={"password": PASSWORD})
    assert "{password}" not in read_template(base, Originate.needs).headers.values()
    placed = link(user=USER, headers='{"x-key": "{password}"}')
    assert read_template(placed, Originate.needs).headers == {"x-key": "{password}"}


def test_a_word_counts_unless_the_answer_is_what_a_success_is(fake: FakeVoiceAtWork) -> None:
    failures = '{"BUSY": "busy", "202": "refused", "NOBODY": "unknown_exten"}'
    told = {
        "ERROR: busy": "busy",
        "NOBODY at 21": "unknown_exten",
        '{"ok":false,"note":"busy"}': "busy",
        '{"ok":false}': "unknown",
    }
    with fake:
        pbx = TestVoiceAtWork().build(fake, failures=failures, success_json="/ok=true")
        fake.saying = reply({"ok": True, "note": "busy lamp"})
        pbx.originate(PLAIN, timeout_s=PLENTY_S)
        for body, reason in told.items():
            fake.saying = Reply(200, body.encode())
            with pytest.raises(FailedCallError) as failed:
                pbx.originate(PLAIN, timeout_s=PLENTY_S)
            assert failed.value.reason == reason


def test_a_status_may_be_a_failure_without_anything_else(fake: FakeVoiceAtWork) -> None:
    with fake:
        pbx = TestVoiceAtWork().build(fake, failures='{"202": "busy"}')
        fake.saying = Reply(202)
        with pytest.raises(FailedCallError, match="busy"):
            pbx.originate(PLAIN, timeout_s=PLENTY_S)


def test_words_alone_are_refused_as_they_may_stand_in_a_success() -> None:
    words = '{"error": "refused"}'
    with pytest.raises(PayloadError, match=r"account\.failures"):
        read_template(link(failures=words), Originate.needs)
    read_template(link(failures=words, success_match="queued"), Originate.needs)


@given(st.text(max_size=80), st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
def test_no_name_or_secret_changes_the_shape_of_a_request(name: str, token: str) -> None:
    order = ORDER._replace(name=name)
    tree = {"to": ["{number}", {"name": "{name}", "key": "{token}"}], "by": "{exten}"}
    shapes = {
        "json": link(body=json.dumps(tree), path="/c/{name}/{token}/x?n={name}&k={token}"),
        "xml": link(
            format="xml", body="<a n='{name}' k='{token}'><b>{name}</b>{number}{exten}</a>"
        ),
        "form": link(format="form", body="n={name}&k={token}&to={number}&by={exten}"),
    }

    requests = {}
    for form, settings in shapes.items():
        template = read_template(settings, Originate.needs)
        # A token that can't stand in a header was refused before; here it has places of its own.
        requests[form] = request_of(template, order, settings._replace(secrets={"token": token}))

    path, _, query = requests["json"].path.partition("?")
    assert (path.count("/"), query.count("&"), query.count("=")) == (4, 1, 2)
    assert requests["json"].path.isascii()
    assert set(path.split("/")) & {".", ".."} == set()
    told = json.loads(requests["json"].body)
    assert (told["to"][0], told["by"], set(told["to"][1])) == (DIAL, "21", {"name", "key"})
    call = fromstring(requests["xml"].body.decode())
    assert (call.tag, [part.tag for part in call], set(call.attrib)) == ("a", ["b"], {"n", "k"})
    fields = requests["form"].body.decode().split("&")
    assert [field.partition("=")[0] for field in fields] == ["n", "k", "to", "by"]
    assert fields[2:] == [f"to={DIAL}", "by=21"]


@pytest.mark.parametrize(
    "account",
    [
        {"method": "GET"},
        {"body": '{"exten":"{exten}"}'},
        {"body": '{"number":"{number}"}'},
        {"format": "none", "path": "/call?to={international}"},
    ],
)
def test_a_request_that_does_not_say_who_calls_whom_is_refused(account: dict[str, str]) -> None:
    with pytest.raises(PayloadError, match="a place for"):
        read_template(link(**account), Originate.needs)


@pytest.mark.parametrize("format_", ["form", "none"])
def test_a_body_that_its_format_cannot_have_is_refused(format_: str) -> None:
    with pytest.raises(PayloadError, match=r"account\.body"):
        read_template(link(format=format_, body="{name}&x"), Originate.needs)


def test_a_body_that_is_no_json_is_refused() -> None:
    for body in ('{"number":{number}}', "[" * 100_000, "nonsense"):
        with pytest.raises(PayloadError, match=r"account\.body"):
            read_template(link(body=body), Originate.needs)
