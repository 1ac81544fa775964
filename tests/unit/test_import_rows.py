"""What a row of an export says: names, numbers, times and ids, and what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from centralino.application.map_row import (
    Calendar,
    NumberColumn,
    RowMap,
    TimeColumn,
    map_row,
)
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import PayloadError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CALENDAR = Calendar(NOW)
COLUMNS = RowMap(
    source="erp",
    record_id=("code",),
    first_name=("first",),
    last_name=("last",),
    full_name=("whole",),
    company=("company", "firm"),
    numbers=(NumberColumn("phone", "work", primary=True), NumberColumn("cell", "mobile")),
    modified=(TimeColumn("modified"), TimeColumn("modificato", day_first=True)),
    customer_code=("ref", "vat"),
    tags=("tags",),
    separator=":::",
)


def dated(calendar: Calendar, **row: str) -> Contact:
    return map_row({"code": "7", "last": "Rossi", **row}, COLUMNS, calendar).contact


def contact(**row: str) -> Contact:
    return dated(CALENDAR, **row)


def numbers(**row: str) -> list[str]:
    return [number.number for number in contact(**row).numbers]


def test_a_row_is_a_contact_under_its_source_and_record_id() -> None:
    row = {
        "code": "7",
        "first": " Mario ",
        "last": "Rossi",
        "firm": "Officine Rossi",
        "phone": "02 44556677",
        "cell": "347 1234567",
        "modified": "2026-11-03T17:45:12.345Z",
        "tags": "vip ::: milano",
    }
    assert map_row(row, COLUMNS, CALENDAR).contact == Contact(
        id="erp:7",
        version=1_793_727_912_345,
        first_name="Mario",
        last_name="Rossi",
        company="Officine Rossi",
        numbers=(
            ContactNumber("02 44556677", "work", primary=True),
            ContactNumber("347 1234567", "mobile"),
        ),
        tags=("vip", "milano"),
        updated_at_ms=1_793_727_912_345,
    )


def test_a_whole_name_counts_only_where_its_parts_are_empty() -> None:
    assert contact(last="", whole="Anna Villa").last_name == "Anna Villa"
    assert contact(whole="Anna Villa").last_name == "Rossi"


def test_a_row_that_names_nobody_is_refused() -> None:
    with pytest.raises(PayloadError, match="row: expected a name or a company"):
        contact(last=" \t", phone="02 44556677")


@pytest.mark.parametrize("mangled", ["3.90245E+11", "3,90245E+11", "4E+10", "3.9e11"])
def test_a_number_that_a_spreadsheet_has_rounded_is_refused_by_its_column(mangled: str) -> None:
    with pytest.raises(PayloadError, match=r"phone: expected a number, not .*lost its last digits"):
        contact(phone=mangled)


@pytest.mark.parametrize(
    "cell",
    [
        "'+39 02 4455",
        "\u2019+39 02 4455",
        '="+39 02 4455"',
        "=\u201c+39 02 4455\u201d",
        "  +39 02 4455\t",
        "\x00+39 02 4455",
    ],
)
def test_what_keeps_a_spreadsheet_from_mangling_a_number_is_no_part_of_it(cell: str) -> None:
    assert numbers(phone=cell) == ["+39 02 4455"]


def test_an_apostrophe_inside_a_name_stays() -> None:
    assert contact(last="D'Angelo").last_name == "D'Angelo"


def test_several_numbers_in_a_cell_are_several_numbers_and_the_first_is_to_dial() -> None:
    found = contact(phone="02 111 ::: 02 222", cell="347 1\n347 2").numbers
    assert [(n.number, n.kind, n.primary) for n in found] == [
        ("02 111", "work", True),
        ("02 222", "work", False),
        ("347 1", "mobile", False),
        ("347 2", "mobile", False),
    ]


def test_a_number_that_is_there_twice_counts_once() -> None:
    assert numbers(phone="02 111 ::: 02 111", cell="02 111") == ["02 111"]


@pytest.mark.parametrize("filler", ["/", "-", " . ", "'--"])
def test_a_customer_code_without_a_letter_or_digit_is_none(filler: str) -> None:
    assert contact(ref=filler).customer_code == ""
    assert contact(ref=filler, vat="IT01234567890").customer_code == "IT01234567890"
    assert contact(ref="A/7", vat=filler).customer_code == "A/7"


@pytest.mark.parametrize(
    ("written", "version"),
    [
        # Each would be a millisecond less as a float of seconds.
        ("2004-09-02T03:30:51.314Z", 1_094_095_851_314),
        ("1987-01-17T04:04:01.532+01:00", 537_851_041_532),
        ("1094095851314", 1_094_095_851_314),
    ],
)
def test_a_modified_time_keeps_its_last_millisecond(written: str, version: int) -> None:
    assert contact(modified=written).version == version


def test_what_is_no_number_stays_on_the_contact_to_the_letter() -> None:
    assert numbers(phone="interno 12, chiedere di Piero") == ["interno 12, chiedere di Piero"]


def test_a_note_in_a_number_column_is_refused_by_its_column() -> None:
    with pytest.raises(PayloadError, match="cell: expected a number of at most 64 characters"):
        contact(cell="1" * 65)


def test_more_numbers_than_a_contact_can_have_are_refused() -> None:
    assert len(numbers(phone=":::".join(map(str, range(40))))) == 40
    with pytest.raises(PayloadError, match="numbers: expected at most 40"):
        contact(phone=":::".join(map(str, range(41))))


def test_line_ends_and_control_characters_in_a_name_are_spaces() -> None:
    assert contact(last="De\r\nLuca\x07 \x1b[2J").last_name == "De Luca [2J"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1793727912345", "2026-11-03T17:45:12.345"),
        ("1793727912", "2026-11-03T17:45:12"),
        ("2026-11-03", "2026-11-03T00:00:00"),
        ("2026-11-03 17:45", "2026-11-03T17:45:00"),
        ("2026-11-03T18:45:12+01:00", "2026-11-03T17:45:12"),
        ("2026-11-03T17:45:12.000+0000", "2026-11-03T17:45:12"),
        ("11/3/2026", "2026-11-03T00:00:00"),
        ("11/03/2026 17:45", "2026-11-03T17:45:00"),
        ("11/3/2026, 5:45 PM", "2026-11-03T17:45:00"),
        ("11/3/2026 12:05 a.m.", "2026-11-03T00:05:00"),
        ("11-03-2026 17.45.12", "2026-11-03T17:45:12"),
    ],
)
def test_a_modified_time_in_any_usual_form_is_the_version(written: str, meant: str) -> None:
    expected = datetime.fromisoformat(meant).replace(tzinfo=UTC)
    found = contact(modified=written)
    assert found.version == found.updated_at_ms == round(expected.timestamp() * 1000)


def test_the_day_comes_first_where_the_header_is_italian_or_somebody_says_so() -> None:
    march, april = (
        datetime(2026, month, day, tzinfo=UTC).timestamp() * 1000 for month, day in ((3, 4), (4, 3))
    )
    assert contact(modified="03/04/2026").version == march
    assert contact(modificato="03/04/2026").version == april
    assert dated(Calendar(NOW, day_first=True), modified="03/04/2026").version == april
    assert dated(Calendar(NOW, day_first=False), modificato="03/04/2026").version == march


def test_a_time_without_a_zone_is_in_the_zone_that_was_said() -> None:
    rome = Calendar(NOW, ZoneInfo("Europe/Rome"))
    assert dated(rome, modified="2026-11-03 18:45").version == (
        contact(modified="2026-11-03 17:45").version
    )
    assert dated(rome, modified="2026-11-03T17:45:00Z").version == (
        contact(modified="2026-11-03 17:45").version
    )


@pytest.mark.parametrize(
    ("column", "written", "said"),
    [
        ("modified", "yesterday", "modified: expected a date and time, not 'yesterday'"),
        ("modified", "13/11/2026", "modified: expected month/day, not 13/11/2026: try --day-first"),
        ("modificato", "11/13/2026", "expected day/month, not 11/13/2026: try --month-first"),
        ("modified", "31/31/2026", "modified: expected a date and time"),
        ("modified", "12/11/2026", "a time that has been, not 12/11/2026: is its day its month?"),
        ("modified", "1960-01-01", "modified: expected a time after 1970"),
        ("modified", "9" * 30, "modified: expected a date and time"),
    ],
)
def test_a_modified_time_that_is_none_is_refused_by_its_column(
    column: str, written: str, said: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        contact(**{column: written})
    assert said in str(refused.value)


def test_a_row_without_a_modified_time_is_older_than_any_that_has_one() -> None:
    assert contact().version == 1
    assert contact().updated_at_ms == 0
    assert contact(modified="1970-01-02").version > 1


def test_a_row_without_a_record_id_gets_one_of_its_names_and_mail() -> None:
    def made_up(**row: str) -> str:
        mapped = map_row({"last": "Rossi", **row}, COLUMNS, CALENDAR)
        assert mapped.made_up_id
        return mapped.contact.id

    assert made_up() == made_up(last=" ROSSI ") == made_up(phone="02 1", tags="vip")
    assert len({made_up(), made_up(first="Mario"), made_up(company="Rossi")}) == 3
    assert made_up(**{"e-mail": "a@x.example"}) != made_up(**{"e-mail": "b@x.example"})
    assert made_up(**{"e-mail": "A@x.example"}) == made_up(posta="a@x.example")
