"""Every region calls every region in every spelling: nobody is missed, nobody is mistaken."""

from __future__ import annotations

import phonenumbers
import pytest

from tests.support import recall


@pytest.fixture(scope="module")
def tenant() -> recall.Tenant:
    return recall.make_tenant()


@pytest.fixture(scope="module")
def figures(tenant: recall.Tenant) -> recall.Recall:
    return recall.measure(tenant)


def test_every_caller_is_found_and_never_shown_as_another(figures: recall.Recall) -> None:
    assert figures.wrong == []


def test_the_callers_that_may_be_two_contacts_are_the_listed_ones(figures: recall.Recall) -> None:
    listed = recall.AMBIGUOUS.read_text(encoding="utf-8").splitlines()
    assert figures.ambiguous == listed


def test_every_region_is_called_and_calls(tenant: recall.Tenant, figures: recall.Recall) -> None:
    callers = {s.region for s in tenant.subscribers}
    assert callers > set(phonenumbers.SUPPORTED_REGIONS)
    formats = {cli_format for _, cli_format, _, _ in figures.outcomes}
    assert formats == {"mixed", "plus", "national", "digits"}
    called = {a.line.country for a in recall.mixed_calls(tenant) if not a.home}
    assert called == set(phonenumbers.SUPPORTED_REGIONS)
