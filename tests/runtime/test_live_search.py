"""Live search as Lambda runs it: the lookup answers in time, the search goes on without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import lambda_emulator
from tests.support.crm import Person
from tests.support.live_search import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.dynamodb_local import DynamoDBLocal

pytestmark = pytest.mark.runtime

MILAN = "+390244556677"
STRANGER = "+390244550000"


@pytest.fixture
def stage(dynamodb: DynamoDBLocal, tmp_path: Path) -> Iterator[Stage]:
    try:
        lambda_emulator.artifact("SearchCrmFunction")
    except lambda_emulator.MissingRuntimeError as error:
        pytest.skip(str(error))
    with Stage(dynamodb, tmp_path) as stage:
        stage.crm.save(Person("17", "02 4455.6677", 1_790_000_000_000))
        yield stage


def test_a_caller_whom_only_the_crm_knows_is_shown_and_found_in_the_index_from_then_on(
    stage: Stage,
) -> None:
    stage.ask(STRANGER)  # both functions are awake now
    first, second = stage.ask("0244556677"), stage.ask(MILAN)
    assert (first.outcome, second.outcome) == ("hit", "hit")
    assert first.label == second.label != ""
    assert stage.crm.searches == 2
    assert stage.invocations.kinds == ["RequestResponse"] * 2


def test_an_answer_that_comes_too_late_is_indexed_while_the_lookup_is_frozen(
    stage: Stage,
) -> None:
    stage.crm.takes_s = 4
    late = stage.ask(MILAN)
    with stage.lookup.frozen():
        assert late.outcome == "timeout"
        assert not stage.is_indexed(MILAN)
        assert stage.becomes_indexed(MILAN)
    assert stage.ask(MILAN).outcome == "hit"
    assert stage.crm.searches == 1


def test_a_caller_whom_nobody_knows_is_asked_for_once(stage: Stage) -> None:
    outcomes = [stage.ask(STRANGER).outcome for _ in range(3)]
    # The first search starts cold; the answer may be too late for that call and no other.
    assert outcomes[1:] == ["miss", "miss"]
    assert stage.crm.searches == 1


def test_a_name_that_is_there_is_not_lost_to_a_better_crm_that_is_silent(
    dynamodb: DynamoDBLocal, tmp_path: Path
) -> None:
    try:
        lambda_emulator.artifact("SearchCrmFunction")
    except lambda_emulator.MissingRuntimeError as error:
        pytest.skip(str(error))
    with Stage(dynamodb, tmp_path, better=True) as stage:
        stage.crm.save(Person("17", MILAN, 1_790_000_000_000))
        stage.ask("anonymous")
        assert stage.ask(MILAN).outcome == "hit"
        # What the better one knows is asked for behind the next call's answer.
        assert stage.ask(MILAN).outcome == "hit"
        assert stage.invocations.kinds == ["RequestResponse", "Event"]


def test_the_logs_of_both_hold_no_number_no_name_and_no_secret(stage: Stage) -> None:
    stage.ask(STRANGER)
    stage.ask(MILAN)
    for log in (stage.lookup.log(), stage.search.log()):
        for marker in ("44556677", "44550000", "Bianchi", "erp-0123456789abcdef"):
            assert marker not in log


def test_a_pbx_is_answered_before_it_gives_up_however_long_the_crm_takes(stage: Stage) -> None:
    stage.ask(STRANGER)
    stage.crm.takes_s = 30
    late = stage.ask(MILAN)
    # Had it waited for the CRM, the emulator would have given up on it.
    assert (late.outcome, late.label) == ("timeout", "")
