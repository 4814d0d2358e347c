"""Matching of waiting tasks and free workers.

The README has what Twilio leaves undocumented here.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from aiotask.sandbox.expressions.language import Scope, View
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.transitions import Settings
from aiotask.sandbox.model.worker import Worker, WorkerView
from aiotask.sandbox.model.worker_order import rank
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.routing.waiting import Position, WaitingGroup, WaitingTasks
from aiotask.sandbox.routing.worker_pools import WorkerPools

Rank = tuple[int, ...]


class Found(NamedTuple):
    """A waiting task, its rank in the workspace and its group."""

    rank: Rank
    task: Task
    group: WaitingGroup


class Matching:
    """Matches the tasks and workers of one workspace."""

    def __init__(self, stores: Stores, settings: Callable[[], Settings]) -> None:
        self.waiting: WaitingTasks = WaitingTasks()
        self.pools: WorkerPools = WorkerPools(stores.workers, self.is_free)
        self._workers = stores.workers
        self._reservations = stores.reservations
        self._activities = stores.activities
        self._settings = settings

    def is_free(self, worker: Worker, channel: str) -> bool:
        """Tell whether a worker can take one more task of a channel."""
        item = worker.channels.get(channel)
        return (
            item is not None
            and worker.activity.available
            and item.available
            and item.engaged < item.capacity
            and (self._settings().multi_task_enabled or not any(self._reservations.open(worker)))
        )

    def rank(self, group: WaitingGroup, position: Position) -> Rank:
        """Return the rank of a task among all waiting ones; the lowest is served first."""
        last = group.queue.task_order != self._settings().prioritize_queue_order
        return (int(last), *position[:-1])

    def find(self, task: Task) -> Found | None:
        """Return a task with its rank; None if it does not wait."""
        found = self.waiting.find(task.sid)
        return None if found is None else Found(self.rank(*found), task, found[0])

    def task_for(self, worker: Worker) -> Found | None:
        """Return the first task that a worker can take."""
        best: Found | None = None
        for group in self._groups_of(worker):
            position = self._first(group, worker, best)
            if position is not None:
                best = Found(self.rank(group, position), position[-1], group)
        return best

    def worker_for(self, found: Found) -> Worker | None:
        """Return the first worker who can take a task."""
        group = found.group
        candidates = (
            worker
            for worker in self._candidates(group)
            if group.admits(worker) and self._may_have(worker, found.task)
        )
        columns = group.target.order_by
        # Candidates come in idle order, so the first one wins, and min() keeps the first of equals.
        if not columns:
            return next(candidates, None)
        return min(
            candidates, key=lambda item: rank(columns, Scope(worker=WorkerView(item))), default=None
        )

    def worker_counts(self, group: WaitingGroup) -> View:
        """Return the worker counts that skip_if refers to."""
        pool = self.pools.pool(group.queue.target_workers)
        return _WorkerCounts(
            {item.sid: (count, item.available) for item, count in pool.counts(self._activities)}
        )

    def _candidates(self, group: WaitingGroup) -> Iterator[Worker]:
        """Yield the free workers of the queue, the longest idle first."""
        if group.person is not None:
            kind, value = group.person
            name = value if isinstance(value, str) else ""
            worker = self._workers.get(name) if kind == "sid" else self._workers.named(name)
            if worker is not None and self._is_for(group, worker):
                yield worker
            return
        for _, _, sid in self.pools.ready(group.queue.target_workers, group.channel):
            yield self._workers.items[sid]

    def _groups_of(self, worker: Worker) -> Iterator[WaitingGroup]:
        yield from self.waiting.for_worker(worker)
        for channel in worker.channels:
            if self.is_free(worker, channel):
                yield from self.waiting.for_channel(channel)

    def _is_for(self, group: WaitingGroup, worker: Worker) -> bool:
        free = group.key.ignores_capacity or self.is_free(worker, group.channel)
        return free and (group.direct or worker in self.pools.pool(group.queue.target_workers))

    def _first(self, group: WaitingGroup, worker: Worker, best: Found | None) -> Position | None:
        """Return the first task of a group that a worker can take, if it ranks before *best*."""
        # All tasks of a group fit the same workers, so the expression is evaluated at most once,
        # and only if the first task would rank before the best.
        tried = False
        for position in group.tasks:
            if best is not None and self.rank(group, position) >= best.rank:
                return None
            if not tried and not (self._is_for(group, worker) and group.admits(worker)):
                return None
            tried = True
            if self._may_have(worker, position[-1]):
                return position
        return None

    def _may_have(self, worker: Worker, task: Task) -> bool:
        return task.assignment_status == "pending" or all(
            item.worker is not worker
            for item in self._reservations.of_task(task.sid).values()
            if item.round == task.rounds
        )


class _WorkerCounts(View):
    """Numbers of workers: available, unavailable, and by activity sid."""

    def __init__(self, counts: dict[str, tuple[int, bool]]) -> None:
        self._counts = counts

    def get(self, name: str, /) -> int | None:
        """Return a count, None for an unknown name."""
        if name in ("available", "unavailable"):
            wanted = name == "available"
            return sum(count for count, available in self._counts.values() if available is wanted)
        found = self._counts.get(name)
        return None if found is None else found[0]
