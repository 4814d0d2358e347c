"""Who may get tasks from a queue, and who of them is free: kept up, not looked for.

Queues with the same TargetWorkers share what is known. An expression is tried on a worker when the
worker's attributes or name change, and only if it asks for activities or channels, always.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from sortedcontainers import SortedList

from aiotask.sandbox.expressions.language import Expression, parse
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.worker import Worker, WorkerStore, WorkerView

_VOLATILE = frozenset(["activity_sid", "activity_name", "channel"])
_NOBODY = "1==2"

Turn = tuple[int, int, str]
"""When a worker did something last, on the channel and at all, and the sid."""


class WorkerPool:
    """The workers whom one expression means."""

    def __init__(self, expression: Expression) -> None:
        self.volatile = any(path[0] in _VOLATILE for path in expression.paths)
        self._test = expression.test
        self._activities: dict[str, str] = {}
        self._by_activity: Counter[str] = Counter()
        self._ready: dict[str, SortedList[Turn]] = {}
        self._turns: dict[tuple[str, str], Turn] = {}

    def __contains__(self, worker: Worker) -> bool:
        return worker.sid in self._activities

    def test(self, worker: Worker) -> bool:
        """Tell whether a worker belongs to it."""
        return self._test(WorkerView(worker))

    def put(self, worker: Worker) -> None:
        """Note that a worker belongs to it, and what the worker does now."""
        self.count_out(worker.sid)
        self._activities[worker.sid] = worker.activity.sid
        self._by_activity[worker.activity.sid] += 1

    def count_out(self, sid: str) -> None:
        """Note that a worker does not belong to it."""
        activity = self._activities.pop(sid, None)
        if activity is not None:
            self._by_activity[activity] -= 1

    def ready(self, channel: str) -> "SortedList[Turn] | None":
        """Return who is free on a channel, the longest idle first, if anyone has asked before."""
        return self._ready.get(channel)

    def watch(self, channel: str) -> "SortedList[Turn]":
        """Keep up who is free on a channel, from now on."""
        return self._ready.setdefault(channel, SortedList())

    def turn(self, channel: str, sid: str, turn: Turn | None) -> None:
        """Put a worker in place among those who are free on a channel; None takes one out."""
        ready = self._ready[channel]
        old = self._turns.pop((channel, sid), None)
        if old is not None:
            ready.remove(old)
        if turn is not None:
            self._turns[channel, sid] = turn
            ready.add(turn)

    def watched(self) -> Iterable[str]:
        """Return the channels on which it is kept up who is free."""
        return self._ready

    def counts(self, activities: Iterable[Activity]) -> Iterator[tuple[Activity, int]]:
        """Return how many workers do what."""
        return ((activity, self._by_activity[activity.sid]) for activity in activities)


class WorkerPools:
    """All workers of a workspace, by the expressions of its queues."""

    def __init__(self, workers: WorkerStore, free: Callable[[Worker, str], bool]) -> None:
        self._workers = workers
        self._free = free
        self._pools: dict[str, WorkerPool] = {}
        self._known: dict[str, tuple[object, str]] = {}

    def pool(self, expression: str) -> WorkerPool:
        """Return whom a queue's TargetWorkers means; an empty one is nobody."""
        pool = self._pools.get(expression)
        if pool is None:
            pool = self._pools[expression] = WorkerPool(parse(expression or _NOBODY))
            for worker in filter(pool.test, self._workers):
                pool.put(worker)
        return pool

    def ready(self, expression: str, channel: str) -> "SortedList[Turn]":
        """Return who of them is free on a channel, the longest idle first."""
        pool = self.pool(expression)
        ready = pool.ready(channel)
        if ready is None:
            ready = pool.watch(channel)
            for worker in self._workers:
                if worker in pool:
                    pool.turn(channel, worker.sid, self._turn(worker, channel))
        return ready

    def refresh(self, sid: str) -> None:
        """Take note of how a worker is now."""
        worker = self._workers.get(sid)
        if worker is None:
            self._known.pop(sid, None)
            for pool in self._pools.values():
                self._leave(pool, sid)
            return
        attributes, name = self._known.get(sid, (None, ""))
        same = attributes is worker.decoded and name == worker.friendly_name
        self._known[sid] = worker.decoded, worker.friendly_name
        for pool in self._pools.values():
            if pool.test(worker) if pool.volatile or not same else worker in pool:
                pool.put(worker)
                for channel in pool.watched():
                    pool.turn(channel, sid, self._turn(worker, channel))
            else:
                self._leave(pool, sid)

    def keep(self, expressions: Iterable[str]) -> None:
        """Forget whom expressions mean that no queue has any longer."""
        kept = set(expressions)
        self._pools = {text: pool for text, pool in self._pools.items() if text in kept}

    def _leave(self, pool: WorkerPool, sid: str) -> None:
        pool.count_out(sid)
        for channel in pool.watched():
            pool.turn(channel, sid, None)

    def _turn(self, worker: Worker, channel: str) -> Turn | None:
        """Return the place of a free worker; optimized channels have rotations of their own."""
        if not self._free(worker, channel):
            return None
        item = worker.channels[channel]
        return item.turn if item.channel.optimized else 0, worker.turn, worker.sid
