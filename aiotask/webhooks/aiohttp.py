"""Callbacks in applications of aiohttp's server."""

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aiotask.webhooks._guard import Asked, Guard, Paths, RefusedError
from aiotask.webhooks.callbacks import AssignmentCallback, EventCallback
from aiotask.webhooks.signature import SignatureVerifier

__all__ = ["ASSIGNMENT", "EVENTS", "callback_middleware"]

EVENTS: web.RequestKey[list[EventCallback]] = web.RequestKey("EVENTS", list[EventCallback])
ASSIGNMENT: web.RequestKey[AssignmentCallback] = web.RequestKey("ASSIGNMENT", AssignmentCallback)


def callback_middleware(
    *,
    verifier: SignatureVerifier,
    events: Paths = (),
    assignments: Paths = (),
    signed: Paths = (),
    origin: str | None = None,
    trusted_proxies: Iterable[str] = (),
    max_age: float | None = None,
) -> Middleware:
    """Return a middleware that lets some paths have callbacks of Twilio only.

    The parameters and answers are those of :class:`aiotask.webhooks.asgi.CallbackMiddleware`. A
    handler finds the parsed callback in ``request[EVENTS]`` or ``request[ASSIGNMENT]``, and can
    read the body. The application's ``client_max_size``, by default 1 MiB, bounds a body, too.
    """
    guard = Guard(
        verifier,
        events=events,
        assignments=assignments,
        signed=signed,
        origin=origin,
        trusted_proxies=trusted_proxies,
        max_age=max_age,
    )

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        kind = guard.kind(request.path)
        if kind is None:
            return await handler(request)
        asked = _asked(request)
        try:
            guard.declared(asked)
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge as error:  # the application's own limit
                raise RefusedError(error.status, error.text or error.reason) from None
            found = guard.admit(kind, asked, body)
        except RefusedError as refused:
            guard.tell(asked, refused)
            return web.Response(status=refused.status)
        match found:
            case list():
                request[EVENTS] = found
            case AssignmentCallback():
                request[ASSIGNMENT] = found
        return await handler(request)

    return checked


def _asked(request: web.Request) -> Asked:
    return Asked(
        scheme=request.scheme,
        target=request.raw_path,
        headers=lambda name: ",".join(request.headers.getall(name, ())) or None,
        peer=request.remote,
    )
