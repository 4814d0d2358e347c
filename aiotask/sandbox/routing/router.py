"""The routing of one workspace: what follows from changes, and what is due.

All that it keeps follows from the resources: `resume` builds it anew from what the stores hold.

What Twilio leaves open is decided so: skip_if is asked whenever a task comes to wait or changes,
and cannot be offered at once; the reason of a task that was reserved too often is a text of ours.
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
from aiotask.sandbox.routing.matching import Found, Matching, Rank
from aiotask.sandbox.routing.waiting import WaitingGroup
from aiotask.sandbox.routing.workflow_steps import WorkflowSteps

MOST_ROUNDS = 1_000
"""How often a task is reserved, by Twilio's page of limits, before it is canceled."""

TTL_EXCEEDED = "Task TTL Exceeded"
ROUNDS_EXCEEDED = "Max assignment count exceeded"


class Router:
    """Offers tasks to workers, moves tasks along their workflows, and ends what lasts too long.

    Whoever seeks, a task that begins to wait or a worker who has become free, gets in a heap by the
    rank of the task, so that tasks are served in order however many things changed at once.
    """

    def __init__(
        self, stores: Stores, transitions: Transitions, settings: Callable[[], Settings]
    ) -> None:
        self._stores = stores
        self._account = stores.account
        self._scheduler = stores.account.scheduler
        self._dirty = stores.dirty
        self._transitions = transitions
        self._settings = settings
        self._steps = WorkflowSteps(stores, transitions)
        self._numbers = count()
        self._begin()

    def _begin(self) -> None:
        self._matching = Matching(self._stores, self._settings)
        self._heap: list[tuple[Rank, int, Task | Worker]] = []
        self._seeking: set[str] = set()
        self._dirty.owner = self

    def resume(self) -> None:
        """Build all queues and timers anew from the resources; what is due is done when asked."""
        self.close()
        self._begin()
        stores = self._stores
        self._dirty.add(*stores.workers.items, *stores.reservations.items)
        self._dirty.add(*(task.sid for task in stores.tasks))

    def close(self) -> None:
        """Have nothing due any longer."""
        self._dirty.take()
        self._dirty.take_rewritten()
        self._dirty.owner = None
        self._scheduler.forget(self)

    def settle(self) -> None:
        """Route all that can be routed, after what has changed."""
        self._absorb()
        while self._heap:
            self._serve(*heappop(self._heap))
            self._absorb()

    def due(self, sid: str) -> None:
        """Do what is due of a task or reservation."""
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
        """Do what is due of a task in its status."""
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
        """Take note of what has changed."""
        while sids := self._dirty.take():
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
        """Let all tasks of a queue seek anew, for its workers and its order may be others now."""
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
        """Let a task begin anew, if it is pending and its workflow wants that."""
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
        elif task.deadline is not None and self._over(task):
            self._steps.time_out(task)
        else:
            waiting.put(task, queue, self._steps.target(task, queue))
            self._seeking.add(sid)
            self._push(self._matching.find(task), task)

    def _over(self, task: Task) -> bool:
        """Tell whether a task comes back to a target that has no time left for it."""
        deadline = task.deadline
        late = deadline is not None and deadline <= self._account.milliseconds()
        return late and task.assignment_status == "pending"

    def _wanted_in(self, task: Task) -> TaskQueue | None:
        """Return the queue of a task that can be offered to one more worker."""
        if task.queue is None or task.assignment_status not in WAITING:
            return None
        if task.assignment_status == "reserved":
            offers = len(self._stores.reservations.among(task.sid, "pending"))
            if not 0 < offers < task.queue.max_reserved_workers:
                return None
        return task.queue

    def _push(self, found: Found | None, who: Task | Worker) -> None:
        if found is not None:
            heappush(self._heap, (found.rank, next(self._numbers), who))

    def _serve(self, rank: Rank, _: int, who: Task | Worker) -> None:
        """Offer a task, if nothing has come between."""
        matching = self._matching
        found = matching.task_for(who) if isinstance(who, Worker) else matching.find(who)
        if found is None:
            return
        if found.rank != rank:
            self._push(found, who)
            return
        task = found.task
        seeks = task is who and task.sid in self._seeking
        if task is who:
            self._seeking.discard(task.sid)
        hopeless = task is who and self._hopeless(found.group, task)
        worker = None if hopeless else matching.worker_for(found)
        if worker is not None:
            self._transitions.reserve(task, worker)
        elif seeks and task.assignment_status == "pending":
            self._consider_skip(task, found.group)

    def _hopeless(self, group: WaitingGroup, task: Task) -> bool:
        """Tell whether another task waits already for whoever could take this one."""
        return any(
            other is not task
            and other.assignment_status == "pending"
            and other.sid not in self._seeking
            for other in (group.tasks[0][-1], group.tasks[-1][-1])
        )

    def _consider_skip(self, task: Task, group: WaitingGroup) -> None:
        """Let a task go on that could not be offered at once, if its target says so."""
        skip_if = group.target.skip_if
        if skip_if is not None and not group.direct:
            attributes = loads(task.attributes)
            if skip_if(Scope(workers=self._matching.worker_counts(group), task=attributes)):
                self._steps.skip(task)
