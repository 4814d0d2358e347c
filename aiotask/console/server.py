"""The console: guarded pages of workspaces, as a handler of requests for any server."""

import asyncio
import re
from collections import OrderedDict
from http import HTTPStatus
from mimetypes import guess_type

from aiohttp import web
from yarl import URL

from aiotask._client import Client
from aiotask.console.account_views import AccountViews
from aiotask.console.actions import Act, SandboxActions
from aiotask.console.desk import Desk, lead_to
from aiotask.console.glance import Glances
from aiotask.console.guard import HEADERS, Guard
from aiotask.console.pace import SANDBOX_RATE, SERVICE_RATE, Pace
from aiotask.console.pages import ROOT, Pages
from aiotask.console.reading import GoneError, Reading
from aiotask.console.sandbox_views import SandboxViews
from aiotask.console.stream import Streams, View
from aiotask.console.workspace_desk import WorkspaceDesk
from aiotask.errors import AiotaskError, NotFoundError
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext

_STATIC = {path.name: path for path in sorted((ROOT / "static").iterdir())}
_WORKSPACE = re.compile("WS[0-9a-f]{32}")
_OF_SANDBOX = ("sandbox", "Sandbox"), ("requests", "Requests")

_MOST_DESKS = 50
"""Workspaces of which the last hour is kept; who looks at one more reads it anew."""


class Console:
    """A page that shows workspaces, by a client that is open as long as the console is.

    It offers every workspace of the account, or one *workspace* alone. With *allow_changes* it has
    forms that change things, of a *sandbox* in this process also those of its time and faults.
    *seconds* lie between two looks at what is shown, while somebody looks, and *rate* is how many
    requests a second it may send in all.
    """

    def __init__(
        self,
        client: Client,
        workspace: WorkspaceContext | None = None,
        *,
        allow_changes: bool = False,
        sandbox: Sandbox | None = None,
        rate: float = SERVICE_RATE,
        seconds: float = 5.0,
        token: str | None = None,
    ) -> None:
        self._guard = Guard(token)
        self._client = client
        self._only = workspace
        self._seconds = seconds
        self._minutes_at_a_time = 2 if rate >= SANDBOX_RATE else 1
        self._pace = Pace(rate)
        self._pages = Pages(self._guard.token)
        self._streams = Streams(seconds)
        self._desks: OrderedDict[str, WorkspaceDesk] = OrderedDict()
        self._menu = _OF_SANDBOX if sandbox is not None else ()
        self._views: dict[str, View] = {}
        self._acts: dict[str, Act] | None = {} if allow_changes else None
        if sandbox is not None:
            local = SandboxViews(sandbox)
            self._views = {"sandbox": local.sandbox, "requests": local.requests}
            if self._acts is not None:
                self._acts |= SandboxActions(sandbox, self._forget).by_name
        self._account = AccountViews(client.taskrouter.workspaces, self._pace)
        self._top = Desk(
            self._pages,
            self._streams,
            menu=self._menu,
            views={"workspaces": self._account.workspaces, **self._views},
            acts=self._acts,
            workspaces=True,
        )

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
            return self._message(HTTPStatus.FORBIDDEN, "Not for you", refusal, link=False)
        try:
            answer = await self._answer(request)
        except (NotFoundError, GoneError) as error:
            return self._message(HTTPStatus.NOT_FOUND, "Not there", str(error))
        except AiotaskError as error:
            return self._message(HTTPStatus.BAD_GATEWAY, "The service did not answer", str(error))
        except ValueError as error:
            return self._message(HTTPStatus.BAD_REQUEST, "That cannot be", str(error))
        if answer is None:
            return self._message(HTTPStatus.NOT_FOUND, "Not there", "There is no such page.")
        return answer

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        parts = [part for part in request.rel_url.parts if part not in ("/", "")]
        match request.method, parts:
            case "GET", [] | ["console"]:
                return lead_to(await self._first())
            case "GET", ["console", "static", name] if name in _STATIC:
                kind = guess_type(name)[0] or "application/octet-stream"
                text = await asyncio.to_thread(_STATIC[name].read_bytes)
                return web.Response(body=text, headers=HEADERS, content_type=kind)
            case _, ["console", sid, *rest] if _WORKSPACE.fullmatch(sid):
                if self._only is None or self._only.sid == sid:
                    return await self._desk(sid).answer(request, rest)
            case _, ["console", *rest] if self._only is None:
                return await self._top.answer(request, rest)
        return None

    async def _first(self) -> str:
        """Return the URL of the only workspace, or that of the list of all."""
        sid = await self._account.only() if self._only is None else self._only.sid
        return self._pages.top("workspaces" if sid is None else sid)

    def _desk(self, sid: str) -> WorkspaceDesk:
        desk = self._desks.pop(sid, None) or self._opened(sid)
        self._desks[sid] = desk
        if len(self._desks) > _MOST_DESKS:
            self._desks.popitem(last=False)
        return desk

    def _opened(self, sid: str) -> WorkspaceDesk:
        taskrouter = self._client.taskrouter
        reading = Reading(
            taskrouter.workspace(sid), lambda: taskrouter.workspaces.fetch(sid), self._pace
        )
        return WorkspaceDesk(
            self._pages.at(sid),
            self._streams,
            reading,
            Glances(reading, minutes_at_a_time=self._minutes_at_a_time),
            fresh=self._seconds / 2,
            menu=self._menu,
            views=self._views,
            acts=self._acts,
            workspaces=self._only is None,
        )

    def _forget(self) -> None:
        for desk in self._desks.values():
            desk.reading.forget()

    def _message(
        self, status: HTTPStatus, title: str, text: str, *, link: bool = True
    ) -> web.Response:
        page = self._pages.message(title, text, link=link)
        return web.Response(text=page, status=status, headers=HEADERS, content_type="text/html")
