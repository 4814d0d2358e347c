"""Neighbours of the API on its port: pages for browsers, and a record of requests."""

from typing import NamedTuple, Protocol

from aiohttp import web

from aiotask.sandbox.server.faults import FaultKind

MOST_EXCHANGES = 1_000


class Exchange(NamedTuple):
    """A request and its answer."""

    at: int
    """When it came, in seconds since 1970 by the sandbox's clock."""
    method: str
    """HTTP method of the request."""
    path: str
    """Path of the request."""
    status: int | None
    """HTTP status of the answer; None where nothing was answered, and of no meaning with a
    fault.
    """
    seconds: float
    """Seconds until the answer."""
    fault: FaultKind | None
    """Kind of fault that broke the answer, None if none did."""


class Beside(Protocol):
    """Pages on the port of the API, outside of credentials, limits, faults and counts."""

    def takes(self, request: web.BaseRequest) -> bool:
        """Tell whether a request is for a page; all others are for the API."""
        ...

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request for a page."""
        ...
