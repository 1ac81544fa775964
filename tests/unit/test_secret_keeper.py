"""Secrets as the command line keeps them: what it writes is what the functions read."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.aws import AwsError
from centralino.adapters.secret_keeper import open_keeper
from centralino.adapters.secrets import KeptSecrets, file_secrets, managed_secrets, parameters
from centralino.domain.errors import RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from centralino.adapters.secrets import Source

SECRETS = {"api_key": "s3cr3t-è", "webhook_secrets": ["whsec_new", "whsec_old"]}


class MemorySsm:
    """As much of SSM as is used."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        assert timeout_s > 0
        name = payload["Name"]
        if operation == "PutParameter":
            assert (payload["Type"], payload["Overwrite"]) == ("SecureString", True)
            self.kept[name] = payload["Value"]
            return {"Version": 1}
        if name not in self.kept:
            raise AwsError("ParameterNotFound", "", {})
        if operation == "DeleteParameter":
            del self.kept[name]
            return {}
        assert payload["WithDecryption"]
        return {"Parameter": {"Value": self.kept[name]}}


class MemorySecretsManager:
    """As much of Secrets Manager as is used."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        assert timeout_s > 0
        name = payload.get("SecretId") or payload["Name"]
        if operation == "CreateSecret":
            assert name not in self.kept
        elif name not in self.kept:
            raise RejectedError("missing_table")
        if operation in ("CreateSecret", "PutSecretValue"):
            self.kept[name] = payload["SecretString"]
        elif operation == "DeleteSecret":
            assert payload["ForceDeleteWithoutRecovery"]
            del self.kept[name]
        return {"SecretString": self.kept.get(name, "")}


def open_place(kind: str, folder: Path) -> tuple[str, Source, Any]:
    """Return what CENTRALINO_SECRETS says, what the functions read, and the client."""
    if kind == "file":
        file = folder / "of" / "secrets.json"
        return f"file:{file}", file_secrets(str(file)), None
    if kind == "ssm":
        ssm = MemorySsm()
        return "/centralino/prod", parameters(ssm, "/centralino/prod"), ssm
    manager = MemorySecretsManager()
    return "secretsmanager:c/prod", managed_secrets(manager, "c/prod"), manager


@pytest.mark.parametrize("kind", ["file", "ssm", "secretsmanager"])
def test_what_is_written_is_what_a_function_reads_until_it_is_removed(
    tmp_path: Path, kind: str
) -> None:
    place, source, client = open_place(kind, tmp_path)
    keeper = open_keeper(place, lambda _service: client)
    assert keeper.read("acme", "odoo") == {}
    keeper.remove("acme", "odoo")  # nothing there is nothing to do
    for value in ({"api_key": "old"}, SECRETS):
        keeper.write("acme", "odoo", value)
        assert keeper.read("acme", "odoo") == value
        assert KeptSecrets(source).read("acme", "odoo") == value
    keeper.write("acme", "hubspot", {"token": "t"})
    keeper.remove("acme", "odoo")
    assert KeptSecrets(source).read("acme", "odoo") == {}
    assert keeper.read("acme", "hubspot") == {"token": "t"}
    assert keeper.read("other", "hubspot") == {}


def test_a_file_of_secrets_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    open_keeper(f"file:{file}", lambda _service: MemorySsm()).write("acme", "odoo", SECRETS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    for text in ("not JSON", json.dumps(["a", "list"])):
        file.write_text(text)
        keeper = open_keeper(f"file:{file}", lambda _service: MemorySsm())
        with pytest.raises(RejectedError):
            keeper.write("acme", "odoo", SECRETS)
        assert file.read_text() == text


def test_a_refusal_never_says_what_was_to_be_kept() -> None:
    class Refusing:
        def call(
            self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
        ) -> dict[str, Any]:
            raise AwsError("ValidationException", f"{operation} {payload} {timeout_s}", {})

    keeper = open_keeper("/centralino/prod", lambda _service: Refusing())
    with pytest.raises(RejectedError) as raised:
        keeper.write("acme", "odoo", SECRETS)
    assert raised.value.reason == "ValidationException"
    assert raised.value.__suppress_context__
    assert "s3cr3t" not in str(raised.value)
