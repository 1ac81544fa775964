"""What was edited since a container read it holds from the very next request on."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.pbx import kalliope
from centralino.adapters.store.route_read import DynamoRouteStore
from centralino.application.revoke_key import revoke_key
from centralino.domain.errors import CredentialsError
from centralino.domain.rulebook import default_routing
from centralino.entry.access import Door
from tests.support import faults
from tests.support.calls import Clock, http_event
from tests.support.routes import RULES, Switchboard, now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.ports.pbx import Asked
    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import FaultProxy

STRANGER = "+393331234567"


@pytest.fixture
def board(dynamodb: DynamoDBLocal, table: str) -> Iterator[Switchboard]:
    with Switchboard(dynamodb.env, dynamodb.env, table, cache_s=0) as board:
        yield board


def _revoke(board: Switchboard) -> None:
    key = next(key for key in board.tenant.tenants.keys() if key.role == "pbx")  # noqa: SIM118 - a store's
    revoke_key(board.tenant.tenants, key.id, now_s=time.time())


@pytest.mark.parametrize("path", ["/v1/pbx/centralino/identify/vat", "/v1/identify/check"])
def test_a_node_that_was_saved_asks_the_next_caller(board: Switchboard, path: str) -> None:
    board.answer(number=STRANGER)
    board.publish()

    given = board.ask(path, STRANGER, call_id="c1")

    assert given["headers"]["x-centralino-outcome"] in {"asked", "unidentified"}


def test_a_node_that_there_is_not_is_said_and_the_key_is_looked_at(board: Switchboard) -> None:
    path = "/v1/pbx/centralino/identify/nothing"
    board.publish()
    before = board.ask(path, STRANGER, call_id="c1")
    _revoke(board)
    after = board.ask(path, STRANGER, call_id="c2")

    assert (before["statusCode"], before["headers"]["x-centralino-outcome"]) == (200, "error")
    assert json.loads(before["body"])["destination"] == "queue:700"
    assert (after["statusCode"], after["body"]) == (401, "")


def test_a_revoked_key_is_refused_whatever_else_is_wrong(board: Switchboard) -> None:
    board.publish()
    board.answer(number=STRANGER)
    headers = {"x-api-key": board.tenant.keys["pbx"], "content-type": "application/json"}
    event = http_event(
        method="POST", path="/v1/route", headers=headers, body="{", epoch_ms=now_ms()
    )
    before = board.send(event)["statusCode"]
    _revoke(board)

    assert (before, board.send(event)["statusCode"]) == (200, 401)


def test_an_answer_is_in_the_words_that_were_saved_last(board: Switchboard) -> None:
    for_all = {**RULES, "rules": [{"name": "all", "to": "sales"}]}
    board.publish(for_all, pbx={"kalliope": {"values": {"queue:700": "11"}}})
    before = board.ask("/v1/pbx/kalliope/route")["body"]
    board.publish(for_all, pbx={"kalliope": {"values": {"queue:700": "22"}}})
    after = board.ask("/v1/pbx/kalliope/route")["body"]

    assert "<value>11</value>" in before
    assert "<value>22</value>" in after


class Picky(kalliope.Adapter):
    """Believes a call only if its options are the new ones."""

    def verify(self, asked: Asked, *, now_s: float) -> None:
        super().verify(asked, now_s=now_s)
        if self.text("ask_value") != "new":
            raise CredentialsError("not signed as the options say")


def test_a_signature_is_held_against_the_options_that_were_saved_last(board: Switchboard) -> None:
    desk = board.desk._replace(provider=lambda _slug: Picky)
    board.publish(pbx={"kalliope": {"ask_value": "old"}})
    before = board.ask("/v1/pbx/kalliope/route", desk=desk)["statusCode"]
    board.publish(pbx={"kalliope": {"ask_value": "new"}})

    assert before == 401
    assert board.ask("/v1/pbx/kalliope/route", desk=desk)["statusCode"] == 200


def test_an_unsigned_call_is_told_nothing_even_while_the_store_is_away(
    board: Switchboard, dynamodb: DynamoDBLocal, proxy: FaultProxy
) -> None:
    board.publish(pbx={"kalliope": {"ask_value": "old"}})
    far = Client("dynamodb", env={**dynamodb.env, **proxy.env})
    door = Door(DynamoRouteStore(far, board.table, default_routing()), time.time, 0)
    desk = board.desk._replace(door=door, provider=lambda _slug: Picky)
    board.ask("/v1/pbx/kalliope/route", desk=desk)
    proxy.fault = faults.server_error()
    given = board.ask("/v1/pbx/kalliope/route", desk=desk)
    far.close()

    assert (given["statusCode"], given["body"]) == (401, "")


class SlowSecrets:
    """Takes its time, and says how much it was given."""

    def __init__(self, clock: Clock) -> None:
        self.given: list[float] = []
        self._clock = clock

    def read(self, tenant: str, provider: str, timeout_s: float = 1.0) -> dict[str, object]:
        """Return a secret that is never the right one, when most of the time is over."""
        del tenant, provider
        self.given.append(timeout_s)
        self._clock.now += 0.75 * timeout_s
        return {"webhook_secret": f"secret {len(self.given)}"}

    refresh = read


def test_secrets_read_again_have_only_the_time_that_is_left(board: Switchboard) -> None:
    clock = Clock(time.time())
    secrets = SlowSecrets(clock)
    door = Door(board.desk.door.store, clock, 30)
    desk = board.desk._replace(door=door, secrets=lambda: secrets)
    headers = {"x-api-key": board.tenant.keys["pbx"]}
    headers["jambonz-signature"] = f"t={int(clock.now)},v1=00"
    event = http_event(
        path="/v1/pbx/jambonz/route",
        method="POST",
        headers=headers,
        body="{}",
        epoch_ms=int(1000 * clock.now),
    )

    assert board.send(event, desk)["statusCode"] == 401
    assert sum(0.75 * given for given in secrets.given) <= secrets.given[0]
