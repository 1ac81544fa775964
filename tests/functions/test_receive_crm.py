"""`/v1/crm/{provider}` from the gateway's event to its answer; SQS and SSM are on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.adapters.queue import SqsQueue
from centralino.adapters.secrets import KeptSecrets, parameters
from centralino.application.delivery_message import read_message, write_message
from centralino.domain.errors import (
    CredentialsError,
    NotFoundError,
    PayloadError,
    RejectedError,
    UnavailableError,
)
from centralino.domain.settings import Line, Settings
from centralino.entry.access import Door
from centralino.entry.receive import (
    ANSWER_S,
    BELIEVED_S,
    KEY_S,
    MAX_BODY,
    REREAD_S,
    Inbox,
    receive,
)
from centralino.ports.connections import StoredConnection
from centralino.ports.crm import Acknowledgement, Crm, Delivery
from centralino.ports.queue import Claim
from tests.support import faults
from tests.support.calls import Clock, ScriptedStore, http_event
from tests.support.fake_aws import QUEUE_URL, FakeAws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.ports.connections import ConnectionStore
    from tests.support.fault_proxy import Fault

CRM = "acme.crmcrmcrmcrmcrmcrmcrmc"
PBX = "acme.pbxpbxpbxpbxpbxpbxpbxp"
ADMIN = "acme.adminadminadminadminad"
SECRET = "zazzera-signs-with-this"
PARAMETER = "/centralino/test/acme/crm/signed"
NUMBER = "+390244556677"
BODY = json.dumps({"name": "Zazzera", "phone": NUMBER}).encode()


class Signed(Crm):
    """A CRM that signs its deliveries, wants an answer of its own and needs one header later."""

    slug = "signed"
    kept_headers = ("x-event-id",)
    # What was verified, for the tests to look at.
    seen: list[Delivery]

    def verify(self, delivery: Delivery) -> None:
        """Compare the signature: that of URL and body with one of the secrets."""
        self.seen.append(delivery)
        if delivery.body == b"break":
            raise ValueError(NUMBER)
        given = delivery.headers.get("x-signature", "")
        expected = [
            signature(secret, delivery.url, delivery.body)
            for secret in self.connection.webhook_secrets()
        ]
        if given.encode() not in [word.encode() for word in expected]:
            raise CredentialsError("the signature is not this CRM's")

    def acknowledge(self, delivery: Delivery) -> Acknowledgement:
        """Say what the CRM wants to hear."""
        return Acknowledgement(202, "text/xml", f"<Ack>{delivery.event}</Ack>")

    def parse(self, delivery: Delivery) -> NoReturn:
        raise NotImplementedError

    # The receiver asks a CRM nothing.
    fetch = find_by_number = modified_since = deleted_since = check = parse  # type: ignore[assignment]


def signature(secret: str, url: str, body: bytes) -> str:
    return hmac.new(secret.encode(), url.encode() + body, hashlib.sha256).hexdigest()


class Connections:
    """The connections of a tenant, counting who asks."""

    def __init__(self, found: dict[str, Mapping[str, str]]) -> None:
        self.found = found
        self.asked = 0

    def __call__(self, tenant: str) -> ConnectionStore:
        assert tenant == "acme"
        return self  # type: ignore[return-value]

    def get(self, provider: str, timeout_s: float) -> StoredConnection | None:
        """Answer as the store does."""
        assert timeout_s < ANSWER_S
        self.asked += 1
        account = self.found.get(provider)
        return StoredConnection("acme", provider, account) if account is not None else None


class Claims:
    """Large bodies in memory."""

    def __init__(self) -> None:
        self.kept: dict[Claim, bytes] = {}
        self.fault: Exception | None = None

    def put(self, tenant: str, provider: str, body: bytes) -> Claim:
        if self.fault:
            raise self.fault
        claim = Claim("bucket", f"claims/{tenant}/{provider}/{len(self.kept)}")
        self.kept[claim] = body
        return claim

    def take(self, claim: Claim) -> bytes:
        return self.kept[claim]


class Office:
    """A tenant whose CRM posts webhooks, with the service behind it."""

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.clock = Clock()
        self.store = ScriptedStore(self.clock)
        self.store.add_tenant(
            Settings("acme", line=Line(country="DE")), crm=CRM, pbx=PBX, admin=ADMIN
        )
        self.connections = Connections({"signed": {"base_url": "https://crm.example"}})
        self.claims = Claims()
        self.door = Door(self.store, self.clock, 30, KEY_S)
        self.provider: type[Signed] = type("Fresh", (Signed,), {"seen": []})
        self.secrets = KeptSecrets(
            parameters(aws.client("ssm"), "/centralino/test"), now=self.clock
        )
        self.inbox = Inbox(
            self._provider,
            self.connections,
            self.secrets,
            SqsQueue(aws.client("sqs"), QUEUE_URL),
            lambda: self.claims,
            self.clock,
            lambda: "message-1",
        )

    def _provider(self, name: str) -> type[Crm]:
        if name != "signed":
            raise NotFoundError("nothing here")
        return self.provider

    def post(
        self,
        body: bytes = BODY,
        *,
        path: str = "/v1/crm/signed",
        query: str = "",
        headers: Mapping[str, str] | None = None,
        secret: str = SECRET,
        waited_s: float = 0.0,
        as_text: bool = False,
    ) -> dict[str, Any]:
        """Post a delivery, with the key of role crm in a header unless headers are given."""
        url = f"https://api.example.com{path}{'?' if query else ''}{query}"
        event = http_event(
            query,
            method="POST",
            path=path,
            body=body.decode() if as_text else body,
            headers={
                "host": "api.example.com",
                "X-Signature": signature(secret, url, body),
                "X-Event-Id": "event-1",
                **({"x-api-key": CRM} if headers is None else headers),
            },
            epoch_ms=int((self.clock.now - waited_s) * 1000),
        )
        return receive(event, self.door, self.inbox)

    def kept(self) -> list[Delivery]:
        """What the worker would get."""
        return [read_message(message, self.claims.take) for message in self.aws.messages]


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with FakeAws() as aws:
        aws.parameters[PARAMETER] = json.dumps({"webhook_secrets": [SECRET], "token": "t0ken"})
        yield aws


@pytest.fixture
def office(aws: FakeAws) -> Office:
    return Office(aws)


def status(given: Mapping[str, Any]) -> int:
    assert isinstance(given["statusCode"], int)
    return given["statusCode"]


# ------------------------------------------------------------------------------ what is accepted


def test_a_crm_that_tells_before_it_has_saved_is_given_the_time_to_save(office: Office) -> None:
    office.post()
    office.provider.settle_s = 10
    office.post()
    assert office.aws.delays_s == [0, 10]


def test_a_delivery_is_kept_for_the_worker_and_acknowledged_as_its_crm_wants(
    office: Office,
) -> None:
    given = office.post()

    assert (status(given), given["body"]) == (202, "<Ack></Ack>")
    assert given["headers"]["content-type"] == "text/xml"
    (message,) = office.aws.messages
    assert message == {
        "v": 1,
        "kind": "webhook",
        "tenant": "acme",
        "provider": "signed",
        "event": "",
        "url": "https://api.example.com/v1/crm/signed",
        "headers": {"x-event-id": "event-1"},
        "body": BODY.decode(),
        "body_base64": None,
        "claim": None,
        "received_at": office.clock.now,
        "id": "message-1",
    }


def test_the_provider_is_built_with_the_tenants_account_secrets_and_country(
    office: Office,
) -> None:
    built = []

    class Watched(Signed):
        def verify(self, delivery: Delivery) -> None:  # noqa: ARG002 - all are good
            built.append(self.connection)

    office.provider = Watched
    office.post()

    (connection,) = built
    assert connection.provider == "signed"
    assert connection.account == {"base_url": "https://crm.example"}
    assert connection.webhook_secrets() == (SECRET,)
    assert connection.secret("token") == "t0ken"
    assert connection.country == "DE"


def test_the_event_is_the_last_part_of_the_path(office: Office) -> None:
    given = office.post(path="/v1/crm/signed/Contact.update")

    assert given["body"] == "<Ack>Contact.update</Ack>"
    assert [delivery.event for delivery in office.kept()] == ["Contact.update"]


@pytest.mark.parametrize(
    ("path", "query", "headers"),
    [
        ("/v1/crm/signed", "", {"x-api-key": CRM}),
        ("/v1/crm/signed", "", {"authorization": f"Bearer {CRM}"}),
        (
            "/v1/crm/signed",
            "",
            {"authorization": "Basic " + base64.b64encode(f"any:{CRM}".encode()).decode()},
        ),
        ("/v1/crm/signed", f"a=1&key={CRM}&b=%2F", {}),
        (f"/v1/k/{CRM}/crm/signed", "a=1&b=%2F", {}),
        (f"/v1/k/{CRM}/crm/signed/created", "", {}),
    ],
)
def test_the_key_comes_the_way_that_the_crm_can_send_it_and_never_into_the_queue(
    office: Office, path: str, query: str, headers: dict[str, str]
) -> None:
    assert status(office.post(path=path, query=query, headers=headers)) == 202

    (message,) = office.aws.messages
    assert "crmcrm" not in json.dumps(message)
    event = "/created" if path.endswith("/created") else ""
    assert message["url"] == f"https://api.example.com/v1/crm/signed{event}"
    # The signature was that of the whole URL, byte for byte.
    (seen,) = office.provider.seen
    assert seen.url == f"https://api.example.com{path}{'?' if query else ''}{query}"


@pytest.mark.parametrize(("path", "query"), [(f"/v1/k/{CRM}/crm/signed", ""), ("", f"key={CRM}")])
def test_with_the_key_in_the_url_authorization_is_the_crms_own(
    office: Office, path: str, query: str
) -> None:
    basic = "Basic " + base64.b64encode(b"pipedrive:its own password").decode()

    given = office.post(
        path=path or "/v1/crm/signed", query=query, headers={"Authorization": basic}
    )

    assert status(given) == 202
    assert [delivery.headers["authorization"] for delivery in office.provider.seen] == [basic]


@pytest.mark.parametrize("as_text", [False, True])
def test_the_signature_is_checked_on_the_raw_bytes_however_the_gateway_hands_them_over(
    office: Office, as_text: bool
) -> None:
    body = '{"name": "Čapek \\u00e8 😀\\r\\n"}'.encode()

    assert status(office.post(body, as_text=as_text)) == 202
    assert [delivery.body for delivery in office.kept()] == [body]


@given(body=st.binary(max_size=200) | st.text().map(lambda text: text.encode("utf-8", "ignore")))
def test_the_worker_gets_a_body_to_the_byte(body: bytes) -> None:
    delivery = Delivery("POST", "https://host/v1/crm/signed", {"x-event-id": "1"}, body, "e", 1.5)
    message = write_message(
        delivery,
        tenant="acme",
        provider="signed",
        message_id="1",
        kept_headers=("x-event-id",),
        max_bytes=1_000_000,
        put=_no_room,
    )

    assert read_message(json.loads(json.dumps(message)), _no_room) == delivery


def _no_room(_body: object) -> NoReturn:
    raise AssertionError("this is small enough for the queue")


@pytest.mark.parametrize(
    "body",
    [b"x" * 1_000_001, b"\x00" * 200_000, "è".encode() * 170_000, b"\xff" * 750_000],
    ids=["long", "control characters", "letters that JSON escapes", "no text"],
)
def test_a_body_that_the_queue_has_no_room_for_is_left_elsewhere(
    office: Office, body: bytes
) -> None:
    assert status(office.post(body)) == 202

    (message,) = office.aws.messages
    assert (message["body"], message["body_base64"]) == (None, None)
    assert message["claim"] == {"bucket": "bucket", "key": "claims/acme/signed/0"}
    assert [delivery.body for delivery in office.kept()] == [body]


@pytest.mark.parametrize("body", [b"x" * 990_000, b"\x00" * 160_000, b"\xff" * 740_000])
def test_a_body_that_just_fits_goes_into_the_queue(office: Office, body: bytes) -> None:
    assert status(office.post(body)) == 202

    assert not office.claims.kept
    assert [delivery.body for delivery in office.kept()] == [body]


def test_a_body_of_four_mebibytes_is_taken_and_a_byte_more_is_refused_before_anything_is_read(
    office: Office,
) -> None:
    assert status(office.post(bytes(MAX_BODY))) == 202
    office.store.reads.clear()
    asked = len(office.aws.operations)

    assert status(office.post(bytes(MAX_BODY + 1))) == 413
    assert status(office.post(b"x" * (MAX_BODY + 1), as_text=True)) == 413
    assert status(office.post("è".encode() * (MAX_BODY // 2) + b"x", as_text=True)) == 413
    assert office.store.reads == []
    assert len(office.aws.operations) == asked


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({"x-api-key": "acme.xxxxxxxxxxxxxxxxxxxxxx"}, 401),
        ({"x-api-key": "other.crmcrmcrmcrmcrmcrmcr"}, 401),
        ({"x-api-key": "not shaped like a key"}, 401),
        ({"x-api-key": PBX}, 403),
        ({"x-api-key": ADMIN}, 403),
    ],
)
def test_a_key_that_is_not_a_crms_is_refused_before_a_secret_is_read(
    office: Office, headers: dict[str, str], expected: int
) -> None:
    assert status(office.post(headers=headers)) == expected
    assert office.aws.operations == []
    assert office.connections.asked == 0


def test_a_key_that_was_revoked_is_refused_though_it_is_remembered(office: Office) -> None:
    assert status(office.post()) == 202
    office.store.keys["acme"].clear()
    office.clock.now += 31

    assert status(office.post()) == 401
    assert len(office.aws.messages) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/crm/none",
        "/v1/crm/",
        "/v1/crm",
        "/v1/crm/signed/one/two",
        "/v1/crm/signed/%2e%2e%2fsecrets",
        "/v1/crm/signed/" + "e" * 65,
        "/v1/other/signed",
        "/v2/crm/signed",
    ],
)
def test_a_path_that_leads_nowhere_is_answered_like_any_other(office: Office, path: str) -> None:
    given = office.post(path=path)

    assert status(given) == 404
    assert office.aws.operations == []


def test_which_providers_there_are_is_told_to_nobody(office: Office) -> None:
    from centralino import bootstrap  # noqa: PLC0415 - the real way to a provider

    office.inbox.provider = bootstrap.crm_class
    unknown = office.post(path="/v1/crm/none")
    for name in ("__init__", "..secrets", "os", "sys.path", "Generic", "a b", "crm", "è", "%2e%2e"):
        assert office.post(path=f"/v1/crm/{name}") == unknown
    assert office.post(path="/v1/crm/signed/one/two") == unknown


def test_a_forged_delivery_is_refused_and_not_kept(office: Office) -> None:
    given = office.post(secret="another")

    assert status(given) == 401
    assert json.loads(given["body"])["detail"] == "the signature is not this CRM's"
    assert office.aws.messages == []


@pytest.mark.parametrize("parameter", ["", "{}", '{"webhook_secrets": []}'])
def test_without_a_secret_everything_is_refused(office: Office, parameter: str) -> None:
    office.aws.parameters[PARAMETER] = parameter

    assert status(office.post()) == 401
    assert status(office.post(secret="")) == 401
    assert office.aws.messages == []


def test_a_crm_that_the_tenant_is_not_connected_to_is_refused_and_asked_about_once_a_minute(
    office: Office,
) -> None:
    office.connections.found.clear()
    assert [status(office.post()) for _ in range(5)] == [401] * 5
    assert (office.connections.asked, office.aws.operations) == (1, [])

    office.connections.found["signed"] = {}
    office.clock.now += REREAD_S
    assert status(office.post()) == 202


def test_a_replaced_secret_is_taken_up_within_a_minute_and_no_flood_asks_more_often(
    office: Office,
) -> None:
    assert status(office.post()) == 202
    office.aws.parameters[PARAMETER] = json.dumps({"webhook_secrets": ["new", SECRET]})
    office.clock.now += REREAD_S
    assert [status(office.post(secret=secret)) for secret in ("new", SECRET)] == [202, 202]

    reads = office.aws.operations.count("GetParameter")
    assert [status(office.post(secret="forged")) for _ in range(50)] == [401] * 50
    assert office.aws.operations.count("GetParameter") == reads
    office.clock.now += REREAD_S
    assert [status(office.post(secret="forged")) for _ in range(50)] == [401] * 50
    assert office.aws.operations.count("GetParameter") == reads + 1


def test_a_secret_that_was_withdrawn_stops_being_good_without_a_refusal(office: Office) -> None:
    assert status(office.post()) == 202
    office.aws.parameters[PARAMETER] = json.dumps({"webhook_secrets": ["new"]})
    office.clock.now += BELIEVED_S

    assert status(office.post()) == 401


def test_a_warm_container_asks_nobody_but_the_queue(office: Office) -> None:
    office.post()
    office.store.reads.clear()
    before = len(office.aws.operations)

    assert status(office.post()) == 202
    assert (office.store.reads, office.connections.asked) == ([], 1)
    assert office.aws.operations[before:] == ["SendMessage"]


# -------------------------------------------------------------------------- when we are in trouble

# Whatever it is, the CRM has to come again.
TROUBLE = {
    "throttled": faults.throttling("RequestThrottled"),
    "over the limit": faults.error(400, "OverLimit"),
    "500": faults.server_error(),
    "503": faults.server_error(503),
    "expired credentials": faults.expired_credentials(),
    "unknown credentials": faults.unknown_credentials(),
    "no permission": faults.error(403, "AccessDenied"),
    "no queue": faults.error(400, "QueueDoesNotExist"),
    "malformed": faults.malformed(),
    "no message id": faults.malformed(b"{}"),
    "not HTTP": faults.garbage(),
    "closed": faults.closed(),
    "hung": faults.black_hole(),
}


@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE)
def test_what_the_queue_has_not_taken_is_not_acknowledged(office: Office, fault: Fault) -> None:
    office.aws.broken["SendMessage"] = fault

    # It has been on its way for so long that the least time is left.
    given = office.post(waited_s=ANSWER_S)

    assert status(given) == 503
    assert int(given["headers"]["retry-after"]) >= 1
    assert office.aws.messages == []


@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE)
def test_a_secret_that_cant_be_read_is_no_reason_to_refuse_for_good(
    office: Office, fault: Fault
) -> None:
    office.aws.broken["GetParameter"] = fault

    assert status(office.post()) == 503
    assert office.aws.messages == []


def test_a_secret_that_is_no_json_is_no_reason_to_refuse_for_good(office: Office) -> None:
    office.aws.parameters[PARAMETER] = "hunter2"

    given = office.post()
    assert status(given) == 503
    assert "hunter2" not in given["body"]


@pytest.mark.parametrize(
    "error", [UnavailableError("timeout"), RejectedError("missing_table"), RuntimeError(NUMBER)]
)
def test_a_key_that_cant_be_checked_is_no_reason_to_refuse_for_good(
    office: Office, error: Exception
) -> None:
    office.store.fault = error

    assert status(office.post()) == 503
    assert office.aws.operations == []


def test_a_body_that_could_not_be_left_elsewhere_is_not_acknowledged(office: Office) -> None:
    office.claims.fault = UnavailableError("timeout")

    assert status(office.post(b"x" * 1_100_000)) == 503
    assert office.aws.messages == []


def test_a_provider_that_breaks_lets_the_crm_come_again(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    given = office.post(b"break")

    assert status(given) == 503
    assert office.aws.messages == []
    line = json.loads(capsys.readouterr().out)
    assert line["outcome"] == "error"
    assert line["reason"].startswith("ValueError in verify:")


def test_an_answer_of_the_queue_that_got_lost_makes_two_messages_and_no_loss(
    office: Office,
) -> None:
    office.aws.lost.add("SendMessage")

    assert status(office.post()) == 202
    first, second = office.aws.messages
    assert first == second


def test_the_queue_gets_the_time_that_is_left_until_a_crm_gives_up_and_a_second_at_least(
    office: Office,
) -> None:
    limits = []

    class Watched:
        max_bytes = 1_000_000

        def send(
            self, message: Mapping[str, object], *, delay_s: int = 0, timeout_s: float = 0
        ) -> None:
            assert message
            assert delay_s == 0
            limits.append(timeout_s)

    office.inbox.queue = Watched()  # type: ignore[assignment]  # it only sends
    for waited_s in (0, 3, 4, 20):
        assert status(office.post(waited_s=waited_s)) == 202

    assert limits == pytest.approx([ANSWER_S, ANSWER_S - 3, 1, 1])


@given(
    path=st.sampled_from(["/v1/crm/signed", "/v1/crm/none", "/v1/crm/signed/a"])
    | st.text(max_size=30),
    query=st.text(max_size=30),
    body=st.none() | st.text(max_size=50) | st.binary(max_size=50),
    encoded=st.booleans(),
    headers=st.dictionaries(
        st.sampled_from(["x-api-key", "authorization", "x-signature", "host", "origin"]),
        st.sampled_from([CRM, f"Bearer {CRM}"]) | st.text(max_size=40),
    ),
)
def test_nothing_that_comes_in_breaks_the_receiver_and_nothing_is_ever_answered_with_410(
    path: str, query: str, body: str | bytes | None, encoded: bool, headers: dict[str, str]
) -> None:
    event = http_event(query, method="POST", path=path, headers=headers, body=body)
    event["isBase64Encoded"] = encoded
    with FakeAws() as aws:
        office = Office(aws)
        given = receive(event, office.door, office.inbox)
        assert status(given) in {400, 401, 403, 404, 413}
        assert aws.messages == []


# ------------------------------------------------------------------------------------------ logs


def test_an_operator_sees_whose_delivery_it_was_and_what_became_of_it(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.post()
    line = json.loads(capsys.readouterr().out)

    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Centralino/local",
            "Dimensions": [["outcome"]],
            "Metrics": [{"Name": "Webhooks", "Unit": "Count"}],
        }
    ]
    assert (line["message"], line["outcome"], line["Webhooks"]) == ("webhook", "accepted", 1)
    assert (line["tenant"], line["provider"], line["message_id"]) == (
        "acme",
        "signed",
        "message-1",
    )
    assert line["bytes"] == len(BODY)


@pytest.mark.parametrize(
    ("outcome", "change"),
    [
        ("accepted", {}),
        ("accepted", {"path": f"/v1/k/{CRM}/crm/signed/{NUMBER[1:]}", "headers": {}}),
        ("refused", {"secret": "forged"}),
        ("refused", {"headers": {"x-api-key": PBX}}),
        ("refused", {"headers": {"x-api-key": "acme.zazzerazazzerazazzera"}}),
        ("invalid", {"path": f"/v1/crm/{NUMBER}"}),
        ("invalid", {"path": f"/v1/k/{CRM}/crm/Zazzera", "headers": {}}),
        ("invalid", {"body": BODY * 100_000}),
        ("error", {"body": b"break"}),
    ],
)
def test_neither_number_nor_name_nor_key_nor_secret_nor_url_reaches_the_log(
    office: Office,
    capsys: pytest.CaptureFixture[str],
    outcome: str,
    change: dict[str, Any],
) -> None:
    office.post(**change)
    output = capsys.readouterr()
    told = output.out + output.err

    assert json.loads(told)["outcome"] == outcome
    for marker in (NUMBER, NUMBER[1:], "azzera", CRM[5:], PBX[5:], SECRET, "t0ken", "https://"):
        assert marker not in told


def test_trouble_of_ours_is_told_with_its_reason(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.aws.broken["SendMessage"] = faults.expired_credentials()
    office.post()

    line = json.loads(capsys.readouterr().out)
    assert (line["outcome"], line["reason"]) == ("unavailable", "credentials")


# ---------------------------------------------------------------------------- what the worker reads


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"v": 2, "kind": "webhook"},
        {"v": 1, "kind": "sync"},
        {"v": 1, "kind": "webhook", "headers": [], "received_at": 1, "body": ""},
        {"v": 1, "kind": "webhook", "headers": {}, "received_at": "now", "body": ""},
        {"v": 1, "kind": "webhook", "headers": {}, "received_at": 1},
        {"v": 1, "kind": "webhook", "headers": {}, "received_at": 1, "body_base64": "?"},
        {"v": 1, "kind": "webhook", "headers": {}, "received_at": 1, "claim": {"bucket": "b"}},
        {"v": 1, "kind": "webhook", "headers": {}, "received_at": 1, "claim": "elsewhere"},
    ],
)
def test_a_message_that_is_none_of_ours_is_told_by_the_member_that_is_wrong(
    message: dict[str, Any],
) -> None:
    with pytest.raises(PayloadError):
        read_message(message, _no_room)
