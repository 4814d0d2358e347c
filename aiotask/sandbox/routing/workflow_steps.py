"""A task's way through its workflow: filter by filter and target by target.

What Twilio leaves open is decided so:

* The deadline of a target is the sum of its timeout and those before it, from when the task came to
  the filter, which is its creation unless the workflow began anew or a filter was skipped.
* A task whose last target times out is canceled, whatever other filters would match. One that is
  skipped out of it goes on with the next filter that matches, and with the default filter at last.
* When a workflow changes without ReEvaluateTasks, a task that waits stays where it is, under the
  rules that the workflow has at that place now, if they are for the same queue.
* A queue is entered and moved from only when it is another one than before; statistics count the
  move for the queue that is left.
* A task that begins anew, and that no filter matches now, is canceled.
* The reason of a task that falls out of its workflow is a text of ours.
"""

from typing import Any

from aiotask.sandbox._json import loads
from aiotask.sandbox.expressions.language import Attributes
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.transitions import Transitions
from aiotask.sandbox.model.workflow_configuration import Target
from aiotask.sandbox.model.workspace_stores import Stores

LEFT_WORKFLOW = "Task canceled on Workflow timeout"


class WorkflowSteps:
    """Moves the tasks of one workspace along."""

    def __init__(self, stores: Stores, transitions: Transitions) -> None:
        self._account = stores.account
        self._queues = stores.queues
        self._transitions = transitions
        self._plain: dict[str, Target] = {}

    def target(self, task: Task, queue: TaskQueue) -> Target:
        """Return the rules under which a task waits in its queue, which may be none."""
        if task.rule is not None:
            target = task.workflow.document.target(task.rule, task.step)
            if target is not None and target.queue_sid == queue.sid:
                return target
        return self._plain.setdefault(queue.sid, Target(queue.sid))

    def time_out(self, task: Task) -> None:
        """Let a task go on whose target has had enough time."""
        self._transitions.log_event(task, "task-queue.timeout")
        if not self.advance(task):
            self._leave_workflow(task, "workflow.timeout")

    def skip(self, task: Task) -> None:
        """Let a task go on that its target does not want to wait."""
        if self.advance(task):
            return
        following = 0 if task.rule is None else task.rule + 1
        rule = task.workflow.document.route(_attributes(task), following)
        if rule is None or not self._enter(task, rule, 0, self._account.milliseconds()):
            self._leave_workflow(task, "workflow.skipped")

    def advance(self, task: Task) -> bool:
        """Move a task to the next target that has time left for it, if there is one."""
        document, step = task.workflow.document, task.step + 1
        if task.rule is None:
            return False
        while (target := document.target(task.rule, step)) is not None:
            over = None if target.until is None else task.routed + target.until
            in_time = over is None or over > self._account.milliseconds()
            if in_time and self._enter(task, task.rule, step, task.routed):
                return True
            step += 1
        return False

    def restart(self, task: Task) -> None:
        """Let a task go through its workflow again; one that was put in a queue stays there."""
        if task.rule is None:
            return
        document = task.workflow.document
        rule = document.route(_attributes(task))
        target = None if rule is None else document.target(rule, 0)
        stays = target is not None and target.queue_sid == task.task_queue_sid
        if stays and (rule, 0) == (task.rule, task.step):
            routed = task.routed
        else:
            routed = self._account.milliseconds()
        if rule is None or not self._enter(task, rule, 0, routed):
            changes = {"assignment_status": "canceled", "reason": LEFT_WORKFLOW}
            self._transitions.change_task(task, changes)

    def _enter(self, task: Task, rule: int, step: int, routed: int) -> bool:
        target = task.workflow.document.target(rule, step)
        queue = None if target is None else self._queues.get(target.queue_sid)
        if target is None or queue is None:
            return False
        deadline = None if target.until is None else routed + target.until
        changes: dict[str, Any] = {"rule": rule, "step": step, "routed": routed}
        changes["deadline"] = deadline
        if target.priority is not None:
            changes["priority"] = target.priority
        events = ["workflow.target-matched"]
        if queue is not task.queue:
            self._transitions.log_event(task, "task-queue.moved")
            changes |= {"queue": queue, "entered": self._account.now()}
            events.append("task-queue.entered")
        same = all(getattr(task, name) == value for name, value in changes.items())
        if not same:
            self._transitions.route_task(task, changes, *events)
        return True

    def _leave_workflow(self, task: Task, event: str) -> None:
        self._transitions.log_event(task, event)
        changes = {"assignment_status": "canceled", "reason": LEFT_WORKFLOW}
        self._transitions.change_task(task, changes)


def _attributes(task: Task) -> Attributes:
    attributes: dict[str, Any] = loads(task.attributes)
    return attributes
