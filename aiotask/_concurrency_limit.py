"""Limit on requests in flight, recognised by trial. Pure: time is a parameter, in seconds."""

import math
from typing import NamedTuple


class _Trial(NamedTuple):
    """Trial of a limit on requests in flight: conditions, length and repetition.

    A refusal does not tell which limit was exceeded, and at steady round trips a rate and a number
    in flight are the same (Little's law). They differ in what follows: with one fewer in flight
    than were refused and the rate set free, a service that limits those in flight delivers more
    than before, and one that limits the rate cannot. In a simulation of forty at a time, 0.1 s each
    and varying by 15 %, a held limit is used to 0.99, and to 0.88 by the rate alone. With fewer
    than twelve in flight, one fewer costs more than that brings. The interval is in refused probes
    and grows at each failure.
    """

    least: int = 12  # in flight
    seconds: float = 1.0
    round_trips: float = 2.0  # at least, so that the throughput is that of the trial
    gain: float = 1.01  # times the throughput before
    lowerings: int = 3  # after which it has failed
    interval_factor: int = 4
    longest_interval: int = 64


class _Hold(NamedTuple):
    """Use of a limit that a trial has proven: one fewer at a refusal, and cubic growth.

    The growth is absolute, as in CUBIC: C (t - K)^3 more, however many are in flight, so clients
    that share a limit gain equally. At forty in flight, refusals are 0.3 % of all requests.
    """

    growth: float = 0.7  # seconds until one more is allowed; eight more take twice that
    lowerings: int = 5  # in a row, after which the limit is a new one
    used: float = 0.9  # of what is allowed; with fewer in flight a refusal has another cause


_TRIAL = _Trial()
_HOLD = _Hold()


class ConcurrencyLimit:
    """A number of requests in flight that is tried, and then held while it proves right."""

    def __init__(self) -> None:
        self.active = False
        self.lowered_at = -math.inf
        self._base = math.inf
        self._to_beat = 0.0  # answers a second; 0 once the trial has succeeded
        self._lowerings = 0
        self._interval = self._until_trial = 1  # refused probes

    def try_below(self, now: float, in_flight: int, throughput: float) -> None:
        """Note a refused probe; if a trial is due, begin it with one fewer in flight.

        *throughput*, in answers a second, is what the trial has to exceed.
        """
        if in_flight < _TRIAL.least:
            return
        self._until_trial -= 1
        if self._until_trial <= 0:
            self.active, self._lowerings, self._to_beat = True, 0, throughput
            self._base, self.lowered_at = in_flight - 1.0, now

    def lower(self, now: float, in_flight: int, allowed: float, recovery: float) -> None:
        """Allow one fewer than are *allowed* now, or give the limit up.

        Refusals within the *recovery* from the last lowering, in seconds, are refusals in a row.
        """
        trying = self._to_beat > 0
        apart = not trying and now - self.lowered_at > recovery
        self._lowerings = 0 if apart else self._lowerings + 1
        most = _TRIAL.lowerings if trying else _HOLD.lowerings
        if in_flight < max(_TRIAL.least, _HOLD.used * allowed) or self._lowerings >= most:
            self.give_up()
        else:
            self._base, self.lowered_at = allowed - 1, now

    def give_up(self) -> None:
        """Hold nothing; a failed trial is repeated later and later."""
        if self._to_beat:
            longer = self._interval * _TRIAL.interval_factor
            self._interval = min(longer, _TRIAL.longest_interval)
        else:
            self._interval = 1
        self.active, self._until_trial, self._to_beat = False, self._interval, 0.0

    def judge(self, now: float, throughput: float, round_trip: float) -> None:
        """End a trial whose time is over: keep what it allowed, or give it up."""
        length = max(_TRIAL.seconds, _TRIAL.round_trips * round_trip)
        if self._to_beat and now - self.lowered_at > length:
            if throughput < _TRIAL.gain * self._to_beat:
                self.give_up()
            self._to_beat = 0.0

    def allowed(self, now: float, recovery: float, peak: int, passed: float) -> float:
        """Return how many may be in flight, after *recovery* seconds ever more.

        *peak* is how many were in flight in the last *passed* seconds.
        """
        beyond = now - self.lowered_at - recovery
        if self._to_beat or beyond <= 0:
            return self._base
        most = math.floor(self._base + (beyond / _HOLD.growth) ** 3)
        if peak < most - 1:
            self.lowered_at += passed  # time in which nothing asks for more is no probe
        return most
