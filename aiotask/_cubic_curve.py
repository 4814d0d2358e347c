"""CUBIC curve (RFC 9438) of a rate after a refusal. Pure: time is a parameter, in seconds."""

import math
from typing import NamedTuple

import attrs

from aiotask._company import SHARING, Company


class _Recovery(NamedTuple):
    """Return to the limit that was measured at a refusal: decrease, and time until it is reached.

    CUBIC keeps 0.7 of its window (beta) because it has to guess the limit; here the limit is
    measured, so 0.95 is enough. The time is CUBIC's K, but follows the cost: the more refusals the
    last probe met, the later the next, so that they are 0.55 % of all requests in the long run. The
    longest time grows with the limit: at ten a second that share would allow one probe in 18 s,
    and a limit that has risen would stay unused.
    """

    decrease: float = 0.05
    refused_share: float = 0.0055
    shortest: float = 0.3  # seconds
    after_overshoot: float = 0.8  # seconds; the measured limit is a rough one
    longest_at_low_rates: float = 1.3  # seconds
    longest_per_rate: float = 1 / 8  # seconds for each request a second
    longest: float = 6.0  # seconds


class _Probing(NamedTuple):
    """Growth beyond the measured limit: doublings by the third power of the time, then linear.

    The cube stays near the limit at first and finds a limit that has risen within seconds (convex
    region of CUBIC). A high rate grows more slowly: a round trip of it holds more requests that
    will be refused before the first refusal is heard of.
    """

    power: float = 3.0
    doubling: float = 0.5  # seconds until the first
    doubling_per_rate: float = 1 / 50  # seconds more for each request a second
    fastest: float = 0.7  # seconds
    slowest: float = 2.0  # seconds
    after_long_refusal: float = 4.0  # seconds: the limit is an average over a long time
    doublings: float = 20.0  # at the most; only keeps the power of two finite


RECOVERY = _Recovery()
PROBING = _Probing()


@attrs.define
class CubicCurve:
    """From a little below a limit (*rate*, *max_in_flight*) back to it, and then beyond it."""

    started_at: float
    rate: float
    max_in_flight: float
    recovery: float = RECOVERY.shortest
    """Seconds until the limit is reached again (K in RFC 9438)."""
    decrease: float = RECOVERY.decrease
    """Share of the limit by which it begins below it."""
    doubling: float = attrs.field(init=False)
    """Seconds until the first doubling beyond the limit."""

    def __attrs_post_init__(self) -> None:
        seconds = PROBING.doubling + PROBING.doubling_per_rate * self.rate
        self.doubling = min(max(seconds, PROBING.fastest), PROBING.slowest)

    def factor(self, now: float) -> float:
        """Return the share of the limit that is tried now; above 1 once it has recovered."""
        beyond = now - self.started_at - self.recovery
        if beyond < 0:
            return 1 - self.decrease * (-beyond / self.recovery) ** 3
        part = beyond / self.doubling
        doublings = part**PROBING.power if part < 1 else 1 + PROBING.power * (part - 1)
        return math.exp2(min(doublings, PROBING.doublings))

    def probes(self, now: float) -> bool:
        """Whether more than the limit is tried."""
        return now - self.started_at > self.recovery

    def longest_recovery(self, rate: float | None = None) -> float:
        """Return the seconds of the longest recovery from this limit, or from another *rate*."""
        limit = self.rate if rate is None else rate
        seconds = max(limit * RECOVERY.longest_per_rate, RECOVERY.longest_at_low_rates)
        return min(seconds, RECOVERY.longest)

    def restart(
        self, now: float, refusals: int, company: Company | None = None, *, overshot: bool
    ) -> None:
        """Recover from now on, the longer the more *refusals* the last probe cost.

        In *company*, one probes as seldom as they are many.
        """
        # A third of the doubling passes until a probe exceeds the limit noticeably.
        due = refusals / (RECOVERY.refused_share * self.rate) - self.doubling / 3
        seconds = RECOVERY.after_overshoot if overshot else max(due, RECOVERY.shortest)
        longest = self.longest_recovery()
        if company is not None:
            late, self.decrease = company.lateness(self.rate), SHARING.decrease
            seconds, longest = (
                seconds * late,
                self.longest_recovery(company.rate) * company.workers * late,
            )
        self.started_at, self.recovery = now, min(seconds, longest)
