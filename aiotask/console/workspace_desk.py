"""The desk of one workspace."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web

from aiotask._checks import shortened
from aiotask.console.actions import Act, WorkspaceActions
from aiotask.console.desk import Desk, Menu, form_of
from aiotask.console.form_parts import FormParts
from aiotask.console.glance import Glances
from aiotask.console.pages import Pages
from aiotask.console.reading import Reading
from aiotask.console.stream import Streams, View
from aiotask.console.views import Views

_SID = re.compile("[A-Z]{2}[0-9a-f]{32}")
_BY_PREFIX = {"WT": "tasks", "WK": "workers", "WQ": "queues", "WW": "workflows"}
_MENU = (
    ("", "At a glance"),
    ("workers", "Workers"),
    ("workflows", "Workflows"),
    ("what-if", "What if"),
)


class WorkspaceDesk(Desk):
    """The pages of a workspace, and besides them those of the place around it."""

    def __init__(
        self,
        pages: Pages,
        streams: Streams,
        reading: Reading,
        glances: Glances,
        *,
        fresh: float,
        menu: Menu,
        views: Mapping[str, View],
        acts: Mapping[str, Act] | None,
        workspaces: bool,
    ) -> None:
        self.reading: Reading = reading
        self._forms = FormParts(reading)
        own = Views(reading, glances, fresh, changes=acts is not None)
        self._of_one = {
            "queues": own.queue,
            "tasks": own.task,
            "workers": own.worker,
            "workflows": own.workflow,
        }
        super().__init__(
            pages,
            streams,
            menu=(*_MENU, *menu),
            views={
                "": own.glance,
                "workers": own.workers,
                "workflows": own.workflows,
                "what-if": self._forms.what_if,
                **views,
            },
            acts=None if acts is None else {**WorkspaceActions(reading).by_name, **acts},
            workspaces=workspaces,
        )

    async def answer(self, request: web.BaseRequest, path: list[str]) -> web.StreamResponse | None:
        """Answer a request as any desk, or for what only a workspace has."""
        match request.method, path:
            case "GET", ["find"]:
                wanted = request.query.get("wanted", "").strip()
                return self.lead_to(await self.reading.look(partial(self._find, wanted)))
            case "POST", ["what-if"]:
                return await self.page(path, await self._forms.what_if(await form_of(request)))
        return await super().answer(request, path)

    def view(self, path: list[str]) -> View | None:
        """Return what reads the page of a path, and tells when the workspace is gone."""
        match path:
            case [kind, sid] if kind in self._of_one:
                return partial(self.reading.look, partial(self._of_one[kind], sid))
        view = super().view(path)
        return None if view is None else partial(self.reading.look, view)

    async def name(self) -> str:
        """Return the workspace's name; reading it tells whether it is still there."""
        own = await self.reading.own()
        return own.friendly_name or own.sid

    async def forms(self, path: list[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return the forms of a page beside what it shows."""
        return await self._forms.of(path)

    async def _find(self, wanted: str) -> list[str]:
        """Return the page of a sid, or of the worker of a name."""
        kind = _BY_PREFIX.get(wanted[:2]) if _SID.fullmatch(wanted) else None
        if kind is not None:
            return [kind, wanted]
        workers = self.reading.workspace.workers
        found = await self.reading.some(lambda n: workers.list(friendly_name=wanted, limit=n))
        for worker in found.rows:
            # The service may match more than it is asked for.
            if wanted and worker.friendly_name == wanted:
                return ["workers", worker.sid]
        raise ValueError(
            f"{shortened(wanted)} is neither a sid that has a page nor a worker's name"
        )
