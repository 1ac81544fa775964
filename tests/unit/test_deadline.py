from __future__ import annotations

import pytest

from centralino.domain.deadline import Deadline

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("stamped_at", "counts"),
    [
        (NOW - 0.4, True),
        (NOW, True),
        (NOW - 29.9, True),
        (0.0, False),
        (NOW + 0.1, False),
        (NOW - 30.1, False),
    ],
)
def test_a_call_s_clock_starts_at_the_gateway_unless_its_stamp_is_unbelievable(
    stamped_at: float, counts: bool
) -> None:
    assert Deadline(stamped_at, NOW).started_at == (stamped_at if counts else NOW)


@pytest.mark.parametrize(
    ("patience", "answered_after"),
    [(3.0, 2.5), (2.7, 2.2), (2.0, 1.5), (10.0, 9.0), (5.0, 4.5), (0.5, 0.5 / 3), (0.6, 0.2)],
)
def test_we_answer_half_a_second_or_a_tenth_before_the_pbx_gives_up(
    patience: float, answered_after: float
) -> None:
    assert Deadline(NOW, NOW).answer_in_s(patience, NOW) == pytest.approx(answered_after)


@pytest.mark.parametrize("patience", [0.5, 1.0, 2.0, 2.7, 3.0, 5.0, 10.0])
def test_a_store_that_fails_costs_at_most_a_third_of_the_patience(patience: float) -> None:
    allowed = Deadline(NOW, NOW).read_in_s(patience, NOW)

    assert 0 < allowed < max(patience / 3, 0.25)


def test_the_two_reads_of_a_cold_container_share_one_third() -> None:
    clock = Deadline(NOW, NOW)

    first = clock.read_in_s(3.0, NOW)
    second = clock.read_in_s(3.0, NOW + 0.6)

    assert first == pytest.approx(0.95)
    assert second == pytest.approx(0.35)


def test_after_a_slow_start_a_short_try_is_still_made() -> None:
    assert Deadline(NOW, NOW + 1.5).read_in_s(3.0, NOW + 1.5) == pytest.approx(0.25)


def test_nothing_is_read_once_it_is_time_to_answer() -> None:
    assert Deadline(NOW, NOW + 2.5).read_in_s(3.0, NOW + 2.5) == 0


@pytest.mark.parametrize(
    ("waited", "allowed"),
    [(0.0, 2 / 3 - 0.05), (0.3, 2 / 3 - 0.35), (1.0, 0.25), (1.6, 0.25), (2.6, 0.0)],
)
def test_a_line_that_is_not_known_yet_waits_as_long_as_the_least_patient_pbx_still_would(
    waited: float, allowed: float
) -> None:
    assert Deadline(NOW, NOW + waited).first_read_in_s(NOW + waited) == pytest.approx(allowed)
