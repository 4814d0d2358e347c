"""TaskRouter v1: workspaces, and what routes tasks in them."""

from aiotask.taskrouter.api import TaskRouter, WorkspacePlace
from aiotask.taskrouter.tasks import NewTask, Task, TaskChanges, TaskFilter, Tasks, TaskStatus
from aiotask.taskrouter.workflows import (
    NewWorkflow,
    Workflow,
    WorkflowChanges,
    WorkflowFilter,
    Workflows,
)
from aiotask.taskrouter.workspaces import (
    NewWorkspace,
    Workspace,
    WorkspaceChanges,
    WorkspaceFilter,
    Workspaces,
)

__all__ = [
    "NewTask",
    "NewWorkflow",
    "NewWorkspace",
    "Task",
    "TaskChanges",
    "TaskFilter",
    "TaskRouter",
    "TaskStatus",
    "Tasks",
    "Workflow",
    "WorkflowChanges",
    "WorkflowFilter",
    "Workflows",
    "Workspace",
    "WorkspaceChanges",
    "WorkspaceFilter",
    "WorkspacePlace",
    "Workspaces",
]
