"""Calls a function's handler in a process of its own and says what that cost.

Run by path with the runtime's Python, in the function's environment and folder. Reads one JSON line
a batch: `{"events": [...], "times": n}`, plays the events that many times over and answers with one
line: `{"cpu_s": [...], "wall_s": [...], "returned": [...]}`, for each event the median of its calls
(seconds of CPU time of the whole process, seconds on the clock) and the last answer.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time


class Context:
    """What Lambda tells a function of itself, as far as the compared functions ask."""

    function_name = "function"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-south-1:111122223333:function:function"
    aws_request_id = "5d1f7b1e-1f7a-4f3b-9f43-0d6a3f5b5c11"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the call may still take, in milliseconds."""
        return 10_000


def main() -> None:
    """Serve batches until the input ends."""
    report = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # The runtime client writes every line at once, too.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - `-P` left out this folder, the function's is wanted
    from app import handler  # type: ignore[import-not-found] # noqa: PLC0415

    context = Context()
    for line in sys.stdin:
        batch = json.loads(line)
        answer: dict[str, list[object]] = {"cpu_s": [], "wall_s": [], "returned": []}
        for event in batch["events"]:
            cpu, wall = [], []
            for _ in range(batch["times"]):
                wall_before, cpu_before = time.perf_counter(), time.process_time()
                returned = handler(event, context)
                cpu.append(time.process_time() - cpu_before)
                wall.append(time.perf_counter() - wall_before)
            answer["cpu_s"].append(statistics.median(cpu))
            answer["wall_s"].append(statistics.median(wall))
            answer["returned"].append(returned)
        report.write(json.dumps(answer) + "\n")
        report.flush()


main()
