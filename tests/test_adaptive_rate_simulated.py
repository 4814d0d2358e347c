"""Limits of simulated services, found by adaptive rates in virtual time."""

from collections.abc import Callable

import pytest
from servers.simulated import (
    Limit,
    Simulation,
    at_a_time,
    bucket,
    fixed_window,
    steps,
    window,
)

SERVED = (0.05, 0.9, 0.05)  # nearly all of a round trip is spent in the service


@pytest.mark.parametrize("latency", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("rate", [50, 100, 200, 500, 1000])
def test_a_limit_of_a_second_is_used_with_few_refusals(rate: int, latency: float) -> None:
    run = Simulation(window(rate), latency, slow=latency == 0.1).run()
    assert 0.92 * rate <= run.throughput <= rate
    assert run.refused_share <= (0.021 if (rate, latency) == (50, 0.1) else 0.0155)


@pytest.mark.parametrize(
    ("kind", "numbers", "latency", "share", "refused"),
    [
        (fixed_window, (100,), 0.005, 0.92, 0.015),
        (fixed_window, (200,), 0.02, 0.92, 0.015),
        (fixed_window, (200,), 0.1, 0.9, 0.025),
        (bucket, (50, 5), 0.1, 0.95, 0.015),
        (bucket, (500, 5), 0.02, 0.92, 0.015),
        (bucket, (200, 50), 0.1, 0.95, 0.015),
        (bucket, (50, 50), 0.02, 0.95, 0.03),
        (bucket, (100, 1), 0.005, 0.75, 0.015),
    ],
)
def test_limits_that_count_otherwise_are_used(
    kind: Callable[..., Limit],
    numbers: tuple[int, ...],
    latency: float,
    share: float,
    refused: float,
) -> None:
    run = Simulation(kind(*numbers), latency).run()
    assert run.throughput >= share * numbers[0]
    assert run.refused_share <= refused


@pytest.mark.parametrize(("rate", "share", "refused"), [(3, 0.68, 0.27), (10, 0.85, 0.1)])
def test_a_low_limit_is_used_though_probes_cost_more(
    rate: int, share: float, refused: float
) -> None:
    run = Simulation(window(rate), seconds=60).run()
    assert run.throughput >= share * rate
    assert run.refused_share <= refused


@pytest.mark.parametrize("rate", [50, 200])
def test_a_limit_averaged_over_ten_seconds_is_used(rate: int) -> None:
    run = Simulation(window(rate, 10.0), seconds=60).run()
    assert run.throughput >= 0.87 * rate
    assert run.refused_share <= 0.1


@pytest.mark.parametrize("jitter", [0.01, 0.15])
@pytest.mark.parametrize(
    ("limit", "latency", "share"),
    [(20, 0.1, 0.9), (40, 0.1, 0.92), (40, 0.3, 0.9), (80, 0.03, 0.86), (200, 0.1, 0.86)],
)
def test_a_limit_of_requests_at_a_time_is_used(
    limit: int, latency: float, share: float, jitter: float
) -> None:
    run = Simulation(at_a_time((0, limit)), latency, legs=SERVED, jitter=jitter).run()
    assert run.throughput >= share * limit / latency
    assert run.refused_share <= 0.01


def test_a_limit_of_requests_at_a_time_is_used_where_refusals_are_slow() -> None:
    run = Simulation(at_a_time((0, 40)), 0.1, slow=True, legs=SERVED).run()
    assert run.throughput >= 0.88 * 400
    assert run.refused_share <= 0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_limit_of_requests_at_a_time_that_falls_and_rises_is_followed(seed: int) -> None:
    limits = at_a_time((0, 20), (20, 40), (40, 20))
    run = Simulation(limits, 0.1, seconds=60, legs=SERVED, seed=seed).run()
    assert run.throughput >= 0.85 * (20 + 40 + 20) / 3 / 0.1
    assert run.refused_share <= 0.01


@pytest.mark.parametrize("seed", range(5))
def test_forty_requests_at_a_time_of_a_tenth_of_a_second_are_nearly_all_used(seed: int) -> None:
    legs = (0.005, 0.985, 0.01)
    run = Simulation(at_a_time((0, 40)), 0.1015, legs=legs, jitter=0.01, seed=seed).run()
    assert run.throughput >= 0.94 * 400
    assert run.refused_share <= 0.005


@pytest.mark.parametrize("latency", [0.3, 1.0])
def test_refusals_before_the_first_answer_do_not_stop_what_comes_after(latency: float) -> None:
    run = Simulation(at_a_time((0, 40)), latency, seconds=15, legs=SERVED).run()
    assert run.throughput >= 0.75 * 40 / latency


def test_a_limit_that_falls_and_rises_is_followed() -> None:
    run = Simulation(steps((0, 50), (20, 10), (40, 100)), seconds=60).run()
    assert run.throughput >= 0.88 * (50 + 10 + 100) / 3
    assert run.refused_share <= 0.027


def test_several_clients_share_a_limit_fairly() -> None:
    run = Simulation(window(50), seconds=60, clients=4).run()
    assert run.throughput >= 0.9 * 50
    assert min(run.delivered) >= 0.6 * max(run.delivered)
    assert run.refused_share <= 0.11


def test_several_clients_use_a_limit_of_requests_at_a_time() -> None:
    run = Simulation(at_a_time((0, 40)), 0.1, seconds=60, clients=3, legs=SERVED).run()
    assert run.throughput >= 0.85 * 400
    assert run.refused_share <= 0.015
    assert min(run.delivered) >= 0.1 * max(run.delivered)


def test_a_service_that_refuses_nothing_is_soon_asked_as_fast_as_it_answers() -> None:
    run = Simulation(
        lambda _, __: True, 0.004, seconds=4, legs=(0.25, 0.5, 0.25), workers=10, most=256
    ).run()
    assert run.throughput >= 0.65 * 5000
    assert run.rates[0].rate > 2 * 5000


@pytest.mark.parametrize(("workers", "slowest"), [(20, 3.0), (4, 5.0)])
def test_a_service_that_queues_is_not_buried(workers: int, slowest: float) -> None:
    run = Simulation(
        lambda _, __: True, 0.08, seconds=60, legs=(0.01, 0.98, 0.01), workers=workers
    ).run()
    late = run.round_trips[len(run.round_trips) // 2 :]
    assert run.throughput >= 0.9 * workers / 0.08
    assert sum(late) / len(late) <= slowest * 0.08


def test_answers_that_never_come_disturb_nothing() -> None:
    run = Simulation(window(200), lost=0.001).run()
    assert run.throughput >= 0.9 * 200
    assert run.refused_share <= 0.015
