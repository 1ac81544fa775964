"""A lookup on the real engine, in good days and in bad ones.

The faults are injected by a proxy between the call path's own client and DynamoDB Local; what was
answered to each, and how long it took, is in the report that `--junit-xml` writes.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.entry.lookup import lookup
from tests.support import faults
from tests.support.calls import http_event
from tests.support.tenants import ITALY, Tenant, make_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import Fault, FaultProxy

PATIENCE_S = ITALY.decode_timeout_s


class Service(NamedTuple):
    """The lookup, wired as in its function, and the tenant that it serves."""

    tenant: Tenant
    door: Door
    behind: Client
    table: str

    def neighbour(self) -> Tenant:
        """Another tenant in the same table."""
        return make_tenant(self.behind, self.table, Settings("other", line=ITALY))

    def ask(self, number: str = "0244556677", key: str = "", **fields: str) -> dict[str, Any]:
        """Ask who is calling."""
        headers = {"x-api-key": key or self.tenant.keys["pbx"]}
        fields |= {"number": number, "name": fields.get("name", "MILANO")}
        return lookup(http_event(fields, headers=headers, epoch_ms=now_ms()), self.door)

    def label(self, number: str = "0244556677", **fields: str) -> tuple[str, str]:
        """Ask who is calling; returns outcome and label."""
        given = self.ask(number, **fields)
        assert given["statusCode"] == 200
        return given["headers"]["x-centralino-outcome"], given["body"]


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def service(dynamodb: DynamoDBLocal, proxy: FaultProxy, table: str) -> Iterator[Service]:
    with (
        closing(Client("dynamodb", env=dynamodb.env)) as behind,
        closing(Client("dynamodb", env={**dynamodb.env, **proxy.env})) as client,
    ):
        tenant = make_tenant(behind, table)
        tenant.save("crm:1", "+39 02 44556677", first_name="Mario", last_name="Rossi")
        yield Service(tenant, Door(DynamoCallStore(client, table), time.time, 30), behind, table)


def test_a_contact_that_was_saved_shows_at_the_next_call(service: Service) -> None:
    before = service.label("+393331234567")
    service.tenant.save("crm:2", "333 1234567", first_name="Anna", last_name="Verdi")

    assert before == ("miss", "MILANO")
    assert service.label("+393331234567") == ("hit", "Anna Verdi")


def test_a_decode_is_two_round_trips_cold_and_one_warm(service: Service, proxy: FaultProxy) -> None:
    service.ask()
    cold = proxy.operations.copy()
    proxy.clear()
    service.ask("02 4455.6677")

    assert cold == ["BatchGetItem", "BatchGetItem"]
    assert proxy.operations == ["BatchGetItem"]
    assert len(proxy.requests[0].keys) <= 12


def test_a_switchboard_s_block_answers_for_its_numbers(service: Service) -> None:
    service.tenant.save("crm:3", "+39 02 7788*", company="Officine Meccaniche Rossi S.r.l.")

    assert service.label("0277881234") == ("hit", "Off Mecc Rossi")
    assert service.label("0277891234") == ("miss", "MILANO")


def test_a_number_with_very_many_holders_still_answers(service: Service, proxy: FaultProxy) -> None:
    for number in range(60):
        service.tenant.save(f"crm:h{number:04}", "0299887766", last_name=f"Cliente{number}")
    proxy.clear()

    outcome, label = service.label("0299887766")

    assert outcome == "hit"
    assert label.endswith("+59")
    assert "BatchGetItem" in proxy.operations


def test_another_tenant_s_key_never_reaches_these_contacts(service: Service) -> None:
    given = service.ask(key=service.neighbour().keys["pbx"])

    assert given["headers"]["x-centralino-outcome"] == "miss"
    assert given["body"] == "MILANO"


def test_a_tenant_s_name_before_another_s_secret_opens_nothing(service: Service) -> None:
    forged = "acme." + service.neighbour().keys["pbx"].partition(".")[2]

    assert service.ask(key=forged)["statusCode"] == 401


FAULTS: list[tuple[Fault, set[str]]] = [
    (faults.black_hole(), {"timeout"}),
    (faults.deaf(), {"timeout", "hit"}),
    (faults.delay(0.2), {"hit"}),
    (faults.delay(1.0), {"timeout"}),
    (faults.reset_mid_body(), {"degraded"}),
    (faults.truncated(), {"degraded"}),
    (faults.closed(), {"degraded"}),
    (faults.malformed(), {"degraded"}),
    (faults.garbage(), {"degraded"}),
    (faults.throttling(), {"degraded"}),
    (faults.server_error(), {"degraded"}),
    (faults.server_error(503), {"degraded"}),
    (faults.expired_credentials(), {"degraded"}),
    (faults.unknown_credentials(), {"degraded"}),
    (faults.missing_table(), {"degraded"}),
    (faults.unprocessed_keys(), {"degraded"}),
]


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize(
    ("fault", "outcomes"), FAULTS, ids=lambda value: getattr(value, "name", "")
)
def test_whatever_happens_to_the_store_the_call_goes_on_in_time(
    service: Service,
    proxy: FaultProxy,
    fault: Fault,
    outcomes: set[str],
    *,
    warm: bool,
    record_property: Callable[[str, object], None],
) -> None:
    if warm:
        service.ask()
    proxy.fault = fault
    if fault.deaf:
        proxy.drop_connections()

    asked_at = time.monotonic()
    outcome, label = service.label()
    took_s = time.monotonic() - asked_at
    proxy.clear()
    after = service.label()

    record_property("answer", f"{outcome} after {1000 * took_s:.0f} ms")
    assert outcome in outcomes
    assert label == ("Mario Rossi" if outcome == "hit" else "MILANO")
    # The contract is a third of the PBX's patience; a busy machine may add its own delays.
    assert took_s < PATIENCE_S / 2
    assert after == ("hit", "Mario Rossi")


def test_a_connection_that_died_while_the_container_was_frozen_is_replaced(
    service: Service, proxy: FaultProxy
) -> None:
    service.ask()
    proxy.freeze()

    assert service.label() == ("hit", "Mario Rossi")
    assert service.label() == ("hit", "Mario Rossi")


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_was_closed_meanwhile_is_replaced(
    service: Service, proxy: FaultProxy, *, reset: bool
) -> None:
    service.ask()
    proxy.drop_connections(reset=reset)

    assert service.label() == ("hit", "Mario Rossi")


def test_one_throttled_attempt_is_not_noticed(service: Service, proxy: FaultProxy) -> None:
    service.ask()
    proxy.fault = faults.first(1, faults.throttling())

    assert service.label() == ("hit", "Mario Rossi")


def test_many_first_calls_at_once_all_get_their_name(
    service: Service, dynamodb: DynamoDBLocal
) -> None:
    given: list[tuple[str, str]] = []

    def first_call() -> None:
        with closing(Client("dynamodb", env=dynamodb.env)) as client:
            door = Door(DynamoCallStore(client, service.table), time.time, 30)
            given.append(service._replace(door=door).label())

    callers = [threading.Thread(target=first_call) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert given == [("hit", "Mario Rossi")] * 20
