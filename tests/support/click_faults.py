"""What goes wrong between a click and a telephone, and what has to come of it.

`FAULTS` is the fault table of issue 5; `python -m tests.support.click_faults` prints it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.support import faults
from tests.support.crm import Fault as PbxFault
from tests.support.crm import answering, failing, hang, truncated
from tests.support.fault_proxy import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.fault_proxy import Exchange, Request

# The steps of a click, as DynamoDB sees them. The PBX is asked between `begin` and `settle`.
STEPS = ("door", "key", "desk", "line", "begin", "call", "settle", "done")


class Seen(NamedTuple):
    """What somebody is told.

    Attributes:
        status: of the HTTP answer.
        word: its `reason`, or the call's status.
    """

    status: int
    word: str


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        name: what goes wrong.
        first: what the click is told.
        trail: state and reason in the audit trail, once everything works again; empty for nothing.
        rings: how often the telephone rang.
        again: what the same idempotency key is told once everything works again, after the
            function's time is over.
        again_rings: how often the telephone has rung then.
        later_rings: how often after a new click, 31 s later.
        pbx: what goes wrong with the request that places the call.
        refuses: the PBX is not there at all.
        expired: the access token ends just before the call is to be placed.
        account: settings of the PBX beside its address.
        at: at which of `STEPS` DynamoDB fails; empty for never.
        dynamodb: how.
        times: how many requests of that step fail; 0 for all, and all after them.
    """

    name: str
    first: Seen
    trail: tuple[str, str] | None
    rings: int
    again: Seen
    again_rings: int
    later_rings: int
    pbx: PbxFault | None = None
    refuses: bool = False
    expired: bool = False
    account: Mapping[str, str] = {}
    at: str = ""
    dynamodb: Fault | None = None
    times: int = 0

    def fails(self, step: str, before: int) -> bool:
        """Tell whether a request fails, at a step, after so many that did."""
        if self.times:
            return step == self.at and before < self.times
        return step == self.at or before > 0


PLACED = Seen(202, "placed")
UNKNOWN = Seen(202, "unknown")
STORE_DOWN = Seen(503, "unavailable")
FAULTS = (
    Row("nothing", PLACED, ("placed", ""), 1, PLACED, 1, 2),
    Row(
        "the PBX is down: nobody listens",
        Seen(503, "unreachable"),
        ("failed", "unreachable"),
        0,
        PLACED,
        1,
        2,
        refuses=True,
    ),
    Row(
        "the PBX's gateway says 503",
        Seen(503, "unreachable"),
        ("failed", "unreachable"),
        0,
        PLACED,
        1,
        2,
        pbx=failing(503),
    ),
    Row(
        "the PBX takes it and answers beyond the limit",
        UNKNOWN,
        ("unknown", "unknown"),
        1,
        UNKNOWN,
        1,
        2,
        pbx=hang(),
    ),
    Row(
        "the PBX takes it and drops the connection",
        UNKNOWN,
        ("unknown", "unknown"),
        1,
        UNKNOWN,
        1,
        2,
        pbx=PbxFault(drops=True),
    ),
    Row(
        "the PBX takes it and breaks off in its answer",
        UNKNOWN,
        ("unknown", "unknown"),
        1,
        UNKNOWN,
        1,
        2,
        pbx=truncated(),
    ),
    Row(
        "the PBX answers 500",
        UNKNOWN,
        ("unknown", "unknown"),
        0,
        UNKNOWN,
        0,
        1,
        pbx=failing(500),
    ),
    Row(
        "the PBX answers 200 with garbage, and its template has no `success_...`",
        PLACED,
        ("placed", ""),
        0,
        PLACED,
        0,
        1,
        pbx=answering(b"\x00<html>?"),
    ),
    Row(
        "the PBX answers 200 with garbage, and its template asks for more",
        UNKNOWN,
        ("unknown", "unknown"),
        0,
        UNKNOWN,
        0,
        1,
        pbx=answering(b"\x00<html>?"),
        account={"success_json": "/status=OK"},
    ),
    Row(
        "the PBX refuses our credentials",
        Seen(502, "credentials"),
        ("failed", "credentials"),
        0,
        PLACED,
        1,
        2,
        pbx=failing(401),
    ),
    Row(
        "the access token ends mid-flight (Yeastar)",
        PLACED,
        ("placed", ""),
        1,
        PLACED,
        1,
        2,
        expired=True,
    ),
    *(
        Row(
            f"DynamoDB is down from the {name} on",
            STORE_DOWN,
            trail,
            0,
            again,
            again.status == 202 and again.word == "placed",
            2 if again == PLACED else 1,
            at=at,
            dynamodb=faults.closed(),
        )
        for name, at, trail, again in (
            ("key", "door", None, PLACED),
            ("idempotency record", "key", None, PLACED),
            ("desk's read", "desk", None, PLACED),
            ("call's beginning", "begin", None, PLACED),
        )
    ),
    Row(
        "DynamoDB is down once the PBX has the call",
        PLACED,
        ("unknown", "unknown"),
        1,
        UNKNOWN,
        1,
        2,
        at="settle",
        dynamodb=faults.closed(),
    ),
    Row(
        "DynamoDB is down after the call is settled",
        PLACED,
        ("placed", ""),
        1,
        PLACED,
        1,
        2,
        at="done",
        dynamodb=faults.closed(),
    ),
    Row(
        "DynamoDB throttles the call's beginning for good",
        STORE_DOWN,
        None,
        0,
        PLACED,
        1,
        2,
        at="begin",
        dynamodb=faults.throttling(),
    ),
    Row(
        "DynamoDB throttles the call's beginning once",
        PLACED,
        ("placed", ""),
        1,
        PLACED,
        1,
        2,
        at="begin",
        dynamodb=faults.throttling(),
        times=1,
    ),
    Row(
        "others are at the call's counters, twice",
        PLACED,
        ("placed", ""),
        1,
        PLACED,
        1,
        2,
        at="begin",
        dynamodb=faults.transaction_conflict(),
        times=2,
    ),
    Row(
        "the answer to the call's beginning is lost once",
        PLACED,
        ("placed", ""),
        1,
        PLACED,
        1,
        2,
        at="begin",
        dynamodb=faults.lost_answer(),
        times=1,
    ),
    Row(
        "all answers to the call's beginning are lost",
        STORE_DOWN,
        ("failed", "unreachable"),
        0,
        PLACED,
        1,
        2,
        at="begin",
        dynamodb=faults.lost_answer(),
        times=9,
    ),
    Row(
        "the answer to the idempotency record is lost once",
        PLACED,
        ("placed", ""),
        1,
        PLACED,
        1,
        2,
        at="key",
        dynamodb=faults.lost_answer(),
        times=1,
    ),
    Row(
        "the answers to settling are lost",
        PLACED,
        ("placed", ""),
        1,
        PLACED,
        1,
        2,
        at="settle",
        dynamodb=faults.lost_answer(),
        times=3,
    ),
)


def step_of(request: Request) -> str:
    """Return the step of a click that a request to DynamoDB belongs to; empty for none."""
    if request.reads:
        names = {key["sk"]["S"] for key in request.keys}
        return "door" if "SETTINGS" in names else "desk" if "DIALLING" in names else ""
    if request.operation == "GetItem":
        return {"PBX#": "line", "O": "call"}.get(request.payload["Key"]["sk"]["S"][:4], "")
    if request.operation != "TransactWriteItems":
        return ""
    kind, action = next(iter(request.payload["TransactItems"][0].items()))
    place = (action.get("Key") or action["Item"])["pk"]["S"].split("#")[2]
    steps = {"PutI": "key", "UpdateI": "done", "PutO": "begin", "UpdateO": "settle"}
    return steps.get(f"{kind}{place}", "")


def at_step(row: Row) -> Fault | None:
    """Return what goes wrong with DynamoDB in a row."""
    if row.dynamodb is None:
        return None
    wrong = row.dynamodb
    failed = 0

    def handle(exchange: Exchange) -> None:
        nonlocal failed
        if row.fails(step_of(exchange.request), failed):
            failed += 1
            wrong.handle(exchange)
        else:
            exchange.send(exchange.forward())

    return Fault(f"{wrong.name} at {row.at}", handle)


def table() -> str:
    """Return the table as Markdown."""
    head = ("what goes wrong", "the click is told", "audit trail", "rang")
    more = ("same key again", "rang in all", "new click after 31 s: rang in all")
    lines = [(*head, *more), ("---",) * 7]
    for row in FAULTS:
        trail = " ".join(word for word in row.trail or ("nothing",) if word)
        told, again = (f"{one.status} {one.word}" for one in (row.first, row.again))
        rang = (str(int(count)) for count in (row.rings, row.again_rings, row.later_rings))
        first, second, third = rang
        lines.append((row.name, told, trail, first, again, second, third))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
