"""Simulated services with limits, asked by adaptive rates in virtual time, event by event."""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator

import attrs

from aiotask._adaptive_rate import AdaptiveRate
from aiotask._company import Company

Event = tuple[float, int, str, int, float]  # time, serial, kind, client, start of the request
Comes = Callable[[int], tuple[float, float]]  # client -> when it comes and goes
Limit = Callable[[float, int], bool]  # time and requests served -> whether one more is admitted

_AT_ONCE = 0.001  # seconds that a client does not sleep for
_BEGIN = 500.0  # seconds; a monotonic clock begins anywhere


def window(rate: float, seconds: float = 1.0) -> Limit:
    """Return a limit on the requests in any span of so many seconds."""
    return steps((0.0, rate), seconds=seconds)


def steps(*rates: tuple[float, float], seconds: float = 1.0) -> Limit:
    """Return a limit that changes; each of *rates* is a time and the rate from then on."""
    served: deque[float] = deque()

    def admits(now: float, _: int) -> bool:
        rate = [rate for since, rate in rates if since <= now][-1]
        while served and served[0] <= now - seconds:
            served.popleft()
        if len(served) >= rate * seconds:
            return False
        served.append(now)
        return True

    return admits


def fixed_window(rate: float) -> Limit:
    """Return a limit on the requests of each second by the clock."""
    counts: dict[int, int] = {}

    def admits(now: float, _: int) -> bool:
        second = int(now + 0.37)
        counts[second] = counts.get(second, 0) + 1
        return counts[second] <= rate

    return admits


def bucket(rate: float, burst: float) -> Limit:
    """Return a token bucket."""
    level, last = burst, 0.0

    def admits(now: float, _: int) -> bool:
        nonlocal level, last
        level, last = min(burst, level + (now - last) * rate), now
        if level < 1:
            return False
        level -= 1
        return True

    return admits


def at_a_time(*limits: tuple[float, int]) -> Limit:
    """Return a limit on requests served at a time; each is a time and the limit from then on."""
    return lambda now, served: served < [limit for since, limit in limits if since <= now][-1]


def _always(_: int) -> tuple[float, float]:
    return 0.0, math.inf


@attrs.define
class Simulation:
    """Clients that ask a service as fast as their adaptive rates let them.

    A request travels to the service, is served, and travels back, for the *legs*' shares of the
    *latency* (seconds), each with a lognormal *jitter*; *slow* refusals take as long as answers. A
    service with *workers* queues. A share *lost* of the answers comes ten seconds late. With
    *beats* clients hear of each other, each *comes* and goes at times of its own, and a client's
    rate is *made* at a time.
    """

    admits: Limit
    latency: float = 0.02
    seconds: float = 30.0
    clients: int = 1
    slow: bool = False
    legs: tuple[float, float, float] = (0.3, 0.4, 0.3)
    workers: int = 0
    lost: float = 0.0
    most: float = math.inf
    jitter: float = 0.15
    seed: int = 1
    beats: bool = False
    comes: Comes = _always
    made: Callable[[float], AdaptiveRate] = AdaptiveRate

    rates: list[AdaptiveRate] = attrs.field(init=False)
    delivered: list[int] = attrs.field(init=False)
    refused: int = attrs.field(init=False, default=0)
    round_trips: list[float] = attrs.field(init=False, factory=list)
    _now: float = attrs.field(init=False, default=0.0)
    _served: int = attrs.field(init=False, default=0)
    _free: list[float] = attrs.field(init=False)
    _asleep: set[int] = attrs.field(init=False, factory=set)
    _events: list[Event] = attrs.field(init=False, factory=list)
    _serial: Iterator[int] = attrs.field(init=False, factory=itertools.count)
    _random: random.Random = attrs.field(init=False)
    _told: list[tuple[int, int]] = attrs.field(init=False)
    _words: dict[int, tuple[float, float, float]] = attrs.field(init=False)

    def run(self) -> "Simulation":
        """Let all clients ask until the time is over."""
        self.rates = [self.made(_BEGIN) for _ in range(self.clients)]
        self.delivered, self._free = [0] * self.clients, [0.0] * self.workers
        self._random = random.Random(self.seed)
        handlers = {
            "wake": self._wake,
            "arrive": self._arrive,
            "leave": self._leave,
            "answer": self._answer,
            "refuse": self._refuse,
            "lose": self._end,
            "beat": self._beat,
        }
        self._told = [(0, 0)] * self.clients
        self._words = {}
        for client in range(self.clients):
            since, _ = self.comes(client)
            begins = since + self._random.random() / 100
            if self.beats:
                self._at(begins, "beat", client)
            self._at(begins, "wake", client)
        while self._events:
            self._now, _, kind, client, started_at = heapq.heappop(self._events)
            if self._now > self.seconds:
                break
            handlers[kind](client, started_at)
        return self

    @property
    def throughput(self) -> float:
        """The answers a second that were no refusals."""
        return sum(self.delivered) / self.seconds

    @property
    def refused_share(self) -> float:
        """The share of refusals in all answers."""
        return self.refused / (self.refused + sum(self.delivered))

    def _at(self, time: float, kind: str, client: int, started_at: float = 0.0) -> None:
        heapq.heappush(self._events, (time, next(self._serial), kind, client, started_at))

    def _leg(self, number: int) -> float:
        return self.latency * self.legs[number] * self._random.lognormvariate(0, self.jitter)

    def _wake(self, client: int, _: float) -> None:
        self._asleep.discard(client)
        self._ask(client)

    def _ask(self, client: int) -> None:
        rate, now = self.rates[client], self._now
        if now >= self.comes(client)[1]:
            return
        if client in self._asleep or rate.in_flight >= self.most:
            return
        while (wait := rate.wait(_BEGIN + now)) <= _AT_ONCE and rate.in_flight < self.most:
            rate.start(_BEGIN + now)
            self._at(now + self._leg(0), "arrive", client, now)
        if _AT_ONCE < wait < math.inf:
            self._asleep.add(client)
            self._at(now + wait + self._random.random() / 1000, "wake", client)

    def _beat(self, client: int, _: float) -> None:
        """Tell the others what was delivered in the last second, and hear of theirs."""
        now, mine = self._now, self.rates[client]
        if now >= self.comes(client)[1]:
            return
        delivered, refusals = self._told[client]
        self._told[client] = self.delivered[client], mine.refusals
        refused_at = self._words.get(client, (0.0, 0.0, -math.inf))[2]
        if mine.refusals > refusals:
            refused_at = now
        self._words[client] = now, self.delivered[client] - delivered, refused_at
        words = [word for word in self._words.values() if word[0] > now - 3]
        rate, refused_at = sum(word[1] for word in words), max(word[2] for word in words)
        company = Company(_BEGIN + now, len(words), rate, _BEGIN + refused_at)
        mine.hear(company if len(words) > 1 else None)
        self._at(now + 1, "beat", client)

    def _arrive(self, client: int, started_at: float) -> None:
        begin = now = self._now
        if not self.admits(now, self._served):
            leg = self._leg(1) if self.slow else 0
            self._at(now + leg + self._leg(2), "refuse", client, started_at)
            return
        self._served += 1
        if self.workers:
            begin = max(now, heapq.heappop(self._free))
        end = begin + self._leg(1)
        if self.workers:
            heapq.heappush(self._free, end)
        self._at(end, "leave", client)
        if self._random.random() < self.lost:
            self._at(end + 10, "lose", client)
        else:
            self._at(end + self._leg(2), "answer", client, started_at)

    def _leave(self, _: int, __: float) -> None:
        self._served -= 1

    def _answer(self, client: int, started_at: float) -> None:
        self.delivered[client] += 1
        self.round_trips.append(self._now - started_at)
        self.rates[client].delivered(_BEGIN + self._now, _BEGIN + started_at)
        self._end(client, started_at)

    def _refuse(self, client: int, started_at: float) -> None:
        self.refused += 1
        self.rates[client].refused(_BEGIN + self._now, _BEGIN + started_at)
        self._end(client, started_at)

    def _end(self, client: int, _: float) -> None:
        self.rates[client].in_flight -= 1
        self._ask(client)
