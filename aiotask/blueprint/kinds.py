"""Kinds of resources in a blueprint: their fields, what identifies them, and their order."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from aiotask.taskrouter import (
    Activities,
    NewActivity,
    NewTaskChannel,
    NewTaskQueue,
    NewWorker,
    NewWorkflow,
    TaskChannels,
    TaskQueues,
    Workers,
    Workflows,
    WorkspaceContext,
)

AnyCollection = Activities | TaskChannels | TaskQueues | Workers | Workflows

CHANNELS = "channels"
"""The field of a worker that maps unique names of task channels to capacities."""
CONFIGURATION = "configuration"


def _as_it_is(name: str) -> str:
    return name


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of resource; *key* is the field that its rows are matched by."""

    name: str
    many: str
    """Its key in a document, which is also the name of its collection."""
    prefix: str
    """The first letters of its sids."""
    shape: type
    """The fields that it is created with."""
    key: str = "friendly_name"
    same: Callable[[str], str] = _as_it_is
    """What two names have in common that the service takes for one."""
    defaults: Mapping[str, Any]
    """The values of the fields that a row leaves out, as far as the service has any."""
    activities: tuple[str, ...] = ()
    """Fields that name an activity."""
    texts: tuple[str, ...] = ()
    """Fields with expressions, in which sids are read as names."""
    fixed: tuple[str, ...] = ()
    """Fields that cannot be changed."""
    passing: tuple[str, ...] = ()
    """Fields that are a state: they are set for what is new, and then left alone."""
    kept: tuple[str, ...] = ()
    """Names of what is never deleted."""

    def of(self, workspace: WorkspaceContext) -> AnyCollection:
        """Return the collection in a workspace."""
        collection: AnyCollection = getattr(workspace, self.many)
        return collection


ACTIVITY = Kind(
    name="activity",
    many="activities",
    prefix="WA",
    shape=NewActivity,
    defaults={"available": False},
    fixed=("available",),
)
TASK_CHANNEL = Kind(
    name="task_channel",
    many="task_channels",
    prefix="TC",
    shape=NewTaskChannel,
    key="unique_name",
    fixed=("unique_name",),
    defaults={"channel_optimized_routing": False},
    kept=("default",),
)
WORKER = Kind(
    name="worker",
    many="workers",
    prefix="WK",
    shape=NewWorker,
    same=str.casefold,
    defaults={"attributes": {}},
    activities=("activity_sid",),
    passing=("activity_sid",),
)
TASK_QUEUE = Kind(
    name="task_queue",
    many="task_queues",
    prefix="WQ",
    shape=NewTaskQueue,
    defaults={"target_workers": "1==1", "max_reserved_workers": 1, "task_order": "FIFO"},
    activities=("reservation_activity_sid", "assignment_activity_sid"),
    texts=("target_workers",),
)
WORKFLOW = Kind(
    name="workflow",
    many="workflows",
    prefix="WW",
    shape=NewWorkflow,
    defaults={
        "assignment_callback_url": "",
        "fallback_assignment_callback_url": "",
        "task_reservation_timeout": 120,
    },
    texts=(CONFIGURATION,),
)

KINDS = {kind.many: kind for kind in (ACTIVITY, TASK_CHANNEL, WORKER, TASK_QUEUE, WORKFLOW)}
"""All kinds, in the order that works: each refers to those before it alone."""
