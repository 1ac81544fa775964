"""Every stored event, answered by what `sam build` made, in Lambda's runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lambda_emulator import LambdaEmulator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.lambda_emulator import Artifact

pytestmark = pytest.mark.runtime

EVENTS = Path(__file__).parents[2] / "events" / "lookup"
EXPECTED = Path(__file__).parent / "expected"
CASES = sorted(path.stem for path in EVENTS.glob("*.json"))


def _read(folder: Path, case: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{case}.json").read_text())
    return content


def test_there_is_an_answer_to_expect_for_every_event() -> None:
    assert CASES
    assert sorted(path.stem for path in EXPECTED.glob("*.json")) == CASES


@pytest.mark.parametrize("case", CASES)
def test_a_call_is_answered_as_expected(lookup: LambdaEmulator, case: str) -> None:
    assert lookup.invoke(_read(EVENTS, case)) == _read(EXPECTED, case)


@pytest.mark.parametrize("case", CASES)
def test_an_events_file_is_named_for_its_outcome(case: str) -> None:
    outcome = _read(EXPECTED, case)["headers"]["x-centralino-outcome"]
    word = case.split("_", 1)[0]
    assert outcome == {"not": "error", "outside": "miss"}.get(word, word)


def test_what_a_call_leaves_in_the_log_has_neither_its_number_nor_its_key(
    lookup: LambdaEmulator,
) -> None:
    lookup.invoke(_read(EVENTS, "hit_key_in_path"))
    lines = [line for line in lookup.log().splitlines() if '"message": "decode"' in line]
    assert json.loads(lines[-1])["outcome"] == "hit"
    for secret in ("3471234567", "EventsPbxKeyForTests00", "Rossi"):
        assert not [line for line in lines if secret in line]


def test_a_call_whose_store_is_gone_gets_the_carriers_name(
    lookup_artifact: Artifact, lookup_env: Mapping[str, str]
) -> None:
    # Nobody listens on the discard port of the loopback address.
    env = {**lookup_env, "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}
    with LambdaEmulator(lookup_artifact.task, lookup_artifact.opt, env) as lookup:
        answer = lookup.invoke(_read(EVENTS, "miss_shows_the_carriers_name"))
    assert (answer["statusCode"], answer["headers"]["x-centralino-outcome"]) == (200, "degraded")
    assert answer["body"] == "ROSSI MARIO"
