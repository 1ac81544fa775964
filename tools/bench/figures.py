"""The figures, one function each; `docs/performance.md` says what each of them means."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import sandbox
from bench.report import Goal, Row, show_time
from centralino.adapters.aws import AMAZON_ROOTS
from local_stack.toolchain import ROOT
from tests.support.fault_proxy import FaultProxy
from tests.support.lambda_emulator import LambdaEmulator, runtime_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.sandbox import Sandbox

EVENTS = ROOT / "events" / "lookup"
WORKER = Path(__file__).parent / "worker.py"
MEGABYTE = 1024 * 1024
WARM_CALLS = 200
HTTP_OK = 200
# Who is calling in the events that are timed.
ROSSI = "Mario Rossi"


class World(NamedTuple):
    """What every figure is measured in.

    Attributes:
        env: the functions' environment; DynamoDB Local with the tenant of the events, plain HTTP.
        tls_env: the same over TLS, without the certificates to trust.
        certificate: signs that TLS endpoint.
        directory: for files that go when the benchmark ends.
        rounds: how often each thing is measured.
    """

    env: Mapping[str, str]
    tls_env: Mapping[str, str]
    certificate: Path
    directory: Path
    rounds: int

    def trusting(self, roots: Path) -> dict[str, str]:
        """Return the environment of a function that trusts these roots and the loopback's."""
        bundle = self.directory / f"{roots.stem}-and-loopback.pem"
        if not bundle.exists():
            bundle.write_bytes(roots.read_bytes() + self.certificate.read_bytes())
        return {**self.tls_env, "AWS_CA_BUNDLE": str(bundle)}


class Runner(NamedTuple):
    """A function and the environment that it runs in."""

    sandbox: Sandbox
    env: Mapping[str, str]


def event(case: str) -> dict[str, Any]:
    """Return one of the stored events of the lookup."""
    content: dict[str, Any] = json.loads((EVENTS / f"{case}.json").read_text())
    return content


def lookup_runner(world: World) -> Runner:
    """Return the lookup, trusting Amazon's roots as it does in Lambda."""
    return Runner(sandbox.lookup(), world.trusting(Path(AMAZON_ROOTS)))


def ordinary_runner(world: World, *, compiled: bool = False) -> Runner:
    """Return the ordinary function, trusting the roots that the SDK brings along."""
    found = sandbox.compared("Ordinary", compiled=compiled)
    env = world.trusting(found.task / "botocore" / "cacert.pem")
    # Nothing records traces here, and without it that part costs nothing.
    return Runner(found, {**env, "POWERTOOLS_TRACE_DISABLED": "true"})


def cold(world: World) -> list[Row]:
    """Figures 1 and 2: init and first call, through the emulator."""
    lookup, ordinary = lookup_runner(world), ordinary_runner(world)
    hello = Runner(sandbox.compared("Hello"), {})
    e164, national = event("hit_e164"), event("hit_national")
    took = _first_calls(
        {
            "hello": (hello, e164, "hello"),
            "e164": (lookup, e164, ROSSI),
            "national": (lookup, national, ROSSI),
            "ordinary": (ordinary, e164, ROSSI),
            "compiled": (ordinary_runner(world, compiled=True), e164, ROSSI),
        },
        world.rounds,
    )
    shown = {name: show_time(seconds) for name, seconds in took.items()}
    floor, slow = took["hello"], took["ordinary"]
    return [
        Row(
            1,
            "cold start, CLI in E.164, against hello world",
            shown["e164"],
            shown["hello"],
            took["e164"] / floor,
            Goal("at most", 2.0),
        ),
        Row(
            1,
            "cold start, national CLI, against hello world",
            shown["national"],
            shown["hello"],
            took["national"] / floor,
            Goal("at most", 2.6),
        ),
        Row(
            2,
            "cold start, CLI in E.164: an ordinary function takes",
            shown["e164"],
            shown["ordinary"],
            slow / took["e164"],
            Goal("at least", 12),
        ),
        Row(
            2,
            "cold start, national CLI: an ordinary function takes",
            shown["national"],
            shown["ordinary"],
            slow / took["national"],
            Goal("at least", 12),
        ),
        Row(
            2,
            "(if SAM gave the ordinary function valid bytecode)",
            shown["e164"],
            shown["compiled"],
            took["compiled"] / took["e164"],
            None,
        ),
    ]


def _first_calls(
    variants: Mapping[str, tuple[Runner, Mapping[str, Any], str]], rounds: int
) -> dict[str, float]:
    """Return the median seconds of each variant's first call, in interleaved rounds."""
    took: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(-1, rounds):  # the first round fills the disk's cache
        for name in names:
            runner, asked, body = variants[name]
            with LambdaEmulator(runner.sandbox.task, runner.sandbox.opt, runner.env) as function:
                before = time.perf_counter()
                returned = function.invoke(asked)
                seconds = time.perf_counter() - before
            _check(returned, body)
            if number >= 0:
                took[name].append(seconds)
        names.append(names.pop(0))  # nobody always runs behind the same neighbour
    return {name: median(values) for name, values in took.items()}


def bytecode(_world: World) -> list[Row]:
    """Figure 3: bytecode that is valid after SAM's zip."""
    ours = [valid for _, valid in sandbox.bytecode(sandbox.lookup())]
    other = [valid for _, valid in sandbox.bytecode(sandbox.compared("Ordinary"))]
    return [
        Row(
            3,
            "modules with bytecode that is valid after unzip",
            f"{sum(ours)} of {len(ours)}",
            f"{sum(other)} of {len(other)}",
            100 * sum(ours) / len(ours),
            Goal("exactly", 100, " %"),
        )
    ]


def cpu(world: World) -> list[Row]:
    """Figure 4: the client's CPU time of one warm decode, over TLS."""
    cases = ("hit_e164", "hit_national")
    events = [event(case) for case in cases]
    spent: dict[str, list[list[float]]] = {"ours": [], "other": []}
    with (
        worker(lookup_runner(world)) as ours,
        worker(ordinary_runner(world)) as other,
    ):
        for number in range(-1, world.rounds):
            for name, call in (("ours", ours), ("other", other)):
                answer = call(events, WARM_CALLS, ROSSI)
                if number >= 0:
                    spent[name].append(answer.cpu_s)
    rows = []
    for place, name in enumerate(("CLI in E.164", "national CLI")):
        mine, theirs = (
            median(figures[place] for figures in spent[side]) for side in ("ours", "other")
        )
        shown = (show_time(mine, "µs"), show_time(theirs, "µs"))
        rows.append(
            Row(4, f"CPU of a warm decode, {name}", *shown, mine / theirs, Goal("at most", 0.125))
        )
    return rows


def round_trips(world: World) -> list[Row]:
    """Figure 5: requests to DynamoDB of a container's first decode, and of the next."""
    found = sandbox.lookup()
    cases = sorted(path.stem for path in EVENTS.glob("hit_*.json"))
    counts: dict[str, set[int]] = {"cold": set(), "warm": set()}
    with FaultProxy(world.env["AWS_ENDPOINT_URL_DYNAMODB"]) as proxy:
        for case in cases:
            with LambdaEmulator(found.task, found.opt, {**world.env, **proxy.env}) as function:
                for numbers in counts.values():
                    proxy.clear()
                    _check(function.invoke(event(case)))
                    numbers.add(len(proxy.requests))
    return [
        Row(
            5,
            f"round trips of a {kind} decode ({len(cases)} stored events)",
            " or ".join(map(str, sorted(numbers))),
            "",
            max(numbers),
            Goal("exactly", goal, ""),
        )
        for (kind, numbers), goal in zip(counts.items(), (2, 1), strict=True)
    ]


def size(_world: World) -> list[Row]:
    """Figure 7: the lookup as it is uploaded, with its layers."""
    ours = sandbox.lookup().zipped_bytes / MEGABYTE
    other = sandbox.compared("Ordinary").zipped_bytes / MEGABYTE
    return [
        Row(
            7,
            "lookup zipped with its layers",
            f"{ours:.2f} MB",
            f"{other:.2f} MB",
            ours,
            Goal("at most", 3, " MB"),
        )
    ]


class Batch(NamedTuple):
    """What a batch of calls cost: for each event the medians of its calls, and its last answer."""

    cpu_s: list[float]
    wall_s: list[float]
    returned: list[dict[str, Any]]


class Call:
    """A function's handler in a process of its own; see `worker.py`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, events: list[dict[str, Any]], times: int, body: str = "") -> Batch:
        """Play events some times over; for each, the medians of its calls."""
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 - pipes were asked for
        self._process.stdin.write(json.dumps({"events": events, "times": times}) + "\n")
        self._process.stdin.flush()
        answer = Batch(**json.loads(self._process.stdout.readline()))
        for returned in answer.returned:
            _check(returned, body)
        return answer


@contextmanager
def worker(runner: Runner) -> Iterator[Call]:
    """Run a function's handler for the length of a `with` block."""
    task, opt = runner.sandbox.task, runner.sandbox.opt
    with subprocess.Popen(
        [runtime_python(), WORKER],
        cwd=task,
        env={
            "PATH": os.defpath,
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "PYTHONPATH": f"{task}{os.pathsep}{opt / 'python'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            **runner.env,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Call(process)
        if process.stdin:
            process.stdin.close()


def _check(returned: Mapping[str, Any], body: str = "") -> None:
    """Stop if a function didn't answer, or with something else: its time would mean nothing."""
    if returned["statusCode"] != HTTP_OK or (body and returned["body"] != body):
        raise RuntimeError(f"a function that is measured answered {returned}")
