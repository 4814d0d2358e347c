"""Workflow steps: a task's way through filters and targets.

The README has what Twilio leaves undocumented here.
"""

from typing import Any

from aiotask.sandbox._json import loads
from aiotask.sandbox.expressions.language import Attributes
from aiotask.sandbox.model.events import Fact
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.transitions import Transitions
from aiotask.sandbox.model.workflow_configuration import DEFAULT_RULE, Target
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
        """Advance a task whose target timed out, or cancel it if nothing follows."""
        self._transitions.log_event(task, "task-queue.timeout")
        if not self.advance(task):
            self._leave_workflow(task, "workflow.timeout")

    def skip(self, task: Task) -> None:
        """Advance a task whose target has skip_if, at last to the default filter, or cancel it."""
        if not (self.advance(task) or self._enter_filter(task, DEFAULT_RULE)):
            self._leave_workflow(task, "workflow.skipped")

    def advance(self, task: Task) -> bool:
        """Move a task to the next target, or the next filter that matches; return whether it moved.

        The default filter is none of them: it is not for tasks that matched another one.
        """
        if task.rule is None:
            return False
        if self._enter_next_target(task, task.rule):
            return True
        document = task.workflow.document
        return task.rule != DEFAULT_RULE and any(
            self._enter_filter(task, rule)
            for rule in document.matching(_attributes(task), task.rule + 1)
        )

    def _enter_next_target(self, task: Task, rule: int) -> bool:
        """Move a task to the next target of its filter that has time left."""
        document, step = task.workflow.document, task.step + 1
        while (target := document.target(rule, step)) is not None:
            over = None if target.until is None else task.routed + target.until
            in_time = over is None or over > self._account.milliseconds()
            if in_time and self._enter(task, rule, step, task.routed):
                return True
            step += 1
        return False

    def _enter_filter(self, task: Task, rule: int) -> bool:
        """Move a task to the first target of another filter, whose time begins now."""
        return self._enter(task, rule, 0, self._account.milliseconds())

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
        events, facts = ["workflow.target-matched"], target.facts
        if queue is not task.queue:
            self._transitions.log_event(task, "task-queue.moved")
            facts += _previous(task)
            changes |= {"queue": queue, "entered": self._account.now()}
            events.append("task-queue.entered")
        # A restart that ends where the task stands must not raise its version.
        same = all(getattr(task, name) == value for name, value in changes.items())
        if not same:
            self._transitions.route_task(task, changes, facts, *events)
        return True

    def _leave_workflow(self, task: Task, event: str) -> None:
        self._transitions.log_event(task, event)
        changes = {"assignment_status": "canceled", "reason": LEFT_WORKFLOW}
        self._transitions.change_task(task, changes)


def _previous(task: Task) -> tuple[Fact, ...]:
    """Return the facts of the queue that a task leaves, which come with the next one."""
    if task.queue is None:
        return ()
    return (
        ("previous_task_queue_sid", task.queue.sid),
        ("previous_task_queue_name", task.queue.friendly_name),
        ("previous_task_priority", str(task.priority)),
    )


def _attributes(task: Task) -> Attributes:
    attributes: dict[str, Any] = loads(task.attributes)
    return attributes
