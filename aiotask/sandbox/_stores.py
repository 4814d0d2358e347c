"""All that one workspace holds, and nothing of how it is asked for."""

from typing import NamedTuple

from aiotask.sandbox._account import Account
from aiotask.sandbox._activity import ActivityStore
from aiotask.sandbox._events import EventLog
from aiotask.sandbox._reservation import ReservationStore
from aiotask.sandbox._task_channel import TaskChannelStore
from aiotask.sandbox._task_queue import TaskQueueStore
from aiotask.sandbox._task_store import TaskStore
from aiotask.sandbox._worker import WorkerStore
from aiotask.sandbox._workflow import WorkflowStore


class Stores(NamedTuple):
    """The stores of one workspace."""

    account: Account
    workspace_sid: str
    log: EventLog
    activities: ActivityStore
    channels: TaskChannelStore
    workers: WorkerStore
    queues: TaskQueueStore
    workflows: WorkflowStore
    tasks: TaskStore
    reservations: ReservationStore

    @classmethod
    def open(cls, account: Account) -> "Stores":
        """Return what a new workspace holds: the documented activities and task channels."""
        sid, log = account.new_sid("WS"), EventLog(account)
        activities, channels = ActivityStore(account, log), TaskChannelStore(account, log)
        workers = WorkerStore(account, log, channels)
        return cls(
            account=account,
            workspace_sid=sid,
            log=log,
            activities=activities,
            channels=channels,
            workers=workers,
            queues=TaskQueueStore(account, log),
            workflows=WorkflowStore(account, log),
            tasks=TaskStore(),
            reservations=ReservationStore(account, log, workers),
        )
