"""Export and erasure over the API: of a person, of a number, of a whole tenant."""

from __future__ import annotations

import json

import pytest

from centralino.domain.contact import Contact
from tests.support.admin import Desk, Reply, contact_path

MARK = "Zanzibarini"


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.add(id="crm:1", last_name=MARK, numbers=[{"number": "02 4455667"}, {"number": "odd"}])
    return desk


def test_a_persons_export_holds_the_contact_and_what_each_number_shows(desk: Desk) -> None:
    export = desk.ask("GET", contact_path("crm:1", "/export")).json
    assert export["contact"]["last_name"] == MARK
    assert [number["number"] for number in export["contact"]["numbers"]] == ["02 4455667", "odd"]
    assert list(export["cards"]) == ["+39024455667"]


def test_an_erased_person_leaves_no_trace_and_late_events_do_not_bring_it_back(
    desk: Desk,
) -> None:
    reply = desk.ask("POST", contact_path("crm:1", "/erase"))
    assert (reply.status, reply.json) == (200, {"contact_ids": ["crm:1"]})
    stored = json.dumps(desk.dynamo.all_items())
    assert MARK not in stored
    assert "4455667" not in stored
    late = desk.ask("PUT", contact_path("crm:1"), {"version": 2**52, "last_name": MARK})
    assert late.status == 409
    assert desk.ask("POST", contact_path("crm:1", "/erase")).status == 404


def test_an_erasure_of_nobody_writes_nothing_and_the_id_can_be_used(desk: Desk) -> None:
    before = desk.dynamo.all_items()
    assert desk.ask("POST", contact_path("crm:2", "/erase")).status == 404
    assert desk.dynamo.all_items() == before
    assert desk.ask("PUT", contact_path("crm:2"), {"last_name": "Rossi"}).status == 201
    assert desk.ask("DELETE", contact_path("crm:2")).status == 204
    assert desk.ask("POST", contact_path("crm:2", "/erase")).status == 404
    desk.clock.now += 1
    assert desk.ask("PUT", contact_path("crm:2"), {"last_name": "Rossi"}).status == 201


def test_whoever_has_a_number_alone_is_erased_by_it(desk: Desk) -> None:
    reply = desk.ask("POST", "/v1/contacts/erase", {"number": "0039 02 4455667"})
    assert (reply.status, reply.json["contact_ids"]) == (200, ["crm:1"])
    again = desk.ask("POST", "/v1/contacts/erase", {"number": "0039 02 4455667"})
    assert again.status == 404


def test_of_several_who_share_a_number_just_those_named_are_erased(desk: Desk) -> None:
    desk.add(id="crm:2", last_name="Rossi", numbers=[{"number": "+39024455667"}])
    desk.add(id="crm:3", last_name="Verdi", numbers=[{"number": "+39024455668"}])
    everyone = {"number": "024455667"}
    assert desk.ask("POST", "/v1/contacts/erase", everyone).status == 409
    assert desk.contacts().count() == 3
    strangers = {"number": "024455667", "contact_ids": ["crm:2", "crm:3"]}
    assert desk.ask("POST", "/v1/contacts/erase", strangers).status == 404
    assert desk.contacts().count() == 3
    chosen = {"number": "024455667", "contact_ids": ["crm:2"]}
    assert desk.ask("POST", "/v1/contacts/erase", chosen).json["contact_ids"] == ["crm:2"]
    assert desk.ask("GET", contact_path("crm:1")).status == 200


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_the_tenants_export_holds_settings_keys_and_each_contact_once(
    desk: Desk, form: str
) -> None:
    for place in range(2, 9):
        desk.add(id=f"crm:{place}")
    records = []
    cursor = ""
    while True:
        query = {"cursor": cursor, "limit": "3", "format": form}
        page = desk.ask("GET", "/v1/export", query=query)
        assert page.status == 200
        if form == "json":
            records += page.json["records"]
            cursor = page.json["cursor"]
        else:
            assert page.headers["content-type"] == "application/x-ndjson"
            records += [json.loads(line) for line in page.text.splitlines()]
            cursor = page.headers["x-centralino-cursor"]
        if not cursor:
            break
    kinds = [record["type"] for record in records]
    assert (kinds.count("settings"), kinds.count("key")) == (1, 6)
    ids = sorted(record["id"] for record in records if record["type"] == "contact")
    assert ids == [f"crm:{place}" for place in range(1, 9)]


def test_a_tenant_is_erased_only_by_its_own_name(desk: Desk) -> None:
    for body in ({"tenant": "other"}, {"tenant": ""}, {}, None):
        assert desk.ask("POST", "/v1/erase", body).status == 400
    assert desk.ask("GET", contact_path("crm:1")).status == 200


def test_an_erased_tenant_leaves_nothing_but_its_name_and_harms_no_other(desk: Desk) -> None:
    desk.add(key=desk.keys["other"]["admin"], id="crm:1", last_name="Other")
    others = [item for item in desk.dynamo.all_items() if "T#other" in item["pk"]["S"]]
    reply = desk.ask("POST", "/v1/erase", {"tenant": "acme"})
    assert reply.status == 200
    assert (reply.json["removed"], reply.json["closed"]) == (1, True)
    left = [item for item in desk.dynamo.all_items() if "T#other" not in item["pk"]["S"]]
    assert [item["type"]["S"] for item in left] == ["ClosedTenant"]
    for key in desk.keys["acme"].values():
        assert desk.ask("GET", "/v1/whoami", key=key).status == 401
    assert [item for item in desk.dynamo.all_items() if "T#other" in item["pk"]["S"]] == others


def test_a_tenant_too_big_for_one_request_is_erased_by_asking_again(desk: Desk) -> None:
    for place in range(250):
        desk.contacts().save(Contact(f"crm:many-{place}", version=1), {})
    # Each part of a hundred takes longer than a request may.
    desk.clock.step_s = 21.0
    replies: list[Reply] = []
    while not replies or replies[-1].status == 202:
        replies.append(desk.ask("POST", "/v1/erase", {"tenant": "acme"}))
        assert len(replies) < 10
    assert [reply.json["closed"] for reply in replies] == [False] * (len(replies) - 1) + [True]
    assert sum(reply.json["removed"] for reply in replies) == 251
