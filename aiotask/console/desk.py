"""Desks: the pages of one place of the console, with their forms, actions and streams."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import count
from typing import Any

from aiohttp import web

from aiotask.console.actions import Act
from aiotask.console.forms import Form
from aiotask.console.guard import HEADERS
from aiotask.console.pages import Pages, Shown
from aiotask.console.stream import Streams, View
from aiotask.errors import AiotaskError

Menu = Sequence[tuple[str, str]]
"""Paths of pages in their place, and what they are called."""

_MOST_NOTICES = 20


class Desk:
    """The pages at one place; *acts* is None where the console may only look."""

    def __init__(
        self,
        pages: Pages,
        streams: Streams,
        *,
        menu: Menu,
        views: Mapping[str, View],
        acts: Mapping[str, Act] | None,
        workspaces: bool,
    ) -> None:
        self.pages: Pages = pages
        self.acts: Mapping[str, Act] | None = acts
        self._streams = streams
        self._menu = menu
        self._views = views
        self._workspaces = workspaces
        self._notices: OrderedDict[str, str] = OrderedDict()
        self._numbers = count(1)

    async def answer(self, request: web.BaseRequest, path: list[str]) -> web.StreamResponse | None:
        """Answer a request for a page, stream or action; None where there is none."""
        match request.method, path:
            case "POST", ["act", name]:
                return await self._act(name, await form_of(request))
            case "GET", ["stream", *rest] if (view := self.view(rest)) is not None:
                return await self._streams.serve(request, view, self.pages, HEADERS)
            case "GET", _ if (view := self.view(path)) is not None:
                notice = self._notices.pop(request.query.get("said", ""), None)
                return await self.page(path, await view(), notice)
        return None

    def view(self, path: list[str]) -> View | None:
        """Return what reads the page of a path."""
        return self._views.get("/".join(path)) if len(path) <= 1 else None

    async def name(self) -> str:
        """Return what the place is called."""
        return "TaskRouter"

    async def forms(self, path: list[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return the forms of a page beside what it shows."""
        del path
        return {}

    async def page(self, path: list[str], shown: Shown, notice: str | None = None) -> web.Response:
        """Return a page, whole."""
        place = await self.name()
        text = self.pages.page(
            shown,
            await self.forms(path) if self.acts is not None else {},
            place=place,
            found_here=self.pages.place != (),
            workspaces=self._workspaces,
            menu=self._menu,
            here=path[0] if path else "",
            token=self.pages.token,
            notice=notice,
            stream=self.pages.link("stream", *path) if shown.live else None,
        )
        return web.Response(text=text, headers=HEADERS, content_type="text/html")

    def lead_to(self, path: list[str], **query: str) -> web.Response:
        """Return the answer that leads to another page of this place."""
        return lead_to(self.pages.link(*path, **query))

    async def _act(self, name: str, form: Form) -> web.StreamResponse:
        """Carry out an action, and lead back to its page, which tells what came of it."""
        try:
            said = await self._acted(name, form)
        except (AiotaskError, ValueError) as error:
            said = f"That did not happen: {error}"
        number = str(next(self._numbers))
        self._notices[number] = said
        if len(self._notices) > _MOST_NOTICES:
            self._notices.popitem(last=False)
        back = [part for part in form.get("back", "").split("/") if part]
        return self.lead_to(back if self.view(back) is not None else [], said=number)

    async def _acted(self, name: str, form: Form) -> str:
        if self.acts is None:
            raise ValueError("this console only looks; --allow-changes lets it change things")
        if name not in self.acts:
            raise ValueError("nothing here can do that; time and faults are a sandbox's")
        return await self.acts[name](form)


def lead_to(url: str) -> web.Response:
    """Return the answer that leads to a URL."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": url})


async def form_of(request: web.BaseRequest) -> Form:
    """Return the fields of a form; files are none of them."""
    sent = await request.post()
    return {name: value for name, value in sent.items() if isinstance(value, str)}
