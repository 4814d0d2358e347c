"""Measured throughput and round trips of one operation. Pure: time is a parameter, in seconds."""

import math
from typing import NamedTuple

BUCKETS = 20  # a second
_RING = BUCKETS + 1  # one more, of which a part lies in the last second still
_RECENT = 5  # buckets that make the recent rate


class Throughput:
    """Answers in the last second and most requests in flight, by twentieths of a second.

    ``counts[place]`` and ``peaks[place]`` are the current bucket's, until ``ends_at``.
    """

    def __init__(self, now: float) -> None:
        self.counts = [0] * _RING
        self.peaks = [0] * _RING
        self.total = 0
        self._bucket = int(now * BUCKETS)
        self.place = self._bucket % _RING
        self.ends_at = (self._bucket + 1) / BUCKETS

    def advance(self, now: float, in_flight: int) -> bool:
        """Begin the bucket of this time; return whether nothing was asked for over a second."""
        bucket, last = int(now * BUCKETS), self._bucket
        for passed in range(max(last, bucket - _RING) + 1, bucket + 1):
            self.counts[passed % _RING] = 0
            self.peaks[passed % _RING] = in_flight
        self._bucket, self.place = bucket, bucket % _RING
        self.ends_at = (bucket + 1) / BUCKETS
        return bucket - last > _RING

    def last_second(self, now: float) -> float:
        """Return the answers of the last second."""
        part = now * BUCKETS - self._bucket
        return sum(self.counts) - part * self.counts[(self._bucket + 1) % _RING]

    def recent(self) -> float:
        """Return the answers a second of the last quarter of one."""
        last = sum(self.counts[self.place - back] for back in range(_RECENT))
        return last * BUCKETS / _RECENT

    def recent_peak(self) -> int:
        """Return the most requests in flight in this bucket and the one before."""
        return max(self.peaks[self.place], self.peaks[self.place - 1])


class _Queueing(NamedTuple):
    """Bound on requests in flight for a service that queues instead of refusing.

    By Little's law, throughput times the round trip of an empty queue is what the service works
    on; more in flight only wait. TCP Vegas bounds what waits, and BBR bounds the whole at twice
    that product (cwnd_gain), as here: with less, workers that take unequal times would be idle. The
    spare lets a start through, when the product is still small, and services that answer fast.
    The shortest round trip is believed for ten seconds, as BBR's RTprop; before it is measured
    again, the queue has to run empty (BBR's ProbeRTT).
    """

    gain: float = 2.0
    spare: int = 8
    spare_seconds: float = 0.01  # of throughput
    block: int = 10  # answers that make one measurement
    smoothing: float = 0.3
    believed: float = 10.0  # seconds
    drain: float = 3.0  # round trips
    first: float = 0.02  # seconds, assumed before any is measured


_QUEUEING = _Queueing()


class RoundTrips:
    """Mean round trip in seconds, and the ``bound`` that it sets to requests in flight.

    Who notes an answer adds to ``sum`` and ``count``.
    """

    def __init__(self, now: float) -> None:
        self.sum = 0.0
        self.count = 0
        self.mean = _QUEUEING.first
        self.bound = math.inf
        self._shortest = math.inf
        self._next_shortest = math.inf
        self._measured_at = now
        self._drained_at = math.inf

    def measure(self, now: float, throughput: float, in_flight: int) -> None:
        """Take in a block of answers, if there is one; *throughput* is in answers a second."""
        if self.count < _QUEUEING.block:
            return
        mean = self.sum / self.count
        self.sum, self.count = 0.0, 0
        known = self._shortest < math.inf
        self.mean = self.mean + _QUEUEING.smoothing * (mean - self.mean) if known else mean
        self._shortest = min(self._shortest, mean)
        self._next_shortest = min(self._next_shortest, mean)
        if now > self._drained_at:
            self._renew(now)
        elif now - self._measured_at > _QUEUEING.believed and self._drained_at == math.inf:
            if in_flight + 1 < self.bound:
                self._renew(now)
            else:
                # A round trip measured at the bound contains the queue, so that drains first.
                self._drained_at = now + _QUEUEING.drain * mean
                self._next_shortest = math.inf
        product = throughput * self._shortest
        spare = _QUEUEING.spare + _QUEUEING.spare_seconds * throughput
        draining = self._drained_at < math.inf
        self.bound = max(1.0, product / 2) if draining else _QUEUEING.gain * product + spare

    def _renew(self, now: float) -> None:
        self._shortest, self._next_shortest = self._next_shortest, math.inf
        self._measured_at, self._drained_at = now, math.inf
