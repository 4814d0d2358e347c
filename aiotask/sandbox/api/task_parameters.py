"""Parameters of tasks: creation, placement and list filters."""

from dataclasses import dataclass
from typing import NamedTuple

from aiotask.sandbox.api.references import referred, referred_channel
from aiotask.sandbox.expressions.language import Attributes
from aiotask.sandbox.model.account import is_sid
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.task import STATUSES
from aiotask.sandbox.model.task_channel import TaskChannel
from aiotask.sandbox.model.task_orders import Ordering, Wanted
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.task_store import Query
from aiotask.sandbox.model.workflow import Workflow
from aiotask.sandbox.model.workflow_configuration import MAX_PRIORITY
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.parameters import Parameters

_YEAR_1900 = -2_208_988_800  # the earliest start, by Twilio's page on tasks
_BY_DATE = Ordering((("DateCreated", 1),), reverse=False)
# Filters that compare a field with the text of a parameter; an empty text is no filter.
_TEXT_FILTERS = {
    "WorkflowSid": "workflow_sid",
    "TaskQueueSid": "task_queue_sid",
    "RoutingTarget": "routing_target",
}


class Placement(NamedTuple):
    """The destination of a new task; without a queue it is canceled."""

    workflow: Workflow
    queue: TaskQueue | None
    priority: int
    rule: int | None = None
    deadline: int | None = None
    """Time at which its target times out, in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class TaskReader:
    """Reads task parameters against the contents of the workspace."""

    stores: Stores

    def channel(self, parameters: Parameters) -> TaskChannel:
        """Return the channel that TaskChannel names, else the default."""
        return referred_channel(self.stores.channels, parameters) or self.stores.channels.default

    def start(self, parameters: Parameters) -> int | None:
        """Return VirtualStartTime; refuse the future and dates before 1900."""
        moment = parameters.moment("VirtualStartTime")
        if moment is not None and not _YEAR_1900 <= moment <= self.stores.account.now():
            raise invalid("Invalid VirtualStartTime: in the future, or before 1900")
        return moment

    def placement(self, parameters: Parameters, attributes: Attributes) -> Placement:
        """Return the destination and priority of a new task."""
        target = routing_target(parameters) or ""
        self._check_target(parameters, target)
        workflow = self._workflow(parameters, target)
        queue = self._queue(parameters, target)
        own = parameters.integer("Priority", 0, MAX_PRIORITY) or 0
        if queue is not None:
            return Placement(workflow, queue, own)
        rule = workflow.document.route(attributes)
        routed = None if rule is None else workflow.document.target(rule, 0)
        if routed is not None:
            return Placement(
                workflow,
                self.stores.queues.get(routed.queue_sid),
                own if routed.priority is None else routed.priority,
                rule,
                routed.until and self.stores.account.milliseconds() + routed.until,
            )
        if self.stores.account.unmatched == "refuse":
            raise invalid(f"No filter of Workflow {workflow.sid} matches the Attributes")
        return Placement(workflow, None, own)

    def query(self, parameters: Parameters) -> Query:
        """Return the query of a list, limited to indexed tasks."""
        ordering = parameters.text("Ordering")
        now = self.stores.account.milliseconds()
        return Query(
            Ordering.parse(ordering) if ordering else _BY_DATE,
            self._wanted(parameters),
            parameters.expression("EvaluateTaskAttributes"),
            self.stores.tasks.unlisted.first(now),
        )

    def _wanted(self, parameters: Parameters) -> Wanted:
        wanted: dict[str, frozenset[object]] = {}
        routing_target(parameters)
        for name, field in _TEXT_FILTERS.items():
            if value := parameters.filter(name):
                wanted[field] = frozenset([value])
        for name, field, store in (
            ("WorkflowName", "workflow_sid", self.stores.workflows),
            ("TaskQueueName", "task_queue_sid", self.stores.queues),
        ):
            if value := parameters.filter(name):
                # Names may repeat, and a name beside a sid must fit both.
                sids = frozenset(item.sid for item in store if item.friendly_name == value)
                wanted[field] = wanted.get(field, sids) & sids
        statuses: frozenset[object] = frozenset(parameters.several("AssignmentStatus"))
        if not statuses <= set(STATUSES):
            raise invalid(f"Invalid AssignmentStatus: each must be one of {', '.join(STATUSES)}")
        if statuses:
            wanted["assignment_status"] = statuses
        priority = parameters.integer("Priority", 0, MAX_PRIORITY)
        if priority is not None:
            wanted["priority"] = frozenset([priority])
        addons = parameters.boolean("HasAddons")
        if addons is not None:
            wanted["has_addons"] = frozenset([addons])
        return wanted

    def _check_target(self, parameters: Parameters, target: str) -> None:
        """Refuse a RoutingTarget that does not exist."""
        match target[:2]:
            case "WK":
                referred(self.stores.workers, parameters, "RoutingTarget")
            case "WQ":
                referred(self.stores.queues, parameters, "RoutingTarget")
            case "WW":
                referred(self.stores.workflows, parameters, "RoutingTarget")

    def _workflow(self, parameters: Parameters, target: str) -> Workflow:
        asked = referred(self.stores.workflows, parameters, "WorkflowSid")
        if asked is None and target.startswith("WW"):
            asked = referred(self.stores.workflows, parameters, "RoutingTarget")
        return asked or self.stores.workflows.only()

    def _queue(self, parameters: Parameters, target: str) -> TaskQueue | None:
        asked = referred(self.stores.queues, parameters, "TaskQueueSid")
        if asked is None and target.startswith("WQ"):
            return referred(self.stores.queues, parameters, "RoutingTarget")
        return asked


def routing_target(parameters: Parameters) -> str | None:
    """Return RoutingTarget: the sid of a worker, queue or workflow."""
    target = parameters.text("RoutingTarget")
    if target and not any(is_sid(target, prefix) for prefix in ("WK", "WQ", "WW")):
        raise invalid(f"Invalid RoutingTarget {target!r}: not the sid of a worker, queue, workflow")
    return target or None


def ignore_capacity(parameters: Parameters) -> bool | None:
    """Return IgnoreCapacity, true by default with a worker as RoutingTarget, else refused."""
    ignored = parameters.boolean("IgnoreCapacity")
    if (routing_target(parameters) or "").startswith("WK"):
        return ignored is not False
    if ignored is not None:
        raise invalid("IgnoreCapacity can only be used with a Worker as RoutingTarget")
    return None
