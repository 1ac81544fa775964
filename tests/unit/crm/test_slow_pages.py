"""CRMs whose records have to be read one by one: what was read is never read again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from centralino.adapters.crm.espocrm import Adapter as Espo
from centralino.adapters.crm.zendesk import Adapter as Zendesk
from centralino.domain.errors import ThrottledError, UnavailableError
from centralino.ports.crm import Connection
from tests.support.crm import Fault, LoopbackWeb, Person, failing, throttled
from tests.support.crm.espocrm import API_KEY, FakeEspo
from tests.support.crm.zendesk import TOKEN, FakeZendesk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from centralino.ports.crm import Crm
    from tests.support.crm import FakeCrm

NOW_MS = 1_795_000_000_000
RECORDS = 8
# What a page takes before its first record is there.
LEADING = {"espocrm": 2, "zendesk": 3}


class ImpatientEspo(Espo):
    """Has no time for more than one record."""

    page_s = 0.0


class ImpatientZendesk(Zendesk):
    """Has no time for more than one record."""

    page_s = 0.0


class Side(NamedTuple):
    """A CRM with records, and who asks it, in no hurry and without any time."""

    fake: FakeCrm
    crm: Crm
    impatient: Crm


@pytest.fixture(params=["espocrm", "zendesk"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    fake: FakeCrm
    patient: type[Crm]
    impatient: type[Crm]
    if request.param == "espocrm":
        fake, patient, impatient = FakeEspo(lists_data=False), Espo, ImpatientEspo
    else:
        fake, patient, impatient = FakeZendesk(sideloads=False), Zendesk, ImpatientZendesk
    secrets = {"api_key": API_KEY, "token": TOKEN}
    fake.page_size = 100
    with fake:
        for place in range(1, RECORDS + 1):
            fake.save(Person(fake.record(place), f"02 4455 66{place:02}", NOW_MS + 1000 * place))
        connection = Connection(request.param, {"base_url": fake.url}, secrets)
        yield Side(fake, patient(connection, LoopbackWeb()), impatient(connection, LoopbackWeb()))


def pages(crm: Crm) -> Iterator[Sequence[str]]:
    """List everything, whatever fails on the way."""
    cursor = ""
    for _ in range(10 * RECORDS):
        try:
            page = crm.modified_since(0, cursor)
        except UnavailableError:
            continue
        yield [contact.id.partition(":")[2] for contact in page.contacts]
        cursor = page.cursor
        if not cursor:
            return
    raise AssertionError("no end in sight")


def read_alone(fake: FakeCrm) -> list[str]:
    """Return which records were asked for one by one."""
    paths = [request.path for request in fake.requests]
    found = [re.search(r"/Contact/(\w+)$|/users/(\d+)/identities", path) for path in paths]
    return [match[1] or match[2] for match in found if match]


def everybody(fake: FakeCrm) -> list[str]:
    return [fake.record(place) for place in range(1, RECORDS + 1)]


def test_a_page_is_whole_where_there_is_time(side: Side) -> None:
    assert next(pages(side.crm)) == everybody(side.fake)
    assert read_alone(side.fake) == everybody(side.fake)


def test_a_page_without_time_has_one_record_and_the_next_one_goes_on_behind_it(
    side: Side,
) -> None:
    found = [page for page in pages(side.impatient) if page]
    assert found == [[record] for record in everybody(side.fake)]
    assert read_alone(side.fake) == everybody(side.fake)


@pytest.mark.parametrize("fault", [throttled(), failing(503)], ids=["throttled", "failing"])
def test_a_crm_that_stops_each_page_half_way_is_read_to_the_end_all_the_same(
    side: Side, fault: Fault
) -> None:
    through = LEADING[side.crm.slug] + 1
    side.fake.faults = [*([Fault()] * through), fault] * (20 * RECORDS)
    found = [record for page in pages(side.crm) for record in page]
    assert found == everybody(side.fake)


def test_the_first_record_of_a_page_that_can_not_be_read_is_said_to_be_so(side: Side) -> None:
    side.fake.faults = [*([Fault()] * (LEADING[side.crm.slug] - 1)), throttled("42")]
    with pytest.raises(ThrottledError) as caught:
        side.crm.modified_since(0)
    assert caught.value.retry_after_s == 42
