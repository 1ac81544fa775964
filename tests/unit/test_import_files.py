"""Reading exports: encodings, delimiters, the many shapes of JSON, and files that are broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from centralino.domain.errors import PayloadError
from centralino_cli.export_file import open_export

if TYPE_CHECKING:
    from pathlib import Path

    from centralino.application.import_contacts import Row

TEXT = "Nome;Città\nNiccolò;Cantù\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "export"


def rows(file: Path, encoding: str = "") -> list[Row]:
    with open_export(file, encoding) as opened:
        return list(opened.rows)


def cells(file: Path) -> list[dict[str, str]]:
    return [dict(row.cells) for row in rows(file)]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_it_is_in(
    file: Path, encoding: str, found: str
) -> None:
    file.write_bytes(TEXT.encode(encoding))
    with open_export(file) as opened:
        assert opened.encoding == found
        assert [dict(row.cells) for row in opened.rows] == [{"nome": "Niccolò", "città": "Cantù"}]


def test_a_euro_sign_and_curly_quotes_of_windows_are_read(file: Path) -> None:
    file.write_bytes("nome,note\nL\u2019Aquila,5 €\n".encode("cp1252"))
    assert cells(file) == [{"nome": "L\u2019Aquila", "note": "5 €"}]


def test_one_accent_far_down_a_large_file_decides_its_encoding(file: Path) -> None:
    file.write_bytes(b"nome,note\n" + b"Rossi,ok\n" * 20_000 + b"Per\xf2,ok\n")
    assert cells(file)[-1]["nome"] == "Però"


def test_an_encoding_that_was_said_wins(file: Path) -> None:
    file.write_bytes("nome,note\nPerò,ok\n".encode("mac-roman"))
    assert rows(file, "mac-roman")[0].cells["nome"] == "Però"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("ascii", "export: expected text in ascii; say --encoding"), ("klingon", "--encoding: exp")],
)
def test_an_encoding_that_is_wrong_is_refused(file: Path, encoding: str, said: str) -> None:
    file.write_text(TEXT, encoding="utf-8")
    with pytest.raises(PayloadError, match=said):
        rows(file, encoding)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_headers(file: Path, delimiter: str) -> None:
    file.write_text(f'"a, b; c"{delimiter}d{delimiter}e\n1{delimiter}"2,;|\t"{delimiter}3\n')
    with open_export(file) as opened:
        assert opened.delimiter == delimiter
        assert [dict(row.cells) for row in opened.rows] == [
            {"a, b; c": "1", "d": "2,;|\t", "e": "3"}
        ]


def test_excels_line_about_the_delimiter_is_obeyed_and_is_no_row(file: Path) -> None:
    file.write_text("sep=;\na,b;c\n1;2\n")
    [row] = rows(file)
    # It is the file's first line, so the header is in the second.
    assert (row.number, dict(row.cells)) == (3, {"a,b": "1", "c": "2"})


def test_rows_are_numbered_as_a_spreadsheet_numbers_them_blank_ones_and_long_cells_included(
    file: Path,
) -> None:
    file.write_text('name,note\nA,"one\ntwo"\n\n,\nB,x\n')
    assert [(row.number, row.cells["name"]) for row in rows(file)] == [(2, "A"), (5, "B")]


def test_headers_differ_by_neither_case_nor_spaces(file: Path) -> None:
    file.write_text('\ufeff"  First\u00a0 NAME ",Last\nA,B\n', encoding="utf-8")
    assert cells(file) == [{"first name": "A", "last": "B"}]


def test_of_two_columns_of_one_name_the_one_that_is_not_empty_counts(file: Path) -> None:
    file.write_text("phone,name,Phone\n,A,02 1\n02 2,B,\n02 3,C,02 4\n")
    assert [row["phone"] for row in cells(file)] == ["02 1", "02 2", "02 3"]


def test_a_row_with_more_cells_than_the_header_says_so_instead_of_shifting(file: Path) -> None:
    file.write_text("name,city\nA,Milan,Italy\nB,Rome,,\nC\n")
    first, second, third = rows(file)
    assert first.problem.startswith("row: expected 2 cells as the header has, not 3")
    assert (second.problem, third.problem) == ("", "")
    assert dict(third.cells) == {"name": "C"}


@pytest.mark.parametrize("content", ["", "\n\n", " ,, \n"])
def test_a_file_without_a_header_is_refused(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(PayloadError, match="file: expected CSV with a header, or JSON"):
        rows(file)


def test_a_quote_that_is_never_closed_is_refused_and_not_read_to_the_end(file: Path) -> None:
    file.write_text('name,city\nA,"Milan\n' + "B,Rome\n" * 400_000)
    with pytest.raises(PayloadError, match="is a quote never closed"):
        rows(file)


RECORDS = [{"Id": 1, "Name": "A"}, {"Id": 2, "Name": "B"}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=4),
        "".join(json.dumps(record) + "\n" for record in RECORDS),
        json.dumps({"paging": {"next": 1}, "results": RECORDS, "total": 2}),
        json.dumps({"@odata.context": "x", "value": RECORDS}),
        json.dumps({"jsonrpc": "2.0", "result": {"length": 2, "records": RECORDS}}),
        "".join(json.dumps({"done": False, "records": [record]}) for record in RECORDS),
        "\ufeff \n" + json.dumps(RECORDS),
    ],
)
def test_records_are_found_however_json_wraps_them(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert cells(file) == [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]


def test_records_are_flattened_and_what_is_nothing_is_empty(file: Path) -> None:
    record = {
        "Account": {"Name": "Rossi"},
        "phones": ["1", "2"],
        "pairs": [5, "x"],
        "people": [{"Value": 3.5}],
        "yes": True,
        "no": False,
        "none": None,
    }
    file.write_text(json.dumps([record]))
    assert cells(file) == [
        {
            "account.name": "Rossi",
            "phones": "1;2",
            "phones.0": "1",
            "phones.1": "2",
            "pairs.0": "5",
            "pairs.1": "x",
            "people.0.value": "3.5",
            "yes": "true",
            "no": "",
            "none": "",
        }
    ]


def test_a_record_longer_than_what_is_read_at_a_time_is_whole(file: Path) -> None:
    long = [{"id": number, "note": "ò" * 150_000} for number in range(4)]
    file.write_text(json.dumps(long, ensure_ascii=False), encoding="utf-8")
    assert [len(row["note"]) for row in cells(file)] == [150_000] * 4


def test_numbers_at_the_edge_of_what_is_read_at_a_time_are_whole(file: Path) -> None:
    values = ",".join(f'{{"id":{number}}}' for number in range(30_000))
    file.write_text(f"[{values}]")
    assert [row["id"] for row in cells(file)] == [str(number) for number in range(30_000)]


def test_a_large_file_is_not_read_as_a_whole(file: Path) -> None:
    file.write_text("[" + ",".join(['{"id":1}'] * 500_000) + "]")
    with open_export(file) as opened:
        next(opened.rows)
        assert opened.position() < file.stat().st_size / 10


@pytest.mark.parametrize(
    "text",
    ['[{"id": 1}', '[{"id": 1} {"id": 2}]', '{"id": 1, "results": [', '[{"id": NaNa}]', "[1,]"],
)
def test_json_that_breaks_off_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(PayloadError, match="file: expected JSON; it breaks off"):
        rows(file)


@pytest.mark.parametrize("text", ["[]", "{}", '{"results": []}'])
def test_json_without_records_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(PayloadError, match="JSON with records; there are none"):
        rows(file)


def test_what_is_no_object_among_records_is_a_problem_of_its_own_row(file: Path) -> None:
    file.write_text('[{"id": 1}, 5, {"id": 2}]')
    assert [row.problem for row in rows(file)] == ["", "record: expected a JSON object", ""]
