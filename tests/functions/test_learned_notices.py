"""A number that was learned: from the call through the queue to the URL of the owner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from standardwebhooks import Webhook

from centralino import bootstrap
from centralino.adapters.queue import SqsQueue
from centralino.adapters.store.learner import DynamoLearner
from centralino.adapters.store.route_read import DynamoRouteStore
from centralino.adapters.web import HttpWeb
from centralino.application.compile_routing import save_parts
from centralino.application.learned_notice import notice_message
from centralino.application.save_customer import save_customer
from centralino.domain.customer import Customer
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.rulebook import default_routing
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.entry.apply import Report, Worker
from centralino.entry.learned import send_notice
from centralino.entry.notice import NoticeTools, apply_notice
from centralino.entry.route import Desk, route
from centralino.ports.customers import Change
from centralino.ports.web import Answer
from tests.support.calls import http_event
from tests.support.command_line import CommandLine
from tests.support.fake_sqs import URL, Context, FakeSqs, Poller, event_of
from tests.support.memory_store import MemoryStores
from tests.support.routes import MILAN, NODES, OTHER_VAT, RULES, VAT, NoJournal, NoSecrets
from tests.support.tenants import ITALY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from centralino.adapters.aws import Client
    from centralino.ports.web import Web

ROOT = Path(__file__).parents[2]
HOOK = "https://owner.example/hooks/centralino"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"
OLD_SECRET = "whsec_bmxrampoZ2ZlZGNiYTk4NzY1NDMyMTAx"
NOTICES = "acme/crm/notices"


class OwnersWeb:
    """The owner's site.

    Attributes:
        fates: a status, or an error, for each request in turn; then it takes everything.
        requests: method, URL, headers and body of each.
    """

    def __init__(self) -> None:
        self.fates: list[int | Exception] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
    ) -> Answer:
        assert timeout_s == 10
        self.requests.append((method, url, dict(headers or {}), body))
        fate = self.fates.pop(0) if self.fates else 204
        if isinstance(fate, Exception):
            raise fate
        return Answer(fate, {}, b"")


class KeptSecrets:
    """The secret store, in memory."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, object]] = {
            NOTICES: {"webhook_secrets": [SECRET, OLD_SECRET]}
        }

    def read(self, tenant: str, provider: str, timeout_s: float = 1.0) -> Mapping[str, object]:
        del timeout_s
        return self.stored.get(f"{tenant}/crm/{provider}", {})

    refresh = read


class Service:
    """What routes calls, the queue, the worker and the owner's site."""

    def __init__(self) -> None:
        self.stores = MemoryStores()
        self.stores.now_s = time.time()
        self.sqs = FakeSqs(now_s=self.stores.now_s)
        self.web = OwnersWeb()
        self.secrets = KeptSecrets()
        self.settings = Settings("acme", line=ITALY)
        self.key = self.stores.create_tenant("acme", self.settings)["pbx"]
        for code, name in ((VAT, "Rossi S.p.A."), (OTHER_VAT, "Verdi")):
            customer = Customer(code, name=name, status="active", owner="21")
            now_ms = int(1000 * self.stores.now_s)
            save_customer(
                self.stores.customers("acme"),
                customer,
                who="test",
                now_ms=now_ms,
                time_zone="Europe/Rome",
            )
        self.want({"webhook": HOOK})
        dynamo = cast("Client", self.stores.dynamo)
        table = self.stores.table
        store = DynamoRouteStore(dynamo, table, default_routing(), now=self.now)
        queue = SqsQueue(self.sqs, URL)
        self.desk = Desk(
            Door(store, self.now, 0),
            store,
            NoJournal(),
            bootstrap.pbx_class,
            NoSecrets,
            lambda tenant: DynamoLearner(dynamo, table, tenant, now=self.now),
            lambda: None,
            lambda: queue,
        )
        self.worker = Worker({"notice": self._notice}, queue, now=self.now)
        self.processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        self.poller = Poller(lambda *request: self.sqs.call(*request, timeout_s=1), self._handle)

    def now(self) -> float:
        return self.stores.now_s

    def want(self, learning: Mapping[str, Any]) -> None:
        """Save the options of learning."""
        routing = self.stores.routing("acme")
        version = routing.add_rules(RULES, at=int(1000 * self.now()), by="test").version
        parts = routing.parts()._replace(
            nodes=NODES, options={"learning": learning}, published=version
        )
        save_parts(routing, parts, self.settings, now_s=self.now())

    def type(self, digits: str = "12345670017", call_id: str = "c1") -> Any:  # noqa: ANN401 - JSON
        """Type a code; return what the PBX is answered."""
        event = http_event(
            {"number": MILAN, "call_id": call_id, "digits": digits},
            path="/v1/pbx/centralino/identify/vat",
            headers={"x-api-key": self.key, "host": "cti.example"},
            epoch_ms=int(1000 * self.now()),
        )
        return route(event, self.desk)

    def work(self, most: int = 50) -> None:
        """Let the worker take messages until none is left."""
        for _ in range(most):
            if not self.sqs.wait():
                return
            self.poller.poll()
        raise AssertionError("there is no end to it")

    def waiting(self) -> list[dict[str, Any]]:
        return [json.loads(message.body) for message in self.sqs.messages.values()]

    def tools(self, web: Web) -> NoticeTools:
        return NoticeTools(
            self.stores.routing, self.stores.customers, lambda: self.secrets, lambda: web, self.now
        )

    def _notice(self, message: Mapping[str, Any], _has_time: object) -> Report:
        return Report(dropped=apply_notice(message, self.tools(self.web)))

    def _handle(self, event: dict[str, Any], _context: object = None) -> Mapping[str, Any]:
        return process_partial_response(
            event=event,
            record_handler=self.worker.take,
            processor=self.processor,
            context=cast("LambdaContext", Context()),
        )


@pytest.fixture
def service() -> Service:
    return Service()


# From the call to the owner ----------------------------------------------------------------------


def test_a_number_that_is_learned_is_posted_to_the_owner_signed_as_the_library_verifies(
    service: Service,
) -> None:
    given = service.type()
    service.work()

    assert json.loads(given["body"])["customer_code"] == VAT
    [(method, url, headers, body)] = service.web.requests
    assert (method, url, headers["content-type"]) == ("POST", HOOK, "application/json")
    for secret in (SECRET, OLD_SECRET):
        told = Webhook(secret).verify(body, headers)
    assert told["type"] == "number.learned"
    at = told["data"].pop("at")
    assert told["timestamp"] == at
    assert datetime.fromisoformat(at).timestamp() == int(service.now())
    assert told["data"] == {
        "lesson": "learned",
        "number": MILAN,
        "customer_code": VAT,
        "customer_name": "Rossi S.p.A.",
        "customer_owner": "21",
        "node": "vat",
    }
    assert not service.sqs.dead


def test_a_number_that_leads_to_another_customer_too_is_told_as_a_conflict(
    service: Service,
) -> None:
    service.type()
    service.type("00743110157", call_id="c2")
    service.work()

    told = [json.loads(body)["data"] for *_, body in service.web.requests]
    assert [(one["lesson"], one["customer_code"]) for one in told] == [
        ("learned", VAT),
        ("conflict", OTHER_VAT),
    ]


def test_a_number_that_was_known_is_not_told_again(service: Service) -> None:
    service.type()
    service.type(call_id="c2")
    assert [message["lesson"] for message in service.waiting()] == ["learned"]


@pytest.mark.parametrize("learning", [{}, {"webhook": ""}])
def test_without_a_url_nothing_is_sent(service: Service, learning: Mapping[str, Any]) -> None:
    service.want(learning)
    service.type()
    assert service.waiting() == []


def test_a_queue_that_is_away_changes_nothing_for_the_caller_and_is_counted(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    good = Service().type()
    capsys.readouterr()
    service.sqs.faults.append(UnavailableError("connection"))
    given = service.type()

    assert (given["statusCode"], json.loads(given["body"])) == (200, json.loads(good["body"]))
    assert given["headers"] == good["headers"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [lost] = [line for line in lines if line["message"] == "notice_lost"]
    assert (lost["NoticesLost"], lost["tenant"], lost["reason"]) == (1, "acme", "connection")
    assert lost["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] == "NoticesLost"
    assert MILAN not in json.dumps(lines)


@pytest.mark.parametrize(
    ("left_s", "reason"), [(0.0, "timeout"), (-1.0, "timeout"), (1.0, "RuntimeError in ")]
)
def test_a_call_without_time_and_a_queue_that_breaks_lose_the_notice_and_nothing_else(
    capsys: pytest.CaptureFixture[str], left_s: float, reason: str
) -> None:
    def broken() -> Any:  # noqa: ANN401 - there is none
        raise RuntimeError(MILAN)

    known = {"tenant": "acme", "lesson": "learned", "number": MILAN, "code": VAT, "node": "vat"}
    send_notice(broken, **known, now_s=1.0, left_s=left_s)
    out = capsys.readouterr().out
    assert json.loads(out)["reason"].startswith(reason)
    assert MILAN not in out


# What comes back and what doesn't ----------------------------------------------------------------


@pytest.mark.parametrize("fate", [500, 503, 408, 429, UnavailableError("timeout")])
def test_a_site_that_is_down_is_told_later_and_knows_it_by_the_same_id(
    service: Service, fate: int | Exception
) -> None:
    service.web.fates = [fate, fate]
    service.type()
    service.work()

    assert len(service.web.requests) == 3
    assert len({headers["webhook-id"] for _, _, headers, _ in service.web.requests}) == 1
    assert not service.sqs.dead


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        (400, "status 400"),
        (401, "status 401"),
        (404, "status 404"),
        (410, "status 410"),
        (302, "status 302"),
        (RejectedError("forbidden_address"), "forbidden_address"),
    ],
)
def test_a_site_that_refuses_is_not_asked_again_and_a_line_says_why(
    service: Service,
    capsys: pytest.CaptureFixture[str],
    fate: int | Exception,
    reason: str,
) -> None:
    service.web.fates = [fate]
    service.type()
    service.work()

    assert len(service.web.requests) == 1
    assert not service.sqs.dead
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["kind"], line["outcome"], line["reason"]) == ("notice", "dropped", reason)
    assert line["tenant"] == "acme"


def test_a_url_that_leads_inside_is_never_asked(service: Service) -> None:
    service.want({"webhook": "https://127.0.0.1:1/"})
    service.type()
    [message] = service.waiting()
    assert apply_notice(message, service.tools(HttpWeb())) == "forbidden_address"


def test_what_was_forgotten_deleted_or_turned_off_meanwhile_is_not_told(service: Service) -> None:
    service.type()
    [message] = service.waiting()
    store, tools = service.stores.customers("acme"), service.tools(service.web)
    secrets = service.secrets.stored.pop(NOTICES)
    assert apply_notice(message, tools) == "no_secret"
    service.secrets.stored[NOTICES] = secrets
    store.forget(MILAN, VAT, Change(1, "test", "forgotten"))
    assert apply_notice(message, tools) == "forgotten"
    store.delete(VAT, Change(2, "test", "deleted"))
    assert apply_notice(message, tools) == "no_customer"
    service.want({})
    assert apply_notice(message, tools) == "no_webhook"
    assert service.web.requests == []


@pytest.mark.parametrize(
    "odd",
    [{"at": "now"}, {"at": True}, {"at": 10**15}, {"number": ""}, {"id": None}, {"tenant": "A/"}],
)
def test_what_is_no_notice_ends_as_a_dead_letter(service: Service, odd: dict[str, Any]) -> None:
    service.type()
    [message] = service.waiting()
    service.sqs.messages.clear()
    service.sqs.put(message | odd)
    service.work()
    assert service.web.requests == []
    assert len(service.sqs.dead) == 1


def test_the_functions_own_worker_knows_notices() -> None:
    sqs = FakeSqs()
    sqs.put(notice_message(tenant="A/", lesson="learned", number=MILAN, code=VAT, node="vat", at=1))
    wanted = {"QueueUrl": URL, "MaxNumberOfMessages": 10}
    received = sqs.call("ReceiveMessage", wanted, timeout_s=1)["Messages"]
    script = (
        "import json, sys; sys.path.insert(0, 'functions/apply_crm'); import app\n"
        "class Context:\n"
        "    def get_remaining_time_in_millis(self): return 60_000\n"
        "app.handler(json.load(sys.stdin), Context())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(event_of(received)),
        cwd=ROOT,
        env={
            **os.environ,
            "AWS_REGION": "eu-south-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9",
            "CENTRALINO_QUEUE_URL": URL,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    line = json.loads(done.stdout.splitlines()[0])
    assert line["problems"] == ["tenant: expected a tenant's id"]


# The secret --------------------------------------------------------------------------------------


def test_the_secret_of_notices_is_shown_once_and_the_one_before_signs_too(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    place = tmp_path / "secrets.json"
    line.env = {"CENTRALINO_SECRETS": f"file:{place}", "CENTRALINO_TENANT": "acme"}
    made = [line.done("numbers", "notice-secret").out.strip() for _ in range(3)]

    assert len(set(made)) == 3
    assert json.loads(place.read_text()) == {NOTICES: {"webhook_secrets": [made[2], made[1]]}}
