"""Imports through the worker: cut between rows, imported by the piece, taken up where they end."""

from __future__ import annotations

import contextlib
import csv
import io
import random
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centralino.domain.errors import (
    NotFoundError,
    PayloadError,
    RejectedError,
    UnavailableError,
)
from centralino.entry.chunk import ChunkTools, apply_chunk
from centralino_cli import s3_import
from centralino_cli.export_file import open_export
from tests.support.command_line import CommandLine
from tests.support.memory_crm import Kill, kill
from tests.support.memory_objects import MemoryObjects, MemorySqs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from centralino.application.import_chunk import Chunk
    from centralino.ports.store import ContactStore
    from tests.support.command_line import Outcome

HEADER = "Record ID,First Name,Last Name,Phone Number,Last Modified Date"
EXPORTS = Path(__file__).parents[1] / "data" / "exports"
MARKER = "Zanzottera"


class Yard:
    """A desk with a bucket, a queue and a worker that works while the desk waits."""

    def __init__(self, folder: Path) -> None:
        self.line = CommandLine(folder)
        self.line.env = {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "CENTRALINO_TABLE": "centralino",
            "CENTRALINO_TENANT": "acme",
            "CENTRALINO_BUCKET": "files",
            "CENTRALINO_QUEUE_URL": "https://sqs.example/worker",
        }
        self.objects = MemoryObjects()
        self.sqs = MemorySqs()
        self.lost = 0
        self.line.around = {
            "objects": lambda _bucket: self.objects,
            "aws": lambda _service, _env: self.sqs,
            "sleep": self.work,
        }

    @property
    def tools(self) -> ChunkTools:
        office = self.line.office
        return ChunkTools(
            self.objects, office.contacts, office.tenants, lambda _s: None, office.clock
        )

    def work(self, seconds: float) -> None:
        """Let the worker do what there is, in any order, each message maybe twice."""
        self.line.office.clock.now += seconds
        messages, self.sqs.messages = self.sqs.messages, []
        random.Random(len(messages)).shuffle(messages)
        for message in messages:
            if self.lost:
                self.lost -= 1
                continue
            for _ in range(1 + message["row"] % 2):
                # What the worker prints is its log, which is elsewhere than the desk's terminal.
                with contextlib.redirect_stdout(io.StringIO()):
                    apply_chunk(message, self.tools)

    def write(self, *rows: str, name: str = "export.csv", encoding: str = "utf-8") -> Path:
        file = self.line.folder / name
        file.write_text("\n".join((HEADER, *rows)) + "\n", encoding=encoding)
        return file

    def run(self, file: object, *words: str) -> Outcome:
        return self.line.run("import", file, "--via-s3", "--json", *words)


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setattr(s3_import.cut, "__defaults__", (400,))  # pieces of a few rows
    return Yard(tmp_path)


def person(record: int, name: str = "Rossi") -> str:
    return f"{record},Mario,{name} {record},02 4455{record:04d},2026-08-03 17:45"


def test_a_large_file_goes_in_piece_by_piece_and_calls_find_its_contacts(yard: Yard) -> None:
    told = yard.run(yard.write(*(person(record) for record in range(200))))
    assert told.code == 0, told
    assert told.json["created"] == 200
    assert yard.sqs.sent > 20
    contacts = yard.line.office.contacts()
    assert contacts.count() == 200
    [holder] = contacts.holders("+390244550117").holders
    assert holder.name == "Mario Rossi 117"


def test_it_comes_to_the_same_as_an_import_from_here(yard: Yard, tmp_path: Path) -> None:
    rows = [person(record) for record in range(50)]
    rows[7] = '7,Mario,"Rossi\n7","02 44550007",2026-08-03 17:45'
    rows[8] = "8,,,02 1,"
    file = yard.write(*rows)
    here = CommandLine(tmp_path)
    there = yard.run(file)
    assert there.code == 3
    assert here.run("import", file, "--json").code == 3
    for record in range(50):
        contact_id = f"hubspot:{record}"
        assert yard.line.office.contacts().get(contact_id) == here.office.contacts().get(contact_id)


def test_the_same_import_again_sends_nothing_and_another_content_is_another_import(
    yard: Yard,
) -> None:
    rows = [person(record) for record in range(50)]
    file = yard.write(*rows)
    first = yard.run(file).json
    sent = yard.sqs.sent
    assert yard.run(file).json == first
    assert yard.sqs.sent == sent
    changed = yard.run(yard.write(*rows[:-1], rows[-1].replace("2026-08-03", "2026-08-04"))).json
    assert (changed["unchanged"], changed["changed"]) == (49, 1)
    assert changed["import"] != first["import"]


def test_what_got_lost_on_the_way_is_all_that_is_sent_again(yard: Yard) -> None:
    yard.lost = 3
    file = yard.write(*(person(record) for record in range(100)))
    told = yard.run(file)
    assert told.code == 1
    assert "does no more: look into its log and the dead-letter queue" in told.err
    sent = yard.sqs.sent
    told = yard.run(file)
    assert told.code == 0
    assert yard.sqs.sent == sent + 3
    assert told.json["created"] == 100


def test_rejected_rows_of_all_pieces_are_in_one_file_in_the_bucket(yard: Yard) -> None:
    rows = [person(record) for record in range(60)]
    rows[3] = "3,,,02 1,"
    rows[40] = '40,,,"a ""note"",\nof two lines",'
    rows[50] = "50,Ugo,Sala,interno 12,2026-08-03 17:45"
    told = yard.run(yard.write(*rows))
    assert told.code == 3
    assert (told.json["rejected"], told.json["unindexed_numbers"]) == (2, 1)
    place = told.json["rejected_file"].removeprefix("s3://files/")
    text = yard.objects.files[place].decode("utf-8-sig")
    rejected = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["Record ID"], row["rejected row"]) for row in rejected] == [
        ("3", "5"),
        ("40", "42"),
    ]
    assert rejected[1]["Phone Number"] == 'a "note",\nof two lines'
    numbers = yard.objects.files[told.json["numbers_file"].removeprefix("s3://files/")].decode()
    assert "hubspot:50,interno 12" in numbers


def test_a_row_without_a_record_id_is_rejected_for_it_could_be_two_peoples(yard: Yard) -> None:
    told = yard.run(yard.write(person(1), ",Mario,Rossi,02 1234567,"))
    assert (told.code, told.json["created"], told.json["rejected"]) == (3, 1, 1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding_goes_in(yard: Yard, encoding: str) -> None:
    yard.run(yard.write(*(person(n, "Però") for n in range(30)), encoding=encoding))
    saved = yard.line.office.contacts().get("hubspot:29")
    assert saved
    assert saved.last_name == "Però 29"


def test_a_file_that_is_imported_does_not_stay_in_the_bucket(yard: Yard) -> None:
    yard.run(yard.write(person(1)), "--no-wait")
    assert [key for key in yard.objects.files if key.endswith("source.csv")]
    yard.run(yard.write(person(1)))
    assert not [key for key in yard.objects.files if key.endswith("source.csv")]


def test_erasing_a_tenant_removes_its_files_and_nobody_elses(yard: Yard) -> None:
    yard.run(yard.write(",Mario,Rossi,02 1234567,"))
    yard.objects.files |= {"claims/acme/odoo/1": b"", "claims/acme2/odoo/1": b""}
    yard.line.done("tenants", "erase", "acme", "--yes-erase", "acme")
    assert list(yard.objects.files) == ["claims/acme2/odoo/1"]


def test_a_file_that_lies_in_s3_already_is_taken_from_there(yard: Yard) -> None:
    yard.objects.elsewhere["s3://exports/crm/hubspot.csv"] = yard.write(person(1)).read_bytes()
    told = yard.line.run("import", "s3://exports/crm/hubspot.csv", "--json")
    assert (told.code, told.json["created"]) == (0, 1)
    told = yard.line.run("import", "s3://exports/crm/none.csv")
    assert (told.code, told.err) == (1, "centralino: there is no such file in the bucket\n")


@pytest.mark.parametrize("export", ["hubspot-it.csv", "odoo.csv", "salesforce.csv"])
def test_every_export_with_record_ids_is_mapped_there_as_it_is_here(
    yard: Yard, tmp_path: Path, export: str
) -> None:
    yard.line.office.clock.now = 1_795_000_000
    here = CommandLine(tmp_path)
    here.office.clock.now = 1_795_000_000
    here.run("import", EXPORTS / export)
    assert yard.run(EXPORTS / export).code == 0
    one, other = (office.contacts().page().contacts for office in (here.office, yard.line.office))
    assert one
    assert one == other


def test_the_worker_never_has_so_many_pieces_that_webhooks_wait_behind_them(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_import, "UNDER_WAY", 4)
    waiting = []
    work = yard.work

    def some(seconds: float) -> None:
        waiting.append(len(yard.sqs.messages))
        later = yard.sqs.messages[3:]
        yard.sqs.messages = yard.sqs.messages[:3]
        work(seconds)
        yard.sqs.messages += later

    yard.line.around["sleep"] = some
    told = yard.run(yard.write(*(person(record) for record in range(200))))
    assert told.json["created"] == 200
    assert max(waiting) == 4
    assert len(waiting) > 5


def test_who_does_not_wait_is_told_how_many_pieces_there_are(yard: Yard) -> None:
    told = yard.run(yard.write(*(person(record) for record in range(50))), "--no-wait")
    assert told.json["sent"] == told.json["pieces"] == len(yard.sqs.messages)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("CENTRALINO_BUCKET", "--bucket or CENTRALINO_BUCKET: expected the stack's bucket"),
        ("CENTRALINO_QUEUE_URL", "--queue or CENTRALINO_QUEUE_URL: expected the worker's queue"),
        ("CENTRALINO_TENANT", "--tenant or CENTRALINO_TENANT: expected the tenant's id"),
        ("CENTRALINO_TABLE", "--table or CENTRALINO_TABLE: expected the DynamoDB table's name"),
    ],
)
def test_what_is_not_said_is_asked_for(yard: Yard, missing: str, said: str) -> None:
    del yard.line.env[missing]
    told = yard.run(yard.write(person(1)))
    assert (told.code, told.err) == (2, f"centralino: {said}\n")


@pytest.mark.parametrize(
    ("words", "content", "said"),
    [
        (["--dry-run"], HEADER, "--dry-run: a trial reads the file here: leave --via-s3 out"),
        (["--from", "hubspot"], '[{"id": "1"}]', "FILE: expected CSV; JSON goes in without"),
        ([], f'{HEADER}\n1,a,"never closed' + "x" * 2_000_000, "source.csv: expected CSV: "),
    ],
)
def test_what_can_not_be_cut_is_refused_in_one_line(
    yard: Yard, words: list[str], content: str, said: str
) -> None:
    file = yard.line.folder / "file.csv"
    file.write_text(content)
    told = yard.run(file, *words)
    assert told.code == 2
    assert told.err.splitlines()[-1].startswith(f"centralino: {said}")
    assert yard.sqs.sent == 0


# --- the worker ----------------------------------------------------------------------------------


def test_a_piece_that_fails_comes_again_and_its_first_counts_stay(yard: Yard) -> None:
    yard.run(yard.write(person(1)), "--no-wait")
    [message] = yard.sqs.messages
    yard.objects.faults = [UnavailableError("timeout")]
    with pytest.raises(UnavailableError):
        apply_chunk(message, yard.tools)
    apply_chunk(message, yard.tools)
    apply_chunk(message, yard.tools)
    [result] = [body for key, body in yard.objects.files.items() if "/results/" in key]
    assert result == b'{"created": 1}'


@pytest.mark.parametrize(
    "change",
    [{"import": "../../other"}, {"import": None}, {"start": -1}, {"end": 0}, {"row": "1"}],
)
def test_a_message_that_is_none_of_ours_is_refused(yard: Yard, change: dict[str, Any]) -> None:
    yard.run(yard.write(person(1)), "--no-wait")
    [message] = yard.sqs.messages
    with pytest.raises(PayloadError):
        apply_chunk({**message, **change}, yard.tools)


def test_a_piece_of_a_tenant_that_is_gone_is_dropped_and_of_a_file_that_is_gone_is_not(
    yard: Yard,
) -> None:
    yard.run(yard.write(person(1)), "--no-wait")
    [message] = yard.sqs.messages
    with pytest.raises(NotFoundError):
        apply_chunk({**message, "import": "0" * 32}, yard.tools)
    yard.line.office.tenants().close()
    apply_chunk(message, yard.tools)
    assert yard.line.office.contacts().count() == 0


def test_a_piece_that_comes_again_when_its_import_has_ended_is_done(yard: Yard) -> None:
    file = yard.write(person(1))
    yard.run(file, "--no-wait")
    [message] = yard.sqs.messages
    yard.run(file)
    assert not [key for key in yard.objects.files if key.endswith("source.csv")]
    before = dict(yard.objects.files)
    apply_chunk(message, yard.tools)
    assert yard.objects.files == before
    with pytest.raises(NotFoundError):
        apply_chunk({**message, "start": message["start"] + 1}, yard.tools)


def test_a_bucket_that_forbids_what_is_not_there_makes_no_dead_letter_of_such_a_piece(
    yard: Yard,
) -> None:
    file = yard.write(person(1))
    yard.run(file, "--no-wait")
    [message] = yard.sqs.messages
    yard.run(file)
    yard.objects.faults = [RejectedError("permissions")]
    apply_chunk(message, yard.tools)
    yard.objects.faults = [RejectedError("permissions")] * 2
    with pytest.raises(RejectedError):
        apply_chunk(message, yard.tools)


def test_a_function_that_is_about_to_end_leaves_the_rest_of_a_piece_to_the_next_one(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_import.cut, "__defaults__", (100_000,))
    yard.run(yard.write(*(person(record) for record in range(150))), "--no-wait")
    [message] = yard.sqs.messages
    contacts = yard.line.office.contacts()
    with pytest.raises(UnavailableError, match="time"):
        apply_chunk(message, yard.tools, has_time=lambda _: not contacts.count())
    assert contacts.count() == 99
    assert not [key for key in yard.objects.files if "/results/" in key]
    apply_chunk(message, yard.tools)
    assert contacts.count() == 150


def test_a_worker_that_is_killed_anywhere_in_a_piece_loses_no_row(tmp_path: Path) -> None:
    """Every request of a piece is once the last one of its process."""
    steps = 0
    for place in range(1000):
        yard = Yard(tmp_path)
        rows = [person(1), "2,,,02 1,", person(3)]
        yard.run(yard.write(*rows), "--no-wait")
        [message] = yard.sqs.messages
        left = [place]

        def step(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                kill()

        contacts = yard.tools.contacts
        tools = yard.tools._replace(
            objects=Stepping(yard.objects, step),
            contacts=lambda tenant, step=step, contacts=contacts: stepping(contacts(tenant), step),  # type: ignore[misc]
        )
        try:
            apply_chunk(message, tools)
        except Kill:
            apply_chunk(message, yard.tools)
        else:
            steps = place
        assert yard.line.office.contacts().count() == 2
        [rejected] = [body for key, body in yard.objects.files.items() if "/rejected/" in key]
        assert rejected.startswith(b"2,,,02 1,,3,")
        assert len([key for key in yard.objects.files if "/results/" in key]) == 1
        if steps:
            break
    # The rows, what is known of them, two contacts, two files; the manifest is in memory by then.
    assert steps == 6


def test_a_store_that_does_not_answer_keeps_no_function_until_its_end(yard: Yard) -> None:
    yard.run(yard.write(person(1)), "--no-wait")
    [message] = yard.sqs.messages
    waited: list[float] = []

    def contacts(tenant: str) -> ContactStore:
        store = yard.tools.contacts(tenant)

        def fail(*_: object, **__: object) -> NoReturn:
            raise UnavailableError("timeout")

        store.save = fail  # type: ignore[method-assign]
        return store

    tools = yard.tools._replace(contacts=contacts, pause=waited.append)
    with pytest.raises(UnavailableError, match="time"):
        apply_chunk(message, tools, has_time=lambda _: len(waited) < 2)
    assert len(waited) == 2


def test_no_log_holds_a_number_or_a_name(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    yard.run(yard.write(person(1, MARKER), f"2,{MARKER},,interno 12,"), "--no-wait")
    capsys.readouterr()
    [message] = yard.sqs.messages
    apply_chunk(message, yard.tools)
    out, err = capsys.readouterr()
    assert '"ImportRows": 2' in out
    for marker in (MARKER, "44550001", "interno"):
        assert marker not in out + err


class Stepping(MemoryObjects):
    """Takes a step for each request, before it is carried out."""

    def __init__(self, objects: MemoryObjects, step: Callable[[], None]) -> None:
        super().__init__()
        self.files = objects.files
        self._asked = step  # type: ignore[method-assign]


def stepping(store: ContactStore, step: Callable[[], None]) -> ContactStore:
    """Let a store take a step for each contact that it saves, and for what it is asked for."""
    save, known = store.save, store.known

    def saved(*words: Any, **named: Any) -> Any:  # noqa: ANN401 - as the store has it
        step()
        return save(*words, **named)

    def asked(*words: Any, **named: Any) -> Any:  # noqa: ANN401 - as the store has it
        step()
        return known(*words, **named)

    store.save, store.known = saved, asked  # type: ignore[method-assign]
    return store


# --- cutting -------------------------------------------------------------------------------------

CELL = st.text(alphabet=st.sampled_from('ab,;"\n è€😀\t'), max_size=12)


def rows_of(content: bytes, chunks: Sequence[Chunk], delimiter: str) -> list[tuple[int, list[str]]]:
    found = []
    for chunk in chunks:
        text = content[chunk.start : chunk.end].decode()
        reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter)
        found += list(enumerate(reader, chunk.row))
    return found


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=30),
    size=st.integers(1, 200),
    terminator=st.sampled_from(["\n", "\r\n"]),
    before=st.sampled_from(["", "sep=;\n", "\n\n"]),
)
def test_pieces_hold_every_row_once_in_order_whatever_is_in_quotes(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    size: int,
    terminator: str,
    before: str,
) -> None:
    text = io.StringIO(newline="")
    text.write(before)
    writer = csv.writer(text, delimiter=";", lineterminator=terminator)
    writer.writerow(["id", "name", "phone", "write_date"])
    writer.writerows(rows)
    content = text.getvalue().encode()
    path = tmp_path_factory.mktemp("cut") / "file.csv"
    path.write_bytes(content)
    with open_export(path, "utf-8") as opened:
        chunks = list(s3_import.cut(path, opened, size))
    found = rows_of(content, chunks, ";")
    skipped = 1 + before.count("\n")
    assert [cells for _, cells in found] == rows
    assert [number for number, _ in found] == list(range(skipped + 1, skipped + 1 + len(rows)))
    assert [chunk.end for chunk in chunks[:-1]] == [chunk.start for chunk in chunks[1:]]
    assert all(chunk.end - chunk.start >= size for chunk in chunks[:-1])


# --- memory --------------------------------------------------------------------------------------


class Counting(MemoryObjects):
    """Counts what is uploaded and keeps none of it."""

    def upload(self, key: str, path: Path) -> None:
        self.files[key] = str(path.stat().st_size).encode()


def test_a_file_of_300_000_rows_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.objects = Counting()
    file = tmp_path / "large.csv"
    with file.open("w") as text:
        text.write(HEADER + "\n")
        text.writelines(f"{person(record)}\n" for record in range(300_000))
    # What the first import loads for all that follow is no part of the file.
    first = tmp_path / "first.csv"
    first.write_text(f"{HEADER}\n{person(0)}\n")
    assert Yard(tmp_path).run(first, "--no-wait").code == 0
    tracemalloc.start()
    told = yard.run(file, "--no-wait")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.code == 0
    size = file.stat().st_size
    assert size > 15_000_000
    assert told.json["sent"] == yard.sqs.sent
    # A few blocks of a megabyte, and each piece's three numbers.
    assert peak < size / 2
    assert sum(message["end"] - message["start"] for message in yard.sqs.messages) > size * 0.99
    assert max(message["end"] - message["start"] for message in yard.sqs.messages) < 70_000
