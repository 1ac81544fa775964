"""The figures of live search: the two functions in the emulator, a CRM on loopback."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench.report import Goal, Row, show_time
from tests.support import dynamodb_local
from tests.support.crm import Person
from tests.support.live_search import NEVER_S, PATIENCE_S, Stage

if TYPE_CHECKING:
    from bench.figures import World

STORM = 500
PHONES = 20
CONTAINERS = 4  # of either function; more than the machine has processors
# Long enough that the second phone of a call asks while the first one's search is going on.
STORM_CRM_S = 0.1
DELAYS_S = (0.1, 1.0, 2.9, 5.0, NEVER_S)
_MODIFIED_MS = 1_790_000_000_000


def storm(world: World) -> list[Row]:
    """Figure 11: many unknown numbers, each at two phones at once; how often the CRM is asked."""
    numbers = [f"+3902445{place:05d}" for place in range(STORM)]
    with (
        dynamodb_local.start() as dynamodb,
        Stage(dynamodb, world.directory, containers=CONTAINERS) as stage,
        ThreadPoolExecutor(PHONES) as phones,
    ):
        stage.crm.takes_s = STORM_CRM_S
        ringing = [number for number in numbers for _ in range(2)]
        outcomes = Counter(answer.outcome for answer in phones.map(stage.ask, ringing))
        stage.invocations.wait()
        asked = stage.crm.searches
    counted = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
    return [
        Row(
            11,
            f"{STORM} unknown numbers, each at two phones at once: requests to the CRM",
            str(asked),
            f"{2 * STORM} calls, {PHONES} at a time: {counted}",
            asked,
            Goal("at most", STORM, ""),
        )
    ]


def deadline(world: World) -> list[Row]:
    """Figure 12: when the PBX is answered, by how long the CRM takes."""
    rows = []
    with dynamodb_local.start() as dynamodb, Stage(dynamodb, world.directory) as stage:
        numbers = [f"+390244{place:06d}" for place in range(len(DELAYS_S) + 1)]
        for place, number in enumerate(numbers):
            stage.crm.save(Person(str(place), number, _MODIFIED_MS))
        cold = stage.ask(numbers.pop())
        shown = f"{show_time(cold.seconds)}, {cold.outcome}"
        rows.append(
            Row(12, "(both functions cold, the CRM answers at once)", shown, "", None, None)
        )
        stage.invocations.wait()
        for delay_s, number in zip(DELAYS_S, numbers, strict=True):
            stage.crm.takes_s = delay_s
            first = stage.ask(number)
            stage.invocations.wait()
            then = stage.ask(number)
            stage.invocations.wait()
            when = "never answers" if delay_s == NEVER_S else f"answers after {delay_s:g} s"
            rows.append(
                Row(
                    12,
                    f"the CRM {when}, the PBX waits {PATIENCE_S:g} s",
                    f"{show_time(first.seconds)}, {first.outcome}",
                    f"the next call: {show_time(then.seconds)}, {then.outcome}",
                    first.seconds,
                    Goal("at most", PATIENCE_S, " s"),
                )
            )
    return rows
