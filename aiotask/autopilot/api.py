"""Contexts of Autopilot: the account and one assistant."""

from __future__ import annotations

from functools import cached_property

from aiotask._checks import Identifier, checked
from aiotask._session import Session
from aiotask.autopilot import _lazy as autopilot

__all__ = ["AssistantContext", "Autopilot"]

_ASSISTANT = Identifier("UA")


class Autopilot:
    """Autopilot v1 of one account; no attribute or method here sends anything."""

    def __init__(self, session: Session, base: str) -> None:
        self._session = session
        self._path = f"{base}/v1"

    def assistant(self, sid: str) -> AssistantContext:
        """Return the context of one assistant, by its sid or its unique name."""
        return AssistantContext(
            self._session, f"{self._path}/Assistants/{checked(_ASSISTANT, sid)}"
        )


class AssistantContext:
    """Context of one assistant."""

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._path = path

    @cached_property
    def tasks(self) -> autopilot.AutopilotTasks:
        """The tasks of the assistant."""
        return autopilot.AutopilotTasks(self._session, self._path)
