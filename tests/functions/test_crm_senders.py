"""An outage of ours, as each CRM lives through it: what comes again, what is lost, who is banned.

The senders are those of `tests/support/crm/senders.py`; a database that is down is in
`tests/integration/test_crm_outage.py`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from centralino.adapters import crm as crm_adapters
from centralino.adapters.crm.salesforce import ACK
from tests.support.crm import LoopbackWeb
from tests.support.crm.contract import NOW_S, contract_of
from tests.support.crm.outage import EVERY_S, IMPATIENT, PATIENT, Service, changes, outlived
from tests.support.crm.senders import (
    Answered,
    EspocrmSender,
    Event,
    HubspotSender,
    PipedriveSender,
    SalesforceSender,
    Sender,
    StandardSender,
    ZendeskSender,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# What the receiver needs and may not get.
BROKEN = ("queue", "secrets", "keys", "connections")


def test_each_provider_has_a_sender() -> None:
    slugs = {path.stem for path in Path(crm_adapters.__file__).parent.glob("[!_]*.py")}
    assert slugs == {*PATIENT, *IMPATIENT}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("provider", PATIENT)
def test_nothing_is_lost_in_an_outage_of_minutes_and_no_webhook_is_banned_or_deleted(
    provider: str, broken: str
) -> None:
    sender = PATIENT[provider]()
    service = outlived(provider, sender, Service(contract_of(provider), broken))

    assert sender.lost == []
    assert (sender.banned, sender.removed) == (False, False)
    # There was an outage, and it was told as our own trouble.
    assert set(service.statuses) == {200, 503}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("provider", IMPATIENT)
def test_what_a_crm_gives_up_in_an_outage_is_found_by_reconciliation(
    provider: str, broken: str
) -> None:
    sender, every_s = IMPATIENT[provider]
    contract = contract_of(provider)
    service = Service(contract, broken)
    with contract.server() as crm:
        events = changes(contract, crm, every_s)
        giving_up = sender()
        giving_up.run(events, service.post)
        # Those that were told too late; what the outage didn't meet arrived.
        assert giving_up.lost
        assert len(giving_up.lost) + len(giving_up.arrived) == len(events)
        assert giving_up.banned == (provider == "pipedrive")
        assert not giving_up.removed
        connection = contract.connection(contract.secret, base_url=crm.url)
        adapter = contract.adapter(connection, LoopbackWeb())
        found, cursor = set(), ""
        while True:
            records = adapter.modified_since(int(1000 * (NOW_S - EVERY_S)), cursor)
            found |= {contact.id for contact in records.contacts}
            cursor = records.cursor
            if not cursor:
                break
        assert {f"{provider}:{crm.record(place + 1)}" for place in range(len(events))} <= found


# What other answers would have done; so that a test above could not pass with any of them.


@pytest.mark.parametrize(
    ("sender", "status"),
    [
        *((EspocrmSender, status) for status in (400, 409, 410, 422, 429, 502, 504)),
        *((lambda: ZendeskSender(300), status) for status in (401, 500, 502, 504)),
        (StandardSender, 410),
    ],
)
def test_another_status_than_ours_would_lose_what_was_told(
    sender: Callable[[], Sender], status: int
) -> None:
    told = sender()
    told.run([Event(b"{}", "", NOW_S)], lambda *_: Answered(status, {"retry-after": ""}, ""))
    assert (len(told.lost), len(told.posts)) == (1, 1)
    assert told.removed == (status == 410)


def test_salesforce_takes_nothing_but_its_ack_and_comes_again_for_a_day() -> None:
    sender = SalesforceSender()
    xml = {"content-type": "text/xml; charset=utf-8"}
    sender.run([Event(b"", "", NOW_S)], lambda *_: Answered(200, xml, ACK.replace("true", "false")))
    assert len(sender.lost) == 1
    assert 22 * 3600 < sender.posts[-1] - NOW_S <= 24 * 3600
    assert max(b - a for a, b in pairwise(sender.posts)) == 7200


def test_espocrm_comes_four_times_and_hubspot_eleven_times_within_a_day() -> None:
    for sender, times in ((EspocrmSender(), 4), (HubspotSender(), 11)):
        sender.run([Event(b"", "", NOW_S)], lambda *_: Answered(503, {}, ""))
        assert (len(sender.posts), len(sender.lost)) == (times, 1)
        assert sender.posts[-1] - NOW_S <= 24 * 3600


def test_pipedrive_deletes_a_webhook_that_fails_for_three_days() -> None:
    sender = PipedriveSender()
    events = [Event(b"", "", NOW_S + hour * 3600) for hour in range(80)]
    sender.run(events, lambda *_: Answered(503, {}, ""))
    assert sender.removed
    assert sender.posts[-1] == NOW_S + 72 * 3600
