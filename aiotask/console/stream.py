"""Server-sent events: the parts of a page that have changed, while somebody looks at it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from aiotask.console.pages import Pages, Shown
from aiotask.errors import AiotaskError

View = Callable[[], Awaitable[Shown]]


class Streams:
    """The open streams of a console: each reads its page every so many *seconds*."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End all streams."""
        open_ = list(self._open)
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)

    async def serve(
        self, request: web.BaseRequest, view: View, pages: Pages, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Send what changes until the browser leaves or the console closes."""
        response = web.StreamResponse(headers=headers | {"Content-Type": "text/event-stream"})
        await response.prepare(request)
        # A task of its own, so that closing the console ends it without ending the connection.
        task = asyncio.create_task(self._send(response, view, pages))
        self._open.add(task)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            self._open.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ConnectionError):
            raise error
        return response

    async def _send(self, response: web.StreamResponse, view: View, pages: Pages) -> None:
        sent: dict[str, str] = {}
        while True:
            try:
                shown = await view()
            except (AiotaskError, ValueError) as error:
                message: dict[str, object] = {"error": str(error)}
            else:
                parts = {name: pages.part(name, held) for name, held in shown.live.items()}
                changed = {name: text for name, text in parts.items() if sent.get(name) != text}
                sent = parts
                message = {"at": shown.at, "parts": changed}
            await response.write(f"data: {json.dumps(message)}\n\n".encode())
            await asyncio.sleep(self._seconds)
