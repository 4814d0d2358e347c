"""The console: guarded pages of one workspace, as a handler of requests for any server."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from itertools import count
from mimetypes import guess_type

from aiohttp import web
from yarl import URL

from aiotask._checks import shortened
from aiotask._client import Client
from aiotask.console.actions import Actions
from aiotask.console.form_parts import FormParts
from aiotask.console.forms import Form
from aiotask.console.glance import Glances
from aiotask.console.guard import HEADERS, Guard
from aiotask.console.pace import SANDBOX_RATE, SERVICE_RATE, Pace
from aiotask.console.pages import ROOT, Pages, Shown
from aiotask.console.reading import Reading
from aiotask.console.sandbox_views import SandboxViews
from aiotask.console.stream import Streams, View
from aiotask.console.views import Views
from aiotask.errors import AiotaskError, NotFoundError
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext

_STATIC = {path.name: path for path in sorted((ROOT / "static").iterdir())}
_MOST_NOTICES = 20

_SID = re.compile("[A-Z]{2}[0-9a-f]{32}")
_BY_PREFIX = {"WT": "tasks", "WK": "workers", "WQ": "queues", "WW": "workflows"}

_MENU = ("", "At a glance"), ("workers", "Workers"), ("workflows", "Workflows")
_WHAT_IF = ("what-if", "What if")
_OF_SANDBOX = ("sandbox", "Sandbox"), ("requests", "Requests")


class Console:
    """A page that shows a workspace, by a client that is open as long as the console is.

    With *allow_changes* it has forms that change things, of a *sandbox* in this process also those
    of its time and faults. *seconds* lie between two looks at what is shown, while somebody looks,
    and *rate* is how many requests a second it may send in all.
    """

    def __init__(
        self,
        client: Client,
        workspace: WorkspaceContext,
        *,
        allow_changes: bool = False,
        sandbox: Sandbox | None = None,
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
        glances = Glances(self._reading, minutes_at_a_time=2 if rate >= SANDBOX_RATE else 1)
        views = Views(self._reading, glances, seconds / 2, changes=allow_changes)
        self._forms = FormParts(self._reading)
        self._actions = Actions(self._reading, sandbox, allowed=allow_changes)
        self._menu = [*_MENU, _WHAT_IF, *(_OF_SANDBOX if sandbox is not None else ())]
        self._plain: dict[str, View] = {
            "": views.glance,
            "workers": views.workers,
            "workflows": views.workflows,
            "what-if": self._forms.what_if,
        }
        if sandbox is not None:
            local = SandboxViews(sandbox)
            self._plain |= {"sandbox": local.sandbox, "requests": local.requests}
        self._of_one = {
            "queues": views.queue,
            "tasks": views.task,
            "workers": views.worker,
            "workflows": views.workflow,
        }
        self._notices: OrderedDict[str, str] = OrderedDict()
        self._numbers = count(1)

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
            case "POST", ["console", "what-if"]:
                return await self._page(parts[1:], await self._forms.what_if(await _form(request)))
            case "POST", ["console", "act", name]:
                return await self._act(name, await _form(request))
            case "GET", [] | ["console", *_]:
                return await self._shown(request, parts[1:])
        return self._nowhere()

    async def _shown(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        match parts:
            case ["static", name] if name in _STATIC:
                kind = guess_type(name)[0] or "application/octet-stream"
                text = await asyncio.to_thread(_STATIC[name].read_bytes)
                return web.Response(body=text, headers=HEADERS, content_type=kind)
            case ["find"]:
                return self._lead_to(await self._find(request.query.get("wanted", "").strip()))
            case ["stream", *rest] if (view := self._view(rest)) is not None:
                return await self._streams.serve(request, view, HEADERS)
            case _ if (view := self._view(parts)) is not None:
                notice = self._notices.pop(request.query.get("said", ""), None)
                return await self._page(parts, await view(), notice)
        return self._nowhere()

    def _view(self, parts: list[str]) -> View | None:
        match parts:
            case [] | [_] if (name := "".join(parts)) in self._plain:
                return self._plain[name]
            case [kind, sid] if kind in self._of_one:
                return partial(self._of_one[kind], sid)
        return None

    async def _page(
        self, parts: list[str], shown: Shown, notice: str | None = None
    ) -> web.StreamResponse:
        workspace = await self._reading.own()
        forms = await self._forms.of(parts) if self._actions.allowed else {}
        text = self._pages.page(
            shown,
            forms,
            workspace=workspace.friendly_name or workspace.sid,
            menu=self._menu,
            token=self._guard.token,
            here=parts[0] if parts else "",
            notice=notice,
            stream=self._pages.link("stream", *parts) if shown.live else None,
        )
        return web.Response(text=text, headers=HEADERS, content_type="text/html")

    async def _act(self, name: str, form: Form) -> web.StreamResponse:
        """Carry out an action, and lead back to its page, which tells what came of it."""
        try:
            said = await self._actions.act(name, form)
        except (AiotaskError, ValueError) as error:
            said = f"That did not happen: {error}"
        back = [part for part in form.get("back", "").split("/") if part]
        return self._lead_to(back if self._view(back) is not None else [], said=self._kept(said))

    async def _find(self, wanted: str) -> list[str]:
        """Return the page of a sid, or of the worker of a name."""
        kind = _BY_PREFIX.get(wanted[:2]) if _SID.fullmatch(wanted) else None
        if kind is not None:
            return [kind, wanted]
        workers = self._reading.workspace.workers
        found = await self._reading.some(lambda n: workers.list(friendly_name=wanted, limit=n))
        for worker in found.rows:
            # The service may match more than it is asked for.
            if wanted and worker.friendly_name == wanted:
                return ["workers", worker.sid]
        raise ValueError(
            f"{shortened(wanted)} is neither a sid that has a page nor a worker's name"
        )

    def _kept(self, said: str) -> str:
        """Return the number under which the next page finds what to tell."""
        number = str(next(self._numbers))
        self._notices[number] = said
        if len(self._notices) > _MOST_NOTICES:
            self._notices.popitem(last=False)
        return number

    def _lead_to(self, page: list[str], **query: str) -> web.Response:
        headers = {**HEADERS, "Location": self._pages.link(*page, **query)}
        return web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)

    def _nowhere(self) -> web.Response:
        return self._message(HTTPStatus.NOT_FOUND, "Not there", "There is no such page.")

    def _message(self, status: HTTPStatus, title: str, text: str) -> web.Response:
        page = self._pages.message(title, text)
        return web.Response(text=page, status=status, headers=HEADERS, content_type="text/html")


async def _form(request: web.BaseRequest) -> Mapping[str, str]:
    """Return the fields of a form; files are none of them."""
    sent = await request.post()
    return {name: value for name, value in sent.items() if isinstance(value, str)}
