"""Pipedrive: Basic for a signature, merges, two versions of webhooks, a search for a part."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.crm.pipedrive import Adapter
from centralino.domain.contact import ContactNumber
from centralino.domain.errors import (
    CredentialsError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.ports.crm import Delivery
from tests.support.crm import Fault, LoopbackWeb, Person, Reply, failing
from tests.support.crm.contract import (
    JUNK_HEADERS,
    NOW_MS,
    NOW_S,
    NUMBER,
    URL,
    CrmContract,
    search,
    verified,
)
from tests.support.crm.pipedrive import FakePipedrive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.ports.crm import Crm


def basic(user: str, password: str) -> str:
    """Return what HTTP Basic sends."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TestPipedrive(CrmContract):
    adapter = Adapter
    secret = "zaff-erano-quanto-basta"
    other_secret = "pre-zzemolo-un-mazzo"
    secrets = {"api_token": "0123456789abcdef0123456789abcdef01234567"}  # noqa: RUF012
    signature_headers = ("authorization",)
    signs_body = False
    lists_deleted = False
    # Its search looks for a part of what was typed; that it overlooks spaces was not seen.
    spellings = (NUMBER, "00390244556677", "0244556677", "390244556677", "int. 0244556677")
    required = ("account.base_url", "secrets.api_token")
    step_ms = 1000

    def sign(self, body: bytes, secret: str, *, at_s: float = NOW_S, event: str = "") -> Delivery:  # noqa: ARG002 - Basic has no time
        headers = {"authorization": basic("centralino", secret)}
        return Delivery("POST", f"{URL}/pipedrive", headers, body, event, NOW_S)

    def server(self) -> FakePipedrive:
        return FakePipedrive(str(self.secrets["api_token"]))

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str]:
        names = {"created": "v2_create", "changed": "v2_change", "deleted": "v2_delete"}
        event = json.loads(self.recorded(f"{names[kind]}.json").body)
        at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        event["meta"]["id"] = f"{kind}-{person.record}"
        event["meta"]["entity_id"] = person.record
        event["meta"]["timestamp"] = at.replace("+00:00", "Z")
        for state in ("data", "previous"):
            if event[state] and "id" in event[state]:
                event[state]["id"] = int(person.record)
        return json.dumps(event).encode(), ""

    def forgeries(self, delivery: Delivery) -> Iterator[tuple[str, Delivery]]:
        yield from super().forgeries(delivery)
        good = delivery.headers["authorization"]
        wrong = {
            "another user": basic("admin", self.secret),
            "no user": basic("", self.secret),
            "no password": basic("centralino", ""),
            "a longer password": basic("centralino", f"{self.secret} "),
            "a shorter password": basic("centralino", self.secret[:-1]),
            "other letters": basic("centralino", self.secret.upper()),
            "another scheme": good.replace("Basic", "Bearer"),
            "no scheme": good.partition(" ")[2],
            "spaces within": good[:12] + " " + good[12:],
        }
        for name, header in wrong.items():
            yield name, delivery._replace(headers={"authorization": header})
        for junk in JUNK_HEADERS:
            yield junk[:20], delivery._replace(headers={"authorization": f"Basic {junk}"})


@pytest.fixture
def contract() -> TestPipedrive:
    return TestPipedrive()


@pytest.fixture
def fake(contract: TestPipedrive) -> Iterator[FakePipedrive]:
    with contract.server() as server:
        yield server


@pytest.fixture
def asking(contract: TestPipedrive, fake: FakePipedrive) -> Crm:
    return Adapter(contract.connection(contract.secret, base_url=fake.url), LoopbackWeb())


def event(contract: TestPipedrive, name: str, **meta: Any) -> Delivery:  # noqa: ANN401 - as JSON has it
    """Return a recorded delivery with some of its `meta` changed; None takes it out."""
    body = json.loads(contract.recorded(name).body)
    for key, value in meta.items():
        body["meta"].pop(key, None)
        if value is not None:
            body["meta"][key] = value
    return contract.sign(json.dumps(body).encode(), contract.secret)


def test_the_scheme_is_read_in_any_case(contract: TestPipedrive) -> None:
    delivery = contract.any_delivery()
    header = delivery.headers["authorization"].replace("Basic", "basic")
    contract.inbound().verify(delivery._replace(headers={"authorization": header}))


def test_the_user_of_the_webhook_is_a_setting(contract: TestPipedrive) -> None:
    connection = contract.connection("geheim-f\u00fcr-pipedrive")
    crm = Adapter(connection._replace(account={"webhook_user": "b\u00fcro"}))
    delivery = contract.any_delivery()
    header = basic("b\u00fcro", "geheim-f\u00fcr-pipedrive")
    crm.verify(delivery._replace(headers={"authorization": header}))
    with pytest.raises(CredentialsError):
        crm.verify(delivery._replace(headers={"authorization": basic("centralino", "x")}))


def test_a_retry_is_the_same_event_and_version_1_has_no_word_for_events(
    contract: TestPipedrive,
) -> None:
    crm = contract.inbound()
    first, again = (
        crm.parse(event(contract, "v2_change.json", attempt=attempt)) for attempt in (1, 3)
    )
    assert first == again
    assert first.hints[0].delivery
    # There `meta.id` is the person's: taken for the event's, the second change would be dropped.
    assert [hint.delivery for hint in crm.parse(event(contract, "v1_updated.json")).hints] == [""]


@pytest.mark.parametrize("name", ["v2_merge_loser.json", "v2_merge_winner.json"])
def test_either_half_of_a_merge_removes_the_loser_and_reads_the_winner(
    contract: TestPipedrive, name: str
) -> None:
    hints = contract.inbound().parse(event(contract, name)).hints
    assert {(hint.record, hint.operation) for hint in hints} == {
        ("12", "deleted"),
        ("11", "changed"),
    }
    assert len({hint.delivery for hint in hints}) == 2


def test_a_merge_with_itself_or_with_junk_is_a_change(contract: TestPipedrive) -> None:
    others: tuple[object, ...] = ("11", "", "x", None, [], "0", 0, True)
    for other in others:
        hints = (
            contract.inbound()
            .parse(event(contract, "v2_merge_winner.json", merged_from_id=other))
            .hints
        )
        assert [(hint.record, hint.operation) for hint in hints] == [("11", "changed")]


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-11-21T10:00:00.000Z", NOW_MS),
        ("2026-11-21T11:00:00+01:00", NOW_MS),
        ("2026-11-21 10:00:00", NOW_MS),
        ("1795255200", NOW_MS),
        (1_795_255_200, NOW_MS),
        (1_795_255_200_000, NOW_MS),
        ("yesterday", 0),
        ("1" * 40, 0),
        (None, 0),
    ],
)
def test_the_time_of_an_event_comes_in_several_spellings(
    contract: TestPipedrive, timestamp: object, expected: int
) -> None:
    parsed = contract.inbound().parse(event(contract, "v2_change.json", timestamp=timestamp))
    assert parsed.hints[0].occurred_at_ms == expected


def test_events_of_deals_and_organisations_are_acknowledged_and_mean_nothing(
    contract: TestPipedrive,
) -> None:
    for entity in ("deal", "organization", "activity", "user", "something new"):
        delivery = event(contract, "v2_change.json", entity=entity)
        crm = contract.inbound()
        crm.verify(delivery)
        assert crm.acknowledge(delivery).status == 200
        assert crm.parse(delivery) == ((), ())


def test_an_action_that_nobody_knows_is_said_and_not_lost(contract: TestPipedrive) -> None:
    with pytest.raises(PayloadError) as caught:
        contract.inbound().parse(event(contract, "v2_change.json", action="teleport"))
    assert caught.value.field == "meta.action"


def test_a_person_is_read_with_its_kinds_of_numbers(fake: FakePipedrive, asking: Crm) -> None:
    fake.save(Person("101", "+39 02 4455 6677", NOW_MS))
    fake.persons[101]["phones"] = [
        {"value": "+39 02 4455 6677", "primary": True, "label": "work"},
        {"value": "347 1234567", "primary": False, "label": "Mobile"},
        {"value": "347 1234567", "primary": False, "label": "home"},
        {"value": "", "primary": False, "label": "home"},
        {"value": None},
        {"value": "x" * 101, "label": "work"},
        "06 1234567",
        {"value": "011 234567", "label": "ufficio"},
    ]
    contact = asking.fetch("101")
    assert contact is not None
    assert contact.numbers == (
        ContactNumber("+39 02 4455 6677", "work", primary=True),
        ContactNumber("347 1234567", "mobile"),
        ContactNumber("06 1234567", "other"),
        ContactNumber("011 234567", "other"),
    )
    assert contact.url == f"{fake.url}/person/101"
    assert contact.owner == "7"


def test_a_person_with_more_numbers_than_we_keep_is_saved_with_the_first(
    fake: FakePipedrive, asking: Crm
) -> None:
    fake.save(Person("101", NUMBER, NOW_MS))
    fake.persons[101]["phones"] = [{"value": f"02 555{n:04}"} for n in range(60)]
    contact = asking.fetch("101")
    assert contact is not None
    assert [number.number for number in contact.numbers] == [f"02 555{n:04}" for n in range(40)]


def test_a_person_with_one_name_only_and_no_organisation_is_read(
    fake: FakePipedrive, asking: Crm
) -> None:
    fake.save(Person("101", NUMBER, NOW_MS))
    fake.persons[101].update(first_name=None, last_name=None, name="Madonna", org_id=None)
    contact = asking.fetch("101")
    assert contact is not None
    assert (contact.first_name, contact.last_name, contact.company) == ("", "Madonna", "")
    assert len(fake.requests) == 1


def test_what_can_not_be_stored_is_not_in_a_name(fake: FakePipedrive, asking: Crm) -> None:
    fake.save(Person("101", NUMBER, NOW_MS))
    fake.persons[101].update(first_name="Ada\ud800", last_name="\x00Ne\tri\x1b")
    contact = asking.fetch("101")
    assert contact is not None
    assert (contact.first_name, contact.last_name) == ("Ada", "Ne ri")


def test_phones_of_the_old_shape_are_read(fake: FakePipedrive, asking: Crm) -> None:
    fake.save(Person("101", NUMBER, NOW_MS))
    fake.persons[101]["phone"] = [{"value": "06 1234567", "primary": True}]
    del fake.persons[101]["phones"]
    contact = asking.fetch("101")
    assert contact is not None
    assert [number.number for number in contact.numbers] == ["06 1234567"]


def test_a_page_of_persons_costs_one_more_request_for_all_their_organisations(
    fake: FakePipedrive, asking: Crm
) -> None:
    for place in range(3):
        fake.save(Person(str(101 + place), NUMBER, NOW_MS, company=f"Ditta {place}"))
    page = asking.modified_since(0)
    assert [contact.company for contact in page.contacts] == ["Ditta 0", "Ditta 1", "Ditta 2"]
    assert len(fake.requests) == 2


def test_a_deleted_person_that_is_listed_all_the_same_is_a_deletion(
    fake: FakePipedrive, asking: Crm
) -> None:
    fake.save(Person("101", NUMBER, NOW_MS))
    page = {
        "success": True,
        "data": [{**fake.persons[101], "org_id": None, "is_deleted": True}],
        "additional_data": {"next_cursor": None},
    }
    fake.faults = [Fault(Reply(200, json.dumps(page).encode()))]
    assert asking.modified_since(0) == ((), (("101", NOW_MS),), "")


def test_a_404_of_another_server_is_not_taken_for_a_person_that_is_gone(
    fake: FakePipedrive, asking: Crm
) -> None:
    fake.fault = failing(404)
    with pytest.raises(UnavailableError) as caught:
        asking.fetch("101")
    assert caught.value.reason == "malformed"


def test_who_searches_gets_what_contains_the_number_and_verifies_it(
    fake: FakePipedrive, asking: Crm
) -> None:
    fake.save(Person("101", "0244556677", NOW_MS))
    fake.save(Person("102", "02445566771", NOW_MS))
    found = search(asking, NUMBER)
    assert {contact.id for contact in found} == {"pipedrive:101", "pipedrive:102"}
    assert [contact.id for contact in verified(found, NUMBER)] == ["pipedrive:101"]
    # The search tells the organisations' names, so they are not asked for.
    assert [contact.company for contact in found] == ["Bianchi Impianti"] * 2
    assert [request.path for request in fake.requests] == [
        "/api/v2/persons/search",
        "/api/v2/persons",
    ]
    assert fake.requests[0].query["term"] == "0244556677"


def test_a_german_number_is_searched_without_its_trunk_prefix(
    fake: FakePipedrive, asking: Crm
) -> None:
    for place, spelling in enumerate(("+493012345678", "03012345678", "00493012345678")):
        fake.save(Person(str(101 + place), spelling, NOW_MS))
    found = asking.find_by_number(("+493012345678",), "+493012345678", 5.0)
    assert len(found) == 3


def test_what_is_found_and_gone_a_moment_later_is_not_found(
    fake: FakePipedrive, asking: Crm
) -> None:
    fake.save(Person("101", "0244556677", NOW_MS))
    item = {"result_score": 1, "item": {"id": 999, "phones": ["0244556677"], "organization": None}}
    answer = {"success": True, "data": {"items": [item]}}
    fake.faults = [Fault(Reply(200, json.dumps(answer).encode()))]
    assert search(asking, NUMBER) == ()


def test_the_reset_of_the_burst_limit_says_when_to_come_back(
    fake: FakePipedrive, asking: Crm
) -> None:
    fake.fault = Fault(Reply(429, b"{}", headers={"x-ratelimit-reset": "2"}))
    with pytest.raises(ThrottledError) as caught:
        asking.fetch("101")
    assert caught.value.retry_after_s == 2.0


def test_being_shut_out_for_too_many_requests_is_no_lack_of_permissions(
    fake: FakePipedrive, asking: Crm
) -> None:
    page = b"<html>This error is produced by Cloudflare.</html>"
    fake.fault = Fault(Reply(403, page, "text/html"))
    with pytest.raises(ThrottledError) as caught:
        asking.fetch("101")
    assert caught.value.retry_after_s >= 60
    fake.fault = Fault(Reply(403, b'{"success":false,"error":"no access"}'))
    with pytest.raises(RejectedError):
        asking.fetch("101")
