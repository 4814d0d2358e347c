"""How fast a service is asked: simulated services in virtual time, and each rule by itself."""

import asyncio
import heapq
import itertools
import math
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import attrs
import pytest

from aiotask._adaptive_rate import AdaptiveRate
from aiotask._rate_limiter import RateLimiter

NONE: Mapping[str, str] = {}
Event = tuple[float, int, str, int, float]  # the time, a number, what, whose, began when
Limit = Callable[[float, int], bool]  # the time and how many are served -> whether one more is


def window(rate: float, seconds: float = 1.0) -> Limit:
    return steps((0.0, rate), seconds=seconds)


def steps(*rates: tuple[float, float], seconds: float = 1.0) -> Limit:
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
    counts: dict[int, int] = {}

    def admits(now: float, _: int) -> bool:
        second = int(now + 0.37)
        counts[second] = counts.get(second, 0) + 1
        return counts[second] <= rate

    return admits


def bucket(rate: float, burst: float) -> Limit:
    level, last = burst, 0.0

    def admits(now: float, _: int) -> bool:
        nonlocal level, last
        level, last = min(burst, level + (now - last) * rate), now
        if level < 1:
            return False
        level -= 1
        return True

    return admits


@attrs.define
class Simulation:
    """Some clients ask a service as fast as their paces let them, one event after the other.

    A request is on its way up, in the service and on its way down for the *legs*' shares of the
    *latency* (seconds), all of them jittered; *slow* refusals take as long as answers. A service
    with *workers* queues.
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
    at_once: bool = False

    paces: list[AdaptiveRate] = attrs.field(init=False)
    delivered: list[int] = attrs.field(init=False)
    refused: int = attrs.field(init=False, default=0)
    trips: list[float] = attrs.field(init=False, factory=list)
    _now: float = attrs.field(init=False, default=0.0)
    _served: int = attrs.field(init=False, default=0)
    _free: list[float] = attrs.field(init=False)
    _asleep: set[int] = attrs.field(init=False, factory=set)
    _events: list[Event] = attrs.field(init=False, factory=list)
    _serial: Iterator[int] = attrs.field(init=False, factory=itertools.count)
    _chance: random.Random = attrs.field(init=False, factory=lambda: random.Random(1))

    def run(self) -> "Simulation":
        self.paces = [AdaptiveRate(500.0) for _ in range(self.clients)]
        self.delivered, self._free = [0] * self.clients, [0.0] * self.workers
        happens = {
            "wake": self._wake,
            "up": self._arrive,
            "left": self._leave,
            "ok": self._answer,
            "refused": self._refuse,
            "lost": self._lose,
        }
        for client in range(self.clients):
            self._at(self._chance.random() / 100, "wake", client)
        while self._events:
            self._now, _, what, client, began = heapq.heappop(self._events)
            if self._now > self.seconds:
                break
            happens[what](client, began)
        return self

    @property
    def rate(self) -> float:
        return sum(self.delivered) / self.seconds

    @property
    def refused_share(self) -> float:
        return self.refused / (self.refused + sum(self.delivered))

    def _at(self, time: float, what: str, client: int, began: float = 0.0) -> None:
        heapq.heappush(self._events, (time, next(self._serial), what, client, began))

    def _leg(self, number: int) -> float:
        return self.latency * self.legs[number] * self._chance.lognormvariate(0, 0.15)

    def _wake(self, client: int, _: float) -> None:
        self._asleep.discard(client)
        self._ask(client)

    def _ask(self, client: int) -> None:
        pace, now = self.paces[client], self._now
        if client in self._asleep or pace.in_flight >= self.most:
            return
        while (wait := pace.wait(500 + now)) <= 0.001 and pace.in_flight < self.most:
            pace.start(500 + now)
            self._at(now + self._leg(0), "up", client, now)
        if 0.001 < wait < math.inf:
            self._asleep.add(client)
            self._at(now + wait + self._chance.random() / 1000, "wake", client)

    def _arrive(self, client: int, began: float) -> None:
        start = now = self._now
        if not self.admits(now, self._served):
            leg = self._leg(1) if self.slow else 0
            self._at(now + leg + self._leg(2), "refused", client)
            return
        self._served += 1
        if self.workers:
            start = max(now, heapq.heappop(self._free))
        left = start + self._leg(1)
        if self.workers:
            heapq.heappush(self._free, left)
        self._at(left, "left", client)
        if self._chance.random() < self.lost:
            self._at(left + 10, "lost", client)
        else:
            self._at(left + self._leg(2), "ok", client, began)

    def _leave(self, _: int, __: float) -> None:
        self._served -= 1

    def _answer(self, client: int, began: float) -> None:
        self.delivered[client] += 1
        self.trips.append(self._now - began)
        self.paces[client].delivered(500 + self._now, 500 + began)
        self._lose(client, began)

    def _refuse(self, client: int, began: float) -> None:
        self.refused += 1
        at_once = self._served if self.at_once else None
        self.paces[client].refused(500 + self._now, at_once=at_once)
        self._lose(client, began)

    def _lose(self, client: int, _: float) -> None:
        self.paces[client].in_flight -= 1
        self._ask(client)


@pytest.mark.parametrize("latency", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("rate", [50, 100, 200, 500, 1000])
def test_a_limit_of_a_second_is_used_with_few_refusals(rate: int, latency: float) -> None:
    run = Simulation(window(rate), latency, slow=latency == 0.1).run()
    assert 0.90 * rate <= run.rate <= rate
    assert run.refused_share <= (0.017 if (rate, latency) == (50, 0.1) else 0.015)


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
def test_other_ways_to_count_are_borne(
    kind: Callable[..., Limit],
    numbers: tuple[int, ...],
    latency: float,
    share: float,
    refused: float,
) -> None:
    run = Simulation(kind(*numbers), latency).run()
    assert run.rate >= share * numbers[0]
    assert run.refused_share <= refused


@pytest.mark.parametrize(("rate", "share", "refused"), [(3, 0.7, 0.27), (10, 0.85, 0.1)])
def test_a_low_limit_starves_nobody(rate: int, share: float, refused: float) -> None:
    run = Simulation(window(rate), seconds=60).run()
    assert run.rate >= share * rate
    assert run.refused_share <= refused


@pytest.mark.parametrize("rate", [50, 200])
def test_a_limit_averaged_over_ten_seconds_is_used(rate: int) -> None:
    run = Simulation(window(rate, 10.0), seconds=60).run()
    assert run.rate >= 0.87 * rate
    assert run.refused_share <= 0.1


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("slow", [False, True])
def test_a_limit_of_requests_at_once_is_used(*, slow: bool, at_once: bool) -> None:
    limit = 40
    legs = (0.05, 0.9, 0.05)
    run = Simulation(
        lambda _, served: served < limit, 0.1, slow=slow, legs=legs, at_once=at_once
    ).run()
    assert run.rate >= 0.9 * limit / 0.1
    assert run.refused_share <= 0.015


def test_a_stated_number_at_once_hardly_slows_a_limited_rate() -> None:
    run = Simulation(window(200), 0.1, legs=(0.05, 0.9, 0.05), at_once=True).run()
    assert run.rate >= 0.9 * 200
    assert run.refused_share <= 0.015


def test_a_limit_that_falls_and_rises_is_followed() -> None:
    run = Simulation(steps((0, 50), (20, 10), (40, 100)), seconds=60).run()
    assert run.rate >= 0.88 * (50 + 10 + 100) / 3
    assert run.refused_share <= 0.027


def test_several_clients_share_a_limit_fairly() -> None:
    run = Simulation(window(50), seconds=60, clients=4).run()
    assert run.rate >= 0.9 * 50
    assert min(run.delivered) >= 0.6 * max(run.delivered)
    assert run.refused_share <= 0.11


def test_a_service_that_refuses_nothing_is_soon_asked_as_fast_as_it_answers() -> None:
    run = Simulation(
        lambda _, __: True, 0.004, seconds=4, legs=(0.25, 0.5, 0.25), workers=10, most=256
    ).run()
    assert run.rate >= 0.65 * 5000
    assert run.paces[0].rate > 2 * 5000


@pytest.mark.parametrize(("workers", "slowest"), [(20, 3.0), (4, 5.0)])
def test_a_service_that_queues_is_not_buried(workers: int, slowest: float) -> None:
    run = Simulation(
        lambda _, __: True, 0.08, seconds=60, legs=(0.01, 0.98, 0.01), workers=workers
    ).run()
    late = run.trips[len(run.trips) // 2 :]
    assert run.rate >= 0.9 * workers / 0.08
    assert sum(late) / len(late) <= slowest * 0.08


def test_answers_that_never_come_disturb_nothing() -> None:
    run = Simulation(window(200), lost=0.001).run()
    assert run.rate >= 0.9 * 200
    assert run.refused_share <= 0.015


def steady(
    pace: AdaptiveRate, since: float, seconds: float, rate: float, trip: float = 0.02
) -> float:
    """Deliver so many answers a second, whatever the pace is, and return the time after it."""
    for number in range(int(seconds * rate)):
        pace.delivered(since + number / rate, since + number / rate - trip)
        pace.wait(since + number / rate)
    return since + seconds


def started(pace: AdaptiveRate, since: float, seconds: float) -> int:
    """Return how many requests start if there is always one more, and none is ever answered."""
    count, now = 0, since
    while now < since + seconds:
        if pace.wait(now) <= 0:
            pace.start(now)
            count += 1
            continue
        now += 0.001
    return count


def limited(rate: float = 100.0) -> tuple[AdaptiveRate, float]:
    """Return a pace that found such a limit, and the time."""
    pace = AdaptiveRate(0.0)
    now = steady(pace, 0.0, 3.0, rate)
    pace.refused(now)
    pace.wait(now)
    return pace, now


def test_refusals_in_a_row_leave_a_little_less_than_what_was_delivered() -> None:
    pace, now = limited(100.0)
    for _ in range(3):
        pace.refused(now)
    pace.wait(now)
    assert pace.rate == pytest.approx(0.95 * 100, rel=0.02)
    pace.wait(now + 0.8)
    assert pace.rate == pytest.approx(100, rel=0.02)


def test_a_lone_refusal_leaves_more_for_a_second_lags_behind_what_is_tried() -> None:
    pace, _ = limited(100.0)
    assert 0.95 * 100 < pace.rate < 0.8 * 3 * 100


def test_what_was_found_stays_while_nobody_asks() -> None:
    pace, now = limited(40.0)
    pace.wait(now + 2)
    found = pace.rate
    for later in (60.0, 61.0, 3600.0):
        pace.wait(later)
        assert found <= pace.rate <= 1.1 * found
    assert started(pace, 3600.0, 1.0) <= 1.1 * found + 1


def test_a_process_that_was_stopped_makes_up_for_nothing() -> None:
    pace = AdaptiveRate(0.0)
    for number in range(200):
        pace.start(number / 100)
        pace.delivered(number / 100, number / 100)
        pace.in_flight -= 1
    assert started(pace, 62.0, 0.1) <= 7


def test_a_pause_that_is_asked_for_is_kept_however_early_answers_come() -> None:
    pace, now = limited()
    pace.refused(now, 7.0)
    pace.refused(now, 2.0)
    steady(pace, now, 1.0, 10.0)
    assert pace.wait(now + 1) == pytest.approx(6.0, abs=0.1)
    pace.refused(now + 1, math.inf)
    assert pace.wait(now + 1) == pytest.approx(300.0, abs=0.1)


def test_refusals_in_a_row_are_held_back_ever_longer() -> None:
    pace, now = limited()
    tries = []
    while now < 10:
        now += max(pace.wait(now), 0.0) + 1e-6
        pace.start(now)
        pace.refused(now)
        pace.in_flight -= 1
        tries.append(now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert len(tries) <= 13
    assert gaps[-1] == pytest.approx(max(gaps))
    assert 1 <= gaps[-1] <= 3
    pace.delivered(now, now)
    assert pace.wait(now) <= 3


def test_many_refusals_together_are_no_long_pause() -> None:
    pace, now = limited(3.0)
    pace.delivered(now, now)
    for _ in range(500):
        pace.refused(now)
    assert pace.wait(now) <= 1


def test_a_service_that_was_shut_for_long_is_asked_at_its_average() -> None:
    pace = AdaptiveRate(0.0)
    now = steady(pace, 3600.0, 5.0, 200.0)
    while now < 3610:
        pace.refused(now)
        now += 0.5
    pace.delivered(now, now)
    pace.wait(now)
    assert pace.rate == pytest.approx(0.95 * 1000 / 10, rel=0.1)


def test_an_undisturbed_round_trip_is_measured_again() -> None:
    pace = AdaptiveRate(0.0)
    now = steady(pace, 0.0, 2.0, 100.0, trip=0.01)
    pace.wait(now)
    assert pace.crowd == pytest.approx(2 * 100 * 0.01 + 8 + 1, rel=0.1)
    now = steady(pace, now, 25.0, 100.0, trip=0.5)
    pace.wait(now)
    assert pace.crowd == pytest.approx(2 * 100 * 0.5 + 8 + 1, rel=0.1)


def test_the_queue_of_a_service_runs_empty_before_it_is_measured_again() -> None:
    pace = AdaptiveRate(0.0)
    now = steady(pace, 0.0, 2.0, 100.0, trip=0.05)
    pace.in_flight = 18
    crowds = []
    while now < 14:
        now = steady(pace, now, 0.05, 100.0, trip=0.05 if now > 12 else 0.2)
        pace.wait(now)
        crowds.append(pace.crowd)
    assert min(crowds) == pytest.approx(100 * 0.05 / 2, rel=0.2)
    assert crowds[-1] == pytest.approx(2 * 100 * 0.05 + 8 + 1, rel=0.2)


def test_a_stated_limit_is_kept_until_more_is_delivered() -> None:
    pace = AdaptiveRate(0.0)
    pace.stated(20)
    pace.wait(0.01)
    assert pace.rate == pytest.approx(0.97 * 20)
    now = steady(pace, 0.0, 2.0, 22.0)
    pace.wait(now)
    assert pace.rate == pytest.approx(0.97 * 20)
    now = steady(pace, now, 2.0, 40.0)
    pace.stated(20)
    pace.wait(now)
    assert pace.rate >= 42
    pace.stated(30)
    pace.wait(now + 0.1)
    assert pace.rate == pytest.approx(0.97 * 30)


def test_a_number_at_once_lowers_what_may_be_under_way_by_a_tenth_at_the_most() -> None:
    def crowd(at_once: int | None) -> float:
        pace = AdaptiveRate(0.0)
        now = steady(pace, 0.0, 3.0, 1000.0, trip=0.1)
        pace.in_flight = 100
        pace.refused(now, at_once=at_once)
        pace.wait(now)
        return pace.crowd / 0.95

    most = crowd(None)
    assert crowd(20) == crowd(79) == crowd(300) == most
    assert crowd(80) == pytest.approx(0.9 * most)
    assert crowd(int(0.95 * most)) == pytest.approx(0.95 * most, rel=0.01)


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time."""

    def __init__(self) -> None:
        super().__init__(_Skipping(self))
        self.now = 1000.0

    def time(self) -> float:
        return self.now


class _Skipping(selectors.SelectSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "all wait for each other"
        self._loop.now += max(0.0, timeout)
        return super().select(0)


def virtually(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(work)


def clock() -> float:
    return asyncio.get_running_loop().time()


def lane(max_rate: float = math.inf) -> RateLimiter:
    return RateLimiter(clock, asyncio.sleep, max_rate=max_rate)


def test_a_lane_needs_no_loop() -> None:
    made = RateLimiter(lambda: 1.0, asyncio.sleep)
    start = made.enter()
    made.delivered(0.9, NONE)
    made.release(start)
    assert (made.limited, made.rate, made.refusals, made.in_flight) == (False, 42.0, 0, 0)
    made.refused(None, NONE)
    assert (made.limited, made.refusals) == (True, 1)


def test_a_highest_rate_is_never_exceeded() -> None:
    async def work() -> None:
        slow = lane(2.5)
        assert slow.limited
        times = []
        for _ in range(26):
            start = await slow.acquire()
            times.append(clock())
            slow.delivered(clock(), NONE)
            slow.release(start)
        assert times[0] == 1000
        assert times[-1] - times[0] == pytest.approx(10.0, abs=0.02)
        assert slow.rate == 2.5

    virtually(work())


def test_a_lane_finds_a_limit_with_many_callers() -> None:
    async def work() -> None:
        admits, asked, delivered = window(200), lane(), 0

        async def caller() -> None:
            nonlocal delivered
            while clock() < 1010:
                start = await asked.acquire()
                began = clock()
                await asyncio.sleep(0.02)
                if admits(clock(), asked.in_flight):
                    delivered += 1
                    asked.delivered(began, NONE)
                else:
                    asked.refused(None, NONE)
                asked.release(start)

        await asyncio.gather(*(caller() for _ in range(50)))
        assert asked.in_flight == 0
        assert delivered >= 0.9 * 2000
        assert asked.refusals <= 0.04 * delivered

    virtually(work())


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    async def work() -> None:
        slow, order = lane(10.0), list[int]()

        async def caller(number: int) -> None:
            await slow.acquire()
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(caller(number))
                await asyncio.sleep(0.03)
        assert order == list(range(20))

    virtually(work())


@pytest.mark.parametrize("given_up", [1, 2, 5])
def test_a_caller_who_gives_up_loses_no_turn(given_up: int) -> None:
    async def work() -> None:
        slow, times = lane(10.0), list[float]()

        async def caller() -> None:
            await slow.acquire()
            times.append(round(clock() - 1000, 2))

        callers = [asyncio.create_task(caller()) for _ in range(7)]
        await asyncio.sleep(0.05)
        callers[given_up].cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert times == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
        assert slow.in_flight == 6

    virtually(work())


def test_who_waits_for_room_starts_when_another_has_ended() -> None:
    async def work() -> None:
        full = lane()
        full._pace.crowd, full._pace._fresh = 2, math.inf
        one = await full.acquire()
        other = await full.acquire()
        first, second, third = (asyncio.create_task(full.acquire()) for _ in range(3))
        await asyncio.sleep(0.3)
        assert full.in_flight == 2
        first.cancel()
        await asyncio.sleep(0)
        full.release(one)
        await second
        await asyncio.sleep(0.3)
        assert not third.done()
        full.release(other)
        full.release(await third)
        full.enter()
        assert full.in_flight == 2

    virtually(work())


def test_requests_that_never_end_keep_nobody_waiting() -> None:
    async def work() -> None:
        full = lane()
        full._pace.crowd, full._pace._fresh = 2, math.inf
        hung = [await full.acquire(), await full.acquire()]
        await asyncio.wait_for(full.acquire(), 2)
        assert clock() >= 1001
        assert full.in_flight == 3
        full.release(hung[0])
        full.release(hung[1])
        assert (full.in_flight, full._pace.in_flight) == (1, 1)

    virtually(work())


def test_a_hung_request_does_not_make_a_lane_remember_all_after_it() -> None:
    async def work() -> None:
        fast = lane()
        hung = fast.enter()
        for _ in range(3000):
            fast.release(fast.enter())
            await asyncio.sleep(0.001)
        assert len(fast._under_way) < 1100
        fast.release(hung)
        assert (fast.in_flight, fast._pace.in_flight) == (0, 0)

    virtually(work())


def test_no_request_starts_before_the_service_wants_one() -> None:
    async def work() -> None:
        refused = lane()
        start = await refused.acquire()
        refused.refused(20.0, NONE)
        refused.release(start)
        await refused.acquire()
        assert 1020 <= clock() <= 1021

    virtually(work())


@pytest.mark.parametrize(
    ("stated", "rate"),
    [("20", 19.4), ("1", 0.97), ("100000", 42), ("100001", 42), ("0", 42), ("-5", 42)]
    + [(text, 42) for text in ("unlimited", "20.5", "2e1", "", " 20", "٢٠", "9" * 5000)],
)
def test_a_limit_is_believed_only_if_it_is_a_number_that_makes_sense(
    stated: str, rate: float
) -> None:
    async def work() -> None:
        hinted = lane()
        for _ in range(2):
            hinted.delivered(clock(), {"X-Rate-Limit-Limit": stated})
        assert hinted.rate == pytest.approx(rate)

    virtually(work())


def test_a_turn_is_left_out_where_none_is_left_but_not_every_other_one() -> None:
    async def work() -> None:
        exhausted = lane(10.0)
        for _ in range(21):
            start = await exhausted.acquire()
            await asyncio.sleep(0.05)
            exhausted.delivered(clock(), {"X-Rate-Limit-Remaining": "0"})
            exhausted.release(start)
        assert 2.2 <= clock() - 1000 <= 2.6

    virtually(work())


def test_a_number_at_once_is_read_from_a_refusal() -> None:
    async def work() -> None:
        refused = lane()
        refused.refused(None, {"Twilio-Concurrent-Requests": "7"})
        refused.refused(None, {"Twilio-Concurrent-Requests": "many"})
        assert refused.refusals == 2

    virtually(work())
