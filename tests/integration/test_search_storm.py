"""Many unknown numbers at once, each ringing at two phones: how often the CRM is asked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from queue import SimpleQueue
from typing import TYPE_CHECKING

from centralino.adapters.aws import Client
from centralino.adapters.store.callers import DynamoCallerStore
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.application.search_crms import Circuits, Desk, Found, Query, search_crms
from centralino.domain.settings import Line, Settings
from tests.support.scripted_crm import ScriptedCrm, ScriptedProviders, record

if TYPE_CHECKING:
    from tests.support.dynamodb_local import DynamoDBLocal

NUMBERS = 500
PHONES = 20
PATIENCE_S = 30.0  # a machine under load may be slow; what counts is how often the CRM is asked
KNOWN = "+390244556677"


def storm(dynamodb: DynamoDBLocal, table: str, crm: ScriptedCrm, numbers: list[str]) -> list[Found]:
    """Let all of them call at two phones at once; every phone is a container of its own."""
    settings = Settings("acme", line=Line(country="IT", area_code="02"), crms=("odoo",))
    desks: SimpleQueue[Desk] = SimpleQueue()

    def search(number: str) -> Found:
        desk = desks.get()
        try:
            return search_crms(Query(number, answer_by=time.time() + PATIENCE_S), settings, desk)
        finally:
            desks.put(desk)

    with ExitStack() as started, ThreadPoolExecutor(PHONES) as phones:
        for _ in range(PHONES):
            client = started.enter_context(closing(Client("dynamodb", env=dynamodb.env)))
            contacts = DynamoContactStore(client, table, "acme")
            callers = DynamoCallerStore(client, table, "acme")
            providers = ScriptedProviders(crm)
            desks.put(Desk(contacts, callers, providers, Circuits(), time.time))
        return list(phones.map(search, [number for number in numbers for _ in range(2)]))


def test_unknown_numbers_that_ring_at_two_phones_are_asked_for_once_each(
    dynamodb: DynamoDBLocal, table: str
) -> None:
    crm = ScriptedCrm("odoo")
    found = storm(dynamodb, table, crm, [f"+3902445{place:05d}" for place in range(NUMBERS)])
    assert [it.outcome for it in found] == ["unknown"] * 2 * NUMBERS
    assert len(crm.asked) == NUMBERS


def test_all_phones_that_ring_for_one_caller_show_the_name_that_one_of_them_asked_for(
    dynamodb: DynamoDBLocal, table: str
) -> None:
    crm = ScriptedCrm("odoo", record("odoo:7", KNOWN))
    found = storm(dynamodb, table, crm, [KNOWN] * PHONES)
    assert {card.holders[0].id for it in found for card in it.cards} == {"odoo:7"}
    assert {it.outcome for it in found} == {"found"}
    assert len(crm.asked) == 1
