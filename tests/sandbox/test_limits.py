import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.sandbox.clock.rate_window import SlidingWindow
from tests.sandbox.sandbox_api import Clock


def test_no_more_than_the_mean_is_accepted_in_any_window() -> None:
    clock = Clock()
    window = SlidingWindow(3, 10, clock)
    assert [window.accept() for _ in range(31)] == [True] * 30 + [False]
    clock.now += 9.9
    assert not window.accept()
    clock.now += 0.1
    assert window.remaining == 30
    assert window.accept()
    assert window.remaining == 29


def test_a_rate_below_one_in_the_window_is_one_in_a_longer_window() -> None:
    clock = Clock()
    window = SlidingWindow(0.5, 1, clock)
    assert [window.accept(), window.accept()] == [True, False]
    clock.now += 1.5
    assert not window.accept()
    clock.now += 0.5
    assert window.accept()


def test_a_rate_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        SlidingWindow(0, 1, Clock())


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 5))
def test_every_span_of_a_window_holds_the_limit_at_most(waits: list[float], rate: int) -> None:
    clock = Clock(0.0)
    window = SlidingWindow(rate, 1, clock)
    accepted = []
    for wait in waits:
        clock.now += wait
        if window.accept():
            accepted.append(clock.now)
    for moment in accepted:
        assert sum(moment - 1 < other <= moment for other in accepted) <= rate
