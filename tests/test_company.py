"""One limit among processes that tell each other what they are delivered, in virtual time."""

import math
from statistics import fmean

import pytest
from servers.simulated import Simulation, steps, window

from aiotask._adaptive_rate import AdaptiveRate
from aiotask._company import SHARING, Company

LATENCY = 0.1


def shared(rate: float, clients: int, seed: int = 1) -> Simulation:
    return Simulation(window(rate), LATENCY, 100.0, clients, seed=seed, beats=True).run()


@pytest.mark.parametrize(
    ("rate", "clients", "used", "refused"),
    [
        (200, 4, 0.955, 0.01),
        (50, 8, 0.94, 0.025),
        pytest.param(200, 16, 0.96, 0.015, marks=pytest.mark.campaign),
        pytest.param(1000, 8, 0.9, 0.01, marks=pytest.mark.campaign),
    ],
)
def test_a_limit_is_used_by_many_with_few_refusals(
    rate: int, clients: int, used: float, refused: float
) -> None:
    runs = [shared(rate, clients, seed) for seed in range(4)]
    assert fmean(run.throughput for run in runs) >= used * rate
    assert fmean(run.refused_share for run in runs) <= refused


@pytest.mark.parametrize(("rate", "clients"), [(200, 16), (50, 8)])
def test_without_word_of_each_other_more_is_refused(rate: int, clients: int) -> None:
    alone = Simulation(window(rate), LATENCY, 100.0, clients).run()
    assert alone.refused_share > 4 * shared(rate, clients).refused_share


def test_a_limit_that_rises_is_used_again() -> None:
    limit = {"latency": LATENCY, "clients": 4, "beats": True}
    before, after = (
        sum(Simulation(steps((0, 80), (60, 300)), seconds=seconds, **limit).run().delivered)  # type: ignore[arg-type]
        for seconds in (90, 120)
    )
    assert after - before > 0.9 * 30 * 300


def test_those_who_are_left_use_what_others_had() -> None:
    def comes(client: int) -> tuple[float, float]:
        return 0.0, 60.0 if client < 4 else math.inf

    before, after = (
        sum(Simulation(window(200), LATENCY, seconds, 8, beats=True, comes=comes).run().delivered)
        for seconds in (80, 110)
    )
    assert after - before > 0.93 * 30 * 200


def refused(company: Company | None) -> AdaptiveRate:
    """Return a rate that was refused once after some seconds of answers at 100 a second."""
    rate = AdaptiveRate(0.0)
    for number in range(300):
        rate.delivered(number / 100, number / 100 - 0.01)
    rate.hear(company)
    rate.refused(3.0, 2.99)
    return rate


def capped(share: float) -> float:
    """Return the most that one may have whose equal share it is."""
    return SHARING.cap * share + SHARING.spare


def test_a_documented_limit_is_divided_whatever_else_is_known() -> None:
    rate = AdaptiveRate(0.0, max_rate=2.5)
    rate.hear(Company(0.0, 5, 2.5, -math.inf))
    for now in (0.0, 1.0, 100.0):
        rate.wait(now)
        assert rate.rate == 0.5


def test_nobody_has_more_than_its_share_while_anybody_is_refused() -> None:
    rate = refused(None)
    rate.hear(Company(3.0, 4, 40.0, 3.0))
    rate.wait(5.9)
    assert rate.rate == pytest.approx(capped(10))
    rate.wait(6.1)  # nothing was heard of others since
    assert rate.rate > capped(10)


def test_growth_begins_where_nobody_was_refused_for_long() -> None:
    now = 3.0 + SHARING.calm + 1
    waits = refused(Company(3.0, 16, 16.0, 3.0))
    waits.hear(Company(now, 16, 16.0, 3.0))
    waits.wait(now)
    assert waits._curve is not None
    assert waits._curve.started_at + waits._curve.recovery == pytest.approx(now, abs=0.01)


@pytest.mark.parametrize(("rate", "late"), [(100.0, 1.0), (200.0, 4.0), (50.0, 0.25), (1e9, 16.0)])
def test_who_has_more_than_its_share_probes_later(rate: float, late: float) -> None:
    assert Company(0.0, 4, 400.0, 0.0).lateness(rate) == SHARING.sooner * late


def test_many_who_begin_together_begin_as_one() -> None:
    rate = AdaptiveRate(0.0)
    rate.hear(Company(0.0, 16, 0.0, -math.inf))
    rate.wait(0.0)
    assert rate.rate == AdaptiveRate(0.0).rate / 16


def test_what_is_delivered_while_all_begin_caps_nobody() -> None:
    rate = AdaptiveRate(0.0)
    for now, total, refused_at in ((0.0, 0.0, -math.inf), (1.0, 3.0, 0.5)):
        rate.hear(Company(now, 2, total, refused_at))
    rate.wait(1.1)
    assert rate.rate > capped(1.5)
    rate.wait(2.5)
    assert rate.rate == pytest.approx(capped(1.5))


def test_the_share_is_one_of_the_best_total_of_the_last_seconds() -> None:
    rate = refused(None)
    for now, total in ((3.0, 80.0), (4.0, 40.0), (5.0, 40.0)):
        rate.hear(Company(now, 4, total, now))
    rate.wait(5.1)
    assert rate.rate == pytest.approx(capped(20))
    rate.hear(Company(6.5, 4, 40.0, 6.5))
    rate.wait(6.6)
    assert rate.rate == pytest.approx(capped(10))
