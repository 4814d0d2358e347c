"""Views of an account: its workspaces, to choose from."""

import time

from aiotask.console.pace import Pace
from aiotask.console.pages import Shown
from aiotask.console.reading import MOST
from aiotask.taskrouter import Workspaces


class AccountViews:
    """The views of what is in no workspace."""

    def __init__(self, workspaces: Workspaces, pace: Pace) -> None:
        self._workspaces = workspaces
        self._pace = pace

    async def workspaces(self) -> Shown:
        """Return the first thousand workspaces."""
        at = time.time()
        await self._pace.turn()
        found = await self._workspaces.list(limit=MOST, page_size=MOST).all()
        listed = {"workspaces": found, "more": len(found) == MOST}
        return Shown(title="Workspaces", at=at, live={"workspaces": listed})

    async def only(self) -> str | None:
        """Return the sid of the workspace if there is but one."""
        await self._pace.turn()
        found = await self._workspaces.list(limit=2, page_size=2).all()
        return found[0].sid if len(found) == 1 else None
