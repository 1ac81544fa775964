"""Customers, learned numbers and registrations over the admin API, and at the command line."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.store.route_items import decision_key, history_key, list_key, write_kept
from centralino.domain.customer import Learned
from centralino.domain.decision import Decision, Kept
from centralino.domain.learning import LearningOptions, choose_customer
from centralino_cli.customers import COLUMNS
from tests.support.admin import Desk, Reply
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "+390244556677"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"abcdef012345670123456789").decode()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def teach(desk: Desk, code: str, number: str = NUMBER) -> str:
    now = int(desk.clock.now)
    learned = Learned(number, code, now, now, "vat", "call-1")
    return desk.customers().learn(learned, most=5, expired_before=0)


def put(desk: Desk, code: str = "C1", **fields: object) -> Any:  # noqa: ANN401 - JSON
    reply = desk.ask("PUT", f"/v1/customers/{code}", fields)
    assert reply.status in (200, 201), reply
    return reply.json


# --- customers ----------------------------------------------------------------------------------


def test_a_customer_comes_back_as_it_was_put_by_its_code_in_any_spelling(desk: Desk) -> None:
    body = {
        "name": "Rossi S.r.l.",
        "valid_until": "2026-12-31",
        "plan": "gold",
        "tags": ["vip"],
        "purchases": [{"what": "truck", "on": "2025-01-31", "tags": ["heavy"]}],
        "owner": "21",
        "priority": 5,
        "language": "it",
    }
    reply = desk.ask("PUT", "/v1/customers/it%20012-345.678%2F90", body)
    assert reply.status == 201
    told = desk.ask("GET", "/v1/customers/IT01234567890").json
    assert told == reply.json
    assert told.items() >= body.items()
    assert (told["code"], told["version"]) == ("IT01234567890", 1)
    # Midnight in Rome: the tenant's country says which time zone it is in.
    assert told["ends_at"] == "2026-12-31T23:00:00Z"


def test_a_new_customer_pays_nothing_unless_that_is_said(desk: Desk) -> None:
    told = put(desk, name="Rossi")
    assert (told["status_now"], told["valid_until"]) == ("prospect", "")


@pytest.mark.parametrize("version", [None, 1])
@pytest.mark.parametrize("status", ["suspended", "active", "expired"])
def test_a_customer_who_is_put_without_a_status_pays_no_more_than_before(
    desk: Desk, status: str, version: int | None
) -> None:
    before = put(desk, status=status, valid_until="2026-01-31")
    after = put(desk, name="Rossi S.r.l.", version=version)
    assert after["name"] == "Rossi S.r.l."
    for field in ("status", "status_now", "valid_until", "ends_at"):
        assert after[field] == before[field]
    assert after["status_now"] != "active"
    open_end = put(desk, status="active", valid_until="")
    assert (open_end["status_now"], open_end["ends_at"]) == ("active", None)


def test_an_edit_of_an_old_version_is_a_conflict(desk: Desk) -> None:
    put(desk, name="Rossi", version=0)
    put(desk, name="Bianchi")
    for version in (0, 1, 3):
        reply = desk.ask("PUT", "/v1/customers/C1", {"name": "Verdi", "version": version})
        assert reply.status == 409
    assert put(desk, name="Verdi", version=2)["version"] == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "vip"),
        ("valid_until", "tomorrow"),
        ("valid_until", "2026-12-31T12:00:00"),
        ("priority", 101),
        ("owner", "Anna"),
        ("language", "ita"),
        ("tags", [""]),
        ("purchases", [{"what": "truck", "on": "2026-13-01"}]),
        ("name", "a\nb"),
        ("nome", "x"),
    ],
)
def test_a_field_that_is_wrong_is_named(desk: Desk, field: str, value: object) -> None:
    reply = desk.ask("PUT", "/v1/customers/C1", {field: value})
    assert reply.status == 400
    assert reply.json["field"].startswith(field)
    assert desk.customers().get("C1") is None


def test_access_is_granted_revoked_and_extended_and_the_trail_says_by_whom(desk: Desk) -> None:
    put(desk, status="pending")
    sales = desk.keys["acme"]["supervisor"]
    for body, words in (
        ({"action": "grant", "until": "2027-01-31", "reason": "paid"}, "active"),
        ({"action": "revoke", "reason": "bounced"}, "suspended"),
        ({"action": "grant", "until": "2027-02-28"}, "active"),
        ({"action": "extend", "until": "2027-12-31"}, "active"),
    ):
        desk.clock.now += 1
        reply = desk.ask("POST", "/v1/customers/C1/access", body, key=sales)
        assert (reply.status, reply.json["status_now"]) == (200, words)
    changes = desk.ask("GET", "/v1/customers/C1/trail").json["changes"]
    assert [(one["what"], one["before"], one["after"], one["note"]) for one in changes] == [
        ("extended", "active until 2027-02-28", "active until 2027-12-31", ""),
        ("granted", "suspended until 2027-01-31", "active until 2027-02-28", ""),
        ("revoked", "active until 2027-01-31", "suspended until 2027-01-31", "bounced"),
        ("granted", "pending", "active until 2027-01-31", "paid"),
        ("created", "", "pending", ""),
    ]
    assert len({one["who"] for one in changes}) == 2


def test_an_open_ticket_is_noted_for_rules_and_closed_again(desk: Desk) -> None:
    assert desk.ask("PUT", "/v1/customers/C1/ticket", {"ticket": "4711"}).status == 404
    put(desk)
    for ticket in ("4711", "4712", ""):
        reply = desk.ask("PUT", "/v1/customers/C1/ticket", {"ticket": ticket})
        assert (reply.status, reply.json) == (200, {"ticket": ticket})
        assert desk.routing().history(code="C1").ticket == ticket
    assert desk.ask("PUT", "/v1/customers/C1/ticket", {"ticket": "a\nb"}).status == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "extend", "until": "2030-01-01"}, 409),
        ({"action": "extend"}, 400),
        ({"action": "revoke", "until": "2030-01-01"}, 400),
        ({"action": "grant", "until": "2020-01-01"}, 400),
        ({"action": "pardon"}, 400),
    ],
)
def test_a_change_of_access_that_makes_no_sense_changes_nothing(
    desk: Desk, body: dict[str, str], status: int
) -> None:
    before = put(desk, status="suspended")
    assert desk.ask("POST", "/v1/customers/C1/access", body).status == status
    assert desk.ask("GET", "/v1/customers/C1").json == before


def test_a_contract_runs_out_by_itself(desk: Desk) -> None:
    ends = put(desk, status="active", valid_until="2027-06-30")["ends_at"]
    assert ends == "2027-06-30T22:00:00Z"
    customer = desk.customers().get("C1")
    assert customer is not None
    desk.clock.now = customer.ends_at - 1.0
    assert desk.ask("GET", "/v1/customers/C1").json["status_now"] == "active"
    desk.clock.now += 1.0
    assert desk.ask("GET", "/v1/customers/C1").json["status_now"] == "expired"


def test_a_deleted_customer_is_absent_and_its_trail_is_not(desk: Desk) -> None:
    put(desk)
    teach(desk, "C1")
    desk.clock.now += 1
    assert desk.ask("DELETE", "/v1/customers/C1").status == 204
    assert desk.ask("DELETE", "/v1/customers/C1").status == 404
    assert desk.ask("GET", "/v1/customers/C1").status == 404
    assert desk.ask("GET", "/v1/customers/C1/numbers").status == 404
    changes = desk.ask("GET", "/v1/customers/C1/trail").json["changes"]
    assert {one["what"] for one in changes} == {"created", "learned", "forgotten", "deleted"}
    assert desk.ask("GET", "/v1/customers/C2/trail").status == 404


# --- learned numbers ----------------------------------------------------------------------------


def test_learned_numbers_are_listed_and_forgotten(desk: Desk) -> None:
    put(desk)
    put(desk, "C2")
    teach(desk, "C1")
    teach(desk, "C2", "+390244556688")
    [one] = desk.ask("GET", "/v1/customers/C1/numbers").json["associations"]
    assert (one["number"], one["code"], one["expired"]) == (NUMBER, "C1", False)
    everything = desk.ask("GET", "/v1/associations").json["associations"]
    assert {found["code"] for found in everything} == {"C1", "C2"}
    query = {"number": "02 44556677"}
    assert desk.ask("GET", "/v1/associations", query=query).json["associations"] == [one]
    assert desk.ask("GET", "/v1/associations", query={"code": "c-1"}).json["associations"] == [one]
    assert desk.ask("DELETE", "/v1/associations/0244556677/c1").status == 204
    assert desk.ask("DELETE", "/v1/associations/0244556677/c1").status == 404
    assert desk.ask("GET", "/v1/associations", query=query).json["associations"] == []
    assert (
        choose_customer(
            [], desk.customers().learned_by(NUMBER), "", "", LearningOptions(), desk.clock.now
        ).code
        == ""
    )


def test_a_number_that_is_not_used_is_shown_as_expired(desk: Desk) -> None:
    put(desk)
    teach(desk, "C1")
    desk.clock.now += 180 * 86_400
    [one] = desk.ask("GET", "/v1/associations").json["associations"]
    assert one["expired"]


# --- erasure and export -------------------------------------------------------------------------


def leave_traces(desk: Desk, tenant: str = "acme") -> None:
    """Let a call of the number be decided and counted, as the journal does it."""
    at = int(desk.clock.now)
    kept = Kept("call-1", at, {"caller": {"number": NUMBER}}, Decision(rule="Zanzibar"))
    history = {**history_key(tenant, NUMBER), "lsk": {"S": NUMBER}, "last_at": {"N": str(at)}}
    decision = {**decision_key(tenant, "call-1"), "lsk": {"S": f"{at:010}#0123456789ab"}}
    decision["doc"] = {"S": write_kept(kept)}
    for kind, name, item in (("history", NUMBER, history), ("decision", "call-1", decision)):
        item |= {
            "lpk": {"S": list_key(tenant, kind, name)},
            "expires_at": {"N": str(at + 86_400)},
            "type": {"S": kind},
        }
        put_item = {"Put": {"TableName": desk.dynamo.table, "Item": item}}
        payload = {"TransactItems": [put_item], "ClientRequestToken": f"{tenant}{kind}"}
        desk.dynamo.call("TransactWriteItems", payload, timeout_s=5)


def test_an_erased_person_leaves_no_number_no_history_and_no_decision(desk: Desk) -> None:
    desk.add(id="crm:1", last_name="Rossi", numbers=[{"number": NUMBER}])
    put(desk)
    teach(desk, "C1")
    leave_traces(desk)
    leave_traces(desk, "other")
    person = desk.ask("GET", "/v1/contacts/crm%3A1/export").json
    assert [one["code"] for one in person["learned"]] == ["C1"]
    assert person["histories"].keys() == {NUMBER}
    assert [one["decision"]["rule"] for one in person["decisions"]] == ["Zanzibar"]
    desk.clock.now += 1
    assert desk.ask("POST", "/v1/contacts/crm%3A1/erase").status == 200
    ours = [it for it in desk.dynamo.all_items() if it["pk"]["S"].startswith("T#acme")]
    assert NUMBER not in json.dumps(ours)
    assert "Zanzibar" not in json.dumps(ours)
    # The customer stays, and who did it is in its trail; another tenant's things are its own.
    assert desk.ask("GET", "/v1/customers/C1").status == 200
    assert desk.ask("GET", "/v1/customers/C1/trail").json["changes"][0]["before"] in (
        "+39…6677",
        "",
    )
    assert desk.traces("other").of([NUMBER]).decisions


def exported(desk: Desk) -> list[Any]:
    records: list[Any] = []
    cursor = ""
    while True:
        query = {"cursor": cursor} if cursor else {}
        page = desk.ask("GET", "/v1/export", query=query).json
        records += page["records"]
        cursor = page["cursor"]
        if not cursor:
            return records


def test_a_tenants_export_has_customers_numbers_calls_agents_and_rules(desk: Desk) -> None:
    desk.add(id="crm:1", last_name="Rossi")
    put(desk)
    teach(desk, "C1")
    leave_traces(desk)
    assert desk.ask("PUT", "/v1/agents/21", {"name": "Anna"}).status == 201
    assert desk.ask("PATCH", "/v1/routing", {"keep_days": 30}).status == 200
    kinds = [record["type"] for record in exported(desk)]
    assert {*kinds} == {
        *("settings", "key", "agent", "routing", "contact"),
        *("customer", "learned", "history", "decision"),
    }
    assert all(kinds.count(kind) == 1 for kind in {*kinds} - {"key"})


def test_an_erased_tenant_leaves_nothing_of_its_customers_and_calls(desk: Desk) -> None:
    put(desk)
    teach(desk, "C1")
    leave_traces(desk)
    desk.ask("PUT", "/v1/agents/21", {"name": "Anna"})
    desk.ask("PATCH", "/v1/routing", {"keep_days": 30})
    reply = desk.ask("POST", "/v1/erase", {"tenant": "acme"})
    assert (reply.status, reply.json["closed"]) == (200, True)
    ours = [it for it in desk.dynamo.all_items() if it["pk"]["S"].startswith("T#acme")]
    assert [it["type"]["S"] for it in ours] == ["ClosedTenant"]


# --- registrations ------------------------------------------------------------------------------


def register(
    desk: Desk,
    body: dict[str, object] | None = None,
    *,
    word: str = "msg_1",
    secret: str = SECRET,
    late_s: int = 0,
    role: str = "crm",
) -> Reply:
    text = json.dumps(body or {"code": "C-77", "name": "Nuova S.r.l."})
    at = int(desk.clock.now) - late_s
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{word}.{at}.{text}".encode(), "sha256")
    headers = {
        "webhook-id": word,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    return desk.ask("POST", "/v1/registrations", text, key=desk.keys["acme"][role], headers=headers)


@pytest.fixture
def site(desk: Desk) -> Desk:
    """Registrations are open."""
    desk.secrets["acme/crm/registrations"] = {"webhook_secrets": [SECRET, OLD_SECRET]}
    return desk


def test_a_registration_puts_a_new_customer_pending(site: Desk) -> None:
    reply = register(site)
    assert (reply.status, reply.json) == (201, {"code": "C77", "outcome": "created"})
    told = site.ask("GET", "/v1/customers/C77").json
    assert (told["status_now"], told["name"]) == ("pending", "Nuova S.r.l.")
    [line] = site.ask("GET", "/v1/customers/C77/trail").json["changes"]
    assert (line["who"], line["after"]) == ("registration", "pending")


def test_the_secret_before_is_good_while_the_site_changes_over(site: Desk) -> None:
    assert register(site, secret=OLD_SECRET).status == 201


def test_a_registration_never_changes_a_customer_that_is_there(site: Desk) -> None:
    before = put(site, "C77", name="Rossi", status="suspended")
    reply = register(site)
    assert (reply.status, reply.json["outcome"]) == (200, "known")
    assert site.ask("GET", "/v1/customers/C77").json == before


@pytest.mark.parametrize("status", ["pending", "active", "expired", "suspended"])
def test_a_registration_makes_nobody_pending_who_is_more_than_a_prospect(
    site: Desk, status: str
) -> None:
    before = put(site, "C77", status=status)
    assert register(site).json["outcome"] == "known"
    assert site.ask("GET", "/v1/customers/C77").json == before


def test_a_prospect_who_registers_is_pending_and_keeps_all_that_sales_wrote(site: Desk) -> None:
    before = put(site, "C77", name="Rossi", status="prospect", tags=["fair"], owner="21")
    site.clock.now += 1
    reply = register(site)
    assert (reply.status, reply.json["outcome"]) == (200, "pending")
    after = site.ask("GET", "/v1/customers/C77").json
    changed = {field for field in after if after[field] != before[field]}
    assert changed == {"status", "status_now", "version", "updated_at"}
    assert after["status_now"] == "pending"
    line = site.ask("GET", "/v1/customers/C77/trail").json["changes"][0]
    assert (line["who"], line["what"]) == ("registration", "registered")
    assert (line["before"], line["after"]) == ("prospect", "pending")
    # The same one sent again counts once, and revoked access stays revoked.
    put(site, "C77", status="prospect")
    assert register(site).json["outcome"] == "duplicate"
    assert site.ask("GET", "/v1/customers/C77").json["status"] == "prospect"


def test_a_registration_that_is_sent_again_brings_no_deleted_customer_back(site: Desk) -> None:
    register(site)
    site.ask("DELETE", "/v1/customers/C77")
    reply = register(site)
    assert (reply.status, reply.json["outcome"]) == (200, "duplicate")
    assert site.ask("GET", "/v1/customers/C77").status == 404
    assert register(site, word="msg_2").status == 201


def test_a_registration_that_nobody_signed_is_refused(desk: Desk, site: Desk) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    assert register(site, secret=other).status == 401
    assert register(site, late_s=301).status == 401
    assert register(site, late_s=-301).status == 401
    unsigned = site.ask("POST", "/v1/registrations", {"code": "C77"}, key=site.keys["acme"]["crm"])
    assert unsigned.status == 401
    desk.secrets.clear()
    assert register(desk).status == 401
    assert desk.customers().get("C77") is None


@pytest.mark.parametrize("body", ["{", '{"code": ""}', '{"code": "C1", "role": "x"}', "[]", ""])
def test_who_did_not_sign_is_told_nothing_of_what_a_registration_is(site: Desk, body: str) -> None:
    key = site.keys["acme"]["crm"]
    reply = site.ask("POST", "/v1/registrations", body, key=key)
    assert (reply.status, "field" in reply.json) == (401, False)


def test_a_signed_registration_that_is_wrong_is_told_the_field(site: Desk) -> None:
    reply = register(site, {"code": "", "name": "x"})
    assert (reply.status, reply.json["field"]) == (400, "code")


def test_another_tenants_secret_opens_nothing(desk: Desk) -> None:
    desk.secrets["other/crm/registrations"] = {"webhook_secrets": [SECRET]}
    assert register(desk).status == 401


def test_only_the_sites_key_registers(site: Desk) -> None:
    for role in ("pbx", "agent", "supervisor", "admin"):
        assert register(site, role=role).status == 403


def test_too_many_registrations_in_a_minute_are_put_off(site: Desk) -> None:
    site.clock.now = 1_795_000_020.0
    for n in range(30):
        assert register(site, {"code": f"N{n}"}, word=f"msg_{n}").status == 201
    refused = register(site, {"code": "N99"}, word="msg_99")
    assert refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert site.customers().get("N99") is None
    site.clock.now += 60
    assert register(site, {"code": "N99"}, word="msg_99").status == 201


# --- the command line ---------------------------------------------------------------------------


def test_a_customer_lives_at_the_command_line(line: CommandLine) -> None:
    run = line.done
    told = run("customers", "set", "it 123", "--name", "Rossi", "--bought", "truck@2026-01-31")
    assert told.err == "IT123 is prospect\n"
    line.office.clock.now += 1
    assert run("customers", "revoke", "IT123", "--reason", "unpaid").err == "IT123 is suspended\n"
    line.office.clock.now += 1
    until = ("--until", "2027-12-31")
    assert run("customers", "grant", "IT123", *until).err == "IT123 is active until 2027-12-31\n"
    line.office.clock.now += 1
    run("customers", "extend", "IT123", "--until", "2028-12-31")
    assert run("customers", "ticket", "IT123", "4711").err == "ticket 4711 is open\n"
    assert run("customers", "ticket", "IT123").err == "no ticket is open\n"
    teach(line.office, "IT123")
    shown = run("customers", "show", "it123").out
    assert "truck 2026-01-31" in shown
    assert NUMBER in shown
    assert "active" in run("customers", "list").out
    trail = run("customers", "trail", "IT123").out
    assert trail.index("extended") < trail.index("granted") < trail.index("revoked")
    assert "unpaid" in trail
    assert NUMBER in run("numbers", "list").out
    run("numbers", "forget", NUMBER, "IT123")
    assert NUMBER not in run("numbers", "list").out
    run("customers", "delete", "IT123")
    assert run("customers", "list", "--json").json == []
    assert line.run("customers", "show", "IT123").code == 1


def test_customers_are_imported_and_bad_rows_go_to_a_file(line: CommandLine) -> None:
    file = line.folder / "customers.csv"
    file.write_text(
        "\ufeffCode;Name;Valid until;Tags;Purchases;Priority\n"
        "IT 123;Rossi;2027-12-31;vip|truck;truck@2026-01-31;5\n"
        ";nobody;;;;\n"
        "C2;Bianchi;someday;;;\n"
        "C3;Verdi;;;;high\n",
        encoding="utf-8",
    )
    dry = line.run("customers", "import", file, "--dry-run")
    assert (dry.code, dry.out) == (3, "1 customers are fine\n")
    assert line.done("customers", "list", "--json").json == []
    told = line.run("customers", "import", file)
    assert (told.code, told.out) == (3, "1 customers saved\n")
    [saved] = line.done("customers", "list", "--json").json
    assert (saved["code"], saved["tags"], saved["priority"]) == ("IT123", ["vip", "truck"], 5)
    rejected = (line.folder / "customers.csv.rejected.csv").read_text(encoding="utf-8")
    assert rejected.splitlines()[0].endswith(",problem")
    for word in ("nobody", "someday", "priority: expected a whole number"):
        assert word in rejected
    again = line.folder / "again.csv"
    again.write_text("code,name,status\nIT123,Rossi,\nIT124,Verdi,active\n", encoding="utf-8")
    line.done("customers", "revoke", "IT123")
    assert line.run("customers", "import", again).code == 0
    kept = {one["code"]: one for one in line.done("customers", "list", "--json").json}
    assert (saved["status"], kept["IT123"]["status"]) == ("prospect", "suspended")
    assert (kept["IT123"]["valid_until"], kept["IT124"]["status"]) == ("2027-12-31", "active")


def test_contracts_that_end_on_a_day_follow_a_change_of_the_time_zone(line: CommandLine) -> None:
    put(line.office, "C1", status="suspended", valid_until="2027-12-31", owner="21")
    put(line.office, "C2", status="active", valid_until="2027-12-31T12:00:00+01:00")
    put(line.office, "C3", status="active")
    assert not line.done("routing", "set", "keep_days=20").err
    told = line.done("routing", "set", "time_zone=America/New_York")
    assert "customers recompute" in told.err
    before = line.office.ask("GET", "/v1/customers/C1").json
    out = line.done("customers", "recompute").out
    after = line.office.ask("GET", "/v1/customers/C1").json
    assert out == "1 contracts end at another moment, of 2 that end\n"
    assert (before["ends_at"], after["ends_at"]) == ("2027-12-31T23:00:00Z", "2028-01-01T05:00:00Z")
    assert {name for name in after if after[name] != before[name]} == {"ends_at", "version"}
    assert line.done("customers", "recompute").out.startswith("0 contracts")


def test_a_file_without_a_code_column_is_refused_whole(line: CommandLine) -> None:
    file = line.folder / "contacts.csv"
    file.write_text("name,phone\nRossi,02\n", encoding="utf-8")
    told = line.run("customers", "import", file)
    assert told.code == 2
    assert all(column in told.err for column in COLUMNS)


def test_the_secret_of_registrations_is_shown_once_and_the_one_before_stays_good(
    line: CommandLine,
) -> None:
    place = line.folder / "secrets.json"
    line.env |= {"CENTRALINO_SECRETS": f"file:{place}", "CENTRALINO_TENANT": "acme"}
    first = line.done("registrations", "secret").out.strip()
    second = line.done("registrations", "secret").out.strip()
    third = line.done("registrations", "secret").out.strip()
    kept = json.loads(place.read_text(encoding="utf-8"))["acme/crm/registrations"]
    assert kept == {"webhook_secrets": [third, second]}
    assert len({first, second, third}) == 3
    line.done("registrations", "close")
    assert json.loads(place.read_text(encoding="utf-8")) == {}
    assert line.run("registrations", "close").code == 1
