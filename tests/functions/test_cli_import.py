"""`centralino import`: through the service and straight to the table, told and kept track of."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from centralino_cli.http_writer import ATTEMPTS
from tests.support.command_line import URL, CommandLine

if TYPE_CHECKING:
    from centralino.domain.contact import Contact

EXPORTS = Path(__file__).parents[1] / "data" / "exports"
HEADER = "Record ID,First Name,Last Name,Phone Number,Last Modified Date"
ROSSI = "101,Mario,Rossi,02 44556677,2026-08-03 17:45"
VILLA = "102,Anna,Villa,02 7712345,2026-08-03 17:45"
# The office's clock stands in September 2026.
LATER = "2026-08-04 09:00"


@pytest.fixture(params=["service", "table"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> CommandLine:
    """A desk with a key, and one with AWS credentials only."""
    line = CommandLine(tmp_path)
    if request.param == "table":
        line.env = {
            "CENTRALINO_TABLE": "centralino",
            "CENTRALINO_TENANT": "acme",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
    return line


@pytest.fixture
def desk(tmp_path: Path) -> CommandLine:
    """A desk with a key."""
    return CommandLine(tmp_path)


def write(line: CommandLine, *rows: str, name: str = "export.csv") -> Path:
    file = line.folder / name
    file.write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")
    return file


def stored(line: CommandLine, contact_id: str) -> Contact:
    contact = line.office.contacts().get(contact_id)
    assert contact, contact_id
    return contact


def rejected(file: Path) -> list[dict[str, str]]:
    with Path(f"{file}.rejected.csv").open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def counts(line: CommandLine, *words: object, code: int = 0) -> dict[str, int]:
    """Import and return what became of how many rows."""
    told = line.run("import", *words, "--json")
    assert told.code == code, told
    return {name: count for name, count in told.json.items() if type(count) is int and count}


def test_contacts_are_found_once_they_are_imported(line: CommandLine) -> None:
    told = line.done("import", write(line, ROSSI, VILLA))
    assert told.out == "rows     2\ncreated  2\n"
    assert "export.csv: HubSpot, source hubspot, utf-8, comma; to tenant acme " in told.err
    saved = stored(line, "hubspot:101")
    assert (saved.first_name, saved.last_name) == ("Mario", "Rossi")
    assert [number.indexed for number in saved.numbers] == ["+390244556677"]


@pytest.mark.parametrize("export", sorted(EXPORTS.iterdir()), ids=lambda path: path.name)
def test_every_products_export_goes_in_and_the_second_time_nothing_is_written(
    line: CommandLine, export: Path
) -> None:
    file = line.folder / export.name
    file.write_bytes(export.read_bytes())
    line.office.clock.now = 1_795_000_000
    code = 3 if export.name == "salesforce-report.csv" else 0
    first = counts(line, file, code=code)
    assert first["created"] + first.get("rejected", 0) == first["rows"]
    page = line.office.contacts().holders("+393471234567")
    assert [holder.name for holder in page.holders] == ["Mario Rossi"]
    before = line.office.dynamo.all_items()
    second = counts(line, file, code=code)
    assert second["unchanged"] == first["created"]
    assert line.office.dynamo.all_items() == before


def test_a_changed_row_is_one_contact_written(line: CommandLine) -> None:
    line.done("import", write(line, ROSSI, VILLA))
    changed = VILLA.replace("Villa", "Neri").replace("2026-08-03 17:45", LATER)
    assert counts(line, write(line, ROSSI, changed)) == {"rows": 2, "changed": 1, "unchanged": 1}
    assert stored(line, "hubspot:102").last_name == "Neri"


def test_an_older_export_does_not_overwrite_a_newer_one(line: CommandLine) -> None:
    newer = ROSSI.replace("Rossi", "Rossini").replace("2026-08-03 17:45", LATER)
    line.done("import", write(line, newer))
    assert counts(line, write(line, VILLA, ROSSI)) == {"rows": 2, "created": 1, "stale": 1}
    assert stored(line, "hubspot:101").last_name == "Rossini"


def test_both_ways_store_the_same_to_the_letter(desk: CommandLine) -> None:
    file = EXPORTS / "hubspot.json"
    desk.office.clock.now = 1_795_000_000
    desk.done("import", file)
    by_service = desk.office.contacts().get("hubspot:101")
    table = {"CENTRALINO_TENANT": "acme", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    desk.env = {**table, "CENTRALINO_TABLE": "centralino"}
    assert counts(desk, file) == {"rows": 2, "unchanged": 2}
    assert desk.office.contacts().get("hubspot:101") == by_service


def test_rejected_rows_are_in_a_file_with_the_reason_and_it_can_be_mended_and_imported(
    line: CommandLine,
) -> None:
    rows = [ROSSI, "103,,,02 1,", "104,Ugo,Sala,3.90245E+11,", "105,A,B,02 1,yesterday"]
    file = write(line, *rows)
    told = line.run("import", file)
    assert told.code == 3
    assert "row 3 rejected: row: expected a name or a company" in told.err
    assert f"rejected rows are in  {file}.rejected.csv" in told.out
    reasons = [(row["Record ID"], row["rejected row"]) for row in rejected(file)]
    assert reasons == [("103", "3"), ("104", "4"), ("105", "5")]
    assert rejected(file)[1]["rejected because"].startswith("phone number: expected a number, not")
    mended = Path(f"{file}.rejected.csv")
    text = mended.read_text(encoding="utf-8-sig").replace("3.90245E+11", "+39 02 4512345")
    mended.write_text(text, encoding="utf-8-sig")
    assert counts(line, mended, code=3) == {"rows": 3, "created": 1, "rejected": 2}
    assert stored(line, "hubspot:104").numbers[0].indexed == "+39024512345"


def test_a_run_in_which_all_is_well_leaves_no_files_of_the_run_before(line: CommandLine) -> None:
    bad = write(line, "103,,,02 1,", "104,Ugo,Sala,interno 12,")
    assert line.run("import", bad).code == 3
    reports = [Path(f"{bad}.{name}.csv") for name in ("numbers", "rejected")]
    assert sorted(line.folder.iterdir()) == [bad, *reports]
    assert line.run("import", bad, "--dry-run").code == 3
    assert sorted(line.folder.iterdir()) == [bad, *reports]
    line.done("import", write(line, ROSSI))
    assert list(line.folder.iterdir()) == [bad]


@pytest.mark.parametrize("report", ["rejected", "numbers"])
def test_a_file_that_can_not_be_written_is_one_line_and_nothing_is_imported(
    line: CommandLine, report: str
) -> None:
    file = write(line, ROSSI, "103,,,02 1,")
    place = Path(f"{file}.{report}.csv")
    place.mkdir()
    before = line.office.dynamo.all_items()
    told = line.run("import", file)
    assert told.code == 1
    assert told.err.splitlines()[-1].startswith("centralino: ")
    assert told.err.splitlines()[-1].endswith(f": {place}")
    assert "Traceback" not in told.err
    assert line.office.dynamo.all_items() == before


def test_a_disk_that_fails_on_the_way_is_one_line_that_says_how_to_go_on(
    desk: CommandLine,
) -> None:
    def take_away(_request: httpx.Request) -> httpx.Response:
        # By then the last run's file was removed, and this run's is not open yet.
        Path(f"{file}.rejected.csv").mkdir()
        refusal = {"title": "Invalid", "status": 422, "detail": "last_name: expected another"}
        result = {"index": 0, "id": "hubspot:101", "outcome": "failed", "problem": refusal}
        return httpx.Response(207, json={"results": [result]})

    file = write(desk, ROSSI)
    desk.service.answers += [None, take_away]
    told = desk.run("import", file, "--threads", "1")
    assert told.code == 1
    assert "stopped after 1 rows; run it again" in told.err
    assert told.err.splitlines()[-1] == f"centralino: Is a directory: {file}.rejected.csv"


def test_rejected_records_of_json_are_kept_as_they_were(desk: CommandLine) -> None:
    file = desk.folder / "export.json"
    record = {"id": "1", "properties": {"firstname": "", "lastname": None}}
    file.write_text(json.dumps({"results": [record, 5]}))
    assert counts(desk, file, code=3) == {"rows": 2, "rejected": 2}
    assert [json.loads(row["record"]) for row in rejected(file)] == [record, 5]


def test_numbers_that_can_not_be_looked_up_are_kept_and_listed_and_nothing_is_rejected(
    line: CommandLine,
) -> None:
    file = write(line, "101,Mario,Rossi,interno 12,", VILLA)
    for outcome in ("created", "unchanged"):
        told = line.done("import", file)
        assert f"{outcome}" in told.out
        assert "numbers that can't be looked up  1" in told.out
        assert "row 2: 'interno 12' can't be looked up: " in told.err
        with Path(f"{file}.numbers.csv").open(encoding="utf-8-sig", newline="") as text:
            [listed] = csv.DictReader(text)
        assert (listed["row"], listed["contact"], listed["number"]) == (
            "2",
            "hubspot:101",
            "interno 12",
        )
    assert stored(line, "hubspot:101").numbers[0].number == "interno 12"


def test_a_trial_writes_neither_contacts_nor_files(line: CommandLine) -> None:
    file = write(line, ROSSI, "103,,,02 1,", "104,Ugo,Sala,interno 12,")
    before = line.office.dynamo.all_items()
    told = line.run("import", file, "--dry-run", "--json")
    assert told.code == 3
    assert told.json["rejected"] == 1
    assert told.json["created"] + told.json["checked"] == 2
    assert told.json["unindexed_numbers"] == 1
    assert "a trial, nothing is written" in told.err
    assert line.office.dynamo.all_items() == before
    assert list(line.folder.iterdir()) == [file]


def test_a_trial_straight_at_the_table_tells_new_from_known(desk: CommandLine) -> None:
    desk.done("import", write(desk, ROSSI))
    desk.env = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    words = ["--dry-run", "--table", "centralino", "--tenant", "acme"]
    assert counts(desk, write(desk, ROSSI, VILLA), *words) == {
        "rows": 2,
        "created": 1,
        "unchanged": 1,
    }


def test_a_block_of_a_switchboard_is_found_after_the_import(line: CommandLine) -> None:
    line.done("import", write(line, "101,,Officine,+39024455*,"))
    settings = line.office.tenants().settings()
    assert settings
    assert settings.block_lengths == (8,)


def test_any_file_goes_in_when_somebody_says_which_column_is_what(line: CommandLine) -> None:
    file = line.folder / "erp.csv"
    file.write_text(
        "Codice;Ragione Sociale;Tel;Cell;Agg\nK1;Rossi S.r.l.;02 1234567;347 1;1/8/2026\n"
    )
    words = [
        "--map", "id=codice", "--map", "company=Ragione  sociale", "--map", "work=Tel",
        "--map", "mobile=Cell", "--map", "modified=Agg", "--day-first", "--source", "erp",
        "--timezone", "Europe/Rome",
    ]  # fmt: skip
    assert counts(line, file, *words)["created"] == 1
    saved = stored(line, "erp:K1")
    assert (saved.company, saved.version) == ("Rossi S.r.l.", 1_785_535_200_000)
    assert [(n.number, n.kind, n.primary) for n in saved.numbers] == [
        ("02 1234567", "work", True),
        ("347 1", "mobile", False),
    ]


def test_a_map_may_be_a_file_and_adds_to_a_recognised_export(desk: CommandLine) -> None:
    file = desk.folder / "export.csv"
    file.write_text(f"{HEADER},Cantiere,Magazzino\n{ROSSI},02 1111111,02 2222222\n")
    mapping = desk.folder / "map.json"
    mapping.write_text('{"direct": ["Cantiere", "Magazzino"]}')
    desk.done("import", file, "--map", mapping)
    saved = stored(desk, "hubspot:101")
    assert [(n.number, n.kind) for n in saved.numbers] == [
        ("02 1111111", "direct"),
        ("02 2222222", "direct"),
        ("02 44556677", "work"),
    ]


def test_a_second_portal_of_one_product_is_a_source_of_its_own(desk: CommandLine) -> None:
    desk.done("import", write(desk, ROSSI), "--source", "hubspot-fr")
    assert stored(desk, "hubspot-fr:101").last_name == "Rossi"


def test_a_product_that_is_named_is_believed(desk: CommandLine) -> None:
    file = desk.folder / "few.csv"
    file.write_text("Record ID,Last Name\n101,Rossi\n")
    assert counts(desk, file, "--from", "hubspot") == {"rows": 1, "created": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "FILE: expected an export of Google Contacts, HubSpot, Odoo, Outlook, Salesforce, or"),
        (["--map", "company=Firma"], "--map company: expected a column, not 'Firma'; it has 'nam"),
        (["--map", "colour=Name"], "--map colour: expected one of the fields id, first_name"),
        (["--map", "missing.json"], '--map missing.json: expected "field=Column", or a JSON file'),
        (["--map", "company=Name", "--source", "Il mio"], "--source: expected 1 to 32 of a-z"),
        (["--from", "zoho"], "--from: expected one of google, hubspot, odoo, outlook, salesforce"),
        (["--timezone", "Rome/Europe"], "--timezone: expected a time zone, as Europe/Rome"),
        (["--encoding", "klingon"], "--encoding: expected an encoding"),
    ],
)
def test_what_can_not_be_understood_is_refused_in_one_line(
    desk: CommandLine, words: list[str], said: str
) -> None:
    file = desk.folder / "list.csv"
    file.write_text("Name,Phone\nRossi,02 1\n")
    told = desk.run("import", file, *words)
    assert told.code == 2
    assert told.err.startswith(f"centralino: {said}")
    assert told.err.count("\n") == 1


def test_a_file_that_is_not_there_is_named(desk: CommandLine) -> None:
    told = desk.run("import", desk.folder / "none.csv")
    assert told.code == 2
    assert "No such file or directory" in told.err


@pytest.mark.parametrize(
    ("env", "words", "said"),
    [
        ({}, [], "expected CENTRALINO_URL and CENTRALINO_KEY"),
        ({"CENTRALINO_TABLE": "centralino"}, [], "--tenant or CENTRALINO_TENANT: expected"),
        ({}, ["--table", "centralino"], "--tenant or CENTRALINO_TENANT: expected"),
    ],
)
def test_who_does_not_say_where_to_is_told_how_to(
    desk: CommandLine, env: dict[str, str], words: list[str], said: str
) -> None:
    desk.env = env
    told = desk.run("import", write(desk, ROSSI), *words)
    assert told.code == 2
    assert said in told.err


def test_a_tenant_that_is_not_there_is_named(desk: CommandLine) -> None:
    desk.env = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    told = desk.run("import", write(desk, ROSSI), "--table", "centralino", "--tenant", "gone")
    assert (told.code, "there is no tenant gone in the table centralino" in told.err) == (1, True)


def test_a_named_table_is_meant_and_not_the_local_stack_in_this_folder(desk: CommandLine) -> None:
    demo = {"url": URL, "tenant": "acme", "keys": desk.office.keys["acme"]}
    (desk.folder / ".local").mkdir()
    (desk.folder / ".local" / "demo.json").write_text(json.dumps(demo))
    desk.env = {}
    assert "(the local stack at" in desk.done("import", write(desk, ROSSI)).err
    desk.env = {
        "CENTRALINO_TABLE": "centralino",
        "CENTRALINO_TENANT": "acme",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    assert "to tenant acme in the table centralino" in desk.done("import", write(desk, ROSSI)).err


def _too_many(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(429, json={"message": "Too Many Requests"}, headers={"retry-after": "7"})


def _lost(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow", request=request)


def test_a_service_that_is_busy_or_slow_is_asked_again_after_the_time_it_wants(
    desk: CommandLine,
) -> None:
    # The first answer is that to the question for the settings.
    desk.service.answers += [None, _too_many, _lost]
    assert counts(desk, write(desk, ROSSI), "--threads", "1") == {"rows": 1, "created": 1}
    assert desk.pauses[0] == 7
    assert len(desk.pauses) == 2


def test_a_service_that_stays_busy_stops_the_import_and_says_how_to_go_on(
    desk: CommandLine,
) -> None:
    desk.service.answers += [None, *[_too_many] * ATTEMPTS]
    told = desk.run("import", write(desk, ROSSI), "--threads", "1")
    assert told.code == 1
    assert "stopped after 0 rows; run it again, it goes on with what is missing" in told.err
    assert "Too Many Requests (status 429)" in told.err
    assert counts(desk, write(desk, ROSSI)) == {"rows": 1, "created": 1}


def test_ctrl_c_leaves_what_was_written_and_says_how_to_go_on(desk: CommandLine) -> None:
    def interrupt(_request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    rows = [f"{n},Anna,Villa {n},02 {n:07d},{LATER}" for n in range(1, 121)]
    desk.service.answers += [None, None, interrupt]
    told = desk.run("import", write(desk, *rows), "--threads", "1")
    assert told.code == 130
    assert "stopped after 50 rows; run it again, it goes on with what is missing" in told.err
    assert counts(desk, write(desk, *rows)) == {"rows": 120, "created": 70, "unchanged": 50}


def test_what_the_store_could_not_write_of_a_batch_is_sent_again_alone(desk: CommandLine) -> None:
    def half(request: httpx.Request) -> httpx.Response:
        sent = json.loads(request.content)["contacts"]
        problem = {"title": "Unavailable", "status": 503, "detail": "throttled"}
        results = [
            {"index": 0, "id": sent[0]["id"], "outcome": "created"},
            {"index": 1, "id": sent[1]["id"], "outcome": "failed", "problem": problem},
        ]
        return httpx.Response(207, json={"results": results})

    desk.service.answers += [None, half]
    assert counts(desk, write(desk, ROSSI, VILLA)) == {"rows": 2, "created": 2}
    assert desk.office.contacts().get("hubspot:101") is None
    assert stored(desk, "hubspot:102").last_name == "Villa"


def test_a_contact_that_the_service_refuses_is_rejected_with_its_reason(desk: CommandLine) -> None:
    file = write(desk, ROSSI, f"102,{'A' * 201},Villa,,")
    assert counts(desk, file, code=3) == {"rows": 2, "created": 1, "rejected": 1}
    assert rejected(file)[0]["rejected because"] == "first_name: expected at most 200 characters"


def test_a_key_that_may_not_write_contacts_stops_the_import(desk: CommandLine) -> None:
    key = desk.office.keys["acme"]["supervisor"]
    told = desk.run("import", write(desk, ROSSI), "--key", key)
    assert told.code == 1
    assert "403" in told.err


def test_a_large_import_through_the_service_goes_in_batches(desk: CommandLine) -> None:
    rows = [f"{n},Anna,Villa {n},02 {n:07d},{LATER}" for n in range(1, 121)]
    assert counts(desk, write(desk, *rows)) == {"rows": 120, "created": 120}
    assert desk.service.requests.count("POST /v1/contacts/batch") == 3
