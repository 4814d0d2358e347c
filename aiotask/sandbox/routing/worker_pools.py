"""Worker pools: the eligible and the free workers of queues, kept up incrementally.

Queues with the same TargetWorkers share a pool. Its expression is evaluated when a worker's
attributes or name change; one that reads activities or channels, at every change.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from aiotask.sandbox._sorted import SortedList
from aiotask.sandbox.expressions.language import Expression, parse
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.worker import Worker, WorkerStore, WorkerView

_VOLATILE = frozenset(["activity_sid", "activity_name", "channel"])
_NOBODY = "1==2"

Turn = tuple[int, int, str]
"""Sort key of idle workers: last work on the channel, last work at all, sid."""


class WorkerPool:
    """The workers that one expression matches."""

    def __init__(self, expression: Expression) -> None:
        self.volatile: bool = any(path[0] in _VOLATILE for path in expression.paths)
        self._test = expression.test
        self._activities: dict[str, str] = {}
        self._by_activity: Counter[str] = Counter()
        self._ready: dict[str, SortedList[Turn]] = {}
        self._turns: dict[tuple[str, str], Turn] = {}

    def __contains__(self, worker: Worker) -> bool:
        return worker.sid in self._activities

    def test(self, worker: Worker) -> bool:
        """Tell whether the expression matches a worker."""
        return self._test(WorkerView(worker))

    def put(self, worker: Worker) -> None:
        """Add a worker, or update the activity."""
        self.remove(worker.sid)
        self._activities[worker.sid] = worker.activity.sid
        self._by_activity[worker.activity.sid] += 1

    def remove(self, sid: str) -> None:
        """Remove a worker."""
        activity = self._activities.pop(sid, None)
        if activity is not None:
            self._by_activity[activity] -= 1

    def ready(self, channel: str) -> "SortedList[Turn] | None":
        """Return the free workers of a watched channel, the longest idle first, else None."""
        return self._ready.get(channel)

    def watch(self, channel: str) -> "SortedList[Turn]":
        """Start to track the free workers of a channel."""
        return self._ready.setdefault(channel, SortedList())

    def turn(self, channel: str, sid: str, turn: Turn | None) -> None:
        """Set the turn of a free worker on a channel; None removes the worker."""
        ready = self._ready[channel]
        old = self._turns.pop((channel, sid), None)
        if old is not None:
            ready.remove(old)
        if turn is not None:
            self._turns[channel, sid] = turn
            ready.add(turn)

    def watched(self) -> Iterable[str]:
        """Return the watched channels."""
        return self._ready

    def counts(self, activities: Iterable[Activity]) -> Iterator[tuple[Activity, int]]:
        """Yield the number of workers in each activity."""
        return ((activity, self._by_activity[activity.sid]) for activity in activities)


class WorkerPools:
    """The pools of a workspace, by TargetWorkers."""

    def __init__(self, workers: WorkerStore, free: Callable[[Worker, str], bool]) -> None:
        self._workers = workers
        self._free = free
        self._pools: dict[str, WorkerPool] = {}
        self._known: dict[str, tuple[object, str]] = {}

    def pool(self, expression: str) -> WorkerPool:
        """Return the pool of an expression; an empty one matches no worker."""
        pool = self._pools.get(expression)
        if pool is None:
            pool = self._pools[expression] = WorkerPool(parse(expression or _NOBODY))
            for worker in filter(pool.test, self._workers):
                pool.put(worker)
        return pool

    def ready(self, expression: str, channel: str) -> "SortedList[Turn]":
        """Return the free workers of a pool on a channel, the longest idle first."""
        pool = self.pool(expression)
        ready = pool.ready(channel)
        if ready is None:
            ready = pool.watch(channel)
            for worker in self._workers:
                if worker in pool:
                    pool.turn(channel, worker.sid, self._turn(worker, channel))
        return ready

    def refresh(self, sid: str) -> None:
        """Update all pools for a changed or deleted worker."""
        worker = self._workers.get(sid)
        if worker is None:
            self._known.pop(sid, None)
            for pool in self._pools.values():
                self._leave(pool, sid)
            return
        # `decoded` is replaced at every update and never changed in place, so identity is enough.
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
        """Drop the pools of expressions that no queue uses."""
        kept = set(expressions)
        self._pools = {text: pool for text, pool in self._pools.items() if text in kept}

    def _leave(self, pool: WorkerPool, sid: str) -> None:
        pool.remove(sid)
        for channel in pool.watched():
            pool.turn(channel, sid, None)

    def _turn(self, worker: Worker, channel: str) -> Turn | None:
        """Return the turn of a free worker; optimized channels rotate separately."""
        if not self._free(worker, channel):
            return None
        item = worker.channels[channel]
        return item.turn if item.channel.optimized else 0, worker.turn, worker.sid
