"""Metrics of what no call waits for: one line that is log and metrics at once, as in the others.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json

from centralino import bootstrap
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def metrics_line(now_s: float, counts: Mapping[str, int], **properties: object) -> str:
    """Build a line that is log and metrics at once.

    Args:
        now_s: seconds since 1970.
        counts: metric -> count; those that are 0 are left out, but if all are.
        properties: what else is known.
    """
    counts = {name: count for name, count in counts.items() if count}
    head = {
        "Timestamp": int(now_s * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": bootstrap.metrics_namespace(),
                "Dimensions": [[]],
                "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
            }
        ],
    }
    aws = {"_aws": head} if counts else {}
    return json.dumps({**aws, **properties, **counts})
