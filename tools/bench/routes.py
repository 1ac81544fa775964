"""Figures 15 to 17: routing a call, from a cold start to a rule."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import jmespath

from bench import sandbox
from bench.figures import Runner, first_calls
from bench.report import Goal, Row, show_time
from centralino.adapters.aws import AMAZON_ROOTS
from centralino.application.compile_rules import World as RulesWorld
from centralino.application.compile_rules import compile_rules
from centralino.domain.card import Holder
from centralino.domain.customer import Customer
from centralino.domain.facts import CallerFacts, CallFacts, Known, build_facts
from centralino.domain.routing import Routing
from centralino.domain.rulebook import evaluate
from local_stack.toolchain import ROOT
from tests.support import events_tenant
from tests.support.fault_proxy import FaultProxy
from tests.support.lambda_emulator import LambdaEmulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.figures import World

EVENTS = ROOT / "events" / "route_call"
EXPECTED = ROOT / "tests" / "runtime" / "expected" / "route_call"
KNOWN = "decided_paying_customer_of_the_crm"
RULES = 200
LOOPS = 100
# Nobody waits for it; it may come a moment after the answer.
POSTED = "TransactWriteItems"
POSTED_S = 0.5


def _read(folder: Path, case: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{case}.json").read_text())
    return content


def cold(world: World) -> list[Row]:
    """Figure 15: init and first call of a route whose customer is known."""
    asked = _read(EVENTS, KNOWN)
    took = first_calls(
        {
            "hello": (Runner(sandbox.compared("Hello"), {}), asked, "hello"),
            "route": (
                Runner(sandbox.routing(), world.trusting(Path(AMAZON_ROOTS))),
                asked,
                _read(EXPECTED, KNOWN)["body"],
            ),
        },
        world,
    )
    return [
        Row(
            15,
            "cold start, a known customer routed, against hello world",
            show_time(took["route"]),
            show_time(took["hello"]),
            took["route"] / took["hello"],
            Goal("at most", 3.2),
        )
    ]


def rules(world: World) -> list[Row]:
    """Figure 16: a tenant's 200 rules, against searching the same precompiled expressions."""
    facts = _facts()
    rows = []
    for name, conditions in (
        ("each for a DID, a tag or a status", _guarded()),
        ("none of which can be found by a fact", _unguarded()),
    ):
        document = {
            "rules": [
                *(
                    {"name": f"rule {n}", "when": c, "to": "hangup"}
                    for n, c in enumerate(conditions)
                ),
                {"name": "the last", "to": "queue:1"},
            ]
        }
        compiled = compile_rules(document, RulesWorld(events_tenant.SETTINGS.line, {}, (), None))
        routing = Routing(rules=json.loads(json.dumps(compiled.rules)))
        searches = [jmespath.compile(condition).search for condition in conditions]

        def decide(routing: Routing = routing) -> None:
            if evaluate(routing, facts).rule != "the last":
                raise RuntimeError("a rule holds that must not")

        def search(searches: Sequence[Callable[[Any], Any]] = searches) -> None:
            if any(found(facts) for found in searches):
                raise RuntimeError("an expression holds that must not")

        ours, other = _race(decide, search, world.rounds)
        rows += [
            Row(
                16,
                f"{RULES} rules, {name}, against jmespath's precompiled expressions",
                show_time(ours, "µs"),
                show_time(other, "µs"),
                ours / other,
                Goal("at most", 1.3),
            ),
            Row(16, "(a rule)", show_time(ours / RULES, "µs"), "", None, None),
        ]
    return rows


def _guarded() -> list[str]:
    kinds = (
        "call.did == '+3902445{:05}'",
        "contains(customer.tags, 'tag {}')",
        "customer.plan == 'plan {}' && history.calls_today > `1`",
        "caller.country == 'X{}'",
    )
    return [kinds[n % len(kinds)].format(n) for n in range(RULES)]


def _unguarded() -> list[str]:
    kinds = (
        "history.calls_today > `{}`",
        "customer.purchases[?what == 'truck {}']",
        "now.hour > `24` && customer.priority == `{}`",
        "starts_with(caller.number, '+99{}')",
    )
    return [kinds[n % len(kinds)].format(n + 10) for n in range(RULES)]


def _facts() -> Mapping[str, Any]:
    return build_facts(
        CallFacts("1", did="+390244550000", trunk="main"),
        CallerFacts("+390244556677", valid=True),
        Known(
            Holder("crm:1", name="Mario Rossi", customer_code="C1"),
            "C1",
            "crm",
            Customer("C1", tags=("vip", "north"), plan="gold"),
        ),
        Routing(),
        1_795_252_502.0,
    )


def _race(ours: Callable[[], None], other: Callable[[], None], rounds: int) -> tuple[float, float]:
    """Return the median seconds of one run of each, in interleaved rounds."""
    took: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(rounds):
        for place, run in enumerate((ours, other)):
            before = time.process_time()
            for _ in range(LOOPS):
                run()
            took[place].append((time.process_time() - before) / LOOPS)
    return median(took[0]), median(took[1])


def round_trips(world: World) -> list[Row]:
    """Figure 17: requests to DynamoDB that a routed call waits for, and the one that it doesn't.

    A turn of a conversation at a node is no route: it waits for one request more, that saves it.
    """
    found = sandbox.routing()
    cases = sorted(
        path.stem
        for path in EVENTS.glob("decided_*.json")
        # What PBXs sign with is read once a container, from another service.
        if not {"typed", "twilio", "omnileads"} & set(path.stem.split("_"))
    )
    waited: dict[str, set[int]] = {"cold": set(), "warm": set()}
    posted = set()
    with FaultProxy(world.env["AWS_ENDPOINT_URL_DYNAMODB"]) as proxy:
        for case in cases:
            asked = _read(EVENTS, case)
            with LambdaEmulator(found.task, found.opt, {**world.env, **proxy.env}) as function:
                for counts in waited.values():
                    proxy.clear()
                    function.invoke(asked)
                    until = time.monotonic() + POSTED_S
                    while POSTED not in proxy.operations and time.monotonic() < until:
                        time.sleep(0.01)
                    operations = proxy.operations
                    counts.add(sum(name != POSTED for name in operations))
                    posted.add(operations.count(POSTED))
    return [
        Row(
            17,
            f"round trips that a {kind} route waits for ({len(cases)} stored events)",
            " or ".join(map(str, sorted(counts))),
            "",
            max(counts),
            Goal("at most", goal, ""),
        )
        for (kind, counts), goal in zip(waited.items(), (3, 2), strict=True)
    ] + [
        Row(
            17,
            "(requests that nobody waits for)",
            " or ".join(map(str, sorted(posted))),
            "",
            None,
            None,
        )
    ]
