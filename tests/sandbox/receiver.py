"""A receiver of callbacks on a real socket that checks every signature."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer
from twilio.request_validator import RequestValidator

from aiotask.sandbox import Sandbox
from aiotask.webhooks import (
    AssignmentCallback,
    EventCallback,
    SignatureVerifier,
    parse_assignment,
    parse_event,
)
from tests.sandbox.sandbox_api import Api

Answerer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Post:
    """A callback as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))

    @property
    def event(self) -> EventCallback:
        found = parse_event(self.body)
        assert found.extra == {}
        return found

    @property
    def assignment(self) -> AssignmentCallback:
        found = parse_assignment(self.body)
        assert found.extra == {}
        return found


@dataclass
class Receiver:
    """Keeps what comes, and answers 204 or what a test says for a path."""

    token: str
    posts: list[Post] = field(default_factory=list)
    answers: dict[str, Answerer] = field(default_factory=dict)
    root: str = ""
    genuine: bool = True
    released: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str) -> str:
        return self.root + path

    def at(self, path: str) -> list[Post]:
        return [post for post in self.posts if post.path == path]

    def types(self, path: str = "/events") -> list[str]:
        return [post.event.event_type for post in self.at(path)]

    async def came(self, count: int) -> None:
        """Wait until so many callbacks have come."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.posts) >= count)

    async def hang(self, _request: web.Request) -> web.StreamResponse:
        await self.released.wait()
        return web.Response(status=204)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.genuine = self.genuine and self.verify(request, body)
        async with self.changed:
            self.posts.append(Post(request.raw_path, request.headers, body))
            self.changed.notify_all()
        answerer = self.answers.get(request.path)
        return web.Response(status=204) if answerer is None else await answerer(request)

    def verify(self, request: web.Request, body: bytes) -> bool:
        url, kind = self.root + request.raw_path, request.headers["Content-Type"]
        signature = request.headers["X-Twilio-Signature"]
        fields = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
        return (
            request.method == "POST"
            and SignatureVerifier(self.token).verify(url, body, signature, content_type=kind)
            and RequestValidator(self.token).validate(url, dict(fields), signature)
        )


@asynccontextmanager
async def receiving(sandbox: Sandbox) -> AsyncIterator[Receiver]:
    """Serve a receiver of a sandbox's callbacks; nothing may go wrong unseen meanwhile."""
    receiver = Receiver(sandbox.auth_token)
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    async with TestServer(application) as server:
        receiver.root = str(server.make_url("/"))[:-1]
        try:
            yield receiver
        finally:
            receiver.released.set()
    assert complaints == []
    assert receiver.genuine


def answering(
    body: str | bytes = b"", status: int = 200, kind: str = "application/json"
) -> Answerer:
    """Return what answers the same each time."""
    content = body.encode() if isinstance(body, str) else body

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=content, headers={"Content-Type": kind})

    return answer


async def tell(api: Api, url: str, events: str = "") -> None:
    """Have a workspace tell its events to a URL."""
    form = {"EventCallbackUrl": url, "EventsFilter": events}
    assert (await api("POST", "", form)).status == 200
