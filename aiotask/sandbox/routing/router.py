"""Router of one workspace: reacts to changes and timers.

Its state is derived from the resources; `resume` rebuilds it from the stores.

Undocumented by Twilio; the sandbox: skip_if is evaluated whenever a task starts to wait or changes
and cannot be offered at once.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from aiotask.sandbox._json import loads
from aiotask.sandbox.expressions.language import Scope
from aiotask.sandbox.model.task import CLOSED, WAITING, Task
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.transitions import Settings, Transitions
from aiotask.sandbox.model.worker import Worker
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.routing.deadlines import due, lifetime
from aiotask.sandbox.routing.known_workers import KnownWorkers
from aiotask.sandbox.routing.matching import Found, Matching, Rank
from aiotask.sandbox.routing.waiting import WaitingGroup
from aiotask.sandbox.routing.workflow_steps import WorkflowSteps

MOST_ROUNDS = 1_000
"""Reservations of a task before it is canceled, by Twilio's page of limits."""

TTL_EXCEEDED = "Task TTL Exceeded"
# Twilio documents the cancelation, but no reason.
ROUNDS_EXCEEDED = "Max assignment count exceeded"


class Router:
    """Offers tasks to workers, moves tasks through workflows, and ends tasks at their deadlines.

    New waiting tasks and newly free workers enter a heap by the rank of the task, so that tasks are
    served in order however many changes come at once.
    """

    def __init__(
        self,
        stores: Stores,
        transitions: Transitions,
        settings: Callable[[], Settings],
        has_worker: Callable[[str], bool],
    ) -> None:
        self._stores = stores
        self._account = stores.account
        self._scheduler = stores.account.scheduler
        self._dirty = stores.dirty
        self._transitions = transitions
        self._settings = settings
        self._has_worker = has_worker
        self._steps = WorkflowSteps(stores, transitions)
        self._numbers = count()
        self._begin()

    def _begin(self) -> None:
        self._matching = Matching(self._stores, self._settings)
        self._known_workers = KnownWorkers(self._stores, self._matching.pools, self._has_worker)
        self._heap: list[tuple[Rank, int, Task | Worker]] = []
        self._seeking: set[str] = set()
        self._dirty.owner = self

    def resume(self) -> None:
        """Rebuild all queues and timers from the resources."""
        self.close()
        self._begin()
        stores = self._stores
        self._dirty.add(*stores.workers.items, *stores.reservations.items)
        self._dirty.add(*(task.sid for task in stores.tasks))

    def close(self) -> None:
        """Stop routing, and drop all timers."""
        self._dirty.take()
        self._dirty.take_rewritten()
        self._dirty.owner = None
        self._scheduler.forget(self)

    def is_free(self, worker: Worker, channel: str) -> bool:
        """Tell whether a worker can take one more task of a channel."""
        return self._matching.is_free(worker, channel)

    def settle(self) -> None:
        """Apply all changes, and offer every task that can be offered."""
        self._absorb()
        while self._heap:
            self._serve(*heappop(self._heap))
            self._absorb()

    def due(self, sid: str) -> None:
        """Run the timer of a task or reservation."""
        reservation = self._stores.reservations.get(sid)
        if reservation is not None:
            task = reservation.task
            self._transitions.time_out(reservation)
            if task.assignment_status == "pending" and self._account.unanswered == "advance":
                self._steps.advance(task)
        task_due = self._stores.tasks.get(sid)
        if task_due is not None:
            self._end(task_due)

    def _end(self, task: Task) -> None:
        """Run the timer of a task, by its status."""
        if task.assignment_status in CLOSED:
            self._transitions.delete_task(task)
        elif task.assignment_status == "assigned":
            self._transitions.delete_task(task, "task.system-deleted")
        elif lifetime(task) <= self._account.milliseconds():
            self._cancel(task, TTL_EXCEEDED)
        else:
            self._steps.time_out(task)

    def _cancel(self, task: Task, reason: str) -> None:
        changes = {"assignment_status": "canceled", "reason": reason}
        self._transitions.change_task(task, changes)

    def _absorb(self) -> None:
        """Process the dirty set."""
        while sids := self._dirty.take():
            # Restarts come first, as they change the target under which a task is queued below.
            for sid in self._dirty.take_rewritten():
                self._reconsider(sid)
            for sid in sids:
                match sid[:2]:
                    case "WK":
                        self._note_worker(sid)
                    case "WR":
                        self._note_reservation(sid)
                    case "WQ":
                        self._note_queue(sid)
                    case "WW":
                        self._note_workflow(sid)
                    case _:
                        self._note_task(sid)

    def _note_worker(self, sid: str) -> None:
        self._matching.pools.refresh(sid)
        worker = self._stores.workers.get(sid)
        if worker is not None and self._matching.waiting:
            self._push(self._matching.task_for(worker), worker)

    def _note_reservation(self, sid: str) -> None:
        reservation = self._stores.reservations.get(sid)
        pending = reservation is not None and reservation.status == "pending"
        self._scheduler.set(sid, reservation.expires if pending and reservation else None, self)

    def _note_queue(self, sid: str) -> None:
        """Requeue all tasks of a queue, as its workers and its order may have changed."""
        self._matching.pools.keep(queue.target_workers for queue in self._stores.queues)
        for task in self._stores.tasks:
            if task.task_queue_sid == sid:
                self._note_task(task.sid)

    def _note_workflow(self, sid: str) -> None:
        for task in list(self._stores.tasks):
            if task.workflow.sid == sid and task.assignment_status in WAITING:
                self._reconsider(task.sid)
                self._note_task(task.sid)

    def _reconsider(self, sid: str) -> None:
        """Restart a pending task, if its workflow has ReEvaluateTasks."""
        task = self._stores.tasks.get(sid)
        if task is not None and task.assignment_status == "pending" and task.workflow.re_evaluate:
            self._steps.restart(task)

    def _note_task(self, sid: str) -> None:
        task, waiting = self._stores.tasks.get(sid), self._matching.waiting
        self._seeking.discard(sid)
        moment = None if task is None else due(task, self._account.closed_for)
        self._scheduler.set(sid, moment, self)
        queue = None if task is None else self._wanted_in(task)
        if task is None or queue is None:
            waiting.take(sid)
        elif task.assignment_status == "pending" and task.rounds >= MOST_ROUNDS:
            self._cancel(task, ROUNDS_EXCEEDED)
        elif task.deadline is not None and self._is_late(task):
            self._steps.time_out(task)
        else:
            group = waiting.put(task, queue, self._steps.target(task, queue))
            if group is not None:
                self._known_workers.check(task, group)
            self._seeking.add(sid)
            self._push(self._matching.find(task), task)

    def _is_late(self, task: Task) -> bool:
        """Tell whether a task returned to pending after its target's deadline."""
        deadline = task.deadline
        late = deadline is not None and deadline <= self._account.milliseconds()
        return late and task.assignment_status == "pending"

    def _wanted_in(self, task: Task) -> TaskQueue | None:
        """Return the queue of a task, if the task can be offered to one more worker."""
        if task.queue is None or task.assignment_status not in WAITING:
            return None
        if task.assignment_status == "reserved":
            offers = len(self._stores.reservations.among(task.sid, "pending"))
            if not 0 < offers < task.queue.max_reserved_workers:
                return None
        return task.queue

    def _push(self, found: Found | None, seeker: Task | Worker) -> None:
        if found is not None:
            # Equal ranks are in order of arrival; the number keeps heapq from comparing tasks.
            heappush(self._heap, (found.rank, next(self._numbers), seeker))

    def _serve(self, rank: Rank, _: int, seeker: Task | Worker) -> None:
        """Offer a task, unless something changed since it entered the heap."""
        matching = self._matching
        found = matching.task_for(seeker) if isinstance(seeker, Worker) else matching.find(seeker)
        if found is None:
            return
        # A lazy heap: an entry whose rank has changed is pushed again instead of being moved.
        if found.rank != rank:
            self._push(found, seeker)
            return
        task = found.task
        seeks = task is seeker and task.sid in self._seeking
        if task is seeker:
            self._seeking.discard(task.sid)
        hopeless = task is seeker and self._is_hopeless(found.group, task)
        worker = None if hopeless else matching.worker_for(found)
        if worker is not None:
            self._transitions.reserve(task, worker)
        elif seeks and task.assignment_status == "pending":
            self._consider_skip(task, found.group)

    def _is_hopeless(self, group: WaitingGroup, task: Task) -> bool:
        """Tell whether an equal task already waits in vain."""
        # All tasks of a group fit the same workers, so one that found none proves that there is
        # none: a thousand creates without a free worker do not each search for one.
        return any(
            other is not task
            and other.assignment_status == "pending"
            and other.sid not in self._seeking
            for other in (group.tasks[0][-1], group.tasks[-1][-1])
        )

    def _consider_skip(self, task: Task, group: WaitingGroup) -> None:
        """Skip the target of a task that could not be offered at once, if skip_if is true."""
        skip_if = group.target.skip_if
        if skip_if is not None and not group.direct:
            attributes = loads(task.attributes)
            if skip_if(Scope(workers=self._matching.worker_counts(group), task=attributes)):
                self._steps.skip(task)
