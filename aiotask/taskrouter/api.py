"""TaskRouter's tree: what lies below the account, and below one workspace."""

from functools import cached_property

from aiotask._checks import checked
from aiotask._session import Session
from aiotask.taskrouter._fields import WORKSPACE
from aiotask.taskrouter.tasks import Tasks
from aiotask.taskrouter.workflows import Workflows
from aiotask.taskrouter.workspaces import Workspaces

__all__ = ["TaskRouter", "WorkspacePlace"]


class TaskRouter:
    """TaskRouter v1; no access to anything here does I/O."""

    def __init__(self, session: Session, base: str) -> None:
        self._session = session
        self._path = f"{base}/v1"

    @cached_property
    def workspaces(self) -> Workspaces:
        """The workspaces of the account."""
        return Workspaces(self._session, self._path)

    def workspace(self, sid: str) -> "WorkspacePlace":
        """Return the place of one workspace in the tree; a ValueError if *sid* is none."""
        return WorkspacePlace(self._session, f"{self._path}/Workspaces/{checked(WORKSPACE, sid)}")


class WorkspacePlace:
    """One workspace's place in the tree: the way to what lies below it."""

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._path = path

    @cached_property
    def tasks(self) -> Tasks:
        """The tasks of the workspace."""
        return Tasks(self._session, self._path)

    @cached_property
    def workflows(self) -> Workflows:
        """The workflows of the workspace."""
        return Workflows(self._session, self._path)
