"""Adaptive rate: requests a second, and in flight, that a service bears. Pure: time is a parameter.

The service documents no limit, so the rate follows what it delivers. It starts with a doubling
(slow start). A refusal (429) shows that a limit was exceeded, and what was delivered in the second
before is that limit, measured: the rate falls a little below it, recovers along a cubic curve and
then probes for more (CUBIC on delivered answers, as botocore's adaptive retries do it on calls).
The number in flight follows the same curve, until a trial shows that it is what the service limits.
A service that queues instead of refusing is held by Little's law.
"""

import math
from typing import NamedTuple

from aiotask._company import SHARING, Company, Totals
from aiotask._concurrency_limit import ConcurrencyLimit
from aiotask._cubic_curve import PROBING, CubicCurve
from aiotask._throughput import RoundTrips, Throughput


class _SlowStart(NamedTuple):
    """Doubling until the first refusal, as in TCP (RFC 5681, 3.1).

    Tuned in simulation: each halving of the first rate costs a doubling's time at every limit
    above, and a higher one costs refusals at 3 to 50 requests a second. A doubling takes longer
    than a round trip, because a refusal arrives a round trip after its cause. Only a multiple of
    the recent throughput is tried, so a caller with few requests does not raise the rate without
    bound; a throughput that was reached is tried again at once for a minute.
    """

    rate: float = 60.0  # requests a second
    doubling: float = 0.15  # seconds, without the round trips
    doubling_round_trips: float = 1.5
    outrun: float = 3.0  # times the recent throughput
    outrun_spare: float = 5.0  # requests a second more
    remembered: float = 60.0  # seconds


class _Measuring(NamedTuple):
    """Limit taken from one refusal.

    In a steady state the last second's throughput is the limit. During growth it lags behind, so a
    quarter of the lag is added, and at least 0.8 of the refused rate is kept: if that is too much,
    a row of refusals follows within a few round trips, and each lowers the rate to what is measured
    then. The floor keeps a service that answers nothing for a while from lowering it for good.
    After a probe far beyond the limit (overshoot) the last second tells little. Refusals in 0.3 s,
    or two round trips, have one cause and cut the rate once, as TCP cuts once in a round trip.
    """

    episode: float = 0.3  # seconds
    lag_share: float = 0.25
    least_share: float = 0.8
    row: int = 4  # refusals without an answer in between
    floor: float = 0.25  # of the throughput before the overshoot
    overshoot: float = 1.5  # times the limit
    spare_in_flight: float = 1.1  # times the average that the rate needs
    least_in_flight: int = 8  # fewer are never the cause of a refusal
    concurrency_outrun: float = 1.25  # times the throughput, while a limit in flight is held


class _Backoff(NamedTuple):
    """Pauses in a row of refusals: exponential, from less than a round trip to a second.

    Refusals in a row for more than two seconds come from a limit on the average over a longer time
    than the second that is measured; then the average since it last opened is the limit.
    """

    first: float = 0.02  # seconds, doubled at each refusal after it
    longest: float = 1.0  # seconds
    shut: float = 2.5  # seconds
    longest_retry_after: float = 300.0  # seconds; the service may ask for any


class _Hint(NamedTuple):
    """Trust in the limit that the service states in a header of undocumented format.

    A little less than it is used. It is dropped once a second without refusals delivers clearly
    more than jitter of the round trips can move into a second.
    """

    used: float = 0.97
    disproved: float = 1.2  # times the hint
    disproved_spare: int = 2  # answers more


class _Pacing(NamedTuple):
    """Starts of requests: evenly spaced, with a small burst after a late wake-up of the loop."""

    slowest: float = 0.5  # requests a second
    catch_up: float = 0.01  # seconds of requests
    refresh: float = 0.01  # seconds that a computed rate is used


_START = _SlowStart()
_MEASURING = _Measuring()
_BACKOFF = _Backoff()
_HINT = _Hint()
_PACING = _Pacing()
_CATCH_UP = _PACING.catch_up


class AdaptiveRate:
    """When the next request of one operation may start, and how many may be in flight.

    *max_rate* (requests a second) caps the rate. ``rate``, ``max_in_flight`` and ``in_flight`` are
    to be read; a caller that starts a request without ``start`` adds it to ``in_flight``, and every
    caller subtracts a request that has ended.
    """

    def __init__(self, now: float, *, max_rate: float = math.inf) -> None:
        self.in_flight = 0
        self.refusals = 0
        self.rate = min(_START.rate, max_rate)
        self.max_in_flight = math.inf
        self._max_rate = self._ceiling = max_rate
        self._hint = self._disproved_hint = 0
        self._gap = 1 / self.rate
        self._next_start_at = self._refresh_at = self._refreshed_at = now
        self._slow_start_rate = _START.rate
        self._reached, self._reached_at = 0.0, -math.inf  # answers a second in the slow start
        self._curve: CubicCurve | None = None
        self._company: Company | None = None
        self._totals = Totals()
        self._concurrency = ConcurrencyLimit()
        self._throughput = Throughput(now)
        self._round_trips = RoundTrips(now)
        self._cut_at = self._refused_at = self._exhausted_at = -math.inf
        self._before = 0.0  # answers in the second before the last overshoot
        self._cost = 0  # refusals since then
        self._overshot = False
        self._row = 0  # refusals without an answer in between
        self._row_started_at, self._backed_off_at, self._backoff = now, -math.inf, 0.0
        self._opened_at, self._opened_total = now, 0  # end of the last pause, and answers till then

    @property
    def round_trip(self) -> float:
        """The mean round trip in seconds."""
        return self._round_trips.mean

    @property
    def answers(self) -> int:
        """The number of answers that were no refusals."""
        return self._throughput.total

    def wait(self, now: float) -> float:
        """Return the seconds until a request may start; inf until one in flight has ended."""
        if now >= self._refresh_at:
            self._refresh(now)
        return self._next_start_at - now if self.in_flight < self.max_in_flight else math.inf

    def start(self, now: float) -> None:
        """Count a request as started now."""
        self.in_flight = in_flight = self.in_flight + 1
        throughput = self._throughput
        throughput.peaks[throughput.place] = max(throughput.peaks[throughput.place], in_flight)
        self._next_start_at = max(self._next_start_at, now - _CATCH_UP) + self._gap

    def delivered(self, now: float, started_at: float) -> None:
        """Note an answer that is no refusal."""
        throughput, round_trips = self._throughput, self._round_trips
        if now >= throughput.ends_at:
            self._advance(now)
        throughput.counts[throughput.place] += 1
        throughput.total += 1
        round_trips.sum += now - started_at
        round_trips.count += 1
        if self._row:
            self._end_row(now)

    def refused(self, now: float, started_at: float, retry_after: float | None = None) -> None:
        """Note a refusal, and the pause in seconds that it asks for."""
        self.refusals += 1
        self._refused_at = now
        self._postpone(now, retry_after)
        self._refresh(now)
        curve = self._curve
        fewer = None if curve is None else self._lower_in_flight(now, started_at, curve)
        if fewer is not None:
            curve = fewer
        elif curve is None or self._apart(now):
            curve = self._slow_down(now)
        self._curve = curve
        self._cost += 1
        # Before the first answer can have come, its absence means nothing.
        if self._row >= _MEASURING.row and self._throughput.total:
            second = self._throughput.last_second(now)
            curve.rate = min(curve.rate, max(second, _MEASURING.floor * self._before, 1.0))
        curve.restart(now, self._cost, self._company, overshot=self._overshot)
        self._refresh_at = now

    def hear(self, company: Company | None) -> None:
        """Note what is known of all who share the limit; None for nobody else."""
        self._company = company
        self._totals.add(company)
        if company is not None and self._curve is None and not self._throughput.total:
            self._slow_start_rate = min(self._slow_start_rate, _START.rate / company.workers)

    def limit_hint(self, limit: int) -> None:
        """Note that the service states so many requests as its limit, in an unknown sense."""
        if limit > self._disproved_hint:
            self._hint = limit
            self._ceiling = min(self._max_rate, _HINT.used * limit)

    def exhausted(self, now: float) -> None:
        """Note that the service states that no request is left, as it may do in every answer."""
        if now - self._exhausted_at > _MEASURING.episode:
            self._exhausted_at = now
            self._next_start_at = max(self._next_start_at, now + 1 / self.rate)

    def _apart(self, now: float) -> bool:
        """Whether a refusal now is of another overshoot than the one that cut the rate."""
        return now - self._cut_at >= max(_MEASURING.episode, 2 * self.round_trip)

    def _refresh(self, now: float) -> None:
        self._advance(now)
        passed, self._refreshed_at = now - self._refreshed_at, now
        self._refresh_at = now + _PACING.refresh
        recent = self._throughput.recent()
        if self._concurrency.active:
            self._concurrency.judge(now, self._throughput.last_second(now), self.round_trip)
        if self._curve is None:
            rate, in_flight = self._started_slowly(now, passed, recent), math.inf
        elif self._concurrency.active:
            rate, in_flight = self._held(now, passed, recent, self._curve)
        else:
            rate, in_flight = self._on_curve(now, passed, recent, self._curve)
        most = self._ceiling if self._company is None else self._fair(now, self._company)
        self.rate = min(max(rate, _PACING.slowest), most)
        self.max_in_flight = min(in_flight, self._round_trips.bound)
        self._gap = max(1 / self.rate, self._backoff)

    def _fair(self, now: float, company: Company) -> float:
        """Return the most that leaves others their share; where there is room, grow at once."""
        most = min(self._ceiling, self._max_rate / company.workers)
        if not company.is_believed(now):
            return most
        if not company.is_calm(now, self._refused_at):
            if self._curve is None and not self._totals.are_known(now):
                return most
            share = self._totals.best() / company.workers
            return min(most, max(SHARING.cap * share + SHARING.spare, 1.0))
        curve = self._curve
        if curve is not None and not curve.probes(now):
            curve.recovery = max(now - curve.started_at, 0.001)
        return most

    def _started_slowly(self, now: float, passed: float, recent: float) -> float:
        if recent > self._reached or now - self._reached_at > _START.remembered:
            self._reached, self._reached_at = recent, now
        doubling = _START.doubling + _START.doubling_round_trips * self.round_trip
        grown = self._slow_start_rate * math.exp2(min(passed / doubling, PROBING.doublings))
        part = 1 if self._company is None else 1 / self._company.workers
        spare = _START.outrun_spare * part
        most = max(_START.outrun * recent + spare, self._reached, _START.rate * part)
        self._slow_start_rate = min(grown, most)
        return self._slow_start_rate

    def _on_curve(
        self, now: float, passed: float, recent: float, curve: CubicCurve
    ) -> tuple[float, float]:
        factor = curve.factor(now)
        rate = curve.rate * factor
        most = max(_START.outrun * recent + _START.outrun_spare, curve.rate)
        if rate > most:
            # Time in which nothing asks for more is no probe.
            rate, curve.started_at = most, curve.started_at + passed
        return rate, max(_MEASURING.least_in_flight, curve.max_in_flight * factor)

    def _held(
        self, now: float, passed: float, recent: float, curve: CubicCurve
    ) -> tuple[float, float]:
        peak = self._throughput.recent_peak()
        allowed = self._concurrency.allowed(now, curve.recovery, peak, passed)
        # Loose enough for the limit in flight to bind, and tight enough against bursts.
        outrun = _MEASURING.concurrency_outrun
        return outrun * max(recent + _START.outrun_spare, curve.rate), allowed

    def _advance(self, now: float) -> None:
        throughput = self._throughput
        if now < throughput.ends_at:
            return
        if throughput.advance(now, self.in_flight):
            self._opened_at, self._opened_total = now, throughput.total
        second = throughput.last_second(now)
        more = second > _HINT.disproved * self._hint + _HINT.disproved_spare
        if self._hint and more and now - self._refused_at > 1:
            self._disproved_hint, self._hint, self._ceiling = self._hint, 0, self._max_rate
        self._round_trips.measure(now, max(second, throughput.recent()), self.in_flight)

    def _postpone(self, now: float, retry_after: float | None) -> None:
        # One refused is one too many, so one start is left out.
        later = min(max(self._next_start_at, now) + 1 / self.rate, now + _BACKOFF.longest)
        self._next_start_at = max(self._next_start_at, later)
        self._row += 1
        if self._row == 1:
            self._row_started_at = now
        elif now >= self._backed_off_at + self._backoff:
            self._backoff = min(max(_BACKOFF.first, 2 * self._backoff), _BACKOFF.longest)
            self._backed_off_at = now
            self._next_start_at = max(self._next_start_at, now + self._backoff)
        if retry_after is not None:
            pause = min(retry_after, _BACKOFF.longest_retry_after)
            self._next_start_at = max(self._next_start_at, now + pause)

    def _lower_in_flight(
        self, now: float, started_at: float, curve: CubicCurve
    ) -> CubicCurve | None:
        """Return the curve after a refusal that is ascribed to the number in flight, else None."""
        limit, second = self._concurrency, self._throughput.last_second(now)
        if not limit.active:
            far = curve.factor(now) > _MEASURING.overshoot
            if curve.probes(now) and self._apart(now) and not far:
                limit.try_below(now, self.in_flight, second)
        elif self._row >= _MEASURING.row:
            limit.give_up()
        elif started_at < limit.lowered_at:
            return curve  # one of those that were too many before
        else:
            limit.lower(now, self.in_flight, self.max_in_flight, curve.recovery)
        if not limit.active:
            return None
        self._cut_at, self._before, self._cost, self._overshot = now, second, 0, False
        return CubicCurve(now, second, curve.max_in_flight)

    def _slow_down(self, now: float) -> CubicCurve:
        curve, throughput, self._cut_at = self._curve, self._throughput, now
        limit = throughput.last_second(now)
        if curve is None or curve.probes(now):
            far = curve is None or curve.factor(now) > _MEASURING.overshoot
            self._overshot, self._before, self._cost = far and not self._overshot, limit, 0
            lag = self.rate - limit
            limit = max(limit + _MEASURING.lag_share * lag, _MEASURING.least_share * self.rate)
        limit = max(limit, _MEASURING.floor * self._before, throughput.recent(), 1.0)
        rate = min(self.rate, limit)
        needed = _MEASURING.spare_in_flight * rate * self.round_trip
        return CubicCurve(now, rate, max(*throughput.peaks, needed))

    def _end_row(self, now: float) -> None:
        long = self._row > 1 and now - self._row_started_at > _BACKOFF.shut
        self._row, self._backoff, self._refresh_at = 0, 0.0, now
        curve, total = self._curve, self._throughput.total
        # Where this very answer ended a pause, there is nothing to measure.
        if curve is not None and long and now > self._opened_at:
            curve.rate = max((total - self._opened_total) / (now - self._opened_at), 1.0)
            needed = _MEASURING.spare_in_flight * curve.rate * self.round_trip
            curve.max_in_flight = max(curve.max_in_flight, needed)
            curve.recovery, curve.doubling = curve.longest_recovery(), PROBING.after_long_refusal
            self._overshot = False
            self._opened_at, self._opened_total = now, total
