"""What a month costs on AWS, worked out from list prices: `python -m month_cost`.

The prices are those of us-east-1 as copied by third parties in 2026 (marked so in
`docs/cost.md`); durations are assumptions until somebody measures them on Lambda itself.
"""

from __future__ import annotations

from typing import NamedTuple

DAYS = 30
MEMORY_GB = 1.0
MONTH_S = DAYS * 86_400

# US dollars.
HTTP_API = 1.00 / 1e6  # a request
LAMBDA_REQUEST = 0.20 / 1e6
LAMBDA_GB_S = 0.0000133334  # arm64
WARM_CONTAINER_GB_S = 0.0000033334  # provisioned concurrency, arm64; not confirmed at AWS
READ_UNIT = 0.125 / 1e6
WRITE_UNIT = 0.625 / 1e6
STORED_GB = 0.25 + 0.20  # the table and its point-in-time recovery, a month
LOG_GB = 0.50
SOCKET_MESSAGE = 1.00 / 1e6  # of up to 32 KB, either way
SOCKET_MINUTE = 0.25 / 1e6
METRIC = 0.30  # a month, each; the first ten are free
FREE_METRICS = 10
ALARM = 0.10  # a month, each; the first ten are free
FREE_ALARMS = 10

# Assumptions, named in docs/cost.md.
WARM_S = 0.010
COLD_S = 0.300
KEYS_READ = 4  # candidates of an ordinary call, half a read unit each
LOG_BYTES = 700 + 300  # our line, and the gateway's
METRICS = 2 * 6  # two metrics, by the outcomes of an ordinary day; a bad one has up to ten
ALARMS = 32  # metrics that template.yaml's alarms watch, which is how they are billed
CONTACT_BYTES = 3_000  # a contact with two numbers: the contact, its cards, the index

# A call that is placed through a PBX's WebSocket: what a real Asterisk was seen to send for one
# that was answered, and what is assumed of each message.
SOCKET_EVENTS = 15
SOCKET_EVENT_UNITS = 3  # an event of 1 to 2 KB, and its entry in the index
SOCKET_NOTE_UNITS = 8  # ringing, answered, ended, and the answer to our request
SOCKET_POLLS = 6  # looking for that answer, a read unit each
SOCKET_LOG_BYTES = 350
SOCKET_PINGS = 24 * 12  # a day, each sent and answered


class Firm(NamedTuple):
    """Somebody who gets calls.

    Attributes:
        calls: a day.
        cold_share: the share of calls that find no warm container.
        contacts: in the table.
        changes: contacts written, a day.
    """

    calls: int
    cold_share: float
    contacts: int
    changes: int


FIRMS = (
    Firm(10, 0.9, 1_000, 10),
    Firm(1_000, 0.05, 20_000, 200),
    Firm(100_000, 0.002, 1_000_000, 10_000),
)


def month(firm: Firm, warm_containers: int = 0) -> dict[str, float]:
    """Return the parts of a month's bill, US dollars."""
    calls = firm.calls * DAYS
    seconds = calls * (firm.cold_share * COLD_S + (1 - firm.cold_share) * WARM_S)
    # A contact with two numbers is one transaction of three items, twice the units each, and the
    # index once more.
    writes = firm.changes * DAYS * (3 * 2 + 1)
    return {
        "HTTP API": calls * HTTP_API,
        "Lambda": calls * LAMBDA_REQUEST + seconds * MEMORY_GB * LAMBDA_GB_S,
        "DynamoDB": calls * KEYS_READ * 0.5 * READ_UNIT
        + writes * WRITE_UNIT
        + firm.contacts * CONTACT_BYTES / 1e9 * STORED_GB,
        "Logs, metrics, alarms": calls * LOG_BYTES / 1e9 * LOG_GB
        + max(0, METRICS - FREE_METRICS) * METRIC
        + max(0, ALARMS - FREE_ALARMS) * ALARM,
        "Warm containers": warm_containers * MONTH_S * MEMORY_GB * WARM_CONTAINER_GB_S,
    }


def table() -> str:
    """Return the bills of `FIRMS` as a Markdown table."""
    warm = {10: 1, 1_000: 1, 100_000: 3}
    rows = ["| a month, US $ | " + " | ".join(f"{f.calls:,} calls a day" for f in FIRMS) + " |"]
    rows.append("|---|" + "---:|" * len(FIRMS))
    bills = [month(firm) for firm in FIRMS]
    rows.extend(_row(part, [bill[part] for bill in bills]) for part in list(bills[0])[:-1])
    rows.append(_row("together", [sum(bill.values()) for bill in bills]))
    kept = [month(firm, warm[firm.calls]) for firm in FIRMS]
    rows.append(
        "| the same with containers kept warm | "
        + " | ".join(
            f"{sum(bill.values()):.2f} ({warm[firm.calls]})"
            for firm, bill in zip(FIRMS, kept, strict=True)
        )
        + " |"
    )
    return "\n".join(rows)


def socket_month(calls_a_day: int) -> dict[str, float]:
    """Return what one PBX that connects to us costs in a month, beside what a call costs anyhow.

    Args:
        calls_a_day: calls that are placed, or that the PBX tells of just as much.
    """
    calls = calls_a_day * DAYS
    pings = SOCKET_PINGS * DAYS
    received = calls * (SOCKET_EVENTS + 1) + pings
    seconds = received * WARM_S
    writes = calls * (SOCKET_EVENTS * SOCKET_EVENT_UNITS + SOCKET_NOTE_UNITS) + 3 * pings
    return {
        "WebSocket API: the connection": MONTH_S / 60 * SOCKET_MINUTE,
        "WebSocket API: messages": (received + calls + pings) * SOCKET_MESSAGE,
        "Lambda": received * LAMBDA_REQUEST + seconds * MEMORY_GB * LAMBDA_GB_S,
        "DynamoDB": writes * WRITE_UNIT + calls * SOCKET_POLLS * READ_UNIT,
        "Logs": received * SOCKET_LOG_BYTES / 1e9 * LOG_GB,
    }


def socket_table() -> str:
    """Return what a PBX that connects to us costs as a Markdown table."""
    sizes = (10, 100, 1_000, 10_000)
    bills = [socket_month(calls) for calls in sizes]
    rows = ["| a month, US $ | " + " | ".join(f"{calls:,} calls a day" for calls in sizes) + " |"]
    rows.append("|---|" + "---:|" * len(sizes))
    rows.extend(_row(part, [bill[part] for bill in bills]) for part in bills[0])
    rows.append(_row("together", [sum(bill.values()) for bill in bills]))
    return "\n".join(rows)


def _row(name: str, dollars: list[float]) -> str:
    return f"| {name} | " + " | ".join(f"{amount:.2f}" for amount in dollars) + " |"


if __name__ == "__main__":
    print(table())
