"""The secrets of connections: where they are read from, how often, and what if they can't be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

import pytest

from centralino.adapters.secrets import (
    BELIEVED_S,
    MAX_REMEMBERED,
    REREAD_S,
    KeptSecrets,
    open_secrets,
)
from centralino.domain.errors import RejectedError, UnavailableError
from tests.support import faults
from tests.support.calls import Clock
from tests.support.fake_aws import FakeAws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ONE = {"webhook_secrets": ["one"]}
TWO = {"webhook_secrets": ["two", "one"]}


class Source:
    """Secrets by name, counting who asks."""

    def __init__(self) -> None:
        self.values: dict[str, Mapping[str, object]] = {}
        self.asked: list[str] = []
        self.fault: Exception | None = None

    def __call__(self, name: str, _timeout_s: float) -> Mapping[str, object] | None:
        self.asked.append(name)
        if self.fault:
            raise self.fault
        return self.values.get(name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Source:
    found = Source()
    found.values["acme/crm/generic"] = ONE
    return found


@pytest.fixture
def secrets(source: Source, clock: Clock) -> KeptSecrets:
    return KeptSecrets(source, now=clock)


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with FakeAws() as aws:
        yield aws


def _no_client(service: str) -> NoReturn:
    raise AssertionError(f"a file needs no {service}")


def test_a_container_asks_for_a_secret_once_however_many_deliveries_come(
    secrets: KeptSecrets, source: Source
) -> None:
    assert [secrets.read("acme", "generic") for _ in range(5)] == [ONE] * 5
    assert source.asked == ["acme/crm/generic"]


def test_two_tenants_and_two_crms_have_secrets_of_their_own(
    secrets: KeptSecrets, source: Source
) -> None:
    source.values |= {"acme/crm/odoo": TWO, "other/crm/generic": TWO}
    assert secrets.read("acme", "generic") == ONE
    assert secrets.read("acme", "odoo") == secrets.read("other", "generic") == TWO
    assert secrets.read("other", "odoo") == {}


def test_a_secret_that_was_replaced_is_good_after_a_refusal_and_the_old_one_isnt_any_more(
    secrets: KeptSecrets, source: Source, clock: Clock
) -> None:
    secrets.read("acme", "generic")
    source.values["acme/crm/generic"] = TWO
    clock.now += REREAD_S
    assert secrets.refresh("acme", "generic") == TWO
    assert secrets.read("acme", "generic") == TWO


def test_a_flood_of_forgeries_asks_for_the_secret_once_a_minute(
    secrets: KeptSecrets, source: Source, clock: Clock
) -> None:
    secrets.read("acme", "generic")
    for _ in range(6000):
        clock.now += 0.5
        secrets.refresh("acme", "generic")
    assert len(source.asked) == 1 + 6000 * 0.5 / REREAD_S


def test_a_flood_while_the_store_is_down_asks_it_once_a_minute_too(
    secrets: KeptSecrets, source: Source, clock: Clock
) -> None:
    secrets.read("acme", "generic")
    source.fault = UnavailableError("server")
    clock.now += REREAD_S
    with pytest.raises(UnavailableError):
        secrets.refresh("acme", "generic")
    for _ in range(100):
        clock.now += 0.5
        assert secrets.refresh("acme", "generic") == ONE
    assert len(source.asked) == 2


def test_a_secret_that_leaked_and_was_replaced_stops_being_good_by_itself(
    secrets: KeptSecrets, source: Source, clock: Clock
) -> None:
    secrets.read("acme", "generic")
    source.values["acme/crm/generic"] = TWO
    clock.now += BELIEVED_S - 1
    assert secrets.read("acme", "generic") == ONE
    clock.now += 1
    assert secrets.read("acme", "generic") == TWO


def test_while_the_store_is_down_an_old_secret_is_believed_and_the_store_left_alone(
    secrets: KeptSecrets, source: Source, clock: Clock
) -> None:
    secrets.read("acme", "generic")
    source.fault = UnavailableError("server")
    clock.now += BELIEVED_S
    for _ in range(10):
        clock.now += 1
        assert secrets.read("acme", "generic") == ONE
    assert len(source.asked) == 2


def test_without_a_secret_in_memory_a_store_that_is_down_is_told(
    secrets: KeptSecrets, source: Source
) -> None:
    source.fault = UnavailableError("server")
    with pytest.raises(UnavailableError):
        secrets.read("acme", "generic")


def test_what_a_container_remembers_has_an_end(source: Source, clock: Clock) -> None:
    secrets = KeptSecrets(source, now=clock)
    for number in range(MAX_REMEMBERED + 10):
        secrets.read(f"t{number}", "generic")
    assert len(secrets._kept) <= MAX_REMEMBERED


def test_a_secret_is_a_secure_parameter_below_the_stacks_prefix(aws: FakeAws) -> None:
    aws.parameters["/centralino/prod/acme/crm/generic"] = json.dumps(ONE)
    secrets = open_secrets("/centralino/prod", aws.client)
    assert secrets.read("acme", "generic") == ONE
    assert secrets.read("acme", "odoo") == {}
    assert aws.operations == ["GetParameter"] * 2


def test_a_secret_may_be_in_secrets_manager_instead(aws: FakeAws) -> None:
    aws.secrets["centralino/prod/acme/crm/generic"] = json.dumps(ONE)
    secrets = open_secrets("secretsmanager:centralino/prod", aws.client)
    assert secrets.read("acme", "generic") == ONE
    assert secrets.read("acme", "odoo") == {}
    assert aws.operations == ["GetSecretValue"] * 2


@pytest.mark.parametrize("place", ["/p", "secretsmanager:p"])
def test_what_the_store_refuses_is_told_by_its_kind(aws: FakeAws, place: str) -> None:
    operation = "GetParameter" if place == "/p" else "GetSecretValue"
    secrets = open_secrets(place, aws.client)
    for fault, reason in (
        (faults.expired_credentials(), "credentials"),
        (faults.error(400, "AccessDeniedException"), "permissions"),
        (faults.error(400, "InvalidKeyId"), "InvalidKeyId"),
    ):
        aws.broken[operation] = fault
        with pytest.raises(RejectedError) as caught:
            secrets.read("acme", "generic")
        assert caught.value.reason == reason


@pytest.mark.parametrize("text", ["hunter2", "[]", '"hunter2"', '{"webhook_secrets": hunter2', ""])
def test_a_secret_that_is_no_json_object_is_told_without_its_text(aws: FakeAws, text: str) -> None:
    aws.secrets["p/acme/crm/generic"] = text
    secrets = open_secrets("secretsmanager:p", aws.client)
    with pytest.raises(RejectedError) as caught:
        secrets.read("acme", "generic")
    assert caught.value.reason == "secret_not_json"
    assert "hunter2" not in str(caught.value)


def test_on_the_desk_secrets_are_the_members_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    secrets = open_secrets(f"file:{file}", _no_client)
    assert secrets.read("acme", "generic") == {}
    file.write_text(json.dumps({"acme/crm/odoo": TWO}))
    assert secrets.read("acme", "odoo") == TWO


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", "\xff", '{"acme/crm/odoo": "hunter2"}', "\x00"]
)
def test_a_file_that_holds_something_else_is_told_without_its_text(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(content)
    with pytest.raises(RejectedError) as caught:
        open_secrets(f"file:{file}", _no_client).read("acme", "odoo")
    assert "hunter2" not in str(caught.value)
