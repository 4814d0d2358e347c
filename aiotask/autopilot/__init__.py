"""Autopilot v1, which Twilio has retired: the tasks of its assistants, for parity and no more."""

from aiotask.autopilot.api import AssistantPlace, Autopilot
from aiotask.autopilot.tasks import (
    AutopilotTask,
    AutopilotTaskChanges,
    AutopilotTasks,
    NewAutopilotTask,
)

__all__ = [
    "AssistantPlace",
    "Autopilot",
    "AutopilotTask",
    "AutopilotTaskChanges",
    "AutopilotTasks",
    "NewAutopilotTask",
]
