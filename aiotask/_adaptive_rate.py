"""How fast a service can be asked, found from its answers. Pure: the time comes in, in seconds.

The service tells no limit in a documented form, so the pace follows what it delivers. It starts
with a doubling. A refusal (429) is a sign of having gone past the limit, and what was delivered in
the second before it is the limit itself, measured: the rate falls a little below that, comes back
along a cubic curve, and then tries more, gently at first, the later the more the last trial cost
(CUBIC, RFC 9438, on delivered answers). The number under way follows the same curve. A service
that queues instead of refusing is held by Little's law: no more under way than about twice what it
delivers in a round trip that nothing disturbed.
"""

import math

import attrs

_START = 42.0  # requests a second
_DOUBLING = 0.2  # seconds, until the first refusal ...
_DOUBLING_TRIPS = 1.5  # ... and so many round trips more, after which a refusal is heard of
_OUTRUN = 3.0  # times what is delivered may be tried ...
_FEW = 5.0  # ... and so many requests a second more
_PROVEN = 60.0  # seconds in which what was delivered once may be tried again at once
_SLOWEST = 0.5  # requests a second

_DROP = 0.05  # the share that the rate loses at a refusal
_COST = 0.0055  # the share of refusals that looking for the limit may cost
_SHORTEST_RETURN = 0.3  # seconds, until the rate is back
_LOW_RETURN = 1.3  # seconds at the most where it is low ...
_LONGER = 8.0  # ... one more for each so many requests a second ...
_LONGEST_RETURN = 6.0  # ... up to so many seconds
_POWER = 3.0  # the power of the time after it that the doublings follow
_GROWTH = 0.5  # seconds until the first of them ...
_SLOWER = 50.0  # ... one more for each so many requests a second ...
_FASTEST_GROWTH = 0.7  # ... from so many seconds ...
_SLOWEST_GROWTH = 2.0  # ... to so many
_MOST_DOUBLINGS = 20.0  # what is delivered bounds the rate long before
_LEAST_CROWD = 8  # requests under way are never too many
_SPARE_CROWD = 1.1  # times what the rate needs on the average

_EPISODE = 0.3  # seconds; refusals that come closer together are of one overshoot
_ROUGH = 1.5  # times the last limit: gone so far, what a second delivered was no longer a limit ...
_ROUGH_RETURN = 0.8  # ... so that the next trial comes after so many seconds
_LAG = 0.25  # of what a second lags behind the rate that was refused is made good ...
_OPTIMISM = 0.8  # ... and so much of that rate is tried first ...
_ROW = 4  # ... until refusals without an answer between them show that nothing gets through
_FLOOR = 0.25  # of what was delivered before; below that no such row lowers the rate
_HOLD = 0.02  # seconds without a request in such a row; doubled at each one in vain
_LONGEST_HOLD = 1.0  # seconds
_SHUT = 2.5  # seconds of such a row: the limit is an average over longer than a second
_SHUT_GROWTH = 4.0  # seconds until the first doubling after that
_LONGEST_PAUSE = 300.0  # seconds, whatever the service asks for
_CATCH_UP = 0.01  # seconds of requests that may go at once after a delay
_STALE = 0.01  # seconds that a computed rate is good for

_QUEUE = 2.0  # times what is delivered in an undisturbed round trip may be under way ...
_QUEUE_MORE = 8  # ... and so many more ...
_QUEUE_SECONDS = 0.01  # ... and what is delivered in so many seconds
_BLOCK = 10  # answers whose round trips are averaged
_BASELINE = 10.0  # seconds that an undisturbed round trip is believed
_DRAIN = 3.0  # round trips in which the queue of a service runs empty
_TRIP = 0.02  # seconds, before any was measured

_NEAR = 0.8  # of our own requests under way: a count of theirs like that says what was too many ...
_LOWEST_NEAR = 0.9  # ... though not by more than a tenth: a rate may be to blame all the same
_HINT = 0.97  # of a stated limit is used
_DISPROVED = 1.2  # times a stated limit delivered in a second without refusals ...
_DISPROVED_MORE = 2  # ... and so many answers more

_BUCKETS = 20  # a second
_RING = _BUCKETS + 1
_LATE = 5  # buckets that show the rate of late


class _Throughput:
    """How many answers came in the last second, counted in twentieths of it."""

    def __init__(self, now: float) -> None:
        self.counts = [0] * _RING
        self.peaks = [0] * _RING  # the most under way
        self.bucket = int(now * _BUCKETS)
        self.total = 0

    def turn(self, bucket: int, in_flight: int) -> None:
        for passed in range(max(self.bucket, bucket - _RING) + 1, bucket + 1):
            self.counts[passed % _RING] = 0
            self.peaks[passed % _RING] = in_flight
        self.bucket = bucket

    def in_a_second(self, now: float) -> float:
        part = now * _BUCKETS - self.bucket
        return sum(self.counts) - part * self.counts[(self.bucket + 1) % _RING]

    def of_late(self) -> float:
        """Return how many a second the last quarter of a second had."""
        recent = sum(self.counts[(self.bucket - back) % _RING] for back in range(_LATE))
        return recent * _BUCKETS / _LATE


class _RoundTrips:
    """How long an answer takes, and how many requests may therefore be under way."""

    def __init__(self, now: float) -> None:
        self.sum = 0.0
        self.count = 0
        self.mean = _TRIP
        self.bound = math.inf
        self._best = math.inf
        self._lowest = math.inf
        self._since = now
        self._drained = math.inf

    def measure(self, now: float, throughput: float, in_flight: int) -> None:
        """Average what came in; *throughput* is in answers a second."""
        trip = self.sum / self.count
        self.sum, self.count = 0.0, 0
        self.mean = trip if self._best == math.inf else self.mean + 0.3 * (trip - self.mean)
        self._best = min(self._best, trip)
        self._lowest = min(self._lowest, trip)
        if now > self._drained:
            self._renew(now)
        elif now - self._since > _BASELINE and self._drained == math.inf:
            if in_flight + 1 < self.bound:
                self._renew(now)
            else:
                # What is measured at the bound is a queue, so it has to run empty first.
                self._drained, self._lowest = now + _DRAIN * trip, math.inf
        ours = throughput * self._best
        most = _QUEUE * ours + _QUEUE_MORE + _QUEUE_SECONDS * throughput
        self.bound = most if self._drained == math.inf else max(1.0, ours / 2)

    def _renew(self, now: float) -> None:
        self._best, self._lowest = self._lowest, math.inf
        self._since, self._drained = now, math.inf


@attrs.define
class _CubicCurve:
    """From a little below a limit back to it within so many *seconds*, and then beyond it."""

    began: float
    rate: float
    crowd: float
    seconds: float
    growth: float

    def factor(self, now: float) -> float:
        beyond = now - self.began - self.seconds
        if beyond < 0:
            return 1 - _DROP * (-beyond / self.seconds) ** 3
        part = beyond / self.growth
        doublings = part**_POWER if part < 1 else 1 + _POWER * (part - 1)
        return math.exp2(min(doublings, _MOST_DOUBLINGS))

    def longest(self) -> float:
        return min(max(self.rate / _LONGER, _LOW_RETURN), _LONGEST_RETURN)


class AdaptiveRate:
    """When the next request may start, and how many may be under way, for one kind of request.

    *max_rate* (a second) caps what is found. ``rate``, ``crowd`` and ``in_flight`` are to be read;
    who starts a request without a turn counts it in ``in_flight``, and who ends one takes it out.
    """

    def __init__(self, now: float, *, max_rate: float = math.inf) -> None:
        self.in_flight = 0
        self.refusals = 0
        self.rate = min(_START, max_rate)
        self.crowd = math.inf
        self._max_rate = max_rate
        self._hint = self._disproved = 0
        self._ceiling = max_rate
        self._ramp = _START
        self._curve: _CubicCurve | None = None
        self._proven = 0.0  # requests a second that were delivered before the first refusal ...
        self._proven_at = -math.inf  # ... at this time
        self._recent = _Throughput(now)
        self._trips = _RoundTrips(now)
        self._next = self._fresh = self._refreshed = now
        self._cut = self._held = self._refused = self._paused = -math.inf
        self._before = 0.0  # delivered in a second, at the first refusal of the last overshoot
        self._cost = 0  # refusals since then
        self._rough = False
        self._in_a_row = 0
        self._row_began = now
        self._hold = 0.0
        self._period = (
            now,
            0,
        )  # when it last opened or was idle, and what it had delivered till then

    @property
    def trip(self) -> float:
        """How long an answer takes on the average, in seconds."""
        return self._trips.mean

    def wait(self, now: float) -> float:
        """Return in how many seconds a request may start; inf until one under way has ended."""
        if now >= self._fresh:
            self._refresh(now)
        return self._next - now if self.in_flight < self.crowd else math.inf

    def start(self, now: float) -> None:
        """Take a turn."""
        self.in_flight += 1
        peaks, place = self._recent.peaks, self._recent.bucket % _RING
        peaks[place] = max(peaks[place], self.in_flight)
        gap = max(1 / self.rate, self._hold)
        self._next = max(self._next, now - _CATCH_UP) + gap

    def delivered(self, now: float, began: float) -> None:
        """Note an answer that is no refusal."""
        recent, trips = self._recent, self._trips
        bucket = int(now * _BUCKETS)
        if bucket != recent.bucket:
            self._turn(now)
        recent.counts[bucket % _RING] += 1
        recent.total += 1
        trips.sum += now - began
        trips.count += 1
        if self._in_a_row:
            self._open(now)

    def refused(
        self, now: float, retry_after: float | None = None, at_once: int | None = None
    ) -> None:
        """Note a refusal, the pause it asks for, and how many it says were under way."""
        self.refusals += 1
        self._refused = now
        self._turn(now)
        self._put_off(now, retry_after)
        curve = self._curve
        if curve is None or now - self._cut >= max(_EPISODE, 2 * self._trips.mean):
            curve = self._curve = self._slow_down(now, at_once)
        self._cost += 1
        if self._in_a_row >= _ROW:
            measured = max(self._recent.in_a_second(now), _FLOOR * self._before, 1.0)
            curve.rate = min(curve.rate, measured)
        dear = self._cost / (_COST * curve.rate) - curve.growth / 3
        seconds = _ROUGH_RETURN if self._rough else max(dear, _SHORTEST_RETURN)
        curve.began, curve.seconds = now, min(seconds, curve.longest())
        self._fresh = now

    def stated(self, limit: int) -> None:
        """Note that the service states so many requests as its limit, which may mean anything."""
        if limit > self._disproved:
            self._hint = limit
            self._ceiling = min(self._max_rate, _HINT * limit)

    def exhausted(self, now: float) -> None:
        """Note that the service says that no request is left, as it may always say."""
        if now - self._paused > _EPISODE:
            self._paused = now
            self._next = max(self._next, now + 1 / self.rate)

    def _refresh(self, now: float) -> None:
        self._turn(now)
        passed, self._refreshed, self._fresh = now - self._refreshed, now, now + _STALE
        late = self._recent.of_late()
        tried = _OUTRUN * late + _FEW
        curve = self._curve
        if curve is None:
            if late > self._proven or now - self._proven_at > _PROVEN:
                self._proven, self._proven_at = late, now
            doubling = _DOUBLING + _DOUBLING_TRIPS * self._trips.mean
            rate = min(
                self._ramp * math.exp2(min(passed / doubling, _MOST_DOUBLINGS)),
                max(tried, self._proven, _START),
            )
            self._ramp, self.crowd = rate, self._trips.bound
        else:
            factor = curve.factor(now)
            rate, most = curve.rate * factor, max(tried, curve.rate)
            if rate > most:
                # Time in which nobody asks for more does not count as a trial.
                rate, curve.began = most, curve.began + passed
            self.crowd = min(max(_LEAST_CROWD, curve.crowd * factor), self._trips.bound)
        self.rate = min(max(rate, _SLOWEST), self._ceiling)

    def _turn(self, now: float) -> None:
        recent, trips = self._recent, self._trips
        bucket = int(now * _BUCKETS)
        if bucket == recent.bucket:
            return
        if bucket - recent.bucket > _RING:
            self._period = now, recent.total
        recent.turn(bucket, self.in_flight)
        second = recent.in_a_second(now)
        clearly_more = second > _DISPROVED * self._hint + _DISPROVED_MORE
        if self._hint and clearly_more and now - self._refused > 1:
            self._disproved, self._hint, self._ceiling = self._hint, 0, self._max_rate
        if trips.count >= _BLOCK:
            trips.measure(now, max(second, recent.of_late()), self.in_flight)

    def _put_off(self, now: float, retry_after: float | None) -> None:
        # One refused is one too many, so that one turn is left out.
        later = min(max(self._next, now) + 1 / self.rate, now + _LONGEST_HOLD)
        self._next = max(self._next, later)
        self._in_a_row += 1
        if self._in_a_row == 1:
            self._row_began = now
        elif now >= self._held + self._hold:
            self._held, self._hold = now, min(max(_HOLD, 2 * self._hold), _LONGEST_HOLD)
            self._next = max(self._next, now + self._hold)
        if retry_after is not None:
            self._next = max(self._next, now + min(retry_after, _LONGEST_PAUSE))

    def _slow_down(self, now: float, at_once: int | None) -> _CubicCurve:
        self._refresh(now)
        curve, recent, self._cut = self._curve, self._recent, now
        measured = recent.in_a_second(now)
        if curve is None or now - curve.began > curve.seconds:
            far = curve is None or curve.factor(now) > _ROUGH
            self._rough, self._before, self._cost = far and not self._rough, measured, 0
            measured = max(measured + _LAG * (self.rate - measured), _OPTIMISM * self.rate)
        rate = min(self.rate, max(measured, _FLOOR * self._before, recent.of_late(), 1.0))
        growth = min(max(_GROWTH + rate / _SLOWER, _FASTEST_GROWTH), _SLOWEST_GROWTH)
        crowd = max(*recent.peaks, _SPARE_CROWD * rate * self._trips.mean)
        if at_once is not None and at_once >= _NEAR * self.in_flight:
            crowd = min(crowd, max(at_once, _LOWEST_NEAR * crowd))
        return _CubicCurve(now, rate, crowd, _SHORTEST_RETURN, growth)

    def _open(self, now: float) -> None:
        curve, self._hold = self._curve, 0.0
        since, count = self._period
        shut = self._in_a_row > 1 and now - self._row_began > _SHUT
        # Where this very answer ended an idle time, there is nothing to measure.
        if curve is not None and shut and now > since:
            self._period = now, self._recent.total
            curve.rate = max((self._recent.total - count) / (now - since), 1.0)
            curve.crowd = max(curve.crowd, _SPARE_CROWD * curve.rate * self._trips.mean)
            curve.seconds, curve.growth, self._rough = curve.longest(), _SHUT_GROWTH, False
        self._in_a_row = 0
