"""Contacts over the API: kept, found, changed and deleted; and many at once."""

from __future__ import annotations

from typing import Any

import pytest

from centralino.domain.contact import Contact
from tests.support.admin import Desk, Rivals, contact_path

ROSSI: dict[str, Any] = {
    "first_name": "Mario",
    "last_name": "Rossi",
    "company": "Officine Meccaniche Rossi S.r.l.",
    "numbers": [
        {"number": "02 4455667", "kind": "direct", "primary": True},
        {"number": "ask Chiara", "kind": "other", "primary": False},
    ],
    "customer_code": "IT01234567890",
    "tags": ["vip"],
    "status": "important",
    "url": "https://crm.acme.example/17",
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def explained(desk: Desk, number: str) -> tuple[str, str]:
    answer = desk.ask("GET", "/v1/explain", query={"number": number, "trunk": "milan"}).json
    return answer["outcome"], answer["label"]


def test_a_new_contact_is_found_by_every_spelling_of_its_number(desk: Desk) -> None:
    desk.add(**ROSSI)
    for spelling in ("+39024455667", "0039024455667", "02 445 5667", "<sip:024455667@pbx>"):
        assert explained(desk, spelling) == ("hit", "Mario Rossi")


def test_a_contact_keeps_the_last_millisecond_of_its_modified_time(desk: Desk) -> None:
    # A millisecond less as a float of seconds.
    desk.add(id="hubspot:17", updated_at="2004-09-02T03:30:51.314Z", **ROSSI)
    stored = desk.contacts().get("hubspot:17")
    assert stored
    assert stored.updated_at_ms == 1_094_095_851_314


def test_a_contact_reads_back_as_it_was_sent_with_its_numbers_worked_out(desk: Desk) -> None:
    sent = desk.add(id="hubspot:17", version=5, updated_at="2026-11-21T10:00:00+01:00", **ROSSI)
    read = desk.ask("GET", contact_path("hubspot:17")).json
    assert read == sent
    assert read["version"] == 5
    assert read["updated_at"] == "2026-11-21T09:00:00Z"
    assert [number["indexed"] for number in read["numbers"]] == ["+39024455667", ""]
    assert read["numbers"][1]["problem"]
    for field in ("first_name", "last_name", "company", "customer_code", "tags", "status", "url"):
        assert read[field] == ROSSI[field]


def test_a_bare_id_belongs_to_the_source_api(desk: Desk) -> None:
    assert desk.add(id="17", last_name="Rossi")["id"] == "api:17"
    assert desk.ask("GET", "/v1/contacts/17").json["id"] == "api:17"
    assert desk.ask("GET", "/v1/contacts/api:17").json["id"] == "api:17"
    assert desk.ask("GET", "/v1/contacts/api%3A17").json["id"] == "api:17"


def test_a_contact_without_an_id_gets_one_and_says_where_it_is(desk: Desk) -> None:
    reply = desk.ask("POST", "/v1/contacts", ROSSI)
    assert reply.status == 201
    assert reply.json["id"].startswith("api:")
    assert desk.ask("GET", reply.headers["location"]).json == reply.json


@pytest.mark.parametrize("contact_id", ["crm:a/b", "crm:50% off", "crm:àé", "crm:x:y", "crm:a b"])
def test_an_id_of_odd_characters_is_as_good_as_any(desk: Desk, contact_id: str) -> None:
    desk.add(id=contact_id, last_name="Rossi")
    assert desk.ask("GET", contact_path(contact_id)).json["id"] == contact_id
    assert desk.ask("GET", contact_path(contact_id, "/export")).status == 200
    assert desk.ask("DELETE", contact_path(contact_id)).status == 204


def test_creating_a_contact_twice_is_a_conflict_and_changes_nothing(desk: Desk) -> None:
    desk.add(id="17", last_name="Rossi")
    reply = desk.ask("POST", "/v1/contacts", {"id": "17", "last_name": "Bianchi"})
    assert reply.status == 409
    assert desk.ask("GET", "/v1/contacts/17").json["last_name"] == "Rossi"


def test_of_two_who_create_a_contact_at_once_one_is_told_that_it_is_there() -> None:
    dynamo = Rivals()
    desk = Desk(client=dynamo)
    dynamo.faster = lambda: desk.contacts().save(Contact("api:17", 1, last_name="Rossi"), {})
    reply = desk.ask("POST", "/v1/contacts", {"id": "17", "last_name": "Bianchi"})
    assert (reply.status, reply.json["title"]) == (409, "Conflict")
    assert desk.ask("GET", "/v1/contacts/17").json["last_name"] == "Rossi"


def test_putting_a_contact_creates_it_and_then_replaces_it(desk: Desk) -> None:
    first = desk.ask("PUT", "/v1/contacts/17", ROSSI)
    assert first.status == 201
    desk.clock.now += 1
    moved = {"last_name": "Rossi", "numbers": [{"number": "06 1234567"}]}
    assert desk.ask("PUT", "/v1/contacts/17", moved).status == 200
    assert explained(desk, "024455667")[0] == "miss"
    assert explained(desk, "061234567") == ("hit", "Rossi")
    assert desk.ask("GET", "/v1/contacts/17").json["company"] == ""


def test_a_contact_as_it_was_read_can_be_put_back_and_nothing_is_written(desk: Desk) -> None:
    desk.add(id="17", **ROSSI)
    read = desk.ask("GET", "/v1/contacts/17").json
    before = desk.dynamo.all_items()
    del read["id"]
    assert desk.ask("PUT", "/v1/contacts/17", read).status == 200
    desk.clock.now += 60
    assert desk.ask("PUT", "/v1/contacts/17", ROSSI).status == 200
    assert desk.dynamo.all_items() == before


def test_a_version_older_than_the_stored_one_is_a_conflict(desk: Desk) -> None:
    desk.add(id="crm:17", version=7, last_name="Rossi")
    reply = desk.ask("PUT", contact_path("crm:17"), {"version": 6, "last_name": "Bianchi"})
    assert reply.status == 409
    assert desk.ask("GET", contact_path("crm:17")).json["last_name"] == "Rossi"


def test_a_change_by_hand_follows_whatever_version_the_source_is_at(desk: Desk) -> None:
    ahead = int(desk.clock.now * 1000) + 10_000_000
    desk.add(id="crm:17", version=ahead, last_name="Rossi")
    reply = desk.ask("PUT", contact_path("crm:17"), {"last_name": "Bianchi"})
    assert (reply.status, reply.json["last_name"]) == (200, "Bianchi")
    assert reply.json["version"] > ahead


def test_a_deleted_contact_is_no_longer_found_and_can_be_created_again(desk: Desk) -> None:
    desk.add(id="17", **ROSSI)
    assert desk.ask("DELETE", "/v1/contacts/17").status == 204
    assert explained(desk, "024455667")[0] == "miss"
    assert desk.ask("GET", "/v1/contacts/17").status == 404
    assert desk.ask("DELETE", "/v1/contacts/17").status == 404
    desk.clock.now += 1
    assert desk.ask("POST", "/v1/contacts", {"id": "17", **ROSSI}).status == 201
    assert explained(desk, "024455667")[0] == "hit"


def test_the_list_holds_every_contact_once_whatever_the_page(desk: Desk) -> None:
    for place in range(23):
        desk.add(id=str(place), last_name=f"Rossi {place}")
    seen: list[str] = []
    cursor = ""
    while True:
        page = desk.ask("GET", "/v1/contacts", query={"cursor": cursor, "limit": "5"}).json
        assert len(page["contacts"]) <= 5
        seen += [contact["id"] for contact in page["contacts"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert sorted(seen) == sorted(f"api:{place}" for place in range(23))


def test_contacts_with_a_number_that_cannot_be_looked_up_are_listed(desk: Desk) -> None:
    desk.add(id="good", numbers=[{"number": "02 4455667"}])
    desk.add(id="bad", numbers=[{"number": "1" * 40}])
    listed = desk.ask("GET", "/v1/contacts", query={"problems": "true"}).json["contacts"]
    assert [contact["id"] for contact in listed] == ["api:bad"]
    assert listed[0]["numbers"][0]["number"] == "1" * 40


def test_the_list_says_who_has_a_number_in_any_spelling(desk: Desk) -> None:
    desk.add(id="1", numbers=[{"number": "02 4455667"}])
    desk.add(id="2", numbers=[{"number": "+39 02 4455667"}])
    desk.add(id="3", numbers=[{"number": "02 4455668"}])
    listed = desk.ask("GET", "/v1/contacts", query={"number": "0039 024455667"}).json["contacts"]
    assert {contact["id"] for contact in listed} == {"api:1", "api:2"}


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ({"lastname": "Rossi"}, "lastname", "no such field"),
        ({"last_name": "Ro\x00ssi"}, "last_name", "text without control characters"),
        ({"last_name": "Ro\x85ssi"}, "last_name", "text without control characters"),
        ({"last_name": "x" * 201}, "last_name", "at most 200 characters"),
        ({"last_name": 7}, "last_name", "text"),
        ({"last_name": None}, "last_name", "text"),
        ({"numbers": [{"number": "1"}] * 41}, "numbers", "at most 40 entries"),
        ({"numbers": [{"number": "1"}, {}]}, "numbers[1].number", "a value"),
        ({"numbers": [{"number": "9" * 65}]}, "numbers[0].number", "at most 64 characters"),
        ({"numbers": [{"number": "1", "primary": "yes"}]}, "numbers[0].primary", "true or false"),
        ({"numbers": "024455667"}, "numbers", "a list"),
        ({"url": "javascript:alert(1)"}, "url", "a web address that begins with https://"),
        ({"updated_at": "2026-11-21"}, "updated_at", "a date and time with its offset"),
        ({"updated_at": 1_700_000_000}, "updated_at", "a date and time with its offset"),
        ({"version": 0}, "version", "at least 1"),
        ({"version": 2**53}, "version", "at most"),
        ({"version": "5"}, "version", "a whole number"),
        ({"id": "crm:1#2"}, "id", "source:id or a bare id"),
        ({"id": "C R M:1"}, "id", "source:id or a bare id"),
        ([], "body", "an object"),
        ("{", "body", "JSON"),
        ('{"version": NaN}', "body", "JSON, which has no NaN"),
        ('{"id": "1", "id": "2"}', "body", "JSON in which no object has the same field twice"),
        ("[" * 100_000, "body", "JSON"),
        ('{"last_name": "\\ud800"}', "body", "JSON whose text is valid Unicode"),
        (b'{"last_name": "\xe0"}', "body", "JSON in UTF-8"),
    ],
)
def test_a_bad_contact_is_refused_by_its_field_and_what_was_expected(
    desk: Desk, body: object, field: str, expected: str
) -> None:
    reply = desk.ask("POST", "/v1/contacts", body)
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["field"] == field
    assert reply.json["expected"].startswith(expected)
    assert desk.contacts().count() == 0


def test_all_the_wrong_fields_are_named_at_once(desk: Desk) -> None:
    body = {"last_name": 7, "numbers": [{"kind": "pager", "number": "1"}]}
    problem = desk.ask("POST", "/v1/contacts", body).json
    assert [error["field"] for error in problem["errors"]] == ["last_name", "numbers[0].kind"]


def test_a_contact_may_come_in_a_body_that_is_base64_and_calls_itself_a_form(desk: Desk) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = b'\xef\xbb\xbf{"last_name": "R\xc3\xb6ssi"}'
    reply = desk.ask("POST", "/v1/contacts", body, headers=headers)
    assert (reply.status, reply.json["last_name"]) == (201, "Rössi")


# --- many at once ---------------------------------------------------------------------------------


def test_a_batch_saves_what_is_good_and_says_of_each_of_the_rest_what_is_wrong(
    desk: Desk,
) -> None:
    desk.add(id="crm:old", version=9, last_name="Verdi")
    batch = [
        {"id": "crm:1", "version": 1, **ROSSI},
        {"id": "crm:2", "numbers": [{"number": 7}]},
        {"id": "crm:old", "version": 8, "last_name": "Neri"},
        {"last_name": "Bianchi"},
        "Rossi",
        {"id": "crm:old", "last_name": "Verdi"},
    ]
    reply = desk.ask("POST", "/v1/contacts/batch", {"contacts": batch})
    assert reply.status == 207
    results = reply.json["results"]
    assert [result["outcome"] for result in results] == [
        "created", "failed", "stale", "created", "failed", "unchanged",
    ]  # fmt: skip
    assert [result["index"] for result in results] == list(range(6))
    assert results[1]["problem"]["field"] == "numbers[0].number"
    assert results[4]["problem"]["expected"] == "an object"
    counts = ("created", "changed", "unchanged", "stale", "failed")
    assert [reply.json[count] for count in counts] == [2, 0, 1, 1, 2]
    assert explained(desk, "024455667") == ("hit", "Mario Rossi")
    assert desk.contacts().count() == 3


def test_a_batch_that_is_sent_again_writes_nothing(desk: Desk) -> None:
    batch = {
        "contacts": [
            {"id": "crm:1", "version": 1, **ROSSI},
            {"id": "crm:2", "last_name": "Bianchi"},
        ]
    }
    assert desk.ask("POST", "/v1/contacts/batch", batch).json["created"] == 2
    before = desk.dynamo.all_items()
    desk.clock.now += 60
    reply = desk.ask("POST", "/v1/contacts/batch", batch)
    assert (reply.status, reply.json["unchanged"]) == (200, 2)
    assert desk.dynamo.all_items() == before


def test_what_a_store_that_fails_did_not_take_is_named_and_nothing_is_lost(desk: Desk) -> None:
    batch = [{"id": f"crm:{place}", "version": 1, "last_name": "Rossi"} for place in range(3)]
    # The key's read goes through, so does the first contact; then the store is gone for a moment.
    desk.dynamo.breaks_in = 2
    reply = desk.ask("POST", "/v1/contacts/batch", {"contacts": batch})
    assert reply.status == 207
    outcomes = [result["outcome"] for result in reply.json["results"]]
    assert outcomes == ["created", "failed", "created"]
    assert reply.json["results"][1]["problem"]["status"] == 503
    again = desk.ask("POST", "/v1/contacts/batch", {"contacts": batch})
    assert [r["outcome"] for r in again.json["results"]] == ["unchanged", "created", "unchanged"]


def test_a_batch_holds_a_hundred_contacts_and_no_more(desk: Desk) -> None:
    contacts = [{"id": str(place)} for place in range(101)]
    reply = desk.ask("POST", "/v1/contacts/batch", {"contacts": contacts})
    assert (reply.status, reply.json["expected"]) == (400, "at most 100 entries")
    reply = desk.ask("POST", "/v1/contacts/batch", {"contacts": contacts[:100]})
    assert (reply.status, reply.json["created"]) == (200, 100)
    assert desk.ask("POST", "/v1/contacts/batch", {"contacts": []}).status == 400
