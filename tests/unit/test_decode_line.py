"""The line of a decode is JSON, whatever is in it, and its times are those that were taken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.entry.observability import decode_line

MS = st.floats(0, 1e7)


@given(MS, MS, MS, st.dictionaries(st.sampled_from(("tenant", "trunk", "reason")), st.text()))
def test_what_was_spent_and_what_is_known_can_be_read_back(
    total: float, ours: float, reading: float, known: dict[str, str]
) -> None:
    text = decode_line(1_795_252_502.5, "hit", (total, ours, reading), known)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["message"], line["outcome"], line["Decodes"]) == ("decode", "hit", 1)
    assert line["_aws"]["Timestamp"] == 1_795_252_502_500
    for name, spent in (("DecodeTime", total), ("handler_ms", ours), ("read_ms", reading)):
        assert line.get(name, 0.0) == pytest.approx(spent, abs=0.0501)
    assert {name: line.get(name, "") for name in known} == known


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    line = json.loads(decode_line(0.0, "error", (-3.0, -0.1, -2.0), {}))
    assert (line["DecodeTime"], line["handler_ms"]) == (0.0, 0.0)


def test_a_store_that_was_not_asked_took_no_time() -> None:
    assert "read_ms" not in json.loads(decode_line(0.0, "withheld", (1.0, 1.0, 0.0), {}))
