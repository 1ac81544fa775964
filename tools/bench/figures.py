"""The figures, one function each; `docs/performance.md` says what each of them means."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from bench import import_speed, sandbox, tables
from bench.report import Goal, Row, show_time
from centralino.adapters.aws import AMAZON_ROOTS, Client
from centralino.adapters.store.table import tenant_key
from local_stack.toolchain import ROOT
from tests.support import dynamodb_local, events_tenant
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.lambda_emulator import LambdaEmulator, runtime_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.sandbox import Sandbox
    from tests.support.fault_proxy import Exchange

EVENTS = ROOT / "events" / "lookup"
WORKER = Path(__file__).parent / "worker.py"
MEGABYTE = 1024 * 1024
WARM_CALLS = 200
IMPORT_THREADS = 8
PATIENCE_S = 60.0
SETTLE_S = 0.05
WAKING_READS = 5
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
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
        numbers: how many numbers the large table of figure 6 has.
        contacts: how many contacts figure 8 imports.
    """

    env: Mapping[str, str]
    tls_env: Mapping[str, str]
    certificate: Path
    directory: Path
    rounds: int
    numbers: int
    contacts: int

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


def ordinary_runner(world: World, *, compiled: bool = False, traced: bool = False) -> Runner:
    """Return the ordinary function, trusting the roots that the SDK brings along.

    Args:
        world: where it runs.
        compiled: with bytecode that is valid, which SAM doesn't give it.
        traced: whether its Tracer records, as it would in Lambda; nobody collects traces here.
    """
    found = sandbox.compared("Ordinary", compiled=compiled)
    env = world.trusting(found.task / "botocore" / "cacert.pem")
    tracing = {"_X_AMZN_TRACE_ID": TRACE} if traced else {"POWERTOOLS_TRACE_DISABLED": "true"}
    return Runner(found, {**env, **tracing})


def cold(world: World) -> list[Row]:
    """Figures 1 and 2: init and first call, through the emulator."""
    lookup, ordinary = lookup_runner(world), ordinary_runner(world)
    hello = Runner(sandbox.compared("Hello"), {})
    e164, national = event("hit_e164"), event("hit_national")
    took = first_calls(
        {
            "hello": (hello, e164, "hello"),
            "e164": (lookup, e164, ROSSI),
            "national": (lookup, national, ROSSI),
            "ordinary": (ordinary, e164, ROSSI),
            "ordinary_national": (ordinary, national, ROSSI),
            "compiled": (ordinary_runner(world, compiled=True), e164, ROSSI),
        },
        world,
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
            shown["ordinary_national"],
            took["ordinary_national"] / took["national"],
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


def first_calls(
    variants: Mapping[str, tuple[Runner, Mapping[str, Any], str]], world: World
) -> dict[str, float]:
    """Return the median seconds of each variant's first call, in interleaved rounds."""
    took: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    order = random.Random(1)  # noqa: S311 - so that nobody always runs behind the same neighbour
    for number in range(-1, world.rounds):  # the first round fills the disk's cache
        order.shuffle(names)
        for name in names:
            runner, asked, body = variants[name]
            with LambdaEmulator(runner.sandbox.task, runner.sandbox.opt, runner.env) as function:
                # What the one before left behind ends, and DynamoDB Local is awake: the real one
                # never sleeps, and its own start is not what is measured.
                time.sleep(SETTLE_S)
                warm_up(world.tls_env, WAKING_READS, world.certificate)
                before = time.perf_counter()
                returned = function.invoke(asked)
                seconds = time.perf_counter() - before
            _check(returned, body)
            if number >= 0:
                took[name].append(seconds)
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
    runners = {
        "ours": lookup_runner(world),
        "other": ordinary_runner(world),
        "traced": ordinary_runner(world, traced=True),
    }
    spent: dict[str, list[list[float]]] = {name: [] for name in runners}
    for _ in range(world.rounds):
        for name, runner in runners.items():
            # A process of its own for each round: of two that do the same one may take a tenth more
            # for as long as it lives, by where in memory its objects happen to lie.
            with worker(runner) as call:
                call(events, WARM_CALLS, ROSSI)
                spent[name].append(call(events, WARM_CALLS, ROSSI).cpu_s)
    e164, national = (
        {name: median(round_[place] for round_ in rounds) for name, rounds in spent.items()}
        for place in range(len(cases))
    )
    goal = Goal("at most", 0.125)
    return [
        _cpu_row("CPU of a warm decode, CLI in E.164", e164["ours"], e164["other"], goal),
        _cpu_row("CPU of a warm decode, national CLI", national["ours"], national["other"], goal),
        _cpu_row("(if the ordinary function's Tracer records)", e164["ours"], e164["traced"], None),
    ]


def _cpu_row(name: str, ours: float, other: float, goal: Goal | None) -> Row:
    return Row(4, name, show_time(ours, "µs"), show_time(other, "µs"), ours / other, goal)


def round_trips(world: World) -> list[Row]:
    """Figure 5: requests to DynamoDB of a container's first decode, and of the next."""
    found = sandbox.lookup()
    cases = sorted(path.stem for path in EVENTS.glob("hit_*.json"))
    counts: dict[str, set[int]] = {"cold": set(), "warm": set()}
    with FaultProxy(world.env["AWS_ENDPOINT_URL_DYNAMODB"]) as proxy:
        for case in cases:
            with LambdaEmulator(found.task, found.opt, {**world.env, **proxy.env}) as function:
                for found_counts in counts.values():
                    proxy.clear()
                    _check(function.invoke(event(case)))
                    found_counts.add(len(proxy.requests))
    return [
        Row(
            5,
            f"round trips of a {kind} decode ({len(cases)} stored events)",
            " or ".join(map(str, sorted(found_counts))),
            "",
            max(found_counts),
            Goal("exactly", goal, ""),
        )
        for (kind, found_counts), goal in zip(counts.items(), (2, 1), strict=True)
    ]


def scale(world: World) -> list[Row]:
    """Figure 6: the same decodes in a table of a thousand numbers and in one of a million."""
    runner = lookup_runner(world)
    sample = random.Random(6)  # noqa: S311 - any numbers, the same in every run
    directory = tables.directory(world.numbers)
    tables.read_through(directory)
    with dynamodb_local.start(directory) as dynamodb:
        envs = {
            name: {**runner.env, **dynamodb.env, "CENTRALINO_TABLE": name}
            for name in (tables.SMALL, tables.LARGE)
        }
        for env in envs.values():
            warm_up(env)
        traffic = {name: _traffic(runner.sandbox, env) for name, env in envs.items()}
        few, many = traffic.values()
        took: dict[str, list[float]] = {name: [] for name in envs}
        with ExitStack() as running:
            calls = {
                name: running.enter_context(worker(Runner(runner.sandbox, env)))
                for name, env in envs.items()
            }
            for number in range(-1, world.rounds):
                for name, count in ((tables.SMALL, tables.FEW), (tables.LARGE, world.numbers)):
                    places = [sample.randrange(count) for _ in range(WARM_CALLS)]
                    asked = [asking(tables.e164(place)) for place in places]
                    wall_s = calls[name](asked, 1, ROSSI).wall_s
                    if number >= 0:
                        took[name] += wall_s
    small, large = (median(values) for values in took.values())
    same = sum(one == other for one, other in zip(few, many, strict=True))
    title = f"{world.numbers:,} numbers in the table against {tables.FEW:,}"
    return [
        Row(
            6,
            f"{title}: decodes with the same requests, keys and bytes",
            f"{same} of {len(many)}",
            "",
            100 * same / len(many),
            Goal("exactly", 100, " %"),
        ),
        Row(
            6,
            f"{title}: p50 of a warm decode",
            show_time(large),
            show_time(small),
            large / small,
            Goal("at most", 1.25),
        ),
    ]


def warm_up(
    env: Mapping[str, str], reads: int = WARM_CALLS, certificate: Path | None = None
) -> None:
    """Read from a table until DynamoDB Local is at its usual pace: its first reads are slow."""
    if certificate:
        env = {**env, "AWS_CA_BUNDLE": str(certificate)}
    key = tenant_key(events_tenant.SETTINGS.tenant)
    payload = {"RequestItems": {env["CENTRALINO_TABLE"]: {"Keys": [key]}}}
    with closing(Client("dynamodb", env=env)) as client:
        for _ in range(reads):
            client.call("BatchGetItem", payload, timeout_s=PATIENCE_S)


def asking(number: str) -> dict[str, Any]:
    """Return the event of a call from some number."""
    return {**event("hit_e164"), "rawQueryString": f"number={quote(number)}&trunk=main"}


def _traffic(sandbox: Sandbox, env: Mapping[str, str]) -> list[list[tuple[Any, ...]]]:
    """Decode some callers and return, for each, what went over the wire.

    Returns:
        For each decode its requests: operation, keys, bytes of the request, bytes of the answer.
    """
    answered: list[int] = []

    def count(exchange: Exchange) -> None:
        answer = exchange.forward()
        answered.append(len(answer.body))
        exchange.send(answer)

    found = []
    with (
        FaultProxy(env["AWS_ENDPOINT_URL_DYNAMODB"]) as proxy,
        worker(Runner(sandbox, {**env, **proxy.env})) as call,
    ):
        for place in range(0, tables.FEW, tables.FEW // 20):
            for spelling in (tables.e164, tables.national):
                proxy.clear()
                answered.clear()
                proxy.fault = Fault("counting", count)
                call([asking(spelling(place))], 1, ROSSI)
                found.append(
                    [
                        (request.operation, request.keys, request.size, size)
                        for request, size in zip(proxy.requests, answered, strict=True)
                    ]
                )
    return found


def bulk(world: World) -> list[Row]:
    """Figure 8: the import against its own requests, prebuilt; see `import_speed.py`."""
    found = import_speed.run(world.contacts, IMPORT_THREADS)
    return [
        Row(
            8,
            f"import of {found['contacts']:,.0f} contacts in {found['rounds']:.0f} files, against"
            " the same TransactWriteItems prebuilt (a file's median)",
            f"{found['import_s']:.1f} s",
            f"{found['prebuilt_s']:.1f} s",
            found["ratio"],
            Goal("at least", 0.7),
        )
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
        [runtime_python(), "-P", WORKER],
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
