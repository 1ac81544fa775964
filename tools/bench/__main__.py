"""`make bench`: everything that is promised about speed, measured side by side in one run."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import events, figures, live_search, originate, routes, webhook
from bench.report import render
from bench.tls import tls_in_front_of
from centralino.adapters.aws import Client
from tests.support import dynamodb_local, events_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.figures import World
    from bench.report import Row

MEASURES: dict[str, Callable[[World], list[Row]]] = {
    "cold": figures.cold,
    "bytecode": figures.bytecode,
    "cpu": figures.cpu,
    "round-trips": figures.round_trips,
    "scale": figures.scale,
    "size": figures.size,
    "import": figures.bulk,
    "webhook": webhook.webhook,
    "events": events.events,
    "storm": live_search.storm,
    "deadline": live_search.deadline,
    "route-cold": routes.cold,
    "route-rules": routes.rules,
    "route-trips": routes.round_trips,
    "originate": originate.originate,
}
ROUNDS = 11
NUMBERS, QUICK_NUMBERS = 1_000_000, 50_000
CONTACTS, QUICK_CONTACTS = 100_000, 5_500


@contextmanager
def world(rounds: int, *, quick: bool) -> Iterator[World]:
    """Start what the figures are measured in: DynamoDB Local, the tenant of the events, TLS."""
    with ExitStack() as started:
        directory = Path(started.enter_context(tempfile.TemporaryDirectory()))
        dynamodb = started.enter_context(dynamodb_local.start())
        table = dynamodb.create_table()
        with closing(Client("dynamodb", env=dynamodb.env)) as client:
            events_tenant.load(client, table)
        env = {**dynamodb.env, "CENTRALINO_TABLE": table}
        figures.warm_up(env)
        url, pem = started.enter_context(tls_in_front_of(dynamodb.port, directory))
        tls_env = {**env, "AWS_ENDPOINT_URL_DYNAMODB": url}
        yield figures.World(
            env,
            tls_env,
            pem,
            directory,
            rounds,
            numbers=QUICK_NUMBERS if quick else NUMBERS,
            contacts=QUICK_CONTACTS if quick else CONTACTS,
        )


def main() -> int:
    """Measure what was asked for and print one table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[[], *MEASURES], help="all if left out")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds")
    parser.add_argument(
        "--quick", action="store_true", help="a smaller table and import: not what the targets say"
    )
    arguments = parser.parse_args()
    rows: list[Row] = []
    before = time.monotonic()
    with world(arguments.rounds, quick=arguments.quick) as here:
        for name in arguments.figures or MEASURES:
            print(f"measuring: {name}", file=sys.stderr)
            rows += MEASURES[name](here)
    rows.sort(key=lambda row: row.figure)
    print(render(rows))
    print(
        f"\n{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} processors,"
        f" Python {platform.python_version()}, {arguments.rounds} rounds,"
        f" {time.monotonic() - before:.0f} s, load {os.getloadavg()[1]:.1f}"
    )
    missed = [row.name for row in rows if row.mark not in {"ok", ""}]
    if missed:
        print("\nNot reached:", *missed, sep="\n- ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
