"""The stores of one workspace."""

from typing import NamedTuple

from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.activity import FIRST_ACTIVITIES, ActivityStore
from aiotask.sandbox.model.dirty import DirtySet
from aiotask.sandbox.model.events import EventLog
from aiotask.sandbox.model.reservation import ReservationStore
from aiotask.sandbox.model.task_channel import FIRST_CHANNELS, TaskChannelStore
from aiotask.sandbox.model.task_queue import TaskQueueStore
from aiotask.sandbox.model.task_store import TaskStore
from aiotask.sandbox.model.worker import WorkerStore
from aiotask.sandbox.model.workflow import WorkflowStore


class Stores(NamedTuple):
    """All stores of a workspace, its event log and its dirty set."""

    account: Account
    workspace_sid: str
    log: EventLog
    dirty: DirtySet
    activities: ActivityStore
    channels: TaskChannelStore
    workers: WorkerStore
    queues: TaskQueueStore
    workflows: WorkflowStore
    tasks: TaskStore
    reservations: ReservationStore

    @classmethod
    def open(cls, account: Account) -> "Stores":
        """Return the stores of a new workspace, with its documented activities and channels."""
        stores = cls.empty(account, account.new_sid("WS"))
        stores.activities.begin(FIRST_ACTIVITIES)
        stores.channels.begin(FIRST_CHANNELS)
        return stores

    @classmethod
    def empty(cls, account: Account, sid: str) -> "Stores":
        """Return empty stores."""
        account = account.within(sid)
        log = EventLog(account, sid)
        activities, channels = ActivityStore(account, log), TaskChannelStore(account, log)
        dirty = DirtySet(account.scheduler)
        workers = WorkerStore(account, log, channels, dirty)
        return cls(
            account=account,
            workspace_sid=sid,
            log=log,
            dirty=dirty,
            activities=activities,
            channels=channels,
            workers=workers,
            queues=TaskQueueStore(account, log, dirty),
            workflows=WorkflowStore(account, log, dirty),
            tasks=TaskStore(account.changes, account.index),
            reservations=ReservationStore(account, log, workers),
        )
