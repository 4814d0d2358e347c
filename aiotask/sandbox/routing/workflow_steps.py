"""Workflow steps: a task's way through filters and targets.

The README has what Twilio leaves undocumented here.
"""

from typing import Any

from aiotask.sandbox._json import loads
from aiotask.sandbox.expressions.language import Attributes
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.transitions import Transitions
from aiotask.sandbox.model.workflow_configuration import Target
from aiotask.sandbox.model.workspace_stores import Stores

# Twilio documents the cancelation, but no reason.
LEFT_WORKFLOW = "Task canceled on Workflow timeout"


class WorkflowSteps:
    """Moves the tasks of one workspace through their workflows."""

    def __init__(self, stores: Stores, transitions: Transitions) -> None:
        self._account = stores.account
        self._queues = stores.queues
        self._transitions = transitions
        self._plain: dict[str, Target] = {}

    def target(self, task: Task, queue: TaskQueue) -> Target:
        """Return the target under which a task waits in its queue, or one without rules."""
        if task.rule is not None:
            target = task.workflow.document.target(task.rule, task.step)
            if target is not None and target.queue_sid == queue.sid:
                return target
        # One target per queue, because groups tell targets apart by identity.
        return self._plain.setdefault(queue.sid, Target(queue.sid))

    def time_out(self, task: Task) -> None:
        """Advance a task whose target timed out, or cancel it after the last target."""
        self._transitions.log_event(task, "task-queue.timeout")
        if not self.advance(task):
            self._leave_workflow(task, "workflow.timeout")

    def skip(self, task: Task) -> None:
        """Advance a task whose target has skip_if, then to later filters, or cancel it."""
        if self.advance(task):
            return
        following = 0 if task.rule is None else task.rule + 1
        rule = task.workflow.document.route(_attributes(task), following)
        if rule is None or not self._enter(task, rule, 0, self._account.milliseconds()):
            self._leave_workflow(task, "workflow.skipped")

    def advance(self, task: Task) -> bool:
        """Move a task to the next target with time left; return whether there is one."""
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
        """Route a task from the first filter; one whose queue the request chose stays."""
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
        # A restart that ends where the task stands must not raise its version.
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
