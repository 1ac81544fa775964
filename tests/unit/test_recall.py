"""Every region calls every region in every spelling: nobody is missed, nobody is mistaken."""

from __future__ import annotations

import phonenumbers

from tests.support import recall


def test_every_caller_is_found_and_who_is_taken_for_another_is_listed() -> None:
    """One measurement for all of it: 650,000 calls take their time."""
    figures = recall.measure(recall.make_tenant())
    assert figures.wrong == []
    assert figures.ambiguous == recall.AMBIGUOUS.read_text(encoding="utf-8").splitlines()
    # Who has no contact is taken for another in these calls only.
    assert figures.strangers == recall.STRANGERS.read_text(encoding="utf-8").splitlines()
    assert figures.outcomes.total() > len(phonenumbers.SUPPORTED_REGIONS) * 2_000
    formats = {cli_format for _, cli_format, _, _ in figures.outcomes}
    assert formats == {"mixed", "plus", "national", "digits"}


def test_every_region_and_every_code_without_one_has_callers() -> None:
    tenant = recall.make_tenant()
    callers = {s.region for s in tenant.subscribers}
    codes = map(str, phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)
    assert callers == {*phonenumbers.SUPPORTED_REGIONS, *codes}


def test_every_number_has_near_neighbours_among_the_contacts() -> None:
    tenant = recall.make_tenant()
    neighbours = sum(whose.startswith("neighbour") for whose in tenant.contacts.values())
    assert neighbours > 5 * (len(tenant.contacts) - neighbours)
