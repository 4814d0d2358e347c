"""Reading of a workspace by its client: every request takes its turn in the console's pace."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import attrs

from aiotask._paging import Listing
from aiotask.console.pace import Pace
from aiotask.errors import NotFoundError
from aiotask.taskrouter import TaskChannel, TaskQueue, Workflow, Workspace, WorkspaceContext

T = TypeVar("T")

MOST = 1_000
"""Rows that are read of any list: one page."""

KEPT = 30.0
"""Seconds for which names and configurations are not read again."""


class GoneError(ValueError):
    """The workspace is not there: it has been deleted since it was shown, or it never was."""

    def __init__(self, sid: str, name: str | None) -> None:
        known, unknown = f"The workspace {name} has been deleted", f"There is no workspace {sid}"
        super().__init__(f"{known}." if name else f"{unknown}: it was deleted, or never was.")


@attrs.frozen
class Some(Generic[T]):
    """The first rows of a list, and whether there are more."""

    rows: Sequence[T]
    more: bool


class Reading:
    """What the console knows of one workspace, and how it asks."""

    def __init__(
        self,
        workspace: WorkspaceContext,
        fetch_own: Callable[[], Awaitable[Workspace]],
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workspace: WorkspaceContext = workspace
        self.now: datetime = datetime.now(UTC)
        self._pace = pace
        self._clock = clock
        self._fetch_own = fetch_own
        self._name: str | None = None
        self._kept: dict[str, tuple[float, Any]] = {}

    async def turn(self) -> None:
        """Wait for the turn of one request."""
        await self._pace.turn()

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call when it is its turn."""
        await self._pace.turn()
        return await call()

    async def some(self, listing: Callable[[int], Listing[T]], most: int = MOST) -> Some[T]:
        """Return the first rows of a list, which is made for so many."""
        # One more row tells whether there are more; where a page has no room for it, a full one.
        limit = min(most + 1, MOST)
        rows = await self.ask(listing(limit).all)
        return Some(rows[:most], len(rows) > most or len(rows) == MOST)

    async def own(self) -> Workspace:
        """Return the workspace itself, read anew; a GoneError says that it is not there."""
        try:
            own = await self.ask(self._fetch_own)
        except NotFoundError:
            raise GoneError(self.workspace.sid, self._name) from None
        self._name = own.friendly_name
        return own

    async def look(self, view: Callable[[], Awaitable[T]]) -> T:
        """Return what a view reads; where nothing is found, tell whether the workspace is gone."""
        try:
            return await view()
        except NotFoundError:
            await self.own()
            raise

    async def queues(self) -> Sequence[TaskQueue]:
        """Return the first thousand queues, as they were half a minute ago at most."""
        queues = self.workspace.task_queues

        async def read() -> Sequence[TaskQueue]:
            return (await self.some(lambda n: queues.list(limit=n, page_size=n))).rows

        return await self._keep("queues", read)

    async def workflows(self) -> Sequence[Workflow]:
        """Return the first thousand workflows, as they were half a minute ago at most."""
        workflows = self.workspace.workflows

        async def read() -> Sequence[Workflow]:
            return (await self.some(lambda n: workflows.list(limit=n, page_size=n))).rows

        return await self._keep("workflows", read)

    async def channels(self) -> Sequence[TaskChannel]:
        """Return the task channels, as they were half a minute ago at most."""
        channels = self.workspace.task_channels

        async def read() -> Sequence[TaskChannel]:
            return (await self.some(lambda n: channels.list(limit=n, page_size=n))).rows

        return await self._keep("channels", read)

    def forget(self) -> None:
        """Read anew what is asked for next."""
        self._kept.clear()

    async def _keep(self, name: str, read: Callable[[], Awaitable[T]]) -> T:
        at, held = self._kept.get(name, (0.0, None))
        if held is not None and self._clock() - at < KEPT:
            found: T = held
            return found
        found = await read()
        self._kept[name] = self._clock(), found
        return found
