"""All that one workspace holds, and nothing of how it is asked for."""

from typing import NamedTuple

from aiotask.sandbox._account import Account
from aiotask.sandbox._activity import FIRST_ACTIVITIES, ActivityStore
from aiotask.sandbox._events import EventLog
from aiotask.sandbox._mailbox import Mailbox
from aiotask.sandbox._reservation import ReservationStore
from aiotask.sandbox._task_channel import FIRST_CHANNELS, TaskChannelStore
from aiotask.sandbox._task_queue import TaskQueueStore
from aiotask.sandbox._task_store import TaskStore
from aiotask.sandbox._worker import WorkerStore
from aiotask.sandbox._workflow import WorkflowStore


class Stores(NamedTuple):
    """The stores of one workspace."""

    account: Account
    workspace_sid: str
    log: EventLog
    mailbox: Mailbox
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
        stores = cls.empty(account, account.new_sid("WS"))
        stores.activities.begin(FIRST_ACTIVITIES)
        stores.channels.begin(FIRST_CHANNELS)
        return stores

    @classmethod
    def empty(cls, account: Account, sid: str) -> "Stores":
        """Return what a workspace holds before there is anything in it."""
        account = account.within(sid)
        log = EventLog(account, sid)
        activities, channels = ActivityStore(account, log), TaskChannelStore(account, log)
        mailbox = Mailbox(account.scheduler)
        workers = WorkerStore(account, log, channels, mailbox)
        return cls(
            account=account,
            workspace_sid=sid,
            log=log,
            mailbox=mailbox,
            activities=activities,
            channels=channels,
            workers=workers,
            queues=TaskQueueStore(account, log, mailbox),
            workflows=WorkflowStore(account, log, mailbox),
            tasks=TaskStore(account.changes, account.index),
            reservations=ReservationStore(account, log, workers),
        )
