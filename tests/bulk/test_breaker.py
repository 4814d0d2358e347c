"""When the service counts as down, and what goes through then."""

import pytest

from aiotask.bulk.circuit_breaker import CircuitBreaker


def test_it_opens_after_twenty_lost_in_a_row() -> None:
    breaker = CircuitBreaker()
    for _ in range(19):
        breaker.lost(0.0)
    assert not breaker.open
    assert breaker.wait(0.0) == 0
    breaker.lost(0.0)
    assert breaker.open


@pytest.mark.parametrize(("lost", "opens"), [(9, False), (10, True)])
def test_it_opens_when_half_of_what_ended_in_ten_seconds_is_lost(lost: int, *, opens: bool) -> None:
    breaker = CircuitBreaker()
    for number in range(20 - lost):
        breaker.answered(number / 10)
    for number in range(lost):
        breaker.lost(2 + number / 10)
    assert breaker.open is opens


def test_what_is_long_ago_does_not_count() -> None:
    breaker = CircuitBreaker()
    for second in range(100):
        breaker.lost(2.0 * second)
        breaker.answered(2.0 * second)
        breaker.answered(2.0 * second)
    assert not breaker.open
    # Each of these ten-second windows has fewer than twenty ends.
    for second in range(200, 400, 2):
        breaker.lost(float(second))
        breaker.answered(float(second))
    assert not breaker.open


def test_open_it_lets_one_through_now_and_then() -> None:
    breaker = CircuitBreaker()
    for _ in range(20):
        breaker.lost(100.0)
    now, probes = 100.0, []
    while now < 500:
        if breaker.wait(now) == 0:
            probes.append(now - 100)
            assert breaker.wait(now) > 0
            breaker.lost(now)
        now += 1
    assert probes == [5, 15, 35, 75, 135, 195, 255, 315, 375]


def test_those_that_were_under_way_when_it_opened_do_not_lengthen_the_pause() -> None:
    breaker = CircuitBreaker()
    for _ in range(100):
        breaker.lost(100.0)
    assert breaker.wait(100.0) == 5


def test_an_answer_closes_it() -> None:
    breaker = CircuitBreaker()
    for _ in range(30):
        breaker.lost(100.0)
    assert breaker.wait(105.0) == 0
    breaker.answered(105.5)
    assert not breaker.open
    assert breaker.wait(105.5) == 0
    breaker.lost(106.0)
    assert not breaker.open
