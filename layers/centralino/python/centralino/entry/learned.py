"""What the owner of a tenant is told when a number is learned: a line that is log and metric.

The metric is `Learnings` by `lesson`, in namespace `Centralino/<stack>`. The number is masked; the
customer code is there, so that whoever reads the line can look at that customer's audit trail.
"""

from __future__ import annotations

import json

from centralino import bootstrap
from centralino.domain.number import mask
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from centralino.application.learn_number import Taught


def learned_line(
    now_s: float, taught: Taught, *, tenant: str, number: str, code: str, **properties: str
) -> str:
    """Build the line of one code that was typed.

    Args:
        now_s: the time, seconds since 1970.
        taught: what became of it.
        tenant: the tenant's id.
        number: the caller's, E.164; empty if there is none.
        code: the customer code.
        properties: what else is known, as it may be logged: `call_id`, `node`; empty ones are left
            out.
    """
    metrics = {
        "Namespace": bootstrap.metrics_namespace(),
        "Dimensions": [["lesson"]],
        "Metrics": [{"Name": "Learnings", "Unit": "Count"}],
    }
    known = {
        "tenant": tenant,
        "number": mask(number) if number else "",
        "customer_code": code,
        "why": taught.why,
        **properties,
    }
    line = {
        "_aws": {"Timestamp": int(now_s * 1000), "CloudWatchMetrics": [metrics]},
        "message": "learned",
        "lesson": taught.lesson,
        "Learnings": 1,
        **{name: value for name, value in known.items() if value},
    }
    return json.dumps(line)
