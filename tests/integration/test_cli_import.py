"""`centralino tenants create` and `import` on a real table: what calls find afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.application.decode_caller import Call, decode_caller
from centralino.domain.settings import Line, Settings
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.dynamodb_local import DynamoDBLocal
    from tests.support.fault_proxy import FaultProxy

EXPORTS = Path(__file__).parents[1] / "data" / "exports"
SETTINGS = Settings("verdi", line=Line("IT", "02"))


@pytest.fixture
def line(
    tmp_path: Path, dynamodb: DynamoDBLocal, table: str, proxy: FaultProxy
) -> Iterator[CommandLine]:
    """A desk with AWS credentials, and the tenant `verdi` on a table of its own."""
    clients: list[Client] = []

    def connect(env: Mapping[str, str]) -> Client:
        clients.append(Client("dynamodb", env=env))
        return clients[-1]

    line = CommandLine(tmp_path, connect)
    line.office.clock.now = 1_795_000_000
    line.env = {
        **dynamodb.env,
        **proxy.env,
        "CENTRALINO_TABLE": table,
        "CENTRALINO_TENANT": "verdi",
    }
    line.done("tenants", "create", "verdi", "--area-code", "02")
    yield line
    for client in clients:
        client.close()


def label(dynamodb: DynamoDBLocal, table: str, number: str) -> str:
    client = Client("dynamodb", env=dynamodb.env)
    try:
        store = DynamoCallStore(client, table)
        return decode_caller(
            Call(number),
            SETTINGS,
            SETTINGS.line,
            lambda numbers: store.read("verdi", numbers, timeout_s=5),
        ).label
    finally:
        client.close()


@pytest.mark.parametrize("export", sorted(EXPORTS.iterdir()), ids=lambda path: path.name)
def test_who_calls_after_an_import_is_shown_by_name_and_a_second_import_writes_nothing(
    line: CommandLine, proxy: FaultProxy, dynamodb: DynamoDBLocal, table: str, export: Path
) -> None:
    file = line.folder / export.name
    file.write_bytes(export.read_bytes())
    first = line.run("import", file, "--json").json
    assert first["created"] > 0
    assert label(dynamodb, table, "3471234567") == "Mario Rossi"
    assert label(dynamodb, table, "0039 02 44556677") == "Mario Rossi"
    before = len(proxy.requests)
    second = line.run("import", file, "--json").json
    assert second["unchanged"] == first["created"]
    later = [request.operation for request in proxy.requests[before:]]
    assert sorted(later) == ["BatchGetItem", "GetItem"]


def test_many_threads_import_many_contacts_once_each(line: CommandLine) -> None:
    file = line.folder / "many.csv"
    # Every tenth pair shares a switchboard, so that writers meet.
    rows = [f"{n},Anna,Villa,02 {n - n % 10 if n % 10 < 2 else n:07d}" for n in range(500)]
    file.write_text("Record ID,First Name,Last Name,Phone Number\n" + "\n".join(rows) + "\n")
    assert line.done("import", file, "--threads", 8, "--json").json["created"] == 500
    assert line.done("import", file, "--threads", 8, "--json").json["unchanged"] == 500
