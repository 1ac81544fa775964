"""What an operator sees of a call: one line that is log and metric at once.

The line is CloudWatch's embedded metric format: metrics `Decodes` and `DecodeTime` by outcome, in
namespace `Centralino/<stack>`. The tenant is a property of the line and never a dimension: a metric
is paid for by dimension. Numbers and names never appear.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import re
import sys
import traceback

from centralino import bootstrap
from centralino.domain.keys import KEY_PATTERN, MIN_KEY
from centralino.domain.number import mask
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ID = 64
_quoted = json.encoder.encode_basestring_ascii
_ID = re.compile(r"[A-Za-z0-9._:@+-]*", re.ASCII)
# Long runs of digits are numbers, but for Asterisk's unique ids: seconds since 1970, dot, count.
_NUMBER = re.compile(r"(?<![0-9])(?!1[0-9]{9}\.[0-9]+$)\+?[0-9]{7,}", re.ASCII)
# The same in every line, so it is encoded once.
METRICS = json.dumps(
    {
        "CloudWatchMetrics": [
            {
                "Namespace": bootstrap.metrics_namespace(),
                "Dimensions": [["outcome"]],
                "Metrics": [
                    {"Name": "Decodes", "Unit": "Count"},
                    {"Name": "DecodeTime", "Unit": "Milliseconds"},
                ],
            }
        ]
    }
)[1:-1]


def decode_line(
    now: float, outcome: str, spent_ms: tuple[float, float, float], known: Mapping[str, str]
) -> str:
    """Build the line of one decode.

    Args:
        now: seconds since 1970.
        outcome: the lookup's outcome.
        spent_ms: milliseconds from the gateway's stamp to the answer, those of them that were ours,
            and those spent waiting for the store, 0 if it wasn't asked.
        known: what else is known: tenant, call_id, shape of the CLI, trunk; what is empty is left
            out.
    """
    words = [f', "{name}": {_quoted(word)}' for name, word in known.items() if word]
    total_ms, handler_ms, read_ms = spent_ms
    if read_ms:
        words.append(f', "read_ms": {_tenths(read_ms)}')
    return (
        f'{{"_aws": {{"Timestamp": {int(now * 1000.0)}, {METRICS}}}, "message": "decode", "outcome"'
        f': "{outcome}", "Decodes": 1, "DecodeTime": {_tenths(total_ms)}, '
        f'"handler_ms": {_tenths(handler_ms)}{"".join(words)}}}'
    )


def _tenths(value: float) -> str:
    """Write a number with one decimal; one below zero is zero.

    `:.1f` is code that nothing else needs, and that a call finds in no cache.
    """
    tenths = int(value * 10.0 + 0.5) if value > 0.0 else 0
    return f"{tenths // 10}.{tenths % 10}"


def loggable_id(text: str) -> str:
    """Return an id that a PBX made up as the log may hold it.

    Call ids and trunks are meant to be nobody's data, but SIP puts numbers before the `@`, and a
    mistyped setting a key or a name. Numbers are masked, and what isn't like an id is left out.
    """
    # A word, and Asterisk's unique id, are what most of them are.
    if len(text) < MIN_KEY and text.isascii() and (text.isalpha() or _is_unique_id(text)):
        return text
    if len(text) > MAX_ID or not _ID.fullmatch(text):
        return ""
    if len(text) >= MIN_KEY and KEY_PATTERN.search(text):
        return ""
    return _NUMBER.sub(lambda match: mask(match[0]), text)


def _is_unique_id(text: str) -> bool:
    """Tell whether it is seconds since 1970, a dot and a count of a few digits."""
    seconds, _, count = text.partition(".")
    return (
        len(seconds) == 10  # noqa: PLR2004 - until the year 2286
        and len(count) < 7  # noqa: PLR2004 - a longer one is masked
        and seconds.isdigit()
        and seconds[0] == "1"
        and count.isdigit()
    )


def emit(line: str) -> None:
    """Write a line to the function's log; one line, whatever it holds."""
    sys.stdout.write(line + "\n")


def describe(error: BaseException) -> str:
    """Say what broke and where, without the error's own text: that may hold a number or a name."""
    steps = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{step.name}:{step.lineno}" for step in reversed(steps))
    return f"{type(error).__name__} in {places}"
