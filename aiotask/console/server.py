"""The console: guarded pages of one workspace, as a handler of requests for any server."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from mimetypes import guess_type

from aiohttp import web
from yarl import URL

from aiotask._client import Client
from aiotask.console.glance import Glances
from aiotask.console.guard import HEADERS, Guard
from aiotask.console.pace import SANDBOX_RATE, SERVICE_RATE, Pace
from aiotask.console.pages import ROOT, Pages
from aiotask.console.reading import Reading
from aiotask.console.stream import Streams, View
from aiotask.console.views import Views
from aiotask.errors import AiotaskError, NotFoundError
from aiotask.taskrouter import WorkspaceContext

_STATIC = {path.name: path for path in sorted((ROOT / "static").iterdir())}

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Console:
    """A page that shows a workspace, by a client that is open as long as the console is.

    *seconds* lie between two looks at what is shown, while somebody looks, and *rate* is how many
    requests a second it may send in all.
    """

    def __init__(
        self,
        client: Client,
        workspace: WorkspaceContext,
        *,
        rate: float = SERVICE_RATE,
        seconds: float = 5.0,
        token: str | None = None,
    ) -> None:
        self._guard = Guard(token)
        self._pages = Pages(self._guard.token)
        self._streams = Streams(self._pages, seconds)
        self._reading = Reading(
            workspace, lambda: client.taskrouter.workspaces.fetch(workspace.sid), Pace(rate)
        )
        local = rate >= SANDBOX_RATE
        glances = Glances(self._reading, minutes_at_a_time=5 if local else 1)
        self._views = Views(self._reading, glances, seconds / 2)

    def url(self, base: str) -> str:
        """Return the URL to open, of a server at *base*."""
        return f"{URL(base).origin()}/?token={self._guard.token}"

    def takes(self, request: web.BaseRequest) -> bool:
        """Tell whether a request to a server of the API is one for the console."""
        path = request.rel_url.raw_path
        if path.startswith("/console/"):
            return True
        wants_page = "text/html" in request.headers.get("Accept", "")
        return request.method == "GET" and wants_page and not path.startswith("/v1")

    async def close(self) -> None:
        """End all streams."""
        await self._streams.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return self._message(HTTPStatus.FORBIDDEN, "Not for you", refusal)
        try:
            return await self._answer(request)
        except NotFoundError as error:
            return self._message(HTTPStatus.NOT_FOUND, "Not there", str(error))
        except AiotaskError as error:
            return self._message(HTTPStatus.BAD_GATEWAY, "The service did not answer", str(error))
        except ValueError as error:
            return self._message(HTTPStatus.BAD_REQUEST, "That cannot be", str(error))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = [part for part in request.rel_url.parts if part not in ("/", "")]
        match request.method, parts:
            case "GET", ["console", "static", name] if name in _STATIC:
                kind = guess_type(name)[0] or "application/octet-stream"
                text = await asyncio.to_thread(_STATIC[name].read_bytes)
                return web.Response(body=text, headers=HEADERS, content_type=kind)
            case "GET", ["console", "stream", *rest] if (view := self._view(rest)) is not None:
                return await self._streams.serve(request, view, HEADERS)
            case "GET", [] | ["console", *_] if (view := self._view(parts[1:])) is not None:
                return await self._page(parts[1:], view)
        return self._message(HTTPStatus.NOT_FOUND, "Not there", "There is no such page.")

    def _view(self, parts: list[str]) -> View | None:
        views = self._views
        pages = {"": views.glance, "workers": views.workers, "workflows": views.workflows}
        of_one = {"queues": views.queue, "tasks": views.task, "workers": views.worker}
        match parts:
            case [] | [_] if (name := "".join(parts)) in pages:
                return pages[name]
            case [kind, sid] if kind in of_one:
                return partial(of_one[kind], sid)
        return None

    async def _page(self, parts: list[str], view: View) -> web.Response:
        shown = await view()
        workspace = await self._reading.own()
        text = self._pages.page(
            shown,
            workspace=workspace.friendly_name or workspace.sid,
            here=parts[0] if parts else "",
            notice=None,
            stream=self._pages.link("stream", *parts),
        )
        return web.Response(text=text, headers=HEADERS, content_type="text/html")

    def _message(self, status: HTTPStatus, title: str, text: str) -> web.Response:
        page = self._pages.message(title, text)
        return web.Response(text=page, status=status, headers=HEADERS, content_type="text/html")
