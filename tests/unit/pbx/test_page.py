"""`docs/pbx.md`: what is generated is current, and every provider is under the contract."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import pbx_page
from centralino.adapters.pbx.generic import Adapter as Generic
from tests.support.pbx.contract import PbxContract
from tests.unit.pbx.test_generic import presets

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "pbx.md").read_text()


def test_the_documented_table_of_pbxs_is_the_one_in_the_code() -> None:
    assert pbx_page.providers() in TEXT


def test_the_documented_samples_of_requests_are_those_of_the_tests() -> None:
    assert pbx_page.samples() in TEXT


@pytest.mark.parametrize("slug", pbx_page.slugs())
def test_every_option_of_a_pbx_is_documented(slug: str) -> None:
    assert pbx_page.options(slug) in TEXT


@pytest.mark.parametrize("slug", pbx_page.slugs())
def test_every_pbx_is_under_the_contract_and_named_like_its_file(slug: str) -> None:
    adapter = importlib.import_module(f"centralino.adapters.pbx.{slug}").Adapter
    tests = importlib.import_module(f"tests.unit.pbx.test_{slug}")
    contracts = [
        kind
        for kind in vars(tests).values()
        if isinstance(kind, type) and issubclass(kind, PbxContract) and kind is not PbxContract
    ]
    assert adapter.slug == slug
    assert {kind.adapter for kind in contracts} == {adapter}


def test_the_documented_options_can_be_saved() -> None:
    assert set(presets()) == {"while1", "Zammad", "TVox"}
    for options in presets().values():
        Generic.check_options(options)


def test_every_folder_that_the_page_names_is_there() -> None:
    named = re.findall(r"\(\.\./(integrations/[^)]+)\)", TEXT)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
