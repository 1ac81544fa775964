"""`/v1/lookup` from the gateway's event to its answer; the store is in memory."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.domain.errors import (
    CentralinoError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.keys import ApiKey, hash_key
from centralino.domain.settings import LabelStyle, Line, Settings
from centralino.entry.access import Door
from centralino.entry.lookup import lookup
from tests.support.calls import NOW, Clock, ScriptedStore, holder, http_event

if TYPE_CHECKING:
    from collections.abc import Mapping

PBX = "acme.pbxpbxpbxpbxpbxpbxpbxp"
CRM = "acme.crmcrmcrmcrmcrmcrmcrmc"
ADMIN = "acme.adminadminadminadminad"
MILAN = "+390244556677"
ROSSI = holder("Mario", "Rossi", contact="odoo:7", code="IT07", url="https://crm.example/7")


class Phone:
    """A PBX that asks, with the service behind it."""

    def __init__(self, cache_s: float = 30) -> None:
        self.clock = Clock()
        self.store = ScriptedStore(self.clock)
        self.store.add_tenant(
            Settings("acme", line=Line(country="IT", area_code="02")),
            pbx=PBX,
            crm=CRM,
            admin=ADMIN,
        )
        self.store.add_card("acme", MILAN, ROSSI)
        self.door = Door(self.store, self.clock, cache_s)

    def edit(self, **fields: Any) -> None:  # noqa: ANN401 - any of the settings' fields
        """Save other settings, as an administrator does."""
        before = self.store.settings["acme"]
        self.store.settings["acme"] = before._replace(version=before.version + 1, **fields)

    def send(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Send an event just as it is."""
        return lookup(event, self.door)

    def ask(
        self, number: str = MILAN, *, key: str = PBX, waited_s: float = 0, **fields: str
    ) -> dict[str, Any]:
        """Ask who is calling; the request has been on its way for `waited_s`."""
        came_at = int((self.clock.now - waited_s) * 1000)
        fields["number"] = number
        return self.send(http_event(fields, headers={"x-api-key": key}, epoch_ms=came_at))


def shown(given: Mapping[str, Any]) -> tuple[int, str, str]:
    """Status, outcome, body."""
    return given["statusCode"], given["headers"]["x-centralino-outcome"], given["body"]


@pytest.fixture
def phone() -> Phone:
    return Phone()


def test_a_known_caller_shows_as_a_label_and_nothing_else(phone: Phone) -> None:
    given = phone.ask()

    assert shown(given) == (200, "hit", "Mario Rossi")
    assert given["headers"]["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "spelling",
    ["+390244556677", " 390244556677", "00390244556677", "0244556677", "44556677",
     "390244556677", "02 4455-6677", "tel:+39-02-4455-6677", '"x" <sip:0244556677@pbx>'],
)  # fmt: skip
def test_a_caller_is_found_however_the_carrier_spells_the_number(
    phone: Phone, spelling: str
) -> None:
    assert shown(phone.ask(spelling)) == (200, "hit", "Mario Rossi")


@pytest.mark.parametrize(
    "field", ["number", "cli", "caller", "callerid", "phone", "telephone", "thenumber", "Number"]
)
def test_every_spelling_of_the_number_s_field_is_understood(phone: Phone, field: str) -> None:
    event = http_event({field: MILAN}, headers={"x-api-key": PBX})

    assert shown(phone.send(event))[1] == "hit"


@pytest.mark.parametrize(
    ("path", "query", "headers"),
    [
        ("/v1/lookup", "", {"x-api-key": PBX}),
        ("/v1/lookup", "", {"X-Api-Key": PBX}),
        ("/v1/lookup", "", {"authorization": f"Bearer {PBX}"}),
        ("/v1/lookup", "", {"authorization": f"bearer  {PBX}"}),
        (
            "/v1/lookup",
            "",
            {"authorization": "Basic " + base64.b64encode(f"pbx:{PBX}".encode()).decode()},
        ),
        ("/v1/lookup", f"&key={PBX}", {}),
        (f"/v1/k/{PBX}/lookup", "", {}),
        (f"//v1/k/{PBX}/lookup", "", {}),
        (f"/v1/k/{PBX}/lookup", "", {"authorization": "Basic Og=="}),
        (f"/v1/k/{PBX}/lookup", "", {"authorization": "Basic", "x-api-key": " "}),
        ("//v1/lookup", "", {"x-api-key": PBX}),
        ("/v1//lookup/", "", {"x-api-key": PBX}),
    ],
)
def test_the_key_comes_the_way_that_the_pbx_can_send_it(
    phone: Phone, path: str, query: str, headers: dict[str, str]
) -> None:
    event = http_event("number=%2B390244556677" + query, path=path, headers=headers)

    assert shown(phone.send(event)) == (200, "hit", "Mario Rossi")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"number=%2B390244556677", "application/x-www-form-urlencoded"),
        ("number=%2B390244556677", "application/x-www-form-urlencoded"),
        ("number=%2B390244556677", "text/plain"),
        (b"number=%2B390244556677", ""),
        ('{"number": "+390244556677"}', "application/json"),
        (b'{"number": "+390244556677"}', "text/plain"),
    ],
)
def test_a_posted_number_is_read_whatever_its_type_says(
    phone: Phone, body: str | bytes, content_type: str
) -> None:
    headers = {"x-api-key": PBX, "content-type": content_type}

    assert shown(phone.send(http_event(method="POST", body=body, headers=headers)))[1] == "hit"


@pytest.mark.parametrize(
    "key",
    ["", "junk", "acme.", "acme.pbxpbxpbxpbxpbxpbxpbxX", "other.pbxpbxpbxpbxpbxpbxpbxp", "é" * 30],
)
def test_a_key_that_is_not_ours_is_refused_without_a_body(phone: Phone, key: str) -> None:
    assert shown(phone.ask(key=key)) == (401, "refused", "")


def test_an_expired_key_is_refused_from_the_second_it_expires(phone: Phone) -> None:
    phone.store.add_key("acme", PBX, ApiKey(hash_key(PBX), "pbx", expires_at=int(NOW) + 10))

    before = shown(phone.ask())
    phone.clock.now += 10
    after = shown(phone.ask())

    assert before[1] == "hit"
    assert after == (401, "refused", "")


def test_a_key_bound_to_networks_opens_only_from_there(phone: Phone) -> None:
    phone.store.add_key(
        "acme", PBX, ApiKey(hash_key(PBX), "pbx", networks=("198.51.100.0/24", "2001:db8::/32"))
    )
    headers = {"x-api-key": PBX}

    answers = {
        ip: phone.send(http_event({"number": MILAN}, headers=headers, source_ip=ip))["statusCode"]
        for ip in ("198.51.100.9", "2001:db8::5", "203.0.113.1", "", "not an address")
    }

    assert answers == {
        "198.51.100.9": 200,
        "2001:db8::5": 200,
        "203.0.113.1": 401,
        "": 401,
        "not an address": 401,
    }


def test_an_admin_s_key_may_ask_but_not_through_a_url(phone: Phone) -> None:
    in_url = http_event({"number": MILAN, "key": ADMIN})

    assert shown(phone.ask(key=ADMIN))[1] == "hit"
    assert shown(phone.send(in_url)) == (401, "refused", "")


def test_a_key_of_another_role_is_refused(phone: Phone) -> None:
    assert shown(phone.ask(key=CRM)) == (403, "refused", "")


def test_a_page_may_ask_only_from_the_tenant_s_own_origins(phone: Phone) -> None:
    phone.edit(origins=("https://crm.acme.example",))

    def status(origin: str, host: str = "centralino.example") -> tuple[int, str | None]:
        headers = {"x-api-key": PBX, "origin": origin, "host": host}
        given = phone.send(http_event({"number": MILAN}, headers=headers))
        return given["statusCode"], given["headers"].get("access-control-allow-origin")

    assert status("https://crm.acme.example") == (200, "https://crm.acme.example")
    assert status("https://evil.example") == (403, None)
    # Our own page /dial, and a browser extension: no other page can send their origins.
    assert status("https://centralino.example") == (200, "https://centralino.example")
    assert status("chrome-extension://abcdef") == (200, "chrome-extension://abcdef")
    assert status("https://chrome-extension://abcdef") == (403, None)
    assert status("null") == (403, None)
    assert status("file://centralino.example") == (403, None)
    assert status("https://", host="") == (403, None)


def test_a_revoked_key_is_refused_once_the_memory_of_it_is_old(phone: Phone) -> None:
    phone.ask()
    phone.store.keys["acme"].clear()

    at_once = shown(phone.ask())[1]
    phone.clock.now += 30
    later = shown(phone.ask())

    assert at_once == "hit"
    assert later == (401, "refused", "")


def test_with_no_memory_a_revoked_key_is_refused_at_once() -> None:
    phone = Phone(cache_s=0)
    phone.ask()
    phone.store.keys["acme"].clear()

    assert shown(phone.ask()) == (401, "refused", "")


def test_a_decode_costs_two_round_trips_cold_and_one_warm(phone: Phone) -> None:
    phone.ask()
    cold = len(phone.store.reads)
    phone.ask()
    warm = len(phone.store.reads) - cold
    phone.clock.now += 31
    phone.ask()
    with_old_settings = len(phone.store.reads) - cold - warm

    assert (cold, warm, with_old_settings) == (2, 1, 1)


def test_a_withheld_number_is_never_looked_up(phone: Phone) -> None:
    phone.ask()
    before = len(phone.store.reads)

    given = phone.ask("anonymous", name="Anonymous")

    assert shown(given) == (200, "withheld", "Anonymous")
    assert len(phone.store.reads) == before


def test_settings_edited_meanwhile_count_for_the_call_that_finds_out() -> None:
    phone = Phone(cache_s=0)
    phone.ask("0712345678")
    phone.edit(line=Line(country="DE", area_code="30"))
    phone.store.add_card("acme", "+49712345678", holder("Hans", "Meier"))

    assert shown(phone.ask("0712345678")) == (200, "hit", "Hans Meier")


def test_an_unknown_caller_shows_the_carrier_s_name_cleaned(phone: Phone) -> None:
    assert shown(phone.ask("+390299999999", name='MILANO\r\n<ITALY>"')) == (
        200,
        "miss",
        "MILANO ITALY",
    )
    assert shown(phone.ask("+390299999999")) == (200, "miss", "")


def test_an_internal_call_shows_the_colleague(phone: Phone) -> None:
    phone.edit(extens={"21": "Anna Verdi"})

    assert shown(phone.ask("21")) == (200, "internal", "Anna Verdi")


@pytest.mark.parametrize("fields", [{"trunk": "telco"}, {"did": "+390211111111"}])
def test_a_call_from_outside_never_shows_a_colleague_s_name(
    phone: Phone, fields: dict[str, str]
) -> None:
    phone.edit(extens={"21": "Anna Verdi"})
    event = http_event({"number": "21", **fields}, headers={"x-api-key": PBX})

    assert shown(phone.send(event))[1:] == ("miss", "")


def test_the_trunk_and_the_did_say_how_to_read_the_number(phone: Phone) -> None:
    phone.edit(
        trunks={"berlin": {"country": "DE", "area_code": "30", "cli_format": "national"}},
        dids={"49891": {"area_code": "89"}},
    )
    phone.store.add_card("acme", "+493012345678", holder("Berta", "Lin"))
    phone.store.add_card("acme", "+498912345678", holder("Max", "Isar"))

    assert shown(phone.ask("12345678", trunk="berlin"))[2] == "Berta Lin"
    assert shown(phone.ask("12345678", trunk="berlin", did="49891"))[2] == "Max Isar"


def test_a_number_that_can_be_read_two_ways_never_shows_a_bare_wrong_name(phone: Phone) -> None:
    phone.store.add_card("acme", "+39022445566", holder("Luisa", "Bruni", contact="odoo:8"))
    phone.store.add_card("acme", "+393902244556", holder("Carlo", "Mosca", contact="odoo:9"))
    phone.store.add_card("acme", "+3902445566", holder("Luisa", "Bruni", contact="odoo:8"))
    phone.store.add_card("acme", "+393902445566", holder("Carlo", "Mosca", contact="odoo:9"))

    status, outcome, label = shown(phone.ask("3902445566"))

    assert (status, outcome) == (200, "ambiguous")
    assert label.endswith("?")
    assert shown(phone.ask("3902445566", format="json"))[2].count("odoo") == 0


def test_the_answer_comes_as_json(phone: Phone) -> None:
    given = phone.ask(format="json")

    assert given["headers"]["content-type"] == "application/json"
    assert json.loads(given["body"]) == {
        "outcome": "hit",
        "label": "Mario Rossi",
        "contact_id": "odoo:7",
        "customer_code": "IT07",
        "url": "https://crm.example/7",
        "company": "",
    }


def test_the_answer_comes_as_a_form_that_asterisk_can_split(phone: Phone) -> None:
    given = phone.ask(format="form")

    assert given["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert given["body"] == (
        "outcome=hit&label=Mario%20Rossi&contact_id=odoo%3A7&customer_code=IT07"
        "&url=https%3A%2F%2Fcrm.example%2F7&company="
    )


def test_the_answer_comes_as_xml(phone: Phone) -> None:
    phone.store.add_card("acme", MILAN, holder(company="Rossi & Figli <Srl>", code="a&b"))
    given = phone.ask(format="xml")
    answer = ET.fromstring(given["body"])  # noqa: S314 - our own answer

    assert given["headers"]["content-type"] == "application/xml; charset=utf-8"
    assert answer.findtext("customer_code") == "a&b"
    assert answer.findtext("company") == "Rossi & Figli <Srl>"


def test_latin_1_goes_out_as_bytes_with_its_charset(phone: Phone) -> None:
    phone.edit(label=LabelStyle(repertoire="latin-1"))
    phone.store.add_card("acme", MILAN, holder("José", "Peña"))

    given = phone.ask()

    assert given["isBase64Encoded"]
    assert base64.b64decode(given["body"]) == "José Peña".encode("latin-1")
    assert given["headers"]["content-type"] == "text/plain; charset=iso-8859-1"


def test_flags_tell_the_status_of_the_customer(phone: Phone) -> None:
    phone.edit(label=LabelStyle(flags={"overdue": "!"}))
    phone.store.add_card("acme", MILAN, holder("Mario", "Rossi", status="overdue"))

    assert shown(phone.ask())[2] == "!Mario Rossi"


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (UnavailableError("timeout"), "timeout"),
        (UnavailableError("connection"), "degraded"),
        (ThrottledError("throttled"), "degraded"),
        (RejectedError("credentials"), "degraded"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "form", "xml"])
@pytest.mark.parametrize("warm", [True, False])
def test_a_store_that_fails_leaves_the_carrier_s_name(
    phone: Phone, fault: CentralinoError, outcome: str, form: str, *, warm: bool
) -> None:
    if warm:
        phone.ask()
    phone.store.fault = fault

    status, said, body = shown(phone.ask(name="MILANO", format=form))

    assert (status, said) == (200, outcome)
    assert "MILANO" in body
    assert body == "MILANO" or outcome in body


def test_keys_left_unprocessed_are_no_miss(phone: Phone) -> None:
    phone.ask()
    phone.store.complete = False

    assert shown(phone.ask(name="MILANO")) == (200, "degraded", "MILANO")


def test_a_store_that_fails_is_asked_once(phone: Phone) -> None:
    phone.ask()
    phone.clock.now += 31
    phone.store.fault = UnavailableError("timeout")
    before = len(phone.store.reads)

    phone.ask()

    assert len(phone.store.reads) - before == 1


@pytest.mark.parametrize("patience", [1.0, 2.0, 2.7, 3.0, 10.0])
def test_a_store_that_hangs_costs_a_third_of_the_pbx_s_patience(patience: float) -> None:
    phone = Phone()
    phone.edit(line=Line(country="IT", decode_timeout_s=patience))
    phone.ask()
    phone.clock.now = NOW
    phone.store.takes_s = 1000
    phone.store.fault = UnavailableError("timeout")

    phone.ask()

    assert phone.clock.now - NOW <= patience / 3


@pytest.mark.parametrize(
    ("patience", "waited", "answered_by"),
    [(2.0, 0.0, 2 / 3), (2.0, 0.3, 2 / 3), (2.0, 1.0, 1.5), (3.0, 0.0, 1.0), (3.0, 2.0, 2.5)],
)
def test_a_cold_container_whose_store_hangs_answers_before_the_pbx_gives_up(
    phone: Phone, patience: float, waited: float, answered_by: float
) -> None:
    phone.edit(line=Line(country="IT", decode_timeout_s=patience))
    phone.store.takes_s = 1000
    phone.store.fault = UnavailableError("timeout")
    asked_at = phone.clock.now - waited

    assert shown(phone.ask(waited_s=waited, name="MILANO")) == (200, "timeout", "MILANO")
    assert phone.clock.now - asked_at <= answered_by


def test_a_cold_container_that_is_asked_too_late_does_not_ask_the_store(phone: Phone) -> None:
    assert shown(phone.ask(waited_s=2.6, name="MILANO")) == (200, "timeout", "MILANO")
    assert not phone.store.reads


def test_a_call_that_arrives_too_late_is_answered_without_asking(phone: Phone) -> None:
    phone.ask()
    before = len(phone.store.reads)

    given = phone.ask(name="MILANO", waited_s=2.6)

    assert shown(given) == (200, "timeout", "MILANO")
    assert len(phone.store.reads) == before


def test_a_stored_event_is_answered_as_if_it_came_now(phone: Phone) -> None:
    assert shown(phone.ask(waited_s=86_400))[1] == "hit"


@pytest.mark.parametrize("fields", ["", "did=1", "format=pdf&number=0244556677"])
def test_bad_input_on_the_text_route_shows_nothing_new_on_the_phone(
    phone: Phone, fields: str
) -> None:
    event = http_event(fields + "&name=MILANO", headers={"x-api-key": PBX})

    assert shown(phone.send(event)) == (200, "error", "MILANO")


def test_a_program_gets_told_which_field_is_wrong(phone: Phone) -> None:
    given = phone.send(http_event("format=json", headers={"x-api-key": PBX}))
    problem = json.loads(given["body"])

    assert given["statusCode"] == 400
    assert given["headers"]["content-type"] == "application/problem+json"
    assert problem["field"] == "number"
    assert problem["expected"].startswith("the caller's number")


@pytest.mark.parametrize(
    "event",
    [
        http_event(method="POST", body="x" * 1_000_000, headers={"x-api-key": PBX}),
        http_event("&".join(f"f{n}=1" for n in range(5000)), headers={"x-api-key": PBX}),
        http_event(method="POST", body="{" * 60_000, headers={"x-api-key": PBX}),
        http_event(method="POST", body='{"number":' + "9" * 5000 + "}", headers={"x-api-key": PBX}),
        {**http_event(headers={"x-api-key": PBX}), "body": "%%%", "isBase64Encoded": True},
        http_event({"number": "1" * 9_000}, headers={"x-api-key": PBX}),
        http_event({"number": "\x00\r\n\x1b[31m"}, headers={"x-api-key": PBX}),
        http_event("number=%FF%FE%00", headers={"x-api-key": PBX}),
    ],
)
def test_a_hostile_request_gets_an_empty_label(phone: Phone, event: dict[str, Any]) -> None:
    status, _, body = shown(phone.send(event))

    assert (status, body) == (200, "")


@pytest.mark.parametrize("path", ["/", "/v2/lookup", "/v1/lookup/x", "/v1", "/favicon.ico"])
def test_another_path_is_not_found_in_json(phone: Phone, path: str) -> None:
    given = phone.send(http_event(path=path, headers={"x-api-key": PBX}))

    assert given["statusCode"] == 404
    assert json.loads(given["body"])["status"] == 404


def test_a_bug_of_ours_still_leaves_the_carrier_s_name(
    phone: Phone, capsys: pytest.CaptureFixture[str]
) -> None:
    phone.ask()
    phone.store.fault = ValueError("number +390244556677 broke it")

    assert shown(phone.ask(name="MILANO")) == (200, "error", "MILANO")
    line = capsys.readouterr().out.splitlines()[-1]
    assert "ValueError in read:" in line
    assert "390244556677" not in line


def test_the_log_line_is_a_metric_and_holds_no_number_and_no_name(
    phone: Phone, capsys: pytest.CaptureFixture[str]
) -> None:
    phone.ask("02 4455 6677", name="Some Carrier", call_id="c-1", trunk="telco")
    line = capsys.readouterr().out

    logged = json.loads(line)
    metrics = logged["_aws"]["CloudWatchMetrics"][0]
    assert metrics["Dimensions"] == [["outcome"]]
    assert {metric["Name"] for metric in metrics["Metrics"]} == {"Decodes", "DecodeTime"}
    assert (logged["tenant"], logged["call_id"], logged["trunk"]) == ("acme", "c-1", "telco")
    assert (logged["outcome"], logged["shape"]) == ("hit", "national")
    for secret in ("44556677", "4455", "Rossi", "Carrier", PBX):
        assert secret not in line


@pytest.mark.parametrize(
    ("call_id", "logged"),
    [
        ("1650095575.872", "1650095575.872"),
        ("1650095575.123456", "1650095575.123456"),
        ("1650095575.1234567", "1650095575.…67"),
        ("c0a80101-13c4-4f1e@10.0.0.1", "c0a80101-13c4-4f1e@10.0.0.1"),
        ("sip-+393331234567@10.0.0.1", "sip-+39…4567@10.0.0.1"),
        ("0244556677", "…6677"),
        ("393471234567.1", "…4567.1"),
        ("pbx-1650095575.872", "pbx-1650095575.872"),
        ("00390244556677@pbx", "…6677@pbx"),
        (PBX, None),
        ("Mario Rossi", None),
        ("x" * 65, None),
    ],
)
@pytest.mark.parametrize("field", ["call_id", "trunk"])
def test_an_id_that_is_really_a_number_a_name_or_a_key_is_not_logged_as_it_came(
    phone: Phone,
    capsys: pytest.CaptureFixture[str],
    field: str,
    call_id: str,
    logged: str | None,
) -> None:
    event = http_event({"number": MILAN, field: call_id}, headers={"x-api-key": PBX})
    phone.send(event)

    assert json.loads(capsys.readouterr().out).get(field) == logged


def test_the_log_line_says_which_key_was_used(
    phone: Phone, capsys: pytest.CaptureFixture[str]
) -> None:
    phone.ask()

    assert json.loads(capsys.readouterr().out)["key"] == hash_key(PBX)[:12]


def test_a_page_is_not_told_yes_before_its_origin_was_checked(phone: Phone) -> None:
    phone.store.fault = UnavailableError("connection")
    headers = {"x-api-key": PBX, "origin": "https://evil.example"}

    given = phone.send(http_event({"number": MILAN}, headers=headers))

    assert "access-control-allow-origin" not in given["headers"]


def test_a_number_that_is_null_is_withheld(phone: Phone) -> None:
    event = http_event(method="POST", body='{"number": null}', headers={"x-api-key": PBX})

    assert shown(phone.send(event))[1] == "withheld"


def test_another_method_is_not_found(phone: Phone) -> None:
    event = http_event({"number": MILAN}, method="DELETE", headers={"x-api-key": PBX})

    assert phone.send(event)["statusCode"] == 404


@given(
    st.dictionaries(
        st.sampled_from(["number", "did", "trunk", "name", "call_id", "format", "key", "cli"]),
        st.text(max_size=60),
    ),
    st.one_of(st.none(), st.text(max_size=200), st.binary(max_size=200)),
)
def test_whatever_a_pbx_sends_it_gets_an_answer(
    fields: dict[str, str], body: str | bytes | None
) -> None:
    phone = Phone()
    try:
        event = http_event(fields, method="POST", body=body, headers={"x-api-key": PBX})
    except UnicodeEncodeError:
        return

    given = phone.send(event)

    assert given["statusCode"] in {200, 400}
    if given["headers"]["content-type"].startswith("text/plain"):
        assert "\n" not in given["body"]
        assert len(given["body"]) <= 80
