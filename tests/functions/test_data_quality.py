"""The report on data quality: what a person should look at, each thing once, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.store.callers import DynamoCallerStore
from tests.support.admin import TABLE, Desk
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PATH = "/v1/reports/data-quality"
SHARED = "02 44556677"


class Callers:
    """Notes unknown callers, by a DynamoDB that knows more than the memory one's items."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def call(self, caller: str, times: int = 1) -> None:
        for _ in range(times):
            store = DynamoCallerStore(self.desk.dynamo, TABLE, "acme", now=self.desk.clock)
            store.note_unknown(caller, until=self.desk.clock.now + 300)
            self.desk.clock.now += 600


@pytest.fixture
def desk() -> Desk:
    return Desk()


def parts(desk: Desk, **query: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        reply = desk.ask("GET", PATH, query={**query, **({"cursor": cursor} if cursor else {})})
        assert reply.status == 200, reply
        yield reply.json
        if not (cursor := reply.json["cursor"]):
            return


def report(desk: Desk, **query: str) -> list[dict[str, Any]]:
    """All of it, of each finding what it says."""
    findings = [finding for part in parts(desk, **query) for finding in part["findings"]]
    return [
        {name: value for name, value in finding.items() if value}
        for finding in sorted(findings, key=lambda it: (it["kind"], it["number"]))
    ]


def number(text: str) -> list[Mapping[str, str]]:
    return [{"number": text}]


def test_a_tenant_with_clean_data_has_an_empty_report(desk: Desk) -> None:
    desk.add(last_name="Rossi", numbers=number(SHARED))
    assert report(desk) == []


def test_a_number_that_no_call_can_match_is_in_the_report_with_the_reason(desk: Desk) -> None:
    made = desk.add(last_name="Rossi", numbers=[*number("interno 12"), *number(SHARED)])
    [finding] = report(desk)
    assert (finding["kind"], finding["number"]) == ("unindexable", "interno 12")
    assert finding["contacts"] == [made["id"]]
    assert finding["problem"]


def test_a_number_in_two_crms_is_in_the_report_once_and_one_in_one_crm_is_not(desk: Desk) -> None:
    for contact_id in ("hubspot:1", "odoo:7", "odoo:8"):
        desk.add(id=contact_id, last_name="Rossi", numbers=number(SHARED))
    for contact_id in ("odoo:9", "odoo:10"):
        desk.add(id=contact_id, last_name="Verdi", numbers=number("02 7712345"))
    assert report(desk) == [
        {
            "kind": "duplicate",
            "number": "+390244556677",
            "contacts": ["hubspot:1", "odoo:7", "odoo:8"],
            "total": 3,
        }
    ]


def test_a_number_with_more_holders_than_a_card_has_room_for_is_in_the_report_once(
    desk: Desk,
) -> None:
    for place in range(20):
        desk.add(last_name=f"Rossi {place}", numbers=number(SHARED))
    assert report(desk) == []
    for place in range(3):
        desk.add(last_name=f"Verdi {place}", numbers=number(SHARED))
    [finding] = report(desk, limit="2")
    assert (finding["kind"], finding["total"], len(finding["contacts"])) == ("crowded", 23, 20)


def test_who_called_twice_and_is_unknown_is_in_the_report(desk: Desk) -> None:
    callers = Callers(desk)
    callers.call("+393471111111")
    callers.call("+393472222222", 2)
    callers.call("+393473333333", 5)
    found = report(desk, kind="unknown_caller")
    assert [(it["number"], it["calls"]) for it in found] == [
        ("+393472222222", 2),
        ("+393473333333", 5),
    ]
    assert found[0]["last_at"].startswith("20")
    # Who is remembered for a month is then forgotten, whether TTL has come by or not.
    desk.clock.now += 31 * 86_400
    assert report(desk) == []


def test_all_is_found_whatever_the_size_of_a_part(desk: Desk) -> None:
    for place in range(30):
        desk.add(
            id=f"{'odoo' if place % 2 else 'hubspot'}:{place}",
            last_name="Rossi",
            numbers=[*number(f"02 44556{place // 2:03d}"), *number(f"interno {place}")],
        )
        Callers(desk).call(f"+39347111{place:04d}", 2)
    whole = report(desk)
    assert len(whole) == 30 + 15 + 30
    assert report(desk, limit="7") == whole
    assert report(desk, limit="1") == whole
    assert sum(part["examined"] for part in parts(desk, limit="7")) == 30
    kinds = ("crowded", "duplicate", "unindexable", "unknown_caller")
    assert [it for kind in kinds for it in report(desk, kind=kind)] == whole


def test_another_tenants_data_are_not_in_the_report(desk: Desk) -> None:
    desk.add(key=desk.keys["other"]["admin"], last_name="Rossi", numbers=number("interno 12"))
    assert report(desk) == []


def test_only_an_administrator_reads_it(desk: Desk) -> None:
    for role in ("supervisor", "agent", "crm"):
        assert desk.ask("GET", PATH, key=desk.keys["acme"][role]).status == 403


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"cursor": "u.99."}, {"cursor": "c.x"}, {"kind": "all"}]
)
def test_what_can_not_be_read_is_refused(desk: Desk, query: dict[str, str]) -> None:
    assert desk.ask("GET", PATH, query=query).status in (400, 422)


# --- the command line ----------------------------------------------------------------------------


def test_the_command_line_shows_all_of_it(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    assert line.done("report", "data-quality").err == "nothing to look at, in 0 contacts\n"
    line.office.add(id="hubspot:1", last_name="Rossi", numbers=number(SHARED))
    line.office.add(
        id="odoo:7", last_name="Rossi", numbers=[*number(SHARED), *number("interno 12")]
    )
    Callers(line.office).call("+393472222222", 2)
    told = line.done("report", "data-quality")
    assert told.out.splitlines()[0].split() == ["what", "number", "contacts", "why"]
    assert "in several sources" in told.out
    assert "called 2 times" in told.out
    assert told.err == "3 to look at, in 2 contacts\n"
    found = line.done("report", "data-quality", "--kind", "unindexable", "--json").json
    assert [finding["number"] for finding in found] == ["interno 12"]
    told = line.run("report", "data-quality", "--kind", "all")
    assert told.code == 2
