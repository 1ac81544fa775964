"""A real contact server, Tryton, and a provider that reads it: for tests alone.

Nobody here wrote the server, so what it makes of a search, how long it takes and how it fails is
not what the tests' author imagined. The provider is as long as it has to be to search and to read;
it has no webhooks, for Tryton sends none.

https://docs.tryton.org/latest/server/
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.adapters.web import HttpWeb, Reach
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.moments import to_milliseconds
from centralino.ports.crm import Connection, Crm
from centralino.ports.web import expect_success
from local_stack.toolchain import environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from centralino.ports.crm import Delivery, Parsed, Records

DATABASE = "acme"
USER = "admin"
PASSWORD = "Officine-2026-Rossi"
START_LIMIT_S = 60.0
_KINDS = {"phone": "work", "mobile": "mobile"}


class Tryton(NamedTuple):
    """A Tryton server on loopback.

    Attributes:
        url: where it is.
        process: the server.
    """

    url: str
    process: subprocess.Popen[bytes]

    def connect(self, password: str = PASSWORD) -> TrytonCrm:
        """Return a connection to it, over the web as CRMs are asked everywhere."""
        account = {"base_url": self.url, "database": DATABASE, "user": USER}
        web = HttpWeb(Reach(private=True))
        return TrytonCrm(Connection("tryton", account, {"password": password}), web)

    def create(self, name: str, **numbers: str) -> str:
        """Create a party as its own clients do; return its id. `phone="02 ..."`, `mobile=...`."""
        mechanisms = [{"type": kind, "value": number} for kind, number in numbers.items()]
        values = {"name": name, "contact_mechanisms": [["create", mechanisms]]}
        [party] = self.connect().call("model.party.party.create", [values])
        return str(party)

    def write(self, party: str, **values: object) -> None:
        """Change a party."""
        self.connect().call("model.party.party.write", [int(party)], values)

    def delete(self, party: str) -> None:
        """Delete a party."""
        self.connect().call("model.party.party.delete", [int(party)])


class TrytonCrm(Crm):
    """Reads a Tryton database by JSON-RPC."""

    slug = "tryton"

    def __init__(self, connection: Connection, web: HttpWeb) -> None:
        super().__init__(connection, web)
        self._session = ""

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        until_s = time.monotonic() + timeout_s
        digits = [digit for digit in number or variants[0] if digit.isdecimal()]
        # Tryton keeps numbers as they were typed: these digits, whatever stands between them.
        pattern = "%" + "".join(f"{digit}%" for digit in digits[-8:])
        domain = [["type", "in", list(_KINDS)], ["value", "like", pattern]]
        method = "model.party.contact_mechanism.search_read"
        found = self.call(method, domain, 0, 20, None, ["party"], until_s=until_s)
        return self._read({row["party"] for row in found}, until_s)

    def fetch(self, record: str) -> Contact | None:
        return next(iter(self._read({int(record)}, None)), None)

    def check(self) -> str:
        return f"user {self._signed_in(None).split(':')[0]}"

    def _read(self, parties: set[int], until_s: float | None) -> tuple[Contact, ...]:
        if not parties:
            return ()
        wanted = sorted(parties)
        names = ["name", "code", "write_date", "create_date"]
        rows = self.call(
            "model.party.party.search_read",
            [["id", "in", wanted]],
            0,
            len(wanted),
            None,
            names,
            until_s=until_s,
        )
        mechanisms = self.call(
            "model.party.contact_mechanism.search_read",
            [["party", "in", wanted], ["type", "in", list(_KINDS)]],
            0,
            None,
            None,
            ["party", "type", "value"],
            until_s=until_s,
        )
        return tuple(self._contact(row, mechanisms) for row in rows)

    def _contact(self, row: dict[str, Any], mechanisms: list[dict[str, Any]]) -> Contact:
        at = row["write_date"] or row["create_date"]
        fields = {name: value for name, value in at.items() if name != "__class__"}
        modified_ms = to_milliseconds(datetime(**fields, tzinfo=UTC))
        return Contact(
            id=f"tryton:{row['id']}",
            version=modified_ms,
            company=row["name"] or "",
            numbers=tuple(
                ContactNumber(one["value"], _KINDS[one["type"]])
                for one in mechanisms
                if one["party"] == row["id"]
            ),
            customer_code=row["code"] or "",
            updated_at_ms=modified_ms,
        )

    def call(self, method: str, *parameters: object, until_s: float | None = None) -> Any:  # noqa: ANN401 - JSON is anything
        """Call a method, within a moment of the monotonic clock if one is given."""
        session = base64.b64encode(self._signed_in(until_s).encode()).decode()
        return self._post(method, [*parameters, {}], until_s, f"Session {session}")

    def _signed_in(self, until_s: float | None) -> str:
        if not self._session:
            user = self.connection.account["user"]
            secret = {"password": self.connection.secret("password")}
            uid, token = self._post("common.db.login", [user, secret, "en"], until_s)[:2]
            self._session = f"{user}:{uid}:{token}"
        return self._session

    def _post(
        self, method: str, parameters: list[object], until_s: float | None, session: str = ""
    ) -> Any:  # noqa: ANN401 - JSON is anything
        account = self.connection.account
        answer = self.web.send(
            "POST",
            f"{account['base_url']}/{account['database']}/rpc/",
            headers={"content-type": "application/json"}
            | ({"authorization": session} if session else {}),
            body=json.dumps({"id": 1, "method": method, "params": parameters}).encode(),
            timeout_s=None if until_s is None else until_s - time.monotonic(),
        )
        said = expect_success(answer).json()
        if "result" not in said:
            raise RejectedError("request")
        return said["result"]

    def verify(self, delivery: Delivery) -> None:
        raise NotImplementedError

    def parse(self, delivery: Delivery) -> Parsed:
        raise NotImplementedError

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        raise NotImplementedError

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        raise NotImplementedError


@contextmanager
def start(directory: Path) -> Iterator[Tryton]:
    """Run a server with a new database; installing it comes first.

    Args:
        directory: for the database, the settings and the log.

    Raises:
        LocalStackError: it can't be installed here.
        RuntimeError: it didn't start.
    """
    programs = environment("tryton")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    settings = directory / "trytond.conf"
    settings.write_text(
        f"[database]\nuri = sqlite://\npath = {directory}\n[web]\nlisten = 127.0.0.1:{port}\n"
    )
    (directory / f"{DATABASE}.sqlite").touch()
    (directory / "password").write_text(PASSWORD)
    told = ("-c", settings, "-d", DATABASE)
    prepare = ("-u", "party", "--activate-dependencies", "--email", "admin@example.com")
    with (directory / "log").open("wb") as log:
        subprocess.run(
            [programs / "trytond-admin", *told, *prepare],
            env={**os.environ, "TRYTONPASSFILE": str(directory / "password")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
        )
        process = subprocess.Popen(
            [programs / "trytond", *told], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            server = Tryton(f"http://127.0.0.1:{port}", process)
            _wait_until_ready(server)
            yield server
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(server: Tryton) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit and server.process.poll() is None:
        try:
            server.connect().check()
        except UnavailableError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("Tryton didn't start")
