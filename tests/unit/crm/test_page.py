"""`docs/crm.md`: what is generated is current, and its JSON is what the provider takes."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import TypeGuard

import pytest

import crm_page
from centralino.adapters.crm.generic import Adapter
from centralino.ports.crm import Connection
from tests.support.crm.contract import CrmContract
from tests.unit.crm.test_generic import signed

TEXT = (Path(__file__).parents[3] / "docs" / "crm.md").read_text()
EXAMPLES = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_documented_table_of_crms_is_the_one_in_the_code() -> None:
    assert crm_page.providers() in TEXT


def test_the_documented_samples_of_deliveries_are_those_of_the_tests() -> None:
    assert crm_page.samples() in TEXT
    assert "recorded" not in TEXT.lower()


@pytest.mark.parametrize("slug", crm_page.slugs())
def test_every_setting_of_a_crm_is_documented(slug: str) -> None:
    assert crm_page.settings(slug) in TEXT


@pytest.mark.parametrize("slug", crm_page.slugs())
def test_every_crm_is_under_the_contract_and_named_like_its_file(slug: str) -> None:
    adapter = importlib.import_module(f"centralino.adapters.crm.{slug}").Adapter
    tests = importlib.import_module(f"tests.unit.crm.test_{slug}")
    contracts = [kind for kind in vars(tests).values() if isinstance(kind, type)]
    assert adapter.slug == slug
    # One whose clock is set by its test is the same provider.
    assert any(issubclass(kind.adapter, adapter) for kind in contracts if _is_contract(kind))


def _is_contract(kind: type) -> TypeGuard[type[CrmContract]]:
    return issubclass(kind, CrmContract) and kind is not CrmContract


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_every_event_in_the_documentation_is_understood(place: int) -> None:
    body = EXAMPLES[place].encode()
    parsed = Adapter(Connection("generic", {}, {})).parse(signed(body))
    events = json.loads(body)
    assert len(parsed.hints) == (len(events) if isinstance(events, list) else 1)
    assert parsed.problems == ()


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) > 1


def test_every_kind_of_event_is_documented() -> None:
    kinds = [f"contact.{word}" for word in ("created", "updated", "deleted", "restored", "erased")]
    assert [kind for kind in (*kinds, "contact.merged") if f"`{kind}`" not in TEXT] == []
