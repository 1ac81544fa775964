"""Live search in the local stack: the deployed functions, one invoking the other."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from centralino.adapters.aws import Client
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.domain.settings import Settings
from local_stack.deploy import STACK_NAME
from tests.support.crm import Person
from tests.support.crm.generic import ACCOUNT, TOKEN
from tests.support.live_search import SlowErp
from tests.support.tenants import ITALY, make_tenant

if TYPE_CHECKING:
    from local_stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

KNOWN = "+390244556677"
STRANGER = "+390244550000"
PATIENCE_S = 10.0


class Phone:
    """A PBX of a tenant whose CRM is on loopback."""

    def __init__(self, stack: Stack, key: str) -> None:
        self._host = urlsplit(stack.url).netloc
        self._key = key

    def ask(self, number: str) -> tuple[str, str]:
        """Return outcome and label."""
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            target = f"/v1/lookup?number={quote(number)}"
            connection.request("GET", target, headers={"x-api-key": self._key})
            response = connection.getresponse()
            return response.headers["x-centralino-outcome"], response.read().decode()
        finally:
            connection.close()


def test_a_caller_whom_only_the_crm_knows_is_found_by_the_deployed_functions(
    local_stack: Stack,
) -> None:
    emulator = local_stack.emulator
    settings = Settings(
        "searcher",
        line=ITALY._replace(decode_timeout_s=PATIENCE_S),
        crms=("generic",),
        live_search_s=PATIENCE_S,
    )
    with SlowErp() as crm, closing(Client("dynamodb", env=emulator.env())) as client:
        tenant = make_tenant(client, local_stack.table, settings)
        account = {**ACCOUNT, "base_url": crm.url, "allow_private": "true"}
        DynamoConnectionStore(client, local_stack.table, "searcher").save(
            "generic", account, now_s=time.time()
        )
        emulator.client("ssm").put_parameter(
            Name=f"/centralino/{STACK_NAME}/searcher/crm/generic",
            Value=json.dumps({"token": TOKEN}),
            Type="SecureString",
        )
        crm.save(Person("17", "02 4455.6677", 1_790_000_000_000))
        phone = Phone(local_stack, tenant.keys["pbx"])
        outcome, label = phone.ask(KNOWN)
        assert (outcome, bool(label)) == ("hit", True)
        assert phone.ask(KNOWN) == (outcome, label)
        assert [phone.ask(STRANGER)[0] for _ in range(2)] == ["miss", "miss"]
        assert crm.searches == 2
