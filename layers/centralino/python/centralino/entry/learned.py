"""What the owner of a tenant is told when a number is learned: a line that is log and metric.

The metric is `Learnings` by `lesson`, in namespace `Centralino/<stack>`. The number is masked; the
customer code is there, so that whoever reads the line can look at that customer's audit trail.

Whoever wants to hear of it has it sent to a URL of theirs: the call leaves a message for the
worker. Where that fails, a line says so, with the metric `NoticesLost`.
"""

from __future__ import annotations

import json

from centralino import bootstrap
from centralino.application.learned_notice import notice_message
from centralino.domain.errors import UnavailableError
from centralino.domain.number import mask
from centralino.domain.record import TYPE_CHECKING
from centralino.entry.observability import describe, emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.application.learn_number import Taught
    from centralino.ports.queue import Queue

# A queue that doesn't answer costs a caller no more than this, seconds.
SEND_S = 0.5


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


def send_notice(  # noqa: PLR0913 - what is in it
    open_queue: Callable[[], Queue],
    *,
    tenant: str,
    lesson: str,
    number: str,
    code: str,
    node: str,
    now_s: float,
    left_s: float,
) -> None:
    """Leave the worker a message of a number that was learned; the call goes on if that fails.

    Args:
        open_queue: builds the worker's queue.
        tenant: the tenant's id.
        lesson: `learned` or `conflict`.
        number: the caller's, E.164.
        code: the customer code.
        node: the node that asked for it.
        now_s: the time, seconds since 1970.
        left_s: seconds left until the PBX has to be answered.
    """
    if left_s <= 0:
        emit(_lost_line(now_s, tenant, "timeout"))
        return
    message = notice_message(
        tenant=tenant, lesson=lesson, number=number, code=code, node=node, at=int(now_s)
    )
    try:
        open_queue().send(message, timeout_s=min(SEND_S, left_s))
    except UnavailableError as error:
        emit(_lost_line(now_s, tenant, error.reason))
    except Exception as error:  # noqa: BLE001 - whatever broke, a caller is waiting
        emit(_lost_line(now_s, tenant, describe(error)))


def _lost_line(now_s: float, tenant: str, reason: str) -> str:
    metrics = {
        "Namespace": bootstrap.metrics_namespace(),
        "Dimensions": [[]],
        "Metrics": [{"Name": "NoticesLost", "Unit": "Count"}],
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": int(now_s * 1000), "CloudWatchMetrics": [metrics]},
            "message": "notice_lost",
            "NoticesLost": 1,
            "tenant": tenant,
            "reason": reason,
        }
    )
