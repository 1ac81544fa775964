"""What a CRM waits for: a webhook taken in by a cold container, against hello world.

The delivery is one of `events/`: its key is looked up in DynamoDB Local, its signature checked with
a secret from SSM, and it is acknowledged once SQS has it. Each service is behind TLS.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench import sandbox
from bench.figures import Runner, first_calls
from bench.report import Goal, Row, show_time
from bench.tls import tls_in_front_of
from centralino.adapters.aws import AMAZON_ROOTS
from local_stack.toolchain import ROOT
from tests.support import events_tenant
from tests.support.fake_aws import QUEUE_URL, FakeAws

if TYPE_CHECKING:
    from bench.figures import World

EVENT = ROOT / "events" / "receive_crm" / "accepted_key_in_header.json"


def webhook(world: World) -> list[Row]:
    """Figure 13: init and first call of the receiver, through the emulator."""
    event = json.loads(EVENT.read_text())
    with ExitStack() as started:
        aws = started.enter_context(FakeAws())
        aws.parameters.update(events_tenant.parameters("/centralino/local"))
        port = urlsplit(aws.env["AWS_ENDPOINT_URL_SQS"]).port
        assert port is not None  # noqa: S101 - a server on the loopback has one
        url, _ = started.enter_context(
            tls_in_front_of(port, world.directory, certificate=world.certificate)
        )
        env = {
            **world.trusting(Path(AMAZON_ROOTS)),
            "AWS_ENDPOINT_URL_SQS": url,
            "AWS_ENDPOINT_URL_SSM": url,
            "CENTRALINO_QUEUE_URL": QUEUE_URL,
        }
        took = first_calls(
            {
                "hello": (Runner(sandbox.compared("Hello"), {}), event, "hello"),
                "webhook": (Runner(sandbox.receiver(), env), event, ""),
            },
            world,
        )
    return [
        Row(
            13,
            "cold start, a webhook acknowledged, against hello world",
            show_time(took["webhook"]),
            show_time(took["hello"]),
            took["webhook"] / took["hello"],
            Goal("at most", 2.5),
        )
    ]
