"""What an operator sees of a call that was routed: one line that is log and metric at once.

As `entry/observability.py` has it for decodes: metrics `Routes` and `RouteTime` by outcome. Of the
outcomes `timeout`, `degraded` and `error` a call went to the tenant's fallback, or went on, because
something failed; of `fallback`, because no rule decided.
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
                    {"Name": "Routes", "Unit": "Count"},
                    {"Name": "RouteTime", "Unit": "Milliseconds"},
                ],
            }
        ]
    }
)[1:-1]


def route_line(now: float, outcome: str, total_ms: float, **properties: object) -> str:
    """Build the line of one request of a PBX.

    Args:
        now: seconds since 1970.
        outcome: `decided`, `asked`, `identified`, `unidentified`, `noted`, `ignored`, `fallback`,
            `timeout`, `degraded`, `error`, `refused`, `invalid`.
        total_ms: milliseconds from the gateway's stamp to the answer.
        properties: what else is known; empty ones are left out.
    """
    known: dict[str, object] = {"RouteTime": round(total_ms, 1)}
    known.update((name, value) for name, value in properties.items() if value not in {"", None})
    return (
        f'{{"_aws": {{"Timestamp": {int(now * 1000)}, {METRICS}}}, "message": "route", "outcome": '
        f'"{outcome}", "Routes": 1, {_encode(known)[1:]}'
    )
