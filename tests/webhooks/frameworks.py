"""The same application in each framework, under a server of its own kind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import fastapi
import hypercorn
import hypercorn.asyncio
import litestar
import litestar.middleware
import quart
import uvicorn
from aiohttp import web
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aiotask.webhooks import AssignmentCallback, EventCallback, accept
from aiotask.webhooks import aiohttp as for_aiohttp
from aiotask.webhooks.asgi import ASSIGNMENT, EVENTS, CallbackMiddleware


@dataclass
class Seen:
    """What the handlers were given."""

    events: list[EventCallback] = field(default_factory=list)
    assignments: list[AssignmentCallback] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    others: int = 0

    @property
    def calls(self) -> int:
        return len(self.bodies) + self.others


def in_fastapi(seen: Seen, **settings: Any) -> Any:
    app = fastapi.FastAPI()
    app.add_middleware(CallbackMiddleware, **settings)

    @app.post("/events", status_code=204)
    async def happened(request: fastapi.Request) -> None:
        seen.events += request.scope[EVENTS]
        seen.bodies.append(await request.body())

    @app.post("/assigned")
    async def assigned(request: fastapi.Request) -> dict[str, Any]:
        seen.assignments.append(request.scope[ASSIGNMENT])
        seen.bodies.append(await request.body())
        return dict(accept())

    @app.get("/health")
    async def health() -> None:
        seen.others += 1

    return app


def in_starlette(seen: Seen, **settings: Any) -> Any:
    async def happened(request: Request) -> Response:
        seen.events += request.scope[EVENTS]
        seen.bodies.append(await request.body())
        return Response(status_code=204)

    async def assigned(request: Request) -> Response:
        seen.assignments.append(request.scope[ASSIGNMENT])
        # A stream, too, gives the whole body.
        seen.bodies.append(b"".join([part async for part in request.stream()]))
        return JSONResponse(accept())

    async def health(_: Request) -> Response:
        seen.others += 1
        return Response()

    return Starlette(
        routes=[
            Route("/events", happened, methods=["POST"]),
            Route("/assigned", assigned, methods=["POST"]),
            Route("/health", health),
        ],
        middleware=[Middleware(CallbackMiddleware, **settings)],
    )


def in_litestar(seen: Seen, **settings: Any) -> Any:
    @litestar.post("/events", status_code=204)
    async def happened(request: litestar.Request[Any, Any, Any]) -> None:
        seen.events += request.scope[EVENTS]  # type: ignore[literal-required]  # a key of ours
        seen.bodies.append(await request.body())

    @litestar.post("/assigned", status_code=200)
    async def assigned(request: litestar.Request[Any, Any, Any]) -> dict[str, Any]:
        seen.assignments.append(request.scope[ASSIGNMENT])  # type: ignore[literal-required]
        seen.bodies.append(await request.body())
        return dict(accept())

    @litestar.get("/health")
    async def health() -> None:
        seen.others += 1

    checked = litestar.middleware.DefineMiddleware(CallbackMiddleware, **settings)
    return litestar.Litestar(
        [happened, assigned, health], middleware=[checked], logging_config=None
    )


def in_quart(seen: Seen, **settings: Any) -> Any:
    app = quart.Quart("hooks")
    app.asgi_app = CallbackMiddleware(app.asgi_app, **settings)  # type: ignore[method-assign]

    def scope() -> dict[str, Any]:
        return {**quart.request.scope}

    @app.post("/events")
    async def happened() -> tuple[str, int]:
        seen.events += scope()[EVENTS]
        seen.bodies.append(await quart.request.body)
        return "", 204

    @app.post("/assigned")
    async def assigned() -> dict[str, Any]:
        seen.assignments.append(scope()[ASSIGNMENT])
        seen.bodies.append(await quart.request.body)
        return dict(accept())

    @app.get("/health")
    async def health() -> str:
        seen.others += 1
        return ""

    return app


def in_aiohttp(seen: Seen, longest: int = 2**20, **settings: Any) -> web.Application:
    async def happened(request: web.Request) -> web.Response:
        found = request[for_aiohttp.EVENTS]
        seen.events += found
        seen.bodies.append(await request.read())
        return web.Response(status=204)

    async def assigned(request: web.Request) -> web.Response:
        seen.assignments.append(request[for_aiohttp.ASSIGNMENT])
        seen.bodies.append(await request.read())
        return web.json_response(accept())

    async def health(_: web.Request) -> web.Response:
        seen.others += 1
        return web.Response()

    app = web.Application(
        middlewares=[for_aiohttp.callback_middleware(**settings)], client_max_size=longest
    )
    app.router.add_post("/events", happened)
    app.router.add_post("/assigned", assigned)
    app.router.add_get("/health", health)
    return app


@asynccontextmanager
async def under_uvicorn(app: Any, **settings: Any) -> AsyncIterator[str]:
    with _listening() as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="off", **settings)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def under_hypercorn(app: Any) -> AsyncIterator[str]:
    listener = _listening()
    address = _address(listener)
    config, stop = hypercorn.Config(), asyncio.Event()
    config.bind = [f"fd://{listener.detach()}"]  # closed by the server
    config.errorlog = None
    serving = asyncio.create_task(
        hypercorn.asyncio.serve(app, config, shutdown_trigger=_when(stop))
    )
    try:
        yield address
    finally:
        stop.set()
        await serving


@asynccontextmanager
async def under_aiohttp(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    with _listening() as listener:
        await web.SockSite(runner, listener).start()
        try:
            yield _address(listener)
        finally:
            await runner.cleanup()


def _listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


def _address(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _when(stop: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def stopped() -> None:
        await stop.wait()

    return stopped


Build = Callable[..., Any]
Serve = Callable[[Any], AbstractAsyncContextManager[str]]
FRAMEWORKS: dict[str, tuple[Build, Serve]] = {
    "fastapi": (in_fastapi, under_uvicorn),
    "starlette": (in_starlette, under_uvicorn),
    "litestar": (in_litestar, under_uvicorn),
    "quart": (in_quart, under_hypercorn),
    "aiohttp": (in_aiohttp, under_aiohttp),
}
