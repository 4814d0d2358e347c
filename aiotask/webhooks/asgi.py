"""Callbacks in applications of ASGI: FastAPI, Starlette, Litestar, Quart."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from aiotask.webhooks._guard import Asked, Guard, Kind, Paths, RefusedError
from aiotask.webhooks.signature import SignatureVerifier

__all__ = ["ASSIGNMENT", "EVENTS", "CallbackMiddleware"]

EVENTS = "aiotask.events"
ASSIGNMENT = "aiotask.assignment"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEYS = {Kind.EVENTS: EVENTS, Kind.ASSIGNMENT: ASSIGNMENT}


class CallbackMiddleware:
    """Lets requests to some paths through only if they are callbacks of Twilio.

    *events*, *assignments* and *signed* are paths, or several each, and mean what lies below them
    too, unless a longer one does: of event callbacks, of assignment callbacks, and of other
    requests of Twilio, whose signature alone is checked. Other paths are not looked at. A handler
    finds ``EVENTS`` in ``request.scope``, the list of the :class:`~aiotask.webhooks.EventCallback`
    in the body, or ``ASSIGNMENT``, the :class:`~aiotask.webhooks.AssignmentCallback`; it can read
    the body, too. A handler that takes them from there cannot be reached by an unsigned request,
    whatever the router makes of its path.

    The signature is checked over *origin*, the public one such as ``https://hooks.example.com``,
    and the raw path and query. Without *origin* the request's own scheme and ``Host`` count, and
    ``X-Forwarded-Proto``, ``-Host`` and ``-Prefix`` only from *trusted_proxies*: addresses,
    networks such as ``10.0.0.0/8``, or ``*``.

    A signature never ends, so that a request that was recorded can be posted again. *max_age*
    refuses callbacks whose signed timestamp is more seconds old than that; those younger can be
    told by the event's ``sid``, or the reservation's.

    The answers are 403 (signature, age), 400 (no callback of that kind) and 413 (more than the
    *verifier*'s ``max_body``), without a reason; the logger ``aiotask.webhooks`` has it.
    Wrong settings are a ConfigurationError.
    """

    def __init__(
        self,
        app: Any,
        *,
        verifier: SignatureVerifier,
        events: Paths = (),
        assignments: Paths = (),
        signed: Paths = (),
        origin: str | None = None,
        trusted_proxies: Iterable[str] = (),
        max_age: float | None = None,
    ) -> None:
        # Each framework has a type of its own for what every one of them calls so.
        self._app: Application = app
        self._guard = Guard(
            verifier,
            events=events,
            assignments=assignments,
            signed=signed,
            origin=origin,
            trusted_proxies=trusted_proxies,
            max_age=max_age,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection, as ASGI has it."""
        kind = self._guard.kind(_path(scope)) if scope["type"] == "http" else None
        if kind is None:
            return await self._app(scope, receive, send)
        asked = _asked(scope)
        try:
            self._guard.declared(asked)
            body = await self._read(receive)
            if body is None:  # the client has gone
                return None
            found = self._guard.admit(kind, asked, body)
        except RefusedError as refused:
            self._guard.tell(asked, refused)
            return await _answer(send, refused.status)
        if found is not None:
            scope[_KEYS[kind]] = found
        return await self._app(scope, _replayed(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            self._guard.measure(len(body))
            if not message.get("more_body", False):
                return bytes(body)


def _path(scope: Scope) -> str:
    """Return the decoded path as the application's routes have it, below a mounting point."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _asked(scope: Scope) -> Asked:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    raw: bytes = scope.get("raw_path") or str(scope["path"]).encode()
    query: bytes = scope.get("query_string", b"")
    client = scope.get("client")
    return Asked(
        scheme=scope.get("scheme", "http"),
        target=(raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1"),
        headers=lambda name: headers.get(name.lower()),
        peer=client[0] if client else None,
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body once more, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _answer(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
