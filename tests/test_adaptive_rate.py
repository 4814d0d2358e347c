"""Rules of the adaptive rate, one by one, with a clock that the tests set."""

import itertools
import math

import pytest

from aiotask._adaptive_rate import AdaptiveRate


def steady(
    adaptive: AdaptiveRate, since: float, seconds: float, rate: float, round_trip: float = 0.02
) -> float:
    """Deliver so many answers a second, whatever the rate is, and return the time after it."""
    for number in range(int(seconds * rate)):
        adaptive.delivered(since + number / rate, since + number / rate - round_trip)
        adaptive.wait(since + number / rate)
    return since + seconds


def started(adaptive: AdaptiveRate, since: float, seconds: float) -> int:
    """Return how many requests start if there is always one more, and none is ever answered."""
    count, now = 0, since
    while now < since + seconds:
        if adaptive.wait(now) <= 0:
            adaptive.start(now)
            count += 1
            continue
        now += 0.001
    return count


def limited(rate: float = 100.0) -> tuple[AdaptiveRate, float]:
    """Return an adaptive rate that found such a limit, and the time."""
    adaptive = AdaptiveRate(0.0)
    now = steady(adaptive, 0.0, 3.0, rate)
    adaptive.refused(now, now)
    adaptive.wait(now)
    return adaptive, now


def test_refusals_in_a_row_leave_a_little_less_than_what_was_delivered() -> None:
    adaptive, now = limited(100.0)
    for _ in range(3):
        adaptive.refused(now, now)
    adaptive.wait(now)
    assert adaptive.rate == pytest.approx(0.95 * 100, rel=0.02)
    adaptive.wait(now + 0.8)
    assert adaptive.rate == pytest.approx(100, rel=0.02)


def test_a_lone_refusal_leaves_more_because_a_second_lags_behind_what_is_tried() -> None:
    adaptive, _ = limited(100.0)
    assert 0.95 * 100 < adaptive.rate < 0.8 * 3 * 100


def test_the_rate_stays_while_nothing_is_sent() -> None:
    adaptive, now = limited(40.0)
    adaptive.wait(now + 2)
    found = adaptive.rate
    for later in (60.0, 61.0, 3600.0):
        adaptive.wait(later)
        assert found <= adaptive.rate <= 1.1 * found
    assert started(adaptive, 3600.0, 1.0) <= 1.1 * found + 1


def test_a_process_that_was_stopped_makes_up_for_nothing() -> None:
    adaptive = AdaptiveRate(0.0)
    for number in range(200):
        adaptive.start(number / 100)
        adaptive.delivered(number / 100, number / 100)
        adaptive.in_flight -= 1
    assert started(adaptive, 62.0, 0.1) <= 7


def test_a_pause_that_the_service_asks_for_is_kept_however_early_answers_come() -> None:
    adaptive, now = limited()
    adaptive.refused(now, now, 7.0)
    adaptive.refused(now, now, 2.0)
    steady(adaptive, now, 1.0, 10.0)
    assert adaptive.wait(now + 1) == pytest.approx(6.0, abs=0.1)
    adaptive.refused(now + 1, now + 1, math.inf)
    assert adaptive.wait(now + 1) == pytest.approx(300.0, abs=0.1)


def test_refusals_in_a_row_are_held_back_ever_longer() -> None:
    adaptive, now = limited()
    tries = []
    while now < 10:
        now += max(adaptive.wait(now), 0.0) + 1e-6
        adaptive.start(now)
        adaptive.refused(now, now)
        adaptive.in_flight -= 1
        tries.append(now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert len(tries) <= 13
    assert gaps[-1] == pytest.approx(max(gaps))
    assert 1 <= gaps[-1] <= 3
    adaptive.delivered(now, now)
    assert adaptive.wait(now) <= 3


def test_many_refusals_together_are_no_long_pause() -> None:
    adaptive, now = limited(3.0)
    adaptive.delivered(now, now)
    for _ in range(500):
        adaptive.refused(now, now)
    assert adaptive.wait(now) <= 1


def test_a_service_that_was_shut_for_long_is_asked_at_its_average() -> None:
    adaptive = AdaptiveRate(0.0)
    now = steady(adaptive, 3600.0, 5.0, 200.0)
    while now < 3610:
        adaptive.refused(now, now)
        now += 0.5
    adaptive.delivered(now, now)
    adaptive.wait(now)
    assert adaptive.rate == pytest.approx(0.95 * 1000 / 10, rel=0.1)


def test_an_undisturbed_round_trip_is_measured_again() -> None:
    adaptive = AdaptiveRate(0.0)
    now = steady(adaptive, 0.0, 2.0, 100.0, round_trip=0.01)
    adaptive.wait(now)
    assert adaptive.max_in_flight == pytest.approx(2 * 100 * 0.01 + 8 + 1, rel=0.1)
    now = steady(adaptive, now, 25.0, 100.0, round_trip=0.5)
    adaptive.wait(now)
    assert adaptive.max_in_flight == pytest.approx(2 * 100 * 0.5 + 8 + 1, rel=0.1)


def test_the_queue_of_a_service_runs_empty_before_it_is_measured_again() -> None:
    adaptive = AdaptiveRate(0.0)
    now = steady(adaptive, 0.0, 2.0, 100.0, round_trip=0.05)
    adaptive.in_flight = 18
    bounds = []
    while now < 14:
        now = steady(adaptive, now, 0.05, 100.0, round_trip=0.05 if now > 12 else 0.2)
        adaptive.wait(now)
        bounds.append(adaptive.max_in_flight)
    assert min(bounds) == pytest.approx(100 * 0.05 / 2, rel=0.2)
    assert bounds[-1] == pytest.approx(2 * 100 * 0.05 + 8 + 1, rel=0.2)


def test_a_stated_limit_is_kept_until_more_is_delivered() -> None:
    adaptive = AdaptiveRate(0.0)
    adaptive.limit_hint(20)
    adaptive.wait(0.01)
    assert adaptive.rate == pytest.approx(0.97 * 20)
    now = steady(adaptive, 0.0, 2.0, 22.0)
    adaptive.wait(now)
    assert adaptive.rate == pytest.approx(0.97 * 20)
    now = steady(adaptive, now, 2.0, 40.0)
    adaptive.limit_hint(20)
    adaptive.wait(now)
    assert adaptive.rate >= 42
    adaptive.limit_hint(30)
    adaptive.wait(now + 0.1)
    assert adaptive.rate == pytest.approx(0.97 * 30)


def at_the_limit(in_flight: int = 40, throughput: float = 360.0) -> tuple[AdaptiveRate, float]:
    """Return an adaptive rate that is refused while it probes, with so many in flight."""
    adaptive = AdaptiveRate(0.0)
    now = steady(adaptive, 0.0, 3.0, throughput, round_trip=0.1)
    adaptive.in_flight = in_flight
    adaptive.refused(now, now)
    now = steady(adaptive, now, 2.0, throughput, round_trip=0.1)
    adaptive.refused(now, now - 0.01)
    return adaptive, now


def test_a_refused_probe_begins_a_trial_with_one_fewer_in_flight_and_a_free_rate() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    adaptive.wait(now)
    assert adaptive.max_in_flight == 39
    assert adaptive.rate >= 1.2 * 360


def test_a_trial_that_delivers_more_than_before_holds_its_limit() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    now = steady(adaptive, now, 1.1, 390.0, round_trip=0.1)
    adaptive.wait(now)
    assert 39 <= adaptive.max_in_flight <= 41
    assert adaptive.rate >= 1.2 * 390


def test_a_trial_that_delivers_no_more_than_before_is_given_up() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    now = steady(adaptive, now, 1.1, 360.0, round_trip=0.1)
    adaptive.wait(now)
    assert adaptive.max_in_flight > 42
    assert adaptive.rate < 1.1 * 360


def test_a_failed_trial_is_repeated_only_after_some_refused_probes() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    trials = 0
    for _ in range(10):
        now = steady(adaptive, now, 1.2, 360.0, round_trip=0.1)
        adaptive.refused(now, now - 0.01)
        adaptive.wait(now)
        trials += adaptive.max_in_flight == 39
    assert trials == 1


def test_refusals_of_what_was_under_way_lower_a_held_limit_no_further() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    for late in (0.001, 0.002):
        adaptive.refused(now + late, now - 0.01)
    adaptive.wait(now + 0.003)
    assert adaptive.max_in_flight == 39
    adaptive.delivered(now + 0.004, now - 0.1)
    adaptive.refused(now + 0.01, now + 0.005)
    adaptive.wait(now + 0.01)
    assert adaptive.max_in_flight == 38


def test_a_row_of_refusals_ends_a_trial_and_lowers_the_rate() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    for _ in range(4):
        now += 0.01
        adaptive.refused(now, now - 0.001)
    adaptive.wait(now)
    assert adaptive.rate <= 360


def test_a_refusal_with_few_in_flight_ends_a_trial() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    adaptive.in_flight = 20
    adaptive.refused(now + 0.01, now + 0.005)
    adaptive.wait(now + 0.01)
    assert adaptive.max_in_flight != 38
    assert adaptive.rate <= 1.1 * 360


def test_no_trial_begins_with_few_in_flight() -> None:
    adaptive, now = at_the_limit(11, 360.0)
    adaptive.wait(now)
    assert adaptive.max_in_flight > 11


def test_a_held_limit_grows_only_while_it_is_used() -> None:
    adaptive, now = at_the_limit(40, 360.0)
    now = steady(adaptive, now, 1.1, 390.0, round_trip=0.1)
    adaptive.in_flight = 10
    now = steady(adaptive, now, 5.0, 100.0, round_trip=0.1)
    adaptive.wait(now)
    assert adaptive.max_in_flight <= 42
    adaptive.in_flight = 60
    now = steady(adaptive, now, 3.0, 390.0, round_trip=0.1)
    adaptive.wait(now)
    assert adaptive.max_in_flight > 43


def test_refusals_before_the_first_answer_are_no_measurement() -> None:
    adaptive = AdaptiveRate(0.0)
    for number in range(6):
        adaptive.refused(0.5 + number / 100, 0.4)
    adaptive.wait(0.6)
    assert adaptive.rate > 40
