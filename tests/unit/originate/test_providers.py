"""Every PBX that places calls is under the contract, and named like its file."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from centralino import bootstrap
from centralino.adapters import pbx
from centralino.domain.errors import NotFoundError
from tests.support.originate.contract import OriginateContract

FILES = sorted(Path(pbx.__path__[0]).glob("*.py"))
SLUGS = [path.stem for path in FILES if "class Originate(" in path.read_text()]
# The PBX connects to us: there is no request of ours that could be lost, refused or redirected.
BY_SOCKET = {"asterisk_ws"}


@pytest.mark.parametrize("slug", SLUGS)
def test_every_pbx_that_places_calls_is_found_by_its_slug(slug: str) -> None:
    assert bootstrap.originator_class(slug).slug == slug


@pytest.mark.parametrize("slug", sorted(set(SLUGS) - BY_SOCKET))
def test_every_pbx_that_places_calls_is_under_the_contract(slug: str) -> None:
    tests = importlib.import_module(f"tests.unit.originate.test_{slug}")
    contracts = [
        kind
        for kind in vars(tests).values()
        if isinstance(kind, type)
        and issubclass(kind, OriginateContract)
        and hasattr(kind, "originator")  # else it is a contract itself
    ]
    assert {kind.originator for kind in contracts} == {bootstrap.originator_class(slug)}


@pytest.mark.parametrize("slug", sorted({path.stem for path in FILES} - set(SLUGS)))
def test_a_pbx_that_places_no_calls_is_not_one_that_does(slug: str) -> None:
    with pytest.raises(NotFoundError):
        bootstrap.originator_class(slug)
