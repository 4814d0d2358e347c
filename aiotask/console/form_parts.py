"""Parts of pages that have forms, in which somebody may be typing: they are not sent again."""

import time
from collections.abc import Mapping
from typing import Any

from aiotask.console.forms import Form, json_object, text, whole
from aiotask.console.pages import Shown
from aiotask.console.reading import Reading
from aiotask.console.rehearsal import rehearse
from aiotask.errors import AiotaskError

Parts = dict[str, Mapping[str, Any]]


class FormParts:
    """The forms of each page, and the page that is nothing but a form."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._workspace = reading.workspace

    async def of(self, page: list[str]) -> Parts:
        """Return the forms of a page by its path."""
        back = {"back": "/".join(page)}
        match page:
            case []:
                return {"create_task": {**await self._choices(), "form": {}, **back}}
            case ["tasks", sid]:
                return {"end_task": {"sid": sid, **back}}
            case ["workers", sid]:
                return {"set_activity": {**await self._activities(sid), **back}}
            case _:
                return {}

    async def what_if(self, form: Form | None = None) -> Shown:
        """Return the page that asks for attributes, and tells what would become of a task."""
        at = time.time()
        ask = {**await self._choices(), "form": form or {}}
        outcome: dict[str, Any] = {"wrong": None, "would": None, "workflow": ""}
        if form is not None:
            try:
                sid = text(form, "workflow")
                attributes, channel = json_object(form, "attributes"), text(form, "channel")
                priority = whole(form, "priority")
                outcome["would"] = await rehearse(self._reading, sid, attributes, channel, priority)
                outcome["workflow"] = sid
            except (ValueError, AiotaskError) as error:
                outcome["wrong"] = str(error)
        told = {} if form is None else {"outcome": outcome}
        return Shown(title="What would happen", at=at, live={}, fixed={"ask": ask, **told})

    async def _choices(self) -> dict[str, Any]:
        workflows = await self._reading.workflows()
        return {"workflows": workflows, "channels": await self._reading.channels()}

    async def _activities(self, worker_sid: str) -> dict[str, Any]:
        activities = self._workspace.activities
        worker = await self._reading.ask(lambda: self._workspace.workers.fetch(worker_sid))
        found = await self._reading.some(lambda n: activities.list(limit=n, page_size=n))
        return {"worker": worker, "activities": found.rows}
