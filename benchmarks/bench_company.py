"""One limit among clients that tell each other what they are delivered, in virtual time.

A second of it takes no second, and nothing else on the machine matters. "Constant" is what clients
would use that knew the limit, never probed, and each sent at the same constant rate, for the best
rate of some: that nothing adaptive can exceed, as their requests come at moments of their own.
"""

import argparse
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from statistics import fmean

from servers.simulated import Comes, Limit, Simulation, steps, window

from aiotask._adaptive_rate import AdaptiveRate

LATENCY = 0.1
CHANGING = 4  # clients of eight
BEGINNING = 20.0  # seconds in which the limit is found
CHANGE, SOON, LATER = 60.0, 15.0, 60.0  # seconds: when it is, and how long after is looked at
OFFERED = (0.94, 0.95, 0.96, 0.97, 0.98, 0.99)


class ConstantRate(AdaptiveRate):
    """Starts of requests at one rate, whatever becomes of them."""

    def __init__(self, now: float, rate: float, chance: random.Random) -> None:
        super().__init__(now)
        self._gap = 1 / rate
        self._next_start_at = now + chance.random() / rate

    def wait(self, now: float) -> float:
        """Return the seconds until the next moment."""
        return self._next_start_at - now

    def delivered(self, now: float, started_at: float) -> None:
        """Change nothing."""

    def refused(self, now: float, started_at: float, retry_after: float | None = None) -> None:
        """Change nothing."""


def shared(limit: Limit, clients: int, seconds: float, seed: int) -> Simulation:
    """Return a run of clients that hear of each other."""
    return Simulation(limit, LATENCY, seconds, clients, seed=seed, beats=True).run()


def steady(rate: float, clients: int, whole: Simulation) -> tuple[float, float]:
    """Return what is used and refused of a limit after the beginning of a run."""
    first = shared(window(rate), clients, BEGINNING, whole.seed)
    delivered = sum(whole.delivered) - sum(first.delivered)
    refused = whole.refused - first.refused
    return delivered / (whole.seconds - BEGINNING) / rate, refused / (refused + delivered)


def constant(rate: float, clients: int, seconds: float, seed: int) -> tuple[float, float, float]:
    """Return what constant rates use and are refused, and which of all they are together."""
    found: list[tuple[float, float, float]] = []
    for offered in OFFERED:
        each = offered * rate / clients
        made = partial(ConstantRate, rate=each, chance=random.Random(seed))
        run = Simulation(window(rate), LATENCY, seconds, clients, seed=seed, made=made).run()
        found.append((run.throughput / rate, run.refused_share, offered))
    # A refused request costs as much as one that is not used.
    return max(found, key=lambda each: each[0] - each[1])


def used_between(
    limit: Callable[[], Limit], clients: int, seed: int, times: Sequence[float], comes: Comes
) -> list[int]:
    """Return what was delivered between times."""
    totals = [
        sum(
            Simulation(limit(), LATENCY, until, clients, seed=seed, beats=True, comes=comes)
            .run()
            .delivered
        )
        for until in times
    ]
    return [after - before for before, after in pairwise(totals)]


def rising() -> Limit:
    """Return a limit that rises."""
    return steps((0, 80), (CHANGE, 300))


def always(_: int) -> tuple[float, float]:
    """Return that a client is there all the time."""
    return 0.0, math.inf


def leaving(client: int) -> tuple[float, float]:
    """Return when a client is there; some leave."""
    return 0.0, CHANGE if client < CHANGING else math.inf


def coming(client: int) -> tuple[float, float]:
    """Return when a client is there; some come later."""
    return CHANGE if client < CHANGING else 0.0, math.inf


def main() -> None:
    """Print what is used of limits, and after changes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[50, 200])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=6, help="with one seed after the other")
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.runs)
    print("wanted: used >= 0.95, refused <= 1 % (50/s: 2 %); means of all runs")
    for rate in given.rates:
        for clients in given.clients:
            runs = [shared(window(rate), clients, given.seconds, seed) for seed in seeds]
            settled = [steady(rate, clients, run) for run in runs]
            then = [fmean(each) for each in zip(*settled, strict=True)]
            used, refused, offered = constant(rate, clients, given.seconds, given.seed)
            print(
                f"{rate:5.0f}/s {clients:3} clients: "
                f"used {fmean(run.throughput for run in runs) / rate:.3f}  "
                f"refused {fmean(run.refused_share for run in runs):.2%}   "
                f"after {BEGINNING:.0f} s: {then[0]:.3f}  {then[1]:.2%}   "
                f"constant ({offered:.2f}): {used:.3f}  {refused:.2%}",
                flush=True,
            )
    times = (CHANGE, CHANGE + SOON, CHANGE + LATER)
    for what, limit, rate, clients, comes in (
        ("80/s becomes 300/s, 4 clients", rising, 300, 4, always),
        ("4 of 8 clients leave 200/s", lambda: window(200), 200, 8, leaving),
        ("4 clients come to 4 at 200/s", lambda: window(200), 200, 8, coming),
    ):
        both = [used_between(limit, clients, seed, times, comes) for seed in seeds]
        soon, later = (fmean(each) for each in zip(*both, strict=True))
        print(
            f"{what}: used {soon / rate / SOON:.2f} in {SOON:.0f} s, "
            f"then {later / rate / (LATER - SOON):.2f}"
        )


if __name__ == "__main__":
    main()
