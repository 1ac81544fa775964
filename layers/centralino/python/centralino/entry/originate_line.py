"""What an operator sees of a call that was asked for: one line that is log and metric at once.

As `entry/observability.py` has it for decodes: metrics `Originates` and `OriginateTime` by outcome.
Refused are calls that may not be placed, failed those that the PBX did not place; of `unknown` ones
nobody knows. `error` is a fault of our own.
"""

from __future__ import annotations

import json

from centralino import bootstrap

_encode = json.JSONEncoder().encode
METRICS = json.dumps(
    {
        "CloudWatchMetrics": [
            {
                "Namespace": bootstrap.metrics_namespace(),
                "Dimensions": [["outcome"]],
                "Metrics": [
                    {"Name": "Originates", "Unit": "Count"},
                    {"Name": "OriginateTime", "Unit": "Milliseconds"},
                ],
            }
        ]
    }
)[1:-1]


def originate_line(now: float, outcome: str, total_ms: float, **properties: object) -> str:
    """Build the line of one request to place a call.

    Args:
        now: seconds since 1970.
        outcome: `placed`, `repeated` (a second click, or the same idempotency key), `refused`,
            `failed`, `unknown`, `denied` (the key), `invalid`, `error`.
        total_ms: milliseconds from the gateway's stamp to the answer.
        properties: what else is known; empty ones are left out.
    """
    known: dict[str, object] = {"OriginateTime": round(total_ms, 1)}
    known.update((name, value) for name, value in properties.items() if value not in {"", None})
    return (
        f'{{"_aws": {{"Timestamp": {int(now * 1000)}, {METRICS}}}, "message": "originate", '
        f'"outcome": "{outcome}", "Originates": 1, {_encode(known)[1:]}'
    )
