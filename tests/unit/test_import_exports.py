"""Every product's own export is recognised and says of Mario Rossi what the product knows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.exports import known_exports, recognise
from centralino.application.map_row import Calendar, map_row
from centralino.domain.errors import PayloadError
from centralino_cli.export_file import open_export

if TYPE_CHECKING:
    from centralino.domain.contact import Contact

EXPORTS = Path(__file__).parents[1] / "data" / "exports"
CALENDAR = Calendar(datetime(2026, 11, 21, tzinfo=UTC))
MINUTE = 1_793_727_900_000  # 2026-11-03 17:45 UTC, as exact as the product is
SECOND = 1_793_727_912_000
COMPANY = "Officine Meccaniche Rossi S.r.l."

# file -> the product, its record's id (empty: it has none), the version, numbers with their kinds.
FILES = {
    "google.csv": (
        "Google Contacts",
        "",
        1,
        ("*347 1234567 mobile", "02 44556677 work", "02 44556678 work"),
    ),
    "google-2023.csv": ("Google Contacts", "", 1, ("347 1234567 mobile", "02 44556677 work")),
    "google-people.json": (
        "Google Contacts",
        "google:people/c5129",
        SECOND + 345,
        ("*02 44556677 work", "347 1234567 mobile"),
    ),
    "hubspot.csv": (
        "HubSpot",
        "hubspot:101",
        MINUTE,
        ("*+39 02 4455 6677 work", "347 1234567 mobile"),
    ),
    "hubspot-it.csv": (
        "HubSpot",
        "hubspot:101",
        MINUTE,
        ("*02 44556677 work", "347 1234567 mobile"),
    ),
    "hubspot.json": (
        "HubSpot",
        "hubspot:101",
        MINUTE + 123,
        ("*+390244556677 work", "3471234567 mobile"),
    ),
    "odoo.csv": (
        "Odoo",
        "odoo:17",
        SECOND,
        ("*+39 02 4455 6677 work", "+39 347 1234567 mobile"),
    ),
    "odoo-it.csv": ("Odoo", "odoo:17", SECOND, ("*02 44556677 work", "347 1234567 mobile")),
    "odoo.json": (
        "Odoo",
        "odoo:17",
        SECOND,
        ("*+39 02 4455 6677 work", "+39 347 1234567 mobile"),
    ),
    "outlook.csv": (
        "Outlook",
        "",
        1,
        ("*02 44556677 work", "347 1234567 mobile", "02 445500 switchboard"),
    ),
    "outlook-it.csv": ("Outlook", "", 1, ("*02 44556677 work", "347 1234567 mobile")),
    "outlook-graph.json": (
        "Outlook",
        "outlook:AAMkAGI2THVSAAA=",
        SECOND,
        ("*02 44556677 work", "347 1234567 mobile"),
    ),
    "salesforce.csv": (
        "Salesforce",
        "salesforce:0035g00000ABcdeAAD",
        SECOND + 1000,
        ("*+390244556677 work", "+393471234567 mobile"),
    ),
    "salesforce-report.csv": (
        "Salesforce",
        "salesforce:0035g00000ABcdeAAD",
        MINUTE,
        ("*(02) 4455 6677 work", "347 1234567 mobile"),
    ),
    "salesforce.json": (
        "Salesforce",
        "salesforce:0035g00000ABcdeAAD",
        SECOND + 1000,
        ("*+390244556677 work", "+393471234567 mobile"),
    ),
}


def contacts(file: str) -> list[Contact]:
    """Return the contacts of an export, rows that are none left out."""
    found = []
    with open_export(EXPORTS / file) as opened:
        export = recognise(opened.columns)
        assert export
        for row in opened.rows:
            try:
                found.append(map_row(row.cells, export.columns, CALENDAR).contact)
            except PayloadError:
                continue
    return found


def test_there_is_an_example_of_every_product_and_it_is_in_the_table() -> None:
    assert {path.name for path in EXPORTS.iterdir()} == set(FILES)
    assert {product for product, *_ in FILES.values()} == {
        export.name for export in known_exports().values()
    }


@pytest.mark.parametrize("file", FILES)
def test_an_export_is_recognised_by_its_header(file: str) -> None:
    with open_export(EXPORTS / file) as opened:
        export = recognise(opened.columns)
    assert export
    assert export.name == FILES[file][0]


@pytest.mark.parametrize("file", FILES)
def test_mario_rossi_has_his_id_version_company_and_numbers(file: str) -> None:
    _, record, version, numbers = FILES[file]
    mario = contacts(file)[0]
    assert (
        mario.id == record
        if record
        else mario.id.startswith(mario.source) and len(mario.id) == len(mario.source) + 17
    )
    assert mario.version == version
    assert f"{mario.first_name} {mario.last_name}".strip() == "Mario Rossi"
    assert mario.company == COMPANY
    assert tuple(f"{'*' * n.primary}{n.number} {n.kind}" for n in mario.numbers) == numbers


def test_every_mark_tells_its_own_product_from_the_others() -> None:
    for export in known_exports().values():
        for mark in export.marks:
            found = recognise(mark)
            assert found, mark
            assert found.name == export.name, mark


def test_a_header_that_is_nobodys_is_not_taken_for_anybodys() -> None:
    assert recognise(["name", "phone", "city"]) is None


def test_odoos_companies_are_companies_and_its_own_ids_stay() -> None:
    company = contacts("odoo.csv")[1]
    assert (company.id, company.last_name, company.company, company.customer_code) == (
        "odoo:base.partner_officine",
        "",
        COMPANY,
        "IT01234567890",
    )
    assert contacts("odoo.json")[1].company == COMPANY
    assert contacts("odoo.json")[0].customer_code == ""


def test_people_whom_odoo_has_not_subject_to_vat_share_no_customer_code() -> None:
    columns = known_exports()["odoo"].columns
    rows = [
        {"id": "8", "name": "Ada Neri", "phone": "02 1", "ref": "", "vat": "/"},
        {"id": "9", "name": "Ugo Sala", "phone": "02 1", "ref": "", "vat": "/"},
    ]
    codes = [map_row(row, columns, CALENDAR).contact.customer_code for row in rows]
    assert codes == ["", ""]


def test_odoos_complete_name_is_taken_apart_where_it_is_all_there_is() -> None:
    columns = known_exports()["odoo"].columns
    row = {"id": "9", "complete_name": "Neri, Verdi & C. S.n.c., Ada Neri", "phone": "02 1"}
    ada = map_row(row, columns, CALENDAR).contact
    assert (ada.last_name, ada.company) == ("Ada Neri", "Neri, Verdi & C. S.n.c.")


def test_a_salesforce_report_and_its_api_mean_the_same_contact_by_ids_of_either_length() -> None:
    assert contacts("salesforce-report.csv")[0].id == contacts("salesforce.json")[0].id


def test_the_last_lines_of_a_salesforce_report_are_no_contacts() -> None:
    assert [contact.last_name for contact in contacts("salesforce-report.csv")] == ["Rossi", "Però"]


def test_an_organisation_of_google_without_a_person_is_a_company_at_its_main_number() -> None:
    trattoria = contacts("google.csv")[1]
    assert (trattoria.company, trattoria.last_name) == ("Trattoria da Beppe", "")
    assert [(n.number, n.kind) for n in trattoria.numbers] == [("06 4412345", "switchboard")]


@pytest.mark.parametrize(
    ("value", "label", "first"),
    [
        ("phone {} - value", "phone {} - label", 1),
        ("phone {} - value", "phone {} - type", 1),
        ("phonenumbers.{}.value", "phonenumbers.{}.type", 0),
    ],
)
def test_all_numbers_of_google_count_however_many_there_are(
    value: str, label: str, first: int
) -> None:
    row = {"first name": "Ada", "last name": "Neri"}
    # The columns' own order is not theirs to count on.
    for place in reversed(range(first, first + 14)):
        row |= {value.format(place): f"02 {place:04d}", label.format(place): "Work"}
    ada = map_row(row, known_exports()["google"].columns, CALENDAR).contact
    assert [(n.number, n.kind) for n in ada.numbers] == [
        (f"02 {place:04d}", "work") for place in range(first, first + 14)
    ]


@pytest.mark.parametrize(
    "column",
    [
        *("Pager", "Radio Phone", "Car Phone 2", "Callback", "ISDN", "TTY/TDD Phone"),
        *("Cercapersone", "Radiotelefono"),
    ],
)
def test_outlooks_rarer_phones_are_numbers_too_after_the_usual_ones(column: str) -> None:
    row = {"first name": "Ada", column.lower(): "02 2", "business phone": "02 1"}
    ada = map_row(row, known_exports()["outlook"].columns, CALENDAR).contact
    assert [(n.number, n.kind, n.primary) for n in ada.numbers] == [
        ("02 1", "work", True),
        ("02 2", "other", False),
    ]


def test_googles_own_groups_are_no_tags() -> None:
    assert contacts("google.csv")[0].tags == ("Clienti",)


def test_accents_survive_the_encodings_that_the_products_use() -> None:
    assert contacts("hubspot.csv")[1].first_name == "Niccolò"
    assert contacts("salesforce-report.csv")[1].last_name == "Però"
