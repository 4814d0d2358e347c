"""The scene of a soak: clients, workspaces that come and go, and chances."""

from collections import deque
from pathlib import Path
from random import Random
from typing import Any

import attrs
from peers import ACCOUNT, TOKEN

import aiotask
from aiotask.taskrouter import NewTask, WorkspaceContext

RAISING = 0.05  # of hooks and callbacks
TIMEOUT = 2.0
RETRY = aiotask.RetryPolicy(
    attempts=4, base=0.02, throttled_base=0.05, cap=0.5, longest_wait=1.0, deadline=10.0
)
MOST_ROWS = 40
_KNOWN = 400  # tasks of a workspace


class DeliberateError(Exception):
    """Raised by hooks and callbacks."""


@attrs.define
class Room:
    """A workspace that is there for a while, and what is known of it."""

    sid: str
    queue: str
    workflow: str
    workers: list[str]
    tasks: deque[str] = attrs.field(factory=lambda: deque(maxlen=_KNOWN))


@attrs.frozen
class Scene:
    """The client and the workspace of a call, and its chances."""

    client: aiotask.Client
    base: str
    room: Room
    random: Random
    folder: Path

    @property
    def workspace(self) -> WorkspaceContext:
        """The workspace's place in the tree."""
        return self.client.taskrouter.workspace(self.room.sid)

    @property
    def task(self) -> str:
        """A task that was there, at least."""
        if not self.room.tasks:
            return "WT" + "0" * 32
        return self.random.choice(self.room.tasks)

    def chance(self, share: float) -> bool:
        """Whether it happens this time."""
        return self.random.random() < share

    def name(self) -> str:
        """Return a name that is not taken."""
        return f"n{self.random.getrandbits(64):x}"

    def may_raise(self) -> None:
        """Raise, now and then."""
        if self.chance(RAISING):
            raise DeliberateError

    def attributes(self) -> dict[str, str]:
        """Return attributes of some length."""
        return {"type": "soak", "text": "x" * self.random.randrange(200)}

    def row(self) -> NewTask:
        """Return what to create a task with."""
        return {
            "attributes": self.attributes(),
            "priority": self.random.randrange(9),
            "workflow_sid": self.room.workflow,
        }

    def rows(self) -> list[NewTask]:
        """Return what to create tasks with, in bulk."""
        return [self.row() for _ in range(self.random.randrange(MOST_ROWS))]


def client_of(base: str, random: Random, connections: int, **more: Any) -> aiotask.Client:
    """Return a client whose hooks raise now and then."""

    def hook(*_: object) -> None:
        if random.random() < RAISING:
            raise DeliberateError

    return aiotask.Client(
        ACCOUNT,
        TOKEN,
        base_url=base,
        timeout=TIMEOUT,
        retry=RETRY,
        max_connections=connections,
        on_request=hook,
        on_response=hook,
        on_retry=hook,
        **more,
    )
