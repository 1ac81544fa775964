"""The demo tenant from start to start of the local stack, also in a folder of an older version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import httpx
import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.lines import DynamoLineStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.use_pbx import use_pbx
from centralino.domain.keys import ROLES, ApiKey, hash_key, new_key
from local_stack.demo import EXTEN, SETTINGS, TENANT, Demo, load_demo
from local_stack.demo_pbx import Rung
from local_stack.deploy import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from local_stack.emulator import Emulator
    from tests.support.dynamodb_local import DynamoDBLocal


class OnlyTheTable:
    """As much of the emulator as the demo's data need."""

    def __init__(self, server: DynamoDBLocal) -> None:
        self._env = server.env

    def env(self) -> Mapping[str, str]:
        return self._env


class Folder:
    """A folder of the local stack, and the table behind it."""

    def __init__(self, path: Path, server: DynamoDBLocal, table: str) -> None:
        self.file = path / "demo.json"
        self.secrets = path / "secrets.json"
        self.client = Client("dynamodb", env=server.env)
        self.table = table
        self._server = server
        self._pbxs: list[Demo] = []

    def start(self) -> Demo:
        """Load the demo's data, as a start does."""
        place = f"file:{self.secrets}"
        deployment = Deployment("api", "sockets", self.table, "queue", "bucket", place)
        emulator = cast("Emulator", OnlyTheTable(self._server))
        demo = load_demo(emulator, deployment, self.file, "http://localhost", lambda _: None)
        self._pbxs.append(demo)
        return demo

    def stop(self) -> None:
        """End what the starts began."""
        for demo in self._pbxs:
            demo.pbx.stop()
        self.client.close()

    def tenants(self) -> DynamoTenantStore:
        return DynamoTenantStore(self.client, self.table, TENANT)

    def lines(self) -> DynamoLineStore:
        return DynamoLineStore(self.client, self.table, TENANT)

    def dialling(self) -> DynamoDialStore:
        return DynamoDialStore(self.client, self.table, TENANT)

    def address(self) -> str:
        line = self.lines().get("generic")
        assert line
        return line.account["base_url"]

    def exten_of(self, key: str) -> str:
        [found] = [one for one in self.tenants().keys() if one.hash == hash_key(key)]  # noqa: SIM118 - a store is no dictionary
        return found.exten


@pytest.fixture
def folder(tmp_path: Path, dynamodb: DynamoDBLocal, table: str) -> Iterator[Folder]:
    folder = Folder(tmp_path, dynamodb, table)
    yield folder
    folder.stop()


def place(demo: Demo, token: str, body: Mapping[str, str]) -> httpx.Response:
    shown = {"authorization": f"Bearer {token}"}
    return httpx.post(demo.pbx.url, json=dict(body), headers=shown, timeout=5)


def test_the_agents_key_is_that_of_21_and_calls_are_placed_by_the_demos_pbx(
    folder: Folder,
) -> None:
    demo = folder.start()
    assert folder.exten_of(demo.keys["agent"]) == EXTEN
    assert folder.exten_of(demo.keys["admin"]) == ""
    assert folder.dialling().options().pbx == "generic"
    assert folder.address() == demo.pbx.url
    token = json.loads(folder.secrets.read_text())["demo/crm/dial-generic"]["token"]
    told: list[str] = []
    demo.pbx.tell = told.append
    said = place(demo, token, {"number": "0244556677", "exten": "21"})
    assert said.json() == {"status": "OK", "call_id": "demo-1"}
    assert demo.pbx.rung == [Rung("21", "0244556677")]
    assert told == ["(the demo's PBX: the phone of 21 rings, then it dials 0244556677)"]


@pytest.mark.parametrize(
    ("token", "body", "status"),
    [("guessed", {"number": "1", "exten": "2"}, 401), ("-", {}, 401), (None, {"exten": "2"}, 400)],
)
def test_the_demos_pbx_refuses_whom_it_does_not_know_and_what_it_does_not_understand(
    folder: Folder, token: str | None, body: Mapping[str, str], status: int
) -> None:
    demo = folder.start()
    known = json.loads(folder.file.read_text())["pbx_token"]
    assert place(demo, known if token is None else token, body).status_code == status
    assert demo.pbx.rung == []


def test_the_next_start_has_the_same_keys_and_finds_the_pbx_at_its_new_port(
    folder: Folder,
) -> None:
    first = folder.start()
    token = json.loads(folder.file.read_text())["pbx_token"]
    second = folder.start()
    assert second.pbx.url != first.pbx.url
    assert folder.address() == second.pbx.url
    assert second.keys == first.keys
    assert json.loads(folder.file.read_text())["pbx_token"] == token
    assert place(second, token, {"number": "0244556677", "exten": "21"}).status_code == 200


def test_a_folder_of_an_older_version_gets_the_pbx_and_its_agents_key_becomes_that_of_21(
    folder: Folder,
) -> None:
    keys = {role: new_key(TENANT) for role in ROLES}
    known = {"url": "http://localhost", "tenant": TENANT, "keys": keys}
    folder.file.write_text(json.dumps({**known, "webhook_secret": "whsec_b2xk"}))
    first, *others = [ApiKey(hash_key(key), role, "make run") for role, key in keys.items()]
    folder.tenants().create(SETTINGS, first)
    for key in others:
        folder.tenants().add_key(key)
    demo = folder.start()
    assert demo.keys == keys
    assert demo.webhook_secret == "whsec_b2xk"
    assert folder.exten_of(keys["agent"]) == EXTEN
    assert folder.dialling().options().pbx == "generic"
    assert folder.address() == demo.pbx.url


def test_a_role_that_is_new_gets_a_key_and_the_others_keep_theirs(folder: Folder) -> None:
    before = folder.start()
    content = json.loads(folder.file.read_text())
    del content["keys"]["crm"]
    folder.file.write_text(json.dumps(content))
    after = folder.start()
    assert {**after.keys, "crm": ""} == {**before.keys, "crm": ""}
    stored = {key.hash for key in folder.tenants().keys()}  # noqa: SIM118 - a store is no dictionary
    assert hash_key(after.keys["crm"]) in stored


def test_a_pbx_that_somebody_connected_instead_stays(folder: Folder) -> None:
    folder.start()
    folder.lines().save("asterisk", {"base_url": "https://pbx.example"}, now_s=0)
    folder.lines().save("generic", {"base_url": "https://other.example/call"}, now_s=0)
    use_pbx(folder.dialling(), "asterisk")
    folder.start()
    assert folder.dialling().options().pbx == "asterisk"
    assert folder.address() == "https://other.example/call"
