"""What the store of routing promises, in memory and on DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.route_items import decision_key, list_key, write_kept
from centralino.adapters.store.routing import MAX_DOCUMENT_BYTES, DynamoRoutingStore
from centralino.application.compile_routing import compile_routing, save_parts
from centralino.application.compile_rules import DEFAULTS
from centralino.domain.customer import History
from centralino.domain.decision import Decision, Kept
from centralino.domain.destination import Destination
from centralino.domain.errors import ConflictError, NotFoundError, PayloadError
from centralino.domain.rulebook import default_routing
from centralino.domain.settings import Settings
from centralino.ports.routing import RoutingParts
from tests.support.memory_store import NOW_S, MemoryStores, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = int(NOW_S)
SETTINGS = Settings("acme")
VAT = {"mode": "check", "codes": ["any"], "yes": "support", "no": "sales"}


def routing_of(stores: Stores, tenant: str = "acme") -> DynamoRoutingStore:
    return DynamoRoutingStore(
        stores.client, stores.table, tenant, now=lambda: stores.now_s, pause=stores.pauses.append
    )


def decide(stores: Stores, call_id: str, at: int, *, ends_at: int = AT + 1_000) -> Kept:
    """Keep a decision as the journal does."""
    kept = Kept(call_id, at, {"call": {"id": call_id}}, Decision(Destination("queue", "sales")))
    item = {
        **decision_key("acme", call_id),
        "type": {"S": "Decision"},
        "sv": {"N": "1"},
        "doc": {"S": write_kept(kept)},
        "lpk": {"S": list_key("acme", "decision", call_id)},
        "lsk": {"S": f"{at:010}#{abs(hash(call_id)) % 16**12:012x}"},
        "expires_at": {"N": str(ends_at)},
    }
    actions = [{"Put": {"TableName": stores.table, "Item": item}}]
    payload = {"TransactItems": actions, "ClientRequestToken": call_id}
    stores.client.call("TransactWriteItems", payload, timeout_s=5)
    return kept


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        yield MemoryStores()
        return
    server = request.getfixturevalue("dynamodb")
    client = Client("dynamodb", env=server.env)
    yield Stores(client, request.getfixturevalue("table"))
    client.close()


@pytest.fixture
def routing(stores: Stores) -> DynamoRoutingStore:
    stores.create_tenant("acme")
    return routing_of(stores)


def test_a_tenant_begins_with_the_defaults_and_nothing_written(routing: DynamoRoutingStore) -> None:
    assert routing.parts() == RoutingParts()
    assert routing.compiled() == default_routing()
    assert routing.versions() == ()
    assert routing.rules(1) is None


def test_what_is_written_is_read_again_with_what_was_compiled_of_it(
    routing: DynamoRoutingStore,
) -> None:
    parts = RoutingParts(nodes={"vat": VAT}, options={"time_zone": "Europe/Rome", "keep_days": 3})
    saved = save_parts(routing, parts, SETTINGS, now_s=AT)
    assert saved == parts._replace(edition=1)
    assert routing.parts() == saved
    compiled = routing.compiled()
    assert (compiled.edition, compiled.keep_days) == (1, 3)
    assert compiled.nodes["vat"].yes == Destination("queue", "support", "support")
    assert compiled.rules == default_routing().rules
    # What is read is what was compiled, to the last field.
    again = compile_routing(saved, DEFAULTS, SETTINGS, now_s=AT).routing
    assert compiled == again


def test_who_saves_over_an_edition_that_is_gone_is_told(routing: DynamoRoutingStore) -> None:
    first = save_parts(routing, RoutingParts(), SETTINGS, now_s=AT)
    with pytest.raises(ConflictError):
        save_parts(routing, RoutingParts(nodes={"vat": VAT}), SETTINGS, now_s=AT)
    second = save_parts(routing, first._replace(nodes={"vat": VAT}), SETTINGS, now_s=AT)
    with pytest.raises(ConflictError):
        save_parts(routing, first, SETTINGS, now_s=AT)
    assert routing.parts() == second


def test_what_the_rules_in_force_name_can_not_be_taken_away(routing: DynamoRoutingStore) -> None:
    rules = {"rules": [{"name": "ask", "when": "now.open.office", "to": "identify:vat"}]}
    routing.add_rules(rules, at=AT, by="desk")
    whole = RoutingParts(nodes={"vat": VAT | {"yes": "queue:1", "no": "queue:2"}})
    whole = whole._replace(schedules={"office": {"open": {"mon": ["09:00-18:00"]}}}, published=1)
    saved = save_parts(routing, whole, SETTINGS, now_s=AT)
    with pytest.raises(PayloadError, match=r"rules\[0\].to: .* vat is none"):
        save_parts(routing, saved._replace(nodes={}), SETTINGS, now_s=AT)
    with pytest.raises(PayloadError, match=r"rules\[0\].when: .* now.open.office is none"):
        save_parts(routing, saved._replace(schedules={}), SETTINGS, now_s=AT)
    with pytest.raises(NotFoundError, match="no version 2"):
        save_parts(routing, saved._replace(published=2), SETTINGS, now_s=AT)
    assert routing.parts() == saved


def test_versions_of_the_rules_are_counted_and_kept_as_they_were_written(
    routing: DynamoRoutingStore,
) -> None:
    for number in range(1, 12):
        version = routing.add_rules(
            {"rules": [], "fallback": f"queue:{number}"}, at=AT + number, by="desk", note="n"
        )
        assert version.version == number
    assert [it.version for it in routing.versions()] == [*range(11, 0, -1)]
    assert {len(it.document) for it in routing.versions()} == {0}
    third = routing.rules(3)
    assert third is not None
    assert third == (3, {"rules": [], "fallback": "queue:3"}, AT + 3, "desk", "n")


def test_of_two_who_save_rules_at_once_both_get_a_version_of_their_own(
    routing: DynamoRoutingStore, stores: Stores
) -> None:
    rival = routing_of(stores)
    original = routing._transact

    def slower(actions: Any, timeout_s: float = 5) -> tuple[str, ...]:  # noqa: ANN401 - any actions
        routing._transact = original  # type: ignore[method-assign]
        rival.add_rules({"fallback": "queue:first"}, at=AT, by="rival")
        return original(actions, timeout_s)

    routing._transact = slower  # type: ignore[method-assign]
    assert routing.add_rules({"fallback": "queue:second"}, at=AT, by="desk").version == 2
    first = routing.rules(1)
    assert first is not None
    assert first.saved_by == "rival"


def test_rules_that_no_item_has_room_for_are_refused(routing: DynamoRoutingStore) -> None:
    with pytest.raises(PayloadError, match="rules: expected at most"):
        routing.add_rules({"note": "x" * MAX_DOCUMENT_BYTES}, at=AT, by="desk")


def test_an_erased_tenant_gets_no_routing_any_more(
    routing: DynamoRoutingStore, stores: Stores
) -> None:
    save_parts(routing, RoutingParts(), SETTINGS, now_s=AT)
    routing.add_rules({}, at=AT, by="desk")
    stores.tenants("acme").close()
    with pytest.raises(NotFoundError):
        save_parts(routing, routing.parts(), SETTINGS, now_s=AT)
    with pytest.raises(NotFoundError):
        routing.add_rules({}, at=AT, by="desk")
    with pytest.raises(NotFoundError):
        routing.answered(number="+390244556677", code="", exten="21", at=AT)
    # What closes a tenant takes its routing away.
    assert (routing.parts(), routing.versions()) == (RoutingParts(), ())


def test_a_decision_is_found_by_its_call_until_it_expires(
    routing: DynamoRoutingStore, stores: Stores
) -> None:
    kept = decide(stores, "call 1/ä", AT)
    assert routing.decision("call 1/ä") == kept
    assert routing.decision("call 2") is None
    stores.now_s += 1_001
    assert routing.decision("call 1/ä") is None


def test_decisions_are_listed_the_newest_first_page_by_page(
    routing: DynamoRoutingStore, stores: Stores
) -> None:
    made = [decide(stores, f"call-{n}", AT + n) for n in range(23)]
    decide(stores, "over", AT + 3, ends_at=AT - 1)
    decide(stores, "before", AT - 1)
    decide(stores, "after", AT + 23)
    found: list[Kept] = []
    cursor = ""
    pages = 0
    while True:
        page = routing.decisions(since=AT, until=AT + 23, cursor=cursor, limit=5)
        found += page.decisions
        cursor = page.cursor
        pages += 1
        if not cursor:
            break
    assert found == made[::-1]
    assert pages == 5
    assert routing.decisions(since=AT + 30, until=AT + 30).decisions == ()
    assert routing.decisions(since=AT + 40, until=AT + 30).decisions == ()


@pytest.mark.parametrize("cursor", ["x", "1#2", "1795000000#0123456789ag"])
def test_a_cursor_that_is_none_is_refused(routing: DynamoRoutingStore, cursor: str) -> None:
    with pytest.raises(PayloadError, match="cursor"):
        routing.decisions(since=0, until=AT, cursor=cursor)


def test_who_spoke_to_a_caller_is_remembered_of_the_number_and_of_the_customer(
    routing: DynamoRoutingStore,
) -> None:
    routing.answered(number="+390244556677", code="IT1", exten="21", at=AT)
    routing.answered(number="+390244556677", code="", exten="22", at=AT + 60)
    assert routing.history(number="+390244556677") == History(agent="22", agent_at=AT + 60)
    assert routing.history(code="IT1") == History(agent="21", agent_at=AT)
    # The customer's counts where the customer is known.
    assert routing.history(number="+390244556677", code="IT1").agent == "21"
    assert routing.history(number="+39333") == History()


def test_an_open_ticket_is_remembered_until_it_is_closed(routing: DynamoRoutingStore) -> None:
    routing.ticket(number="+390244556677", code="", ticket="T-17")
    assert routing.history(number="+390244556677").ticket == "T-17"
    routing.ticket(number="+390244556677", code="", ticket="")
    assert routing.history(number="+390244556677").ticket == ""


def test_nobody_in_particular_has_no_history(routing: DynamoRoutingStore) -> None:
    routing.answered(number="", code="", exten="21", at=AT)
    assert routing.history() == History()


def test_one_tenant_sees_nothing_of_another(routing: DynamoRoutingStore, stores: Stores) -> None:
    stores.create_tenant("bell")
    save_parts(routing, RoutingParts(nodes={"vat": VAT}), SETTINGS, now_s=AT)
    routing.add_rules({}, at=AT, by="desk")
    decide(stores, "call", AT)
    routing.answered(number="+390244556677", code="", exten="21", at=AT)
    other = routing_of(stores, "bell")
    assert other.parts() == RoutingParts()
    assert other.versions() == ()
    assert other.decision("call") is None
    assert other.decisions(since=0, until=2 * AT).decisions == ()
    assert other.history(number="+390244556677") == History()
